"""A pipeline in memory: its ledger, its spool, and a log that remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import MemoryLedger, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, PullCounts
from audit_provider.core.runs.attempt import Patience
from audit_provider.core.runs.shipment import Shipment
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.spool import SegmentWriter
from tests.core.destinations.stand_ins import event
from tests.core.simulation import MemoryStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIVE = StreamName("p")
WINDOW = StreamName("p", "20260101T000000Z_20260102T000000Z")


class Lines:
    """A log. :ivar lines: what was written."""

    def __init__(self):
        self.lines = []

    def info(self, message, /, *arguments):
        self.lines.append(message % arguments)

    warning = error = info

    def __str__(self):
        return "\n".join(self.lines)


class Kept:
    """What a pipeline has kept."""

    def __init__(self):
        self.ledger = MemoryLedger()
        self.store = MemoryStore()
        self.log = Lines()

    def spool(self, name=LIVE, *, segments=1, size=3, chain="c", written_at=NOW, complete=False):
        """Add segments of some events each to a stream, or begin it anew with another chain."""
        position = position_record(self.ledger, name).load()
        if position is None or position.chain != chain:
            position = Position("pylon", chain)
        for _ in range(segments):
            number = position.head.number + 1
            segment = SegmentWriter(written_at)
            segment.add([event(f"{name.window}{chain}{number}-{place}", time=written_at) for place in range(size)])
            head = name.stream(self.store, position).append(segment, position.head, written_at)
            position = replace(position, head=head, counts=position.counts + PullCounts(size, size))
        record = position_record(self.ledger, name)
        record.load()
        record.commit(replace(position, complete=complete))

    def offset(self, name=LIVE, destination="far"):
        return offset_record(self.ledger, name, destination).load()

    def keep_offset(self, offset, name=LIVE, destination="far"):
        record = offset_record(self.ledger, name, destination)
        record.load()
        record.commit(offset)


@pytest.fixture
def kept():
    return Kept()


def shipment(kept, far, *, goes_on=False, deadline=False, now=NOW, **further):
    """Return a run of the destination ``far``, in a try that has just begun."""
    patience = Patience("far", NOW, 30, goes_on=goes_on)
    terms = Terms(sleep=lambda _: None, now=lambda: NOW, tries=1)
    return Shipment(
        ledger=kept.ledger,
        store=kept.store,
        pipeline="p",
        destination="far",
        connect=lambda position: (far, terms),
        patience=patience,
        log=kept.log,
        now=lambda: now,
        **further,
    )
