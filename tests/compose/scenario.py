"""What the tests of the running set-up do and look at: runs, events, what arrived, the account."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import requests
import yaml

from audit_provider.core.spool import S3Store
from audit_provider.sandbox.airflow_api import AirflowApi
from audit_provider.sandbox.proof import print_account, read_accounts
from audit_provider.sandbox.s3 import ids_in, s3_client
from tests.compose.compose_file import ROOT
from tests.compose.native import NativeStack
from tests.sessions import session_id

PORTS = {"pylon": 8100, "splunk": 8101, "datadog": 8102, "opensearch": 8103, "webhook": 8104}
SIEMS = ("splunk", "datadog", "opensearch", "webhook")
EVERYWHERE = ("s3", *SIEMS)
MAY_REPEAT = ("splunk", "datadog", "webhook")
"""Destinations that cannot tell that they already have an event."""
BATCH = 20
INCREMENTAL, BACKFILL = "audit_incremental_pylon", "audit_backfill_pylon"
REPLAY = "audit_replay_pylon"
ARCHIVE, WAITING, ROTATED, WATCHED = (
    f"audit_incremental_{name}" for name in ("archive", "waiting", "rotated", "watched")
)
_START = "2020-01-01T00:00:00Z"
AHEAD = "CLOCK_IS_AHEAD"
"""Names, in the environment of a worker, the seconds that the product's clock is ahead there."""
# After what the image has. Airflow tries a task again, also one whose worker is dead, as soon as a test can wait for.
_POLICY = f"""{(ROOT / "deploy/airflow_local_settings.py").read_text(encoding="utf-8")}
import os
from datetime import timedelta

from audit_provider.core import model


def task_policy(task):
    task.retry_delay = timedelta(seconds=2)


def _now_ahead():
    return datetime.now(UTC) + AHEAD


if seconds := os.environ.get("{AHEAD}"):
    # In place, because it is the default of many arguments.
    model.AHEAD = timedelta(seconds=int(seconds))
    model.utc_now.__code__ = _now_ahead.__code__
"""
_SETTINGS = {
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "3",
    # What a test wants to be parsed again it asks for.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "40",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    # A machine that does much else is slow, but not broken.
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
    "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "10",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "15",
}


