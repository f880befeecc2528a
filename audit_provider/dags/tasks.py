"""The shared part of all DAGs: retries, refused configurations, the check of the pipelines file, and which tasks a
process loads.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator
from airflow.sdk import DAG, get_parsing_context

from audit_provider import operators
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import UTC
from audit_provider.core.text.validation import Mistakes, near
from audit_provider.host.pipelines import SHIP, message_of, read_file
from audit_provider.host.settings import pipelines_file
from audit_provider.host.versions import RETRY_DELAY, retry_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import Context, Param

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.pipeline import Pipeline

RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay": RETRY_DELAY,
    "retry_exponential_backoff": True,
    **retry_arguments(),
}

AIRFLOWS_OWN = frozenset({"openlineage"})
"""Keys that Airflow adds to the configuration if one DAG starts another."""


def dag_of(
    pipeline: Pipeline,
    kind: str,
    description: str,
    *,
    doc: str | None,
    schedule: Any = None,
    params: dict[str, Param] | None = None,
) -> DAG:
    """Return a DAG of a pipeline, without its tasks.

    :param kind: the part of its id after ``audit_`` and before the pipeline. :param doc: Markdown for Airflow's page.
    :param schedule: None if a person starts it. :param params: the fields of its form.
    """
    own = () if kind == "incremental" else (kind,)
    return DAG(
        dag_id=f"audit_{kind}_{pipeline.name}",
        description=description,
        schedule=schedule,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args=RETRIES,
        tags=["audit-logs", *own, pipeline.spec.name, *pipeline.tags],
        params=params,
        doc_md=doc,
    )


def pull_arguments(pipeline: Pipeline) -> dict[str, Any]:
    """Return the pull operator's arguments for a pipeline."""
    return {
        "pipeline": pipeline.name,
        **pipeline.source_arguments,
        "backfill_share": pipeline.backfill_share,
        "run_minutes": pipeline.run_minutes,
        "watched": pipeline.watch,
        "max_active_tis_per_dag": 1,
    }


def ship_task(pipeline: Pipeline, delivery: Delivery, **arguments: Any) -> BaseOperator:
    """Return the ship task of one destination."""
    task_id = f"{SHIP}{delivery.name}"
    if not runs_here(task_id):
        return OtherTask(task_id=task_id, trigger_rule="all_done")
    return operators.SHIP_OPERATORS[delivery.type].of_delivery(
        delivery,
        task_id=task_id,
        pipeline=pipeline.name,
        source=pipeline.source,
        run_minutes=pipeline.run_minutes,
        pre_execute=refuse_unknown_keys,
        trigger_rule="all_done",
        max_active_tis_per_dag=1,
        **arguments,
    )


def refuse_unknown_keys(context: Context) -> None:
    """Fail before a task begins if its run was given a key that the DAG's form does not have.

    Airflow accepts any key. With a mistyped ``destinations``, a replay would be sent to all of them.

    :raises AirflowFailException: there is such a key.
    """
    form = context["dag"].params
    for key in context["dag_run"].conf or {}:
        if key not in form and key not in AIRFLOWS_OWN:
            guess = near(key, form) if form else "; the form has no fields"
            raise AirflowFailException(
                f"the run was started with {key!r}, which is not a field of this DAG's form{guess}: start it again "
                "without it."
            )


def runs_here(task_id: str) -> bool:
    """Whether this process may run a task: it does so unless Airflow says that it runs another one.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/dynamic-dag-generation.html
    """
    return (get_parsing_context().task_id or task_id) == task_id


def mistakes_in_pipelines(default: Path, named: Path | None = None) -> None:
    """Raise an error with every mistake in the pipelines file.

    :param default: File to read if ``[audit_logs] pipelines_file`` is not set.
    :param named: File to read instead, even if that setting is set.
    :raises ConfigurationError: with one line per mistake.
    """
    from audit_provider.operators.notifying import notifier_class

    path = named or pipelines_file(default)
    found = read_file(path)
    mistakes = Mistakes()
    mistakes.lines += found.mistakes
    for pipeline in found.pipelines.values():
        for notification in pipeline.monitoring.notify if pipeline.monitoring else ():
            with mistakes.collected():
                notifier_class(notification, pipeline.name)
    if mistakes.lines:
        raise ConfigurationError(message_of(path, mistakes.lines))


class OtherTask(BaseOperator):
    """A task of the same DAG that another process runs. Here only its place in the DAG matters.

    Its modules are not imported here.
    """

    def execute(self, context: Context) -> Any:
        """Refuse to run.

        :raises AirflowFailException: always.
        """
        raise AirflowFailException(f"{self.task_id} was to run in a process that was started for another task.")
