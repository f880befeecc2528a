"""How a source and each destination of a pipeline fare: by records, by the clock, and by the last run that ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.source_health import SourceHealth
from audit_provider.core.stream_name import StreamName
from audit_provider.plugin.views import DestinationView, SourceView, State

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.plugin.dag_facts import DagFacts
    from audit_provider.plugin.overview import Progress

PULL = "pull"
"""The task that reads the source."""


def ship_task_of(destination: str) -> str:
    """Return the id of the task that ships to a destination."""
    return f"ship_{destination}"


@dataclass(frozen=True, slots=True)
class Judge:
    """What a pipeline's parts are judged by.

    :ivar dag: None where Airflow does not know the incremental DAG. :ivar root: path below which Airflow is served.
    """

    pipeline: Pipeline
    progress: Progress
    dag: DagFacts | None
    root: str
    now: datetime

    @property
    def lag(self) -> float | None:
        """How far reading is behind, in seconds; None where nothing says how far it is."""
        position = self.progress.positions.get(StreamName(self.pipeline.name))
        return position.lag(self.now) if position else None

    def source(self) -> SourceView:
        """Return how reading the source fares."""
        position = self.progress.positions.get(StreamName(self.pipeline.name))
        health = self.progress.source or SourceHealth()
        complete = position.last_complete if position else None
        failed = self._failed_unrecorded(PULL, complete)
        state: State = "ok" if position else "new"
        if health.failures_in_a_row or failed:
            state = "critical"
        return SourceView(
            state=state,
            last_complete=complete,
            failures_in_a_row=health.failures_in_a_row,
            failing_since=health.failing_since,
            last_error=health.last_error,
            next_try=self._next_try(PULL) if state == "critical" else None,
            log=self._log_of(PULL, health.failed_run, failed=failed) if state == "critical" else "",
        )

    def destination(self, delivery: Delivery) -> DestinationView:
        """Return how a destination fares."""
        name, progress = delivery.name, self.progress
        live = StreamName(self.pipeline.name)
        position = progress.positions.get(live)
        offset = progress.offsets.get((live, name))
        summary = progress.summary
        letters = summary.dead_letters.get(name, 0) if summary else (offset.counts.set_aside if offset else 0)
        failures = offset.failures_in_a_row if offset else 0
        task = ship_task_of(name)
        # A run that set events aside ends failed for these, and they are told by themselves.
        failed = not letters and self._failed_unrecorded(task, offset.last_success if offset else None)
        failing = delivery.enabled and (failures > 0 or failed)
        state: State = "ok" if offset else "new"
        if failing:
            state = "critical"
        elif delivery.enabled and letters:
            state = "critical" if summary else "warning"
        return DestinationView(
            name=name,
            type=delivery.type,
            enabled=delivery.enabled,
            state=state,
            delivered=offset.counts.taken if offset else 0,
            pending=max(0, position.pending(offset)) if position else 0,
            pending_elsewhere=self._pending_elsewhere(name),
            failures_in_a_row=failures,
            last_success=offset.last_success if offset else None,
            last_error=offset.last_error if offset else "",
            failing_since=offset.failing_since if offset else None,
            next_try=self._next_try(task) if failing else None,
            log=self._log_of(task, offset.failed_run if offset else "", failed=failed) if failing else "",
            dead_letters=letters,
            letters_counted=summary is not None,
            too_old=offset.counts.too_old + offset.counts.restamped if offset else 0,
        )

    def log_of(self, task: str, run_id: str) -> str:
        """Return the path of a task's log in Airflow. :param task: "" for the run as a whole."""
        run = f"{self.root}/dags/audit_incremental_{self.pipeline.name}/runs/{run_id}"
        return f"{run}/tasks/{task}" if task else run

    def _failed_unrecorded(self, task: str, succeeded: datetime | None) -> bool:
        """Whether the last run that ended failed at a task, and nothing proves that this has gone well since.

        A worker that was killed leaves no record of its failure. :param succeeded: when it last did what it is for.
        """
        dag = self.dag
        if dag is None or task not in dag.failed:
            return False
        return succeeded is None or dag.ended_at is None or succeeded <= dag.ended_at

    def _log_of(self, task: str, recorded: str, *, failed: bool) -> str:
        run = recorded or (self.dag.ended_id if failed and self.dag else "")
        return self.log_of(task, run) if run else ""

    def _next_try(self, task: str) -> datetime | None:
        return self.dag.next_try(task) if self.dag else None

    def _pending_elsewhere(self, destination: str) -> int:
        """Return how many events of backfills, reconciliations and findings a destination has yet to get."""
        progress = self.progress
        return sum(
            max(0, position.pending(progress.offsets.get((stream, destination))))
            for stream, position in progress.positions.items()
            if not stream.is_live and self._is_shipped(stream, destination)
        )

    def _is_shipped(self, stream: StreamName, destination: str) -> bool:
        """Whether a destination is to get what a stream beside the live one holds."""
        if stream.is_findings:
            # A destination that has been down since before the first finding has no offset yet.
            return self.pipeline.monitoring is not None and self.pipeline.monitoring.ship_findings
        # Of a backfill, the destinations that were chosen have an offset.
        return (stream, destination) in self.progress.offsets
