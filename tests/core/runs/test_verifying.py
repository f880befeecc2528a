"""What a scheduled verification reads: everything new, and of the rest each day once in a round of runs."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec

from audit_provider.core.ledger import MemoryLedger, position_record
from audit_provider.core.model import Event, PullCounts
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.position import Position, new_chain
from audit_provider.core.runs.calendar import ROUND, Calendar
from audit_provider.core.runs.verifying import Verifying
from audit_provider.core.spool import SegmentWriter
from audit_provider.core.stream_name import StreamName
from tests.core.simulation import CountingStore

DAY = timedelta(days=1)
DAYS = 40
FIRST = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
NOW = FIRST + DAYS * DAY
PIPELINE = pipeline_from("p", {"source": "pylon", "destinations": {"s3": {"type": "s3", "bucket": "b"}}})


def spooled(store, ledger, first, count):
    """Append one segment a day."""
    name = StreamName("p")
    record = position_record(ledger, name)
    position = record.load() or Position(source="pylon", chain=new_chain(FIRST))
    for number in range(first, first + count):
        at = FIRST + number * DAY
        segment = SegmentWriter(at)
        segment.add([Event(f"e{number}", at, msgspec.Raw(b'{"id":"x"}'))])
        head = name.stream(store, position).append(segment, position.head, at)
        position = replace(position, head=head, counts=position.counts + PullCounts(read=1, spooled=1))
    record.commit(position)


def verify(store, ledger, now):
    """Return which segments' events were read."""
    store.asked.clear()
    Verifying(ledger, store, PIPELINE, logging.getLogger("test"), lambda: now, "1").run()
    asked = [key for method, key in store.asked if method == "get" and "/live/" in key and key.endswith(".ndjson.gz")]
    return {int(key.rpartition("/")[2][:12]) for key in asked}


def test_what_was_read_before_is_read_again_once_in_a_round():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, DAYS)
    assert verify(store, ledger, NOW) == set(range(1, DAYS + 1)), "all of it is new"
    read = [verify(store, ledger, NOW + run * timedelta(minutes=1)) for run in range(1, ROUND + 1)]
    assert max(map(len, read)) <= -(-DAYS // ROUND)
    assert Counter(each for numbers in read for each in numbers) == dict.fromkeys(range(1, DAYS + 1), 1)
    days = Calendar.load(store, "p").days
    assert len({each.verified_at for each in days.values() if each.events}) == ROUND


def test_what_is_new_is_read_at_once():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 3)
    verify(store, ledger, NOW)
    spooled(store, ledger, 3, 2)
    assert verify(store, ledger, NOW + DAY) >= {4, 5}


def test_an_old_segment_that_is_gone_is_missed_before_its_turn():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, DAYS)
    verify(store, ledger, NOW)
    gone = [key for key in store.keys("p/live/") if key.endswith(".ndjson.gz")][7::11]
    for key in gone:
        store.delete(key)
    found, days = Verifying(ledger, store, PIPELINE, logging.getLogger("test"), lambda: NOW + DAY, "1").run()
    assert [each.file for each in found.faults] == gone
    assert [each.state for each in days.values()].count("gap") == len(gone)
