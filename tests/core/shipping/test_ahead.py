"""Several batches on their way, and an error: what was taken behind it is kept, and is not sent again."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.errors import AuditError, CredentialError, SpoolDamagedError, UnavailableError, WaitError
from audit_provider.core.model import Offset, ShipCounts
from audit_provider.core.shipping.packing import MOST_AHEAD
from audit_provider.core.shipping.ship import ship
from tests.core.destinations.stand_ins import NOW, Desk, event

PAIRS = Limits(events=2, batch_bytes=10_000, event_bytes=1000)


class Counting:
    """Takes every event, and keeps which were in one batch. Events in ``blocked`` make their batch fail."""

    def __init__(self, limits=PAIRS, blocked=(), error=None, unencodable=()):
        self.limits = limits
        self.blocked = set(blocked)
        self.error = error or WaitError("later", until=NOW)
        self.unencodable = set(unencodable)
        self.stored: list[str] = []
        self.batches: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def encode(self, event, *, restamp):
        if event.id in self.unencodable:
            raise ValueError("no")
        return b"x"

    def send(self, batch):
        names = tuple(item.event.id for item in batch.items)
        if self.blocked.intersection(names):
            raise self.error
        with self._lock:
            self.stored += names
            self.batches.add(names)
        return Outcome.all(Verdict.DELIVERED, len(batch))


def spans(*sizes):
    names = iter(range(1000))
    return [[event(next(names)) for _ in range(size)] for size in sizes]


def place(offset):
    return offset.segment, offset.index


@pytest.mark.parametrize("whole_segments", [False, True])
@pytest.mark.parametrize(
    "error", [WaitError("later", until=NOW), CredentialError("no"), UnavailableError("no answer"), OSError("broken")]
)
def test_what_was_taken_behind_a_batch_that_fails_is_never_sent_again(error, whole_segments):
    far, desk = Counting(replace(PAIRS, whole_segments=whole_segments), blocked="0", error=error), Desk()
    for _ in range(4):
        with pytest.raises(type(error)):
            desk.ship(far, spans(9, 1, 4), concurrency=4, tries=1)
        assert (place(desk.offset), desk.offset.counts) == ((1, 0), ShipCounts())
        assert len(far.stored) == 3 * 2, "those that went beside it in the first run, and no more in later ones"
    far.blocked = set()
    desk.ship(far, spans(9, 1, 4), concurrency=4)
    assert sorted(far.stored, key=int) == [str(number) for number in range(14)]
    assert desk.offset.counts == ShipCounts(delivered=14)
    assert desk.offset.ahead == ()


def test_it_is_counted_where_the_offset_passes_it_as_what_it_was():
    class Telling(Counting):
        def send(self, batch):
            there = super().send(batch)
            verdict = Verdict.ALREADY_THERE if batch.items[0].event.id == "2" else Verdict.DELIVERED
            return Outcome.all(verdict, len(there.verdicts))

    far, desk = Telling(blocked="0"), Desk()
    with pytest.raises(WaitError):
        desk.ship(far, spans(8), concurrency=4)
    assert [(each.index, each.count, each.already_there) for each in desk.offset.ahead] == [(2, 2, True), (4, 4, False)]
    far.blocked = set()
    desk.ship(far, spans(8))
    assert desk.offset.counts == ShipCounts(delivered=6, already_there=2)


def test_it_survives_being_written_down():
    far, desk = Counting(blocked="0"), Desk()
    with pytest.raises(WaitError):
        desk.ship(far, spans(8), concurrency=4)
    text = msgspec.json.encode(desk.offset)
    assert len(text) < 1000
    desk.offset = msgspec.json.decode(text, type=Offset)
    far.blocked = set()
    desk.ship(far, spans(8))
    assert len(far.stored) == 8
    assert msgspec.json.decode(b'{"segment":3,"index":1}', type=Offset) == Offset(3, 1)


def test_another_segment_in_the_place_of_the_one_that_was_sent_is_sent_whole():
    far, desk = Counting(blocked="0"), Desk()
    with pytest.raises(WaitError):
        desk.ship(far, spans(2, 6), concurrency=4)
    assert desk.offset.ahead
    far.blocked = set()
    other = [event(f"other {number}") for number in range(6)]
    desk.ship(far, [spans(2)[0], other])
    assert [name for name in far.stored if name.startswith("other")] == [each.id for each in other]
    assert desk.offset.counts == ShipCounts(delivered=8)


def test_another_segment_with_other_content_under_the_same_ids_is_sent_whole():
    far, desk = Counting(blocked="0"), Desk()
    with pytest.raises(WaitError):
        desk.ship(far, spans(2, 6), concurrency=4)
    assert desk.offset.ahead
    far.blocked, first = set(), list(far.stored)
    changed = [event(number, outcome="corrected") for number in range(2, 8)]
    desk.ship(far, [spans(2)[0], changed])
    assert [name for name in far.stored[len(first) :] if name not in "01"] == [each.id for each in changed]
    assert desk.offset.counts == ShipCounts(delivered=8)


def test_what_an_earlier_version_had_sent_ahead_is_not_sent_again():
    far, desk = Counting(blocked="0"), Desk()
    with pytest.raises(WaitError):
        desk.ship(far, spans(8), concurrency=4)
    # That version named the events by their ids alone.
    names = [str(number) for number in range(8)]
    desk.offset = replace(
        desk.offset,
        ahead=tuple(replace(each, ids=_by_ids(names[each.index :][: each.count])) for each in desk.offset.ahead),
    )
    far.blocked = set()
    desk.ship(far, spans(8))
    assert sorted(far.stored) == names
    assert desk.offset.counts == ShipCounts(delivered=8)


def _by_ids(names):
    return hashlib.sha256(msgspec.json.encode(names)).hexdigest()[:16]


def test_a_shorter_segment_in_its_place_is_not_passed_over():
    far, desk = Counting(blocked="0"), Desk()
    with pytest.raises(WaitError):
        desk.ship(far, spans(2, 6), concurrency=4)
    far.blocked = set()
    desk.ship(far, spans(2, 3))
    assert desk.offset.counts == ShipCounts(delivered=5)
    assert place(desk.offset) == (3, 0)


def test_a_batch_of_whole_segments_is_the_same_on_every_try():
    limits = Limits(events=3, batch_bytes=10_000, event_bytes=1000, whole_segments=True)
    once, far, desk = Counting(limits, unencodable={"4", "6"}), Counting(limits, unencodable={"4", "6"}), Desk()
    Desk().ship(once, spans(11, 2, 5))
    for blocked in ("0", "3", "9", "15", ""):
        far.blocked = {blocked}
        try:
            desk.ship(far, spans(11, 2, 5), concurrency=3)
        except WaitError:
            continue
    assert far.batches == once.batches
    assert len(far.stored) == len(set(far.stored)) == 16
    assert desk.offset.counts == ShipCounts(delivered=16, dead_lettered=2)


def test_a_spool_that_is_damaged_further_on_leaves_what_was_sent_recorded():
    far, offsets = Counting(), []
    with pytest.raises(SpoolDamagedError):
        ship(
            far,
            iter([(1, spans(4)[0]), (3, [event("x")])]),
            Offset(),
            commit=offsets.append,
            set_aside=lambda letters: None,
            sleep=lambda seconds: None,
            now=lambda: NOW,
            concurrency=8,
        )
    assert offsets[-1].counts.delivered == len(far.stored) == 2


def test_a_dead_letter_folder_that_fails_repeats_nothing_that_was_taken():
    far, desk = Counting(unencodable={"1"}), Desk()
    kept = desk.set_aside

    def full(letters):
        raise OSError(28, "No space left on device")

    desk.set_aside = full
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            desk.ship(far, spans(12), concurrency=4)
        assert place(desk.offset) == (1, 0)
    desk.set_aside = kept
    desk.ship(far, spans(12), concurrency=4)
    assert sorted(far.stored, key=int) == [str(number) for number in range(12) if number != 1]
    assert desk.offset.counts == ShipCounts(delivered=11, dead_lettered=1)


def test_the_record_of_it_is_bounded_and_what_is_not_recorded_is_sent_again():
    class Odd(Counting):
        def send(self, batch):
            odd = [int(item.event.id) % 2 for item in batch.items]
            return Outcome(tuple(Verdict.DELIVERED if each else Verdict.RETRY for each in odd))

    desk = Desk()
    with pytest.raises(UnavailableError):
        desk.ship(Odd(Limits(400, 100_000, 1000)), spans(400), tries=1)
    assert len(desk.offset.ahead) == MOST_AHEAD
    far = Counting(Limits(400, 100_000, 1000))
    desk.ship(far, spans(400))
    assert len(far.stored) == 400 - MOST_AHEAD
    assert desk.offset.counts == ShipCounts(delivered=400)


@settings(max_examples=150)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    blocks=st.lists(st.sets(st.integers(0, 30), min_size=1, max_size=4), max_size=5),
    concurrency=st.integers(1, 5),
    events=st.integers(1, 4),
    whole_segments=st.booleans(),
    unencodable=st.sets(st.integers(0, 30), max_size=4),
    dropped=st.sets(st.integers(0, 30), max_size=4),
)
def test_no_event_is_stored_twice_or_left_out_whichever_batches_fail(
    sizes, blocks, concurrency, events, whole_segments, unencodable, dropped
):
    limits = Limits(events, 10_000, 1000, whole_segments=whole_segments)
    far, desk = Counting(limits, unencodable=map(str, unencodable)), Desk()

    def select(each):
        return None if int(each.id) in dropped else each

    for blocked in [*blocks, set()]:
        far.blocked = set(map(str, blocked))
        if desk.offset.segment > len(sizes):
            break
        try:
            desk.ship(far, spans(*sizes), concurrency=concurrency, select=select)
        except AuditError:
            assert blocked
    names = set(range(sum(sizes))) - dropped
    assert sorted(far.stored, key=int) == [str(name) for name in sorted(names - unencodable)]
    counts = desk.offset.counts
    assert counts.finished == sum(sizes)
    assert (counts.delivered, counts.dead_lettered) == (len(names - unencodable), len(names & unencodable))
