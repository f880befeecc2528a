"""Imports what the tasks of the pipelines file use, once, in the processes from which Airflow forks.

``import audit_provider.preload`` in ``airflow_local_settings.py`` turns it on. The scheduler of a LocalExecutor and a
Celery worker fork a process for each task, the DAG processor one for each file that it parses. The forked process has
everything that was imported before. Restart them after an upgrade of this package, so that they use the new code, and
after adding a source or destination type, so that this is imported before the fork too.

https://airflow.apache.org/docs/apache-airflow/stable/howto/set-config.html#configuring-local-settings
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module

FORKING = frozenset({"scheduler", "celery", "dag-processor"})
"""Commands of ``airflow`` that fork tasks, or what parses the DAG files."""

_log = logging.getLogger(__name__)


def preload() -> None:
    """Import Airflow's reader of DAG files, and what the tasks of the incremental DAGs use."""
    try:
        import_module("airflow.dag_processing.dagbag")
    except ImportError:  # before Airflow 3.2
        import_module("airflow.models.dagbag")

    from audit_provider import operators
    from audit_provider.host.pipelines import read_file
    from audit_provider.host.settings import beside_dags, pipelines_file

    import_module("audit_provider.dags.incremental")
    for name in ("PullAuditLogsOperator", "ReportAuditLogsOperator"):
        getattr(operators, name)
    found = read_file(pipelines_file(beside_dags()))
    for pipeline in found.pipelines.values():
        for delivery in pipeline.destinations.values():
            operators.SHIP_OPERATORS[delivery.type]


def _preload_where_tasks_are_forked() -> None:
    if not FORKING.intersection(sys.argv[1:]):
        return
    try:
        preload()
    except Exception as error:  # noqa: BLE001 - if this fails, each fork imports what it needs
        _log.warning("Not everything is imported before tasks are forked (%s): each task imports it.", error)


_preload_where_tasks_are_forked()
