"""The interface of a destination: encoding, sending, limits, and what counts as delivered."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

from audit_provider.core.model import Event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

Place = tuple[int, int]
"""Segment and index of an event."""


class Verdict(enum.Enum):
    """What became of one event of a batch."""

    DELIVERED = "delivered"
    ALREADY_THERE = "already there"
    RETRY = "retry"
    """Not accepted, but not because of the event: send it again."""
    SPLIT = "split"
    """The batch was refused for an unknown event, or is too large: halve it. A single event is set aside."""
    REFUSED = "refused"
    """Refused because of the event itself: set it aside."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: one verdict per event, in order.

    :ivar said: The destination's message, for logs and dead letters.
    :ivar wait: Seconds that the destination asks to wait before the rest is sent, None if it names none.
    :ivar slow_down: The batch is accepted, but the destination is near its capacity.
    :ivar reasons: Its messages about single events, by their index in the batch; for the others, ``said`` applies.
    :ivar stored_in_part: It has stored some of the refused events, and does not say which.
    :ivar hung_up: The destination closed the connection after a part of the batch was written, so every verdict is
        ``RETRY``.
    """

    verdicts: tuple[Verdict, ...]
    said: str = ""
    wait: float | None = None
    slow_down: bool = False
    reasons: Mapping[int, str] = field(default_factory=dict)
    stored_in_part: bool = False
    hung_up: bool = False

    @classmethod
    def all(cls, verdict: Verdict, count: int, **rest: object) -> Outcome:
        """Return an outcome with the same verdict for all ``count`` events."""
        return cls((verdict,) * count, **rest)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request.

    :ivar events: Maximum number of events.
    :ivar batch_bytes: Maximum size in bytes of the joined body before compression, framing included; a single larger
        event is sent alone.
    :ivar event_bytes: Maximum size in bytes of one encoded event; a larger one is set aside before it is sent.
    :ivar framing: Bytes that joining adds once per batch.
    :ivar separator: Bytes that joining adds per event.
    :ivar max_age: Age from which the destination would drop an event or replace its time; None for no limit.
    :ivar restamps: Whether an older event can be sent with the current time; otherwise it is set aside.
    :ivar unconfirmed: If the destination confirms nothing: how people find out whether an event has arrived, in whole
        sentences. A run's last batch is then marked ``listen_long``.
    :ivar whole_segments: A batch never spans two segments, so that its content is the same on every try even if the
        next segment is not known yet. If the whole stream is known, the offset may say that its batches span segments.
    """

    events: int
    batch_bytes: int
    event_bytes: int
    framing: int = 0
    separator: int = 1
    max_age: timedelta | None = None
    restamps: bool = True
    whole_segments: bool = False
    unconfirmed: str = ""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One encoded event and its place in the spool.

    It is a struct like an event, because creating a frozen dataclass takes longer than encoding in most destinations.

    :ivar segment: Number of the segment.
    :ivar index: Index of the event in it, from 0.
    """

    event: Event
    encoded: bytes
    segment: int
    index: int
    restamped: bool = False


@dataclass(frozen=True, slots=True)
class Filtered:
    """An event that this destination does not receive.

    :ivar outside: It is outside the time range that is shipped, and not excluded by ``only`` or ``except``.
    """

    segment: int
    index: int
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """An event that this destination has already received with another stream of the pipeline."""

    segment: int
    index: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one request.

    :ivar listen_long: Nothing that follows will show whether the batch was received: it is the last of a run, or part
        of the search for an event on which the destination closes the connection. Set only if the destination's limits
        are ``unconfirmed``.
    """

    items: tuple[Item, ...]
    listen_long: bool = False

    def __len__(self) -> int:
        return len(self.items)


class Destination(Protocol):
    """A place to which events are shipped. Built for one pipeline; used by one task at a time.

    ``send`` may be called from several threads at once, with one batch each. If one of them fails, the offset also
    records what the others have sent, so a run that ends with an error repeats none of it; only a crash may repeat as
    many batches as were being sent. Until the offset has passed what is recorded, one batch is sent at a time.
    """

    @property
    def limits(self) -> Limits:
        """What one request may hold."""

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the event as it is sent.

        :param restamp: The event is older than ``limits.max_age``: send it with the current time, and keep its own time
            as an attribute.
        """

    def send(self, batch: Batch) -> Outcome:
        """Send a batch once, and return a verdict for each event.

        :raises StopError: the destination refuses the sender, not the events: everything is kept.
        :raises MaybeStoredError: it has most likely stored the batch. Everything is kept for some runs, and then the
            batch is set aside, so that not every run stores it again.
        :raises RetryError: no answer came; what became of the batch is unknown. A
            :class:`~audit_provider.core.errors.HungUpError` if the destination may have closed the connection because
            of the content.
        """

    def check(self) -> str:
        """Prove that the credential and the address work; return a sentence that says what was found.

        :raises AuditError: they do not.
        """


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event set aside, with the reason.

    :ivar answer: The destination's message, "" if the event was not sent.
    :ivar batch: Places of the first and the last event of its batch.
    """

    item: Item
    reason: str
    too_old: bool = False
    answer: str = ""
    batch: tuple[Place, Place] | None = None
