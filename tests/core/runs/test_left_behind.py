"""Events under names that the pipelines file does not have any more."""

from __future__ import annotations

import msgspec

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import MemoryLedger, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Offset, PullCounts, ShipCounts
from audit_provider.core.runs.left_behind import left_in_ledger, left_in_spool
from audit_provider.core.spool import Head, SegmentWriter, Stream
from tests.core.destinations.stand_ins import NOW
from tests.core.simulation import MemoryStore

NAME = StreamName("old")


def kept(**offsets):
    """Return a ledger and a spool with ten events of the pipeline ``old``."""
    store, ledger = MemoryStore(), MemoryLedger()
    writer = SegmentWriter(NOW)
    writer.add([Event(f"e{number}", NOW, msgspec.Raw(b"{}")) for number in range(10)])
    head = Stream(store, NAME.folder, "c").append(writer, Head(), NOW)
    position_record(ledger, NAME).commit(Position("slack", "c", head=head, counts=PullCounts(10, 10)))
    for name, counts in offsets.items():
        record = offset_record(ledger, NAME, name)
        record.load()
        record.commit(Offset(segment=1, index=counts.finished, chain="c", counts=counts))
    return ledger, store


def told(found):
    return [(each.destination, each.pending, each.set_aside) for each in found]


def test_a_pipeline_that_was_renamed_leaves_what_no_destination_has():
    ledger, store = kept()
    known = {"new": ["s3"]}
    assert told(left_in_spool(ledger, store, known)) == told(left_in_ledger(ledger, known)) == [("", 10, 0)]
    (left,) = left_in_spool(ledger, store, known)
    assert "10 events of old/live are pending" in str(left)
    assert "delete the Variable audit_logs.old.cursor" in str(left)


def test_what_is_shipped_or_dismissed_is_told_no_more():
    known = {"new": ["s3"]}
    ledger, store = kept(s3=ShipCounts(delivered=10))
    assert left_in_spool(ledger, store, known) == []
    ledger, store = kept()
    ledger.delete(NAME.cursor_key)
    assert left_in_spool(ledger, store, known) == []


def test_what_is_partly_shipped_is_told_for_that_destination():
    ledger, store = kept(s3=ShipCounts(delivered=4))
    assert told(left_in_spool(ledger, store, {"new": ["s3"]})) == [("s3", 6, 0)]


def test_a_destination_that_was_taken_out_leaves_what_waits_and_what_was_set_aside():
    ledger, store = kept(s3=ShipCounts(delivered=10), hec=ShipCounts(delivered=9, dead_lettered=1))
    known = {"old": ["s3"]}
    (left,) = left_in_ledger(ledger, known)
    assert (left.destination, left.set_aside) == ("hec", 1)
    assert "delete the Variable audit_logs.old.to.hec" in str(left)
    Stream(store, NAME.folder, "c").put_beside("dead/hec/x.ndjson", b"")
    assert told(left_in_spool(ledger, store, known)) == [("hec", 0, 1)]


def test_a_pipeline_of_the_file_and_one_with_mistakes_are_not_left_behind():
    ledger, store = kept(s3=ShipCounts(delivered=4))
    assert left_in_spool(ledger, store, {"old": ["s3"]}) == []
    assert left_in_ledger(ledger, {"old": []}) == []
