"""The overview of many pipelines: one row each, one column for each connection, and an address for what is chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.model import utc_now
from audit_provider.plugin.overview_views import Setup
from audit_provider.plugin.views import DestinationView, PipelineView, Problem, SourceView
from tests.browser.conftest import look
from tests.browser.page_api import Api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

NAMES = "[...document.querySelectorAll('#pipelines tbody tr')].map((row) => row.dataset.pipeline).join()"
COUNT = "document.querySelectorAll('#pipelines tbody tr[data-pipeline]').length"


def served(name, conn_id, state="ok", **more):
    return DestinationView(name, name, enabled=state != "off", state=state, conn_id=conn_id, **more)


def pipeline(number, *, down=False, **more):
    """A pipeline of two destinations. :param down: the SIEM does not answer, and events wait for it."""
    now = utc_now()
    splunk = served("splunk", "splunk_eu", last_success=now)
    problems = ()
    if down:
        since = now - timedelta(minutes=11)
        error = "splunk hung up."
        splunk = replace(
            splunk, state="critical", pending=7, waiting_since=since, failures_in_a_row=2, last_error=error
        )
        problems = (
            Problem(
                "critical",
                f"splunk failed in 2 runs in a row: {error}",
                "splunk",
                since=since,
                next_try=now + timedelta(minutes=2),
                log=f"/log/{number}",
                kind="destination",
                cause="splunk_eu",
                subject="splunk",
                waiting=7,
                error=error,
            ),
        )
    entries = {
        "reading": SourceView("ok", conn_id="pylon_default", last_complete=now - timedelta(minutes=20)),
        "tags": ("emea",) if number % 2 else ("apac", "finance"),
        "last_read": now,
        "destinations": (splunk, served("s3", "aws_default", last_success=now)),
        "links": dict.fromkeys(("dag", "backfill"), "/"),
    }
    state = "critical" if down else "ok"
    return PipelineView(f"p{number:03}", "Pylon", state, problems=problems, **(entries | more))


@pytest.fixture
def page(browser):
    """Open the page over some pipelines."""
    opened = []

    def open_page(views, address=""):
        api = Api(views)
        api.__enter__()
        opened.append(api)
        browser.go(f"{api.url}/{address}")
        browser.see("!document.getElementById('verdict').innerText.startsWith('Loading')")
        return api

    yield open_page
    for api in opened:
        api.__exit__(None, None, None)


def test_a_dead_siem_is_a_red_column_and_a_dead_source_a_red_cell_at_the_left(page, browser):
    late = SourceView("critical", conn_id="x", last_complete=utc_now() - timedelta(minutes=12), failures_in_a_row=3)
    page(lambda: [*(pipeline(number, down=True) for number in range(1, 5)), pipeline(5, down=True, reading=late)])
    heads = browser.run("[...document.querySelectorAll('#pipelines thead th')].map((head) => head.innerText)")
    assert heads[2:5] == [
        "Source, last read",
        "✖ splunk\nsplunk_eu\n0 of 5 delivering",
        "✔ s3\naws_default\n5 of 5 delivering",
    ]
    cells = "[...document.querySelectorAll('#pipelines tbody tr')].map((row) => row.children[{}].innerText)"
    assert browser.run(cells.format(3)) == ["✖ 11 min\n7 waiting, failed 2×"] * 5
    assert browser.run(cells.format(4)) == ["✔ 0 s"] * 5
    assert browser.run(cells.format(2)) == ["✔ 20 min ago"] * 4 + ["✖ 12 min ago\nfailed 3×"]
    colour = "getComputedStyle(document.querySelector('#pipelines tbody tr').children[{}]).backgroundColor"
    assert browser.run(colour.format(3)) != browser.run(colour.format(4)), "red, beside the shape"


def test_the_top_says_three_figures_and_the_incident_what_to_do(page, browser):
    api = page(lambda: [pipeline(number, down=number < 8) for number in range(10)])
    totals = browser.run("document.getElementById('totals').innerText")
    assert totals == (
        "✔ Sources current 10 of 10 · ✖ Destinations delivering 12 of 20 · 56 events waiting, the oldest for 11 min"
    )
    (line,) = browser.run("[...document.querySelectorAll('#incidents li')].map((each) => each.innerText)")
    for words in (
        "splunk cannot be shipped to (connection splunk_eu)",
        "8 of 10 pipelines",
        "and 3 more",
        "next try in",
    ):
        assert words in line
    assert browser.run("document.querySelector('#incidents a[href^=\"/log\"]').innerText") == "Task log"
    test = "[...document.querySelectorAll('#incidents button')].find((each) => each.innerText === 'Test')"
    assert browser.run(f"{test}.getAttribute('aria-label')") == "Test connection splunk_eu"
    api.told = {"ok": False, "message": "splunk_eu does not answer", "link": ""}
    browser.click(test)
    browser.see("document.querySelector('#incidents .outcome').innerText.startsWith('splunk_eu does not answer')")
    assert api.posted == [("/api/pipelines/p000/destinations/splunk/test-connection", {})]
    copy = "[...document.querySelectorAll('#incidents button')].find((each) => each.innerText === 'Copy error')"
    browser.click(copy)
    browser.see("/Copied|Selected/.test(document.getElementById('incidents').innerText)")


def test_what_is_chosen_stands_in_the_address_and_the_address_chooses_it(page, browser):
    api = page(lambda: [pipeline(number, down=number == 3) for number in range(1, 7)])
    browser.click("document.getElementById('find')")
    browser.type("P00")
    browser.see("location.hash === '#find=P00'")
    browser.click("document.getElementById('state-ok')")
    browser.see(f"{NAMES} === 'p001,p002,p004,p005,p006'")
    browser.run("Object.assign(document.getElementById('tag'), { value: 'emea' }).dispatchEvent(new Event('change'))")
    browser.see(f"{NAMES} === 'p001,p005'")
    browser.click("document.querySelector('[data-sort=name]')")
    browser.see("location.hash.includes('sort=name')")
    browser.click("document.querySelector('[data-sort=name]')")
    browser.see(f"{NAMES} === 'p005,p001'")
    asked = browser.run("location.hash")
    browser.go("about:blank")
    browser.go(f"{api.url}/{asked}")
    browser.see(f"{NAMES} === 'p005,p001'")
    assert browser.run("document.getElementById('find').value") == "P00"
    assert browser.run("document.getElementById('tag').value") == "emea"
    chips = browser.run("[...document.querySelectorAll('#states button')].map((each) => each.innerText)")
    assert chips == ["all 3", "✖ critical 1", "✔ fine 2"], "counts of what was looked for, whatever its state"
    assert browser.run("document.getElementById('state-ok').getAttribute('aria-pressed')") == "true"
    browser.run("document.getElementById('open-p005').click()")
    browser.see("document.querySelector('#detail h2')?.innerText === 'p005'")
    browser.run("history.back()")
    browser.see(f"{NAMES} === 'p005,p001'")


def test_pipelines_are_grouped_by_their_tag(page, browser):
    page(lambda: [pipeline(number) for number in range(1, 5)], "#group=tag")
    browser.see(f"{COUNT} === 4")
    rows = browser.run("[...document.querySelectorAll('#pipelines tbody tr')].map((row) => row.children[0].innerText)")
    assert [each for each in rows if "fine" not in each] == ["apac", "emea"]
    assert browser.run(NAMES) == ",p002,p004,,p001,p003"


def test_of_many_pipelines_fifty_are_shown_at_a_time(page, browser):
    page(lambda: [pipeline(number) for number in range(120)])
    assert browser.run(COUNT) == 50
    assert browser.run("document.querySelector('#pager span').innerText") == "1 to 50 of 120"
    assert browser.run("document.getElementById('earlier').disabled")
    browser.click("document.getElementById('later')")
    browser.see("document.querySelector('#pager span').innerText === '51 to 100 of 120'")
    browser.click("document.getElementById('later')")
    browser.see(f"{COUNT} === 20")
    assert browser.run("document.getElementById('later').disabled")
    browser.click("document.getElementById('find')")
    browser.type("p00")
    browser.see(f"{COUNT} === 10")
    assert browser.run("document.getElementById('pager').innerText") == ""


def test_where_nothing_matches_the_page_says_so(page, browser):
    page(lambda: [pipeline(1)], "#find=nothing")
    assert browser.run("document.getElementById('none').innerText") == "No pipeline matches what you have chosen."


def test_a_column_can_be_sorted_by_and_says_since_when_events_wait(page, browser):
    page(lambda: [pipeline(1), pipeline(2), pipeline(3, down=True)], "#sort=name")
    browser.see(f"{NAMES} === 'p001,p002,p003'")
    browser.click("document.querySelector('[data-sort=\"to:splunk_eu\"]')")
    browser.see(f"{NAMES} === 'p003,p001,p002'")


def test_a_pipeline_that_nobody_knows_is_said_to_be_none(page, browser):
    page(lambda: [pipeline(1)], "#pipeline=gone")
    browser.see("document.getElementById('detail').innerText.includes('There is no pipeline gone that you may see.')")


def test_a_page_in_a_frame_shares_its_address_with_the_window_around_it(page, browser):
    api = page(lambda: [pipeline(1), pipeline(2)])
    browser.go(f"{api.url}/static/icon.svg#pipeline=p002&tab=gaps")
    frame = "document.querySelector('*|iframe').contentDocument"
    browser.see("document.documentElement !== null")
    browser.run(
        """(() => {
          const frame = document.createElementNS('http://www.w3.org/1999/xhtml', 'iframe');
          frame.src = '/';
          document.documentElement.append(frame);
        })()"""
    )
    browser.see(f"({frame}?.querySelector('#detail h2')?.innerText ?? '') === 'p002'")
    browser.run(f"{frame}.getElementById('back').click()")
    browser.see("location.hash === ''")
    browser.see(f"{frame}.getElementById('open-p001') !== null")
    browser.run(f"{frame}.getElementById('open-p001').click()")
    browser.see("location.hash === '#pipeline=p001'")


def test_a_look_that_finds_nothing_new_costs_nothing(page, browser):
    views = [pipeline(number, down=number % 3 == 0) for number in range(60)]
    api = page(lambda: views)
    look(browser)
    browser.run(
        """(() => {
          window.changes = 0;
          new MutationObserver((found) => { window.changes += found.length; })
            .observe(document.body, { subtree: true, childList: true, attributes: true });
        })()"""
    )
    api.sent.clear()
    look(browser)
    assert api.sent == [0]
    assert browser.run("window.changes") <= 5, "what passes with the time alone"


def test_an_installation_without_a_pipeline_shows_three_steps_with_the_paths(page, browser):
    api = page(lambda: [])
    api.setup = Setup("/opt/airflow/dags/audit_pipelines.yaml", found=False, dags_folder="/opt/airflow/dags")
    look(browser)
    browser.see("document.querySelectorAll('#none li').length === 3")
    steps = browser.run("[...document.querySelectorAll('#none li')].map((each) => each.innerText)")
    assert "/opt/airflow/dags/audit_pipelines.yaml, which is not there yet." in steps[0]
    assert "audit-logs dag-files /opt/airflow/dags" in steps[1]
    assert "audit-logs check --connections" in steps[2]
    assert browser.run("document.getElementById('verdict').className") == "new", "nothing is fine"
    assert browser.run("document.getElementById('pipelines').getClientRects().length") == 0
