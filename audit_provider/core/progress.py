"""What long work writes to its task's log: groups, and its progress at intervals, not once per page or batch."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.model import Event

EVERY = timedelta(seconds=20)
"""Least time between two lines. Work that takes less time logs no progress."""


class _Told:
    """When the last line was logged, and how long the work has taken. Times are aware UTC and come from the caller."""

    def __init__(self, tell: Callable[[str], None], begun: datetime, every: timedelta) -> None:
        self._tell = tell
        self._begun = begun
        self._told_at = begun
        self._every = every

    def is_due(self, now: datetime) -> bool:
        return now - self._told_at >= self._every

    def say(self, parts: Sequence[str], now: datetime) -> None:
        self._told_at = now
        self._tell(", ".join(part for part in parts if part))

    def seconds(self, now: datetime) -> float:
        return (now - self._begun).total_seconds()

    def rate(self, done: int, now: datetime) -> str:
        return f"{done / self.seconds(now):,.0f}/s"

    def left(self, done: float, rest: float, now: datetime) -> str:
        """Return the time left at the speed so far; "" if nothing is done yet."""
        return f"about {_rounded(self.seconds(now) * rest / done)} left" if done > 0 and rest > 0 else ""


class PullProgress:
    """Progress of one run of the pull loop: ``page 120, 119,880 events, 990/s, window 2 of 3, about 14 min left``.

    The number of events that a source still has is unknown, so the time left is estimated from the part of the time
    range that has been read, oldest or newest first.

    :param tell: called with each line.
    :param begun: when the run began.
    :param start: start of the time range that is read.
    :param end: its end.
    :param window: which of a backfill's windows it is, as in ``window 2 of 3``; "" for none.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        *,
        begun: datetime,
        start: datetime,
        end: datetime,
        window: str = "",
        every: timedelta = EVERY,
    ) -> None:
        self._told = _Told(tell, begun, every)
        self._start = start
        self._end = end
        self._window = window
        self._pages = 0
        self._events = 0
        self._seen: tuple[datetime, datetime] | None = None
        self._newest_first = False

    def page(self, events: Sequence[Event], now: datetime) -> None:
        """Count a page, and log a line if it is time."""
        self._pages += 1
        self._events += len(events)
        if events:
            self._see([event.time for event in events])
        if self._told.is_due(now):
            self._told.say(
                (
                    f"page {self._pages:,}",
                    f"{self._events:,} events",
                    self._told.rate(self._events, now),
                    self._window,
                    self._left(now),
                ),
                now,
            )

    def _see(self, times: Sequence[datetime]) -> None:
        if self._seen is None:
            self._seen = min(times), max(times)
            self._newest_first = times[0] > times[-1]
        earliest, latest = self._seen
        # Windows are read one after the other, whatever the order within each.
        self._newest_first = self._newest_first and max(times) <= latest
        self._seen = min(earliest, *times), max(latest, *times)

    def _left(self, now: datetime) -> str:
        if self._seen is None:
            return ""
        earliest, latest = self._seen
        rest = earliest - self._start if self._newest_first else self._end - latest
        return self._told.left((latest - earliest).total_seconds(), rest.total_seconds(), now)


class ShipProgress:
    """Progress of one run of the ship loop: ``48,000 of 120,000, 3,100/s, about 23 s left``.

    :param tell: called with each line.
    :param begun: when the run began.
    :param total: number of pending events at that time.
    """

    def __init__(self, tell: Callable[[str], None], *, begun: datetime, total: int, every: timedelta = EVERY) -> None:
        self._told = _Told(tell, begun, every)
        self._total = total

    def reached(self, finished: int, now: datetime) -> None:
        """Log a line if it is time.

        :param finished: events of this run that are finished.
        """
        if self._told.is_due(now):
            self._told.say(
                (
                    f"{finished:,} of {self._total:,}",
                    self._told.rate(finished, now),
                    self._told.left(finished, self._total - finished, now),
                ),
                now,
            )


def _rounded(seconds: float) -> str:
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"


class Log(Protocol):
    """A logger, such as an operator's own."""

    def info(self, message: str, /, *arguments: Any) -> Any:
        """Write a line."""

    def warning(self, message: str, /, *arguments: Any) -> Any:
        """Write a warning."""

    def error(self, message: str, /, *arguments: Any) -> Any:
        """Write an error."""


@contextmanager
def grouped(log: Log, title: str) -> Iterator[None]:
    """Put the lines that are logged inside into one group, which Airflow's UI folds."""
    log.info("::group::%s", title)
    try:
        yield
    finally:
        log.info("::endgroup::")
