"""Since when an event waits, by the few times that a position keeps."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.ledger.position import POSITIONS, Position, with_segment, written_at
from audit_provider.core.model import Offset, PullCounts
from audit_provider.core.spool import Head

BEGAN = datetime(2026, 5, 1, tzinfo=timezone.utc)


def kept_of(moments):
    times = ()
    for number, moment in enumerate(moments, 1):
        times = with_segment(times, number, moment)
    return times


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=300), st.integers(0, 10**7), st.data())
def test_what_is_said_is_never_too_young_and_too_old_by_half_at_most(pauses, later, data):
    moments, at = [], BEGAN
    for pause in pauses:
        at += timedelta(seconds=pause)
        moments.append(at)
    now = at + timedelta(seconds=later)
    times = kept_of(moments)
    number = data.draw(st.integers(1, len(moments)))
    true = (now - moments[number - 1]).total_seconds()
    said = (now - written_at(times, number, now)).total_seconds()
    assert true <= said <= 1.5 * true + 61


def test_a_year_of_segments_leaves_some_dozens_of_times():
    times = kept_of(BEGAN + timedelta(minutes=5 * number) for number in range(105_000))
    assert len(times) < 70
    assert len(msgspec.json.encode(times)) < 1500


def test_a_quiet_source_says_exactly_when_its_last_segments_were_written():
    moments = [BEGAN, BEGAN + timedelta(days=2), BEGAN + timedelta(days=2, minutes=4)]
    now = moments[-1] + timedelta(seconds=5)
    assert [written_at(kept_of(moments), number, now) for number in (1, 2, 3)] == moments


def test_before_the_first_time_that_is_kept_nothing_is_said():
    times = with_segment((), 9, BEGAN)
    assert written_at(times, 8, BEGAN) is None
    assert written_at((), 1, BEGAN) is None


@pytest.mark.parametrize("wrong", [timedelta(days=365), timedelta(hours=3)])
def test_a_clock_that_was_ahead_makes_nothing_young(wrong):
    moments = [BEGAN, BEGAN + timedelta(hours=1) + wrong, BEGAN + timedelta(hours=2)]
    now = BEGAN + timedelta(hours=2)
    for number in (1, 2):
        assert written_at(kept_of(moments), number, now) <= moments[0] + timedelta(hours=1)
    assert written_at(kept_of(moments[:2]), 2, now) <= now, "nothing waits since a time that is to come"


def test_a_position_says_it_of_an_offset_and_keeps_it():
    times = kept_of([BEGAN, BEGAN + timedelta(hours=5)])
    position = Position(source="s", head=Head(2, "d" * 64, 20), counts=PullCounts(20, 20), spooled_at=times)
    kept = POSITIONS.unpack(POSITIONS.pack(position), "")
    now = BEGAN + timedelta(hours=6)
    assert kept.waiting_since(None, now) == BEGAN
    assert kept.waiting_since(Offset(segment=2), now) == BEGAN + timedelta(hours=5)
    assert POSITIONS.unpack('{"source":"s"}', "").waiting_since(None, now) is None, "as an earlier version left it"
