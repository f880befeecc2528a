"""The page between two looks: what was asked for may come late, or not at all. Its JSON API is held by the test."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest

from audit_provider.core.model import utc_now
from audit_provider.plugin.views import DestinationView, Overview, PipelineDetail, PipelineView
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

    :ivar last_read: of both pipelines.
    """

    name = "page"

    def __init__(self):
        super().__init__()
        self.gates: dict[str, threading.Event] = {}
        self.arrived: dict[str, threading.Event] = {}
        self.down = False
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
        assert path == "/api/overview"
        views = {name: pipeline(name, self.last_read) for name in ("one", "two")}
        whole = PipelineDetail(views[opened]) if opened else None
        found = Overview(utc_now(), 0, 0, 0, "", tuple(views.values()), whole)
        return Reply.json(200, json.loads(msgspec.json.encode(found)))


def pipeline(name, last_read):
    served = DestinationView("splunk", "splunk_hec", enabled=True, state="ok", may=("test_connection",))
    links = dict.fromkeys(("dag", "backfill"), "/")
    return PipelineView(name, "pylon", "ok", last_read=last_read, destinations=(served,), links=links, may=())


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
