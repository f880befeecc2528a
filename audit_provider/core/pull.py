"""The pull loop: every source is read into the spool by these lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, CircleError
from audit_provider.core.gaps import merged
from audit_provider.core.model import PullCounts
from audit_provider.core.spool import RecentIds, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from audit_provider.core.model import Gap, Window
    from audit_provider.core.position import Position
    from audit_provider.core.progress import PullProgress
    from audit_provider.core.rate_limit import Burst
    from audit_provider.core.sources.reading.base import Reader, Reading, Step
    from audit_provider.core.spool import Head, Stream

SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENT_AGE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one run of the loop did. :ivar counts: of this run. :ivar complete: there was nothing more to read."""

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
    known: Sequence[tuple[Stream, Head]] = (),
    deadline: datetime | None = None,
    progress: PullProgress | None = None,
    segment_bytes: int = SEGMENT_BYTES,
    segment_age: timedelta = SEGMENT_AGE,
) -> Pulled:
    """Read a source on from ``position`` into ``stream``.

    A segment is written when it is full or old enough, and then the position that counts it is committed; so a
    crash costs one segment of reading, and no position moves before its events are durable.

    :param commit: records a position, durably.
    :param within: events outside are none of this stream's.
    :param known: other streams whose events are not spooled again.
    :param deadline: stop in good order once it has passed; the next run goes on.
    :param progress: told of every page. :param segment_bytes: before compression.
    :raises AuditError: reading cannot go on. What was read before is committed, so the next run goes on from
        there, unless it was read by cursors that lead round.
    """
    run = _Run(reader, stream, position, commit, segment_bytes, segment_age)
    reader = replace(reader, report=run.note)
    for other, head in known:
        for ids in other.ids_since(head, reader.start):
            run.recent.remember(ids)
    if within and replace(reader, report=lambda _: None).reachable(within.start) >= within.end:
        # Nothing of it can be read any more; asking would only be refused.
        reader.reachable(within.start)
        run.recent.close()
        run.flush(complete=True)
        return Pulled(run.position, run.counts, complete=True)
    steps = reading.steps(reader, position.reading)
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
            fresh = run.take(step, within)
            if progress:
                progress.page(step.events, reader.now())
    finally:
        steps.close()
        run.recent.close()
    run.flush(complete=complete)
    return Pulled(run.position, run.counts, complete)


class _Run:
    """The open segment of one run of the loop, and what is true once it is durable."""

    def __init__(
        self,
        reader: Reader,
        stream: Stream,
        position: Position,
        commit: Callable[[Position], None],
        segment_bytes: int,
        segment_age: timedelta,
    ) -> None:
        self.position = position
        self.counts = PullCounts()
        self.recent = RecentIds()
        self._reader = reader
        self._stream = stream
        self._commit = commit
        self._segment_bytes = segment_bytes
        self._segment_age = segment_age
        self._segment = SegmentWriter(reader.now())
        self._uncounted = PullCounts()
        self._gaps: tuple[Gap, ...] = ()
        self._step: Step | None = None
        self._recalled_since: datetime | None = None

    def take(self, step: Step, within: Window | None) -> int:
        """Put a step's new events into the open segment; return how many they were."""
        self._recall(step.since)
        events = step.events if within is None else [event for event in step.events if event.time in within]
        fresh = self.recent.admit(events)
        self._segment.add(fresh)
        counts = PullCounts(read=len(events), spooled=len(fresh), duplicates=len(events) - len(fresh))
        self._uncounted += counts
        self.counts += counts
        self._step = step
        aged = self._reader.now() - self._segment.opened_at >= self._segment_age
        if self._segment.raw_bytes >= self._segment_bytes or (aged and len(self._segment)):
            self.flush()
        return len(fresh)

    def flush(self, *, complete: bool = False) -> None:
        """Write the open segment, then commit the position that counts it."""
        if self._step is None and (not complete or self.position.complete):
            return
        now = self._reader.now()
        head = self.position.head
        if len(self._segment):
            head = self._stream.append(self._segment, head, now)
        position = replace(
            self.position,
            reading=self._step.state if self._step else self.position.reading,
            head=head,
            counts=self.position.counts + self._uncounted,
            watermark=(self._step.watermark if self._step else None) or self.position.watermark,
            gaps=merged((*self.position.gaps, *self._gaps)),
            longest_lag=max(self.position.longest_lag, self._reader.pages.records.longest_lag.total_seconds()),
            requests=self._requests(),
            updated_at=now,
            complete=complete,
        )
        self._commit(position)
        self.position = position
        self._uncounted = PullCounts()
        self._gaps = ()
        self._segment = SegmentWriter(now)

    def note(self, gap: Gap) -> None:
        """Keep a gap with the next position, and tell it."""
        self._gaps += (gap,)
        self._reader.report(gap)

    def _requests(self) -> dict[str, tuple[datetime | Burst, ...]]:
        asked = [pages for pages in (self._reader.pages, self._reader.recovery) if pages]
        return {pages.spec.name: pages.sent for pages in asked if pages.sent}

    def _recall(self, since: datetime) -> None:
        """Load the ids that events recorded since then may repeat."""
        if self._recalled_since is None or since < self._recalled_since:
            for ids in self._stream.ids_since(self.position.head, since):
                self.recent.remember(ids)
            self._recalled_since = since
