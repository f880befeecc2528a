"""A real Airflow: its parts killed and started again, two runs at once, a task whose worker is cut off."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests
import yaml

from audit_provider.sandbox.local_airflow import LocalAirflow
from tests.chaos.figures import Figures
from tests.chaos.rig import Case
from tests.sessions import Watch, session_id, signal_session

_ROOT = Path(__file__).resolve().parents[3]
KINDS = ("s3", "splunk_hec", "http")
_PARSED_OFTEN = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10"}
"""For a watch, which begins and ends where the file of its DAG is parsed."""
_SETTINGS = {
    # A task that says nothing for so long is taken for dead.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    # A machine under load is slow, and not broken.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
}


def real_airflow(rig, dice, seed, long):
    """Kill the API server, then the scheduler, under a running task; start two runs at once; cut a worker off."""
    case = AirflowCase(rig, seed, schedule=None)
    try:
        case.airflow.start(lambda _: None)
        case.airflow.unpause(case.dag_id)
        harms = (_api_server, _scheduler, _two_runs, _cut_off) if long else (_api_server,)
        for harm in harms:
            case.add(40)
            with rig.fault(case.source["url"], "slow", seconds=1.0):
                harm(case)
            begun = time.monotonic()
            case.finish([case.airflow.trigger(case.dag_id)], f"the run after {harm.__name__}", must=("success",))
            case.figures.recovery = max(case.figures.recovery, time.monotonic() - begun)
            case.figures.trials += 1
        for kind in KINDS[1:]:
            case.figures.allow(kind, 20 * len(harms))
        return case.close()
    finally:
        case.stop()


class AirflowCase(Case):
    """A pipeline whose tasks Airflow runs.

    :param entry: further settings of the pipeline.
    """

    def __init__(self, rig, seed, scenario="real_airflow", **entry):
        rig.cases += 1
        home = rig.folder / f"airflow_{rig.cases}"
        super().__init__(
            rig,
            f"airflow_{rig.cases}",
            Figures(scenario, seed),
            events=60,
            kinds=KINDS,
            spool=f"file://{home}/audit_spool",
        )
        self.dag_id = f"audit_incremental_{self.name}"
        pipelines = rig.folder / f"{self.name}.yaml"
        pipelines.write_text(yaml.safe_dump({self.name: self._pipeline() | entry}))
        connections = {key: text for key, text in os.environ.items() if key.startswith("AIRFLOW_CONN_")}
        further = {"AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(pipelines)} | (_PARSED_OFTEN if "watch" in entry else {})
        self.airflow = LocalAirflow(home, _ROOT / "dags", connections | further | _SETTINGS, again=False)
        self._watch = Watch()
        self._again: list[subprocess.Popen[bytes]] = []

    def variable(self, key):
        return self.airflow.variables(key).get(key)

    def finish(self, runs, what, must=("success", "failed")):
        """Wait for runs to end."""
        for run_id in runs:
            state = self.airflow.wait(self.dag_id, run_id, lambda _: None, patience=400)
            self.figures.must(state in must, f"{what} ended {state}")

    def wait_for_pull(self, run_id):
        """Wait until the run's pull is at work."""
        for _ in range(300):
            tasks = {task["task_id"]: task["state"] for task in self.airflow.tasks(self.dag_id, run_id)}
            if tasks.get("pull") == "running":
                time.sleep(3)
                return
            time.sleep(0.2)
        self.figures.must(False, "no pull came to work")

    def kill(self, part):
        """Kill a part of Airflow and what belongs to it; return what starts it again."""
        found = self._parts(part)
        self.figures.must(bool(found), f"no {part} was found")
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        def start():
            with (self.rig.folder / f"{part}.log").open("ab") as log:
                again = [sys.executable, "-m", "airflow", part]
                environment = self.airflow._environment
                self._again.append(self._watch.start(again, env=environment, stdout=log, stderr=subprocess.STDOUT))

        return start

    def tasks_at_work(self):
        """Return the processes of tasks, and of those who watch them: grandchildren of a scheduler, and children."""
        schedulers = set(self._parts("scheduler"))
        parents = {pid: _parent(pid) for pid in _processes()}
        return [
            pid
            for pid, parent in parents.items()
            if parents.get(parent) in schedulers and parent not in schedulers
            for pid in (pid, parent)
        ]

    def stop(self):
        self.airflow.stop()
        for process in self._again:
            signal_session(process.pid, signal.SIGKILL)
            process.wait(30)
        self._watch.close()

    def _parts(self, part):
        """Return the processes of a part, as their titles name them, of those that were started here."""
        sessions = {self.airflow._process.pid, *(each.pid for each in self._again)}
        names = {part, part.replace("-", "_")}
        return [pid for pid in _processes() if session_id(pid) in sessions and names & set(_words(pid))]

    def _pipeline(self):
        return {
            "source": "pylon",
            "conn_id": f"source_{self.name}",
            "start": "2020-01-01T00:00:00Z",
            "page_size": 20,
            "rate_limit": {"requests": 100_000, "per": 1},
            "destinations": {
                "s3": {"type": "s3", "bucket": self.rig.described["bucket"], "prefix": self.name},
                "splunk_hec": {"type": "splunk_hec", "index": "audit", "batch_events": 20},
                "http": {"type": "http", "batch_events": 20},
            },
        }


