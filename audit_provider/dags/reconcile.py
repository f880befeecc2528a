"""The reconciliation DAG: compares the past of the source with the spool, ships late and missed events, reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import DAG

from audit_provider import operators
from audit_provider.core.errors import ConfigurationError
from audit_provider.dags.tasks import (
    OtherTask,
    dag_of,
    pull_arguments,
    refuse_unknown_keys,
    runs_here,
    ship_task,
)
from audit_provider.operators import ReconcileAuditLogsOperator, ReportAuditLogsOperator

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from audit_provider.core.pipeline import Pipeline


def build_reconcile(pipeline: Pipeline) -> DAG | None:
    """Return ``audit_reconcile_<pipeline>``: ``compare``, then ``ship_<destination>`` in parallel, then ``verify``,
    then ``report``.

    ``compare`` reads again the days that the live reading has finished, and spools events that the spool does not have
    into a stream of its own. It continues where the last run ended, so a missed run skips no day. ``verify`` reads the
    new segments of the spool again and a share of the others, and records which days are proven.

    None if the pipeline's ``reconcile`` is ``false``, or if its source cannot be read by time.
    """
    spec, reconcile = pipeline.spec, pipeline.reconcile
    try:
        spec.for_backfill()
    except ConfigurationError:
        return None
    if reconcile is None:
        return None
    with dag_of(
        pipeline,
        "reconcile",
        f"Compare the past of {spec.title} with the spool",
        doc=build_reconcile.__doc__,
        schedule=reconcile.schedule,
    ) as dag:
        compare = ReconcileAuditLogsOperator(
            task_id="compare",
            pre_execute=refuse_unknown_keys,
            after=reconcile.after.total_seconds() if reconcile.after else None,
            width=reconcile.width.total_seconds(),
            retention_days=pipeline.retention_days,
            fail_on_missed=reconcile.fail_on_missed,
            **pull_arguments(pipeline),
        )
        report = ReportAuditLogsOperator(
            task_id="report",
            pipeline=pipeline.name,
            destinations=list(pipeline.destinations),
            late=True,
            retention_days=pipeline.retention_days,
            trigger_rule="all_done",
            retries=0,
        )
        verify = [_verify_task(pipeline)] if reconcile.verify else []
        for delivery in pipeline.destinations.values():
            shipped = ship_task(pipeline, delivery, late=True)
            compare >> shipped >> [*verify, report]
        for each in verify:
            each >> report
    return dag


def _verify_task(pipeline: Pipeline) -> BaseOperator:
    """Return the task that verifies the spool. It runs after all other tasks, even if they failed."""
    if not runs_here("verify"):
        return OtherTask(task_id="verify", trigger_rule="all_done")
    return operators.VerifyAuditLogsOperator(
        task_id="verify", pipeline=pipeline, trigger_rule="all_done", max_active_tis_per_dag=1
    )
