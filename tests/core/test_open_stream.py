"""A stream that is opened: an offset counts for the chain that its position leads to, and for no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from audit_provider.core.destinations.base import DeadLetter, Item
from audit_provider.core.ledger.position import Position, new_chain
from audit_provider.core.ledger.records import MemoryLedger, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, Offset, PullCounts, ShipCounts
from audit_provider.core.spool import LocalStore, SegmentWriter
from audit_provider.core.streams.open_stream import open_stream, open_streams, recorded_streams, stream_progress
from tests.core.destinations.stand_ins import event

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LIVE = StreamName("p")


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


@pytest.fixture
def ledger():
    return MemoryLedger()


def spooled(ledger, store, name=LIVE, *, segments=2, chain="c"):
    """Keep a stream of segments of three events each."""
    position = Position("pylon", chain)
    for number in range(segments):
        segment = SegmentWriter(NOW)
        segment.add([event(f"{number}-{place}") for place in range(3)])
        head = name.stream(store, position).append(segment, position.head, NOW)
        position = replace(position, head=head, counts=position.counts + PullCounts(3, 3))
    position_record(ledger, name).commit(position)


def kept(ledger, offset, name=LIVE, destination="s3"):
    offset_record(ledger, name, destination).commit(offset)


def test_a_stream_into_which_nothing_was_read_is_none(ledger, store):
    assert stream_progress(ledger, LIVE) is None
    assert open_stream(ledger, store, LIVE) is None
    assert list(open_streams(ledger, store, "p")) == recorded_streams(ledger, "p") == []


def test_an_offset_of_another_chain_says_nothing_and_stays_as_it_is_kept(ledger, store):
    spooled(ledger, store)
    other = Offset(2, chain="before", counts=ShipCounts(delivered=3))
    kept(ledger, other)
    opened = open_stream(ledger, store, LIVE)
    assert opened.offset("s3") is None
    assert opened.kept_offset("s3") == other
    assert opened.offsets(["s3", "splunk"]) == {"s3": None, "splunk": None}
    assert opened.account("s3").pending == 6
    kept_now = replace(other, chain="c")
    offset_record(ledger, LIVE, "s3").delete()
    kept(ledger, kept_now)
    assert opened.offset("s3") == kept_now, "an offset is read when it is asked for"
    assert opened.account("s3").pending == 3
    assert opened.account("s3").adds_up


def test_letters_of_a_run_that_died_before_its_offset_do_not_count(ledger, store):
    spooled(ledger, store)
    kept(ledger, Offset(1, 1, "c"))
    opened = open_stream(ledger, store, LIVE)
    for place in (0, 2):
        item = Item(event(f"0-{place}"), b"", 1, place)
        opened.letters("s3").keep([DeadLetter(item, "no")], NOW)
    assert [letter.id for _, letter in opened.letters("s3").open()] == ["0-0"]


def test_every_stream_of_a_pipeline_is_found_by_the_spool_and_by_the_ledger(ledger, store):
    names = [LIVE, StreamName("p", "20260101T000000Z_20260102T000000Z")]
    names += [StreamName.of_findings("p"), StreamName.of_reconciliation("p")]
    for name in (*names, StreamName("q")):
        spooled(ledger, store, name)
    assert [each.name for each in open_streams(ledger, store, "p")] == names
    assert sorted(recorded_streams(ledger, "p"), key=str) == sorted(names, key=str)


def test_chains_that_begin_at_one_moment_differ():
    assert len({new_chain(NOW) for _ in range(20)}) > 1
    assert new_chain(NOW).startswith("20260501T000000Z-")
