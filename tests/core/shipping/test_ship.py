"""The ship loop: verdicts, waits, what is set aside, what is kept, and where the offset stands."""

from __future__ import annotations

import weakref
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.errors import (
    CredentialError,
    SpoolDamagedError,
    StopError,
    UnavailableError,
    WaitError,
)
from audit_provider.core.model import Event, Offset, ShipCounts
from audit_provider.core.shipping.ship import ship
from tests.core.destinations.stand_ins import NOW, Crash, Desk, Listed, event


def names(*spans):
    return [[event(each) for each in span] for span in spans]


def raising(error):
    def step(batch):
        raise error

    return step


def shipped(destination, segments):
    """Ship segments that come one by one, and return where the offset stands; nothing else keeps them."""
    return ship(
        destination,
        segments,
        Offset(),
        commit=lambda offset: None,
        set_aside=lambda letters: None,
        too_old="arrival_time",
        sleep=lambda seconds: None,
        now=lambda: NOW,
    )


def place(offset):
    return offset.segment, offset.index


def test_everything_is_shipped_in_order_and_committed_batch_by_batch():
    desk, destination = Desk(), Listed()
    desk.ship(destination, names("abc", "defg", "h"))
    assert destination.sends == [list("abcd"), list("efgh")]
    assert [place(offset) for offset in desk.commits] == [(2, 1), (4, 0)]
    assert desk.offset.counts.delivered == desk.offset.counts.finished == 8
    assert desk.offset.last_success == NOW


def test_nothing_pending_commits_nothing():
    desk = Desk()
    assert desk.ship(Listed(), []) == Offset()
    assert desk.commits == []


def test_it_goes_on_inside_a_segment():
    desk, destination = Desk(Offset(1, 2)), Listed()
    desk.ship(destination, names("abcd"))
    assert destination.sends == [["c", "d"]]


def test_a_partial_answer_resends_only_the_rest():
    desk, destination = Desk(), Listed("ddrr", "dr")
    desk.ship(destination, names("abcd"))
    assert destination.sends == [list("abcd"), ["c", "d"], ["d"]]
    assert sorted(destination.stored) == list("abcd")
    assert len(desk.sleeps) == 2


def test_a_refused_event_is_set_aside_with_the_destinations_words_and_the_rest_goes_at_once():
    desk = Desk()
    destination = Listed(
        lambda batch: Outcome((Verdict.DELIVERED, Verdict.REFUSED, Verdict.RETRY, Verdict.RETRY), "bad field", wait=0.0)
    )
    desk.ship(destination, names("abcd"))
    assert destination.sends == [list("abcd"), ["c", "d"]]
    assert sum(desk.sleeps) == 0
    assert desk.letters["b"].reason == "bad field"
    assert list(desk.letters) == ["b"]
    assert (desk.offset.counts.delivered, desk.offset.counts.dead_lettered) == (3, 1)


def test_a_split_isolates_the_culprit():
    desk = Desk()

    def judge(batch):
        return Verdict.SPLIT if any(item.event.id == "c" for item in batch.items) else Verdict.DELIVERED

    destination = Listed(*[judge] * 9)
    desk.ship(destination, names("abcd"))
    assert destination.sends == [list("abcd"), ["a", "b"], ["c", "d"], ["c"], ["d"]]
    assert list(desk.letters) == ["c"]
    assert destination.stored == ["a", "b", "d"]
    assert desk.sleeps == []


def test_one_split_among_retries_is_not_set_aside_before_it_was_alone():
    desk, destination = Desk(), Listed("drsr")
    desk.ship(destination, names("abcd"))
    assert desk.letters == {}
    assert desk.offset.counts.delivered == 4


@pytest.mark.parametrize("step", [Verdict.RETRY, raising(UnavailableError("no answer"))])
def test_tries_without_progress_are_bounded_and_everything_is_kept(step):
    desk, destination = Desk(), Listed(Verdict.DELIVERED, *[step] * 9)
    with pytest.raises(UnavailableError):
        desk.ship(destination, names("abcdefgh"), tries=3)
    assert len(destination.sends) == 1 + 3
    assert len(desk.sleeps) == 2
    assert place(desk.offset) == (1, 4)
    assert desk.letters == {}


def test_progress_starts_the_tries_anew():
    desk, destination = Desk(), Listed("rrrr", "drrr", "rrr", "drr", "rr")
    desk.ship(destination, names("abcd"), tries=2)
    assert desk.offset.counts.delivered == 4


def test_tries_used_up_commit_the_finished_prefix_only():
    desk, destination = Desk(), Listed("dxrd", *[Verdict.RETRY] * 9)
    with pytest.raises(UnavailableError):
        desk.ship(destination, names("abcd"), tries=2)
    assert place(desk.offset) == (1, 2)
    assert desk.offset.counts.finished == 2
    assert list(desk.letters) == ["b"]


