"""``python -m benchmarks.startup WHAT [DAG]``: imports or parses DAG files, for measuring a fresh process.

With the id of a DAG, it parses like the process of one of its tasks.
"""

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


def parse(pipelines: int, dag_id: str = "") -> None:
    """Parse the shipped DAG files with this many pipelines of four destinations, like Airflow's DAG processor.

    :param dag_id: parse only the file of this DAG, like the process of one of its tasks; "" for all files.
    """
    if dag_id:
        os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    kind = dag_id.split("_")[1] if dag_id else "*"
    with tempfile.TemporaryDirectory() as folder:
        for file in DAGS.glob("*.py"):
            shutil.copy(file, folder)
        entries = [
            f"p{number}: {{source: pylon, destinations: {{{', '.join(TARGETS)}}}}}" for number in range(pipelines)
        ]
        Path(folder, "audit_pipelines.yaml").write_text("\n".join(entries))
        made = 0
        for file in sorted(Path(folder).glob(f"audit_logs_{kind}.py")):
            found = runpy.run_path(str(file))
            made += sum(name.startswith("audit_") for name in found)
        if made != 1 if dag_id else made < 3 * pipelines:
            raise SystemExit(f"{made} DAGs were made of {pipelines} pipelines")


def main() -> None:
    """Do what the arguments say: ``airflow``, ``package``, or the number of pipelines to parse, and for which DAG."""
    what = sys.argv[1]
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        if what == "package":
            import audit_provider  # noqa: F401
        else:
            from airflow.sdk import DAG, BaseHook, BaseOperator, Param  # noqa: F401

            if what != "airflow":
                parse(int(what), *sys.argv[2:])
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
