"""The report as a page: its figures are those of the account."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import audit_provider
from audit_provider.core.ledger.event_account import Account
from audit_provider.core.monitoring.charts import bars
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.markdown import escaped, markdown_of
from audit_provider.core.monitoring.summary import ActionCounts, Summary

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")


def test_too_old_and_delivered_with_the_current_time_are_two_figures_that_add_up():
    account = Account(
        "p/live",
        "datadog",
        read=700,
        spooled=700,
        duplicates=0,
        before=0,
        delivered=612,
        already_there=3,
        too_old=45,
        dead_lettered=6,
        pending=34,
        restamped=292,
    )
    assert account.adds_up
    shown = page_of(Summary("p", "pylon", NOW), [account])
    table = shown[shown.index("<h2>Deliveries</h2>") :].partition("</table>")[0]
    assert '<th class="n">datadog</th>' in table
    values = dict(re.findall(r"<tr><th>(.*?)</th><td[^>]*>(.*?)</td></tr>", table))
    assert values["delivered"] == "615"
    assert values["of these with current time"] == "292"
    assert values["set aside: too old"] == "45"
    parts = ("delivered", "set aside: too old", "set aside: refused", "pending")
    assert sum(int(values[each]) for each in parts) == int(values["spooled"])


def test_what_arrived_in_all_has_a_line_of_its_own():
    rest = dict.fromkeys(("duplicates", "before", "already_there", "dead_lettered", "pending"), 0)
    account = Account("p/live", "datadog", read=700, spooled=700, delivered=600, too_old=100, redriven=90, **rest)
    shown = page_of(Summary("p", "pylon", NOW), [account])
    assert '<tr><th>arrived in all</th><td class="n">690</td></tr>' in shown


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (1, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (5, ["0", "2", "4", "6"]),
        (47, ["0", "20", "40", "60"]),
        (643, ["0", "200", "400", "600", "800"]),
        (5_600, ["0", "2k", "4k", "6k"]),
        (1_200_000, ["0", "500k", "1M", "1.5M"]),
    ],
)
def test_an_axis_has_round_figures_and_little_blank(most, ticks):
    chart = bars("Events", ["a", "b"], {"x": [0, most]})
    assert re.findall(r'class="axis"[^>]*text-anchor="end">([\d.]+[kMG]?)<', chart) == ticks
    assert 'class="c0 running"' in chart
    assert "<title>b: x" in chart
    assert ", not over</title>" in chart


def test_the_chart_of_lag_has_its_unit_on_the_axis_and_the_target_where_that_is_near():
    activity = {"first_day": NOW - timedelta(days=2), "days": {"other": (1, 2, 3)}}

    def drawn(*minutes):
        summary = Summary("p", "pylon", NOW, lags=tuple(60.0 * each for each in minutes), **activity)
        return page_of(summary, [], (), timedelta(hours=1))

    late = drawn(5, 90, 10)
    assert re.findall(r">(\d+ min)</text>", late) == ["0 min", "50 min", "100 min"]
    assert '<text class="limit-text"' in late
    assert ">target 60 minutes</text>" in late
    assert "target" not in drawn(1, 2, 3).partition("<body>")[2]
    assert (
        "target" not in page_of(Summary("p", "pylon", NOW, lags=(9999.0,) * 3, **activity), []).partition("<body>")[2]
    )


def test_the_colours_of_charts_can_be_seen_on_every_paper_and_are_those_of_the_page():
    css = (Path(audit_provider.__file__).parent / "plugin/page/page.css").read_text()
    colours = re.findall(r"\.c\d { fill: (#[0-9a-f]{6}); background: \1; }", css)
    page = page_of(Summary("p", "pylon", NOW), [])
    assert re.findall(r"\.c\d{fill:(#[0-9a-f]{6});background:\1}", page) == colours
    assert len(colours) == 10
    for paper in ("#ffffff", "#12161c", "#111113"):
        assert min(_contrast(each, paper) for each in colours) >= 3, paper


def _contrast(one, other):
    """Return the contrast of two colours as WCAG defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_report_of_the_first_day_counts_one_day():
    first = Summary("p", "pylon", NOW, first_day=NOW, days={"other": (7,)}, actions=(ActionCounts("a", "other", (7,)),))
    assert "| 1 day |" in markdown_of(first, ())
    assert '<th class="n">1 day</th>' in page_of(first, ())


def test_actions_that_are_not_listed_are_counted():
    actions = tuple(ActionCounts(f"a{each}", "other", (1,)) for each in range(43))
    assert "and 3 more." in page_of(Summary("p", "pylon", NOW, actions=actions), ())
    assert "more." not in page_of(Summary("p", "pylon", NOW, actions=actions[:40]), ())


def test_a_report_does_not_deny_what_was_read_if_only_its_end_is_unknown():
    """The end is unknown also if it was recorded by a clock that was ahead."""
    for shown in (page_of(Summary("p", "pylon", NOW), ()), markdown_of(Summary("p", "pylon", NOW), ())):
        assert "How far the source was read is not known" in shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("__init__", r"\_\_init\_\_"), ("_a b_", r"\_a b\_"), ("user_session_create", "user_session_create")],
)
def test_underscores_of_names_are_no_emphasis(name, shown):
    assert escaped(name) == shown
