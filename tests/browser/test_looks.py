"""The page between two looks: what was asked for may come late, or not at all. Its JSON API is held by the test."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest

from audit_provider.core.model import utc_now
from audit_provider.plugin.incidents import incidents_of
from audit_provider.plugin.verdict import totals_of, verdict_of
from audit_provider.plugin.views import (
    DestinationView,
    Overview,
    PipelineDetail,
    PipelineView,
    Problem,
    SourceView,
)
from audit_provider.sandbox.server import Reply, Service
from tests.browser.chromium import Chromium, installed
from tests.browser.conftest import ROOT

PAGE = ROOT / "audit_provider" / "plugin" / "page"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
TOLD = "document.getElementById('told')"
PRESSED = "document.getElementById('test_connection-splunk')"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


class Api(Service):
    """The page, and an API of two pipelines; ``hold`` keeps the answers to a path until they are let go.

    :ivar last_read: of both pipelines. :ivar error: that both ended with at splunk, "" where they did not fail.
    :ivar refuses: what every look is answered with, if anything.
    """

    name = "page"

    def __init__(self):
        super().__init__()
        self.gates: dict[str, threading.Event] = {}
        self.arrived: dict[str, threading.Event] = {}
        self.down = False
        self.refuses: Reply | None = None
        self.error = ""
        self.last_read = utc_now()

    def hold(self, path):
        """Hold what a path is answered with from now on, as it is when it is asked for."""
        self.arrived[path] = threading.Event()
        self.gates[path] = threading.Event()
        return SimpleNamespace(arrived=self.arrived[path], let_go=self.gates[path].set)

    def answer(self, request):
        opened = request.param("opened")
        path = f"{request.path}?opened={opened}" if opened else request.path
        reply = self._reply(request.path, opened, request.method)
        if gate := self.gates.get(path):
            self.arrived[path].set()
            assert gate.wait(300)
        return reply

    def _reply(self, path, opened, method):
        if path == "/":
            return Reply(200, (PAGE / "index.html").read_bytes(), kind="text/html")
        if path.startswith("/static/"):
            file = PAGE / path.removeprefix("/static/")
            return Reply(200, file.read_bytes(), kind=KINDS[file.suffix])
        if method == "POST":
            return Reply.json(200, {"ok": True, "message": "splunk is well", "link": ""})
        if self.down:
            return Reply.json(503, {"detail": "Airflow is down"})
        if self.refuses:
            return self.refuses
        assert path == "/api/overview"
        views = {name: pipeline(name, self.last_read, self.error) for name in ("one", "two")}
        whole = PipelineDetail(views[opened]) if opened else None
        found = Overview(
            utc_now(),
            critical=0,
            warning=0,
            hidden=0,
            mistakes="",
            verdict=verdict_of(list(views.values())),
            totals=totals_of(list(views.values())),
            pipelines=tuple(views.values()),
            opened=whole,
            incidents=tuple(incidents_of(list(views.values()))),
        )
        return Reply.json(200, json.loads(msgspec.json.encode(found)))


def pipeline(name, last_read, error=""):
    state = "critical" if error else "ok"
    served = DestinationView(
        "splunk",
        "splunk_hec",
        enabled=True,
        state=state,
        pending=40 if error else 0,
        failures_in_a_row=2 if error else 0,
        last_error=error,
        may=("test_connection",),
    )
    problem = Problem(
        "critical",
        f"splunk failed in 2 runs in a row: {error}",
        "splunk",
        since=last_read,
        log=f"/log/{name}",
        kind="destination",
        cause="splunk_default",
        subject="splunk",
        waiting=40,
        error=error,
    )
    return PipelineView(
        name,
        "pylon",
        state,
        reading=SourceView("ok", last_complete=last_read),
        problems=(problem,) if error else (),
        last_read=last_read,
        destinations=(served,),
        links=dict.fromkeys(("dag", "backfill"), "/"),
        may=(),
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if missing := installed():
        pytest.skip(missing)
    browser = Chromium(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def api(browser):
    """A page that has opened the pipeline ``one``."""
    with Api() as api:
        browser.go(f"{api.url}/#one")
        browser.see(f"location.href === '{api.url}/#one' && {PRESSED} !== null")
        yield api
        for gate in api.gates.values():
            gate.set()


def renew(browser):
    """Look as the page does every 15 seconds; return once that has begun."""
    browser.run("import('/static/state.js').then((state) => { window.look = state.commands.look(); })")


def done(browser):
    browser.run("window.look.then(() => true)")


@pytest.mark.parametrize(
    ("button", "shown"),
    [
        ("close", "document.getElementById('detail').hidden"),
        ("open-two", "document.querySelector('#detail h2')?.innerText === 'two'"),
    ],
)
def test_a_pipeline_that_was_left_does_not_come_back(api, browser, button, shown):
    held = api.hold("/api/overview?opened=one")
    renew(browser)
    assert held.arrived.wait(60)
    browser.click(f"document.getElementById('{button}')")
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
    assert "3 d ago" in browser.run("document.querySelector('#pipelines tbody tr').innerText")
    assert "last 3 d ago" in browser.run("document.getElementById('detail').innerText")


def test_what_came_of_a_button_is_shown_though_the_look_after_it_fails(api, browser):
    held = api.hold("/api/pipelines/one/destinations/splunk/test-connection")
    browser.click(PRESSED)
    assert held.arrived.wait(60)
    api.down = True
    held.let_go()
    browser.see("document.getElementById('verdict').innerText === 'Airflow is down'")
    assert browser.run(f"{TOLD}.innerText").strip() == "splunk is well"
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
    browser.see(f"!{PRESSED}.disabled && {TOLD}.innerText.trim() === 'splunk is well'")


def test_what_came_of_a_button_is_not_told_of_another_pipeline(api, browser):
    held = api.hold("/api/pipelines/one/destinations/splunk/test-connection")
    browser.click(PRESSED)
    assert held.arrived.wait(60)
    browser.click("document.getElementById('open-two')")
    browser.see("document.querySelector('#detail h2')?.innerText === 'two'")
    after = api.hold("/api/overview?opened=two")
    held.let_go()
    assert after.arrived.wait(60), "the look after the button"
    after.let_go()
    renew(browser)
    done(browser)
    assert browser.run(f"{TOLD}.innerText") == ""
    assert not [each for each in browser.told if "503" not in each]


VERDICT = "document.getElementById('verdict')"
SHOWN = "document.body.innerText"


def look(browser):
    renew(browser)
    done(browser)


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
    assert "fine" not in shown.replace(_options(browser), "")
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


def _options(browser):
    """Return what the filter of states shows: it names all of them."""
    return browser.run("document.getElementById('filters').innerText")


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


def test_one_siem_that_is_down_is_one_line_with_the_way_to_the_log(api, browser):
    api.error = "splunk hung up."
    look(browser)
    lines = "document.querySelectorAll('#incidents li')"
    assert browser.run(f"{lines}.length") == 1
    told = browser.run(f"{lines}[0].innerText")
    assert "splunk cannot be shipped to (connection splunk_default)" in told
    assert "2 of 2 pipelines" in told
    assert "80 events waiting" in told
    assert told.rstrip().endswith("splunk hung up.")
    assert browser.run(f"{lines}[0].querySelector('a').getAttribute('href')") == "/log/one"


def test_a_look_touches_only_what_has_changed(api, browser):
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
          ['verdict', 'incidents', 'detail'].forEach(watch);
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


def test_a_row_that_moves_keeps_the_focus_and_its_buttons_do_what_they_say(api, browser):
    browser.run("document.getElementById('open-two').focus()")
    browser.run("document.querySelector('[data-sort=name]').click()")
    browser.run("document.querySelector('[data-sort=name]').click()")
    names = "[...document.querySelectorAll('#pipelines tbody tr')].map((row) => row.dataset.pipeline).join()"
    assert browser.run(names) == "two,one"
    assert browser.run("document.activeElement.id") == "open-two"
    browser.run("document.querySelector('[data-sort=state]').click()")
    browser.click("document.getElementById('open-two')")
    browser.see("document.querySelector('#detail h2')?.innerText === 'two'")
