"""Reading by time windows that are bounded on both sides: the order of pages does not matter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import CutOffError, LostPageError, RefusedError
from audit_provider.core.model import Gap, Window, back_by, text_of
from audit_provider.core.sources.paging import OffsetPaging, PagePaging
from audit_provider.core.sources.reading.base import Backfill, Step, packed
from audit_provider.core.sources.reading.borders import late_within
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS, LoopGuard
from audit_provider.core.sources.reading.place import Place, may_have_moved, report_lost
from audit_provider.core.sources.reading.tally import Tally, said_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader

_DAYS = timedelta(days=2)
_FEW_PAGES = 2
_MANY_PAGES = 50
_MOST_READINGS = 3
"""How often one window is read at most, if its rows move while it is read."""


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that was begun and is not read to its end.

    :ivar cursor: of the next page, "" to begin again. :ivar request: key of the request that the cursor belongs to.
    :ivar place: how far its pages are read.
    """

    start: datetime
    end: datetime
    cursor: str = ""
    pages: int = 0
    records: int = 0
    request: str = ""
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class WindowsState:
    """What is kept between runs.

    :ivar began: start of the first run's time range; nothing older is requested later.
    :ivar window_end: everything that happened before it is read, except late events.
    :ivar swept_at: when the last sweep began. :ivar width: width of the next long window, in seconds.
    :ivar halved: end of a window that is read in parts, because it held more than the API serves or one run could read.
    :ivar newest: when the newest of the events read so far was recorded.
    """

    began: datetime | None = None
    window_end: datetime | None = None
    open: OpenWindow | None = None
    swept_at: datetime | None = None
    width: float = 0.0
    halved: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClosedWindows:
    """Read ``[window_end - overlap, now]``, drop what is already spooled, and move ``window_end`` when the window is
    read.

    Inside a window a cursor leads from page to page. It is kept only to resume that window; if it is refused, the
    window is read again. ``window_end`` stays ``settle`` behind the clock, so that events that appear late are read
    again. The ``overlap`` finds late events, and a regular sweep finds the rest.

    :ivar settle: How long the vendor may take to show an event.
    :ivar overlap: How far each read reaches back before ``window_end``.
    :ivar sweep_every: Time between sweeps.
    :ivar sweep_reach: How far a sweep reaches back; 0 for no sweeps.
    :ivar grain: Windows are widened by this on both sides, because bounds may be exclusive or imprecise.
    :ivar first_width: Width of the first window of a long time range; later windows adapt to the density of events.
    :ivar max_width: Maximum width of a window: the API's limit or our own.
    :ivar behind: Reads end this long before now, for a vendor that refuses an end that its own clock has not reached. A
        backfill waits for its end. With 0, reads go up to now plus ``grain``.
    :ivar most: Maximum number of records that the API serves for one window. A window that reaches it is halved; 0 for
        no limit.
    """

    settle: timedelta = timedelta(seconds=90)
    overlap: timedelta = timedelta(minutes=15)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)
    grain: timedelta = timedelta(seconds=2)
    first_width: timedelta = timedelta(days=30)
    max_width: timedelta = timedelta(days=180)
    most: int = 0
    behind: timedelta = timedelta(0)

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "windows"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        kept = msgspec.convert(state, WindowsState)
        if kept.began is None:
            kept = replace(kept, began=reader.start)
        now = reader.until or reader.now()
        if reader.until and getattr(reader.pages, "wanted", None):
            now = max(now, min(now + late_within(reader.pages.spec, self), reader.latest - self.grain))
        target = self._target(reader, now)
        # A window that ends in the future was begun while the clock was wrong; nobody knows how long ago.
        ends = (kept.window_end, kept.open and kept.open.end - self.grain)
        ahead = reader.until is None and any(end > now for end in ends if end)
        if kept.open and not kept.open.cursor and self._is_halvable(reader, kept.open):
            reader.tell("a window of records without ids could not be read in one run: it is halved")
            kept = self._halved(kept, kept.open)
        elif kept.open and kept.open.cursor and self._left(reader, kept.open) and self._is_halvable(reader, kept.open):
            kept = self._read_anew(reader, kept, kept.open)
        elif kept.open:
            kept = yield from self._drain(reader, kept, self._resumed(reader, kept, kept.open), target)
        if ahead:
            # A second before the settled time, so that a window is due at once.
            due = self._settled(target, reader) - timedelta(seconds=1)
            reached = min(filter(None, (kept.newest or kept.began, kept.window_end, due)))
            reader.tell(f"the clock was ahead of {text_of(now)}: events after {text_of(reached)} are read again")
            kept = replace(kept, window_end=reached, halved=None)
        if kept.window_end is None and reader.start >= target and self.behind:
            # Nothing may be requested yet. The first window will begin where this run would have begun.
            yield Step((), packed(kept), reader.start, None)
        else:
            kept = yield from self._read_on(reader, kept, target, sweeping=ahead or self._sweep_due(reader, kept))
        if reader.until and target < reader.until:
            reader.wait_for_end(self.grain)
            yield from self._read_on(reader, kept, reader.until, sweeping=False)

    def _read_on(
        self, reader: Reader, kept: WindowsState, target: datetime, *, sweeping: bool
    ) -> Generator[Step, int, WindowsState]:
        """Read window by window up to ``target``."""
        while kept.window_end is None or kept.window_end < self._settled(target, reader):
            window = self._next_window(reader, kept, target, sweeping=sweeping)
            if sweeping and not kept.halved:
                kept, sweeping = replace(kept, swept_at=reader.now()), False
            kept = yield from self._drain(reader, kept, OpenWindow(window.start, window.end), target)
        return kept

    def _target(self, reader: Reader, now: datetime) -> datetime:
        """Return the time up to which everything is to be read. :param now: this moment, or the end of a backfill."""
        target = now - self.settle if self._shifts(reader) else now
        # Windows are widened by the grain, and even so must not end later than may be requested.
        return min(target, reader.latest - self.grain) if self.behind else target

    def _resumed(self, reader: Reader, kept: WindowsState, window: OpenWindow) -> OpenWindow:
        """Return an open window in the state from which it can be continued: at its cursor, or at its start."""
        if window.cursor and self._left(reader, window):
            self._tell_left(reader, window)
        elif window.cursor and reader.pages.resume(window.request):
            return window
        elif window.cursor:
            reader.tell("the request has changed, so its cursor cannot be used: the open window is read from its start")
        return self._again(reader, kept, window)

    def _again(self, reader: Reader, kept: WindowsState, window: OpenWindow) -> OpenWindow:
        """Return a window to read from its start, or from the earliest time that the vendor still serves."""
        start = self._begin(reader, kept, window)
        bounds = self._widened(start, max(window.end - self.grain, start + timedelta(seconds=1)))
        return OpenWindow(bounds.start, bounds.end)

    def _begin(self, reader: Reader, kept: WindowsState, window: OpenWindow) -> datetime:
        """Return the time from which a window can be read again; report unread time that is no longer served."""
        start = window.start + self.grain
        return reader.reachable(start, window.place.read_from(self._accounted(kept, window)))

    def _accounted(self, kept: WindowsState, window: OpenWindow) -> datetime:
        # Everything before its start was read, or reported as lost when it was opened.
        start = window.start + self.grain
        return max(start, kept.window_end or start)

    def _left(self, reader: Reader, window: OpenWindow) -> bool:
        """Whether the vendor may have dropped rows that were read, and so moved others to pages that were read."""
        return not window.place.stands and may_have_moved(reader, window.start + self.grain)

    def _read_anew(self, reader: Reader, kept: WindowsState, window: OpenWindow) -> WindowsState:
        """Return the state that reads a window in parts, because the vendor may have dropped rows that were read.

        Rows are dropped only from the first part, which becomes short enough to be read before any row is dropped.
        """
        self._tell_left(reader, window)
        again = self._again(reader, kept, window)
        if again.end - self.grain <= again.start + self.grain + timedelta(seconds=1):
            # The vendor no longer serves any part of it.
            return replace(kept, open=None, window_end=again.start + self.grain, halved=None)
        return self._halved(kept, again)

    def _tell_left(self, reader: Reader, window: OpenWindow) -> None:
        reader.tell(
            f"rows of {reader.pages.spec.title} may have left the window {Window(window.start, window.end)} while it "
            "was read, and moved other rows: it is read again"
        )

    def _settled(self, target: datetime, reader: Reader) -> datetime:
        return target if reader.until or self._shifts(reader) else target - self.settle

    def _shifts(self, reader: Reader) -> bool:
        """Whether a new row moves others to the next page, where a record without an id would count as another event.

        Such a source is read only up to the time before which no more rows appear.
        """
        spec = reader.pages.spec
        return reader.until is None and not spec.fields.id and isinstance(spec.paging, OffsetPaging | PagePaging)

    def _sweep_due(self, reader: Reader, kept: WindowsState) -> bool:
        if reader.until or not self.sweep_reach or kept.window_end is None:
            return False
        return kept.swept_at is None or not timedelta(0) <= reader.now() - kept.swept_at < self.sweep_every

    def _next_window(self, reader: Reader, kept: WindowsState, target: datetime, *, sweeping: bool) -> Window:
        width = min(timedelta(seconds=kept.width) if kept.width else self.first_width, self.max_width)
        reached = min(kept.window_end, target) if kept.window_end else kept.began or reader.start
        start, limit = reached, target
        if kept.halved and reached < kept.halved:
            limit = kept.halved
        elif kept.window_end and not reader.until:
            # Even a window of the maximum width must reach beyond the overlap, or reading would make no progress.
            back = self.sweep_reach if sweeping else min(self.overlap, self.max_width / 4)
            start = max(reached - back, min(kept.began or start, start))
        start = reader.reachable(start, reached)
        widest = start + self.max_width - 2 * self.grain
        # The vendor may no longer serve any of the wanted time.
        end = max(min(limit, max(start, reached) + width, widest), start + timedelta(seconds=1))
        return self._widened(start, end)

    def _widened(self, start: datetime, end: datetime) -> Window:
        return Window(start - self.grain, end + self.grain)

    def _drain(
        self, reader: Reader, kept: WindowsState, window: OpenWindow, target: datetime
    ) -> Generator[Step, int, WindowsState]:
        bounds, restarted, tally, readings = Window(window.start, window.end), False, Tally(), 1
        total: int | None = None
        shrunken = in_one_go = False
        guard = LoopGuard(f"{reader.pages.spec.title}, window {bounds},")
        while True:
            try:
                page = tally.fetch(reader.pages, bounds, window.cursor)
            except (RefusedError, LostPageError) as error:
                if not window.cursor or error.status not in CURSOR_REFUSALS:
                    raise
                if self._is_full(window):
                    # It cannot be halved, or it would have been already.
                    self._report_full(reader, bounds)
                    kept = self._closed(reader, kept, window, target)
                    yield Step((), packed(kept), window.start, kept.window_end)
                    return kept
                if restarted:
                    raise
                reader.tell(f"the cursor of the window {bounds} is refused: the window is read again from its start")
                window, restarted = self._again(reader, kept, window), True
                bounds, tally, total, shrunken = Window(window.start, window.end), Tally(), None, False
                guard = LoopGuard(f"{reader.pages.spec.title}, window {bounds},")
                continue
            except CutOffError:
                if not self._is_halvable(reader, window):
                    raise
                reader.tell(f"the answer for the window {bounds} would be too large: it is halved")
                kept = self._halved(kept, window)
                yield Step((), packed(kept), window.start, kept.window_end)
                return kept
            guard.show(page)
            # There is nothing to measure if one answer holds the whole window, or if the vendor drops no rows.
            one = not reader.pages.spec.lookback or (not window.cursor and not page.more)
            shrunken |= bool(window.cursor) and page.total is not None and total is not None and page.total < total
            total = page.total
            if not window.cursor and not reader.pages.request.takes_end:
                # Whatever end was wanted, such a request reads to the end of the log.
                window = replace(window, end=max(window.end, target + self.grain))
            window = replace(
                window,
                cursor=page.cursor,
                pages=window.pages + 1,
                records=window.records + len(page.events) + page.unreadable,
                request=reader.pages.request_key,
            )
            if not one:
                moved = may_have_moved(reader, window.start + self.grain)
                window = replace(window, place=window.place.after(page.recorded, moved=moved))
            read = [time for time in page.recorded if time <= target]
            kept = replace(kept, newest=max((*read, kept.newest or window.start)))
            again = None
            if (page.cut or self._is_full(window)) and self._is_halvable(reader, window):
                reader.tell(f"the window {bounds} holds more than the API serves for one window: it is halved")
                kept = self._halved(kept, window)
            elif page.more:
                # Records without an id are distinguished by their number in the window, so a window with such records
                # on any of its pages is read in one run.
                in_one_go = in_one_go or not page.named
                kept = replace(kept, open=OpenWindow(window.start, window.end) if in_one_go else window)
            elif (tally.moved or shrunken) and readings < _MOST_READINGS:
                again = OpenWindow(window.start, window.end)
                kept = replace(kept, open=again)
            elif not one and self._left(reader, window) and self._is_halvable(reader, window):
                kept = self._read_anew(reader, kept, window)
            elif not one and self._left(reader, window) and readings < _MOST_READINGS:
                self._tell_left(reader, window)
                again = self._again(reader, kept, window)
                kept = replace(kept, open=again)
            else:
                if not one:
                    self._report_left(reader, kept, window)
                if tally.moved:
                    reader.tell(said_of(tally.moved, f"the window {bounds}"))
                if page.cut or (self.most and window.records == self.most):
                    self._report_full(reader, bounds)
                kept = self._closed(reader, kept, window, target)
            # A bound may be coarse, such as a day: then older events are served too.
            since = min((window.start, *page.recorded))
            if page.undated and reader.pages.spec.times == "date":
                # A record of that day may have been read with the day's first window, and the day's zone is unknown.
                since = back_by(since, _DAYS)
            yield Step(page.events, packed(kept), since, kept.window_end, page.recorded)
            if kept.open is None:
                return kept
            if again:
                window, tally, readings, total, shrunken = again, Tally(), readings + 1, None, False
                bounds = Window(window.start, window.end)
                guard = LoopGuard(f"{reader.pages.spec.title}, window {bounds},")

    def _is_full(self, window: OpenWindow) -> bool:
        return bool(self.most) and window.records >= self.most

    def _is_halvable(self, reader: Reader, window: OpenWindow) -> bool:
        long_enough = window.end - window.start > 2 * self.grain + timedelta(seconds=2)
        return long_enough and reader.pages.request.takes_end

    def _report_full(self, reader: Reader, bounds: Window) -> None:
        most = f"more than {self.most} events, the API's maximum," if self.most else "more events than the API gives"
        reason = f"there are {most} in such a short time"
        reader.report(Gap(bounds.start, bounds.end, reason, "cap", reader.now()))

    def _report_left(self, reader: Reader, kept: WindowsState, window: OpenWindow) -> None:
        """Report the rows that the vendor dropped from a window that was read and cannot be read in parts."""
        start = self._accounted(kept, window)
        if window.place.stands:
            report_lost(reader, start, window.place)
        elif self._left(reader, window):
            reason = (
                f"rows of {reader.pages.spec.title} left its list while it was read, so other rows moved and were "
                "skipped"
            )
            reader.report(Gap(window.place.read_from(start), window.end - self.grain, reason, "cursor", reader.now()))

    def _halved(self, kept: WindowsState, window: OpenWindow) -> WindowsState:
        """Return the state that reads the window again, in parts."""
        start, end = window.start + self.grain, window.end - self.grain
        halved = max(kept.halved or end, end)
        return replace(kept, open=None, window_end=start, width=(end - start).total_seconds() / 2, halved=halved)

    def _closed(self, reader: Reader, kept: WindowsState, window: OpenWindow, target: datetime) -> WindowsState:
        """Return the state after ``window`` is read to its end, with a next width that fits the density of events."""
        width = timedelta(seconds=kept.width) if kept.width else self.first_width
        if window.pages <= _FEW_PAGES:
            width = min(width * 2, self.max_width)
        elif window.pages > _MANY_PAGES:
            width = max(width / 2, timedelta(hours=1))
        end = min(window.end - self.grain, self._settled(target, reader))
        # The first window reads everything, so it counts as a sweep at its end.
        halved = kept.halved if kept.halved and end < kept.halved else None
        swept_at = kept.swept_at or end
        return replace(kept, window_end=end, open=None, swept_at=swept_at, width=width.total_seconds(), halved=halved)