class Scenario:
    """The set-up of the profile ``sandbox`` with two workers.

    :param folder: an empty one. :param variables: what .env says.
    """

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.variables = variables
        pipelines = _pipelines(folder)
        (pipelines / "airflow_local_settings.py").write_text(_POLICY, encoding="utf-8")
        self.stack = NativeStack(
            variables,
            workers=2,
            overrides=_SETTINGS | {"PYTHONPATH": str(pipelines)},
            arguments={"sandbox": ["--events", "300", "--days", "30", "--unlimited"]},
            mounts={"./deploy/sandbox": str(pipelines)},
        )
        self.airflow = AirflowApi(self.stack.url("api-server", 8080), "admin", variables["AIRFLOW_ADMIN_PASSWORD"])
        self.s3 = s3_client(self.stack.url("minio", 9000))
        self._repeated: Counter[str] = Counter()

    def run(self, dag_id: str, conf=None) -> str:
        """Start a run."""
        self.airflow.unpause(dag_id, patience=300)
        return self.airflow.trigger(dag_id, conf)

    def watch(self, dag_id: str) -> None:
        """Unpause a DAG whose source is looked at from when its file is parsed."""
        self.airflow.unpause(dag_id, patience=300)
        token = self.airflow.call("GET", f"/dags/{dag_id}")["file_token"]
        self.airflow.call("PUT", f"/parseDagFile/{token}", allow=(409,))

    def finish(self, dag_id: str, run_id: str, state: str | None = "success") -> None:
        """Wait for a run to end. :param state: None where it may end as it likes."""
        found = self.airflow.wait(dag_id, run_id, print, patience=600)
        assert state in (None, found), [(task["task_id"], task["state"]) for task in self.airflow.tasks(dag_id, run_id)]

    def do(self, dag_id: str, conf=None, state: str = "success") -> None:
        """Run a DAG to its end."""
        self.finish(dag_id, self.run(dag_id, conf), state)

    def states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the states of a run's tasks."""
        return {task["task_id"]: task["state"] for task in self.airflow.tasks(dag_id, run_id)}

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return what a task has written, in all its tries."""
        folder = self.stack.folder / "volumes/logs" / f"dag_id={dag_id}/run_id={run_id}/task_id={task_id}"
        return "".join(path.read_text(errors="replace") for path in sorted(folder.rglob("attempt=*.log")))

    def tries(self, dag_id: str, run_id: str) -> dict[str, int]:
        """Return how often each task of a run was tried."""
        return {task["task_id"]: task["try_number"] for task in self.airflow.tasks(dag_id, run_id)}

    def times(self, dag_id: str, run_id: str) -> tuple[str, str]:
        """Return when a run began and ended."""
        run = self.airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        return run["start_date"], run["end_date"]

    def run_types(self, dag_id: str) -> set[str]:
        """Return by what the runs of a DAG were started."""
        return {run["run_type"] for run in self.airflow.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]}

    def workers(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return which worker runs a task, of those that are running."""
        leaders = {process.pid: name for name, process in self.stack.processes.items()}
        running = [task for task in self.airflow.tasks(dag_id, run_id) if task["state"] == "running"]
        sessions = {task["task_id"]: session_id(task["pid"]) for task in running}
        return {task_id: leaders[session] for task_id, session in sessions.items() if session}

    def at_work(self) -> tuple[str, str]:
        """Return when one run ships to all SIEMs and one of another pipeline reads, all slowly; return their ids.

        Three tasks fit on a worker, and five are running: whichever has the pull ships as well.
        """
        self.add(200, 600)
        slow = {"kind": "slow", "seconds": 6.0, "count": None}
        for name in SIEMS:
            self.control(name, "POST", "faults", slow)
        shipping = self.run(INCREMENTAL)
        until(lambda: self.states(INCREMENTAL, shipping)["pull"] == "success")
        self.control("pylon", "POST", "faults", slow)
        reading = self.run(ARCHIVE)
        until(lambda: "Reading Pylon" in self.log(ARCHIVE, reading, "pull"))
        until(lambda: all(self.states(INCREMENTAL, shipping)[f"ship_{name}"] == "running" for name in SIEMS))
        return shipping, reading

    def well(self) -> None:
        """Let no stand-in do anything wrong any more."""
        for name in ("minio", *PORTS):
            self.control(name, "DELETE", "faults")

    def connect(self, conn_id: str, token: str) -> None:
        """Make or change a connection to Pylon, as people do in Airflow's UI."""
        url = self.stack.url("sandbox", PORTS["pylon"])
        body = {"connection_id": conn_id, "conn_type": "audit_logs", "host": url, "password": token}
        body["extra"] = '{"source": "pylon", "allow_http": true}'
        if self.airflow.call("PATCH", f"/connections/{conn_id}", body=body, allow=(404,)) is None:
            self.airflow.call("POST", "/connections", body=body)

    def switch(self, what: str, service: str) -> None:
        """``stop`` a stand-in, which then refuses connections and keeps what it holds, or ``start`` it again."""
        found = re.search(r"^switchboard +(\S+)$", self.stack.log("sandbox").read_text(), re.MULTILINE)
        assert found
        requests.post(f"{found[1]}/_sandbox/{what}", json={"service": service}, timeout=60).raise_for_status()

    def control(self, service: str, method: str, what: str, body=None):
        """Tell a stand-in something."""
        url = self.stack.url("sandbox", PORTS[service]) if service in PORTS else self.stack.url(service, 9000)
        answer = requests.request(method, f"{url}/_sandbox/{what}", json=body, timeout=60)
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

    def archived(self, pipeline: str = "archive") -> Counter[str]:
        """Return how often S3 holds each event of a pipeline that ships nowhere else."""
        return Counter(ids_in(self.s3, "audit-logs", f"{pipeline}/"))

    def missing(self) -> dict[str, set[str]]:
        """Return what was served and is not there, by destination; those that have everything are left out."""
        served = self.served()
        return {name: lost for name, ids in self.held().items() if (lost := served - set(ids))}

    def newly_repeated(self) -> Counter[str]:
        """Return how many events came to be at a destination more often than once since this was last asked."""
        before, self._repeated = self._repeated, Counter({name: repeats(ids) for name, ids in self.held().items()})
        return self._repeated - before

    def may_repeat(self, *run_ids: str) -> Counter[str]:
        """Return how many events may be twice at a destination: a batch for each try of a ship that broke off."""
        allowed: Counter[str] = Counter()
        for run_id in run_ids:
            for task in self.airflow.tasks(INCREMENTAL, run_id):
                if (name := task["task_id"].removeprefix("ship_")) in MAY_REPEAT:
                    allowed[name] += BATCH * (task["try_number"] - (task["state"] == "success"))
        return allowed

    def adds_up(self, pipeline: str = "pylon", destinations=EVERYWHERE) -> bool:
        """Whether read, spooled, delivered and the rest agree, with nothing pending; prints the table."""
        store = S3Store(self.s3, "audit-spool", "")
        return print_account(pipeline, read_accounts(self.airflow, store, pipeline, destinations))


def until(true: Callable[[], object], patience: float = 300.0) -> None:
    """Return when something has come about. :param patience: seconds."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "it did not come about"
        # Each look at Airflow's API takes a twentieth of a second of a processor that the tasks need.
        time.sleep(1)


def repeats(counter: Counter[str]) -> int:
    """Return how many events are there more often than once."""
    return sum(counter.values()) - len(counter)


def _pipelines(folder: Path) -> Path:
    """Return the mounted folder with shorter pages and batches, no schedule, and four further pipelines."""
    shutil.copytree(ROOT / "deploy/sandbox", folder, dirs_exist_ok=True)
    shipped = yaml.safe_load((folder / "pipelines.yaml").read_text(encoding="utf-8"))
    quick = {"start": _START, "schedule": None, "page_size": BATCH, "rate_limit": {"requests": 100_000, "per": 1}}
    pylon = shipped["pylon"] | quick
    for name in SIEMS:
        pylon["destinations"][name]["batch_events"] = BATCH
    to_s3 = {"type": "s3", "conn_id": "minio", "bucket": "audit-logs"}
    further = {
        name: {"source": "pylon", "conn_id": conn_id, "destinations": {"s3": to_s3 | {"prefix": name}}, **quick}
        for name, conn_id in (("archive", "sandbox_pylon"), ("waiting", "sandbox_pylon"), ("rotated", "rotated"))
    }
    # Often enough, and within the time that a test waits.
    watched = {"watch": True, "rate_limit": {"requests": 60, "per": 60}}
    further["watched"] = {key: value for key, value in further["archive"].items() if key != "schedule"} | watched
    further["watched"]["destinations"] = {"s3": to_s3 | {"prefix": "watched"}}
    (folder / "pipelines.yaml").write_text(yaml.safe_dump(shipped | {"pylon": pylon} | further), encoding="utf-8")
    return folder
