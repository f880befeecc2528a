"""Real processes, killed with SIGKILL at any point: the next run loses nothing."""

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

import pytest
import requests

from audit_provider import state
from audit_provider.core.destinations.s3 import S3Destination
from audit_provider.core.http import HttpClient
from audit_provider.core.pull import pull
from audit_provider.core.spool import LocalStore
from audit_provider.operators import (
    AuditLogsToDatadogOperator,
    AuditLogsToS3Operator,
    AuditLogsToSplunkHecOperator,
    PullAuditLogsOperator,
)
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


def killed_at(point, task):
    """Run ``task`` in a process of its own that kills itself at the n-th ``point``; return whether it came so far.

    The points lie before and after everything that leaves a trace: a request, a file, a Variable, an object.
    """
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            lay_points(point)
            task()
            code = 0
        os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def lay_points(fatal):
    met = 0

    def pass_point():
        nonlocal met
        met += 1
        if met == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(owner, name):
        original = getattr(owner, name)

        def wrapped(*arguments, **options):
            pass_point()
            result = original(*arguments, **options)
            pass_point()
            return result

        setattr(owner, name, wrapped)

    for owner, name in ((HttpClient, "send"), (LocalStore, "put"), (S3Destination, "_put"), (state.Variable, "set")):
        wrap(owner, name)


def held_by(sandbox, name):
    return requests.get(f"{sandbox[name]['url']}/_sandbox/state", timeout=30).json()


def test_kill_9_at_any_moment_loses_nothing(sandbox, variables, tmp_path, monkeypatch):
    # Many segments, many commits, many places to die at.
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 100_000)
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

    common = {"task_id": "t", "pipeline": "p", "spool": f"file://{tmp_path}/spool"}
    real = {
        "pull": PullAuditLogsOperator(
            source="pylon", start="2020-01-01", page_size=40, rate_limit={"requests": 100_000, "per": 1}, **common
        ),
        "splunk": AuditLogsToSplunkHecOperator(index="audit", options={"batch_events": 100}, **common),
        "datadog": AuditLogsToDatadogOperator(options={"batch_events": 100}, **common),
        "s3": AuditLogsToS3Operator(bucket=sandbox["s3"]["bucket"], **common),
    }

    for name, operator in real.items():

        def task(operator=operator):
            operator.execute(context())

        for _ in range(KILLS):
            kills[name] += killed_at(dice.randint(1, 16), task)
        assert not killed_at(0, task), "the last run goes through"

    served = set(held_by(sandbox, "pylon")["ids"])
    splunk, datadog = held_by(sandbox, "splunk")["ids"], held_by(sandbox, "datadog")["ids"]
    s3 = ids_in(s3_client(sandbox["s3"]["url"]), sandbox["s3"]["bucket"])
    assert len(served) == EVENTS
    assert set(splunk) == set(datadog) == set(s3) == served
    assert len(s3) == EVENTS, "nothing is stored twice in S3"
    for name, ids in (("splunk", splunk), ("datadog", datadog)):
        assert len(ids) - EVENTS <= 100 * kills[name], "at most one batch is repeated per kill"
    head = json.loads(variables.get("audit_logs.p.cursor"))["head"]
    assert head["total"] == EVENTS, "nothing is twice in the spool"
    assert all(kills[name] == KILLS for name in real), f"every kill came while it was at work: {kills}"
