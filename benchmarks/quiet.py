"""``python -m benchmarks.quiet``: the cost of a run that finds nothing new, on a real Airflow, and of an earlier build.

Measured are the CPU seconds of all of Airflow's processes, less their CPU at rest. There are three Airflows: one with
the build of an earlier commit, one with this build, and one whose scheduler imports before it forks. Each runs the same
pipeline with three destinations, one after another and in alternation. The floor is a DAG of one task that does
nothing. The database is SQLite, whose CPU is that of the processes that use it.

A look at a watched source is measured in a fourth Airflow with ten watched pipelines, as the CPU of all its processes
less their CPU before these pipelines are switched on. Then nine of them are paused, and the time from an event of the
tenth to its delivery is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from audit_provider.core.model import utc_now
from audit_provider.sandbox.datadog import DatadogService
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.http_receiver import HttpReceiverService
from audit_provider.sandbox.local_airflow import LocalAirflow
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService
from audit_provider.testing.server import Reply, Request
from benchmarks.tasks import cpu_of_tree

ROOT = Path(__file__).parents[1]
BEFORE = "d23c5e4"
"""The last commit that did not skip the tasks of quiet runs."""

ROUNDS, NEW_EVENTS, AT_REST = 5, 20, 20.0
"""Runs of each kind, events of a busy run, and seconds at rest that are measured first."""

BOUNDS = {"quiet": 0.3, "quiet, preloaded": 0.2, "floor": 3.0, "look": 0.02}
"""Largest CPU allowed of a quiet run and of a look: as a ratio to the earlier build's quiet run, or in runs of one
empty task. The bounds leave room for a busy machine, on which a median of few rounds varies by a third."""

WATCHED, SPANS, SPAN = 10, 4, 20.0
"""Watched pipelines, and how often and how long, in seconds, their looks are measured."""

ARRIVALS, LONGEST_ARRIVAL = 12, 30.0
"""Number of measured events of a watched source, and the median seconds allowed; an idle machine takes half of it."""

LOOK = "look"
"""The kind of measurement that is not a run."""

_DAG = '''
"""airflow dag"""
from dataclasses import replace
from pathlib import Path

from airflow.sdk import Asset

from audit_provider.dags import build_incremental, load_pipelines

for pipeline in load_pipelines(Path("{file}")).values():
    # Events of an asset start a run as a schedule does, at the moment that is wanted.
    dag = build_incremental(replace(pipeline, schedule=Asset("x-bench://pipeline")))
    globals()[dag.dag_id] = dag

'''
_WATCHED_DAG = '''
"""airflow dag"""
from pathlib import Path

from audit_provider.dags import build_incremental, load_pipelines

for pipeline in load_pipelines(Path("{file}")).values():
    dag = build_incremental(pipeline)
    globals()[dag.dag_id] = dag

'''
_FLOOR = '''
"""airflow dag"""
from airflow.sdk import DAG, Asset, task

with DAG("floor", schedule=Asset("x-bench://floor"), max_active_runs=1) as dag:

    @task
    def nothing():
        pass

    nothing()
'''


class CountingPylon(PylonService):
    """A source that counts its requests. :ivar requests: how many it has answered."""

    requests = 0

    def answer(self, request: Request) -> Reply:
        """See :class:`PylonService`."""
        self.requests += 1
        return super().answer(request)


@dataclass
class Build:
    """One build of the package in an Airflow of its own.

    :ivar rest: CPU seconds per second at rest. :ivar cpu: CPU seconds by kind of run.
    :ivar arrivals: seconds from an event to its delivery, while watching.
    """

    name: str
    airflow: LocalAirflow
    pylon: CountingPylon
    splunk: SplunkHecService
    rest: float = 0.0
    cpu: dict[str, list[float]] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    arrivals: list[float] = field(default_factory=list)

    def measure(self, kind: str, dag_id: str, asset: str) -> None:
        """Start a run by an event of an asset, and record its CPU until it has ended."""
        root = self.airflow.process_id
        before, begun = cpu_of_tree(root), time.monotonic()
        known = {each["dag_run_id"] for each in self._runs(dag_id)}
        self.airflow.call("POST", "/assets/events", body={"asset_id": self._asset_id(asset), "extra": {}})
        run = None
        while run is None or run["state"] not in ("success", "failed"):
            time.sleep(0.5)
            run = next((each for each in self._runs(dag_id) if each["dag_run_id"] not in known), None)
        time.sleep(2)  # also wait for what the last process of a task leaves to do
        took = time.monotonic() - begun
        self.cpu.setdefault(kind, []).append(cpu_of_tree(root) - before - self.rest * took)
        states = {each["task_id"]: each["state"] for each in self.airflow.tasks(dag_id, run["dag_run_id"])}
        self.tasks[kind] = ", ".join(f"{task} {state}" for task, state in sorted(states.items()))

    def _runs(self, dag_id: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.airflow.call("GET", f"/dags/{dag_id}/dagRuns?limit=100&order_by=-run_after")[
            "dag_runs"
        ]
        return found

    def _asset_id(self, uri: str) -> int:
        found = self.airflow.call("GET", "/assets?limit=100")["assets"]
        return int(next(each["id"] for each in found if each["uri"] == uri))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _build(name: str, code: Path, folder: Path, *, preload: bool = False, watched: int = 0) -> Iterator[Build]:
    now = utc_now()
    with (
        CountingPylon("t", generate(50, now - timedelta(hours=3), now - timedelta(hours=1)), rate_limits={}) as pylon,
        SplunkHecService("h") as splunk,
        DatadogService("d") as datadog,
        HttpReceiverService(headers={"X-Token": "w"}) as webhook,
    ):
        connections = {
            "PYLON_DEFAULT": {"conn_type": "audit_logs", "host": pylon.url, "password": "t"},
            "SPLUNK_HEC_DEFAULT": {"conn_type": "splunk_hec", "host": splunk.url, "password": "h"},
            "DATADOG_LOGS_DEFAULT": {"conn_type": "datadog_logs", "host": datadog.url, "password": "d"},
            "HTTP_SIEM_DEFAULT": {
                "conn_type": "http_siem",
                "host": webhook.url + webhook.path,
                "password": "X-Token: w",
                "extra": {"auth": "header"},
            },
        }
        (folder / "dags").mkdir(parents=True)
        pipelines = folder / "pipelines.yaml"
        destinations = {"splunk": {"type": "splunk_hec"}, "datadog": {"type": "datadog"}, "webhook": {"type": "http"}}
        limit = {"requests": 10_000, "per": 1}
        entry = {"source": "pylon", "rate_limit": limit, "destinations": destinations}
        if watched:
            entry |= {"watch": True, "destinations": {"splunk": {"type": "splunk_hec"}}}
        pipelines.write_text(json.dumps({f"p{number or ''}": entry for number in range(watched or 1)}))
        (folder / "dags" / "pipeline.py").write_text((_WATCHED_DAG if watched else _DAG).format(file=pipelines))
        (folder / "dags" / "floor.py").write_text(_FLOOR)
        environment = {
            **{f"AIRFLOW_CONN_{key}": json.dumps(value) for key, value in connections.items()},
            "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(pipelines),
            "AIRFLOW__AUDIT_LOGS__SPOOL": f"file://{folder}/spool",
            # Parsed only once, because the DAG processor's own CPU is not part of a run.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15" if watched else "3600",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
            # A busy machine answers slowly, which is no error.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "PYTHONPATH": str(code),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        airflow = LocalAirflow(folder / "airflow", folder / "dags", environment, preload=preload)
        with airflow.running(lambda text: _say(f"{name}: {text}")):
            yield Build(name, airflow, pylon, splunk)


def measured(before: Path, folder: Path, rounds: int) -> list[Build]:
    """Measure every build in alternation. :param before: the code of the earlier build."""
    with contextlib.ExitStack() as open_builds:
        builds = [
            open_builds.enter_context(_build(name, code, folder / name.replace(", ", "_"), preload="pre" in name))
            for name, code in (("before", before), ("now", ROOT), ("now, preloaded", ROOT))
        ]
        for each in builds:
            for dag_id in ("audit_incremental_p", "floor"):
                each.airflow.unpause(dag_id, patience=600)
            for _ in range(2):
                each.measure("first", "audit_incremental_p", "x-bench://pipeline")
            each.measure("first", "floor", "x-bench://floor")
        for each in builds:
            begun = cpu_of_tree(each.airflow.process_id)
            time.sleep(AT_REST)
            each.rest = (cpu_of_tree(each.airflow.process_id) - begun) / AT_REST
        for number in range(rounds):
            for each in builds:
                each.measure("quiet", "audit_incremental_p", "x-bench://pipeline")
            for each in builds:
                each.measure("floor", "floor", "x-bench://floor")
            for each in builds:
                now = utc_now()
                new = generate(NEW_EVENTS, now - timedelta(seconds=40), now - timedelta(seconds=20), seed=number)
                each.pylon.add(new)
                each.measure("busy", "audit_incremental_p", "x-bench://pipeline")
            _say(f"round {number + 1} of {rounds}")
        return builds


def measured_looks(folder: Path) -> Build:
    """Measure looks at watched sources that have no new events."""
    names = [f"audit_incremental_p{number or ''}" for number in range(WATCHED)]
    with _build("watched", ROOT, folder, watched=WATCHED) as build:
        root = build.airflow.process_id
        while not all(build.airflow.call("GET", f"/dags/{name}", allow=(404,)) for name in names):
            time.sleep(2)
        begun = cpu_of_tree(root)
        time.sleep(2 * AT_REST)
        build.rest = (cpu_of_tree(root) - begun) / (2 * AT_REST)
        for name in names:
            build.airflow.unpause(name, patience=600)
        until = time.monotonic() + 600
        while time.monotonic() < until:  # each pipeline runs once, and is watched after that
            time.sleep(5)
            variables = build.airflow.call("GET", "/variables?limit=1000")["variables"]
            looks = [each for each in variables if each["key"].endswith(".look")]
            active = build.airflow.call("GET", "/dags/~/dagRuns?state=running&state=queued")["total_entries"]
            if len(looks) == WATCHED and not active and all("looked_at" in each["value"] for each in looks):
                break
        time.sleep(AT_REST)
        for _ in range(SPANS):
            before, sent, begun = cpu_of_tree(root), build.pylon.requests, time.monotonic()
            time.sleep(SPAN)
            took = time.monotonic() - begun
            spent = cpu_of_tree(root) - before - build.rest * took
            build.cpu.setdefault(LOOK, []).append(spent / (build.pylon.requests - sent))
        for name in names[1:]:
            build.airflow.call("PATCH", f"/dags/{name}", body={"is_paused": True})
        time.sleep(2 * AT_REST)  # until the DAG processor has ended the watches
        for number in range(ARRIVALS):
            held, now, begun = len(build.splunk.ids()), utc_now(), time.monotonic()
            build.pylon.add(generate(1, now - timedelta(seconds=1), now, seed=1000 + number))
            while len(build.splunk.ids()) == held and time.monotonic() - begun < 600:
                time.sleep(0.1)
            build.arrivals.append(time.monotonic() - begun)
            # Wait until its run has ended, and each time for another moment between two looks.
            time.sleep(12 + 1.7 * number % 5)
        return build


def main() -> int:
    """Print each build's CPU seconds; return 0 if all values are within their bounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quiet", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--before", default=BEFORE, help="commit of the earlier build")
    parser.add_argument("--looks", action="store_true", help="measure looks alone, and no run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        looks = measured_looks(Path(name))
    each_look = looks.cpu[LOOK]
    print(
        f"{LOOK:15} {statistics.median(each_look):.4f} CPU s ({min(each_look):.4f} to {max(each_look):.4f}); at rest "
        f"{looks.rest:.3f} CPU s a second"
    )
    arrival = statistics.median(looks.arrivals)
    print(f"event to delivered, watched: {arrival:.1f} s ({min(looks.arrivals):.1f} to {max(looks.arrivals):.1f})")
    if options.looks:
        return 0
    git = shutil.which("git") or "git"
    with tempfile.TemporaryDirectory() as name:
        code = Path(name, "code")
        subprocess.run([git, "-C", str(ROOT), "worktree", "add", "--detach", str(code), options.before], check=True)
        try:
            compileall = [
                sys.executable,
                "-m",
                "compileall",
                "-q",
                str(code / "audit_provider"),
                str(ROOT / "audit_provider"),
            ]
            subprocess.run(compileall, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""})
            # Airflow's processes look for modules in this folder first, and must find those of their own build.
            os.chdir(name)
            builds = measured(code, Path(name), options.rounds)
        finally:
            os.chdir(ROOT)
            subprocess.run([git, "-C", str(ROOT), "worktree", "remove", "--force", str(code)], check=True)
    middle = {(each.name, kind): statistics.median(found) for each in builds for kind, found in each.cpu.items()}
    for each in builds:
        for kind in ("quiet", "busy", "floor"):
            found = each.cpu[kind]
            ratio = middle[each.name, kind] / middle["before", kind]
            print(
                f"{each.name:15} {kind:6} {middle[each.name, kind]:6.2f} CPU s ({min(found):.2f} to {max(found):.2f}), "
                f"{ratio:.2f} of before; {each.tasks[kind]}"
            )
        print(f"{each.name:15} at rest {each.rest:.3f} CPU s a second")
    expected = ("ship_splunk success", "ship_splunk skipped")
    if [expected[each.name != "before"] in each.tasks["quiet"] for each in builds] != [True] * len(builds):
        raise SystemExit("the builds did not do what they are for: see the states of their tasks above.")
    ratios = {
        "quiet": middle["now", "quiet"] / middle["before", "quiet"],
        "quiet, preloaded": middle["now, preloaded", "quiet"] / middle["before", "quiet"],
        "floor": middle["now", "quiet"] / middle["now", "floor"],
        "look": statistics.median(each_look) / middle["before", "quiet"],
    }
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}, at most {BOUNDS[name]:g}  {'ok' if ratio <= BOUNDS[name] else 'BROKEN'}")
    print(f"arrival: {arrival:.1f} s, at most {LONGEST_ARRIVAL:g}  {'ok' if arrival <= LONGEST_ARRIVAL else 'BROKEN'}")
    return 0 if all(ratio <= BOUNDS[name] for name, ratio in ratios.items()) and arrival <= LONGEST_ARRIVAL else 1


if __name__ == "__main__":
    sys.exit(main())
