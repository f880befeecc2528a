"""The last task of a run: the account of every destination, and the spool's retention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.accounting import Account, account, table
from audit_provider.core.destinations.packing import SEGMENTS_IN_A_LOT
from audit_provider.core.errors import StopError
from audit_provider.core.model import utc_now
from audit_provider.core.monitoring.settings import Monitoring, monitoring_from
from audit_provider.operators.gaps import gaps_of_streams
from audit_provider.operators.moments import window_from
from audit_provider.operators.monitoring import monitor
from audit_provider.operators.replay import forget_replay
from audit_provider.operators.task import AuditLogsOperator
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import GapWindowsVariable, OffsetVariable, PositionVariable, StreamName

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.gaps import GapRecord
    from audit_provider.core.model import Offset
    from audit_provider.core.position import Position
    from audit_provider.core.spool import Store, Stream

_FAILED = frozenset({"failed", "upstream_failed"})


class ReportAuditLogsOperator(AuditLogsOperator):
    """Print the account of each destination, remove segments that nobody needs, and end red if any task before did.

    Where it is told the source and how to watch it, it also counts what happened, says what is unusual, and leaves a
    summary for the page, a report in the spool below ``<pipeline>/reports/``, and word with whoever wants to be told.

    Returns the accounts for XCom, one mapping per stream and destination.

    :param pipeline: name of the pipeline.
    :param destinations: names of its destinations.
    :param windows: windows of a backfill; None reports the live stream.
    :param late: report what a reconciliation has found late or missed, instead of the live stream.
    :param retention_days: how long segments are kept once every destination has them.
    :param source: of the pipeline, for what its actions mean.
    :param monitoring: how the pipeline is watched, also as the keys of the pipelines file; None for not at all. Only
        the report of the live stream watches.
    :param spool: URI of the spool; by default ``[audit_logs] spool``.
    """

    template_fields: Sequence[str] = ("pipeline", "destinations", "windows", "spool")
    ui_color = "#f5f0dc"

    def __init__(
        self,
        *,
        pipeline: str,
        destinations: Sequence[str],
        windows: Any = None,
        late: bool = False,
        retention_days: int = 30,
        source: str | Mapping[str, Any] | None = None,
        monitoring: Monitoring | Mapping[str, Any] | None = None,
        spool: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.destinations = destinations
        self.windows = windows
        self.late = late
        self.retention_days = retention_days
        self.source = source
        self.monitoring = monitoring
        self.spool = spool

    def work(self, context: Context) -> list[dict[str, Any]]:
        """Report, then fail where a task before this one did."""
        store = open_store(self.spool or spool_uri())
        accounts: list[Account] = []
        late = StreamName.of_reconciliation(self.pipeline)
        if self.windows is None:
            names = [late if self.late else StreamName(self.pipeline)]
            chosen = self.destinations
        else:
            names = [StreamName.of_window(self.pipeline, window_from(window)) for window in self.windows]
            chosen = context["params"].get("destinations") or self.destinations
        for name in names:
            accounts += self._report(store, name, chosen)
        gaps = self._open_gaps([*names, StreamName(self.pipeline), late, *GapWindowsVariable(self.pipeline).load()])
        for gap in gaps:
            self.log.warning("Open gap %s.", gap)
        watched = self._monitor(store, accounts, gaps, context)
        if accounts or gaps:
            lines = [*([table(accounts)] if accounts else []), *([_told(self.pipeline, gaps)] if gaps else [])]
            self.log.info("\n%s", "\n".join(lines))
        wrong = [each for each in accounts if not each.adds_up]
        if wrong:
            raise StopError(f"the account of {wrong[0].destination} in {wrong[0].stream} does not add up: {wrong[0]}.")
        failed = self._failed_tasks(context)
        if failed:
            raise StopError(
                f"{', '.join(failed)} did not end well, see the log there; the next run goes on from the last commit."
            )
        if watched:
            raise StopError(" ".join(watched))
        if context["params"].get("replay"):
            forget_replay(store, self.pipeline, self.destinations, context["dag_run"].run_id)
        return [asdict(each) for each in accounts]

    def _monitor(
        self, store: Store, accounts: Sequence[Account], gaps: Sequence[GapRecord], context: Context
    ) -> list[str]:
        """Watch the pipeline, where that is wanted, and return what the task is to fail for."""
        if self.monitoring is None or self.source is None or self.late or self.windows is not None:
            return []
        settings = self.monitoring
        if not isinstance(settings, Monitoring):
            settings = monitoring_from(settings, f"{self.pipeline}.monitoring") or Monitoring()
        return monitor(self, store, settings, accounts, gaps, context)

    def _report(self, store: Store, name: StreamName, destinations: Sequence[str]) -> list[Account]:
        position = PositionVariable(name).load()
        if position is None:
            self.log.info("Nothing has been read into %s.", name.folder)
            return []
        stream = name.stream(store, position)
        offsets = {each: self._offset(name, each, position) for each in destinations}
        accounts = [account(stream, each, position, offset) for each, offset in offsets.items()]
        if stream.due_for_pruning(utc_now()):
            self._retain(stream, position, list(offsets.values()))
            if not name.window:
                self._retain_backfills(store)
        return accounts

    def _open_gaps(self, names: Sequence[StreamName]) -> list[GapRecord]:
        found = gaps_of_streams(self.pipeline, dict.fromkeys(names), self.destinations)
        return [gap for gap in found if gap.is_open]

    def _offset(self, name: StreamName, destination: str, position: Position) -> Offset | None:
        offset = OffsetVariable(name, destination).load()
        return offset if offset and offset.chain == position.chain else None

    def _retain_backfills(self, store: Store) -> None:
        """Do the same for the windows of past backfills, which no run of theirs will look at again."""
        for name in StreamName.all_in(store, self.pipeline):
            position = PositionVariable(name).load() if name.window else None
            if position:
                # Only the destinations that were chosen have an offset.
                offsets = [self._offset(name, each, position) for each in self.destinations]
                stream, known = name.stream(store, position), [each for each in offsets if each]
                # Those that share files go together, so that a replay of what is left makes the same files.
                self._retain(stream, position, known, together=SEGMENTS_IN_A_LOT)

    def _retain(
        self, stream: Stream, position: Position, offsets: Sequence[Offset | None], *, together: int = 1
    ) -> None:
        """Remove what every destination has and nobody will ask for. :param together: segments that go at once."""
        now = utc_now()
        if not offsets or position.head.number == 0:
            return
        finished = min(offset.segment - 1 if offset else 0 for offset in offsets)
        # The head stays, so that the chain always has an end to hold on to.
        finished = min(finished, position.head.number - 1)
        before = now - timedelta(days=self.retention_days)
        removed = stream.prune(finished=finished, written_before=before, now=now, together=together)
        if removed:
            self.log.info("Removed %d segments older than %d days.", removed, self.retention_days)

    def _failed_tasks(self, context: Context) -> list[str]:
        ti = context["ti"]
        run_id = context["dag_run"].run_id
        upstream = sorted(self.get_flat_relative_ids(upstream=True))
        states = ti.get_task_states(dag_id=self.dag_id, task_ids=upstream, run_ids=[run_id]).get(run_id, {})
        return sorted(task for task, state in states.items() if str(getattr(state, "value", state)) in _FAILED)


def _told(pipeline: str, gaps: Sequence[GapRecord]) -> str:
    """Return the line below the table that says how many gaps are open."""
    kinds = Counter(gap.kind for gap in gaps)
    shown = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"{pipeline} has {len(gaps)} open gaps ({shown}): look at them, then acknowledge them."
