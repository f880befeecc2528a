"""The last task of a run: it reports the account of every destination and applies the spool's retention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import AuditError, ConfigurationError, StopError
from audit_provider.core.ledger.event_account import Account, table
from audit_provider.core.ledger.health import notices_in
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.monitoring.settings import Monitoring, monitoring_from, redaction_from
from audit_provider.core.monitoring.summary import summary_record, with_again
from audit_provider.core.pipeline import source_from
from audit_provider.core.records.selection import Redaction
from audit_provider.core.runs.arguments import window_from
from audit_provider.core.runs.gap_records import gaps_of_streams, streams_with_gaps
from audit_provider.core.runs.left_behind import LeftBehind, left_in_spool
from audit_provider.core.runs.retention import retain
from audit_provider.core.runs.shipment import forget_replay
from audit_provider.core.runs.watching import Watch, report_stands
from audit_provider.core.streams.open_stream import opened_for
from audit_provider.host.pipelines import read_file
from audit_provider.host.settings import beside_dags, pipelines_file, spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.operators.notifying import tell, tellers
from audit_provider.operators.task import AuditLogsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.spool import Store

_FAILED = frozenset({"failed", "upstream_failed"})


class ReportAuditLogsOperator(AuditLogsOperator):
    """Print the account of each destination, remove segments that are no longer needed, and fail if a task before it
    failed.

    With a source and ``monitoring``, it also counts events, finds unusual activity, writes a summary for the page and a
    report into the spool below ``<pipeline>/reports/``, and runs the notifiers. Returns the accounts for XCom, one
    mapping per stream and destination. Example::

        ReportAuditLogsOperator(
            task_id="report", pipeline="pylon", destinations=["s3"], source="pylon", monitoring={"lag_target": 3600}
        )

    :param pipeline: Name of the pipeline.
    :param destinations: Names of its destinations.
    :param windows: Windows of a backfill; None reports the live stream.
    :param late: Report what a reconciliation has found late or missed, instead of the live stream.
    :param retention_days: Days for which segments are kept after every destination has them.
    :param source: The pipeline's source, for the meaning of its actions.
    :param monitoring: How the pipeline is monitored, also with the keys of the pipelines file; None turns it off. Only
        the report of the live stream monitors.
    :param redact: Paths of the events to redact in the report, ``{"drop": […], "hash": […]}``; ``redact`` of
        ``monitoring`` overrides it.
    :param checkpoints: Make checkpoints of the streams that have grown, at most one an hour for each.
    :param spool: URI of the spool. Default: ``[audit_logs] spool``.
    """

    template_fields: Sequence[str] = ("pipeline", "destinations", "windows", "spool")
    ui_color = "#f5f0dc"

    def __init__(
        self,
        *,
        pipeline: str,
        destinations: Sequence[str],
        windows: Any = None,
        replay: bool = False,
        late: bool = False,
        retention_days: int = 30,
        source: str | Mapping[str, Any] | None = None,
        monitoring: Monitoring | Mapping[str, Any] | None = None,
        redact: Redaction | Mapping[str, Any] | None = None,
        checkpoints: bool = True,
        spool: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.destinations = destinations
        self.windows = windows
        self.replay = replay
        # A replay reports no stream: each ship task logs its own table.
        self.by_window = windows is not None or replay
        self.late = late
        self.retention_days = retention_days
        self.source = source
        self.monitoring = monitoring
        self.redact = redact
        self.checkpoints = checkpoints
        self.spool = spool

    def work(self, context: Context) -> list[dict[str, Any]]:
        """Report, then fail if a task before this one failed."""
        try:
            return self._work(context)
        except Exception:
            self._ask_for_another()
            raise

    def _ask_for_another(self) -> None:
        """Make the next run report even if it finds nothing new: a failure is reported again as long as it lasts."""
        if not self._monitors():
            return
        record = summary_record(self.ledger, self.pipeline)
        # The task fails with its own error. If this cannot be recorded, the next report is made within an hour.
        with suppress(AuditError):
            if (last := record.load()) and not last.again:
                record.commit(with_again(last, again=True))

    def _work(self, context: Context) -> list[dict[str, Any]]:
        store = open_store(self.spool or spool_uri())
        accounts: list[Account] = []
        late = StreamName.of_reconciliation(self.pipeline)
        if self.by_window:
            # If the plan failed, there are no windows. The live stream is reported by the incremental DAG.
            names = [StreamName.of_window(self.pipeline, window_from(window)) for window in self.windows or ()]
            chosen = context["params"].get("destinations") or self.destinations
        else:
            names = [late if self.late else StreamName(self.pipeline)]
            chosen = self.destinations
        for name in names:
            accounts += self._report(store, name, chosen)
        streams = streams_with_gaps(self.ledger, self.pipeline, names)
        every_gap = gaps_of_streams(self.ledger, self.pipeline, streams, self.destinations)
        gaps = [gap for gap in every_gap if gap.is_open]
        for gap in gaps:
            self.log.warning("Open gap %s.", gap)
        for left in self._left_behind(store):
            self.log.warning("%s", left)
        watched = self._monitor(store, accounts, every_gap, context)
        unkept = self._keep_checkpoints(store, names)
        if accounts or gaps:
            lines = [*([table(accounts)] if accounts else []), *([_told(self.pipeline, gaps)] if gaps else [])]
            self.log.info("\n%s", "\n".join(lines))
        wrong = [each for each in accounts if not each.adds_up]
        if wrong:
            raise StopError(f"the account of {wrong[0].destination} in {wrong[0].stream} does not add up: {wrong[0]}.")
        failed = self._failed_tasks(context)
        if failed:
            raise StopError(
                f"{', '.join(failed)} did not succeed, see the log there; the next run continues from the last commit."
            )
        if watched or unkept:
            raise StopError(" ".join([*watched, *unkept]))
        if self.replay:
            forget_replay(self.ledger, store, self.pipeline, self.destinations, context["dag_run"].run_id)
        if self._monitors():
            report_stands(self.ledger, self.pipeline)
        return [asdict(each) for each in accounts]

    def _monitor(
        self, store: Store, accounts: Sequence[Account], gaps: Sequence[GapRecord], context: Context
    ) -> list[str]:
        """Monitor the pipeline if it is configured, and return the reasons for which the task must fail."""
        settings = self.monitoring
        if settings is None or self.source is None or not self._monitors():
            return []
        if not isinstance(settings, Monitoring):
            settings = monitoring_from(settings, f"{self.pipeline}.monitoring") or Monitoring()
        if settings.redact is None and self.redact is not None:
            redact = self.redact if isinstance(self.redact, Redaction) else redaction_from(self.redact, "redact")
            settings = replace(settings, redact=redact)
        return Watch(
            ledger=self.ledger,
            store=store,
            pipeline=self.pipeline,
            source=source_from(self.pipeline, self.source),
            destinations=self.destinations,
            settings=settings,
            tellers=tellers(settings.notify, ship_findings=settings.ship_findings),
            notify=lambda memory, now, hidden: tell(self.pipeline, settings.notify, memory, context, now, hidden),
            log=self.log,
            now=self.now,
        ).run(accounts, gaps)

    def _monitors(self) -> bool:
        return not (self.monitoring is None or self.source is None or self.late or self.by_window)

    def _keep_checkpoints(self, store: Store, names: Sequence[StreamName]) -> list[str]:
        """Make the checkpoints of the reported streams; return the reasons for which the task must fail."""
        if not self.checkpoints:
            return []
        # Imported here so that a DAG file does not load the signing modules.
        from audit_provider.core.runs.checkpoints import Checkpoints
        from audit_provider.hooks.checkpoint_key import signer

        live = StreamName(self.pipeline)
        own = [StreamName.of_findings(self.pipeline), StreamName.of_evidence(self.pipeline)] if live in names else []
        try:
            made = Checkpoints(
                ledger=self.ledger,
                store=store,
                pipeline=self.pipeline,
                destinations=self.destinations,
                signer=signer(),
                log=self.log,
                now=self.now,
            ).make([*names, *own])
        except AuditError as error:
            # The account of the run is still correct, and is printed first.
            return [f"No checkpoint was made: {error}"]
        if made:
            self.log.info("%d checkpoint%s kept as evidence.", made, " is" if made == 1 else "s are")
        return []

    def _report(self, store: Store, name: StreamName, destinations: Sequence[str]) -> list[Account]:
        opened = opened_for(self.ledger, store, name, destinations)
        if opened is None:
            self.log.info("Nothing has been read into %s.", name.folder)
            return []
        # Every window of one backfill would have the same notices.
        for notice in () if self.by_window else notices_in(opened.position.noticed):
            self.log.warning("Notice of reading into %s: %s", name.folder, notice.text)
        accounts = [opened.account(each) for each in destinations]
        if opened.stream.due_for_pruning(self.now()):
            retain(
                self.ledger,
                store,
                name,
                self.destinations,
                retention_days=self.retention_days,
                now=self.now(),
                log=self.log,
            )
        return accounts

    def _left_behind(self, store: Store) -> list[LeftBehind]:
        """Return what is left under names that are not in the pipelines file; empty if there is no such file."""
        if self.by_window or self.late:
            return []
        try:
            pipelines = read_file(pipelines_file(beside_dags()))
        except ConfigurationError:
            return []
        known: dict[str, Sequence[str]] = dict.fromkeys(pipelines.wrong, ())
        known |= {name: list(each.destinations) for name, each in pipelines.pipelines.items()}
        known.setdefault(self.pipeline, self.destinations)
        return left_in_spool(self.ledger, store, known, self.pipeline, now=self.now())

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
    return f"{pipeline} has {len(gaps)} open gaps ({shown}): check them, then acknowledge them."
