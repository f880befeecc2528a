"""How the page behaves: for those who see little or use no mouse, on a phone, and while nothing new comes."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit_provider.core.model import Outage, utc_now
from audit_provider.core.monitoring.summary import ActionCounts, DayAccount, DayDelivery, Finding, Summary
from audit_provider.plugin.letters import LettersView, LetterView, ReasonView
from audit_provider.plugin.runs import BudgetView, RunRow, RunsView, TaskView
from audit_provider.plugin.views import GapView
from tests.browser.conftest import look
from tests.browser.test_matrix import page, pipeline  # noqa: F401 - page is a fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
TABS = ("health", "deliveries", "gaps", "activity", "runs")
EVERYTHING = ("test_connection", "test_event", "redrive", "read_events")


@pytest.fixture(scope="module")
def axe():
    """The script of axe, which a package of PyPI has in it."""
    found = importlib.util.find_spec("axe_playwright_python")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def window(browser):
    """Set how the page is looked at; afterwards it is as before."""

    def look_by(width, *, dark=False, scale=1):
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=scale, mobile=False
        )
        browser.dark(dark=dark)

    yield look_by
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.call("Emulation.setEmulatedMedia", features=[])


BEGAN = utc_now() - timedelta(minutes=9)
RUNS = RunsView(
    (
        RunRow("backfill", "r2", "running", BEGAN, None, "/r2", "ada", '{"window_days": 7}', 12, 40),
        RunRow(
            "incremental",
            "r1",
            "failed",
            BEGAN,
            BEGAN,
            "/r1",
            done=4,
            tasks=4,
            failed=(TaskView("pull", "/r1/tasks/pull"),),
            requests=7,
            budget=BudgetView(60, 30.0),
        ),
    )
)


def views():
    """Pipelines with everything that the page can show of one."""
    now = utc_now()
    gap = GapView("g1", "look_back", "p001/live", now, now, "the vendor keeps 30 days", events=3)
    finding = Finding("f", "surge", "warning", "LoginFailed: 940 (usually 3 to 40).", now, "LoginFailed", 940, 3, 40)
    found = [pipeline(number, down=number < 4) for number in range(1, 8)]
    served = tuple(
        replace(each, dead_letters=2, may=EVERYTHING, restamped=1, too_old=1, outages=(outage(now, 150, 30),))
        for each in found[0].destinations
    )
    found[0] = replace(
        found[0],
        destinations=served,
        gaps=(gap,),
        lag_target=3600.0,
        acknowledged=(replace(gap, id="g0", acknowledged_by="Ada", acknowledged_at=now, note="asked the vendor"),),
        findings=(finding,),
        hours=tuple(range(48)),
        may=("test_connection", "acknowledge"),
        reported_at=now,
    )
    return found


def outage(now, began, ended):
    """Return one that began and ended so many minutes ago."""
    began, ended = now - timedelta(minutes=began), now - timedelta(minutes=ended)
    return Outage(began, ended, 3, "POST /services/collector answered 503.", 1331)


def activity():
    now = utc_now().replace(minute=0, second=0, microsecond=0)
    return Summary(
        pipeline="p001",
        source="pylon",
        made_at=now,
        first_hour=now,
        hours=tuple(range(48)),
        first_day=now.replace(hour=0) - timedelta(days=34),
        days={name: tuple(range(35)) for name in ("authentication", "roles", "other")},
        low=(5.0,) * 35,
        high=(90.0,) * 35,
        actions=(ActionCounts("LoginFailed", "authentication", tuple(range(35))),),
        lags_by_hour=tuple(60.0 * each for each in range(48)),
        by_day=tuple(
            DayAccount((now - timedelta(days=each)).date(), 12, {"splunk": DayDelivery(12, waited=60.0 * behind)})
            for each, behind in ((2, 11), (1, 500), (0, 90))
        ),
        lags=(0.0,) * 35,
        delivered_by_hour={"splunk": tuple(range(48)), "s3": tuple(range(48))},
    )


def broken(browser, axe):
    """Return what axe finds, as short lines."""
    browser.run(f"(() => {{ {axe}; window.axe = axe; }})(), true")
    found = browser.run(f"axe.run({{ runOnly: {RULES} }}).then((result) => result.violations)")
    return [(each["id"], node["html"][:160], node["failureSummary"][:300]) for each in found for node in each["nodes"]]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1500, 390])
def test_the_page_keeps_wcag_2_2_aa(width, dark, page, browser, window, axe):  # noqa: F811
    window(width, dark=dark)
    api = page(views)
    api.activity = activity()
    api.others["/api/pipelines/p001/runs"] = RUNS
    browser.run("document.querySelector('#ended details').open = true")
    assert not broken(browser, axe)
    for tab in TABS:
        browser.run(f"location.hash = 'pipeline=p001&tab={tab}'")
        browser.see(f"document.getElementById('tab-{tab}')?.hasAttribute('aria-current')")
        assert not broken(browser, axe), tab
    letter = LetterView("e1", utc_now(), "p001/live", "refused by the destination", "no", False, utc_now(), "{}")
    api.others["/api/pipelines/p001/destinations/splunk/dead-letters"] = LettersView(
        (letter,), more=True, total=2, reasons=(ReasonView("refused by the destination", 2),), matched=2
    )
    browser.run("location.hash = 'pipeline=p001&tab=deliveries'")
    browser.see("document.getElementById('letters-splunk') !== null")
    browser.click("document.getElementById('letters-splunk')")
    browser.see("document.querySelector('dialog[open] article') !== null")
    assert not broken(browser, axe), "dialog"
    browser.click("document.getElementById('close')")
    api.down = True
    look(browser)
    browser.see("document.body.classList.contains('stale')")
    assert not broken(browser, axe), "stale"


@pytest.mark.parametrize(("width", "scale"), [(390, 1), (320, 1), (750, 2)])
def test_nothing_lies_beside_the_window_of_a_phone_or_at_a_zoom_of_200_percent(width, scale, page, browser, window):  # noqa: F811
    window(width, scale=scale)
    api = page(views)
    api.activity = activity()
    api.others["/api/pipelines/p001/runs"] = RUNS
    wide = "[document.scrollingElement.scrollWidth, innerWidth]"
    for hash_ in ("", *(f"pipeline=p001&tab={tab}" for tab in TABS)):
        browser.run(f"location.hash = '{hash_}'")
        browser.see("document.querySelector('#pipelines tbody tr, #tab') !== null")
        look(browser)
        shown, there_is = browser.run(wide)
        assert shown <= there_is, hash_ or "overview"
    if width > 700:
        return
    browser.run("location.hash = ''")
    browser.see("document.querySelector('#pipelines tbody tr')?.getClientRects().length > 0")
    card = browser.run("document.querySelector('#pipelines tbody tr').innerText")
    assert "11 min" in card, "the cells of the matrix"
    beside = browser.run("getComputedStyle(document.querySelector('#pipelines td.cells'), '::before').content")
    assert "Source" in beside, "each cell says what it is of"


def test_a_pipeline_is_opened_and_left_with_the_keyboard_alone(page, browser):  # noqa: F811
    page(views)
    browser.run("document.getElementById('open-p005').focus()")
    browser.press("Enter", 13, "\r")
    browser.see("document.querySelector('#detail h2')?.innerText === 'p005'")
    assert browser.run("document.activeElement.id") == "detail", "what was opened is read out"
    assert browser.run("document.title") == "p005 – Audit logs"
    browser.press("Escape", 27)
    browser.see("document.getElementById('detail').hidden")
    browser.see("document.activeElement.id === 'open-p005'")


def test_updates_can_be_paused_and_paused_figures_turn_grey(page, browser):  # noqa: F811
    api = page(views)
    pause = "document.getElementById('pause')"
    browser.click(pause)
    assert browser.run(f"{pause}.getAttribute('aria-pressed')") == "true"
    look(browser)
    api.sent.clear()
    browser.run("import('/static/state.js').then((state) => { state.commands.renew(); })")
    assert api.sent == []
    browser.run(
        "import('/static/state.js').then((state) => { state.seen.answered -= 180000; state.commands.renew(); })"
    )
    browser.see("document.getElementById('verdict').innerText === 'Updates are paused.'")
    assert "Not updated for 3 min" in browser.run("document.getElementById('made').innerText")
    assert browser.run("document.querySelectorAll('#pipelines .mark').length") > 0
    assert "✔" not in browser.run("document.body.innerText")
    browser.click(pause)
    browser.see("!document.body.classList.contains('stale')")


def test_times_are_in_the_zone_that_is_chosen_in_airflow(page, browser):  # noqa: F811
    api = page(views)
    said = "document.querySelector('#incidents time').title"
    assert browser.run(said).endswith(" UTC")
    first = browser.run("document.querySelector('#incidents time').dateTime")
    browser.run("localStorage.setItem('timezone', JSON.stringify('Asia/Kolkata'))")
    browser.go("about:blank")
    browser.go(f"{api.url}/")
    browser.see("document.querySelector('#incidents time') !== null")
    shown = browser.run(said)
    assert shown.endswith("GMT+5:30") or shown.endswith("IST")
    hour, minute = (int(part) for part in first[11:16].split(":"))
    expected = (hour * 60 + minute + 330) % 1440
    assert f" {expected // 60:02}:{expected % 60:02} " in shown
    browser.run("localStorage.setItem('timezone', 'Nowhere/Land')")
    browser.run("import('/static/state.js').then((state) => { state.commands.show(); })")
    browser.go(f"{api.url}/?again")
    browser.see("document.querySelector('#incidents time') !== null")
    assert browser.run(said).endswith(" UTC"), "a zone that the browser does not know"
    browser.run("localStorage.clear()")
