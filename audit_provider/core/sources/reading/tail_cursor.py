"""Read a log whose cursor stays valid after its end is reached."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import RefusedError
from audit_provider.core.model import back_by, text_of
from audit_provider.core.sources.reading.base import Backfill, Step, packed, recently, watermark_after
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS, LoopGuard
from audit_provider.core.sources.reading.place import believed, vouched
from audit_provider.core.sources.reading.recovery import OpenSweep, sweep_late
from audit_provider.core.sources.reading.tally import Tally, said_of, said_of_known

if TYPE_CHECKING:
    from audit_provider.core.sources.pages import Page
    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader


@dataclass(frozen=True, slots=True)
class TailState:
    """What is kept between runs.

    :ivar began: start of the first run's time range. :ivar opened: the start time in the request, which stays the same
        for as long as its cursor is used. :ivar cursor: the last cursor given that was not empty.
    :ivar watermark: newest recorded time that is read; reading restarts from it if the cursor is lost.
    :ivar quiet: runs in a row without new events. :ivar request: key of the request that the cursor belongs to.
    :ivar polled_at: when the last reading to the end began; everything before it is read, or reported as lost.
    :ivar swept_at: when late events were last searched for. :ivar sweep: the search for them that has not ended.
    :ivar same: how often the last records without an id were seen before the cursor. :ivar again: the cursor leads to a
        page that was read already, and may have grown.
    """

    began: datetime
    opened: datetime | None = None
    cursor: str = ""
    watermark: datetime | None = None
    quiet: int = 0
    request: str = ""
    polled_at: datetime | None = None
    swept_at: datetime | None = None
    sweep: OpenSweep | None = None
    same: dict[str, int] = field(default_factory=dict)
    again: bool = False


@dataclass(frozen=True, slots=True)
class TailCursor:
    """Follow a cursor, and keep it once its page is durable.

    If a cursor is refused, or belongs to a request with other filters, reading restarts by time from ``watermark -
    overlap``. The same happens from time to time after a cursor has returned nothing, because a dead cursor looks like
    a quiet tenant.

    :ivar overlap: How far before the watermark reading restarts. It is long because such logs are seldom ordered by
        time.
    :ivar probe_after: Number of runs without events after which the cursor is checked; 0 to never check it.
    :ivar sweep_every: Time between searches for late events by the recovery source, for a log that is ordered by time.
    :ivar sweep_reach: How far such a search reaches back; 0 for none.
    :ivar settle: How long the vendor may take to show an event.
    :ivar behind: If the request has an end, it is this long before now, for a vendor that refuses an end that its own
        clock has not reached.
    """

    overlap: timedelta = timedelta(hours=24)
    probe_after: int = 12
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)
    settle: timedelta = timedelta(seconds=90)
    behind: timedelta = timedelta(0)

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "recovery"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        now, request = reader.now(), reader.pages.request_key
        begun = TailState(began=reader.start, request=request, swept_at=now)
        kept = msgspec.convert(state, TailState) if state else begun
        watermark = watermark_after((), kept.watermark, now)
        kept = replace(kept, watermark=watermark, polled_at=believed(kept.polled_at, now))
        if kept.request != request:
            reader.tell("the request has changed, so its cursor cannot be used: reading by time from the watermark on")
            kept = replace(kept, cursor="", opened=None, request=request)
        kept, fresh = yield from self._follow(reader, kept)
        kept = replace(kept, quiet=0 if fresh else kept.quiet + 1)
        if self.probe_after and kept.quiet and kept.quiet % self.probe_after == 0:
            # Two cursors of one log do not affect each other: the kept cursor is used until this one finds more.
            again, found = yield from self._follow(reader, replace(kept, cursor="", opened=None))
            if found:
                reader.tell(
                    f"{found} newer events are after the kept cursor, so it had stopped working: continuing "
                    "with another"
                )
                kept = replace(again, quiet=0)
        due = self.sweep_reach and not recently(kept.swept_at, reader.now(), self.sweep_every)
        if reader.recovery and (kept.sweep or due):
            yield from sweep_late(reader, kept, reach=self.sweep_reach, settle=self.settle)
        else:
            yield Step((), packed(kept), reader.now(), kept.watermark)

    def _follow(self, reader: Reader, kept: TailState) -> Generator[Step, int, tuple[TailState, int]]:
        """Read from the kept cursor, or else from the watermark, to the end; return the number of new events."""
        guard, fresh, restarted, polled_at = LoopGuard(reader.pages.spec.title), 0, False, reader.latest
        resumed = bool(kept.cursor)
        # After a cursor everything is new, except on a page that was read already.
        behind, again, known = resumed, kept.again, 0
        cursor, tally = kept.cursor, Tally(kept.same if resumed else None, follows=True)
        if kept.opened is None or not kept.cursor:
            kept = replace(kept, opened=reader.reachable(self._floor(kept), self._read_up_to(kept)))
        while True:
            opened = kept.opened or self._floor(kept)
            try:
                page = tally.fetch(reader.pages, reader.since(opened), cursor)
            except RefusedError as error:
                if not cursor or restarted or error.status not in CURSOR_REFUSALS:
                    raise
                floor = self._floor(kept)
                opened = reader.reachable(min(floor, error.resume_at or floor), self._read_up_to(kept))
                reader.tell(f"the kept cursor is refused: reading by time from {text_of(opened)} on")
                kept, cursor, restarted = replace(kept, cursor="", opened=opened), "", True
                guard, tally, behind = LoopGuard(reader.pages.spec.title), Tally(follows=True), False
                continue
            guard.show(page)
            if resumed and not restarted:
                kept, resumed = self._vouched(reader, kept, page), False
            watermark = watermark_after(page.recorded, kept.watermark, reader.now())
            place, same = tally.place(page, cursor)
            shows_again = page.cursor == cursor or page.cursor != place
            kept = replace(kept, cursor=place, watermark=watermark, same=same, again=shows_again)
            cursor = page.cursor or cursor
            if not page.more:
                kept = replace(kept, polled_at=polled_at)
            since = opened if page.undated else min(page.recorded, default=reader.now())
            new = yield Step(page.events, packed(kept), since, kept.watermark)
            fresh += new
            if behind and not (again or tally.waits or page.named):
                known += len(page.events) - new
            again = False
            if not page.more:
                if tally.moved:
                    reader.tell(said_of(tally.moved, reader.pages.spec.title))
                if known:
                    reader.tell(said_of_known(known, reader.pages.spec.title))
                return kept, fresh

    def _vouched(self, reader: Reader, kept: TailState, page: Page) -> TailState:
        """Report what the vendor may have dropped before the first page that a kept cursor led to."""
        earliest = vouched(reader, self._read_up_to(kept), page.recorded)
        return replace(kept, polled_at=earliest + self.settle) if earliest else kept

    def _read_up_to(self, kept: TailState) -> datetime | None:
        """Return the time before which nothing is missing: that of the newest event, or of the last full reading."""
        polled = kept.polled_at - self.settle if kept.polled_at else None
        return max((time for time in (polled, kept.watermark) if time), default=None)

    def _floor(self, kept: TailState) -> datetime:
        return max(back_by(kept.watermark, self.overlap), kept.began) if kept.watermark else kept.began