def test_the_asked_wait_is_slept_and_else_backoff():
    desk = Desk()
    destination = Listed(lambda batch: Outcome.all(Verdict.RETRY, len(batch), wait=17.0), Verdict.RETRY)
    desk.ship(destination, names("a"))
    assert desk.sleeps[0] == 17.0
    assert 0 < desk.sleeps[1] <= 2.0


def test_slow_down_is_obeyed_though_the_batch_was_taken():
    desk = Desk()
    destination = Listed(lambda batch: Outcome.all(Verdict.DELIVERED, len(batch), slow_down=True))
    desk.ship(destination, names("abcdefgh"))
    assert len(desk.sleeps) == 1
    assert 0 < desk.sleeps[0] <= 5
    assert destination.sends == [list("abcd"), list("efgh")]


def test_a_refused_sender_keeps_everything_and_commits_what_is_finished():
    desk, destination = Desk(), Listed(Verdict.DELIVERED, "ddrr", raising(CredentialError("bad token")))
    with pytest.raises(CredentialError, match="bad token"):
        desk.ship(destination, names("abcdefgh"))
    assert place(desk.offset) == (1, 6)
    assert desk.letters == {}
    desk.ship(Listed(), names("abcdefgh"))
    assert desk.offset.counts.delivered == 8


def test_a_wait_too_long_to_sleep_leaves_with_what_is_finished():
    desk = Desk()

    def sleep(seconds):
        raise WaitError("long", until=NOW)

    with pytest.raises(WaitError):
        desk.ship(Listed("ddrr"), names("abcd"), sleep=sleep)
    assert place(desk.offset) == (1, 2)


def test_a_wait_asked_by_the_destination_is_not_a_try():
    desk, destination = Desk(), Listed(raising(WaitError("long", until=NOW)))
    with pytest.raises(WaitError):
        desk.ship(destination, names("abcd"))
    assert len(destination.sends) == 1


def test_too_large_and_unencodable_events_leave_their_neighbours_alone():
    def encode(each):
        if each.id == "b":
            raise ValueError("surrogates not allowed")
        if each.id == "c":
            return msgspec.json.decode(b"not json")
        return b"x" * (1001 if each.id == "e" else 1000)

    desk, destination = Desk(), Listed(encode=encode)
    desk.ship(destination, names("abcdef"))
    assert destination.stored == ["a", "d", "f"]
    assert sorted(desk.letters) == ["b", "c", "e"]
    assert "surrogates not allowed" in desk.letters["b"].reason
    assert "1,001" in desk.letters["e"].reason
    assert desk.offset.counts.dead_lettered == 3


def test_events_that_cannot_travel_do_not_pile_up():
    def encode(each):
        raise ValueError("no")

    desk = Desk()
    desk.ship(Listed(encode=encode), names("abcdefghij"))
    assert len(desk.commits) > 1
    assert desk.offset.counts.dead_lettered == 10


OLD = Limits(events=4, batch_bytes=10_000, event_bytes=1000, max_age=timedelta(hours=17))


def test_old_events_are_set_aside_or_restamped_at_the_exact_age():
    edge = [event("just", time=NOW - OLD.max_age), event("over", time=NOW - OLD.max_age - timedelta(microseconds=1))]
    aside, stamped = Desk(), Desk()
    aside.ship(Listed(limits=OLD), [edge], too_old="dead_letter")
    assert (aside.offset.counts.delivered, aside.offset.counts.too_old) == (1, 1)
    assert aside.letters["over"].too_old
    stamped.ship(Listed(limits=OLD), [edge], too_old="arrival_time")
    assert (stamped.offset.counts.delivered, stamped.offset.counts.restamped) == (2, 1)


def test_age_is_judged_when_the_batch_is_packed_and_not_when_the_run_began():
    clock = [NOW]
    limits = Limits(events=1, batch_bytes=10_000, event_bytes=1000, max_age=timedelta(hours=17))

    def slow(batch):
        clock[0] += timedelta(hours=2)
        return Verdict.DELIVERED

    desk = Desk()
    aged = [event(each, time=NOW - timedelta(hours=16)) for each in "abc"]
    desk.ship(Listed(slow, limits=limits), [aged], too_old="dead_letter", now=lambda: clock[0])
    assert desk.offset.counts.too_old >= 1
    assert desk.offset.counts.finished == 3


def test_the_deadline_stops_between_batches():
    moments = iter([NOW, NOW + timedelta(minutes=1)])
    desk, destination = Desk(), Listed()
    last = [NOW]

    def now():
        last[0] = next(moments, last[0])
        return last[0]

    desk.ship(destination, names("abcdefghijkl"), now=now, deadline=NOW + timedelta(seconds=30))
    assert destination.sends == [list("abcd")]
    assert place(desk.offset) == (1, 4)


