"""What a reading strategy is: a generator of pages, each with the state to keep once the page is durable."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from audit_provider.core.errors import WaitError
from audit_provider.core.model import Gap, Window, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_provider.core.model import Event, GapKind
    from audit_provider.core.sources.pages import PageReader


@dataclass(frozen=True, slots=True)
class Step:
    """One page read.

    :ivar events: what to spool, less what is known already.
    :ivar state: the strategy's state from the moment these events are durable.
    :ivar since: events of this step were recorded at or after this time, so duplicates were spooled since, unless they
        were dated ahead of the clock.
    :ivar watermark: up to here everything is read, None where that cannot be said yet.
    :ivar recorded: when each of the events was recorded, or else happened; None where a strategy does not say.
    :ivar outside: events that were served beside these and are left out, since they belong to another window.
    """

    events: tuple[Event, ...]
    state: dict[str, Any]
    since: datetime
    watermark: datetime | None
    recorded: Sequence[datetime] | None = None
    outside: int = 0


class Taken(int):
    """How many events of a step were new. :ivar same_id: of these, those whose id a record of other content has."""

    same_id: int

    def __new__(cls, count: int, same_id: int = 0) -> Taken:
        taken = super().__new__(cls, count)
        taken.same_id = same_id
        return taken


Steps = Generator[Step, int, None]
"""Yields steps; is sent the number of events of the step that were new, as :class:`Taken`."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What a strategy reads with.

    :ivar pages: of the source itself. :ivar recovery: of the source that reads the same log by time, if any.
    :ivar start: where the first run begins. :ivar until: end of a backfill window, None when reading on.
    :ivar report: called with each gap. :ivar tell: called with a line worth a log entry.
    """

    pages: PageReader
    recovery: PageReader | None
    start: datetime
    until: datetime | None
    now: Callable[[], datetime]
    report: Callable[[Gap], None]
    tell: Callable[[str], None]

    @property
    def earliest(self) -> datetime | None:
        """The earliest time that the vendor still lets anyone read, None where there is no limit."""
        lookback = self.pages.spec.lookback
        return self.now() - lookback + self.slack if lookback else None

    @property
    def slack(self) -> timedelta:
        """How far ``earliest`` stays within what the vendor keeps: a request at the very limit would be refused by the
        time it arrives."""
        return min(timedelta(hours=1), (self.pages.spec.lookback or timedelta(0)) / 100)

    def reachable(self, start: datetime, needed: datetime | None = None) -> datetime:
        """Return ``start``, or the earliest time that the vendor still lets anyone read.

        :param needed: what lies before is read already, or reported as lost; None where nothing is. Only what is lost
            from there on is a gap, and is reported.
        """
        spec, possible = self.pages.spec, self.earliest
        wanted = start if needed is None else max(start, needed)
        for each in spec.kept_shorter:
            if each.comes_with(spec.request):
                reason = f"{spec.title} keeps {each.what} for {each.kept.days} days only"
                self._report(wanted, self.now() - each.kept, reason, "retention")
        if possible is None:
            return start
        self._report(wanted, possible, f"{spec.title} does not serve older events", "look_back")
        return max(start, possible)

    def _report(self, wanted: datetime, possible: datetime, reason: str, kind: GapKind) -> None:
        # What lies behind a backfill's window is not its own.
        end = min(possible, self.until) if self.until else possible
        if wanted < end:
            self.report(Gap(wanted, end, reason, kind, self.now()))

    @property
    def latest(self) -> datetime:
        """The latest end that may be asked for: now, or the strategy's ``behind`` before it."""
        return latest_end(self.now(), self.pages.spec.behind)

    def since(self, start: datetime) -> Window:
        """Return the window from ``start`` to now, for requests that need no upper bound."""
        return Window(start, max(self.latest, start + timedelta(seconds=1)))

    def wait_for_end(self, margin: timedelta = timedelta(0)) -> None:
        """Wait until the end of a backfill's window may be asked for, and ``margin`` beyond it.

        :raises WaitError: it takes longer than may be slept here.
        """
        if self.until is None:
            return
        moment = self.until + margin + self.pages.spec.behind + timedelta(seconds=1)
        seconds = (moment - self.now()).total_seconds()
        if seconds > 0:
            self.pages.pause(seconds)
        if self.now() < moment:
            raise WaitError(
                f"{self.pages.spec.title} may be asked for the rest from {text_of(moment)} on.", until=moment
            )


def latest_end(now: datetime, behind: timedelta) -> datetime:
    """Return the latest end that may be asked for; in whole seconds, since bounds are written rounded up.

    :param behind: how long before ``now`` it lies; 0 leaves ``now`` as it is.
    """
    return (now - behind).replace(microsecond=0) if behind else now


Backfill = Literal["windows", "scan", "recovery"]


class Reading(Protocol):
    """How to read a log on, without loss, from a kept state."""

    @property
    def backfill(self) -> Backfill:
        """How a span of the past is read.

        ``windows``: by itself, so in windows of any width. ``scan``: from the head down to its start, and what is newer
        than its end is dropped here, so in one window. ``recovery``: by the source that reads the same log by time, if
        there is one.
        """

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """Yield what has come since ``state``; an empty state is the beginning.

        The generator ends when everything there is has been read. It may be dropped at any step; reading
        goes on from the last state that was kept.
        """


def watermark_after(recorded: Sequence[datetime], watermark: datetime | None, now: datetime) -> datetime | None:
    """Return the watermark after a page. What is dated ahead of the clock does not say how far a log is read."""
    times = (*recorded, min(watermark, now)) if watermark else recorded
    top = max(times, default=None)
    return top if top is None or top <= now else max((time for time in times if time <= now), default=None)


def packed(state: Any) -> dict[str, Any]:
    """Return a strategy's state as it is kept."""
    kept: dict[str, Any] = msgspec.to_builtins(state)
    return kept


def recently(moment: datetime | None, now: datetime, within: timedelta) -> bool:
    """Whether ``moment`` lies less than ``within`` before ``now``. One in the future was left by a wrong clock."""
    return moment is not None and timedelta(0) <= now - moment < within
