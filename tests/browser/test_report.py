"""A report on paper: no table is cut, no row or chart is torn apart, no word is broken, and nothing is dark."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from audit_provider.core.ledger.event_account import Account
from audit_provider.core.ledger.gaps import Acknowledgement, GapRecord
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.summary import (
    ActionCounts,
    DayAccount,
    DayDelivery,
    Finding,
    Summary,
    WatchedCounts,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

NOW = datetime.fromisoformat("2026-11-30T15:00:00+00:00")
DAY = timedelta(days=1)
SERVED = ("s3", "splunk", "datadog", "opensearch", "sentinel", "webhook")
A4 = 688
"""Pixels between the margins of a page."""

ERROR = (
    "the destination accepted nothing in 5 tries in a row (POST https://splunk.example.com:8088/services/collector/"
    "event gave no complete answer (NewConnectionError): Splunk HEC or the network is down.); everything is kept."
)
BROKEN = """[...document.querySelectorAll('th, td:not(.id)')].flatMap((cell) => {
  const found = [];
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const range = document.createRange();
    for (const word of walker.currentNode.data.matchAll(/[A-Za-z0-9_,]+/g)) {
      range.setStart(walker.currentNode, word.index);
      range.setEnd(walker.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((each) => each.top)).size > 1) found.push(word[0]);
    }
  }
  return found;
})"""


def report():
    """Return a report with everything in it, and as wide as one gets."""
    actors = [f"ada.lovelace+{number}@engineering.example.com" for number in range(20)]
    ids = ("6efe3fd9-9c0f-4b0f-8a0b-1d2e3f405061", "348922d7-c1a6-44dc-bab5-b3733c1ae917")
    late = DayDelivery(85_560, set_aside=3, left_out=12, waiting=1331)
    action = "organization.member.role_changed_by_administrator"
    summary = Summary(
        "google_workspace",
        "Google Workspace activities",
        NOW,
        lag=120.0,
        first_day=NOW.replace(hour=0) - 34 * DAY,
        days={name: tuple(range(35)) for name in ("authentication", "roles", "configuration")},
        low=(20.0,) * 35,
        high=(90.0,) * 35,
        actions=tuple(ActionCounts(f"{action}_{each}", "authentication", (9,) * 35) for each in range(40)),
        unknown_actions=(f"com.example.{action}.{action}",),
        watched=tuple(WatchedCounts(action, each, NOW.date(), 7, "organization.member", *ids) for each in actors),
        findings=tuple(
            Finding(str(each), "surge", "critical", f"LoginFailed: 900 (usually 3 to 40), by {actors[each]}.", NOW)
            for each in range(14)
        ),
        lags=(60.0, 4800.0) * 17 + (60.0,),
        delivered={each: tuple(range(35)) for each in SERVED},
        by_day=tuple(DayAccount((NOW - each * DAY).date(), 67_811, dict.fromkeys(SERVED, late)) for each in range(14)),
    )
    counts = {"read": 1_234_567, "spooled": 1_234_567, "delivered": 1_234_567}
    counts |= dict.fromkeys(("duplicates", "before", "already_there", "too_old", "dead_lettered", "pending"), 0)
    accounts = [Account("google_workspace/live", each, last_error=ERROR, **counts) for each in SERVED]
    gap = GapRecord(
        "g",
        "p",
        "google_workspace/live",
        "look_back",
        NOW - 9 * DAY,
        NOW - 8 * DAY,
        "the vendor does not serve events from before 2026-11-01, and the look-back of its plan is 30 days",
        acknowledged=Acknowledgement("Ada Lovelace", NOW, "asked the vendor; ticket 4711"),
    )
    return page_of(summary, accounts, [gap] * 5, timedelta(hours=1))


@pytest.fixture
def opened(browser, tmp_path):
    """Open the report in a window."""

    def open_report(media, width):
        (tmp_path / "latest.html").write_text(report())
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        dark = {"name": "prefers-color-scheme", "value": "dark"}
        browser.call("Emulation.setEmulatedMedia", media=media, features=[dark])
        browser.go(f"file://{tmp_path}/latest.html")
        browser.see("document.querySelector('h1') !== null")

    yield open_report
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.call("Emulation.setEmulatedMedia", media="", features=[])


def test_on_paper_nothing_is_cut_torn_or_broken(opened, browser):
    opened("print", A4)
    edges = browser.run(
        "[...document.querySelectorAll('table, svg')].map((each) => each.getBoundingClientRect().right)"
    )
    assert len(edges) == 6 + 8
    assert max(edges) <= A4
    assert browser.run(BROKEN) == []
    styles = "[...new Set([...document.querySelectorAll('{}')].map((each) => getComputedStyle(each).{}))]"
    assert browser.run(styles.format("tr, svg, li", "breakInside")) == ["avoid"]
    assert browser.run(styles.format("h1, h2", "breakAfter")) == ["avoid"]
    assert browser.run(styles.format("thead", "display")) == ["table-header-group"], "on every page of its table"
    assert browser.run(styles.format(".wide", "overflow")) == ["visible"]
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.body).color") == "rgb(28, 36, 48)"


@pytest.mark.parametrize("width", [1100, 390])
def test_on_a_screen_only_tables_are_wider_than_it(width, opened, browser):
    opened("screen", width)
    assert browser.run("document.scrollingElement.scrollWidth <= innerWidth")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)", "as the system prefers"
