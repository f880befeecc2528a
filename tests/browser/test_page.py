"""The page "Audit logs" as a person meets it: a real Airflow over the sandbox, and a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from audit_provider.core.model import text_of, utc_now
from audit_provider.core.monitoring.summary import pack_summary
from audit_provider.core.position import pack_position, unpack_position
from audit_provider.sandbox.demo_pipelines import SOURCES, connections_of, pipelines_of
from audit_provider.sandbox.local_airflow import LocalAirflow
from tests.browser.chromium import Chromium, installed
from tests.plugin.conftest import GAP, summary

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(os.environ.get("AUDIT_PICTURES", ROOT / ".run" / "pictures"))
FRAME = "document.querySelector('iframe[title=\"Audit logs\"]').contentDocument"
EVENTS = 300

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An Airflow that has read and shipped one pipeline of the sandbox, with a gap and letters noted, and a browser."""
    missing = installed()
    if missing:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("world")
    with contextlib.ExitStack() as held:
        sandbox = held.enter_context(_sandbox(folder))
        pipelines = folder / "pipelines.yaml"
        start = text_of(utc_now() - timedelta(days=30))
        pipelines.write_text(pipelines_of(sandbox, start=start, schedule=None))
        environment = connections_of(sandbox) | {"AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(pipelines)}
        airflow = held.enter_context(LocalAirflow(folder / "airflow", ROOT / "dags", environment).running(print))
        for dag in ("audit_incremental_pylon", "audit_backfill_pylon"):
            airflow.unpause(dag)
        assert airflow.wait("audit_incremental_pylon", airflow.trigger("audit_incremental_pylon"), print) == "success"
        browser = Chromium(folder)
        held.callback(browser.close)
        yield SimpleNamespace(airflow=airflow, browser=browser, tokens=_tokens(sandbox))


@contextlib.contextmanager
def _sandbox(folder):
    described = folder / "sandbox.json"
    command = [sys.executable, "-m", "audit_provider.sandbox", "--describe", str(described), "--events", str(EVENTS)]
    command += ["--days", "29", "--contracts", str(ROOT / "tests/fixtures"), "--sources", ",".join(SOURCES[1:])]
    command += ["--source-events", "20", "--source-days", "5"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while not described.exists():
            assert process.poll() is None, "the sandbox ended"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        yield json.loads(described.read_text())
    finally:
        process.terminate()
        process.wait(30)


def _tokens(sandbox):
    return [each["token"] for each in sandbox.values() if "token" in each]


def _keep(airflow, key, text):
    if airflow.call("POST", "/variables", body={"key": key, "value": text}, allow=(409,)) is None:
        airflow.call("PATCH", f"/variables/{key}", body={"key": key, "value": text})


def _runs(airflow, dag):
    return airflow.call("GET", f"/dags/{dag}/dagRuns")["dag_runs"]


def test_the_login_form_leads_to_the_page_by_airflows_navigation(world):
    browser, airflow = world.browser, world.airflow
    browser.go(f"{airflow.url}/")
    browser.click("document.querySelector('input[name=username]')")
    browser.type("admin")
    browser.click("document.querySelector('input[name=password]')")
    browser.type(airflow.password)
    browser.click("document.querySelector('button[type=submit]')")
    browser.click("[...document.querySelectorAll('a')].find(a => a.innerText.trim() === 'Audit logs')")
    browser.see(f"{FRAME}.querySelectorAll('#pipelines tbody tr').length === {len(SOURCES)}")
    assert browser.run("location.pathname").startswith("/plugin/audit_logs")


def test_the_figures_are_those_of_the_run(world):
    browser, airflow = world.browser, world.airflow
    kept = airflow.variables("audit_logs.pylon.")
    position = unpack_position(kept["audit_logs.pylon.cursor"], "the cursor")
    assert position.counts.spooled == EVENTS
    noted = summary("pylon", dead_letters={"splunk": 2})
    _keep(airflow, "audit_logs.pylon.summary", pack_summary(noted))
    _keep(airflow, "audit_logs.pylon.cursor", pack_position(replace(position, gaps=(GAP,))))
    browser.go(f"{airflow.url}/plugin/audit_logs")
    browser.see(f"{FRAME}.querySelector('#verdict').innerText.startsWith('1 critical')")
    problems = browser.run(f"{FRAME}.querySelector('#problems').innerText")
    assert problems.index("splunk has 2 dead letters") < problems.index("is paused")
    assert "the vendor keeps 30 days" in problems
    first = browser.run(f"{FRAME}.querySelector('#pipelines tbody tr').dataset.pipeline")
    assert first == "pylon", "what is wrong comes first"
    browser.click(f"{FRAME}.getElementById('open-pylon')")
    row = browser.see(f"{FRAME}.querySelector('[data-destination=splunk]')?.innerText")
    assert f"{EVENTS}\t0\t0" in row, "delivered, pending, failures"
    assert browser.run(f"{FRAME}.querySelectorAll('svg.chart .day').length") == 35
    assert browser.run(f"{FRAME}.querySelectorAll('svg.chart .band').length") == 1
    assert "Ada failed to log in 40 times." in browser.run(f"{FRAME}.getElementById('detail').innerText")
    for name, dark in (("dark", True), ("light", False)):
        browser.dark(dark=dark)
        browser.run(f"{FRAME}.documentElement.scrollTo(0, 0)")
        browser.picture(PICTURES / f"overview_{name}.png")
    browser.run(f"{FRAME}.getElementById('detail').scrollIntoView()")
    browser.picture(PICTURES / "pipeline.png")


def test_a_day_and_a_category_can_be_chosen_by_keyboard(world):
    browser = world.browser
    browser.run(f"{FRAME}.getElementById('day-34').focus()")
    browser.press("Enter", 13)
    day = browser.run(f"{FRAME}.getElementById('day-34').getAttribute('aria-label')")[:10]
    browser.see(f"{FRAME}.getElementById('detail').innerText.includes('every category, {day}')")
    browser.click(f"{FRAME}.getElementById('category-0')")
    browser.see(f"{FRAME}.getElementById('detail').innerText.includes('authentication, {day}')")
    browser.picture(PICTURES / "drill_down.png")


def test_the_page_is_searched_sorted_and_filtered(world):
    browser = world.browser
    names = f"[...{FRAME}.querySelectorAll('#pipelines tbody tr')].map(row => row.dataset.pipeline).join()"
    browser.click(f"{FRAME}.querySelector('[data-sort=name]')")
    browser.see(f"{names} === '{','.join(sorted(SOURCES))}'")
    browser.click(f"{FRAME}.querySelector('[data-sort=name]')")
    browser.see(f"{names} === '{','.join(sorted(SOURCES, reverse=True))}'")
    browser.click(f"{FRAME}.getElementById('find')")
    browser.type("sentinel")
    browser.see(f"{names} === 'pylon'")
    browser.run(f"{FRAME}.getElementById('find').value = ''")
    browser.click(f"{FRAME}.querySelector('[data-sort=state]')")


@pytest.mark.parametrize("destination", ["s3", "splunk"])
def test_a_connection_is_tested_and_a_test_event_sent(destination, world):
    browser = world.browser
    told = f"({FRAME}.querySelector('#told.good')?.innerText ?? '')"
    browser.click(f"{FRAME}.getElementById('test_connection-{destination}')")
    browser.see(f"!['', 'Waiting for an answer …'].includes({told})")
    browser.click(f"{FRAME}.getElementById('test_event-{destination}')")
    browser.see(f"{told}.startsWith('{destination} took the test event test-')")
    browser.picture(PICTURES / f"test_event_{destination}.png")


def test_a_gap_is_acknowledged_with_a_note(world):
    browser, airflow = world.browser, world.airflow
    browser.click(f"[...{FRAME}.querySelectorAll('button')].find(b => b.id.startsWith('gap-'))")
    browser.click(f"{FRAME}.getElementById('note')")
    browser.type("the vendor sent a file")
    browser.picture(PICTURES / "acknowledge.png")
    browser.click(f"{FRAME}.getElementById('send')")
    browser.see(f"{FRAME}.getElementById('detail').innerText.includes('There is no open gap.')")
    (record,) = json.loads(airflow.variables("audit_logs.pylon.gaps.")["audit_logs.pylon.gaps.acknowledged"]).values()
    assert (record["by"], record["note"]) == ("admin", "the vendor sent a file")


def test_dead_letters_are_listed_and_sent_again_by_a_run(world):
    browser, airflow = world.browser, world.airflow
    browser.click(f"{FRAME}.getElementById('letters-splunk')")
    browser.see(f"{FRAME}.querySelector('dialog[open]')?.innerText.includes('None is open.')")
    browser.click(f"{FRAME}.querySelector('dialog[open] button')")
    before = {each["dag_run_id"] for each in _runs(airflow, "audit_incremental_pylon")}
    browser.click(f"{FRAME}.getElementById('redrive-splunk')")
    browser.see(f"{FRAME}.querySelector('#told.good a') !== null")
    (run,) = [each for each in _runs(airflow, "audit_incremental_pylon") if each["dag_run_id"] not in before]
    assert run["conf"] == {"redrive": ["splunk"]}
    assert run["triggering_user_name"] == "admin"
    assert airflow.wait("audit_incremental_pylon", run["dag_run_id"], print) == "success"


def test_the_page_leads_to_the_backfills_form_and_it_starts_one(world):
    browser, airflow = world.browser, world.airflow
    browser.click(f"[...{FRAME}.querySelectorAll('#detail a')].find(a => a.innerText === 'backfill')")
    browser.see("location.pathname === '/dags/audit_backfill_pylon'")
    browser.click("[...document.querySelectorAll('button')].find(b => /^Trigger/.test(b.innerText.trim()))")
    form = "[...document.querySelectorAll('[role=dialog]')].find(d => /Days per window/.test(d.innerText))"
    browser.see(f"{form} !== undefined")
    browser.picture(PICTURES / "backfill_form.png")
    browser.click(f"[...{form}.querySelectorAll('button')].filter(b => /^Trigger/.test(b.innerText.trim())).at(-1)")
    until = time.monotonic() + 60
    while not (runs := _runs(airflow, "audit_backfill_pylon")) and time.monotonic() < until:
        time.sleep(0.5)
    assert runs[0]["triggering_user_name"] == "admin"
    assert runs[0]["conf"]["window_days"] == 180
    assert "webhook" in runs[0]["conf"]["destinations"]


def test_nothing_was_thrown_and_no_secret_was_shown(world):
    shown = world.browser.run("document.documentElement.outerHTML")
    assert not [each for each in world.browser.told if "audit-logs" in each]
    assert not [token for token in world.tokens if token in shown]
