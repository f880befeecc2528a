"""The pull loop: the one function that reads every source into the spool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, CircleError
from audit_provider.core.ledger.gaps import merged
from audit_provider.core.ledger.health import Noticed
from audit_provider.core.ledger.position import with_segment
from audit_provider.core.model import PullCounts, back_by, text_of
from audit_provider.core.records.times import FAR_AHEAD
from audit_provider.core.sources.reading.base import Taken
from audit_provider.core.sources.reading.borders import Borders
from audit_provider.core.sources.reading.in_turn import steps_of
from audit_provider.core.spool import KnownEvents, SegmentWriter
from audit_provider.core.spool.stream import CLOCK_SKEW
from audit_provider.core.streams.unreadable import SetAside, UnreadableRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Event, Gap, Window
    from audit_provider.core.progress import PullProgress
    from audit_provider.core.sources.reading.base import Reading, Step
    from audit_provider.core.sources.reading.reader import Reader
    from audit_provider.core.spool import Head, Stream
    from audit_provider.core.wire.rate_limit import Burst

SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENT_AGE = timedelta(seconds=60)
MOST_AHEAD = 300
"""Most events with a time in the future that a position remembers."""

_AHEAD_FOR = timedelta(days=7)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of one run of the loop. :ivar counts: of this run. :ivar complete: everything was read."""

    position: Position
    counts: PullCounts
    complete: bool


def pull(
    reading: Reading,
    reader: Reader,
    stream: Stream,
    position: Position,
    *,
    commit: Callable[[Position], None],
    within: Window | None = None,
    earlier_until: datetime | None = None,
    known: Iterable[tuple[Stream, Head]] = (),
    deadline: datetime | None = None,
    progress: PullProgress | None = None,
    segment_bytes: int = SEGMENT_BYTES,
    segment_age: timedelta = SEGMENT_AGE,
) -> Pulled:
    """Read a source from ``position`` on into ``stream``.

    A segment is written when it is full or old enough; only then the position that includes it is committed. So after a
    crash at most one segment is read again, and no position moves before its events are durable.

    :param commit: records a position, durably.
    :param within: a window of the past; events that belong to another window are counted and left out.
    :param earlier_until: end of the time range requested for the window before that one, if it is less than usual.
    :param known: other streams whose events are not spooled again; they are read only if the source serves events.
    :param deadline: once it has passed, stop after the current step; the next run continues.
    :param progress: notified of every page. :param segment_bytes: before compression.
    :raises AuditError: reading cannot continue. What was read before is committed, so the next run continues from
        there, unless the cursors formed a circle.
    """
    run = _Run(reader, stream, position, known, commit, segment_bytes, segment_age)
    if within:
        run.keep_to(within, reading, earlier_until)
    reader = replace(reader, report=run.note)
    if within and replace(reader, report=lambda _: None).reachable(within.start) >= within.end:
        # The vendor no longer lets anyone read this window; a request would only be refused.
        reader.reachable(within.start)
        run.known.close()
        run.flush(complete=True)
        return Pulled(run.position, run.counts, complete=True)
    steps = steps_of(reading, reader, position.reading, position.watermark)
    fresh: int | None = None
    complete = False
    try:
        while fresh is None or deadline is None or reader.now() < deadline:
            try:
                step = next(steps) if fresh is None else steps.send(fresh)
            except StopIteration:
                complete = True
                break
            except CircleError:
                raise
            except AuditError:
                run.flush()
                raise
            fresh = run.take(step)
            if progress:
                progress.page(step.events, reader.now())
    finally:
        steps.close()
        run.known.close()
        for line in run.oddities():
            reader.tell(line)
    run.flush(complete=complete)
    return Pulled(run.position, run.counts, complete)


