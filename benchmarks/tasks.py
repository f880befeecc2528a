"""``python -m benchmarks.tasks``: the cost of one Airflow task before it does anything, on a real Airflow.

It is the sum over Airflow's whole process tree, so it includes the start of the process and the work of the scheduler
and the API server. The tasks import what this package's tasks import, and end.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path

from audit_provider.sandbox.local_airflow import LocalAirflow

TASKS = 60
_DAG = '''
"""airflow dag"""
from airflow.sdk import dag, task

@task
def memory():
    from pathlib import Path
    import re
    import audit_provider.operators.pull, audit_provider.operators.ship
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

@task
def work(number):
    import audit_provider.operators.pull, audit_provider.operators.ship

@dag(schedule=None)
def many():
    memory() >> work.expand(number=list(range(%d)))

many()
'''


def cpu_of_tree(root: int) -> float:
    """Return the CPU seconds of a process, of its living descendants, and of the ended children of all of these."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        ticks[int(folder.name)] = sum(map(int, fields[11:15]))
    total = 0
    for process in ticks:
        above = process
        while above not in (root, 0, 1):
            above = parents.get(above, 0)
        total += ticks[process] if above == root else 0
    return total / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print CPU seconds, seconds and megabytes of a task."""
    with tempfile.TemporaryDirectory() as folder:
        dags = Path(folder, "dags")
        dags.mkdir()
        (dags / "many.py").write_text(_DAG % TASKS)
        airflow = LocalAirflow(Path(folder, "airflow"), dags, {}, preload=False)
        with airflow.running(lambda text: print(text, file=sys.stderr)):
            root = airflow.process_id
            airflow.unpause("many")
            time.sleep(20)
            idle = cpu_of_tree(root)
            time.sleep(20)
            idle = (cpu_of_tree(root) - idle) / 20
            before, begun = cpu_of_tree(root), time.monotonic()
            run = airflow.trigger("many")
            state = airflow.wait("many", run, lambda _: None)
            took = time.monotonic() - begun
            used = cpu_of_tree(root) - before - idle * took
            peak = airflow.call("GET", f"/dags/many/dagRuns/{run}/taskInstances/memory/xcomEntries/return_value")
    kilobytes = int(re.sub(r"\D", "", str(peak["value"])))
    print(f"{TASKS} tasks, {state}: {used / TASKS:.2f} CPU s each beyond {idle:.2f} CPU s a second at rest; ", end="")
    print(f"{took / TASKS:.2f} s each, four at a time; {kilobytes / 1024:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
