"""What the process of a task imports is what this task uses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta

import pytest

from audit_provider.core.destinations.registry import REGISTRY as DESTINATIONS
from audit_provider.core.model import utc_now
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService
from tests.dags.test_dags import DAGS
from tests.documentation import ROOT

PIPELINES = """
p:
  source: pylon
  destinations:
    files: {type: s3, bucket: b}
    splunk: {type: splunk_hec}
    datadog: {type: datadog, only: [user.*]}
"""

# What Airflow's supervisor has imported before it forks, then what it does with a task.
TASK = """
import json, runpy, sys
from types import SimpleNamespace
try:
    import airflow.dag_processing.dagbag
except ImportError:  # before Airflow 3.2
    import airflow.models.dagbag
import airflow.sdk.execution_time.supervisor
import airflow.sdk.execution_time.task_runner
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

before = set(sys.modules)
path, task_id, texts = sys.argv[1:]
with _airflow_parsing_context_manager(dag_id="audit_incremental_p", task_id=task_id):
    dag = runpy.run_path(path)["audit_incremental_p"]
task = dag.task_dict[task_id]

from audit_provider.core.ledger.records import MemoryLedger

ledger = MemoryLedger(json.loads(texts))
task.ledger = ledger
ti = SimpleNamespace(xcom_push=lambda *_, **__: None)
result = task.execute({"ti": ti, "params": {"redrive": []}, "dag": dag})
loaded = sorted(set(sys.modules) - before)
tasks = {each.task_id: sorted(each.upstream_task_ids) for each in dag.tasks}
print(json.dumps({"loaded": loaded, "result": result, "tasks": tasks, "texts": ledger.texts}))
"""

NEVER = [
    r"(aiohttp|bcrypt|boto3|jwt|pandas|pyarrow)",
    r"cryptography\.x509",
    r"audit_provider\.(plugin|command_line|sandbox)",
]
MONITORING = r"audit_provider\.core\.(monitoring\.(judging|baseline|counting|html)|runs\.(watching|retention))"
TYPES = "|".join(sorted(DESTINATIONS))


def vendors_but(*own):
    return rf"audit_provider\.core\.sources\.vendors\.(?!({'|'.join(own)})\b)"


def hooks_but(*own):
    shared = ("connection", "destinations", "service", "ssh")
    return rf"audit_provider\.hooks\.(?!({'|'.join((*own, *shared))})\b)"


def operators_but(*own):
    return rf"audit_provider\.operators\.(?!({'|'.join((*own, 'destinations', 'links', 'signals', 'task'))})\b)"


DENIED = {
    "pull": [
        *NEVER,
        MONITORING,
        vendors_but("pylon", "pylon_actions"),
        hooks_but("audit_logs"),
        operators_but("pull"),
        rf"audit_provider\.core\.destinations\.({TYPES})\b",
        r"audit_provider\.core\.runs\.shipment",
    ],
    "ship_splunk": [
        *NEVER,
        MONITORING,
        vendors_but("pylon", "pylon_actions"),
        hooks_but("splunk_hec"),
        operators_but("ship", "splunk_hec"),
        rf"audit_provider\.core\.destinations\.(?!splunk_hec\b)({TYPES})\b",
        r"audit_provider\.core\.(pull|sources\.pages)\b",
    ],
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Each task, run in a process of its own: pull where nothing is new, ship with events to send."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "pipelines.yaml").write_text(PIPELINES)
    now = utc_now()
    with (
        PylonService("t", generate(20, now - timedelta(hours=3), now - timedelta(hours=1)), rate_limits={}) as pylon,
        SplunkHecService("h") as splunk,
        pytest.MonkeyPatch.context() as patch,
    ):
        connections = {
            "PYLON_DEFAULT": {"conn_type": "audit_logs", "host": pylon.url, "password": "t"},
            "SPLUNK_HEC_DEFAULT": {"conn_type": "splunk_hec", "host": splunk.url, "password": "h"},
        }
        for name, connection in connections.items():
            patch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
        patch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(folder / "pipelines.yaml"))
        patch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{folder}/spool")
        texts = {}
        found = {}
        for task_id in ("pull", "pull", "ship_splunk"):
            done = subprocess.run(
                [sys.executable, "-c", TASK, str(DAGS / "audit_logs_incremental.py"), task_id, json.dumps(texts)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            found[task_id] = json.loads(done.stdout.splitlines()[-1])
            texts = found[task_id]["texts"]
    return found


@pytest.mark.parametrize("task_id", DENIED)
def test_no_module_is_imported_that_the_task_does_not_use(ran, task_id):
    loaded = ran[task_id]["loaded"]
    assert {each for each in loaded for denied in DENIED[task_id] if re.match(denied, each)} == set()


def test_the_tasks_did_their_work(ran):
    assert {key: ran["pull"]["result"][key] for key in ("spooled", "events")} == {"spooled": 0, "events": 20}
    assert ran["ship_splunk"]["result"]["delivered"] == 20


@pytest.mark.parametrize("task_id", DENIED)
def test_every_task_knows_the_whole_dag(ran, task_id):
    ships = ["ship_datadog", "ship_files", "ship_splunk"]
    assert ran[task_id]["tasks"] == {"pull": [], **{each: ["pull"] for each in ships}, "report": ships}
