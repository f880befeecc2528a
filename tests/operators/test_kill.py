"""Real processes, killed with SIGKILL at any moment: the next run loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

from audit_provider.sandbox.s3 import ids_in, s3_client
from tests.operators.conftest import FileVariables, context

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
EVENTS = 3000
KILLS = 8


@pytest.fixture
def sandbox(tmp_path):
    """The stand-ins in a process of their own, so that this one has no threads and may fork."""
    described = tmp_path / "sandbox.json"
    command = [sys.executable, "-m", "audit_provider.sandbox", "--unlimited", "--describe", str(described)]
    command += ["--events", str(EVENTS), "--days", "90"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                if described.exists():
                    break
                time.sleep(0.1)
            yield json.loads(described.read_text())
        finally:
            process.terminate()


@pytest.fixture
def variables(tmp_path, monkeypatch):
    folder = tmp_path / "variables"
    folder.mkdir()
    kept = type("Variables", (FileVariables,), {"folder": folder})
    monkeypatch.setattr("audit_provider.state.Variable", kept)
    return kept


def killed_after(seconds, task):
    """Run ``task`` in a process of its own and kill it after ``seconds``; return whether it was still at work."""
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            task()
            code = 0
        os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def state(sandbox, name):
    return requests.get(f"{sandbox[name]['url']}/_sandbox/state", timeout=30).json()


def duration(task):
    begun = time.monotonic()
    assert not killed_after(60, task)
    return time.monotonic() - begun


def test_kill_9_at_any_moment_loses_nothing(sandbox, variables, tmp_path, monkeypatch):
    from audit_provider.core import pull as pull_module
    from audit_provider.operators import (
        AuditLogsToDatadogOperator,
        AuditLogsToS3Operator,
        AuditLogsToSplunkHecOperator,
        PullAuditLogsOperator,
    )

    monkeypatch.setattr(pull_module, "SEGMENT_BYTES", 100_000)  # many segments, many commits, many places to die at
    connections = {
        "PYLON_DEFAULT": {
            "conn_type": "audit_logs",
            "host": sandbox["pylon"]["url"],
            "password": sandbox["pylon"]["token"],
        },
        "SPLUNK_HEC_DEFAULT": {
            "conn_type": "splunk_hec",
            "host": sandbox["splunk"]["url"],
            "password": sandbox["splunk"]["token"],
        },
        "DATADOG_LOGS_DEFAULT": {
            "conn_type": "datadog_logs",
            "host": sandbox["datadog"]["url"],
            "password": sandbox["datadog"]["token"],
        },
        "AWS_DEFAULT": {
            "conn_type": "aws",
            "login": "sandbox",
            "password": "sandbox-secret",
            "extra": {"endpoint_url": sandbox["s3"]["url"], "region_name": "us-east-1"},
        },
    }
    for name, each in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(each))
    dice = random.Random(11)
    kills: Counter[str] = Counter()

    def operators(spool):
        common = {"task_id": "t", "pipeline": "p", "spool": f"file://{spool}"}
        return {
            "pull": PullAuditLogsOperator(
                source="pylon", start="2020-01-01", page_size=40, rate_limit={"requests": 100_000, "per": 1}, **common
            ),
            "splunk": AuditLogsToSplunkHecOperator(index="audit", options={"batch_events": 100}, **common),
            "datadog": AuditLogsToDatadogOperator(options={"batch_events": 100}, **common),
            "s3": AuditLogsToS3Operator(bucket=sandbox["s3"]["bucket"], **common),
        }

    real = operators(tmp_path / "spool")
    real["s3"].connect  # the slow import of the Amazon provider, before the forks  # noqa: B018
    import airflow.providers.amazon.aws.hooks.s3  # noqa: F401

    for name, operator in real.items():

        def task(operator=operator):
            operator.execute(context())

        # A whole run on a spool of its own tells how long one takes, and so where the moments lie.
        if name == "pull":
            whole = measured_elsewhere(variables, operators(tmp_path / "measured")["pull"], tmp_path)
        for _ in range(KILLS):
            kills[name] += killed_after(dice.uniform(0.05, 0.9) * whole, task)
        assert not killed_after(120, task), "the last run goes through"

    served = set(state(sandbox, "pylon")["ids"])
    splunk, datadog = state(sandbox, "splunk")["ids"], state(sandbox, "datadog")["ids"]
    s3 = ids_in(s3_client(sandbox["s3"]["url"]), sandbox["s3"]["bucket"])
    assert len(served) == EVENTS
    assert set(splunk) == set(datadog) == set(s3) == served
    assert len(s3) == EVENTS, "nothing is stored twice in S3"
    for name, ids in (("splunk", splunk), ("datadog", datadog)):
        assert len(ids) - EVENTS <= 100 * kills[name], "at most one batch is repeated per kill"
    head = json.loads(variables.get("audit_logs.p.cursor"))["head"]
    assert head["total"] == EVENTS, "nothing is twice in the spool"
    assert all(kills[name] >= 2 for name in real), f"the kills came while they were at work: {kills}"


def measured_elsewhere(variables, operator, tmp_path):
    """Return how many seconds a whole pull takes, without leaving a trace in the Variables."""
    seconds = duration(lambda: operator.execute(context()))
    for path in Path(variables.folder).iterdir():
        path.unlink()
    return seconds
