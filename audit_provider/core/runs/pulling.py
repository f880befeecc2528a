"""A pull: one task reads a source into the spool, and continues where an earlier try ended.

The result of each run of the live stream is recorded, for people only: if the record cannot be written, this is logged
and the run goes on.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import AuditError, FencedError, UnavailableError, WaitError
from audit_provider.core.ledger.health import ERROR_LENGTH, SourceHealth, outages_after, standing
from audit_provider.core.ledger.records import GapWindows, position_record, source_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import PullCounts, text_of
from audit_provider.core.progress import grouped
from audit_provider.core.pull import SEGMENT_AGE, Pulled, pull
from audit_provider.core.runs.beginning import (
    KnownStreams,
    asked_before,
    begun_position,
    known_streams,
    lacks_removed,
    on_kept_chain,
    read_again,
)
from audit_provider.core.runs.read_account import ReadAccount
from audit_provider.core.sources import Reader
from audit_provider.core.streams.open_stream import OvertakenError, PositionWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Window
    from audit_provider.core.progress import Log
    from audit_provider.core.runs.source_reading import SourceReading
    from audit_provider.core.sources import SourceSpec
    from audit_provider.core.spool import Head, Store, Stream

COUNTS = ("read", "spooled", "duplicates", "same_id", "set_aside", "outside", "recorded_within")
"""The counts in the result of a pull."""

WINDOW_SEGMENT_AGE = timedelta(minutes=5)
"""Age at which a window's segment is written.

