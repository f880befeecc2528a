"""The task that reads a source into the spool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.account import refuse_other_account
from audit_provider.core.errors import AuditError, UnavailableError, WaitError
from audit_provider.core.ledger import GapWindows, position_record
from audit_provider.core.model import Gap, PullCounts, Window, text_of, utc_now
from audit_provider.core.open_stream import PositionWriter
from audit_provider.core.pipeline import source_from
from audit_provider.core.position import Position
from audit_provider.core.progress import PullProgress
from audit_provider.core.pull import SEGMENT_AGE, Pulled, pull
from audit_provider.core.runs.arguments import window_from
from audit_provider.core.runs.beginning import (
    asked_before,
    begun_position,
    first_moment,
    known_streams,
    lacks_removed,
    on_kept_chain,
    read_again,
)
from audit_provider.core.runs.pacers import Pacers
from audit_provider.core.runs.quiet import Followers, idle_after
from audit_provider.core.runs.source_failures import source_failures_kept
from audit_provider.core.sources import PageReader, Reader, SourceSpec
from audit_provider.core.stream_name import StreamName
from audit_provider.core.wire.budget import POLLING
from audit_provider.core.wire.budget import lane as lane_name
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.host.settings import spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.host.versions import skip_tasks
from audit_provider.operators import metrics
from audit_provider.operators.lineage import openlineage, spool_asset, tell_asset
from audit_provider.operators.links import AuditLogLink
from audit_provider.operators.task import AuditLogsOperator, sleep_or_defer

if TYPE_CHECKING:
    from airflow.sdk import Context


_COUNTS = ("read", "spooled", "duplicates", "same_id", "set_aside", "outside", "recorded_within")
WINDOW_SEGMENT_AGE = timedelta(minutes=5)
"""Of a window: nobody waits for its events, and full segments make large files. A crash costs so much of reading."""


_BY_ITSELF = ("scheduled", "asset_triggered")
"""Types of runs that nobody has asked for: these skip what has nothing to do."""


class PullAuditLogsOperator(AuditLogsOperator):
    """Read a source's audit events into the spool, starting where the last run ended.

    Returns counts for XCom: ``read``, ``spooled``, ``duplicates``, ``same_id`` (spooled events whose id another record
    with different content has), ``set_aside`` (records that could not be read), ``outside`` (further events that were
    served for a window of the past and belong to another window), ``recorded_within`` (events read that happened
    outside of the window and were recorded within it), ``head``, ``watermark``, ``complete``. If something was spooled,
    the asset ``x-audit-logs://<pipeline>`` has an event with these counts. Example::

        PullAuditLogsOperator(task_id="pull", pipeline="pylon", source="pylon", conn_id="pylon_default")

    :param pipeline: Name of the pipeline; its position and segments are kept under it.
    :param source: Name of the source, for example ``pylon``, or a source as the pipelines file describes it.
    :param conn_id: Connection of type ``audit_logs``. Default: ``<source>_default``.
    :param settings: Values that the source needs, such as an organisation's name.
    :param start: Time from which the first run reads, as date or date-time. Default: 24 hours before the first run.
    :param window: ``{"start": …, "end": …}`` reads this time range into its own stream and does not change the live
        one.
    :param windows: All windows of a backfill, so that the log can say which of them it is.
    :param page_size: Events per page, up to the vendor's limit.
    :param reading: Settings of the source's reading strategy, for example ``{"overlap": 1800}`` (seconds).
    :param rate_limit: The vendor's budget if it differs, ``{"requests": 10, "per": 60}``.
    :param backfill_share: Part of the budget, 0 to 1, that a backfill may use; polling keeps the rest.
    :param lane: Lane of a window, from 1: windows of different lanes are read in parallel, windows of one lane are not.
    :param run_minutes: Minutes for which one task reads before it leaves the rest to the next run.
    :param followers: The tasks behind this one. In a run that no person has started, those that have nothing to do are
        skipped. Default: none is.
    :param spool: URI of the spool. Default: ``[audit_logs] spool``.
    """

    template_fields: Sequence[str] = ("pipeline", "source", "conn_id", "start", "window", "windows", "spool")
    operator_extra_links = (AuditLogLink(),)
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        pipeline: str,
        source: str | Mapping[str, Any],
        conn_id: str | None = None,
        settings: Mapping[str, str] | None = None,
        start: str | datetime | None = None,
        window: Mapping[str, str] | None = None,
        windows: Sequence[Mapping[str, str]] | None = None,
        page_size: int | None = None,
        reading: Mapping[str, Any] | None = None,
        rate_limit: Mapping[str, Any] | None = None,
        backfill_share: float = 0.8,
        lane: int = 1,
        run_minutes: int = 30,
        followers: Followers | None = None,
        spool: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.source = source
        self.conn_id = conn_id
        self.settings = settings
        self.start = start
        self.window = window
        self.windows = windows
        self.page_size = page_size
        self.reading = reading
        self.rate_limit = rate_limit
        self.backfill_share = backfill_share
        self.lane = lane
        self.run_minutes = run_minutes
        self.followers = followers
        self.spool = spool
        self._before: Position | None = None
        self._pulled: Pulled | None = None
        self._pacers: Pacers | None = None
        self._done = PullCounts()
        self.asset = spool_asset(pipeline)
        self.outlets = [*self.outlets, self.asset]

    def execute(self, context: Context) -> Any:
        """Do the work once, and let the asset event say what was spooled, if anything was."""
        result = super().execute(context)
        tell_asset(self, context, self.asset, new=self.spooled(result) > 0, extra=result)
        if idle := self._idle_tasks(context):
            # Airflow keeps no result of a task that ends so.
            context["ti"].xcom_push(key="return_value", value=result)
            skip_tasks(idle)
        return result

    def _idle_tasks(self, context: Context) -> list[str]:
        """Return the tasks behind this one that need not be started. A person who starts a run wants all of them."""
        run = context.get("dag_run")
        if self.followers is None or self._pulled is None or getattr(run, "run_type", "manual") not in _BY_ITSELF:
            return []
        if getattr(context["ti"], "try_number", 1) > 1:
            return []  # who clears a task wants what follows it; and an earlier try may have left something
        idle = idle_after(
            None if self.resumed else self._before,
            self._pulled.position,
            self.followers,
            ledger=self.ledger,
            pipeline=self.pipeline,
            redrive=(context.get("params") or {}).get("redrive") or (),
            now=utc_now(),
            log=self.log,
        )
        if idle.current:
            self.log.info(
                "Nothing is pending for %s, by the records: skipped, and up to date.", ", ".join(idle.current)
            )
            for each in idle.current:
                tags = {"pipeline": self.pipeline, "destination": each, "source": self._pulled.position.source}
                metrics.gauge("pending", 0, tags)
        if idle.report:
            self.log.info("The report of %s stands: another one is skipped.", text_of(idle.report))
        return idle.tasks(self.followers)

    @property
    def budget_task(self) -> str:
        """Under which name this task claims its part of the request budget."""
        return lane_name(self.lane) if self.window else POLLING

    def done(self) -> dict[str, int]:
        """Return what this part of the try has done."""
        return {key: getattr(self._done, key) for key in _COUNTS} if self._done.read else {}

    def leave(self, resumes_at: datetime | None) -> None:
        """Give up what was claimed of the request budget; where that cannot be recorded, it ends by itself."""
        if self._pacers:
            try:
                self._pacers.give_up(resumes_at)
            except UnavailableError as error:
                self.log.warning("The share of the request budget stays reserved for some minutes: %s", error)

    def spooled(self, result: Mapping[str, Any]) -> int:
        """Return how many events are new to the spool, by what :meth:`work` has returned."""
        return int(result["spooled"])

    def page(self) -> str:
        """Return the vendor's own page of this audit log; "" where its address is not known."""
        return self._hook(self._spec()).page_url()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the facets for OpenLineage: from which API into which stream; None without its provider."""
        spec = self._spec()
        try:
            inputs = [f"{self._hook(spec).address()}{spec.request.path}"]
        except AuditError:
            inputs = []
        return openlineage(inputs, [f"{(self.spool or spool_uri()).rstrip('/')}/{self._stream_name().folder}"])

    def work(self, context: Context) -> dict[str, Any]:
        """Read what there is, within the time allowed; of the live stream, how that ended is recorded."""
        if self.window:
            return self._read(context)
        with source_failures_kept(self.ledger, self.pipeline, run_id=self.run_id, now=utc_now, log=self.log):
            return self._read(context)

    def _read(self, context: Context) -> dict[str, Any]:
        self._done = PullCounts()
        self._pulled = None
        spec = self._spec()
        window = window_from(self.window) if self.window else None
        if window:
            spec = spec.for_backfill()
        store = open_store(self.spool or spool_uri())
        name = self._stream_name()
        record = PositionWriter(self.ledger, name)
        self._before = record.load()
        position = on_kept_chain(self._before, name, store)
        chosen = (context.get("params") or {}).get("destinations")
        if window and position and position.complete:
            self._refuse_other_account(self._hook(spec), spec, position, None)
            if not lacks_removed(self.ledger, store, name, chosen):
                self.log.info(
                    "The window %s has been read before; delete %s to read it again.", window, name.cursor_key
                )
                return _result(position, **dict.fromkeys(_COUNTS, 0))
            self.log.warning(
                "The window %s has been read before, but retention has removed a part of it that a new destination "
                "needs: it is read again.",
                window,
            )
            position = read_again(position)
        live = position_record(self.ledger, StreamName(self.pipeline)).load() if window else position
        reader = self._reader(spec, window, position, live)
        account = self._hook(spec).account()
        begun = reached = replace(begun_position(position, spec, reader), account=account)
        deadline = None if window else (self.begun or utc_now()) + timedelta(minutes=self.run_minutes)

        def commit(position: Position) -> None:
            nonlocal reached
            if window and position.gaps:
                GapWindows(self.ledger, self.pipeline).add(name, self.lane)
            record.commit(position)
            reached = position
            self.log.info(
                "Committed segment %d: %d events in the spool, read up to %s.",
                position.head.number,
                position.head.total,
                text_of(position.watermark) if position.watermark else "an open window",
            )

        try:
            with self.log_group(f"Reading {spec.title} into {name.folder}"):
                pulled = pull(
                    spec.reading,
                    reader,
                    name.stream(store, begun),
                    begun,
                    commit=commit,
                    within=window,
                    earlier_until=asked_before(self.ledger, store, name, window) if window else None,
                    known=known_streams(self.ledger, store, name, live, window, chosen, account=account),
                    deadline=deadline,
                    progress=self._progress(reader, begun.watermark),
                    segment_age=WINDOW_SEGMENT_AGE if window else SEGMENT_AGE,
                )
        except WaitError as wait:
            if deadline is None or wait.until <= deadline:
                raise
            if reached is begun and not self.done_before:
                raise UnavailableError(
                    f"{spec.title} allows no reading before {text_of(wait.until)}, which is after the "
                    f"{self.run_minutes} minutes of this task (run_minutes); the next try continues. It said: {wait}"
                ) from None
            # What was read is shipped meanwhile; the next run waits for the rest.
            self.log.info("%s That is after the end of this run.", wait)
            pulled = Pulled(reached, reached.counts - begun.counts, complete=False)
        finally:
            self._done = reached.counts - begun.counts
            self._tell_metrics(begun, reached, live=window is None)
        if gaps := len(pulled.position.gaps) - len(begun.gaps):
            self.log.error("%d gaps were found, see above.", gaps)
        counts = pulled.counts
        self._pulled = pulled
        self.log.info(
            "read %d = spooled %d + duplicates %d%s%s%s%s%s",
            counts.read,
            counts.spooled,
            counts.duplicates,
            f" + set aside {counts.set_aside}" if counts.set_aside else "",
            f"; {counts.outside} more were served that belong to other windows" if counts.outside else "",
            f"; {counts.recorded_within} happened outside of the window and were recorded within it"
            if counts.recorded_within
            else "",
            f"; {counts.same_id} of the spooled have an id that another record has" if counts.same_id else "",
            "" if pulled.complete else "; there is more, the next run continues",
        )
        return _result(pulled.position, **{key: getattr(counts, key) for key in _COUNTS})

    def _spec(self) -> SourceSpec:
        return source_from(
            self.pipeline,
            self.source,
            page_size=self.page_size,
            reading=self.reading or {},
            rate_limit=self.rate_limit or {},
            settings=self.settings or {},
        )

    def _hook(self, spec: SourceSpec) -> AuditLogsHook:
        return AuditLogsHook(self.conn_id or f"{spec.name}_default", source=spec, settings=self.settings)

    def _stream_name(self) -> StreamName:
        if self.window:
            return StreamName.of_window(self.pipeline, window_from(self.window))
        return StreamName(self.pipeline)

    def _progress(self, reader: Reader, watermark: datetime | None) -> PullProgress:
        now = utc_now()
        windows = list(self.windows or ())
        number = windows.index(self.window) + 1 if self.window in windows else 0
        return PullProgress(
            self.log.info,
            begun=now,
            start=watermark or reader.start,
            end=reader.until or now,
            window=f"window {number} of {len(windows)}" if number else "",
        )

    def _tell_metrics(self, begun: Position, reached: Position, *, live: bool) -> None:
        """Send the figures of a run: what is durable of it, also where it failed."""
        tags = {"pipeline": self.pipeline, "source": reached.source}
        metrics.count("read", reached.counts.read - begun.counts.read, tags)
        metrics.count("spooled", reached.counts.spooled - begun.counts.spooled, tags)
        metrics.count("set_aside", reached.counts.set_aside - begun.counts.set_aside, tags)
        lag = reached.lag(utc_now()) if live else None
        if lag is not None:
            metrics.gauge("lag_seconds", lag, tags)

    def _reader(
        self, spec: SourceSpec, window: Window | None, position: Position | None, live: Position | None
    ) -> Reader:
        hook = self._hook(spec)
        self._refuse_other_account(hook, spec, position, live)
        sent_before = live.requests if live and self.budget_task == POLLING else {}
        pacers = self._pacers = Pacers(
            self.ledger,
            self.pipeline,
            self.budget_task,
            sent_before,
            share=self.backfill_share,
            sleep=sleep_or_defer,
        )

        def pages(each: SourceSpec) -> PageReader:
            return hook.pages(each, sleep=sleep_or_defer, pacer=pacers.of(each))

        return Reader(
            pages=pages(spec),
            recovery=pages(spec.recovery) if spec.recovery else None,
            start=window.start if window else first_moment(position, self.start, self.pipeline),
            until=window.end if window else None,
            now=utc_now,
            report=self._report,
            tell=self.log.warning,
        )

    def _refuse_other_account(
        self, hook: AuditLogsHook, spec: SourceSpec, position: Position | None, live: Position | None
    ) -> None:
        """Refuse to read on where one of the positions was read from another account.

        :raises ConfigurationError: it was. Another source begins anew by itself.
        """
        where = f"the connection {hook.http_conn_id!r}"
        for name, kept in ((self._stream_name(), position), (StreamName(self.pipeline), live)):
            if kept and kept.source == spec.name:
                refuse_other_account(kept.account, hook.account(), name, where)

    def _report(self, gap: Gap) -> None:
        self.log.error(
            "Gap: events from %s to %s cannot be read: %s.", text_of(gap.wanted), text_of(gap.possible), gap.reason
        )


def _result(position: Position, **counts: int) -> dict[str, Any]:
    return {
        **counts,
        "head": position.head.number,
        "events": position.head.total,
        "watermark": text_of(position.watermark) if position.watermark else None,
        "complete": position.complete,
    }
