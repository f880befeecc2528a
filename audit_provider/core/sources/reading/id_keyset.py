"""Reading a list where the id of the last event is the cursor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from audit_provider.core.errors import ProtocolError, RefusedError
from audit_provider.core.model import back_by, text_of
from audit_provider.core.sources.reading.base import Backfill, Step, packed, recently, watermark_after
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS, LoopGuard
from audit_provider.core.sources.reading.place import Order, OrderMeter, believed, may_have_moved, vouched
from audit_provider.core.sources.reading.recovery import read_on
from audit_provider.core.sources.reading.tally import Tally, said_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from audit_provider.core.sources.pages import Page
    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader


@dataclass(frozen=True, slots=True)
class IdSweep:
    """A search for late events that has not ended.

    :ivar cursor: the id that its last page ended with. :ivar same: how often the last records without an id were seen
        before it.
    """

    opened: datetime
    begun: datetime
    cursor: str = ""
    found: int = 0
    same: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeysetState:
    """What is kept between runs.

    :ivar last_id: of the last event read; the next request asks for the events after it.
    :ivar watermark: newest recorded time that is read; reading restarts from it if the id no longer exists.
    :ivar polled_at: when the last reading that reached the end began.
    :ivar sweep: the search for late events that has not ended.
    :ivar windows: state of the reading by windows, once the list proved not to be oldest first. :ivar by_time: where
        that reading begins. :ivar same: how often the last records without an id were seen before ``last_id``.
    """

    began: datetime
    last_id: str = ""
    watermark: datetime | None = None
    polled_at: datetime | None = None
    swept_at: datetime | None = None
    sweep: IdSweep | None = None
    by_time: datetime | None = None
    windows: dict[str, Any] | None = None
    same: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IdKeyset:
    """Request events after the last event's id, oldest first.

    If an id is refused because its event is no longer kept, reading restarts by time from ``watermark - overlap``.
    "After" leads to newer events only if the list is oldest first. Every page is checked for that; if it does not hold,
    the source is read by time from then on, beginning with the events of that page.

    :ivar ordered_by: What shows that the list is oldest first: the ``time`` of its events; or their ``id``, if ids
        rise in the order of recording, so that an event that is recorded hours late comes last. A page that is found by
        time is then continued from its smallest id.
    :ivar overlap: How far before the watermark reading restarts.
    :ivar tolerance: Ids whose times are out of order by less than this count as ordered.
    :ivar sweep_every: Time between searches for late events, whose id is below the last one.
    :ivar sweep_reach: How far such a search reaches back; 0 for none.
    :ivar behind: If the request has an end, it is this long before now, for a vendor that refuses an end that its own
        clock has not reached.
    """

    ordered_by: Literal["time", "id"] = "time"
    overlap: timedelta = timedelta(minutes=15)
    tolerance: timedelta = timedelta(minutes=1)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)
    behind: timedelta = timedelta(0)

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "recovery"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        now = reader.now()
        kept = msgspec.convert(state, KeysetState) if state else KeysetState(reader.start, swept_at=now)
        watermark = watermark_after((), kept.watermark, now)
        kept = replace(kept, watermark=watermark, polled_at=believed(kept.polled_at, now))
        if kept.windows is None:
            kept = yield from self._follow(reader, kept)
        if kept.windows is not None:
            start = kept.by_time or kept.began
            yield from read_on(reader, start, kept.windows, lambda windows: packed(replace(kept, windows=windows)))
        elif kept.sweep or (self.sweep_reach and not recently(kept.swept_at, reader.now(), self.sweep_every)):
            yield from self._sweep(reader, kept)

    def _follow(self, reader: Reader, kept: KeysetState) -> Generator[Step, int, KeysetState]:
        title, restarted = reader.pages.spec.title, False
        meter, guard = OrderMeter(self.tolerance), LoopGuard(title)
        meter.show([kept.watermark] if kept.last_id and kept.watermark else [])
        polled_at = reader.latest
        opened = self._opened(reader, kept, self.overlap)
        resumed = bool(kept.last_id)
        last_id, tally = kept.last_id, Tally(kept.same if kept.last_id else None, follows=True)
        while True:
            try:
                page = tally.fetch(reader.pages, None if last_id else reader.since(opened), last_id)
            except RefusedError as error:
                if not last_id or restarted or error.status not in CURSOR_REFUSALS:
                    raise
                opened = self._opened(reader, replace(kept, last_id=""), self.overlap)
                reader.tell(f"the event with the id {last_id} no longer exists: reading by time from {text_of(opened)}")
                kept, last_id, restarted = replace(kept, last_id=""), "", True
                meter, guard, tally = OrderMeter(self.tolerance), LoopGuard(title), Tally(follows=True)
                continue
            page = self._continued(page, last_id)
            guard.show(page)
            if resumed and not restarted:
                earliest, resumed = vouched(reader, _read_up_to(kept), page.recorded), False
                kept = replace(kept, polled_at=earliest or kept.polled_at)
            if self._order(meter, page, last_id) in ("newest_first", "mixed"):
                return self._by_time(reader, kept, page.recorded)
            watermark = watermark_after(page.recorded, kept.watermark, reader.now())
            place, same = tally.place(page, last_id)
            kept, last_id = replace(kept, last_id=place, watermark=watermark, same=same), page.cursor or last_id
            if not page.more:
                kept = replace(kept, polled_at=polled_at)
            since = opened if page.undated else min(page.recorded, default=reader.now())
            yield Step(page.events, packed(kept), since, kept.watermark)
            if not page.more:
                if tally.moved:
                    reader.tell(said_of(tally.moved, title))
                return kept

    def _continued(self, page: Page, last_id: str) -> Page:
        """Return the page with the id from which to continue. :param last_id: of its request, "" if found by time."""
        if self.ordered_by == "time" or last_id or not page.events:
            return page
        return replace(page, cursor=min((event.id for event in page.events), key=_rank))

    def _order(self, meter: OrderMeter, page: Page, last_id: str) -> Order:
        """Return the order of everything seen so far."""
        if self.ordered_by == "time":
            return meter.show(page.ordered)
        ranks = [_rank(each) for each in (last_id, *(event.id for event in page.events))]
        # A page that is found by time is ordered by time.
        return "mixed" if last_id and ranks != sorted(ranks) else "oldest_first"

    def _by_time(self, reader: Reader, kept: KeysetState, recorded: Sequence[datetime] = ()) -> KeysetState:
        """Return the state that reads by time. :param recorded: times of events that were served and not spooled."""
        title = reader.pages.spec.title
        if reader.recovery is None:
            raise ProtocolError(
                f"{title} is not oldest first, so reading from an id would lose events, and there is no recovery "
                "source that reads it by time."
            )
        reader.tell(f"{title} is not oldest first: reading by time from here on")
        # Since the order proved wrong, the watermark proves nothing; but everything that sweeps covered is read.
        start = kept.began
        if kept.polled_at and kept.watermark:
            swept = min(kept.watermark, kept.polled_at, kept.swept_at or kept.polled_at)
            start = max(min((back_by(swept, self.sweep_reach), *recorded)), start)
        return replace(kept, windows={}, by_time=start, sweep=None)

    def _sweep(self, reader: Reader, kept: KeysetState) -> Steps:
        """Search for late events by time, with a request that begins without an id; ``last_id`` does not move."""
        title = reader.pages.spec.title
        now, guard, meter = reader.now(), LoopGuard(title), OrderMeter(self.tolerance)
        # From the last sweep: after a pause, the watermark has just passed the events that came late meanwhile.
        swept_at = min(kept.swept_at or now, kept.watermark or now)
        opened = self._opened(reader, replace(kept, last_id="", watermark=swept_at), self.sweep_reach)
        left = kept.sweep is not None and may_have_moved(reader, kept.sweep.opened)
        sweep = IdSweep(opened, now) if kept.sweep is None or left else kept.sweep
        cursor, tally, wrong = sweep.cursor, Tally(sweep.same, follows=True), False
        while True:
            try:
                page = tally.fetch(reader.pages, reader.since(sweep.opened), cursor)
            except RefusedError as error:
                if not kept.sweep or error.status not in CURSOR_REFUSALS:
                    raise
                # The next run begins a new sweep.
                reader.tell(f"the event with the id {cursor} no longer exists: the sweep restarts")
                yield Step((), packed(replace(kept, sweep=None)), now, kept.watermark)
                return
            page = self._continued(page, cursor)
            guard.show(page)
            wrong |= self._order(meter, page, cursor) in ("newest_first", "mixed")
            place, same = tally.place(page, cursor)
            sweep, cursor = replace(sweep, same=same, cursor=place), page.cursor
            fresh = yield Step(page.events, packed(replace(kept, sweep=sweep)), sweep.opened, kept.watermark)
            sweep = replace(sweep, found=sweep.found + fresh)
            if not page.more:
                break
        if tally.moved:
            reader.tell(said_of(tally.moved, title))
        if sweep.found:
            reader.tell(f"the sweep found {sweep.found} late events")
        kept = replace(kept, swept_at=sweep.begun, sweep=None)
        if wrong:
            kept = self._by_time(reader, kept)
        yield Step((), packed(kept), sweep.opened, kept.watermark)

    def _opened(self, reader: Reader, kept: KeysetState, back: timedelta) -> datetime:
        """Return the time from which to read if there is no id to continue from."""
        floor = max(back_by(kept.watermark, back), kept.began) if kept.watermark else kept.began
        if kept.last_id:
            return floor
        return reader.reachable(floor, _read_up_to(kept))


def _rank(name: str) -> tuple[int, str]:
    """Return the place of an id among ids that are numbers, or texts of one length."""
    return len(name), name


def _read_up_to(kept: KeysetState) -> datetime | None:
    """Return the time before which nothing is missing: that of the newest event, or of the last full reading."""
    return max((time for time in (kept.polled_at, kept.watermark) if time), default=None)
