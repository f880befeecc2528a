"""How to ship to a destination: the settings of one run of the ship loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from audit_provider.core.model import Event

TooOld = Literal["arrival_time", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How to ship to a destination.

    :ivar sleep: Called with seconds.
    :ivar now: Returns the time, aware UTC.
    :ivar too_old: What to do with events over ``limits.max_age``: ``arrival_time`` sends them with the current time if
        the destination supports it, ``dead_letter`` sets them aside.
    :ivar tries: Number of sends in a row without progress after which the run ends.
    :ivar deadline: Stop between batches after this time; the rest stays pending. None for no end.
    :ivar select: Returns an event as it may be sent, or None if it must not be sent; those are counted.
    :ivar received: Given a segment's number and all its events, returns the indexes of those that the destination has
        received with another stream of the pipeline; they are counted and not sent again. None sends all.
    :ivar within: Whether an event is in the range that is shipped; others are counted and skipped.
    :ivar concurrency: Batches sent at the same time. The offset still moves in order, so a crash may repeat that many.
    :ivar refused_before: The events are dead letters, so if none of a batch is accepted, that does not mean that the
        sender is at fault.
    """

    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    too_old: TooOld = "arrival_time"
    tries: int = 5
    deadline: datetime | None = None
    select: Callable[[Event], Event | None] | None = None
    received: Callable[[int, Sequence[Event]], Collection[int]] | None = None
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
