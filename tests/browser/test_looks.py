"""The page between two looks: what was asked for may come late, or not at all. Its JSON API is held by the test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_provider.sandbox.server import Reply
from tests.browser.conftest import done, look, renew
from tests.browser.page_api import Api

TOLD = "document.getElementById('outcome-test_connection-splunk')"
ONE = "#pipeline=one&tab=deliveries"
PRESSED = "document.getElementById('test_connection-splunk')"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def api(browser):
    """A page that has opened the pipeline ``one``."""
    with Api() as api:
        browser.go(f"{api.url}/{ONE}")
        browser.see(f"location.href === '{api.url}/{ONE}' && {PRESSED} !== null")
        yield api
        for gate in api.gates.values():
            gate.set()


@pytest.mark.parametrize(
    ("leave", "shown"),
    [
        ("document.getElementById('back').click()", "document.getElementById('detail').hidden"),
        ("location.hash = 'pipeline=two'", "document.querySelector('#detail h2')?.innerText === 'two'"),
    ],
)
def test_a_pipeline_that_was_left_does_not_come_back(api, browser, leave, shown):
    held = api.hold("/api/overview?opened=one")
    renew(browser)
    assert held.arrived.wait(60)
    browser.run(leave)
    browser.see(shown)
    held.let_go()
    done(browser)
    assert browser.run(shown)


def test_a_look_that_is_answered_late_does_not_replace_a_later_one(api, browser):
    held = api.hold("/api/overview?opened=one")
    renew(browser)
    assert held.arrived.wait(60)
    browser.run("window.first = window.look, true")
    api.gates.clear()
    api.last_read -= timedelta(days=3)
    renew(browser)
    done(browser)
    held.let_go()
    browser.run("window.first.then(() => true)")
    assert "read to its end 3 d ago" in browser.run("document.getElementById('from').innerText.replace(/\\s+/g, ' ')")


def test_what_came_of_a_button_is_shown_though_the_look_after_it_fails(api, browser):
    held = api.hold("/api/pipelines/one/destinations/splunk/test-connection")
    browser.click(PRESSED)
    assert held.arrived.wait(60)
    api.down = True
    held.let_go()
    browser.see("document.getElementById('verdict').innerText === 'Airflow is down'")
    assert browser.run(f"{TOLD}.innerText").startswith("splunk is well 0 s ago")
    assert not browser.run(f"{PRESSED}.disabled")


def test_no_button_is_pressed_twice_while_the_first_waits_for_its_answer(api, browser):
    held = api.hold("/api/pipelines/one/destinations/splunk/test-connection")
    browser.click(PRESSED)
    assert held.arrived.wait(60)
    renew(browser)
    done(browser)
    assert browser.run(f"{PRESSED}.disabled"), "after a renewal too"
    assert browser.run(f"{TOLD}.innerText").strip() == "Waiting for an answer …"
    held.let_go()
    browser.see(f"!{PRESSED}.disabled && {TOLD}.innerText.startsWith('splunk is well')")


def test_what_came_of_buttons_stands_beside_each_and_is_kept(api, browser):
    browser.click(PRESSED)
    browser.see(f"{TOLD}.innerText.startsWith('splunk is well')")
    api.told = {"ok": False, "message": "splunk hung up", "link": ""}
    browser.click(PRESSED)
    browser.see(f"{TOLD}.innerText.startsWith('splunk hung up')")
    assert browser.run(f"{TOLD}.querySelector('summary').innerText") == "1 earlier"
    assert "splunk is well" in browser.run(f"{TOLD}.querySelector('li').textContent")
    look(browser)
    assert browser.run(f"{TOLD}.innerText").startswith("splunk hung up"), "after a renewal too"
    browser.run("location.hash = 'pipeline=two&tab=deliveries'")
    browser.see("document.querySelector('#detail h2')?.innerText === 'two'")
    assert browser.run(f"{TOLD}.innerText") == "", "another pipeline's button"
    browser.run("history.back()")
    browser.see(f"({TOLD}?.innerText ?? '').startsWith('splunk hung up')")


def test_a_button_says_what_it_is_for(api, browser):
    assert browser.run(f"{PRESSED}.innerText") == "Test connection"
    assert browser.run(f"{PRESSED}.getAttribute('aria-label')") == "Test connection of splunk"


VERDICT = "document.getElementById('verdict')"
SHOWN = "document.body.innerText"


@pytest.mark.parametrize(
    ("reply", "words", "login"),
    [
        (Reply.json(401, {"detail": "Not authenticated"}), "Your session has ended.", True),
        (Reply.json(403, {"detail": "Forbidden"}), 'ask an Airflow administrator for "Variables: read"', False),
        (Reply(500, b"Internal Server Error", kind="text/plain"), "Airflow answered 500: see the log", False),
        (Reply(200, b"<html>login</html>", kind="text/html"), "A web page came in place of figures", True),
    ],
)
def test_a_look_that_brings_nothing_greys_the_page_and_says_why(reply, words, login, api, browser):
    assert browser.run(f"{VERDICT}.innerText") == "All 2 pipelines are fine"
    api.refuses = reply
    look(browser)
    said = browser.run(f"{VERDICT}.innerText")
    assert words in said
    assert browser.run(f"{VERDICT}.className") == "unknown"
    shown = browser.run(SHOWN)
    assert "fine" not in shown
    assert "✔" not in shown
    assert "Not updated for" in shown
    assert browser.run("getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    link = "document.getElementById('login')"
    assert browser.run(f"{link}.getClientRects().length > 0") == login
    assert browser.run(f"new URL({link}.href).pathname.endsWith('/api/v2/auth/login')")
    api.refuses = None
    look(browser)
    assert browser.run(f"{VERDICT}.innerText") == "All 2 pipelines are fine"
    assert not browser.run("document.body.classList.contains('stale')")


def test_without_a_network_the_page_says_so_and_for_how_long_it_was_not_updated(api, browser):
    browser.call("Network.enable")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", offline=True, **offline)
    try:
        look(browser)
        assert browser.run(f"{VERDICT}.innerText").startswith("Airflow cannot be reached")
        browser.run(
            "import('/static/state.js').then((state) => { state.seen.answered -= 180000; state.commands.show(); })"
        )
        assert "Not updated for 3 min" in browser.run(SHOWN)
    finally:
        browser.call("Network.emulateNetworkConditions", offline=False, **offline)
    look(browser)
    assert not browser.run("document.body.classList.contains('stale')")


def test_figures_that_nobody_renewed_for_a_minute_are_not_shown_as_true(api, browser):
    """As where a look stays without an answer, or the computer slept."""
    browser.run("import('/static/state.js').then((state) => { state.seen.answered -= 61000; state.commands.show(); })")
    assert browser.run(f"{VERDICT}.innerText") == "Airflow has not answered."
    assert "✔" not in browser.run(SHOWN)


@pytest.fixture
def overview(api, browser):
    """The page with all pipelines."""
    browser.run("document.getElementById('back').click()")
    browser.see("document.querySelector('#pipelines tbody tr') !== null")
    return api


def test_all_pipelines_are_grey_once_nobody_renews_them(overview, browser):
    assert "fine" in browser.run(SHOWN)
    overview.refuses = Reply.json(401, {"detail": "Not authenticated"})
    look(browser)
    shown = browser.run(SHOWN)
    assert "Your session has ended." in shown
    assert "fine" not in shown
    assert "✔" not in shown
    assert browser.run("document.getElementById('state-ok').innerText") == "? not updated 2"


def test_who_leaves_a_pipeline_while_nothing_is_answered_is_told_why_there_are_no_rows(api, browser):
    api.down = True
    look(browser)
    browser.run("document.getElementById('back').click()")
    browser.see("document.getElementById('none').innerText === 'The rows are not loaded: Airflow does not answer.'")


def test_one_siem_that_is_down_is_one_line_with_the_way_to_the_log(overview, browser):
    overview.error = "splunk hung up."
    look(browser)
    lines = "document.querySelectorAll('#incidents li')"
    assert browser.run(f"{lines}.length") == 1
    told = browser.run(f"{lines}[0].innerText")
    assert "splunk cannot be shipped to (connection splunk_default)" in told
    assert "2 of 2 pipelines" in told
    assert "80 events waiting" in told
    assert "splunk hung up." in told
    assert browser.run(f"{lines}[0].querySelector('a[href^=\"/log\"]').getAttribute('href')") == "/log/one"


def test_a_look_touches_only_what_has_changed(overview, browser):
    api = overview
    api.error = "splunk hung up."
    look(browser)
    browser.run(
        """(() => {
          const error = document.querySelector('#incidents .error');
          getSelection().selectAllChildren(error);
          document.getElementById('open-two').focus();
          window.changes = [];
          const watch = (id) => new MutationObserver((found) => window.changes.push(...found.map(() => id)))
            .observe(document.getElementById(id), { subtree: true, childList: true, characterData: true });
          ['verdict', 'incidents', 'pipelines'].forEach(watch);
        })()"""
    )
    look(browser)
    assert browser.run("getSelection().toString()") == "splunk hung up."
    assert browser.run("document.activeElement.id") == "open-two"
    assert browser.run("window.changes.filter((id) => id === 'verdict').length") == 0, "nothing is spoken again"
    api.error = "splunk answered 503."
    look(browser)
    assert browser.run("document.querySelector('#incidents .error').innerText") == "splunk answered 503."
    assert browser.run("document.activeElement.id") == "open-two"
    assert "incidents" in browser.run("window.changes")
    assert browser.run("window.changes.filter((id) => id === 'verdict').length") == 0, "the verdict is the same"
    api.error = ""
    look(browser)
    assert browser.run("document.querySelectorAll('#incidents li').length") == 0
    assert "verdict" in browser.run("window.changes")


def test_a_row_that_moves_keeps_the_focus_and_its_links_do_what_they_say(overview, browser):
    browser.run("document.getElementById('open-two').focus()")
    names = "[...document.querySelectorAll('#pipelines tbody tr')].map((row) => row.dataset.pipeline).join()"
    browser.run("document.querySelector('[data-sort=name]').click()")
    browser.see("document.querySelector('[data-sort=name]').parentElement.getAttribute('aria-sort') === 'ascending'")
    browser.run("document.querySelector('[data-sort=name]').click()")
    browser.see(f"{names} === 'two,one'")
    assert browser.run("document.activeElement.id") == "open-two"
    browser.click("document.getElementById('open-two')")
    browser.see("document.querySelector('#detail h2')?.innerText === 'two'")
