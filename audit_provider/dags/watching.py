"""The schedule of a watched pipeline: hourly, and whenever a look at the source finds something."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_parsing_context

from audit_provider.host.versions import watched_schedule

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger

    from audit_provider.core.pipeline import Pipeline

ASSET = "x-audit-logs-look://"
"""What the name of the asset begins with whose events are looks that have found something; the pipeline follows."""


def schedule_of(pipeline: Pipeline) -> Any:
    """Return the schedule of a pipeline's incremental DAG.

    A process that runs a task needs no schedule, so it does not import the trigger.
    """
    if not pipeline.watch or pipeline.schedule is None or get_parsing_context().task_id:
        return pipeline.schedule

    def trigger() -> BaseEventTrigger:
        from audit_provider.triggers.watch import WatchTrigger

        return WatchTrigger(json.dumps(described(pipeline), sort_keys=True, default=str))

    return watched_schedule(pipeline.schedule, f"{ASSET}{pipeline.name}", trigger) or pipeline.schedule


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
