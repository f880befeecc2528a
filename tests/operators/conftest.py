"""Operators over the sandbox: real HTTP, real files, Variables in a file that survives the process."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from airflow.sdk import Variable
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from audit_provider.core.model import midnight, utc_now
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.reading.reconciliation import looks_back
from audit_provider.core.spool import LocalStore
from audit_provider.host.process import sleep_or_defer
from audit_provider.operators import (
    AuditLogsToDatadogOperator,
    AuditLogsToS3Operator,
    AuditLogsToSplunkHecOperator,
    PullAuditLogsOperator,
    ReconcileAuditLogsOperator,
)
from audit_provider.operators.task import AuditLogsOperator
from audit_provider.sandbox.datadog import DatadogService
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.s3 import S3Service, ids_of
from audit_provider.sandbox.splunk_hec import SplunkHecService
from tests.core.simulation import Crash

PYLON_TOKEN = "canary-pylon-token-5d1f"
HEC_TOKEN = "canary-hec-token-77aa"
DATADOG_KEY = "canary-datadog-key-10c4"
DAYS = 60
SMALL = pytest.mark.parametrize("world", [140], indirect=True, ids=["small"])
"""For a test that sends each event alone, or makes an object of every hour: a fifth of the events in the same time."""
_RUNS = itertools.count()


class FileVariables:
    """Airflow's Variable, kept in a folder: one file each, written atomically."""

    folder: Path

    @classmethod
    def get(cls, key, default=None):
        path = cls.folder / key
        return path.read_text() if path.exists() else default

    @classmethod
    def set(cls, key, value, description=None):
        part = cls.folder / f".{key}.part"
        part.write_text(value)
        part.replace(cls.folder / key)

    @classmethod
    def delete(cls, key):
        (cls.folder / key).unlink(missing_ok=True)

    @classmethod
    def all(cls):
        return {path.name: path.read_text() for path in cls.folder.iterdir() if not path.name.startswith(".")}


@pytest.fixture
def variables(tmp_path, monkeypatch):
    folder = tmp_path / "variables"
    folder.mkdir()
    kept = type("Variables", (FileVariables,), {"folder": folder})
    for name in ("get", "set", "delete"):
        monkeypatch.setattr(Variable, name, partial(_asked, kept, name))
    # These alone: tests in the same process may have made a database, and records in it.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")
    return kept


def _asked(kept, name, *arguments, **named):
    """Hand on what Airflow is asked. Looked up each time, since tests replace one of these."""
    return getattr(kept, name)(*arguments, **named)


@pytest.fixture(scope="session")
def moto():
    with S3Service("audit-logs") as service:
        yield service


@pytest.fixture
def world(request, tmp_path, monkeypatch, variables, moto):
    """The four services with two months of events, connections to them, and operators of one pipeline."""
    now = utc_now()
    bucket = f"b{tmp_path.name.replace('_', '-').lower()[-40:]}".strip("-")
    moto.client().create_bucket(Bucket=bucket)
    events = generate(getattr(request, "param", 700), now - timedelta(days=DAYS), now)
    pylon = PylonService(PYLON_TOKEN, events, rate_limits={})
    splunk = SplunkHecService(HEC_TOKEN, indexes=["audit"], max_content_length=2_000_000)
    datadog = DatadogService(DATADOG_KEY)
    connections = {
        "PYLON_DEFAULT": {"conn_type": "audit_logs", "host": pylon.url, "password": PYLON_TOKEN},
        "SPLUNK_HEC_DEFAULT": {"conn_type": "splunk_hec", "host": splunk.url, "password": HEC_TOKEN},
        "DATADOG_LOGS_DEFAULT": {"conn_type": "datadog_logs", "host": datadog.url, "password": DATADOG_KEY},
        "AWS_DEFAULT": {
            "conn_type": "aws",
            "login": moto.access_key,
            "password": moto.secret_key,
            "extra": {"endpoint_url": moto.url, "region_name": "us-east-1"},
        },
    }

    def connect(name, **changes):
        connections[name] |= changes
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connections[name]))

    for name in connections:
        connect(name)
    spool = f"file://{tmp_path}/spool"

    def pull(**arguments):
        arguments = {"start": (now - timedelta(days=DAYS + 1)).isoformat(), "source": "pylon", **arguments}
        return PullAuditLogsOperator(
            task_id="pull", pipeline="p", spool=spool, rate_limit={"requests": 10_000, "per": 1}, **arguments
        ).execute(context())

    def ship(kind, **arguments):
        operator = {
            "s3": lambda: AuditLogsToS3Operator(task_id="s", pipeline="p", spool=spool, bucket=bucket, **arguments),
            "splunk": lambda: AuditLogsToSplunkHecOperator(
                task_id="s", pipeline="p", spool=spool, **{"index": "audit", **arguments}
            ),
            "datadog": lambda: AuditLogsToDatadogOperator(task_id="s", pipeline="p", spool=spool, **arguments),
        }[kind]()
        return operator.execute(context(params=arguments.pop("params", {})))

    with pylon, splunk, datadog:
        yield SimpleNamespace(
            pylon=pylon,
            splunk=splunk,
            datadog=datadog,
            s3_ids=lambda: stored_ids(bucket),
            bucket=bucket,
            connect=connect,
            pull=pull,
            ship=ship,
            spool=tmp_path / "spool",
            variables=variables,
            now=now,
        )


