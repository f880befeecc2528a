"""Records of progress: what is kept is what is read, another writer is noticed, a newer version is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from audit_provider.core.errors import FencedError, StopError, UnavailableError
from audit_provider.core.ledger.gaps import Acknowledgement
from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.ledger.records import (
    Acknowledgements,
    GapWindows,
    MemoryLedger,
    TaskClaims,
    offset_record,
    position_record,
)
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, Offset
from audit_provider.core.monitoring.summary import Summary, summary_record
from audit_provider.core.spool import Head
from audit_provider.core.streams.open_stream import OvertakenError, PositionWriter

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LIVE = StreamName("p")


class Unsteady(MemoryLedger):
    """A ledger whose writer hears nothing. :ivar writes: whether the next write is kept all the same."""

    writes = True

    def write(self, key, text, description=""):
        if self.writes:
            super().write(key, text)
        raise UnavailableError("the ledger does not answer.")


class Contested(MemoryLedger):
    """A ledger in which another run writes at once."""

    other = "another run's"

    def write(self, key, text, description=""):
        super().write(key, text)
        super().write(key, self.other)


@pytest.fixture
def ledger():
    return MemoryLedger()


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (lambda ledger: position_record(ledger, LIVE), Position("pylon", "c", watermark=NOW)),
        (lambda ledger: offset_record(ledger, LIVE, "s3"), Offset(4, 7, "c", last_success=NOW)),
        (lambda ledger: offset_record(ledger, LIVE, "s3", replay="run"), Offset(2, 0, "c")),
        (lambda ledger: summary_record(ledger, "p"), Summary("p", "pylon", NOW)),
    ],
)
def test_what_is_kept_is_read_again_and_can_be_removed(ledger, record, value):
    assert record(ledger).load() is None
    record(ledger).commit(value)
    assert record(ledger).load() == value
    record(ledger).delete()
    record(ledger).delete()
    assert record(ledger).load() is None
    assert ledger.keys() == []


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (lambda ledger: position_record(ledger, LIVE), Position("pylon", "c")),
        (lambda ledger: offset_record(ledger, LIVE, "s3"), Offset(chain="c")),
    ],
)
def test_a_record_of_a_newer_version_is_refused_and_one_that_is_older_is_read(ledger, record, value):
    record(ledger).commit(value)
    (key,) = ledger.keys()
    kept = json.loads(ledger.texts[key])
    assert kept.pop("version") == 1
    ledger.texts[key] = json.dumps(kept)
    assert record(ledger).load() == value
    ledger.texts[key] = json.dumps(kept | {"version": 3})
    with pytest.raises(StopError, match=f"the Variable {key} was written by a newer version of this package"):
        record(ledger).load()


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"segment": "x"}'])
def test_a_record_that_holds_something_else_is_refused_with_what_to_do(ledger, text):
    ledger.texts[LIVE.offset_key("s3")] = text
    with pytest.raises(StopError, match=r"audit_logs\.p\.to\.s3 does not contain a delivery offset .*: restore it, or"):
        offset_record(ledger, LIVE, "s3").load()


def test_the_commits_of_one_run_follow_each_other_and_another_run_is_fenced_off(ledger):
    first, late = offset_record(ledger, LIVE, "s3"), offset_record(ledger, LIVE, "s3")
    assert first.load() is late.load() is None
    for segment in (1, 2):
        first.commit(Offset(segment, chain="c"))
    with pytest.raises(FencedError, match=r"audit_logs\.p\.to\.s3 was changed by another run"):
        late.commit(Offset(9, chain="c"))
    assert offset_record(ledger, LIVE, "s3").load() == Offset(2, chain="c")


def test_a_record_is_held_without_being_understood(ledger):
    ledger.texts["audit_logs.p.summary"] = "nonsense"
    record, late = summary_record(ledger, "p"), summary_record(ledger, "p")
    record.hold()
    late.hold()
    record.commit(Summary("p", "pylon", NOW))
    with pytest.raises(FencedError):
        late.commit(Summary("p", "pylon", NOW))


def test_of_two_that_write_at_once_the_first_is_stopped():
    record = offset_record(Contested(), LIVE, "s3")
    record.load()
    with pytest.raises(FencedError):
        record.commit(Offset(chain="c"))


@pytest.mark.parametrize("kept", [True, False])
def test_a_write_without_an_answer_is_looked_up(kept):
    ledger = Unsteady()
    ledger.writes = kept
    record = offset_record(ledger, LIVE, "s3")
    record.load()
    if kept:
        record.commit(Offset(chain="c"))
    else:
        with pytest.raises(UnavailableError, match="does not answer"):
            record.commit(Offset(chain="c"))
        # It may arrive late; that is no other run's.
        ledger.texts[LIVE.offset_key("s3")] = json.dumps({"segment": 1, "chain": "c"})
        with pytest.raises(FencedError):
            record.commit(Offset(2, chain="c"))
    assert offset_record(ledger, LIVE, "s3").load() == Offset(chain="c")


@pytest.mark.parametrize("before", [None, Offset(1, chain="c")])
def test_a_write_that_is_dropped_in_silence_is_no_other_runs(ledger, before):
    """``Variable.set`` of Airflow 3.1 logs an outage of the API server, and returns."""
    record = offset_record(ledger, LIVE, "s3")
    if before:
        record.commit(before)
    ledger.write = lambda *_: None
    with pytest.raises(UnavailableError, match=r"did not write the Variable audit_logs\.p\.to\.s3"):
        record.commit(Offset(2, chain="c"))
    del ledger.write
    record.commit(Offset(2, chain="c"))
    assert offset_record(ledger, LIVE, "s3").load() == Offset(2, chain="c")


def test_a_write_that_arrives_late_is_no_other_runs():
    ledger = Unsteady()
    record = offset_record(ledger, LIVE, "s3")
    first, second = Offset(1, chain="c"), Offset(2, chain="c")
    record.commit(first)
    late = ledger.texts[LIVE.offset_key("s3")]
    ledger.writes = False
    with pytest.raises(UnavailableError):
        record.commit(second)
    ledger.texts[LIVE.offset_key("s3")] = late
    ledger.writes = True
    record.commit(second)
    assert offset_record(ledger, LIVE, "s3").load() == second


def test_lanes_note_windows_with_gaps_each_in_a_record_of_its_own(ledger):
    for lane in (1, 2, 3, 2):
        GapWindows(ledger, "p").add(StreamName("p", f"window {lane}"), lane)
    assert [each.window for each in GapWindows(ledger, "p").load()] == ["window 1", "window 2", "window 3"]
    assert len(ledger.keys("audit_logs.p.backfill.gaps")) == 3


def test_acknowledgements_are_added_to_each_other(ledger):
    seen = Acknowledgement("ada", NOW)
    for gap in ("a", "b"):
        Acknowledgements(ledger, "p").add(gap, seen)
    assert Acknowledgements(ledger, "p").load() == {"a": seen, "b": seen}
    assert Acknowledgements(ledger, "q").load() == {}


def test_claims_that_cannot_be_read_are_none(ledger):
    ledger.texts["audit_logs.p.budget.polling"] = "nonsense"
    assert TaskClaims(ledger, "p", "polling").load() == {}


def test_an_offset_is_kept_with_the_version_of_this_package(ledger):
    offset_record(ledger, LIVE, "s3").commit(replace(Offset(chain="c"), version=0))
    assert offset_record(ledger, LIVE, "s3").load().version == 1


FIRST, SECOND, THIRD = (Position("pylon", "c", head=Head(number, str(number), number)) for number in (1, 2, 3))
FORK = Position("pylon", "c", head=Head(2, "fork", 2))
PLACES = (LIVE.cursor_key, f"{LIVE.cursor_key}.copy")


class Frozen(MemoryLedger):
    """A ledger in which a task stands still just before one of its writes, until others have done their work.

    :ivar at: key of that write. :ivar meanwhile: what the others do.
    """

    at = ""

    def write(self, key, text, description=""):
        if key == self.at:
            self.at = ""
            self.meanwhile()
        super().write(key, text)


def another_run(ledger, *positions):
    """Write positions as a task does that has begun later."""
    other = PositionWriter(ledger, LIVE)
    other.load()
    for each in positions:
        other.commit(each)


def newest(ledger):
    found = PositionWriter(ledger, LIVE).load()
    return found and replace(found, sequence=0)


@pytest.mark.parametrize("place", PLACES)
def test_a_write_that_comes_late_replaces_no_newer_position(place):
    ledger = Frozen()
    another_run(ledger, FIRST)
    late = PositionWriter(ledger, LIVE)
    late.load()
    ledger.at, ledger.meanwhile = place, lambda: another_run(ledger, SECOND, THIRD)
    with pytest.raises(FencedError, match="changed by another run"):
        late.commit(FORK)
    assert newest(ledger) == THIRD
    with pytest.raises(FencedError):
        late.commit(FORK)
    another_run(ledger, SECOND)
    assert newest(ledger) == SECOND == replace(position_record(ledger, LIVE).load(), sequence=0)


@pytest.mark.parametrize("place", PLACES)
def test_a_task_that_dies_between_the_two_writes_leaves_a_position_that_counts(ledger, place):
    another_run(ledger, FIRST)
    kept = ledger.texts[place]
    another_run(ledger, SECOND)
    ledger.texts[place] = kept
    assert newest(ledger) == SECOND
    another_run(ledger, THIRD)
    assert newest(ledger) == THIRD


def test_a_copy_counts_only_for_the_chain_of_the_position(ledger):
    another_run(ledger, FIRST, SECOND)
    record = position_record(ledger, LIVE)
    record.load()
    record.commit(replace(THIRD, chain="another", sequence=1))
    assert newest(ledger) == replace(THIRD, chain="another")
    record.delete()
    assert newest(ledger) is None, "who deletes the Variable begins anew"


def test_a_position_of_an_earlier_version_is_newer_than_a_copy_that_was_left_behind(ledger):
    another_run(ledger, FIRST, SECOND)
    record = position_record(ledger, LIVE)
    record.load()
    record.commit(THIRD)
    assert newest(ledger) == THIRD


def test_a_copy_that_cannot_be_read_says_what_to_do(ledger):
    another_run(ledger, FIRST)
    ledger.texts[PLACES[1]] = "{"
    with pytest.raises(StopError, match=r"audit_logs\.p\.cursor\.copy does not contain the copy of a position.*delete"):
        newest(ledger)


def test_a_late_write_without_new_segments_does_not_hide_those_that_others_have_committed():
    ledger = Frozen()
    another_run(ledger, FIRST)
    late = PositionWriter(ledger, LIVE)
    late.load()
    ledger.at, ledger.meanwhile = PLACES[0], lambda: another_run(ledger, SECOND, THIRD)
    late.commit(replace(FIRST, complete=True))
    assert newest(ledger) == THIRD
    with pytest.raises(FencedError):
        late.commit(SECOND)


def test_a_commit_without_new_segments_writes_one_record(ledger):
    another_run(ledger, FIRST)
    copy = ledger.texts[PLACES[1]]
    another_run(ledger, replace(FIRST, complete=True))
    assert ledger.texts[PLACES[1]] == copy
    assert newest(ledger).complete


def test_a_run_that_was_overtaken_writes_neither_record(ledger):
    """By a task of an earlier version, for example, which writes no copy."""
    another_run(ledger, FIRST)
    late = PositionWriter(ledger, LIVE)
    late.load()
    record = position_record(ledger, LIVE)
    record.commit(replace(record.load(), complete=True))
    before = dict(ledger.texts)
    with pytest.raises(FencedError):
        late.commit(SECOND)
    assert ledger.texts == before


def quiet_run(ledger):
    """Return a writer that has loaded the record alone, as a run does that may find nothing new."""
    writer = PositionWriter(ledger, LIVE)
    assert writer.load_record().chain == "c"
    return writer


class Counting(MemoryLedger):
    """:ivar reads: how many records were asked for."""

    reads = 0

    def read(self, key):
        self.reads += 1
        return super().read(key)


def test_a_run_that_finds_nothing_new_reads_the_position_twice_and_its_copy_once():
    ledger = Counting()
    another_run(ledger, FIRST)
    ledger.reads = 0
    quiet_run(ledger).commit(replace(FIRST, complete=True))
    assert ledger.reads == 3
    assert newest(ledger).complete


@pytest.mark.parametrize("position", [replace(FIRST, complete=True), FORK])
def test_a_run_that_was_overtaken_by_new_segments_stops(ledger, position):
    another_run(ledger, FIRST)
    late, idle = quiet_run(ledger), quiet_run(ledger)
    another_run(ledger, SECOND)
    before = dict(ledger.texts)
    with pytest.raises(FencedError, match="let only one run of this DAG be active"):
        late.commit(position)
    with pytest.raises(FencedError, match="let only one run of this DAG be active"):
        idle.confirm()
    assert ledger.texts == before


@pytest.mark.parametrize("days", [0, 5])
def test_a_run_that_was_overtaken_by_runs_that_found_nothing_new_stops(ledger, days):
    another_run(ledger, FIRST)
    late = quiet_run(ledger)
    later = [replace(FIRST, complete=True, longest_lag=float(day)) for day in range(1, days + 1)]
    for each in later:
        quiet_run(ledger).commit(each)
    if not later:
        ledger.delete(PLACES[0])
    before = dict(ledger.texts)
    with pytest.raises(FencedError):
        late.commit(replace(FIRST, complete=True))
    assert ledger.texts == before, "nor does it write back what a person has deleted"


@pytest.mark.parametrize("position", [replace(FIRST, complete=True), FORK])
def test_a_run_that_begins_with_an_older_position_begins_again_from_the_newest_one(ledger, position):
    another_run(ledger, FIRST)
    older = ledger.texts[PLACES[0]]
    another_run(ledger, SECOND)
    ledger.texts[PLACES[0]] = older
    late = quiet_run(ledger)
    before = dict(ledger.texts)
    with pytest.raises(OvertakenError):
        late.commit(position)
    with pytest.raises(OvertakenError):
        quiet_run(ledger) and late.confirm()
    assert ledger.texts == before
    late.load()
    late.commit(THIRD)
    assert newest(ledger) == THIRD


def test_after_a_commit_it_is_stopped_like_every_other_writer(ledger):
    another_run(ledger, FIRST)
    late = quiet_run(ledger)
    late.commit(replace(FIRST, longest_lag=1.0))
    another_run(ledger, SECOND)
    with pytest.raises(FencedError):
        late.commit(replace(FIRST, complete=True))
    assert newest(ledger) == SECOND


def test_a_copy_that_proves_nothing_leaves_the_record_to_be_the_fence(ledger):
    another_run(ledger, FIRST)
    del ledger.texts[PLACES[1]]
    late = quiet_run(ledger)
    another_run(ledger, replace(FIRST, complete=True))
    with pytest.raises(FencedError):
        late.commit(FIRST)


def test_a_quiet_write_without_an_answer_is_looked_up():
    class Broken(MemoryLedger):
        keeps = True

        def write(self, key, text, description=""):
            if self.keeps:
                super().write(key, text)
            if quiet:
                raise UnavailableError("no answer")

    ledger, quiet = Broken(), []
    another_run(ledger, FIRST)
    quiet = [quiet_run(ledger)]
    quiet[0].commit(replace(FIRST, complete=True))
    assert newest(ledger).complete
    ledger.keeps = False
    late = quiet_run(ledger)
    with pytest.raises(UnavailableError):
        late.commit(replace(FIRST, longest_lag=1.0))
    MemoryLedger.write(ledger, PLACES[0], POSITIONS.pack(replace(FIRST, longest_lag=1.0, sequence=1)))
    ledger.keeps, quiet = True, []
    late.commit(replace(FIRST, longest_lag=2.0))
    assert newest(ledger).longest_lag == 2.0, "its own write that arrives late is no other run's"


def test_claims_begin_with_a_record(ledger):
    assert TaskClaims(ledger, "p", "polling").begin() == {}
    assert ledger.texts["audit_logs.p.budget.polling"] == "{}"
    ledger.write = None  # a write would fail
    assert TaskClaims(ledger, "p", "polling").begin() == {}
