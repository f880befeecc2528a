"""A real Airflow over the sandbox, and a real browser."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import yaml

from audit_provider.core.model import text_of, utc_now
from audit_provider.core.spool import LocalStore
from audit_provider.sandbox.demo_pipelines import SOURCES, connections_of, pipelines_of
from audit_provider.sandbox.local_airflow import LocalAirflow
from audit_provider.sandbox.proof import read_accounts
from tests.browser.chromium import Chromium, installed

ROOT = Path(__file__).resolve().parents[2]
EVENTS = 300
NOTE = 30_000
"""Letters that make one event larger than Splunk takes here, and a field no larger than OpenSearch can index."""

INCREMENTAL = "audit_incremental_pylon"
LARGE, USUAL = 20_000, 5_000_000
"""Bytes of an event that the Splunk stand-in takes: fewer than one event has, and as many as Splunk itself does."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An Airflow that has read and shipped the sandbox's pipelines, and a browser.

    Splunk has refused one event of Pylon's, and Pigment shows nothing of the days before its limit.
    """
    missing = installed()
    if missing:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("world")
    with contextlib.ExitStack() as held:
        sandbox = held.enter_context(_sandbox(folder))
        control(sandbox, "splunk", "limits", max_event_bytes=LARGE)
        control(sandbox, "pylon", "events", count=1, span_seconds=60, fields={"metadata": {"note": "x" * NOTE}})
        pipelines = folder / "pipelines.yaml"
        # Within the 30 days for which WorkOS keeps events.
        start = text_of(utc_now() - timedelta(days=29, hours=12))
        entries = yaml.safe_load(pipelines_of(sandbox, start=start, schedule=None))
        entries["pigment"]["start"] = text_of(utc_now() - timedelta(days=200))
        entries["pylon"]["monitoring"] = {"ship_findings": True}
        pipelines.write_text(yaml.safe_dump(entries, sort_keys=False))
        environment = connections_of(sandbox) | {"AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(pipelines)}
        airflow = held.enter_context(LocalAirflow(folder / "airflow", ROOT / "dags", environment).running(print))
        dags = [f"audit_incremental_{name}" for name in SOURCES]
        for dag in (*dags, "audit_backfill_pylon"):
            airflow.unpause(dag)
        browser = Chromium(folder)
        held.callback(browser.close)
        first = _first_sight(airflow, browser)
        runs = {dag: airflow.trigger(dag) for dag in dags}
        ends = {dag: airflow.wait(dag, run, print) for dag, run in runs.items()}
        assert ends == dict.fromkeys(dags, "success") | {INCREMENTAL: "failed"}
        yield SimpleNamespace(
            airflow=airflow,
            browser=browser,
            first=first,
            pipelines=pipelines,
            folder=folder,
            sandbox=sandbox,
            account=lambda: _account(airflow),
            tokens=_tokens(sandbox),
        )


def _first_sight(airflow, browser):
    """Return what the page shows where no pipeline has ever run, to somebody who is logged in."""
    login = {"username": airflow.user, "password": airflow.password}
    token = requests.post(f"{airflow.url}/auth/token", json=login, timeout=300).json()["access_token"]
    browser.call("Network.setCookie", url=airflow.url, name="_token", value=token)
    browser.go(f"{airflow.url}/audit-logs/")
    browser.see("document.querySelectorAll('#pipelines tbody tr').length > 0")
    verdict = "document.getElementById('verdict')"
    seen = browser.run(f"[{verdict}.innerText, {verdict}.className, document.body.innerText]")
    browser.call("Network.clearBrowserCookies")
    browser.go("about:blank")
    return seen


def control(sandbox, name, what, **body):
    requests.post(f"{sandbox[name]['url']}/_sandbox/{what}", json=body, timeout=60).raise_for_status()


def api_server(airflow):
    """Return the processes of an Airflow's API server."""
    processes = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            # A part may write its name into its command line, with another sign between the words.
            processes[int(folder.name)] = (above, (folder / "cmdline").read_bytes().replace(b"_", b"-"))
        except OSError:  # it has ended meanwhile
            continue
    found = [
        each for each, (above, command) in processes.items() if above == airflow.process_id and b"api-server" in command
    ]
    assert found, "no process of the API server is known"
    for one in found:
        found += [each for each, (above, _) in processes.items() if above == one]
    return found


def _account(airflow):
    """Return the account of Splunk in Pylon's live stream."""
    accounts = read_accounts(airflow, LocalStore(airflow.home / "audit_spool"), "pylon", ["splunk"])
    (found,) = [each for each in accounts if each.stream.startswith("pylon/live")]
    return found


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


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if missing := installed():
        pytest.skip(missing)
    browser = Chromium(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def look(browser):
    """Look as the page does every 15 seconds, and wait for the answer."""
    renew(browser)
    done(browser)


def renew(browser):
    """Begin such a look."""
    browser.run("import('/static/state.js').then((state) => { window.look = state.commands.look(); })")


def done(browser):
    """Wait for the answer to a look that has begun."""
    browser.run("window.look.then(() => true)")
