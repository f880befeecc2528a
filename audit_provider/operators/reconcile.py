"""The task that compares a past window of the source with the spool."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.budget import RECONCILIATION
from audit_provider.core.errors import StopError
from audit_provider.core.fields import FieldReader
from audit_provider.core.model import Gap, Window, text_of, utc_now
from audit_provider.core.position import Position
from audit_provider.core.pull import pull
from audit_provider.core.reconciliation import Comparison, Reconciliation, ReconciliationState, looks_back, midnight
from audit_provider.operators.pull import PullAuditLogsOperator
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import PositionVariable, StreamName

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.model import Event
    from audit_provider.core.sources import SourceSpec
    from audit_provider.core.spool import ComparedIds, Head, Store, Stream

_STRATEGY = "Reconciliation"
_PRUNING_MARGIN = timedelta(hours=2)


class ReconcileAuditLogsOperator(PullAuditLogsOperator):
    """Read closed windows of the past again, compare them with the spool, and spool what came late or was missed.

    All that is due since the last run is compared, in windows that end at midnight UTC and touch. What is found goes
    into the stream ``reconcile``, which is shipped like the live one. Returns for XCom: ``windows``, ``served``,
    ``in_spool``, ``late``, ``changed`` (their id is in the spool with other content; they are spooled too),
    ``late_ids`` (the first 20), ``late_by_action``, ``gone`` (in the spool, but no longer shown
    by the source; None where a window was read in parts), ``watermark_lag`` (seconds from the live watermark to now),
    ``reconciled_until`` and ``complete``.

    The parameters of :class:`~audit_provider.operators.pull.PullAuditLogsOperator`, and:

    :param after: seconds; how long ago a window must have ended. By default, and at least, an hour beyond what the live
        reading will look at again.
    :param width: seconds, in whole days, of one window at most.
    :param retention_days: of the pipeline's segments; what may have been removed is not compared.
    :param fail_on_missed: whether a run that finds late or missed events ends failed, once they are spooled.
    """

    template_fields: Sequence[str] = tuple(
        each for each in PullAuditLogsOperator.template_fields if "window" not in each
    )
    ui_color = "#e6dff0"

    def __init__(
        self,
        *,
        after: float | None = None,
        width: float = 86_400,
        retention_days: int = 30,
        fail_on_missed: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.after = after
        self.width = width
        self.retention_days = retention_days
        self.fail_on_missed = fail_on_missed
        self._found: list[Comparison] = []

    def work(self, context: Context) -> dict[str, Any]:
        """Compare what is due, within the time allowed."""
        live_spec = self._spec()
        spec = live_spec.for_backfill()
        store, name = open_store(self.spool or spool_uri()), StreamName.of_reconciliation(self.pipeline)
        live, variable = PositionVariable(StreamName(self.pipeline)).load(), PositionVariable(name)
        position = self._chained(variable.load(), spec)
        kept = msgspec.convert(position.reading, ReconciliationState)
        due = self._due(live, live_spec, spec, kept) if live else None
        found = self._found = []
        if live is None or due is None:
            self.log.info(
                "Nothing is due: %s.", f"compared up to {_shown(kept.reached)}" if live else "nothing is read"
            )
            self._tell_untold(kept, position, variable)
            return self._result(live, position, kept, found, complete=True)
        reader = self._reader(spec, due, position, live)
        known = [(name.stream(store, position), position.head), *self._others(store, live)]
        fields = FieldReader(spec.fields, ("action",))

        reached = position

        def commit(position: Position) -> None:
            nonlocal reached
            variable.commit(position)
            reached = position

        def hold(window: Window, ids: ComparedIds) -> None:
            for stream, head in known:
                for each in stream.ids_within(head, window):
                    ids.hold(each)

        def action(event: Event) -> str:
            return fields.read(event.raw).get("action", "")

        def finished(comparison: Comparison) -> None:
            self._tell(comparison)
            found.append(comparison)

        # An open window that cannot be compared any more is not gone on with.
        opened = kept.open if kept.open and kept.open.comparison.start == due.start else None
        begun = replace(kept, reached=due.start, open=opened)
        try:
            pulled = pull(
                Reconciliation(spec.reading, due.end, timedelta(seconds=self.width), hold, action, finished),
                reader,
                name.stream(store, position),
                replace(position, reading=msgspec.to_builtins(begun)),
                commit=commit,
                known=known[1:],
                deadline=(self.begun or utc_now()) + timedelta(minutes=self.run_minutes),
                progress=self._progress(reader, due.start),
            )
        finally:
            self._tell_metrics(position, reached, live=False)
        kept = msgspec.convert(pulled.position.reading, ReconciliationState)
        self._tell_untold(kept, pulled.position, variable)
        return self._result(live, pulled.position, kept, found, complete=pulled.complete)

    def _tell_untold(self, kept: ReconciliationState, position: Position, variable: PositionVariable) -> None:
        """Fail where that is wanted and late events were found, also before a wait or by a run that broke off."""
        if not kept.untold:
            return
        variable.commit(replace(position, reading=msgspec.to_builtins(replace(kept, untold=0))))
        if self.fail_on_missed:
            raise StopError(
                f"{kept.untold} events of {self.pipeline} came late or were missed: they are in the spool and are "
                f"shipped; 'fail_on_missed' is set, so the run ends failed."
            )

    @property
    def budget_task(self) -> str:
        """See :class:`~audit_provider.operators.pull.PullAuditLogsOperator`."""
        return RECONCILIATION

    def done(self) -> dict[str, int]:
        """See :class:`~audit_provider.operators.task.AuditLogsOperator`."""
        return {
            key: sum(getattr(each, key) for each in self._found) for key in ("served", "in_spool", "late", "changed")
        }

    def spooled(self, result: Mapping[str, Any]) -> int:
        """Return how many events are new to the spool: those that came late or were missed, and newer states."""
        return int(result["late"]) + int(result["changed"])

    def _stream_name(self) -> StreamName:
        return StreamName.of_reconciliation(self.pipeline)

    def _chained(self, position: Position | None, spec: SourceSpec) -> Position:
        """Return the position to go on from: the kept one, or a new one; of another source, with nothing compared."""
        if position is None:
            chain = f"{utc_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
            return Position(source=spec.name, chain=chain, fields=spec.fields, strategy=_STRATEGY)
        reading = position.reading if position.source == spec.name else {}
        return replace(position, source=spec.name, fields=spec.fields, reading=reading)

    def _due(self, live: Position, live_spec: SourceSpec, spec: SourceSpec, kept: ReconciliationState) -> Window | None:
        """Return the span to compare: from where the last run ended, as far as the live stream has settled."""
        now = utc_now()
        after = timedelta(seconds=self.after) if self.after is not None else looks_back(live_spec)
        # Where the live reading has not caught up, what it lacks is not missed.
        reached = live.updated_at if live.complete else live.watermark
        end = midnight(min(now, reached) - max(after, looks_back(live_spec))) if reached else None
        # What nobody asked for, what is no longer kept, and what the vendor no longer shows cannot be compared.
        bounds = [now - timedelta(days=self.retention_days) + _PRUNING_MARGIN]
        opened = kept.open.comparison.window if kept.open else None
        if opened and opened.start >= bounds[0]:
            return Window(opened.start, max(end or opened.end, opened.end))
        if end is None:
            return None
        if began := _began(live):
            bounds.append(began)
        if spec.lookback:
            bounds.append(midnight(now - spec.lookback) + timedelta(days=2))
        wanted = kept.reached or end - timedelta(seconds=self.width)
        start = max(wanted, *bounds)
        if kept.reached and start > kept.reached:
            self.log.warning(
                "%s to %s cannot be compared any more: run the reconciliation more often, or keep segments for longer.",
                text_of(kept.reached),
                text_of(min(start, end)),
            )
        return Window(start, end) if start < end else None

    def _others(self, store: Store, live: Position) -> list[tuple[Stream, Head]]:
        """Return the other streams of the pipeline that hold events, with their heads."""
        found = []
        for name in StreamName.all_in(store, self.pipeline):
            if name != StreamName.of_reconciliation(self.pipeline):
                position = PositionVariable(name).load() if name.window else live
                if position:
                    found.append((name.stream(store, position), position.head))
        return found

    def _tell(self, each: Comparison) -> None:
        self.log.log(
            logging.WARNING if each.late else logging.INFO,
            "Compared %s: the source served %d events, %d were in the spool, %d came late or were missed%s%s; %s.",
            each.window,
            each.served,
            each.in_spool,
            each.late,
            f" ({', '.join(f'{count} {action}' for action, count in sorted(each.late_by_action.items()))}; "
            f"the first: {', '.join(each.late_ids)})"
            if each.late_ids
            else "",
            f", {each.changed} have an id that the spool holds with other content" if each.changed else "",
            "it was read in parts, so what is gone at the source was not counted"
            if each.gone is None
            else f"{each.gone} are in the spool that the source no longer shows",
        )

    def _report(self, gap: Gap) -> None:
        if gap.kind != "late":
            super()._report(gap)

    def _result(
        self,
        live: Position | None,
        position: Position,
        kept: ReconciliationState,
        found: Sequence[Comparison],
        *,
        complete: bool,
    ) -> dict[str, Any]:
        actions: dict[str, int] = {}
        for each in found:
            for action, count in each.late_by_action.items():
                actions[action] = actions.get(action, 0) + count
        watermark = live.watermark if live else None
        return {
            "windows": [{"start": text_of(each.start), "end": text_of(each.end)} for each in found],
            "served": sum(each.served for each in found),
            "in_spool": sum(each.in_spool for each in found),
            "late": sum(each.late for each in found),
            "changed": sum(each.changed for each in found),
            "late_ids": [name for each in found for name in each.late_ids][:20],
            "late_by_action": actions,
            "gone": None if any(each.gone is None for each in found) else sum(each.gone or 0 for each in found),
            "watermark_lag": (utc_now() - watermark).total_seconds() if watermark else None,
            "reconciled_until": text_of(kept.reached) if kept.reached else None,
            "events": position.head.total,
            "complete": complete,
        }


def _began(live: Position) -> datetime | None:
    """Return where the live reading began: what happened before was never asked for."""
    began = live.reading.get("began")
    return msgspec.convert(began, datetime | None, strict=False) if began else None


def _shown(moment: datetime | None) -> str:
    return text_of(moment) if moment else "no time yet"
