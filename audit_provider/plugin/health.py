"""The state of a pipeline's source and of each destination: by records, by the clock, and by the last finished run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.ledger.health import SourceHealth, without_doubles
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.monitoring.conditions import severity_of
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.plugin.views import DestinationView, Level, SourceView, State

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.stream_name import RecordKind
    from audit_provider.core.model import Offset, Outage
    from audit_provider.core.monitoring.summary import Severity
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.plugin.dag_facts import DagFacts
    from audit_provider.plugin.progress import Progress

PULL = "pull"
"""The task that reads the source."""


def ship_task_of(destination: str) -> str:
    """Return the id of the task that ships to a destination."""
    return f"ship_{destination}"


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the parts of one pipeline.

    :ivar dag: None if Airflow does not know the incremental DAG, or the user may not read it.
    :ivar root: path below which Airflow is served.
    """

    pipeline: Pipeline
    progress: Progress
    dag: DagFacts | None
    root: str
    now: datetime

    @property
    def lag(self) -> float | None:
        """How far reading is behind, in seconds; None if this is not known."""
        position = self.progress.positions.get(StreamName(self.pipeline.name))
        return position.lag(self.now) if position else None

    @property
    def last_complete(self) -> datetime | None:
        """When the source was last read to its end."""
        position = self.progress.positions.get(StreamName(self.pipeline.name))
        return position.last_complete if position else None

    @property
    def settings(self) -> Monitoring:
        """How far the pipeline may be behind; the default if it is not monitored."""
        return self.pipeline.monitoring or Monitoring()

    def reading_behind(self) -> float | None:
        """Return how many seconds reading is behind; None if everything that was due is read.

        A pipeline that runs once a day has nothing to read between two runs. Two things are due: what the last finished
        run left unread, and, if a run is late by more than the target, everything since the last read.
        """
        dag, lag = self.dag, self.lag
        if dag is None:
            return None if self.pipeline.schedule is None else lag
        if self._left_unread(dag):
            complete = self.last_complete
            return (self.now - complete).total_seconds() if lag is None and complete else lag
        due = dag.run_at if dag.is_active else dag.next_run
        if due is None and self.pipeline.schedule is not None and not dag.paused:
            return lag  # Airflow plans no run although the pipeline has a schedule
        late = (self.now - due).total_seconds() if due and not dag.paused else 0.0
        if severity_of(late, self.settings) is None:
            return None
        return late if lag is None else lag

    def _left_unread(self, dag: DagFacts) -> bool:
        """Whether the last finished run has left something of the source unread."""
        position = self.progress.positions.get(StreamName(self.pipeline.name))
        if position is None or position.complete or not dag.ended_id:
            return False
        if not dag.is_active:
            return True
        # The current run has not read to the end yet, so check whether the one before it had.
        complete = position.last_complete
        return complete is None or (dag.ended_began is not None and complete < dag.ended_began)

    def delivery_behind(self, destination: str) -> tuple[float, bool]:
        """Return for at least how many seconds the oldest pending event of a destination waits; 0 if none waits.

        The second value says whether this is exact: earlier versions did not record when an event was spooled.
        """
        live = StreamName(self.pipeline.name)
        position, offset = self.progress.positions.get(live), self.progress.offsets.get((live, destination))
        if position is None or position.pending(offset) <= 0:
            return 0.0, True
        return position.waiting_at_least(offset, self.now), position.waiting_since(offset, self.now) is not None

    def late_elsewhere(self, destination: str) -> float:
        """Return for how many seconds events of other streams are late for a destination; 0 if none is late.

        Events of a backfill or a reconciliation are shipped at the end of its run, and findings by the run after the
        report. Until then they are not late.
        """
        waits = [0.0]
        for stream, position, offset in self._elsewhere(destination):
            waiting = position.waiting_at_least(offset, self.now)
            if position.pending(offset) and not self._is_on_its_way(stream, position):
                waits.append(waiting)
        longest = max(waits)
        return longest if severity_of(longest, self.settings) else 0.0

    def _is_on_its_way(self, stream: StreamName, position: Position) -> bool:
        dag = self.dag
        if dag is None:
            return False
        if stream.is_made_here:
            return dag.ended_began is None or position.updated_at is None or dag.ended_began <= position.updated_at
        return ("backfill" if stream.is_backfill else "reconcile") in dag.loading

    def source(self) -> SourceView:
        """Return the state of the source."""
        health = self.progress.source or SourceHealth()
        complete = self.last_complete
        failed = self._failed_unrecorded(PULL, complete)
        state: State = "ok" if complete else "new"
        failing = health.failures_in_a_row > 0 or failed
        if failing:
            state = "critical"
        elif behind := level_of(severity_of(self.reading_behind(), self.settings)):
            state = behind
        elif self._is_unknown("position") or self._is_unknown("source"):
            state = "unknown"
        return SourceView(
            state=state,
            conn_id=self.pipeline.conn_id,
            last_complete=complete,
            failures_in_a_row=health.failures_in_a_row,
            failing_since=health.failing_since,
            last_error=health.last_error,
            next_try=self._next_try(PULL) if failing else None,
            log=self._log_of(PULL, health.failed_run, failed=failed) if failing else "",
            outages=health.outages,
        )

    def destination(self, delivery: Delivery) -> DestinationView:
        """Return the state of a destination."""
        name, progress = delivery.name, self.progress
        live = StreamName(self.pipeline.name)
        position = progress.positions.get(live)
        offset = progress.offsets.get((live, name))
        summary = progress.summary
        letters = summary.dead_letters.get(name, 0) if summary else (offset.counts.set_aside if offset else 0)
        later = summary.redriven_live.get(name, 0) if summary else 0
        counted = summary is not None or _are_all_open(offset)
        recorded = self._failure_record(name, offset)
        failures = recorded.failures_in_a_row if recorded else 0
        task = ship_task_of(name)
        # A run that set events aside fails because of them, and dead letters are reported separately.
        failed = not letters and self._failed_unrecorded(task, offset.last_success if offset else None)
        failing = delivery.enabled and (failures > 0 or failed)
        state: State = "ok" if offset else "new"
        if failing:
            state = "critical"
        elif delivery.enabled and letters:
            state = "critical" if counted else "warning"
        elif not delivery.enabled:
            state = "off"
        elif behind := self._behind(name):
            state = behind
        elif self._is_unknown("position") or self._is_unknown("offset", name):
            state = "unknown"
        waits = [since for each in self._elsewhere(name) if (since := self._since(*each[1:]))]
        return DestinationView(
            name=name,
            type=delivery.type,
            enabled=delivery.enabled,
            state=state,
            conn_id=delivery.conn_id,
            delivered=offset.counts.taken if offset else 0,
            pending=max(0, position.pending(offset)) if position else 0,
            pending_elsewhere=self._pending_elsewhere(name),
            waiting_since=self._since(position, offset) if position else None,
            elsewhere_since=min(waits, default=None),
            current_at=self._current_at(name) if state == "ok" else None,
            failures_in_a_row=failures,
            last_success=offset.last_success if offset else None,
            last_error=recorded.last_error if recorded else "",
            failing_since=recorded.failing_since if recorded else None,
            next_try=self._next_try(task) if failing else None,
            log=self._log_of(task, recorded.failed_run if recorded else "", failed=failed) if failing else "",
            dead_letters=letters,
            letters_counted=counted,
            redriven=summary.redriven.get(name, 0) if summary else 0,
            arrived=offset.counts.taken + later if offset and later else 0,
            discarded=summary.discarded.get(name, 0) if summary else 0,
            too_old=offset.counts.too_old if offset else 0,
            restamped=offset.counts.restamped if offset else 0,
            already_there=offset.counts.already_there if offset else 0,
            before=offset.started_at if offset else 0,
            again=offset.again if offset else 0,
            filtered=offset.counts.filtered if offset else 0,
            refused=offset.counts.dead_lettered if offset else 0,
            outages=self._outages(name, offset),
        )

    def _current_at(self, destination: str) -> datetime | None:
        """Return up to when a destination has everything that the source has served; None if something is pending."""
        live = StreamName(self.pipeline.name)
        position, offset = self.progress.positions.get(live), self.progress.offsets.get((live, destination))
        if position is None or offset is None or position.pending(offset) or self._pending_elsewhere(destination):
            return None
        return position.last_complete

    def _failure_record(self, destination: str, offset: Offset | None) -> Offset | None:
        """Return the record that says how the last runs of a ship task ended: that of the findings if those failed.

        The same task ships findings, after the live stream. :param offset: of the live stream.
        """
        if offset and offset.failures_in_a_row:
            return offset
        findings = self.progress.offsets.get((StreamName.of_findings(self.pipeline.name), destination))
        return findings if findings and findings.failures_in_a_row else offset

    def _outages(self, destination: str, offset: Offset | None) -> tuple[Outage, ...]:
        """Return the past outages of a destination. :param offset: of the live stream."""
        findings = self.progress.offsets.get((StreamName.of_findings(self.pipeline.name), destination))
        return without_doubles(offset.outages if offset else (), findings.outages if findings else ())

    def log_of(self, task: str, run_id: str) -> str:
        """Return the path of a task's log in Airflow. :param task: "" for the whole run."""
        run = f"{self.root}/dags/audit_incremental_{self.pipeline.name}/runs/{run_id}"
        return f"{run}/tasks/{task}" if task else run

    def _failed_unrecorded(self, task: str, succeeded: datetime | None) -> bool:
        """Whether a task failed in the last finished run, and no record shows that it has succeeded since.

        A worker that was killed leaves no record of its failure. :param succeeded: when the task last did its work.
        """
        dag = self.dag
        if dag is None or task not in dag.failed:
            return False
        return succeeded is None or dag.ended_at is None or succeeded <= dag.ended_at

    def _log_of(self, task: str, recorded: str, *, failed: bool) -> str:
        run = recorded or (self.dag.ended_id if failed and self.dag else "")
        return self.log_of(task, run) if run else ""

    def next_try(self, destination: str) -> datetime | None:
        """Return when a destination is shipped to next; None if this is not known."""
        return self._next_try(ship_task_of(destination))

    def _next_try(self, task: str) -> datetime | None:
        return self.dag.next_try(task) if self.dag else None

    def _pending_elsewhere(self, destination: str) -> int:
        """Return how many events of backfills, reconciliations and findings are pending for a destination."""
        return sum(max(0, position.pending(offset)) for _, position, offset in self._elsewhere(destination))

    def _elsewhere(self, destination: str) -> Iterator[tuple[StreamName, Position, Offset | None]]:
        """Yield the streams other than the live one that are shipped to a destination."""
        for stream, position in self.progress.positions.items():
            if not stream.is_live and self._is_shipped(stream, destination):
                yield stream, position, self.progress.offsets.get((stream, destination))

    def _since(self, position: Position, offset: Offset | None) -> datetime | None:
        """Return since when the oldest event waits; None if none waits or this is not known."""
        return position.waiting_since(offset, self.now) if position.pending(offset) > 0 else None

    def _is_unknown(self, kind: RecordKind, of: str = "") -> bool:
        """Whether a record of the live stream exists whose content is not known."""
        return str(RecordKey(kind, StreamName(self.pipeline.name), of)) in self.progress.unknown

    def _behind(self, destination: str) -> State | None:
        """Return the state of a destination that is behind; None if it is not behind."""
        waiting, known = self.delivery_behind(destination)
        if level := level_of(severity_of(waiting, self.settings)):
            return level
        if self.late_elsewhere(destination):
            return "warning"
        position = self.progress.positions.get(StreamName(self.pipeline.name))
        offset = self.progress.offsets.get((StreamName(self.pipeline.name), destination))
        if position and position.pending(offset) < 0:
            return "unknown"  # the records contradict each other
        return None if known else "unknown"

    def _is_shipped(self, stream: StreamName, destination: str) -> bool:
        """Whether a stream other than the live one is shipped to a destination."""
        if stream.is_findings:
            # A destination that has been down since before the first finding has no offset yet.
            return self.pipeline.monitoring is not None and self.pipeline.monitoring.ship_findings
        # Only the destinations that were chosen for a backfill have an offset in its streams.
        return (stream, destination) in self.progress.offsets


def _are_all_open(offset: Offset | None) -> bool:
    """Whether no dead letter was sent again, discarded or counted twice, so that all of them are open."""
    return offset is None or (offset.redriven == "" and not offset.again)


def level_of(severity: Severity | None) -> Level | None:
    """Return the level of a problem by its severity."""
    return "critical" if severity == "critical" else "warning" if severity else None
