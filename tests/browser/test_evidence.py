"""The tab with the evidence: a year at a glance, the day that is chosen, the story of an event, and the pack."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.model import utc_now
from audit_provider.core.runs.calendar import Day
from audit_provider.core.verification.day_arrivals import Asked
from audit_provider.plugin.views import CalendarView, DayView
from audit_provider.sandbox.server import Reply
from tests.browser.conftest import look
from tests.browser.test_matrix import page  # noqa: F401 - a fixture
from tests.browser.test_pipeline import opened, text  # noqa: F401 - a fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

DAY = timedelta(days=1)
NOW = utc_now()
TODAY = NOW.date()
PATH = "/api/pipelines/p001"
STATES = ("proven", "read", "gap")
COUNTS = {"splunk": {"delivered": 1231, "pending": 3}}


def calendar(*, may=("search", "pack"), result="all right"):
    """Return a calendar of which the last three days are known, each in another state."""
    reasons = ("", "splunk: 3 pending", "the vendor keeps 30 days")
    days = tuple(
        DayView(
            TODAY - (3 - place) * DAY,
            msgspec.to_builtins(Day(state, reason, events=1234, compared=True, destinations=dict(COUNTS))),
        )
        for place, (state, reason) in enumerate(zip(STATES, reasons, strict=True))
    )
    return CalendarView(NOW, result, TODAY - 370 * DAY, TODAY, days, may)


SILENT = "a destination of type splunk_hec cannot be asked for single events"
ASKED = {
    "proven": {"s3": Asked(NOW, events=1234), "splunk": Asked(NOW, why_not=SILENT)},
    "gap": {"s3": Asked(NOW, events=1234, missing=3, altered=1, first="evt-17")},
}


def whole_year():
    """Return a calendar of which every day is known, in each state by turns."""
    days = []
    for place in range(371):
        state = ("proven", "proven", "read", "gap", "unknown")[place % 5]
        known = Day(state, "" if state == "proven" else "why not", events=1234, asked=ASKED.get(state, {}))
        days.append(DayView(TODAY - (370 - place) * DAY, msgspec.to_builtins(known)))
    return CalendarView(NOW, "all right", TODAY - 370 * DAY, TODAY, tuple(days), ())


CONTRAST = """(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((each) => each / 255).map(
      (each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return ['proven', 'read', 'gap', 'unknown'].map((state) => {
    const style = getComputedStyle(document.querySelector(`.year .${state}`));
    const [less, more] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b);
    return (more + 0.05) / (less + 0.05);
  });
})()"""
"""How much a mark stands out from its cell, for each state."""


STORY = {
    "id": "evt-1",
    "stream": "p001/live",
    "chain": "20260301T100000Z-3f9c",
    "happened": NOW.isoformat(),
    "spooled": (NOW + timedelta(minutes=5)).isoformat(),
    "fields": {"action": "LoginFailed", "actor_email": "ada@example.com"},
    "segment": 12,
    "index": 3,
    "events": 40,
    "place": 443,
    "sha256": "ab" * 32,
    "proven": True,
    "covered": {"time": NOW.isoformat(), "size": 1000, "signed": True},
    "record": '{"id":"evt-1","note":"<b>bold</b>"}',
    "destinations": [
        {"destination": "splunk", "state": "delivered", "until": NOW.isoformat(), "link": "/splunk"},
        {"destination": "s3", "state": "pending", "reason": "not enabled", "link": ""},
    ],
}


@pytest.fixture
def evidence(opened, browser):  # noqa: F811
    """Open the tab over a calendar."""

    def open_tab(**what):
        api = opened("evidence")
        api.others[f"{PATH}/calendar"] = calendar(**what)
        look(browser)
        browser.see("document.querySelector('.year') !== null")
        return api

    return open_tab


def test_a_year_is_seen_with_a_shape_and_a_word_for_each_state(evidence, browser):
    evidence()
    assert browser.run("document.querySelectorAll('.year button').length") == 371
    for place, (mark, word) in enumerate((("■", "proven"), ("◐", "read only"), ("✖", "gap"))):
        day = TODAY - (3 - place) * DAY
        cell = f"document.getElementById('day-{day}')"
        assert browser.run(f"{cell}.innerText") == mark
        assert browser.run(f"{cell}.ariaLabel") == f"{day}: {word}, 1,234 events"
    assert browser.run(f"document.getElementById('day-{TODAY}').ariaLabel") == f"{TODAY}: unknown"
    assert text(browser, ".legend") == "■ proven: 1 ◐ read only: 1 ✖ gap: 1 · unknown: 368"
    assert "all right" in text(browser, "[data-key=checked]")


def test_a_click_leads_to_the_days_evidence_which_has_an_address(evidence, browser):
    evidence()
    day = TODAY - 2 * DAY
    browser.click(f"document.getElementById('day-{day}')")
    browser.see("document.getElementById('date') !== null")
    said = text(browser, "#date")
    assert said.startswith(f"{day}: ◐ read only splunk: 3 pending")
    assert "delivered 1,231" in said
    assert browser.run("location.hash") == f"#pipeline=p001&tab=evidence&date={day}"
    assert browser.run(f"document.getElementById('day-{day}').ariaPressed") == "true"
    assert browser.run("document.getElementById('pack-start').value") == str(day)


def test_every_mark_of_a_filled_year_stands_out_in_light_and_dark(opened, browser):  # noqa: F811
    api = opened("evidence")
    api.others[f"{PATH}/calendar"] = whole_year()
    look(browser)
    browser.see("document.querySelector('.year .gap') !== null")
    try:
        for dark in (False, True):
            browser.dark(dark=dark)
            assert min(browser.run(CONTRAST)) >= 4.5, "as WCAG 2.2 wants of text, 1.4.3"
    finally:
        browser.dark(dark=False)
    months = browser.run(
        "[...document.querySelectorAll('.year thead th')].map((each) => each.innerText).filter(Boolean)"
    )
    assert 12 <= len(months) <= 13
    assert any(each.startswith("Jan\u00a0") for each in months)
    assert browser.run("document.querySelector('.year thead').getBoundingClientRect().height") < 30, "one line"
    assert text(browser, ".legend") == "■ proven: 149 ◐ read only: 74 ✖ gap: 74 · unknown: 74"


def test_a_narrow_window_begins_with_the_latest_days(opened, browser):  # noqa: F811
    size = {"height": 844, "deviceScaleFactor": 1, "mobile": False}
    api = opened("evidence")
    api.others[f"{PATH}/calendar"] = whole_year()
    try:
        browser.call("Emulation.setDeviceMetricsOverride", width=390, **size)
        look(browser)
        browser.see("document.querySelector('.year .gap') !== null")
        place = f"document.getElementById('day-{TODAY}').getBoundingClientRect()"
        assert 0 < browser.run(f"{place}.left") < browser.run(f"{place}.right") <= 390
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def test_a_day_says_what_each_destination_answered(opened, browser):  # noqa: F811
    api = opened("evidence")
    api.others[f"{PATH}/calendar"] = whole_year()
    look(browser)
    browser.see("document.querySelector('.year .gap') !== null")
    browser.click("[...document.querySelectorAll('.year .gap')].at(-1)")
    browser.see("document.getElementById('date') !== null")
    assert "3 are missing and 1 are altered of 1,234" in text(browser, "#date")
    browser.click("[...document.querySelectorAll('.year .proven')].at(-1)")
    browser.see("document.getElementById('date').innerText.includes('all 1,234 are there')")
    assert f"not asked: {SILENT}" in text(browser, "#date")


def test_the_calendar_is_walked_with_the_keyboard(evidence, browser):
    evidence()
    browser.run(f"document.getElementById('day-{TODAY}').focus()")
    browser.press("ArrowUp", 38)
    browser.press("ArrowLeft", 37)
    browser.see(f"document.activeElement.id === 'day-{TODAY - 8 * DAY}'")
    assert browser.run("document.querySelectorAll('.year button[tabindex=\"0\"]').length") == 1


def test_a_story_is_found_and_shown_as_text(evidence, browser):
    api = evidence()
    api.replies[f"{PATH}/search"] = Reply.json(200, {"stories": [STORY], "more": False})
    browser.click("document.getElementById('search-id')")
    browser.type("evt-1")
    browser.press("Enter", 13)
    browser.see("document.querySelector('.story') !== null")
    assert api.posted == [
        (f"{PATH}/search", {"id": "evt-1", "actor": "", "action": "", "text": "", "start": "", "end": ""})
    ]
    said = text(browser, ".story")
    assert "LoginFailed by ada@example.com" in said
    assert "12 of p001/live/20260301T100000Z-3f9c, event 4 of 40" in said
    assert "with 1,000 events, signed" in said
    assert "pending" in said
    assert browser.run("document.querySelector('.story a').getAttribute('href')") == "/splunk"
    assert browser.run("document.querySelector('.story pre').textContent") == STORY["record"]
    look(browser)
    assert browser.run("document.getElementById('search-id').value") == "evt-1", "a look takes nothing away"


def test_what_is_not_found_and_what_fails_is_said(evidence, browser):
    api = evidence()
    api.replies[f"{PATH}/search"] = Reply.json(200, {"stories": [], "more": False})
    browser.click("document.getElementById('search')")
    browser.see("document.getElementById('stories').innerText.startsWith('No kept segment')")
    api.replies[f"{PATH}/search"] = Reply.json(502, {"detail": "the manifest 1 is missing"})
    browser.click("document.getElementById('search')")
    browser.see("document.getElementById('stories').innerText === 'the manifest 1 is missing'")


def test_the_pack_is_made_and_downloaded(evidence, browser, tmp_path):
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    api = evidence()
    name = {"Content-Disposition": 'attachment; filename="p001-20261101-20261201.zip"'}
    api.replies[f"{PATH}/evidence"] = Reply(200, b"PK zip", kind="application/zip", headers=name)
    browser.click("document.getElementById('pack')")
    browser.see("document.getElementById('outcome-pack').innerText === 'p001-20261101-20261201.zip is downloaded.'")
    today = utc_now().date()  # not the day on which the tests began
    assert api.posted == [(f"{PATH}/evidence", {"start": f"{today:%Y-%m}-01", "end": str(today + DAY)})]
    browser.see("true")
    found = tmp_path / "p001-20261101-20261201.zip"
    browser.see(f"{'true' if found.exists() else 'new Promise((done) => setTimeout(() => done(true), 500))'}")
    assert found.read_bytes() == b"PK zip"


def test_a_pack_that_is_refused_says_why(evidence, browser):
    api = evidence()
    api.replies[f"{PATH}/evidence"] = Reply.json(502, {"detail": "there was no answer within 50 s"})
    browser.click("document.getElementById('pack')")
    browser.see("document.getElementById('outcome-pack').innerText === 'there was no answer within 50 s'")
    assert not browser.run("document.getElementById('pack').disabled")


def test_who_may_not_see_events_has_neither_search_nor_pack(evidence, browser):
    evidence(may=())
    assert browser.run("document.getElementById('search') === null && document.getElementById('pack') === null")
