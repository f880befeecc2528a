"""Reading by time windows that are bounded on both sides: the order of pages does not matter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import RefusedError
from audit_provider.core.model import Gap, Window
from audit_provider.core.sources.reading.base import Backfill, Step
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS, LoopGuard

if TYPE_CHECKING:
    from collections.abc import Generator

    from audit_provider.core.sources.reading.base import Reader, Steps

_FEW_PAGES = 2
_MANY_PAGES = 50


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window begun and not drained.

    :ivar cursor: of the next page, "" to begin again. :ivar request: the request that the cursor belongs to.
    """

    start: datetime
    end: datetime
    cursor: str = ""
    pages: int = 0
    records: int = 0
    request: str = ""


@dataclass(frozen=True, slots=True)
class WindowsState:
    """What is kept between runs.

    :ivar began: where the first run began; nothing older is asked for later.
    :ivar window_end: everything that happened before is read, late events aside.
    :ivar swept_at: when late events were last looked for. :ivar width: seconds, of the next long window.
    :ivar halved: end of a window that held more than the API gives, and is read in parts.
    """

    began: datetime | None = None
    window_end: datetime | None = None
    open: OpenWindow | None = None
    swept_at: datetime | None = None
    width: float = 0.0
    halved: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClosedWindows:
    """Read ``[window_end - overlap, now]``, drop what is known, move ``window_end`` once the window is drained.

    Inside a window a cursor leads from page to page; it is kept only to resume that window, and a refused one
    costs one re-reading of it. ``window_end`` stays ``settle`` behind the clock, so that what becomes readable
    late is read again; ``overlap`` collects stragglers and a sweep now and then the rest.

    :ivar settle: how long the vendor may take to show an event.
    :ivar overlap: how far each read reaches behind ``window_end``.
    :ivar sweep_every: time between sweeps. :ivar sweep_reach: how far a sweep reaches back; 0 for no sweeps.
    :ivar grain: bounds may be exclusive and coarse: windows are widened by it on both sides.
    :ivar first_width: width of the first window of a long span; later ones adapt to the density.
    :ivar max_width: the API's or our own limit.
    :ivar most: records that the API gives for one window at most; one that reaches it is halved. 0 for no such limit.
    """

    settle: timedelta = timedelta(seconds=90)
    overlap: timedelta = timedelta(minutes=15)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)
    grain: timedelta = timedelta(seconds=2)
    first_width: timedelta = timedelta(days=30)
    max_width: timedelta = timedelta(days=180)
    most: int = 0

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "windows"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        kept = msgspec.convert(state, WindowsState)
        if kept.began is None:
            kept = replace(kept, began=reader.start)
        target = reader.until or reader.now()
        if kept.open:
            kept = yield from self._drain(reader, kept, self._resumed(reader, kept, kept.open), target)
        # A mark in the future was left by a clock that has been set right since: nobody knows how long ago.
        ahead = kept.window_end is not None and kept.window_end > target
        sweeping = ahead or self._sweep_due(reader, kept)
        while ahead or kept.window_end is None or kept.window_end < self._settled(target, reader):
            window = self._next_window(reader, kept, target, sweeping=sweeping)
            if sweeping and not kept.halved:
                kept, sweeping, ahead = replace(kept, swept_at=reader.now()), False, False
            kept = yield from self._drain(reader, kept, OpenWindow(window.start, window.end), target)

    def _resumed(self, reader: Reader, kept: WindowsState, window: OpenWindow) -> OpenWindow:
        """Return an open window as it can be read on: from its cursor, or from its start."""
        if window.cursor and window.request == reader.pages.request_key:
            return window
        if window.cursor:
            reader.tell("the request has changed, so its cursor is of no use: the open window is read from its start")
        return self._again(reader, kept, window)

    def _again(self, reader: Reader, kept: WindowsState, window: OpenWindow) -> OpenWindow:
        """Return a window to read from its start, which may have come out of reach meanwhile."""
        start = window.start + self.grain
        # What lies before its start was read before, or reported as lost when it was opened.
        start = reader.reachable(start, max(start, kept.window_end or start))
        bounds = self._widened(start, max(window.end - self.grain, start + timedelta(seconds=1)))
        return OpenWindow(bounds.start, bounds.end)

    def _settled(self, target: datetime, reader: Reader) -> datetime:
        return target if reader.until else target - self.settle

    def _sweep_due(self, reader: Reader, kept: WindowsState) -> bool:
        if reader.until or not self.sweep_reach or kept.window_end is None:
            return False
        return kept.swept_at is None or not timedelta(0) <= reader.now() - kept.swept_at < self.sweep_every

    def _next_window(self, reader: Reader, kept: WindowsState, target: datetime, *, sweeping: bool) -> Window:
        width = min(timedelta(seconds=kept.width) if kept.width else self.first_width, self.max_width)
        reached = min(kept.window_end, target) if kept.window_end else reader.start
        if kept.halved and reached < kept.halved:
            return self._widened(reached, min(kept.halved, reached + width))
        start = reached
        if kept.window_end and not reader.until:
            # The overlap must leave a window of the API's widest room to move on.
            back = self.sweep_reach if sweeping else min(self.overlap, self.max_width / 4)
            start = max(reached - back, min(kept.began or start, start))
        start = reader.reachable(start, reached)
        widest = start + self.max_width - 2 * self.grain
        return self._widened(start, min(target, max(start, reached) + width, widest))

    def _widened(self, start: datetime, end: datetime) -> Window:
        return Window(start - self.grain, end + self.grain)

    def _drain(
        self, reader: Reader, kept: WindowsState, window: OpenWindow, target: datetime
    ) -> Generator[Step, int, WindowsState]:
        bounds, restarted, same = Window(window.start, window.end), False, Counter[str]()
        guard = LoopGuard(f"{reader.pages.spec.title}, window {bounds},")
        while True:
            try:
                page = reader.pages.fetch(bounds, window.cursor, same)
            except RefusedError as error:
                if not window.cursor or error.status not in CURSOR_REFUSALS:
                    raise
                if self._is_full(window):
                    # It could not be halved, or it would have been.
                    self._report_full(reader, bounds)
                    kept = self._closed(reader, kept, window, target)
                    yield Step((), _kept(kept), window.start, kept.window_end)
                    return kept
                if restarted:
                    raise
                reader.tell(f"the cursor of the window {bounds} is refused: the window is read again from its start")
                window, restarted = self._again(reader, kept, window), True
                bounds, same = Window(window.start, window.end), Counter()
                guard = LoopGuard(f"{reader.pages.spec.title}, window {bounds},")
                continue
            guard.show(page)
            window = replace(
                window,
                cursor=page.cursor,
                pages=window.pages + 1,
                records=window.records + len(page.events),
                request=reader.pages.request_key,
            )
            halvable = bounds.end - bounds.start > 2 * self.grain + timedelta(seconds=2)
            if self._is_full(window) and halvable:
                reader.tell(f"the window {bounds} holds more than the API gives for one: it is halved")
                kept = self._halved(kept, window)
            elif page.more:
                # Records without an id are told apart by their number in the window, so that is read in one go.
                resumed = window if page.named else OpenWindow(window.start, window.end)
                kept = replace(kept, open=resumed)
            else:
                if self.most and window.records == self.most:
                    self._report_full(reader, bounds)
                kept = self._closed(reader, kept, window, target)
            # A bound may be coarse, such as a day: then older events come with it.
            since = min((window.start, *page.recorded))
            yield Step(page.events, _kept(kept), since, kept.window_end)
            if kept.open is None:
                return kept

    def _is_full(self, window: OpenWindow) -> bool:
        return bool(self.most) and window.records >= self.most

    def _report_full(self, reader: Reader, bounds: Window) -> None:
        reason = f"there are more than {self.most} events, all that the API gives, in so short a time"
        reader.report(Gap(bounds.start, bounds.end, reason, "cap", reader.now()))

    def _halved(self, kept: WindowsState, window: OpenWindow) -> WindowsState:
        """Return the state that reads the window again, in parts."""
        start, end = window.start + self.grain, window.end - self.grain
        halved = max(kept.halved or end, end)
        return replace(kept, open=None, window_end=start, width=(end - start).total_seconds() / 2, halved=halved)

    def _closed(self, reader: Reader, kept: WindowsState, window: OpenWindow, target: datetime) -> WindowsState:
        """Return the state once ``window`` is drained: its end is reached, and the next width fits the density."""
        width = timedelta(seconds=kept.width) if kept.width else self.first_width
        if window.pages <= _FEW_PAGES:
            width = min(width * 2, self.max_width)
        elif window.pages > _MANY_PAGES:
            width = max(width / 2, timedelta(hours=1))
        end = min(window.end - self.grain, self._settled(target, reader))
        # The first window looks at everything, as of the time at which it was opened.
        halved = kept.halved if kept.halved and end < kept.halved else None
        return WindowsState(
            kept.began, window_end=end, swept_at=kept.swept_at or end, width=width.total_seconds(), halved=halved
        )


def _kept(state: WindowsState) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(state)
    return kept
