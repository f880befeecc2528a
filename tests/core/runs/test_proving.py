"""Which checkpoint covers an event and when a destination passed it, without reading all that was ever signed."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import MemoryLedger, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Fields, Offset
from audit_provider.core.runs.checkpoints import Checkpoints
from audit_provider.core.runs.event_search import Wanted, search
from audit_provider.core.runs.proving import Evidence, evidence_of, prove
from audit_provider.core.spool import Head, SegmentWriter, Stream
from audit_provider.core.transparency.witness import Signer
from tests.core.simulation import CountingStore

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
CHAIN = "20260301T000000Z-aaaa"
NAME = StreamName("p")
FIELDS = Fields("id", "at")
LOG = logging.getLogger("test")


class Hours:
    """A live stream with a segment of two events and a checkpoint each hour; a destination is two hours behind."""

    def __init__(self):
        self.store = CountingStore()
        self.ledger = MemoryLedger()
        self.stream = Stream(self.store, "p/live", CHAIN)
        self.heads = [Head()]
        self.now = START

    def pass_one(self, count=1, after=None, clock=timedelta(0), name="e"):
        for _ in range(count):
            self.now += timedelta(hours=1)
            head = self.heads[-1] if after is None else after
            after = None
            self.heads = self.heads[: head.number + 1]
            at = self.now + clock
            segment = SegmentWriter(at)
            segment.add([Event(f"{name}{head.number}.{place}", at, msgspec.Raw(b"{}")) for place in range(2)])
            self.heads.append(self.stream.append(segment, head, at))
            self._commit(position_record(self.ledger, NAME), Position("x", CHAIN, FIELDS, head=self.heads[-1]))
            shipped = Offset(chain=CHAIN, segment=max(self.heads[-1].number - 1, 1), index=0)
            self._commit(offset_record(self.ledger, NAME, "siem"), shipped)
            streams = [NAME, StreamName.of_evidence("p")]
            Checkpoints(self.ledger, self.store, "p", ["siem"], Signer(), LOG, lambda: self.now).make(streams)
        return self

    @staticmethod
    def _commit(record, value):
        record.hold()
        record.commit(value)

    def found(self, **wanted):
        found = search(self.ledger, self.store, Wanted(**wanted), fields=lambda _: FIELDS)
        return [each for each in found if each.name == NAME]

    def all_checkpoints(self):
        records = [msgspec.json.decode(each.raw) for each in evidence_of(self.ledger, self.store, "p")]
        return [each for each in records if each["subject"] == "p/live"]


@pytest.fixture(scope="module")
def hours():
    return Hours().pass_one(60).pass_one(9, after=None, name="f")


def test_the_first_checkpoint_that_covers_an_event_is_named(hours):
    evidence = Evidence(hours.ledger, hours.store, "p")
    checkpoints = hours.all_checkpoints()
    for found in hours.found(start=START):
        first = next(each for each in checkpoints if each["size"] > found.place)
        kept = evidence.covering(found)
        assert (kept.size, kept.checkpoint) == (first["size"], first["checkpoint"])
        assert prove(hours.store, found, evidence).place == found.place


def test_when_a_destination_passed_an_event_is_between_two_checkpoints(hours):
    evidence = Evidence(hours.ledger, hours.store, "p")
    (found,) = hours.found(id="e9.1")
    after, until = evidence.passing(found, "siem")
    assert until == START + timedelta(hours=12), "segment 10 is passed when 12 are written"
    assert after == START + timedelta(hours=11)
    (last,) = hours.found(id="f68.0")
    assert evidence.passing(last, "siem") == (START + timedelta(hours=69), None)
    assert evidence.passing(found, "another")[1] is None


def test_of_the_stream_of_evidence_only_what_may_answer_is_read(hours):
    (found,) = hours.found(id="e9.1")
    hours.store.asked.clear()
    evidence = Evidence(hours.ledger, hours.store, "p")
    evidence.covering(found)
    evidence.passing(found, "siem")
    read = [key for method, key in hours.store.asked if method == "get" and key.endswith(".ndjson.gz")]
    assert 0 < len(read) <= 24, "of 69 segments"


def test_of_replaced_segments_the_newest_log_covers_the_event():
    hours = Hours().pass_one(5)
    hours.pass_one(4, after=hours.heads[3], name="new")
    evidence = Evidence(hours.ledger, hours.store, "p")
    assert {each["generation"] for each in hours.all_checkpoints()} == {0, 1}
    for found in hours.found(start=START):
        assert evidence.covering(found).generation == 1
        assert prove(hours.store, found, evidence).place == found.place


def test_an_event_of_a_clock_that_was_far_ahead_is_covered():
    hours = Hours().pass_one(3, clock=timedelta(days=90)).pass_one(1, clock=timedelta(days=90))
    evidence = Evidence(hours.ledger, hours.store, "p")
    (found,) = hours.found(id="e1.0")
    assert evidence.covering(found).size == 4


def test_what_no_checkpoint_covers_yet_is_covered_by_none(hours):
    (found,) = hours.found(id="f68.1")
    longer = Hours().pass_one(2)
    assert Evidence(longer.ledger, longer.store, "p").covering(found) is None
