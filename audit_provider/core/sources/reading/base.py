"""What a reading strategy is: a generator of pages, each with the state to keep once the page is durable."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from audit_provider.core.discovery import imported_late

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.model import Event


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

    def steps(self, reader: Any, state: dict[str, Any]) -> Steps:
        """Yield what has come since ``state``; an empty state is the beginning.

        :param reader: a :class:`~audit_provider.core.sources.reading.reader.Reader`, whose pages know the source and
            with it this strategy: so it is not imported here.

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


__getattr__ = imported_late(__name__, {"audit_provider.core.sources.reading.reader": ("Reader",)})
