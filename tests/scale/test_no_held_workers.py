"""A real Airflow with two worker slots, ten pipelines that wait for budgets, and a triggerer that is killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import yaml

from audit_provider.core.model import utc_now
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.local_airflow import LocalAirflow
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

PIPELINES = 10
EVENTS = 35
PAGE = 10
NAMES = [f"p{number:02d}" for number in range(PIPELINES)]
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
DAGS = Path(__file__).resolve().parents[2] / "dags"
PATIENCE = 900


@pytest.fixture
def services():
    now = utc_now()
    with (
        PylonService("pylon", generate(EVENTS, now - timedelta(days=5), now), rate_limits={}) as pylon,
        SplunkHecService("hec", indexes=["audit"]) as splunk,
    ):
        yield pylon, splunk


@pytest.fixture
def airflow(tmp_path, services):
    pylon, splunk = services
    pipelines = {
        name: {
            "source": "pylon",
            "schedule": None,
            "start": (utc_now() - timedelta(days=6)).isoformat(),
            "page_size": PAGE,
            # Half of what there is to ask, and then a wait that is too long for a worker.
            "rate_limit": {"requests": 2, "per": 75},
            "destinations": {"splunk": {"type": "splunk_hec", "index": "audit", "sourcetype": name}},
        }
        for name in NAMES
    }
    file = tmp_path / "pipelines.yaml"
    file.write_text(yaml.safe_dump(pipelines))
    connections = {
        "PYLON_DEFAULT": {"conn_type": "audit_logs", "host": pylon.url, "password": "pylon"},
        "SPLUNK_HEC_DEFAULT": {"conn_type": "splunk_hec", "host": splunk.url, "password": "hec"},
    }
    environment = {f"AIRFLOW_CONN_{name}": json.dumps(each) for name, each in connections.items()}
    environment |= {
        "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(file),
        # All runs begin at once: on a busy machine SQLite's own patience of 5 s is not enough for that.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow/airflow.db?timeout=120",
    }
    with LocalAirflow(tmp_path / "airflow", DAGS, environment | SETTINGS).running(lambda _: None) as running:
        yield running


def test_ten_pipelines_that_wait_for_their_budgets_go_on_with_two_workers(airflow, services):
    pylon, splunk = services
    dags = {name: f"audit_incremental_{name}" for name in NAMES}
    for dag in dags.values():
        airflow.unpause(dag, patience=300)
    runs = {name: airflow.trigger(dag) for name, dag in dags.items()}
    most, states, waited, again = Counter(), {}, {}, None
    try:
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE:
            pulls = _pulls(airflow)
            count = Counter(task["state"] for task in pulls)
            most = most | count
            # On a busy machine Airflow begins some tasks twice, before they come to wait.
            for task in pulls:
                if task["state"] == "deferred":
                    waited.setdefault(task["dag_id"], task["try_number"])
            if again is None and count["deferred"] >= 5:
                again = _killed_and_begun_again(airflow)
            found = airflow.call("GET", "/dags/~/dagRuns?limit=100")["dag_runs"]
            states = {each["dag_id"]: each["state"] for each in found if each["dag_run_id"] in runs.values()}
            if len(states) == PIPELINES and set(states.values()) <= {"success", "failed"}:
                break
            time.sleep(2)  # the looks take more of the processors than what is looked at
        assert Counter(states.values()) == {"success": PIPELINES}
        assert most["running"] <= 2
        assert most["deferred"] > 2, "more pulls waited at once than there are workers"
        assert again is not None
        tries = {task["dag_id"]: task["try_number"] for task in _pulls(airflow)}
        assert waited == {dag: tries[dag] for dag in waited}, "a wait is no failure"
    finally:
        if again is not None:
            _end(again)
    variables = airflow.variables("audit_logs.")
    for name in NAMES:
        position = json.loads(variables[f"audit_logs.{name}.cursor"])
        assert position["head"]["number"] == 2, "what was read before the wait was committed before it"
        assert position["head"]["total"] == EVENTS
        assert json.loads(variables[f"audit_logs.{name}.to.splunk"])["counts"]["delivered"] == EVENTS
    assert len(splunk.ids()) == PIPELINES * EVENTS
    assert pylon.refused_for_rate == 0


def _pulls(airflow):
    found = airflow.call("GET", "/dags/~/dagRuns/~/taskInstances?limit=500&task_display_name_pattern=pull")
    return [task for task in found["task_instances"] if task["task_id"] == "pull"]


def _killed_and_begun_again(airflow):
    """Kill the triggerer and all that belongs to it, and start another one; return its process."""
    family = psutil.Process(airflow._process.pid).children(recursive=True)
    triggerers = [each for each in family if "triggerer" in _words(each)]
    assert triggerers
    for each in triggerers:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in [*each.children(recursive=True), each]:
                child.kill()
    with (airflow.home / "triggerer.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            env={**airflow._environment, "AIRFLOW__CORE__EXECUTOR": "LocalExecutor"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _words(process):
    """Return what a process is called; "" where it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def _end(process):
    for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        each.kill()
    process.wait(30)
