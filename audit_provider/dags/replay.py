"""The replay DAG: sends events of the spool again. A person starts it with a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param

from audit_provider.dags.backfill import destinations_field
from audit_provider.dags.tasks import dag_of, ship_task
from audit_provider.operators import ReportAuditLogsOperator

if TYPE_CHECKING:
    from audit_provider.core.pipeline import Pipeline


def build_replay(pipeline: Pipeline) -> DAG:
    """Return ``audit_replay_<pipeline>``: ``ship_<destination>`` in parallel, then ``report``.

    It reads nothing from the source. It sends the spooled events from ``start`` to ``end`` to each chosen destination
    again, no matter which run read them, and does not change the destination's offset.
    """
    names = list(pipeline.destinations)
    with dag_of(
        pipeline, "replay", f"Send events of {pipeline.spec.title} again", doc=build_replay.__doc__, params=_form(names)
    ) as dag:
        report = ReportAuditLogsOperator(
            task_id="report",
            pipeline=pipeline.name,
            destinations=names,
            replay=True,
            retention_days=pipeline.retention_days,
            trigger_rule="all_done",
            retries=0,
        )
        for delivery in pipeline.destinations.values():
            ship_task(pipeline, delivery, replay=True) >> report
    return dag


def _form(destinations: list[str]) -> dict[str, Param]:
    """Return the fields of the form. By default no destination is chosen, since most would hold the events twice."""
    return {
        "start": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="From",
            description="Time of the first event to send again. Empty: the oldest event that the spool keeps.",
        ),
        "end": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Until",
            description="Time before which the events happened (exclusive). Empty: the newest event.",
        ),
        "destinations": destinations_field(
            destinations,
            "Destinations that receive the events again. S3, SFTP and stores with ids recognise what they already "
            "have; Splunk, Datadog and other stores without ids then hold these events twice.",
            chosen=[],
        ),
    }
