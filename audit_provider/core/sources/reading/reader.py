"""What a reading strategy reads with: pages, a clock, and functions to report gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import WaitError
from audit_provider.core.model import Gap, Window, text_of
from audit_provider.core.sources.reading.base import latest_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.model import GapKind
    from audit_provider.core.sources.pages import PageReader


@dataclass(frozen=True, slots=True)
class Reader:
    """What a strategy reads with.

    :ivar pages: of the source itself. :ivar recovery: of the source that reads the same log by time, if any.
    :ivar start: where the first run begins. :ivar until: end of a backfill window; None if the log is read up to now.
    :ivar report: called with each gap. :ivar tell: called with each line for the task's log.
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
        """The earliest time that the vendor still serves, with a margin; None if there is no limit."""
        lookback = self.pages.spec.lookback
        return self.now() - lookback + self.slack if lookback else None

    @property
    def slack(self) -> timedelta:
        """The margin of ``earliest``: a request for the vendor's exact limit would be refused when it arrives."""
        return min(timedelta(hours=1), (self.pages.spec.lookback or timedelta(0)) / 100)

    def reachable(self, start: datetime, needed: datetime | None = None) -> datetime:
        """Return ``start``, or the earliest time that the vendor still serves, if that is later; report what is lost.

        :param needed: everything before it is read already, or reported as lost; None for nothing. Only what is lost
            after it is reported as a gap.
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
        # The time after a backfill's window is not its own.
        end = min(possible, self.until) if self.until else possible
        if wanted < end:
            self.report(Gap(wanted, end, reason, kind, self.now()))

    @property
    def latest(self) -> datetime:
        """The latest end that may be requested: now, or the strategy's ``behind`` before it."""
        return latest_end(self.now(), self.pages.spec.behind)

    def since(self, start: datetime) -> Window:
        """Return the window from ``start`` to now, for requests that need no upper bound."""
        return Window(start, max(self.latest, start + timedelta(seconds=1)))

    def wait_for_end(self, margin: timedelta = timedelta(0)) -> None:
        """Wait until the end of a backfill's window may be requested, and ``margin`` beyond it.

        :raises WaitError: the wait is too long to sleep here.
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