Nobody waits for these events, and full segments make large files. A crash loses at most this much reading.
"""


@dataclass
class Pulling:
    """One run that reads a source into one stream.

    :ivar spec: of the source, for this stream. :ivar window: of the past; None for the live stream.
    :ivar lane: of the window, from 1. :ivar destinations: those that need the window; None for all.
    :ivar begun: when the try began.
    :ivar run_minutes: minutes after which the next run reads the rest of the live stream.
    :ivar goes_on: whether the try has already read something, before a wait.
    :ivar report: called with the position before and after reading, also after a failure.
    :ivar before: the position before the run. :ivar pulled: what the loop did, once it has ended.
    :ivar done: counts of what this run has committed.
    """

    ledger: Ledger
    store: Store
    pipeline: str
    spec: SourceSpec
    source: SourceReading
    window: Window | None
    lane: int
    destinations: Sequence[str] | None
    begun: datetime
    run_minutes: int
    goes_on: bool
    report: Callable[[Position, Position], None]
    log: Log
    before: Position | None = None
    pulled: Pulled | None = None
    done: PullCounts = field(default_factory=PullCounts)
    _kept: Position | None = None

    @property
    def read_before(self) -> datetime | None:
        """When an earlier run last read the source to its end; None if not known."""
        return self.before.last_complete if self.before else None

    @property
    def says_it_ended_well(self) -> bool:
        """Whether the run has found nothing new and its position records that it read the source to its end."""
        pulled = self.pulled
        if pulled is None or pulled.counts.spooled or not pulled.position.complete:
            return False
        return pulled.position.last_complete != self.read_before

    def run(self) -> dict[str, Any]:
        """Read what there is, within the time allowed, and return counts and the progress of the stream.

        :raises WaitError: the source allows no reading before a time within this run.
        :raises AuditError: it cannot continue. What was read before is in the spool, and the next run continues from
            there.
        """
        record = PositionWriter(self.ledger, self.source.name)
        self.before = record.load() if self.window else record.load_record()
        try:
            return self._read_on(record)
        except OvertakenError:
            self.log.warning(
                "The Variable %s holds an older position than its copy, which a task that was frozen has written late: "
                "the copy is read on from.",
                self.source.name.cursor_key,
            )
            self.before = record.load()
            if self.before:
                record.commit(self.before)  # ship tasks read only the record, not its copy
            return self._read_on(record)

    def _read_on(self, record: PositionWriter) -> dict[str, Any]:
        spec, window, name = self.spec, self.window, self.source.name
        self._kept = self.before
        position = on_kept_chain(self.before, name, self.store)
        live = position_record(self.ledger, StreamName(self.pipeline)).load() if window else position
        if window and position and position.complete:
            self.source.recognise(spec, position, live)
            if not lacks_removed(self.ledger, self.store, name, self.destinations):
                self.log.info(
                    "The window %s has been read before; delete %s to read it again.", window, name.cursor_key
                )
                return _result(position, PullCounts())
            self.log.warning(
                "The window %s has been read before, but retention has removed a part of it that a new destination "
                "needs: it is read again.",
                window,
            )
            position = read_again(position)
        reader = self.source.reader(spec, window, position, live)
        begun = _of_account(begun_position(position, spec, reader), self.source.account)
        self.pulled = pulled = self._pull(reader, begun, record, live)
        record.confirm()
        self.pulled = pulled = replace(pulled, position=self._with_account(pulled.position, record))
        if gaps := len(pulled.position.gaps) - len(begun.gaps):
            self.log.error("%d gaps were found, see above.", gaps)
        self._log_counts(pulled)
        return _result(pulled.position, pulled.counts)

    def _pull(self, reader: Reader, begun: Position, record: PositionWriter, live: Position | None) -> Pulled:
        spec, window, name = self.spec, self.window, self.source.name
        deadline = None if window else self.begun + timedelta(minutes=self.run_minutes)
        reached = begun

        def commit(position: Position) -> None:
            nonlocal reached
            if window and position.gaps:
                GapWindows(self.ledger, self.pipeline).add(name, self.lane)
            position = _of_account(position, self.source.learn_account())
            record.commit(position)
            reached = self._kept = position
            self.log.info(
                "Committed segment %d: %d events in the spool, read up to %s.",
                position.head.number,
                position.head.total,
                text_of(position.watermark) if position.watermark else "an open window",
            )

        def streams() -> list[tuple[Stream, Head]]:
            return known_streams(self.ledger, self.store, name, live, window, self.destinations, account=begun.account)

        # For a window, the streams are looked up before anything is read: what other windows hold must not change
        # meanwhile.
        known = KnownStreams(streams)
        try:
            with grouped(self.log, f"Reading {spec.title} into {name.folder}"):
                return pull(
                    spec.reading,
                    reader,
                    name.stream(self.store, begun),
                    begun,
                    commit=commit,
                    within=window,
                    earlier_until=asked_before(self.ledger, self.store, name, window) if window else None,
                    known=known if window is None else list(known),
                    deadline=deadline,
                    progress=self.source.progress(reader, begun.watermark),
                    segment_age=WINDOW_SEGMENT_AGE if window else SEGMENT_AGE,
                )
        except WaitError as wait:
            if deadline is None or wait.until <= deadline:
                raise
            if reached is begun and not self.goes_on:
                raise UnavailableError(
                    f"{spec.title} allows no reading before {text_of(wait.until)}, which is after the "
                    f"{self.run_minutes} minutes of this task (run_minutes); the next try continues. It said: {wait}"
                ) from None
            # The ship tasks can ship what was read; the next run waits for the rest.
            self.log.info("%s That is after the end of this run.", wait)
            return Pulled(reached, reached.counts - begun.counts, complete=False)
        finally:
            self.done = reached.counts - begun.counts
            self.report(begun, reached)

    def _with_account(self, position: Position, record: PositionWriter) -> Position:
        """Keep the account that was read in the position, even if nothing else was committed."""
        position = _of_account(position, self.source.learn_account())
        kept = self._kept
        if kept is None or _account_of(kept) != _account_of(position):
            record.commit(position)
        return position

    def _log_counts(self, pulled: Pulled) -> None:
        counts = pulled.counts
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


def _of_account(position: Position, read: ReadAccount) -> Position:
    return replace(
        position,
        account=read.account,
        credential_check=read.credential_check,
        account_checked_at=read.checked_at,
    )


def _account_of(position: Position) -> tuple[str, str, datetime | None]:
    return position.account, position.credential_check, position.account_checked_at


def _result(position: Position, counts: PullCounts) -> dict[str, Any]:
    return {
        **{key: getattr(counts, key) for key in COUNTS},
        "head": position.head.number,
        "events": position.head.total,
        "watermark": text_of(position.watermark) if position.watermark else None,
        "complete": position.complete,
    }


@contextmanager
def source_failures_kept(
    ledger: Ledger,
    pipeline: str,
    *,
    run_id: str,
    now: Callable[[], datetime],
    log: Log,
    run: Callable[[], Pulling | None] = lambda: None,
) -> Iterator[None]:
    """Record whether the work inside the context failed or succeeded.

    A wait is neither, and neither is the end of a run that another run has replaced. The record is written only if it
    changes, so repeated successes write nothing. A run that found nothing new does not even read it: its position
    records that it has read the source to its end since, see
    :func:`~audit_provider.core.ledger.health.standing`.

    :param run_id: of the DAG run, "" if there is none: the tries of one run count as one failure.
    :param run: returns the run inside, once there is one.
    """
    try:
        yield
    except (WaitError, FencedError):
        raise
    except AuditError as error:
        _keep_failure(ledger, pipeline, str(error), run_id, now(), log, run())
        raise
    except Exception as error:
        # A message from outside this package may contain a secret.
        said = f"The pull task ended with an unexpected {type(error).__name__}: see its log."
        _keep_failure(ledger, pipeline, said, run_id, now(), log, run())
        raise
    done = run()
    if done is None or not done.says_it_ended_well:
        _keep_success(ledger, pipeline, now(), log, done)


def _keep_failure(
    ledger: Ledger, pipeline: str, said: str, run_id: str, now: datetime, log: Log, run: Pulling | None
) -> None:
    with _only_logged(log):
        record = source_record(ledger, pipeline)
        kept = record.load() or SourceHealth()
        read_before = run.read_before if run else None
        if read_before is None and kept.failures_in_a_row:
            read_before = _last_complete(ledger, pipeline)
        before = standing(kept, read_before)
        same = bool(before.failures_in_a_row and run_id) and before.failed_run == run_id
        record.commit(
            SourceHealth(
                failures_in_a_row=before.failures_in_a_row + (not same),
                failing_since=before.failing_since or now,
                failed_at=now,
                failed_run=run_id,
                last_error=said[:ERROR_LENGTH],
                outages=before.outages,
            )
        )


def _last_complete(ledger: Ledger, pipeline: str) -> datetime | None:
    """Return when the source was last read to its end, for a run that failed before it had loaded the position.

    None if the position cannot be read: the failure is recorded in any case.
    """
    try:
        position = position_record(ledger, StreamName(pipeline)).load()
    except AuditError:
        return None
    return position.last_complete if position else None


def _keep_success(ledger: Ledger, pipeline: str, now: datetime, log: Log, run: Pulling | None) -> None:
    with _only_logged(log):
        record = source_record(ledger, pipeline)
        kept = record.load()
        if kept is None or kept.failures_in_a_row:
            before = standing(kept or SourceHealth(), run.read_before if run else None)
            record.commit(SourceHealth(outages=outages_after(before, now)))


@contextmanager
def _only_logged(log: Log) -> Iterator[None]:
    try:
        yield
    except AuditError as error:
        log.warning("How this run ended is not recorded for the page: %s", error)