def _api_server(case):
    """The API server is killed under a pull, and started again some seconds later."""
    run_id = case.airflow.trigger(case.dag_id)
    case.wait_for_pull(run_id)
    start = case.kill("api-server")
    time.sleep(5)
    start()
    wait_until_up(case)
    case.finish([run_id], "the run under which the API server was killed")


def _scheduler(case):
    run_id = case.airflow.trigger(case.dag_id)
    case.wait_for_pull(run_id)
    start = case.kill("scheduler")
    time.sleep(3)
    start()
    case.finish([run_id], "the run under which the scheduler was killed")


def _two_runs(case):
    runs = [case.airflow.trigger(case.dag_id), case.airflow.trigger(case.dag_id)]
    at_once = 0
    for _ in range(400):
        tasks = [task for run_id in runs for task in case.airflow.tasks(case.dag_id, run_id)]
        pulls = [task["state"] for task in tasks if task["task_id"] == "pull"]
        at_once = max(at_once, pulls.count("running"))
        if len(pulls) == len(runs) and {*pulls} <= {"success", "failed"}:
            break
        time.sleep(1)
    case.figures.must(at_once <= 1, f"{at_once} pulls of one pipeline were at work at once")
    case.finish(runs, "one of two runs", must=("success",))


def _cut_off(case):
    """A task and its supervisor freeze until Airflow takes them for dead and another try is over; then they wake."""
    run_id = case.airflow.trigger(case.dag_id)
    case.wait_for_pull(run_id)
    frozen = case.tasks_at_work()
    case.figures.must(bool(frozen), "no task was found at work")
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        case.finish([run_id], "the run whose worker was cut off")
        (tries,) = [task["try_number"] for task in case.airflow.tasks(case.dag_id, run_id) if task["task_id"] == "pull"]
        case.figures.must(tries > 1, "the task whose worker was cut off was not tried again")
        before = case.position
    finally:
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    time.sleep(10)
    after = case.position
    case.figures.must(before.head.total <= after.head.total, "a task that came back late undid progress")


def wait_until_up(case):
    for _ in range(240):
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{case.airflow.url}/api/v2/monitor/health", timeout=5).ok:
                return
        time.sleep(0.5)
    case.figures.must(False, "the API server did not come back")


def _processes():
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _words(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    return []


def _status(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return ["", "0", "0", "0"]


def _parent(pid):
    return int(_status(pid)[1])
