"""The incremental DAG: reads what is new, ships what is pending, reports."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, get_parsing_context

from audit_provider import operators
from audit_provider.core.runs.arguments import MOST_REASON
from audit_provider.core.runs.quiet import Followers
from audit_provider.dags.tasks import OtherTask, dag_of, pull_arguments, refuse_unknown_keys, runs_here, ship_task
from audit_provider.host.pipelines import SHIP
from audit_provider.host.versions import watched_schedule

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from audit_provider.core.pipeline import Pipeline

ASSET = "x-audit-logs-look://"
"""Prefix of the name of the asset whose events are successful looks at a source; the pipeline's name follows."""

PULL_DOC = """Reads what is new at the source into the spool.

In a run that no person has started, it then looks at the records of progress and skips each task that has nothing to
do: a destination that has every event and whose last run did not fail, and the report if the last one is less than an
hour old and another one would say the same. A run that a person starts does everything."""
SHIP_DOC = """Ships what is pending.

*Skipped* means that the task before it has proven by the records that this destination has every event: it is up to
date. A destination that is not enabled is skipped too, and its events wait; the page shows which it is."""
REPORT_DOC = """Accounts for every event, finds unusual activity, and removes segments that nobody needs.

*Skipped* means that nothing new was read, nothing is pending, and the last report is less than an hour old."""


def build_incremental(pipeline: Pipeline) -> DAG:
    """Return ``audit_incremental_<pipeline>``: ``pull``, then ``ship_<destination>`` in parallel, then ``report``.

    Shipping also runs if the pull failed: events in the spool do not wait for the source. If the pull found nothing new
    and nothing is pending, the scheduler skips the other tasks without starting a process for them.

    With ``watch: true``, a trigger looks at the source every few seconds and starts a run if there is something new.
    """
    spec = pipeline.spec
    with dag_of(
        pipeline,
        "incremental",
        f"{spec.title} to {', '.join(pipeline.destinations)}",
        doc=__doc__,
        schedule=schedule_of(pipeline),
        params=_form(list(pipeline.destinations)),
    ) as dag:
        pull, report = _pull_task(pipeline), _report_task(pipeline)
        findings = pipeline.monitoring is not None and pipeline.monitoring.ship_findings
        for delivery in pipeline.destinations.values():
            shipped = ship_task(
                pipeline, delivery, findings=findings, evidence=pipeline.ship_checkpoints, doc_md=SHIP_DOC
            )
            pull >> shipped >> report
    return dag


def _pull_task(pipeline: Pipeline) -> BaseOperator:
    """Return the task that reads the source."""
    if not runs_here("pull"):
        return OtherTask(task_id="pull")
    return operators.PullAuditLogsOperator(
        task_id="pull",
        pre_execute=refuse_unknown_keys,
        followers=_followers(pipeline),
        doc_md=PULL_DOC,
        **pull_arguments(pipeline),
    )


def _followers(pipeline: Pipeline) -> Followers:
    """Return the tasks that the pull may skip. Without monitoring, the time of the last report is not known."""
    monitoring = pipeline.monitoring
    return Followers(
        ships={each: f"{SHIP}{each}" for each in pipeline.destinations},
        off=[each.name for each in pipeline.destinations.values() if not each.enabled],
        report="report" if monitoring else "",
        settle=monitoring.settle if monitoring else timedelta(0),
        findings=monitoring is not None and monitoring.ship_findings,
        evidence=pipeline.ship_checkpoints,
    )


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
        doc_md=REPORT_DOC,
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
        "discard_from": Param(
            None,
            type=["null", "string"],
            enum=[None, *destinations],
            title="Destination",
            section="Discard dead letters",
            description="Destination whose dead letters are not to be sent again. They stay in the spool, with who "
            "discarded them and why.",
        ),
        "discard": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Events",
            section="Discard dead letters",
            description="Ids of the events, one per line.",
        ),
        "discard_reason": Param(
            None,
            type=["null", "string"],
            maxLength=MOST_REASON,
            title="Reason",
            section="Discard dead letters",
            description="Why they are discarded. It is kept as evidence.",
        ),
    }


def schedule_of(pipeline: Pipeline) -> Any:
    """Return the schedule of a pipeline's incremental DAG.

    A process that runs a task needs no schedule, so it does not import the trigger.
    """
    if not pipeline.watch or pipeline.schedule is None or get_parsing_context().task_id:
        return pipeline.schedule

    from audit_provider.triggers.watch import WatchTrigger

    trigger = WatchTrigger(json.dumps(described(pipeline), sort_keys=True, default=str))
    return watched_schedule(pipeline.schedule, f"{ASSET}{pipeline.name}", trigger)


def described(pipeline: Pipeline) -> dict[str, Any]:
    """Return what is needed to look at a pipeline's source, as JSON. It contains no secret."""
    monitoring = pipeline.monitoring
    return {
        "name": pipeline.name,
        **pipeline.source_arguments,
        "destinations": [each.name for each in pipeline.destinations.values() if each.enabled],
        "findings": monitoring is not None and monitoring.ship_findings,
        "evidence": pipeline.ship_checkpoints,
    }
