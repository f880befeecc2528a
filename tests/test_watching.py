"""A watched pipeline in a real Airflow: what comes between two sweeps is delivered, whatever ends meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from audit_provider.core.model import utc_now
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.local_airflow import LocalAirflow
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService

BUDGET = 40
"""Requests a minute that the source takes."""

LOOKS_APART = 6.0
"""Seconds between looks, by that budget."""

DAG = "audit_incremental_p"
FILE = Path(__file__).parents[1] / "dags" / "audit_logs_incremental.py"


class CountingPylon(PylonService):
    """:ivar requests: how many were answered."""

    requests = 0

    def answer(self, request):
        self.requests += 1
        return super().answer(request)


@pytest.fixture
def watched(tmp_path):
    """An Airflow whose only pipeline is watched, after its first run."""
    now = utc_now()
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / FILE.name).write_bytes(FILE.read_bytes())
    pipelines = tmp_path / "pipelines.yaml"
    entry = {"source": "pylon", "watch": True, "start": (now - timedelta(days=1)).isoformat()}
    entry |= {"rate_limit": {"requests": BUDGET, "per": 60}, "destinations": {"splunk": {"type": "splunk_hec"}}}
    pipelines.write_text(json.dumps({"p": entry}))
    events = generate(50, now - timedelta(hours=3), now - timedelta(hours=1))
    limits = dict.fromkeys(("/audit-logs", "/audit-logs/search"), BUDGET)
    with CountingPylon("t", events, rate_limits=limits) as pylon, SplunkHecService("h") as splunk:
        connections = {
            "PYLON_DEFAULT": {"conn_type": "audit_logs", "host": pylon.url, "password": "t"},
            "SPLUNK_HEC_DEFAULT": {"conn_type": "splunk_hec", "host": splunk.url, "password": "h"},
        }
        environment = {
            **{f"AIRFLOW_CONN_{key}": json.dumps(value) for key, value in connections.items()},
            "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(pipelines),
            "AIRFLOW__AUDIT_LOGS__SPOOL": f"file://{tmp_path}/spool",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
            # A machine under load is slow, and not broken.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
        }
        airflow = LocalAirflow(tmp_path / "airflow", tmp_path / "dags", environment)
        with airflow.running(print):
            airflow.unpause(DAG, patience=600)
            found = SimpleNamespace(airflow=airflow, pylon=pylon, splunk=splunk, added=0, folder=tmp_path)
            wait_until(lambda: len(splunk.ids()) >= 50, "the first run has delivered")
            wait_until(lambda: last_look(found), "the source is looked at")
            yield found


def wait_until(holds, what, seconds=600.0):
    """Wait for something, and return how long that took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(1)
    return time.monotonic() - begun


def last_look(watched):
    try:
        found = watched.airflow.call("GET", "/variables/audit_logs.p.look")
    except Exception:  # there is none yet
        return None
    return json.loads(found["value"]).get("looked_at")


def deliver(watched, count=3):
    """Let events happen, and return how long it took until the destination had them."""
    now = utc_now()
    watched.pylon.add(generate(count, now - timedelta(seconds=2), now, seed=1000 + watched.added))
    watched.added += count
    return wait_until(lambda: len(watched.splunk.ids()) >= 50 + watched.added, "what has happened is delivered")


def run_types(watched):
    return {each["run_type"] for each in watched.airflow.call("GET", f"/dags/{DAG}/dagRuns")["dag_runs"]}


def process_of(watched, part):
    """Return the process of one part of this Airflow."""
    asked = ["ps", "--ppid", str(watched.airflow.process_id), "-o", "pid=,args="]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    return int(next(line.split()[0] for line in lines if line.split()[-1] == part))


@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_what_comes_between_sweeps_is_delivered_and_an_end_of_the_triggerer_loses_nothing(watched):
    deliver(watched)
    # The sweep of this hour may have delivered it first; the run that the look has asked for follows.
    wait_until(lambda: "asset_triggered" in run_types(watched), "a look has started a run")

    os.kill(process_of(watched, "triggerer"), signal.SIGKILL)
    deliver(watched)
    assert sorted(set(watched.splunk.ids())) == sorted(watched.pylon.ids())
    assert watched.pylon.refused_for_rate == 0

    before = watched.pylon.requests
    wait_until(lambda: watched.pylon.requests > before + 1, "the source is looked at again")
    watched.airflow.call("PATCH", f"/dags/{DAG}", body={"is_paused": True})
    sent = []

    def is_left_alone():
        # The DAG processor ends the watch when it parses the file again.
        sent.append(watched.pylon.requests)
        time.sleep(3 * LOOKS_APART)
        return watched.pylon.requests == sent[-1]

    wait_until(is_left_alone, "a paused DAG is not looked at")