def context(states=None, *, run_id=None, **entries):
    """Return what Airflow gives a task.

    :param states: how the tasks before it ended, by id. :param run_id: of the DAG run; a new one unless named.
    """
    ti = MagicMock()
    ti.get_task_states = lambda *, dag_id, task_ids, run_ids: {
        run_ids[0]: {task: state for task, state in (states or {}).items() if not task_ids or task in task_ids}
    }
    return {"ti": ti, "params": {}, "dag_run": SimpleNamespace(run_id=run_id or f"run {next(_RUNS)}"), **entries}


def crash_at_write(monkeypatch, fatal, *, after):
    """Let the process die at a write into the spool.

    :param fatal: which write, from 1. :param after: it is durable already.
    """
    monkeypatch.setattr(LocalStore, "put", _fatal_at(LocalStore.put, fatal, after=after))


def crash_at_commit(monkeypatch, variables, fatal, *, after):
    """Let the process die likewise as it writes a Variable."""
    monkeypatch.setattr(variables, "set", staticmethod(_fatal_at(variables.set, fatal, after=after)))


def _fatal_at(write, fatal, *, after):
    met = 0

    def write_or_die(*arguments, **named):
        nonlocal met
        met += 1
        if met == fatal and not after:
            raise Crash
        write(*arguments, **named)
        if met == fatal:
            raise Crash

    return write_or_die


def set_clock(monkeypatch, moment, *others):
    """Let the tasks that read a source believe that it is another time. :param others: operators that do so too."""
    for each in (PullAuditLogsOperator, *others):
        monkeypatch.setattr(each, "now", staticmethod(lambda: moment))


@pytest.fixture
def no_pause(monkeypatch):
    """Let the tasks not sleep; a wait that is too long for that gives the worker back as ever."""
    pauseless = partial(sleep_or_defer, sleep=lambda _: None)
    monkeypatch.setattr(AuditLogsOperator, "sleep", staticmethod(pauseless))


@pytest.fixture
def compare(world, monkeypatch):
    """Run the task ``compare`` once, at the time that the world was made at."""
    set_clock(monkeypatch, world.now)

    def run(**arguments):
        arguments = {"source": "pylon", "rate_limit": {"requests": 10_000, "per": 1}, **arguments}
        task = ReconcileAuditLogsOperator(task_id="compare", pipeline="p", spool=f"file://{world.spool}", **arguments)
        return task.execute(context())

    return run


@pytest.fixture
def ending(world):
    """The end of the last window that may be compared now."""
    return midnight(world.now - looks_back(REGISTRY["pylon"]))


def stored_ids(bucket):
    """Return the sorted ids of a bucket's events, from the server's own memory: it runs in this process.

    Each of some hundred objects asked for by HTTP takes as long as storing it, in every test that looks.
    """
    kept = get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys
    return sorted(each for key, object_ in kept.items() for each in ids_of(key, object_.value))
