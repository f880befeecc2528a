"""From when on segments are needed: the read that comes next decides, not the clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.ledger.position import Position
from audit_provider.core.runs.retention import needed_since
from audit_provider.core.sources.reading.closed_windows import OpenWindow, WindowsState
from audit_provider.core.sources.reading.scan import OpenScan, ScanState
from audit_provider.core.sources.reading.tail_cursor import TailState

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def position(state=None, *, complete=True, reach=DAY, updated_at=NOW, watermark=NOW):
    return Position(
        source="s",
        reading=msgspec.to_builtins(state) if state else {},
        looks_back=reach.total_seconds(),
        watermark=watermark,
        updated_at=updated_at,
        complete=complete,
    )


def test_nothing_is_needed_where_nothing_was_read():
    assert needed_since(Position(source="s")) is None


def test_the_reach_counts_from_what_was_read_last():
    assert needed_since(position()) == NOW - DAY - HOUR
    assert needed_since(position(watermark=NOW - 9 * DAY)) == NOW - 10 * DAY - HOUR
    assert needed_since(position(watermark=NOW + 365 * DAY)) == NOW - DAY - HOUR, "a clock was ahead"
    assert needed_since(position(watermark=None)) == NOW - DAY - HOUR


def test_a_position_of_an_earlier_version_is_taken_to_look_back_far():
    assert needed_since(position(reach=timedelta(0))) == NOW - 8 * DAY - HOUR


@pytest.mark.parametrize(
    "state",
    [
        WindowsState(began=NOW - 99 * DAY, window_end=NOW - 5 * DAY),
        WindowsState(began=NOW - 99 * DAY, window_end=NOW, open=OpenWindow(NOW - 5 * DAY, NOW)),
        ScanState(NOW - 99 * DAY, open=OpenScan(NOW, NOW, NOW - 5 * DAY, "c")),
        TailState(NOW - 99 * DAY, opened=NOW - 99 * DAY, watermark=NOW - 5 * DAY),
    ],
)
def test_what_is_open_may_be_read_again_from_its_start(state):
    assert needed_since(position(state)) == NOW - 6 * DAY - HOUR


def test_a_look_for_late_events_that_failed_reaches_back_from_the_last_one():
    state = TailState(NOW - 99 * DAY, watermark=NOW, swept_at=NOW - 40 * DAY)
    assert needed_since(position(state, complete=False)) == NOW - 41 * DAY - HOUR
    assert needed_since(position(state)) == NOW - DAY - HOUR, "a source without one never looks"
