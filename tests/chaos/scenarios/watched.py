"""A watched pipeline in a real Airflow: nobody starts a run, whatever ends or fails meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import Counter

from tests.chaos.rig import BATCH
from tests.chaos.scenarios.airflow import KINDS, AirflowCase, wait_until_up

_PATIENCE = 900.0
"""Seconds that a look, the runs that it starts and their retries may take on a busy machine."""


def watched_airflow(rig, dice, seed, long):
    """Kill the triggerer, the scheduler, the API server and tasks; let source and SIEM be down, and refuse tokens.

    All that has happened at the source must then be delivered by the runs that looks start.
    """
    case = AirflowCase(rig, seed, "watched_airflow", watch=True)
    try:
        case.airflow.start(lambda _: None)
        case.airflow.unpause(case.dag_id, patience=600)
        _until(case, lambda: _is_delivered(case), "the first events are delivered")
        _until(case, lambda: _look(case).get("looked_at"), "the source is looked at")
        harms = _HARMS if long else {"the triggerer is killed": _killed("triggerer")}
        for what, harm in harms.items():
            case.add(40)
            begun = time.monotonic()
            harm(case)
            _until(case, lambda: _is_delivered(case), f"all is delivered after: {what}")
            case.figures.recovery = max(case.figures.recovery, time.monotonic() - begun)
            case.figures.trials += 1
            for kind in KINDS[1:]:
                case.figures.allow(kind, BATCH)
        runs = case.airflow.call("GET", f"/dags/{case.dag_id}/dagRuns?limit=100")["dag_runs"]
        kinds = Counter(each["run_type"] for each in runs)
        case.figures.must(kinds["asset_triggered"] > 0 and not kinds["manual"], f"runs of these kinds: {dict(kinds)}")
        _until(case, lambda: _is_accounted(case), "the last run has ended")
        return case.close()
    finally:
        case.stop()


def _killed(part):
    def harm(case):
        start = case.kill(part)
        time.sleep(3)
        start()
        if part == "api-server":
            wait_until_up(case)

    return harm


def _task_killed(stage):
    """Kill a task while it is at work, and its supervisor with it."""

    def harm(case):
        slow = case.source["url"] if stage == "pull" else "splunk_hec"
        with case.rig.fault(slow, "slow", seconds=2.0):
            _until(case, lambda: _is_running(case, stage), f"a {stage} is at work")
            found = case.tasks_at_work()
        case.figures.must(bool(found), "no task was found at work")
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    return harm


def _source_answers(status):
    def harm(case):
        with case.rig.fault(case.source["url"], "status", status=status):
            _until(case, lambda: _look(case).get("last_error"), f"a look has noticed that the source answers {status}")

    return harm


def _siem_answers(status):
    def harm(case):
        with case.rig.fault("splunk_hec", "status", status=status, path="/"):
            failed = _until(case, lambda: _failures(case, "splunk_hec"), f"a ship has met the answer {status}")
            case.figures.must(bool(failed), f"the SIEM that answers {status} is not counted as failing")

    return harm


_HARMS = {
    "the triggerer is killed": _killed("triggerer"),
    "the scheduler is killed": _killed("scheduler"),
    "the API server is killed": _killed("api-server"),
    "the DAG processor is killed": _killed("dag-processor"),
    "a pull is killed": _task_killed("pull"),
    "a ship task is killed": _task_killed("ship_splunk_hec"),
    "the source is down": _source_answers(503),
    "the source refuses the token": _source_answers(401),
    "a SIEM is down": _siem_answers(503),
    "a SIEM refuses the token": _siem_answers(403),
}


def _until(case, true, what):
    begun = time.monotonic()
    while time.monotonic() - begun < _PATIENCE:
        # A part of Airflow may be down just now.
        with contextlib.suppress(Exception):
            if found := true():
                return found
        time.sleep(1)
    case.figures.must(False, f"not within {_PATIENCE:.0f} s: {what}")
    return None


def _is_delivered(case):
    served = set(case.held_by_source())
    return all(served <= {name for name, _ in case._new(kind)} for kind in KINDS)


def _is_accounted(case):
    """Whether the records say what the destinations hold: a run that has shipped writes them a little later."""
    position = case.position
    return all((offset := case.offset(kind)) and not position.pending(offset) for kind in KINDS)


def _look(case):
    return json.loads(case.variable(f"audit_logs.{case.name}.look") or "{}")


def _failures(case, kind):
    offset = case.offset(kind)
    return offset.failures_in_a_row if offset else 0


def _is_running(case, task_id):
    runs = case.airflow.call("GET", f"/dags/{case.dag_id}/dagRuns?state=running")["dag_runs"]
    tasks = [task for run in runs for task in case.airflow.tasks(case.dag_id, run["dag_run_id"])]
    return any(task["task_id"] == task_id and task["state"] == "running" for task in tasks)