def test_dead_letters_are_durable_before_the_offset_passes_them():
    desk = Desk()

    def commit(offset):
        assert "b" in desk.letters
        desk.commit(offset)

    desk.ship(Listed("dxdd"), names("abcd"), commit=commit)
    assert place(desk.offset) == (2, 0)


def test_a_dead_letter_folder_that_fails_keeps_the_offset():
    desk = Desk()

    def full(letters):
        raise OSError(28, "No space left on device")

    desk.set_aside = full
    with pytest.raises(OSError, match="No space"):
        desk.ship(Listed("dxdd"), names("abcd"))
    assert (place(desk.offset), desk.offset.counts) == ((1, 0), ShipCounts())


@pytest.mark.parametrize(
    ("offset", "segments"),
    [
        (Offset(), [(2, [event("b")])]),
        (Offset(), [(1, [event("a")]), (3, [event("c")])]),
        (Offset(1, 2), [(1, [event("a")]), (2, [event("b")])]),
    ],
)
def test_segments_with_a_hole_are_refused_and_not_jumped_over(offset, segments):
    desk = Desk(offset)
    with pytest.raises(SpoolDamagedError):
        ship(
            Listed(limits=Limits(events=1, batch_bytes=1000, event_bytes=1000)),
            iter(segments),
            offset,
            commit=desk.commit,
            set_aside=desk.set_aside,
            too_old="arrival_time",
            sleep=desk.sleeps.append,
            now=lambda: NOW,
        )
    assert desk.offset.counts.finished <= 1
    assert desk.offset.segment < 3


def test_a_destination_that_judges_too_few_events_is_stopped():
    class Careless(Listed):
        def send(self, batch):
            return Outcome((Verdict.DELIVERED,))

    desk = Desk()
    with pytest.raises(StopError):
        desk.ship(Careless(), names("ab"))
    assert desk.commits == []


def test_whole_batches_only_where_content_names_the_object():
    """Part of a batch would start the next one elsewhere: other content, other name, events stored twice."""
    limits = Limits(events=10, batch_bytes=10_000, event_bytes=1000, whole_segments=True)
    desk, destination = Desk(), Listed("drdr", *[Verdict.RETRY] * 9, limits=limits)
    with pytest.raises(UnavailableError):
        desk.ship(destination, names("abcd", "ef"), tries=2)
    assert desk.commits == []
    again = Listed("adad", limits=limits)
    desk.ship(again, names("abcd", "ef"))
    assert again.sends == [list("abcd"), ["e", "f"]]
    assert (desk.offset.counts.delivered, desk.offset.counts.already_there) == (4, 2)


def test_a_crash_before_the_commit_repeats_that_batch_alone():
    desk, destination = Desk(), Listed()

    def crash(offset):
        if len(desk.commits) == 1:
            raise Crash
        desk.commit(offset)

    with pytest.raises(Crash):
        desk.ship(destination, names("abcdefghijkl"), commit=crash)
    desk.ship(destination, names("abcdefghijkl"))
    assert destination.sends == [list("abcd"), list("efgh"), list("efgh"), list("ijkl")]
    assert desk.offset.counts.delivered == 12


def test_only_one_batch_and_one_segment_are_held():
    alive = []

    def segments():
        for number in range(1, 30):
            alive.append(number)
            yield number, [event(f"{number}-{index}") for index in range(4)]

    seen = []

    class Watching(Listed):
        def send(self, batch):
            seen.append(alive[-1] - batch.items[0].segment)
            return super().send(batch)

    shipped(Watching(), segments())
    assert max(seen) <= 1, "read at most one segment past the batch being sent"


class Page(bytearray):
    """The bytes of a segment: unlike plain ones, their end can be watched."""


@pytest.mark.parametrize("whole_segments", [True, False])
def test_a_segment_has_left_memory_when_the_next_one_is_read(whole_segments):
    pages = []

    def segments():
        for number in range(1, 6):
            assert [page() for page in pages] == [None] * len(pages)
            page = Page(b"".join(event(f"{number}-{index}").raw for index in range(6)))
            pages.append(weakref.ref(page))
            line = len(page) // 6
            events = [
                Event(f"{number}-{index}", NOW, msgspec.Raw(memoryview(page)[index * line : (index + 1) * line]))
                for index in range(6)
            ]
            del page
            yield number, events
            del events

    limits = Limits(
        events=6 if whole_segments else 4, batch_bytes=10_000, event_bytes=1000, whole_segments=whole_segments
    )
    after = shipped(Listed(limits=limits), segments())
    assert after.counts.delivered == 30


def test_the_account_is_checked_for_real(monkeypatch):
    """Whatever goes wrong in the counting, nothing is committed over it."""
    monkeypatch.setattr(ShipCounts, "finished", property(lambda self: self.delivered + 1))
    desk = Desk()
    with pytest.raises(StopError):
        desk.ship(Listed(), names("ab"))
    assert desk.commits == []
