"""A reconciliation: read past windows of the source again and compare them with the spool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.account import refuse_other_account
from audit_provider.core.ledger.position import Position, new_chain, reading_began
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Window, midnight, text_of
from audit_provider.core.pull import pull
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.runs.beginning import on_kept_chain
from audit_provider.core.sources.reading.reconciliation import (
    Comparison,
    Reconciliation,
    ReconciliationState,
    looks_back,
)
from audit_provider.core.streams.open_stream import PositionWriter

if TYPE_CHECKING:
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event
    from audit_provider.core.progress import Log, PullProgress
    from audit_provider.core.sources import Reader, SourceSpec
    from audit_provider.core.spool import ComparedIds, Head, Store, Stream

_STRATEGY = "Reconciliation"
_PRUNING_MARGIN = timedelta(hours=2)


@dataclass
class Reconciling:
    """One run of a reconciliation.

    :ivar spec: of the source, as the live stream reads it.
    :ivar after: how long ago a window must have ended, at least the lookback of live reading; None for that lookback.
    :ivar width: of one window at most. :ivar retention_days: events that may have been removed are not compared.
    :ivar deadline: after it, the run stops at the next page; the next run continues.
    :ivar fail_on_missed: whether a run that finds late or missed events fails after it has spooled them.
    :ivar reader: returns the reader of a span; called with the source, the span, the position of this stream and the
        live position.
    :ivar progress: returns what logs the progress of reading; called with the reader and the start of the span.
    :ivar report: called with the position before and after reading, also after a failure.
    :ivar found: the finished comparisons.
    """

    ledger: Ledger
    store: Store
    pipeline: str
    spec: SourceSpec
    after: timedelta | None
    width: timedelta
    retention_days: int
    fail_on_missed: bool
    deadline: datetime
    reader: Callable[[SourceSpec, Window, Position, Position], Reader]
    progress: Callable[[Reader, datetime], PullProgress]
    report: Callable[[Position, Position], None]
    log: Log
    now: Callable[[], datetime]
    found: list[Comparison] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Compare what is due, within the time allowed, and return the result as counts and texts.

        :raises StopError: late events were found, and ``fail_on_missed`` is set.
        :raises ConfigurationError: the live stream is of another account than the events compared before.
        :raises AuditError: it cannot continue. What was compared before is recorded.
        """
        spec, name = self.spec.for_backfill(), StreamName.of_reconciliation(self.pipeline)
        live = position_record(self.ledger, StreamName(self.pipeline)).load()
        record = PositionWriter(self.ledger, name)
        position = self._chained(on_kept_chain(record.load(), name, self.store), spec)
        kept = msgspec.convert(position.reading, ReconciliationState)
        if live:
            # Checked even if nothing is due: comparisons with one account say nothing about another account.
            refuse_other_account(position.account, live.account, name, f"the stream {StreamName(self.pipeline).folder}")
        due = self._due(live, spec, kept) if live else None
        if live is None or due is None:
            self.log.info(
                "Nothing is due: %s.", f"compared up to {_shown(kept.reached)}" if live else "nothing is read"
            )
            self._take_untold(kept, position, record)
            return self._result(live, position, kept, complete=True)
        reader = self.reader(spec, due, position, live)
        position = replace(position, account=live.account or position.account)
        known = [(name.stream(self.store, position), position.head), *self._others(live)]
        fields = FieldReader(spec.fields, ("action",))

        reached = position

        def commit(position: Position) -> None:
            nonlocal reached
            record.commit(position)
            reached = position

        def hold(window: Window, ids: ComparedIds) -> None:
            for stream, head in known:
                for each in stream.ids_within(head, window):
                    ids.hold(each)

        def action(event: Event) -> str:
            return fields.read(event.raw).get("action", "")

        def finished(comparison: Comparison) -> None:
            self._log(comparison)
            self.found.append(comparison)

        # An open window that can no longer be compared is dropped.
        opened = kept.open if kept.open and kept.open.comparison.start == due.start else None
        begun = replace(kept, reached=due.start, open=opened)
        try:
            pulled = pull(
                Reconciliation(spec.reading, due.end, self.width, hold, action, finished),
                reader,
                name.stream(self.store, position),
                replace(position, reading=msgspec.to_builtins(begun)),
                commit=commit,
                known=known[1:],
                deadline=self.deadline,
                progress=self.progress(reader, due.start),
            )
        finally:
            self.report(position, reached)
        kept = msgspec.convert(pulled.position.reading, ReconciliationState)
        self._take_untold(kept, pulled.position, record)
        return self._result(live, pulled.position, kept, complete=pulled.complete)

    def _take_untold(self, kept: ReconciliationState, position: Position, record: PositionWriter) -> None:
        """Fail if so configured and late events were found, also those found before a wait or by an interrupted run."""
        if not kept.untold:
            return
        record.commit(replace(position, reading=msgspec.to_builtins(replace(kept, untold=0))))
        if self.fail_on_missed:
            raise StopError(
                f"{kept.untold} events of {self.pipeline} came late or were missed: they are in the spool and are "
                f"shipped; 'fail_on_missed' is set, so the run ends failed."
            )

    def _chained(self, position: Position | None, spec: SourceSpec) -> Position:
        """Return the position to continue from: the kept one or a new one; a new source starts without comparisons."""
        if position is None:
            return Position(source=spec.name, chain=new_chain(self.now()), fields=spec.fields, strategy=_STRATEGY)
        if position.source != spec.name:
            position = replace(position, reading={}, account="")
        return replace(position, source=spec.name, fields=spec.fields)

    def _due(self, live: Position, spec: SourceSpec, kept: ReconciliationState) -> Window | None:
        """Return the span to compare: from where the last run ended up to where the live stream has settled."""
        now = self.now()
        least = looks_back(self.spec)
        after = self.after if self.after is not None else least
        # Events that live reading has not reached yet are not missed.
        reached = live.updated_at if live.complete else live.watermark
        end = midnight(min(now, reached) - max(after, least)) if reached else None
        # Times that were never requested, are no longer kept, or are no longer shown by the vendor cannot be compared.
        bounds = [now - timedelta(days=self.retention_days) + _PRUNING_MARGIN]
        opened = kept.open.comparison.window if kept.open else None
        if opened and opened.start >= bounds[0]:
            return Window(opened.start, max(end or opened.end, opened.end))
        if end is None:
            return None
        if began := reading_began(live):
            bounds.append(began)
        if spec.lookback:
            bounds.append(midnight(now - spec.lookback) + timedelta(days=2))
        wanted = kept.reached or end - self.width
        start = max(wanted, *bounds)
        if kept.reached and start > kept.reached:
            self.log.warning(
                "%s to %s cannot be compared any more: run the reconciliation more often, or keep segments for longer.",
                text_of(kept.reached),
                text_of(min(start, end)),
            )
        return Window(start, end) if start < end else None

    def _others(self, live: Position) -> list[tuple[Stream, Head]]:
        """Return the other streams of the pipeline that hold events, with their heads."""
        found = []
        for name in StreamName.all_in(self.store, self.pipeline):
            if name != StreamName.of_reconciliation(self.pipeline) and not name.is_made_here:
                position = live if name.is_live else position_record(self.ledger, name).load()
                if position and position.is_of(live.account):
                    found.append((name.stream(self.store, position), position.head))
        return found

    def _log(self, each: Comparison) -> None:
        write = self.log.warning if each.late else self.log.info
        write(
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

    def _result(
        self, live: Position | None, position: Position, kept: ReconciliationState, *, complete: bool
    ) -> dict[str, Any]:
        actions: dict[str, int] = {}
        for each in self.found:
            for action, count in each.late_by_action.items():
                actions[action] = actions.get(action, 0) + count
        watermark = live.watermark if live else None
        gone = [each.gone for each in self.found]
        return {
            "windows": [{"start": text_of(each.start), "end": text_of(each.end)} for each in self.found],
            "served": sum(each.served for each in self.found),
            "in_spool": sum(each.in_spool for each in self.found),
            "late": sum(each.late for each in self.found),
            "changed": sum(each.changed for each in self.found),
            "late_ids": [name for each in self.found for name in each.late_ids][:20],
            "late_by_action": actions,
            "gone": None if None in gone else sum(each or 0 for each in gone),
            "watermark_lag": (self.now() - watermark).total_seconds() if watermark else None,
            "reconciled_until": text_of(kept.reached) if kept.reached else None,
            "events": position.head.total,
            "complete": complete,
        }


def _shown(moment: datetime | None) -> str:
    return text_of(moment) if moment else "no time yet"