class _Run:
    """The open segment of one run of the loop, and the state to commit once the segment is durable."""

    def __init__(
        self,
        reader: Reader,
        stream: Stream,
        position: Position,
        known: Iterable[tuple[Stream, Head]],
        commit: Callable[[Position], None],
        segment_bytes: int,
        segment_age: timedelta,
    ) -> None:
        self.position = position
        self.counts = PullCounts()
        self._reader = reader
        self._stream = stream
        self._ahead = dict(position.ahead)
        self._ahead_digests = dict(position.ahead_digests)
        self.known = KnownEvents(
            chain([(stream, position.head)], known),
            ahead=tuple(self._ahead),
            ahead_digests=self._ahead_digests,
            volatile=reader.pages.spec.volatile,
            tell=reader.tell,
        )
        self._others = known
        self._borders: Borders | None = None
        self._unreadable = UnreadableRecords(stream, position.counts.set_aside)
        self._set_aside = 0
        self._far_ahead = 0
        self._first_far_ahead: datetime | None = None
        self._commit = commit
        self._segment_bytes = segment_bytes
        self._segment_age = segment_age
        self._segment = self._opened(reader.now())
        self._uncounted = PullCounts()
        self._gaps: tuple[Gap, ...] = ()
        self._step: Step | None = None
        asked = {"source": reader.pages, "recovery": reader.recovery}
        self._watches = {name: watch for name, pages in asked.items() if (watch := getattr(pages, "watch", None))}
        for name, watch in self._watches.items():
            watch.resume(position.noticed.get(name, Noticed()))

    def keep_to(self, window: Window, reading: Reading, earlier_until: datetime | None) -> None:
        """Leave out events that belong to another window of the past; events without a time stay in this one."""
        self._reader.pages.wanted = window
        self._borders = Borders(
            window,
            reading,
            self._reader,
            recorded_within=self.position.counts.recorded_within,
            earlier_until=earlier_until,
        )
        asked: datetime | None = self._borders.asked_until
        if asked and self.position.reading:  # an earlier run may have asked for less
            before = self.position.asked_until
            asked = min(asked, before) if before else None
        self.position = replace(self.position, asked_until=asked)

    def take(self, step: Step) -> Taken:
        """Add a step's new events to the open segment; return how many there were."""
        if step.events:
            self._recall(step.since)
        events: Sequence[Event] = step.events
        left_out = PullCounts(outside=step.outside)
        if self._borders:
            events, left_out = self._borders.share(step)
        same_id = self.known.same_id.count
        fresh = self.known.admit(events)
        self._segment.add(fresh)
        horizon = self._reader.now() + CLOCK_SKEW
        if self._segment.last_time and self._segment.last_time > horizon:
            ahead = [event for event in fresh if event.time > horizon]
            self._ahead |= {event.id: event.time for event in ahead}
            self._ahead_digests |= {event.id: self.known.content.digest(event.raw) for event in ahead}
            self._note_far_ahead(ahead)
        aside = self._keep_unreadable(step.since)
        counts = left_out + PullCounts(
            read=len(events) + aside.new + aside.known,
            spooled=len(fresh),
            duplicates=len(events) - len(fresh) + aside.known,
            same_id=self.known.same_id.count - same_id,
            set_aside=aside.new,
        )
        self._uncounted += counts
        self.counts += counts
        self._step = step
        aged = self._reader.now() - self._segment.opened_at >= self._segment_age
        if self._segment.raw_bytes >= self._segment_bytes or (aged and len(self._segment)):
            self.flush()
        return Taken(len(fresh), counts.same_id)

    def oddities(self) -> list[str]:
        """Return what should be logged about irregular records, one sentence each."""
        lines = [*self._reader.pages.records.oddities(), *(self._borders.oddities() if self._borders else ())]
        if self.known.same_id.count:
            lines.append(str(self.known.same_id))
        if self._set_aside:
            lines.append(
                f"{self._set_aside} records could not be read and are set aside in the folder 'unreadable' of "
                f"{self._stream}: list them with 'audit-logs unreadable'."
            )
        if self._first_far_ahead:
            lines.append(
                f"{self._far_ahead} events have a time more than a year in the future, the first "
                f"{text_of(self._first_far_ahead)}; it is kept: if it is wrong, correct 'fields.time' of the source."
            )
        return lines

    def _note_far_ahead(self, ahead: Sequence[Event]) -> None:
        limit = self._reader.now() + FAR_AHEAD
        far = [event.time for event in ahead if event.time > limit]
        self._far_ahead += len(far)
        self._first_far_ahead = self._first_far_ahead or next(iter(far), None)

    def _keep_unreadable(self, since: datetime) -> SetAside:
        """Set aside, durably, the records that could not be read since the last step."""
        new = known = 0
        for pages in filter(None, (self._reader.pages, self._reader.recovery)):
            if found := pages.records.take_unreadable():
                others = [stream for stream, _ in self._others]
                aside = self._unreadable.keep(found, pages.spec.name, self._reader.now(), others, since)
                new, known = new + aside.new, known + aside.known
        self._set_aside += new
        return SetAside(new, known)

    def flush(self, *, complete: bool = False) -> None:
        """Write the open segment, then commit the position that includes it."""
        if self._step is None and not self._gaps and (not complete or self.position.complete):
            return
        now = self._reader.now()
        self._ahead = _latest(self._ahead, back_by(now, _AHEAD_FOR))
        self._ahead_digests = {name: self._ahead_digests[name] for name in self._ahead if name in self._ahead_digests}
        head, spooled_at = self.position.head, self.position.spooled_at
        if len(self._segment):
            head = self._stream.append(self._segment, head, now)
            spooled_at = with_segment(spooled_at, head.number, now)
            self.known.sealed(self._stream, head)
        position = replace(
            self.position,
            reading=self._step.state if self._step else self.position.reading,
            head=head,
            counts=self.position.counts + self._uncounted,
            watermark=(self._step.watermark if self._step else None) or self.position.watermark,
            ahead=self._ahead,
            ahead_digests=self._ahead_digests,
            gaps=merged((*self.position.gaps, *self._gaps)),
            longest_lag=max(self.position.longest_lag, self._reader.pages.records.longest_lag.total_seconds()),
            requests=self._requests(),
            noticed=self._noticed(),
            updated_at=now,
            complete=complete,
            completed_at=now if complete else self.position.last_complete,
            spooled_at=spooled_at,
        )
        self._commit(position)
        self.position = position
        self._uncounted = PullCounts()
        self._gaps = ()
        if len(self._segment):
            self._segment = self._opened(now)

    def note(self, gap: Gap) -> None:
        """Keep a gap with the next position, and log it."""
        self._gaps += (gap,)
        self._reader.report(gap)

    def _noticed(self) -> dict[str, Noticed]:
        """Log and return what the answers have shown about errors in the description of the source."""
        for watch in self._watches.values():
            for text in watch.fresh():
                self._reader.tell(text)
        return {name: watch.noticed() for name, watch in self._watches.items()}

    def _requests(self) -> dict[str, tuple[datetime | Burst, ...]]:
        asked = [pages for pages in (self._reader.pages, self._reader.recovery) if pages]
        return {pages.spec.name: pages.sent for pages in asked if pages.sent}

    def _recall(self, since: datetime) -> None:
        """Load the ids of spooled events that the source may serve again, given that it serves records since a time."""
        since = min(since, self._reader.now())
        if len(self._ahead) >= MOST_AHEAD:
            # The vendor's clock is wrong, by a time zone at most: more events are in the future than are remembered.
            since = back_by(since, _DAY)
        self.known.recall(since)

    def _opened(self, now: datetime) -> SegmentWriter:
        segment = SegmentWriter(now)
        self.known.open(segment)
        return segment


def _latest(ahead: dict[str, datetime], since: datetime) -> dict[str, datetime]:
    """Return those of the events with a time in the future that are worth remembering."""
    latest = sorted(ahead.items(), key=itemgetter(1))[-MOST_AHEAD:]
    return {name: time for name, time in latest if time > since}
