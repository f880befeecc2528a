"""The report as a page: its figures are those of the account."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import audit_provider
from audit_provider.core.accounting import Account
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.summary import Summary

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
