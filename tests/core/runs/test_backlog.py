"""What a run asks of the spool does not grow with what lies behind it: events that wait, windows of the past."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.destinations.base import Limits
from audit_provider.core.errors import SpoolDamagedError, UnavailableError
from audit_provider.core.ledger.records import offset_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset, ShipCounts
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.core.runs.left_behind import left_in_spool
from audit_provider.core.runs.watching import Watch
from audit_provider.core.sources import REGISTRY
from audit_provider.core.streams.letter_files import folders_in_spool, indexed_folders
from audit_provider.core.streams.open_stream import kept_letters, open_stream
from audit_provider.core.verification import verify
from tests.core.destinations.stand_ins import Listed
from tests.core.runs.conftest import LIVE, NOW, Kept, shipment
from tests.core.simulation import CountingStore

BEHIND = 8000
SIZE = 3
"""Events of a segment."""

ONE_BY_ONE = Limits(events=1, batch_bytes=10_000, event_bytes=1000)


class Far(Listed):
    """A destination that does not answer, and notes how much of the spool was read before it was sent anything."""

    def __init__(self, store):
        super().__init__(limits=ONE_BY_ONE)
        self._store = store
        self.read_before = 0

    def send(self, batch):
        self.read_before = self.read_before or len(self._store.asked)
        raise UnavailableError("it is down")


@pytest.fixture(scope="module")
def long():
    """A pipeline of 8,004 segments, whose spool a test must not spoil."""
    kept = Kept()
    kept.store = CountingStore()
    kept.spool(segments=BEHIND + 4, size=SIZE)
    return kept


@pytest.fixture
def behind(long):
    """The same, of which the destination ``far`` has had four segments."""
    kept = Kept()
    kept.store = CountingStore(long.store.objects)
    kept.ledger.texts = dict(long.ledger.texts)
    head = open_stream(kept.ledger, kept.store, LIVE)
    passed = head.stream.walk(head.head).to(4).head.digest
    kept.keep_offset(Offset(5, chain="c", passed=passed, counts=ShipCounts(delivered=4 * SIZE)))
    kept.store.asked.clear()
    return kept


def look(kept):
    """Do what a report does with the spool, and return the accounts."""
    accounts = [open_stream(kept.ledger, kept.store, LIVE).account(each) for each in ("far", "near")]
    left_in_spool(kept.ledger, kept.store, {"p": ["far", "near"]}, "p", now=NOW)
    Watch(
        ledger=kept.ledger,
        store=kept.store,
        pipeline="p",
        source=REGISTRY["pylon"],
        destinations=["far", "near"],
        settings=Monitoring(),
        tellers=[],
        notify=lambda memory, now, hidden: (False, []),
        log=kept.log,
        now=lambda: NOW,
    ).run(accounts, ())
    return accounts


def asked_by(kept, work):
    """Return how often each method of the store is called by ``work``."""
    kept.store.asked.clear()
    work()
    return Counter(method for method, _ in kept.store.asked)


@pytest.mark.parametrize("offset", ["behind", "within a segment", "new", "new, and older segments are gone"])
def test_a_destination_that_is_8000_segments_behind_is_sent_something_after_ten_reads(behind, offset):
    if offset.startswith("new"):
        offset_record(behind.ledger, LIVE, "far").delete()
    if offset == "within a segment":
        behind.keep_offset(replace(behind.offset(), segment=4, index=1, counts=ShipCounts(delivered=3 * SIZE + 1)))
    if offset == "new, and older segments are gone":
        open_stream(behind.ledger, behind.store, LIVE).stream.prune(
            finished=3, written_before=NOW + timedelta(days=1), now=NOW
        )
    far = Far(behind.store)
    behind.store.asked.clear()
    with pytest.raises(UnavailableError):
        shipment(behind, far).ship([LIVE])
    assert 0 < far.read_before <= 10
    assert len(behind.store.asked) <= 10


def test_all_that_waits_is_shipped_with_one_read_of_each_file(behind):
    far = Listed()
    asked = asked_by(behind, lambda: shipment(behind, far).ship([LIVE]))
    assert far.stored == [f"c{number}-{place}" for number in range(5, BEHIND + 5) for place in range(SIZE)]
    assert asked["get"] <= 2 * BEHIND + 20
    assert behind.offset().passed == open_stream(behind.ledger, behind.store, LIVE).head.digest


@pytest.mark.parametrize("missing", [5, 6, 64, 300])
def test_a_missing_manifest_stops_the_shipping_before_what_lies_behind_it(behind, missing):
    opened = open_stream(behind.ledger, behind.store, LIVE)
    name = opened.stream.walk(opened.head).to(missing).head.name
    behind.store.delete(f"p/live/c/{name}")
    far = Listed(limits=ONE_BY_ONE)
    with pytest.raises(SpoolDamagedError, match=f"no p/live/c/{name}"):
        shipment(behind, far).ship([LIVE])
    until = [f"c{number}-{place}" for number in range(5, missing) for place in range(SIZE)]
    assert far.stored == until[: len(far.stored)]
    assert behind.offset().segment <= missing


def test_a_report_reads_no_more_where_a_destination_is_far_behind(behind):
    head = open_stream(behind.ledger, behind.store, LIVE).head
    look(behind)
    far_behind = asked_by(behind, lambda: look(behind))
    last = Offset(BEHIND + 4, chain="c", counts=ShipCounts(delivered=(BEHIND + 3) * SIZE))
    behind.keep_offset(last)
    nearly_there = asked_by(behind, lambda: look(behind))
    behind.keep_offset(replace(last, segment=BEHIND + 5, passed=head.digest, counts=ShipCounts(delivered=head.total)))
    there = asked_by(behind, lambda: look(behind))
    assert far_behind["get"] <= nearly_there["get"] + 5, "a read for each digit of the number"
    assert there["get"] <= nearly_there["get"] <= there["get"] + 2
    assert far_behind["keys"] + far_behind["folders"] == there["keys"] + there["folders"]
    (account, near) = look(behind)
    assert (account.pending, near.pending, account.adds_up) == (0, head.total, True)


def windows(count):
    return [StreamName("p", f"2026{1 + number // 28:02}{1 + number % 28:02}T000000Z_x") for number in range(count)]


def test_what_a_report_lists_does_not_grow_with_the_windows_of_the_past():
    listed = []
    for count in (0, 3, 40):
        kept = Kept()
        kept.store = CountingStore()
        kept.spool()
        for name in windows(count):
            kept.spool(name, complete=True)
        look(kept)
        asked = asked_by(kept, lambda kept=kept: look(kept))
        listed.append((asked["keys"] + asked["folders"], asked["get"]))
    assert listed[0] == listed[1] == listed[2]
    assert listed[0][0] <= 10


def refused(kept, name):
    """Let a destination set the first event of a stream aside."""
    shipment(kept, Listed("xdd")).ship([name])


def test_letters_that_are_set_aside_are_found_at_once_and_by_the_index(kept):
    (window,) = windows(1)
    kept.spool()
    kept.spool(window, complete=True)
    look(kept)
    refused(kept, window)
    found = indexed_folders(kept.store, "p", NOW)
    assert found == {"far": {window: ["c"]}} == folders_in_spool(kept.store, "p")
    (letters,) = kept_letters(kept.ledger, kept.store, "p", "far", found)
    assert letters.letters.count().open == 1
    assert kept_letters(kept.ledger, kept.store, "p", "near", found) == []
    assert not verify(kept.store).faults


def test_letters_that_the_index_lacks_are_found_once_a_day(kept):
    """Such as those of an earlier version, or of a stream that was restored without the index."""
    kept.spool()
    refused(kept, LIVE)
    for key in list(kept.store.keys("p/letters/")):
        kept.store.delete(key)
    there = {"far": {LIVE: ["c"]}}
    assert indexed_folders(kept.store, "p", NOW) == there
    kept.store.delete("p/letters/live/c/far")
    assert indexed_folders(kept.store, "p", NOW) == {}
    for moment in (NOW + timedelta(days=1), NOW - timedelta(hours=1)):
        assert indexed_folders(kept.store, "p", moment) == there
    kept.store.put("p/letters/looked.json", b"nonsense")
    kept.store.delete("p/letters/live/c/far")
    assert indexed_folders(kept.store, "p", NOW) == there


def test_what_is_no_entry_of_the_index_is_passed_over(kept):
    kept.spool()
    look(kept)
    for name in ("elsewhere/c/far", "live/c", "live//far", "x"):
        kept.store.put(f"p/letters/{name}", b"")
    assert indexed_folders(kept.store, "p", NOW) == {}
