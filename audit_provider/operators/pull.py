"""The task that reads a source into the spool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import AuditError
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Gap, PullCounts, text_of
from audit_provider.core.pipeline import source_from
from audit_provider.core.runs.arguments import window_from
from audit_provider.core.runs.pulling import COUNTS, Pulling, source_failures_kept
from audit_provider.core.runs.quiet import Followers, idle_after
from audit_provider.core.runs.source_reading import SourceReading
from audit_provider.core.sources import SourceSpec
from audit_provider.core.wire.budget import POLLING
from audit_provider.core.wire.budget import lane as lane_name
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.host.settings import spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.host.versions import skip_tasks
from audit_provider.operators import signals
from audit_provider.operators.links import AuditLogLink
from audit_provider.operators.signals import openlineage, spool_asset, tell_asset
from audit_provider.operators.task import AuditLogsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

_BY_ITSELF = ("scheduled", "asset_triggered")
"""Types of runs that no person started: in these, tasks that have nothing to do are skipped."""


class PullAuditLogsOperator(AuditLogsOperator):
    """Read a source's audit events into the spool, starting where the last run ended.

    Returns counts for XCom: ``read``, ``spooled``, ``duplicates``, ``same_id`` (spooled events whose id another record
    with different content has), ``set_aside`` (records that could not be read), ``outside`` (events that the source
    served for a window of the past but that belong to another window), ``recorded_within`` (events that happened
    outside of the window and were recorded within it), ``head``, ``watermark``, ``complete``, ``requests`` (sent to the
    API) and ``budget`` (the API allows ``requests`` in ``per`` seconds). If something was spooled, the asset
    ``x-audit-logs://<pipeline>`` gets an event with these counts. Example::

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
    :param rate_limit: The vendor's budget, if it differs from the source's default, ``{"requests": 10, "per": 60}``.
    :param backfill_share: Part of the budget, 0 to 1, that a backfill may use; the rest is for polling.
    :param lane: Lane of a window, from 1: windows of different lanes are read in parallel, windows of one lane are not.
    :param run_minutes: Minutes for which one task reads. The next run reads the rest.
    :param watched: Whether a part of the budget is reserved for looks at the source, see ``watch`` of a pipeline.
    :param followers: The tasks downstream of this one. In a run that no person started, those that have nothing to do
        are skipped. Default: none is skipped.
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
        watched: bool = False,
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
        self.watched = watched
        self.followers = followers
        self.spool = spool
        self._run: Pulling | None = None
        self._source_reading: SourceReading | None = None
        self.asset = spool_asset(pipeline)
        self.outlets = [*self.outlets, self.asset]

    def execute(self, context: Context) -> Any:
        """Read the source once; emit an asset event if something was spooled."""
        result = {**super().execute(context), **self._budget_used()}
        tell_asset(self, context, self.asset, new=self.spooled(result) > 0, extra=result)
        if idle := self._idle_tasks(context):
            # Airflow does not store the result of a task that ends by skipping others.
            context["ti"].xcom_push(key="return_value", value=result)
            skip_tasks(idle)
        return result

    def _requests(self) -> int:
        return self._source_reading.requests if self._source_reading else 0

    def _budget_used(self) -> dict[str, Any]:
        """Return how many requests this try has sent, and the budget of the API."""
        limit = (self._run.spec if self._run else self._spec()).rate_limit
        made = self._requests() + self.done_before.get("requests", 0)
        return {"requests": made, "budget": {"requests": limit.requests, "per": limit.per}}

    def _idle_tasks(self, context: Context) -> list[str]:
        """Return the downstream tasks that need not be started. A person who starts a run wants all of them."""
        run = context.get("dag_run")
        pulled = self._run.pulled if self._run else None
        if (
            self.followers is None
            or self._run is None
            or pulled is None
            or getattr(run, "run_type", "manual") not in _BY_ITSELF
        ):
            return []
        if getattr(context["ti"], "try_number", 1) > 1:
            return []  # whoever clears a task wants its followers too, and an earlier try may have spooled events
        idle = idle_after(
            None if self.resumed else self._run.before,
            pulled.position,
            self.followers,
            ledger=self.ledger,
            pipeline=self.pipeline,
            redrive=(context.get("params") or {}).get("redrive") or (),
            now=self.now(),
            log=self.log,
        )
        if idle.current:
            self.log.info(
                "Nothing is pending for %s, by the records: skipped, and up to date.", ", ".join(idle.current)
            )
            for each in idle.current:
                tags = {"pipeline": self.pipeline, "destination": each, "source": pulled.position.source}
                signals.gauge("pending", 0, tags)
        if idle.report:
            self.log.info("The report of %s stands: another one is skipped.", text_of(idle.report))
        return idle.tasks(self.followers)

    @property
    def budget_task(self) -> str:
        """The name under which this task claims its part of the request budget."""
        return lane_name(self.lane) if self.window else POLLING

    def done(self) -> dict[str, int]:
        """Return the counts of this try since its last wait."""
        counts = self._run.done if self._run else PullCounts()
        return {**{key: getattr(counts, key) for key in COUNTS}, "requests": self._requests()}

    def leave(self, resumes_at: datetime | None) -> None:
        """Release the task's part of the request budget. If the release cannot be recorded, the claim expires."""
        if self._source_reading:
            self._source_reading.leave(resumes_at)

    def spooled(self, result: Mapping[str, Any]) -> int:
        """Return how many events are new to the spool, from the result of :meth:`work`."""
        return int(result["spooled"])

    def page(self) -> str:
        """Return the vendor's page of this audit log, or "" if its address is not known."""
        return self._hook(self._spec()).page_url()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return OpenLineage's facets: from which API into which stream; None if its provider is not installed."""
        spec = self._spec()
        try:
            inputs = [f"{self._hook(spec).address()}{spec.request.path}"]
        except AuditError:
            inputs = []
        return openlineage(inputs, [f"{(self.spool or spool_uri()).rstrip('/')}/{self._stream_name().folder}"])

    def work(self, context: Context) -> dict[str, Any]:
        """Read for at most the allowed time. For the live stream, record how the run ended."""
        self._run = None
        if self.window:
            return self._read(context)
        with source_failures_kept(
            self.ledger, self.pipeline, run_id=self.run_id, now=self.now, log=self.log, run=lambda: self._run
        ):
            return self._read(context)

    def _read(self, context: Context) -> dict[str, Any]:
        spec = self._spec()
        window = window_from(self.window) if self.window else None
        if window:
            spec = spec.for_backfill()
        self._run = Pulling(
            ledger=self.ledger,
            store=open_store(self.spool or spool_uri()),
            pipeline=self.pipeline,
            spec=spec,
            source=self._source(spec),
            window=window,
            lane=self.lane,
            destinations=(context.get("params") or {}).get("destinations"),
            begun=self.begun or self.now(),
            run_minutes=self.run_minutes,
            goes_on=self.done_before.get("read", 0) > 0,
            report=partial(self._send_metrics, live=window is None),
            log=self.log,
        )
        return self._run.run()

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
        return AuditLogsHook(self._connection(spec), source=spec, settings=self.settings)

    def _connection(self, spec: SourceSpec) -> str:
        return self.conn_id or f"{spec.name}_default"

    def credential(self) -> str:
        """Return whose credential the task uses."""
        return f"the source of the pipeline {self.pipeline}, in the connection {self._connection(self._spec())!r}"

    def _stream_name(self) -> StreamName:
        if self.window:
            return StreamName.of_window(self.pipeline, window_from(self.window))
        return StreamName(self.pipeline)

    def _source(self, spec: SourceSpec) -> SourceReading:
        windows = list(self.windows or ())
        number = windows.index(self.window) + 1 if self.window in windows else 0
        self._source_reading = SourceReading(
            ledger=self.ledger,
            pipeline=self.pipeline,
            name=self._stream_name(),
            connection=self._hook(spec),
            task=self.budget_task,
            share=self.backfill_share,
            watched=self.watched,
            start=self.start,
            window_number=f"window {number} of {len(windows)}" if number else "",
            on_gap=self._log_gap,
            sleep=self.sleep,
            now=self.now,
            log=self.log,
        )
        return self._source_reading

    def _send_metrics(self, begun: Position, reached: Position, *, live: bool) -> None:
        """Send the metrics of a run: what it has stored durably, even if it failed."""
        tags = {"pipeline": self.pipeline, "source": reached.source}
        signals.count("read", reached.counts.read - begun.counts.read, tags)
        signals.count("spooled", reached.counts.spooled - begun.counts.spooled, tags)
        signals.count("set_aside", reached.counts.set_aside - begun.counts.set_aside, tags)
        lag = reached.lag(self.now()) if live else None
        if lag is not None:
            signals.gauge("lag_seconds", lag, tags)

    def _log_gap(self, gap: Gap) -> None:
        self.log.error(
            "Gap: events from %s to %s cannot be read: %s.", text_of(gap.wanted), text_of(gap.possible), gap.reason
        )
