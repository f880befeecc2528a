"""The task that reads a source into the spool."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Gap, Window, text_of, utc_now
from audit_provider.core.pipeline import aware, source_from
from audit_provider.core.position import Position
from audit_provider.core.pull import pull
from audit_provider.core.rate_limit import Pacer, RateLimit
from audit_provider.core.sources import PageReader, Reader, SourceSpec
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.operators.task import AuditLogsOperator, sleep_or_defer
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import GapWindowsVariable, PaceVariable, PositionVariable, StreamName

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.spool import Head, Store, Stream

FIRST_RUN_REACH = timedelta(hours=24)


class PullAuditLogsOperator(AuditLogsOperator):
    """Read a source's audit events, from where the last run ended, into the spool.

    Returns counts for XCom: ``read``, ``spooled``, ``duplicates``, ``head``, ``watermark``, ``complete``.

    :param pipeline: name of the pipeline; progress and segments are kept under it.
    :param source: name of the source, for instance ``pylon``, or a source as the pipelines file describes it.
    :param conn_id: connection of type ``audit_logs``; by default ``<source>_default``.
    :param settings: what the source must be told, such as an organisation's name.
    :param start: where the first run begins, date or date-time; by default 24 hours before it.
    :param window: ``{"start": …, "end": …}`` reads that span into a stream of its own and leaves the live one alone.
    :param page_size: events per page, at most the vendor's limit.
    :param reading: settings of the source's reading strategy, for instance ``{"overlap": 1800}`` (seconds).
    :param rate_limit: the vendor's budget where it differs, ``{"requests": 10, "per": 60}``.
    :param backfill_share: part of the budget that a window may use while polling goes on.
    :param run_minutes: how long one task reads before it leaves the rest to the next run.
    :param spool: URI of the spool; by default ``[audit_logs] spool``.
    """

    template_fields: Sequence[str] = ("pipeline", "source", "conn_id", "start", "window", "spool")
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
        page_size: int | None = None,
        reading: Mapping[str, Any] | None = None,
        rate_limit: Mapping[str, Any] | None = None,
        backfill_share: float = 0.8,
        run_minutes: int = 30,
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
        self.page_size = page_size
        self.reading = reading
        self.rate_limit = rate_limit
        self.backfill_share = backfill_share
        self.run_minutes = run_minutes
        self.spool = spool

    def work(self, context: Context) -> dict[str, Any]:
        """Read what there is, within the time allowed."""
        spec = source_from(
            self.pipeline,
            self.source,
            page_size=self.page_size,
            reading=self.reading or {},
            rate_limit=self.rate_limit or {},
            settings=self.settings or {},
        )
        window = window_from(self.window) if self.window else None
        if window:
            spec = spec.for_backfill()
        store = open_store(self.spool or spool_uri())
        name = StreamName.of_window(self.pipeline, window) if window else StreamName(self.pipeline)
        variable = PositionVariable(name)
        position = variable.load()
        if window and position and position.complete:
            self.log.info("The window %s has been read before; delete %s to read it again.", window, name.cursor_key)
            return _result(position, read=0, spooled=0, duplicates=0)
        live = PositionVariable(StreamName(self.pipeline)).load() if window else position
        reader = self._reader(spec, window, position, live)
        begun = self._begun(position, spec, reader)
        pace = PaceVariable(self.pipeline)

        def commit(position: Position) -> None:
            if window and position.gaps:
                GapWindowsVariable(self.pipeline).add(name)
            variable.commit(position)
            if window:
                pace.commit(position.requests)
            self.log.info(
                "Committed segment %d: %d events in the spool, read up to %s.",
                position.head.number,
                position.head.total,
                text_of(position.watermark) if position.watermark else "an open window",
            )

        pulled = pull(
            spec.reading,
            reader,
            name.stream(store, begun),
            begun,
            commit=commit,
            within=window,
            known=self._known(store, live if window else None),
            deadline=None if window else utc_now() + timedelta(minutes=self.run_minutes),
        )
        if reader.pages.records.undated:
            self.log.warning(
                "%d records had no readable time; they carry the time of receipt.", reader.pages.records.undated
            )
        if reader.pages.records.odd:
            self.log.warning(
                "%d records were no JSON objects; they are kept as {\"record\": …}.", reader.pages.records.odd
            )
        counts = pulled.counts
        self.log.info(
            "read %d = spooled %d + duplicates %d%s",
            counts.read,
            counts.spooled,
            counts.duplicates,
            "" if pulled.complete else "; there is more, the next run goes on",
        )
        return _result(pulled.position, read=counts.read, spooled=counts.spooled, duplicates=counts.duplicates)

    def _known(self, store: Store, live: Position | None) -> list[tuple[Stream, Head]]:
        """Return the streams whose events are not spooled again: that of late events, and the live one where given."""
        late = StreamName.of_reconciliation(self.pipeline)
        positions = {late: PositionVariable(late).load(), StreamName(self.pipeline): live}
        return [(name.stream(store, each), each.head) for name, each in positions.items() if each and each.head.number]

    def _begun(self, position: Position | None, spec: SourceSpec, reader: Reader) -> Position:
        """Return the position to read on from: the kept one, or a new one where the source is another."""
        strategy = type(spec.reading).__name__
        if position is None:
            chain = f"{utc_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
            return Position(source=spec.name, chain=chain, fields=spec.fields, strategy=strategy)
        if (position.source, position.strategy) != (spec.name, strategy):
            self.log.warning(
                "Read from %s by %s until now, from %s by %s from %s on.",
                position.source,
                position.strategy,
                spec.name,
                strategy,
                text_of(reader.start),
            )
            return replace(position, source=spec.name, fields=spec.fields, strategy=strategy, reading={})
        return replace(position, fields=spec.fields)

    def _reader(
        self, spec: SourceSpec, window: Window | None, position: Position | None, live: Position | None
    ) -> Reader:
        hook = AuditLogsHook(self.conn_id or f"{spec.name}_default", source=spec, settings=self.settings)
        backfill = PaceVariable(self.pipeline).load()

        pacers: dict[str, Pacer] = {}

        def pacer_of(each: SourceSpec) -> Pacer:
            sent = [*(live.requests.get(each.name, ()) if live else ()), *backfill.get(each.name, ())]
            limit = self._budget(each.rate_limit, backfilling=window is not None, backfill=backfill.get(each.name, ()))
            return Pacer(limit, history=sent, sleep=sleep_or_defer, now=utc_now)

        def pages(each: SourceSpec) -> PageReader:
            # Two sources of one name are one API, with one budget.
            pacer = pacers.setdefault(each.name, pacer_of(each))
            return hook.pages(each, sleep=sleep_or_defer, pacer=pacer)

        return Reader(
            pages=pages(spec),
            recovery=pages(spec.recovery) if spec.recovery else None,
            start=window.start if window else self._first(position),
            until=window.end if window else None,
            now=utc_now,
            report=self._report,
            tell=self.log.warning,
        )

    def _budget(self, limit: RateLimit, *, backfilling: bool, backfill: Sequence[datetime]) -> RateLimit:
        """Return this task's part of the budget: all of it, unless a backfill and polling have to share it."""
        if backfilling:
            return limit.share(self.backfill_share)
        horizon = utc_now() - timedelta(seconds=2 * limit.per)
        busy = any(sent > horizon for sent in backfill)
        return limit.share(1 - self.backfill_share) if busy else limit

    def _first(self, position: Position | None) -> datetime:
        """Return where reading begins where the kept state does not say."""
        if position and position.watermark:
            return position.watermark - FIRST_RUN_REACH
        start = moment_from(self.start, "start") if self.start else utc_now() - FIRST_RUN_REACH
        if start > utc_now():
            raise ConfigurationError(f"'start' of {self.pipeline} lies in the future: {text_of(start)}.")
        return start

    def _report(self, gap: Gap) -> None:
        self.log.error(
            "Gap: wanted events from %s, possible from %s: %s.", text_of(gap.wanted), text_of(gap.possible), gap.reason
        )


def window_from(bounds: Mapping[str, str]) -> Window:
    """Return the window that an operator was given.

    :raises ConfigurationError: it is none.
    """
    try:
        return Window(moment_from(bounds["start"], "window start"), moment_from(bounds["end"], "window end"))
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"the window {dict(bounds)} cannot be read: {error}.") from None


def moment_from(value: str | datetime, what: str) -> datetime:
    """Return a date or date-time given as text as an aware UTC time.

    :raises ConfigurationError: it is neither.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            raise ConfigurationError(f"{what} {value!r} is no date or date-time, as in 2026-01-01T00:00:00Z.") from None
    moment = aware(value)
    if moment is None:
        raise ConfigurationError(f"{what} is missing.")
    return moment


def _result(position: Position, **counts: int) -> dict[str, Any]:
    return {
        **counts,
        "head": position.head.number,
        "events": position.head.total,
        "watermark": text_of(position.watermark) if position.watermark else None,
        "complete": position.complete,
    }
