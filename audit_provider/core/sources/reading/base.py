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

    :ivar events: events to spool, except those that are spooled already.
    :ivar state: the strategy's state from the moment these events are durable.
    :ivar since: events of this step were recorded at or after this time, so their duplicates were spooled after it,
        unless they were dated ahead of the clock.
    :ivar watermark: everything up to this time is read; None if that is not known yet.
    :ivar recorded: when each of the events was recorded, or else happened; None if the strategy does not say.
    :ivar outside: number of events that were served too and are left out, because they belong to another window.
    """

    events: tuple[Event, ...]
    state: dict[str, Any]
    since: datetime
    watermark: datetime | None
    recorded: Sequence[datetime] | None = None
    outside: int = 0


class Taken(int):
    """How many events of a step were new. :ivar same_id: how many of these have the id of a record of other content."""

    same_id: int

    def __new__(cls, count: int, same_id: int = 0) -> Taken:
        taken = super().__new__(cls, count)
        taken.same_id = same_id
        return taken


Steps = Generator[Step, int, None]
"""Yields steps; after each, it is sent the number of events of the step that were new, as :class:`Taken`."""


def latest_end(now: datetime, behind: timedelta) -> datetime:
    """Return the latest end that may be requested; in whole seconds, because bounds are rounded up when written.

    :param behind: how long before ``now`` it is; 0 returns ``now`` unchanged.
    """
    return (now - behind).replace(microsecond=0) if behind else now


Backfill = Literal["windows", "scan", "recovery"]


class Reading(Protocol):
    """How to continue reading a log from a kept state, without loss."""

    @property
    def backfill(self) -> Backfill:
        """How a span of the past is read.

        ``windows``: by this strategy, in windows of any width. ``scan``: by this strategy, in one window, because it
        reads from the newest event down to the start of the span and drops what is newer than its end. ``recovery``: by
        the source that reads the same log by time, if there is one.
        """

    def steps(self, reader: Any, state: dict[str, Any]) -> Steps:
        """Yield the events that came since ``state``, page by page; an empty state is the beginning.

        :param reader: a :class:`~audit_provider.core.sources.reading.reader.Reader`. It is not imported here, because
            its pages import the source, and this strategy with it.

        The generator ends when everything has been read. It may be dropped at any step: reading then continues from the
        last state that was kept.
        """


def watermark_after(recorded: Sequence[datetime], watermark: datetime | None, now: datetime) -> datetime | None:
    """Return the watermark after a page. Events that are dated ahead of the clock do not move it."""
    times = (*recorded, min(watermark, now)) if watermark else recorded
    top = max(times, default=None)
    return top if top is None or top <= now else max((time for time in times if time <= now), default=None)


def packed(state: Any) -> dict[str, Any]:
    """Return a strategy's state in the form in which it is kept."""
    kept: dict[str, Any] = msgspec.to_builtins(state)
    return kept


def recently(moment: datetime | None, now: datetime, within: timedelta) -> bool:
    """Whether ``moment`` is less than ``within`` before ``now``; never if it is in the future, set by a wrong clock."""
    return moment is not None and timedelta(0) <= now - moment < within


__getattr__ = imported_late(__name__, {"audit_provider.core.sources.reading.reader": ("Reader",)})
