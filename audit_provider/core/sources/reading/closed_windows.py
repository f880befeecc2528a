"""Reading by time windows that are bounded on both sides: the order of pages does not matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import RefusedError
from audit_provider.core.model import Gap, Window
from audit_provider.core.sources.reading.base import Step
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS, LoopGuard

if TYPE_CHECKING:
    from collections.abc import Generator

    from audit_provider.core.sources.reading.base import Reader, Steps

_FEW_PAGES = 2
_MANY_PAGES = 50


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window begun and not drained. :ivar cursor: of the next page, "" to begin again."""

    start: datetime
    end: datetime
    cursor: str
    pages: int = 0


@dataclass(frozen=True, slots=True)
class WindowsState:
    """What is kept between runs.

    :ivar began: where the first run began; nothing older is asked for later.
    :ivar window_end: everything that happened before is read, late events aside.
    :ivar swept_at: when late events were last looked for. :ivar width: seconds, of the next long window.
    """

    began: datetime | None = None
    window_end: datetime | None = None
    open: OpenWindow | None = None
    swept_at: datetime | None = None
    width: float = 0.0


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
    :ivar max_width: the API's or our own limit. :ivar lookback: older events cannot be read.
    """

    settle: timedelta = timedelta(seconds=90)
    overlap: timedelta = timedelta(minutes=15)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)
    grain: timedelta = timedelta(seconds=2)
    first_width: timedelta = timedelta(days=30)
    max_width: timedelta = timedelta(days=180)
    lookback: timedelta | None = None

    @property
    def reads_windows(self) -> bool:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return True

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        kept = msgspec.convert(state, WindowsState)
        if kept.began is None:
            kept = replace(kept, began=reader.start)
        target = reader.until or reader.now()
        if kept.open:
            kept = yield from self._drain(reader, kept, kept.open, target)
        # A mark in the future was left by a clock that has been set right since: nobody knows how long ago.
        ahead = kept.window_end is not None and kept.window_end > target
        sweeping = ahead or self._sweep_due(reader, kept)
        while ahead or kept.window_end is None or kept.window_end < self._settled(target, reader):
            window = self._next_window(reader, kept, target, sweeping=sweeping)
            if sweeping:
                kept, sweeping, ahead = replace(kept, swept_at=reader.now()), False, False
            kept = yield from self._drain(reader, kept, OpenWindow(window.start, window.end, ""), target)

    def _settled(self, target: datetime, reader: Reader) -> datetime:
        return target if reader.until else target - self.settle

    def _sweep_due(self, reader: Reader, kept: WindowsState) -> bool:
        if reader.until or not self.sweep_reach or kept.window_end is None:
            return False
        return kept.swept_at is None or not timedelta(0) <= reader.now() - kept.swept_at < self.sweep_every

    def _next_window(self, reader: Reader, kept: WindowsState, target: datetime, *, sweeping: bool) -> Window:
        if kept.window_end is None:
            reached = start = reader.start
        else:
            reached = min(kept.window_end, target)
            start = reached if reader.until else reached - (self.sweep_reach if sweeping else self.overlap)
            start = max(start, kept.began or start)
        if self.lookback and start < reader.now() - self.lookback:
            possible = reader.now() - self.lookback
            reader.report(Gap(start, possible, "the vendor keeps no older events"))
            start, reached = possible, max(reached, possible)
        width = timedelta(seconds=kept.width) if kept.width else self.first_width
        return Window(start - self.grain, min(target, reached + width) + self.grain)

    def _drain(
        self, reader: Reader, kept: WindowsState, window: OpenWindow, target: datetime
    ) -> Generator[Step, int, WindowsState]:
        bounds = Window(window.start, window.end)
        cursor, count, restarted = window.cursor, window.pages, False
        guard = LoopGuard(f"{reader.pages.spec.title}, window {bounds},")
        while True:
            try:
                page = reader.pages.fetch(bounds, cursor)
            except RefusedError as error:
                if not cursor or restarted or error.status not in CURSOR_REFUSALS:
                    raise
                reader.tell(f"the cursor of the window {bounds} is refused: the window is read again from its start")
                cursor, restarted = "", True
                guard = LoopGuard(f"{reader.pages.spec.title}, window {bounds},")
                continue
            guard.show(page)
            cursor, count = page.cursor, count + 1
            if page.more:
                kept = replace(kept, open=OpenWindow(window.start, window.end, cursor, count))
            else:
                kept = self._closed(reader, kept, window, target, count)
            yield Step(page.events, _kept(kept), window.start, kept.window_end)
            if not page.more:
                return kept

    def _closed(
        self, reader: Reader, kept: WindowsState, window: OpenWindow, target: datetime, pages: int
    ) -> WindowsState:
        """Return the state once ``window`` is drained: its end is reached, and the next width fits the density."""
        width = timedelta(seconds=kept.width) if kept.width else self.first_width
        if pages <= _FEW_PAGES:
            width = min(width * 2, self.max_width)
        elif pages > _MANY_PAGES:
            width = max(width / 2, timedelta(hours=1))
        end = min(window.end - self.grain, self._settled(target, reader))
        # The first window looks at everything, as of the time at which it was opened.
        return WindowsState(kept.began, window_end=end, swept_at=kept.swept_at or end, width=width.total_seconds())


def _kept(state: WindowsState) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(state)
    return kept
