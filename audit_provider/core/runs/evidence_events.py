"""Evidence as events: a stream of their own in the spool, with a chain and a tree like every other.

It holds checkpoints, changes of the configuration and what verifications have found. Several tasks of a pipeline may
write it at once, which is rare: the one that comes second reads the record again and goes on behind the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import FencedError
from audit_provider.core.ledger import position_record
from audit_provider.core.model import Event, Fields, PullCounts
from audit_provider.core.position import Position, new_chain, with_segment
from audit_provider.core.spool import SegmentWriter
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.spool import Store

EVIDENCE_SOURCE = "audit_provider_evidence"
EVIDENCE_TITLE = "Audit provider evidence"
CHECKPOINT_ACTION = "audit_provider.checkpoint"
CONFIGURATION_ACTION = "audit_provider.configuration"
ENTRIES_ACTION = "audit_provider.entries"
VERIFICATION_ACTION = "audit_provider.verification"

EVIDENCE_FIELDS = Fields(id="id", time="time", action="action", object_type="kind", object_id="subject")
"""Where evidence keeps common values; findings keep them in the same places."""

_TRIES = 10


def evidence_event(name: str, now: datetime, record: dict[str, Any]) -> Event:
    """Return a piece of evidence as an event. :param name: its id."""
    content = {"id": name, "time": now, **record}
    return Event(name, now, msgspec.Raw(msgspec.json.encode(content)))


def spool_evidence(ledger: Ledger, store: Store, pipeline: str, events: Sequence[Event], now: datetime) -> None:
    """Append events to the pipeline's stream of evidence, durably.

    :param now: aware UTC.
    :raises AuditError: the spool or the record cannot be read or written.
    """
    for left in reversed(range(_TRIES)):
        try:
            _spool(ledger, store, pipeline, events, now)
            return
        except FencedError:
            if not left:
                raise


def _spool(ledger: Ledger, store: Store, pipeline: str, events: Sequence[Event], now: datetime) -> None:
    name = StreamName.of_evidence(pipeline)
    record = position_record(ledger, name)
    position = record.load() or Position(source=EVIDENCE_SOURCE, chain=new_chain(now), fields=EVIDENCE_FIELDS)
    segment = SegmentWriter(now)
    segment.add(events)
    head = name.stream(store, position).append(segment, position.head, now)
    record.commit(
        replace(
            position,
            head=head,
            counts=position.counts + PullCounts(read=len(events), spooled=len(events)),
            watermark=now,
            updated_at=now,
            complete=True,
            completed_at=now,
            spooled_at=with_segment(position.spooled_at, head.number, now),
        )
    )
