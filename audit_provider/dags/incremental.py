"""The incremental DAG: read what is new, ship what is pending, report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param

from audit_provider import operators
from audit_provider.airflow_versions import retry_arguments
from audit_provider.core.model import UTC
from audit_provider.dags.conf import refuse_unknown_keys
from audit_provider.dags.own_task import SHIP, OtherTask, runs_here

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.pipeline import Pipeline

TAGS = ("audit-logs",)
RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    **retry_arguments(),
}


def build_incremental(pipeline: Pipeline) -> DAG:
    """Return ``audit_incremental_<pipeline>``: ``pull``, then ``ship_<destination>`` in parallel, then ``report``.

    Shipping also runs if the pull failed: events in the spool do not wait for the source.
    """
    spec = pipeline.spec
    with DAG(
        dag_id=f"audit_incremental_{pipeline.name}",
        description=f"{spec.title} to {', '.join(pipeline.destinations)}",
        schedule=pipeline.schedule,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args=RETRIES,
        tags=[*TAGS, spec.name],
        params=_form(list(pipeline.destinations)),
        doc_md=__doc__,
    ) as dag:
        pull, report = _pull_task(pipeline), _report_task(pipeline)
        findings = pipeline.monitoring is not None and pipeline.monitoring.ship_findings
        for delivery in pipeline.destinations.values():
            pull >> ship_task(pipeline, delivery, findings=findings) >> report
    return dag


def _pull_task(pipeline: Pipeline) -> BaseOperator:
    """Return the task that reads the source."""
    if not runs_here("pull"):
        return OtherTask(task_id="pull")
    return operators.PullAuditLogsOperator(task_id="pull", pre_execute=refuse_unknown_keys, **pull_arguments(pipeline))


def _report_task(pipeline: Pipeline) -> BaseOperator:
    """Return the task that reports and monitors."""
    if not runs_here("report"):
        return OtherTask(task_id="report", trigger_rule="all_done")
    return operators.ReportAuditLogsOperator(
        task_id="report",
        pipeline=pipeline.name,
        destinations=list(pipeline.destinations),
        retention_days=pipeline.retention_days,
        source=pipeline.source,
        monitoring=pipeline.monitoring,
        redact=pipeline.redact,
        trigger_rule="all_done",
        retries=0,
    )


def _form(destinations: list[str]) -> dict[str, Param]:
    """Return the fields of the form that starts a run by hand; a scheduled run has their defaults."""
    return {
        "redrive": Param(
            [],
            type="array",
            items={"type": "string", "enum": destinations},
            examples=destinations,
            title="Redrive dead letters of",
            description="Destinations whose open dead letters are sent again, before pending events.",
        ),
    }


def pull_arguments(pipeline: Pipeline) -> dict[str, Any]:
    """Return the pull operator's arguments for a pipeline."""
    return {
        "pipeline": pipeline.name,
        "source": pipeline.source,
        "settings": dict(pipeline.settings),
        "conn_id": pipeline.conn_id,
        "start": pipeline.start.isoformat() if pipeline.start else None,
        "page_size": pipeline.page_size,
        "reading": dict(pipeline.reading),
        "rate_limit": dict(pipeline.rate_limit),
        "backfill_share": pipeline.backfill_share,
        "run_minutes": pipeline.run_minutes,
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
