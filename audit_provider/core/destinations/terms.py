"""On which terms a destination is served: all that one run of the ship loop is told beside what it ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from audit_provider.core.model import Event

TooOld = Literal["arrival_time", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a destination is served.

    :ivar sleep: called with seconds. :ivar now: returns the time, aware UTC.
    :ivar too_old: what to do with events over ``limits.max_age``: ``arrival_time`` sends them with the current time
        where the destination can, ``dead_letter`` sets them aside.
    :ivar tries: sends in a row without any progress that end the run.
    :ivar deadline: stop between batches once it has passed; the rest stays pending. None for no end.
    :ivar select: returns an event as it may leave the spool, or None where it may not; those are counted.
    :ivar within: whether an event lies in the range that is shipped; those outside are counted and skipped.
    :ivar concurrency: batches on their way at once. The offset still moves in order, so a crash may repeat so many.
    :ivar refused_before: the events are dead letters, so a batch of which none is taken says nothing of the sender.
    """

    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    too_old: TooOld = "arrival_time"
    tries: int = 5
    deadline: datetime | None = None
    select: Callable[[Event], Event | None] | None = None
    within: Callable[[Event], bool] | None = None
    concurrency: int = 1
    refused_before: bool = False

    @property
    def restamps(self) -> bool:
        """Whether an event over the age limit is sent with the current time."""
        return self.too_old == "arrival_time"

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.now() >= self.deadline
