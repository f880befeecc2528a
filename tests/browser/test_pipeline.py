"""The view of one pipeline: what it has delivered, what is missing, its letters and its runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit_provider.core.model import utc_now
from audit_provider.plugin.letters import LettersView, LetterView, ReasonView
from tests.browser.conftest import look
from tests.browser.test_manners import RUNS, activity, views
from tests.browser.test_matrix import page  # noqa: F401 - a fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LETTERS = "/api/pipelines/p001/destinations/splunk/dead-letters"


@pytest.fixture
def opened(page, browser):  # noqa: F811
    """Open a tab of a pipeline that has everything."""

    def open_tab(tab, change=lambda view: view):
        found = views()
        api = page(lambda: [change(found[0]), *found[1:]], f"#pipeline=p001&tab={tab}")
        browser.see(f"document.getElementById('tab-{tab}')?.hasAttribute('aria-current')")
        return api

    return open_tab


def text(browser, selector):
    return browser.run(f"document.querySelector('{selector}').innerText.replace(/\\s+/g, ' ').trim()")


def test_source_spool_and_destinations_are_seen_at_once(opened, browser):
    opened("health")
    assert text(browser, "#from") == "✔ Pylon read to its end 20 min ago 46 events in the last whole hour"
    assert text(browser, "#spool").startswith("Spool 0 events")
    assert text(browser, "#to-splunk").startswith("✖ splunk oldest waits 11 min 7 waiting")
    assert text(browser, "#to-s3").startswith("✔ s3 oldest waits 0 s 0 waiting")


def test_outages_that_have_ended_stay_to_be_seen_for_thirty_days(opened, browser):
    api = opened("health")
    api.activity = activity()
    look(browser)
    browser.see("document.querySelector('.strips') !== null")
    assert browser.run("document.querySelectorAll('.strips dd').length") == 3, "the source and two destinations"
    days = "[...document.querySelectorAll('.strips dd:nth-of-type({}) .day-state')]"
    assert browser.run(f"{days.format(2)}.length") == 30
    states = browser.run(f"{days.format(2)}.slice(-4).map((each) => each.innerText)")
    assert states == ["·", "✔", "✖", "▲"], "no report, 11 minutes, over eight hours and 90 minutes behind"
    said = browser.run("document.querySelector('.strips dd:nth-of-type(2) [role=img]').ariaLabel")
    assert "critical, at most 8.5 h behind" in said
    assert browser.run("document.querySelector('.strips dd:nth-of-type(1) [role=img]').ariaLabel") == (
        "never beyond the target, and no outage that is known"
    )
    # It ended half an hour ago, which may have been yesterday.
    last = browser.run(f"{days.format(3)}.slice(-2).map((each) => [each.title, each.innerText])")
    during = [shown for title, shown in last if title.endswith("no report, an outage of 2 h")]
    assert during, last
    assert set(during) == {"▲"}, "whether or not a report has seen it"
    table = "[...document.querySelectorAll('[aria-label=\"Outages that ended\"] tbody tr')].map((row) => row.innerText)"
    rows = browser.run(table)
    assert len(rows) == 2
    assert all("2 h\ntarget 60 min" in each and "1,331" in each and "answered 503" in each for each in rows), rows


def test_what_ended_in_the_last_day_is_folded_below_what_is_wrong(page, browser):  # noqa: F811
    page(views)
    browser.see("document.querySelector('#ended details') !== null")
    assert not browser.run("document.querySelector('#ended details').open")
    assert browser.run("document.querySelector('#ended summary').innerText") == "Ended in the last 24 hours: 2"
    browser.click("document.querySelector('#ended summary')")
    shown = text(browser, "#ended li")
    assert shown.startswith("s3 could not be shipped to (connection "), shown
    assert "p001 for 2 h up to 1,331 events waited" in shown
    assert "ended 30 min ago POST /services/collector answered 503." in shown
    look(browser)
    assert browser.run("document.querySelector('#ended details').open"), "a look folds nothing"


def test_the_figures_of_a_delivery_stand_under_their_names(opened, browser):
    def change(view):
        splunk, s3 = view.destinations
        account = {"delivered": 920, "already_there": 20, "restamped": 4, "filtered": 5, "before": 10, "refused": 2}
        return replace(view, spooled=1000, destinations=(replace(splunk, too_old=3, pending=60, **account), s3))

    opened("deliveries", change)
    names = "[...document.querySelectorAll('[data-destination=splunk] td.number')].map((cell) => cell.dataset.label)"
    values = (
        "[...document.querySelectorAll('[data-destination=splunk] td.number')].map((cell) => parseInt(cell.innerText))"
    )
    found = dict(zip(browser.run(names), browser.run(values), strict=True))
    parts = ("Delivered", "Waiting", "Set aside: too old", "Set aside: refused", "Left out by settings")
    assert [found[each] for each in parts] == [920, 60, 3, 2, 5]
    assert sum(found[each] for each in (*parts, "Before its beginning")) == 1000
    row = text(browser, "[data-destination=splunk]")
    assert "4 with current time" in row
    assert "20 already there" in row
    assert "The spool has 1,000 events" in text(browser, "#tab")


def test_resending_asks_with_the_number_and_the_reasons(opened, browser):
    api = opened("deliveries")
    letter = LetterView("e1", utc_now(), "p001/live", "too large", "", False, utc_now())
    reasons = (ReasonView("too large", 1200), ReasonView("", 34))
    api.others[LETTERS] = LettersView((letter,), True, 0, 1234, reasons, 1234)
    browser.click("document.getElementById('redrive-splunk')")
    browser.see("document.querySelector('dialog[open]') !== null")
    asked = text(browser, "dialog")
    assert "sends 1,234 dead letters again" in asked
    assert "1,200: too large 34: other reasons" in asked
    assert api.posted == [], "nothing is sent before that"
    api.told = {"ok": True, "message": "splunk: 1,234 dead letters are sent again by r9.", "link": "/r9"}
    browser.click("document.getElementById('send')")
    browser.see("document.getElementById('outcome-redrive-splunk').innerText.startsWith('splunk: 1,234')")
    assert api.posted == [("/api/pipelines/p001/destinations/splunk/redrive", {})]
    assert browser.run("document.querySelector('#outcome-redrive-splunk a').getAttribute('href')") == "/r9"


def test_letters_are_listed_by_page(opened, browser):
    api = opened("deliveries")

    def letters(first, count, more):
        found = tuple(
            LetterView(f"e{first + each}", utc_now(), "p001/live", "too large", "", False, utc_now())
            for each in range(count)
        )
        api.others[LETTERS] = LettersView(found, more, first, 60, (ReasonView("too large", 60),), 60)

    letters(0, 50, True)
    browser.click("document.getElementById('letters-splunk')")
    browser.see("document.querySelectorAll('dialog[open] article').length === 50")
    assert "1 to 50 of 60" in text(browser, "dialog")
    assert browser.run("document.getElementById('earlier-letters') === null")
    letters(50, 10, False)
    browser.click("document.getElementById('later-letters')")
    browser.see("document.querySelectorAll('dialog[open] article').length === 10")
    assert "51 to 60 of 60" in text(browser, "dialog")
    assert browser.run("document.getElementById('later-letters') === null")


def test_letters_are_chosen_by_reason_and_what_is_shown_has_an_address(page, browser):  # noqa: F811
    api = page(views)
    asked = []

    def letters(request):
        chosen = request.param("reason") or ""
        asked.append(chosen)
        found = tuple(
            LetterView(f"{reason}-{each}", utc_now(), "p001/live", reason, "", False, utc_now())
            for reason, many in (("too large", 3), ("odd", 2))
            for each in range(many)
            if chosen in ("", reason)
        )
        counts = (ReasonView("too large", 3), ReasonView("odd", 2), ReasonView("", 4))
        return LettersView(found, False, 0, 9, counts, len(found))

    api.others[LETTERS] = letters
    browser.run("location.hash = 'pipeline=p001&tab=deliveries'")
    browser.click("document.getElementById('letters-splunk')")
    browser.see("document.querySelectorAll('dialog[open] article').length === 5")
    assert text(browser, "dialog [aria-label=Reason]") == "all reasons: 9 too large: 3 odd: 2 other reasons: 4"
    browser.click("document.getElementById('reason-2')")
    browser.see("document.querySelectorAll('dialog[open] article').length === 2")
    assert browser.run("document.getElementById('reason-2').getAttribute('aria-pressed')") == "true"
    assert "1 to 2 of 2" in text(browser, "dialog")
    address = browser.run("location.href")
    assert "letters=splunk&reason=odd" in address
    browser.click("document.getElementById('close')")
    browser.see("!location.hash.includes('letters')")
    assert "letters" not in browser.run("document.getElementById('tab-gaps').getAttribute('href')")
    browser.go("about:blank")
    browser.go(address)
    browser.see("document.querySelectorAll('dialog[open] article').length === 2")
    assert asked == ["", "odd", "odd"]
    look(browser)
    assert asked == ["", "odd", "odd"], "a look asks for no letters again"
    browser.run("location.hash = 'pipeline=p001&tab=gaps'")
    browser.see("document.querySelector('dialog[open]') === null")


def test_letters_are_discarded_for_a_reason_that_must_be_given(opened, browser):
    api = opened("deliveries")
    letters = tuple(
        LetterView(f"e{each}", utc_now(), "p001/live", "too large", "", False, utc_now()) for each in range(3)
    )
    api.others[LETTERS] = LettersView(letters, False, 0, 3, (ReasonView("too large", 3),), 3)
    browser.click("document.getElementById('letters-splunk')")
    browser.see("document.querySelectorAll('dialog[open] article').length === 3")
    browser.click("document.getElementById('discard')")
    assert "Choose the letters to discard" in text(browser, "dialog")
    browser.click("document.querySelector('dialog .chosen[value=e1]')")
    browser.click("document.getElementById('discard')")
    assert "Say why they are discarded" in text(browser, "dialog")
    assert api.posted == []
    api.told = {"ok": True, "message": "1 dead letter of splunk will be recorded as discarded.", "link": "/r9"}
    browser.run("document.getElementById('discard-reason').value = 'a test of ours'")
    browser.click("document.getElementById('discard')")
    browser.see("document.getElementById('outcome-discard-splunk').innerText.startsWith('1 dead letter')")
    wanted = {"events": ["e1"], "reason": "a test of ours"}
    assert api.posted == [("/api/pipelines/p001/destinations/splunk/discard", wanted)]


def test_gaps_are_acknowledged_with_a_note_and_that_can_be_undone(opened, browser):
    api = opened("gaps")
    assert "the vendor keeps 30 days" in text(browser, "#tab")
    assert "asked the vendor" in text(browser, "#tab")
    assert "Ada" in text(browser, "#tab")
    assert browser.run("document.getElementById('tab-gaps').innerText") == "Gaps (1)"
    api.told = {"ok": True, "message": "The gap g0 is open again.", "link": ""}
    browser.click("document.getElementById('reopen-g0')")
    browser.see("document.getElementById('outcome-reopen-g0').innerText.startsWith('The gap g0 is open again.')")
    browser.click("document.getElementById('gap-g1')")
    browser.click("document.getElementById('note')")
    browser.type("looked at it")
    browser.click("document.getElementById('send')")
    browser.see("document.getElementById('outcome-gaps').innerText.includes('The gap g0 is open again.')")
    assert api.posted == [
        ("/api/pipelines/p001/gaps/g0/reopen", {}),
        ("/api/pipelines/p001/gaps/g1/acknowledge", {"note": "looked at it"}),
    ]


def test_runs_and_backfills_lead_to_their_tasks_logs(opened, browser):
    api = opened("runs")
    api.others["/api/pipelines/p001/runs"] = RUNS
    look(browser)
    browser.see("document.querySelectorAll('#tab tbody tr').length === 2")
    rows = [text(browser, f"#tab tbody tr:nth-child({each})") for each in (1, 2)]
    assert rows[0].startswith("running backfill by ada")
    assert "12 of 40" in rows[0]
    assert "7 of 60 in 30 s" in rows[1], "requests, and what the budget allows"
    assert '{"window_days": 7}' in rows[0]
    assert browser.run("document.querySelector('#tab progress').value") == 12
    assert browser.run("document.querySelector('#tab tbody tr:nth-child(2) a[href$=pull]').innerText") == "Log of pull"
    api.refuses = None
    del api.others["/api/pipelines/p001/runs"]
    look(browser)
    browser.see("document.querySelector('#tab .error')?.innerText === 'there is no such thing'")


def test_each_chart_answers_one_question_with_units_and_round_ticks(opened, browser):
    api = opened("health")
    api.activity = activity()
    look(browser)
    browser.see("document.querySelectorAll('svg.chart').length === 3")
    heads = browser.run("[...document.querySelectorAll('#tab h4')].map((each) => each.innerText)")
    assert heads == [
        "How far was reading behind? Largest of each hour, minutes",
        "What did splunk receive? Events by hour",
        "What did s3 receive? Events by hour",
    ]
    ticks = "[...document.querySelectorAll('svg.chart')[{}].querySelectorAll('.tick')].map((each) => each.textContent)"
    assert browser.run(ticks.format(0)) == ["0 min", "20 min", "40 min", "60 min"]
    assert browser.run(ticks.format(1)) == ["0", "20", "40", "60"]
    assert browser.run("document.querySelector('.limit-text').textContent") == "target 60 min"
    running = browser.run(
        "document.querySelectorAll('svg.chart')[1].querySelector('.running').getAttribute('aria-label')"
    )
    assert running.endswith(": 47 events to splunk, not over")


@pytest.mark.parametrize(
    ("most", "least", "step"),
    [(1, 1, 1), (3, 1, 1), (4, 1, 1), (5, 1, 2), (9, 1, 5), (47, 1, 20), (643, 1, 200), (1144, 1, 500), (20, 1, 5)],
)
def test_the_step_of_an_axis_is_one_two_or_five_times_a_power_of_ten(most, least, step, opened, browser):
    opened("health")
    found = browser.run(f"import('/static/bars.js').then(({{ stepOf }}) => stepOf({most}, {least}))")
    assert found == step
