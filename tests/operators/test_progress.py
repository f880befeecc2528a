"""What long tasks say of how far they are, and how the log is folded."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.model import Event
from audit_provider.core.progress import EVERY, PullProgress, ShipProgress

BEGUN = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def page(first, last, count=2):
    """Return a page of events between two days after START, in that order."""
    step = (last - first) / max(count - 1, 1)
    days = [first + step * number for number in range(count)]
    return [Event("e", START + timedelta(days=day), msgspec.Raw(b"{}")) for day in days]


def pulled(lines, **options):
    end = START + timedelta(days=100)
    return PullProgress(lines.append, **{"begun": BEGUN, "start": START, "end": end, **options})


def test_a_pull_says_pages_events_rate_window_and_time_left():
    lines = []
    progress = pulled(lines, window="window 2 of 3", every=timedelta(seconds=121))
    for number in range(120):
        day = number / 119 * 12.5
        progress.page(page(day, day, count=999), BEGUN + timedelta(seconds=number + 1))
    assert lines == []
    progress.page([], BEGUN + timedelta(seconds=121))
    assert lines == ["page 121, 119,880 events, 991/s, window 2 of 3, about 14 min left"]


def test_a_pull_from_the_newest_event_down_says_what_is_left_below():
    lines = []
    progress = pulled(lines)
    progress.page(page(100, 90), BEGUN + timedelta(seconds=5))
    progress.page(page(90, 80), BEGUN + timedelta(seconds=20))
    assert lines == ["page 2, 4 events, 0/s, about 80 s left"]


def test_where_nothing_tells_how_much_is_left_nothing_is_said_of_it():
    lines = []
    pulled(lines).page([], BEGUN + EVERY)
    pulled(lines).page(page(3, 3), BEGUN + EVERY)
    assert lines == ["page 1, 0 events, 0/s", "page 1, 2 events, 0/s"]


def test_no_line_comes_earlier_than_some_seconds_after_the_last():
    lines = []
    progress = pulled(lines)
    for second in range(100):
        progress.page(page(second, second), BEGUN + timedelta(seconds=second))
    assert len(lines) == 99 // EVERY.total_seconds()


@pytest.mark.parametrize(
    ("finished", "seconds", "said"),
    [
        (48_000, 20, "48,000 of 120,000, 2,400/s, about 30 s left"),
        (500, 60, "500 of 120,000, 8/s, about 4 h left"),
        (0, 60, "0 of 120,000, 0/s"),
        (120_000, 60, "120,000 of 120,000, 2,000/s"),
    ],
)
def test_a_shipment_says_how_many_of_all_and_the_time_left(finished, seconds, said):
    lines = []
    ShipProgress(lines.append, begun=BEGUN, total=120_000).reached(finished, BEGUN + timedelta(seconds=seconds))
    assert lines == [said]


def test_windows_are_judged_by_how_far_they_have_come_whatever_the_order_in_each():
    lines = []
    progress = pulled(lines, every=timedelta(0))
    progress.page(page(10, 0), BEGUN + timedelta(seconds=10))
    progress.page(page(40, 30), BEGUN + timedelta(seconds=40))
    progress.page(page(30, 20), BEGUN + timedelta(seconds=50))
    assert lines[1:] == ["page 2, 4 events, 0/s, about 60 s left", "page 3, 6 events, 0/s, about 75 s left"]


def told(capsys):
    """Return the messages of the tasks' log, each without its time and logger."""
    out = capsys.readouterr().out
    return [match[1].strip() for match in re.finditer(r"^\S+ \[info *\] (.*?)(?: +\[airflow\.\S+\].*)?$", out, re.M)]


def test_tasks_tell_lines_while_they_work_and_the_account_last(world, capsys, monkeypatch):
    for kind in (PullProgress, ShipProgress):
        monkeypatch.setitem(kind.__init__.__kwdefaults__, "every", timedelta(0))
    windows = [
        {"start": (world.now - timedelta(days=days)).isoformat(), "end": (world.now - timedelta(days=less)).isoformat()}
        for days, less in ((61, 30), (30, 0))
    ]
    world.pull(page_size=100, window=windows[1], windows=windows)
    lines = told(capsys)
    assert lines[0].startswith("::group::Reading Pylon audit logs into p/backfill-")
    assert any(line.startswith("page 2, 200 events, ") and ", window 2 of 2" in line for line in lines)
    assert lines[-2] == "::endgroup::"
    assert lines[-1].startswith("read ")
    world.pull(page_size=100)
    assert not any("window" in line for line in told(capsys) if line.startswith("page "))
    world.ship("splunk", options={"batch_events": 100})
    out = capsys.readouterr().out
    places = [out.index(text) for text in ("::group::Shipping p/live to", "100 of 700, ", "::endgroup::", "pending")]
    assert places == sorted(places)
    assert out.count(" of 700, ") == 7


def test_the_log_of_a_task_that_fails_is_unfolded_before_it_says_why(world, capsys):
    world.pull()
    world.connect("SPLUNK_HEC_DEFAULT", password="wrong-hec")
    told(capsys)
    with pytest.raises(AirflowFailException, match="code 4"):
        world.ship("splunk")
    assert [line for line in told(capsys) if "group::" in line] == [
        "::group::Shipping p/live to splunk_hec",
        "::endgroup::",
    ]
