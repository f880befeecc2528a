"""What the tests of the running set-up do and look at: runs, events, what arrived, the account."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import requests
import yaml

from audit_provider.core.spool import S3Store
from audit_provider.sandbox.airflow_api import AirflowApi
from audit_provider.sandbox.proof import print_account, read_accounts
from audit_provider.sandbox.s3 import ids_in, s3_client
from tests.compose.compose_file import ROOT
from tests.compose.native import NativeStack

PORTS = {"pylon": 8100, "splunk": 8101, "datadog": 8102, "opensearch": 8103, "webhook": 8104}
SIEMS = ("splunk", "datadog", "opensearch", "webhook")
EVERYWHERE = ("s3", *SIEMS)
BATCH = 20
_START = "2020-01-01T00:00:00Z"
# Airflow tries a task whose worker is dead again as soon as a test can wait for.
_SETTINGS = {
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "3",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "40",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
}


class Scenario:
    """The set-up of the profile ``sandbox`` with two workers.

    :param folder: an empty one. :param variables: what .env says.
    """

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.variables = variables
        self.stack = NativeStack(
            variables,
            workers=2,
            overrides=_SETTINGS,
            arguments={"sandbox": ["--events", "300", "--days", "30", "--unlimited"]},
            mounts={"./deploy/sandbox": str(_pipelines(folder))},
        )
        self.airflow = AirflowApi(self.stack.url("api-server", 8080), "admin", variables["AIRFLOW_ADMIN_PASSWORD"])
        self.s3 = s3_client(self.stack.url("minio", 9000))

    def run(self, dag_id: str, conf=None) -> str:
        """Start a run."""
        self.airflow.unpause(dag_id, patience=300)
        return self.airflow.trigger(dag_id, conf)

    def finish(self, dag_id: str, run_id: str, state: str = "success") -> None:
        """Wait for a run to end."""
        found = self.airflow.wait(dag_id, run_id, print, patience=600)
        assert found == state, [(task["task_id"], task["state"]) for task in self.airflow.tasks(dag_id, run_id)]

    def do(self, dag_id: str, conf=None, state: str = "success") -> None:
        """Run a DAG to its end."""
        self.finish(dag_id, self.run(dag_id, conf), state)

    def states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the states of a run's tasks."""
        return {task["task_id"]: task["state"] for task in self.airflow.tasks(dag_id, run_id)}

    def control(self, service: str, method: str, what: str, body=None):
        """Tell a stand-in something."""
        answer = requests.request(
            method, f"{self.stack.url('sandbox', PORTS[service])}/_sandbox/{what}", json=body, timeout=60
        )
        answer.raise_for_status()
        return answer.json()

    def add(self, count: int, seconds: float) -> list[str]:
        """Let events happen at Pylon, spread over the time up to now; return their ids."""
        return self.control("pylon", "POST", "events", {"count": count, "span_seconds": seconds})["ids"]

    def served(self) -> set[str]:
        """Return the ids of what Pylon has."""
        return set(self.control("pylon", "GET", "state")["ids"])

    def held(self) -> dict[str, Counter[str]]:
        """Return how often each destination holds each event."""
        known = self.served()
        found = {name: self.control(name, "GET", "state")["ids"] for name in SIEMS}
        found["s3"] = ids_in(self.s3, "audit-logs", "pylon/")
        assert all(set(ids) <= known for ids in found.values())
        return {name: Counter(ids) for name, ids in found.items()}

    def archived(self) -> Counter[str]:
        """Return how often the second pipeline's destination holds each event."""
        return Counter(ids_in(self.s3, "audit-logs", "archive/"))

    def adds_up(self, pipeline: str = "pylon", destinations=EVERYWHERE) -> bool:
        """Whether read, spooled, delivered and the rest agree, with nothing pending; prints the table."""
        store = S3Store(self.s3, "audit-spool", "")
        return print_account(pipeline, read_accounts(self.airflow, store, pipeline, destinations))


def repeats(counter: Counter[str]) -> int:
    """Return how many events are there more often than once."""
    return sum(counter.values()) - len(counter)


def _pipelines(folder: Path) -> Path:
    """Return the mounted folder with shorter pages and batches, no schedule, and two further pipelines."""
    shutil.copytree(ROOT / "deploy/sandbox", folder, dirs_exist_ok=True)
    shipped = yaml.safe_load((folder / "pipelines.yaml").read_text(encoding="utf-8"))
    quick = {"start": _START, "schedule": None, "page_size": BATCH, "rate_limit": {"requests": 100_000, "per": 1}}
    pylon = shipped["pylon"] | quick
    for name in SIEMS:
        pylon["destinations"][name]["batch_events"] = BATCH
    to_s3 = {"type": "s3", "conn_id": "minio", "bucket": "audit-logs"}
    further = {
        name: {"source": "pylon", "conn_id": "sandbox_pylon", "destinations": {"s3": to_s3 | {"prefix": name}}, **quick}
        for name in ("archive", "waiting")
    }
    (folder / "pipelines.yaml").write_text(yaml.safe_dump(shipped | {"pylon": pylon} | further), encoding="utf-8")
    return folder
