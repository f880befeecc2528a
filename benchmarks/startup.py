"""``python -m benchmarks.startup WHAT``: CPU seconds of a fresh process that imports something, or parses DAG files."""

from __future__ import annotations

import os
import resource
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

DAGS = Path(__file__).parents[1] / "dags"
TARGETS = ("s3: {type: s3, bucket: b}", "splunk: {type: splunk_hec}", "datadog: {type: datadog}", "siem: {type: http}")


def parse(pipelines: int) -> None:
    """Parse the shipped DAG files over so many pipelines of four destinations, as Airflow's processor does."""
    with tempfile.TemporaryDirectory() as folder:
        for file in DAGS.glob("*.py"):
            shutil.copy(file, folder)
        entries = [
            f"p{number}: {{source: pylon, destinations: {{{', '.join(TARGETS)}}}}}" for number in range(pipelines)
        ]
        Path(folder, "audit_pipelines.yaml").write_text("\n".join(entries))
        made = 0
        for file in sorted(Path(folder).glob("audit_logs_*.py")):
            found = runpy.run_path(str(file))
            made += sum(name.startswith("audit_") for name in found)
        if made < 3 * pipelines:
            raise SystemExit(f"{made} DAGs were made of {pipelines} pipelines")


def main() -> None:
    """Do what the first argument says: ``airflow``, ``package``, or how many pipelines to parse."""
    what = sys.argv[1]
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        if what == "package":
            import audit_provider  # noqa: F401
        else:
            from airflow.sdk import DAG, BaseHook, BaseOperator, Param  # noqa: F401

            if what != "airflow":
                parse(int(what))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
