"""What differs between destinations, and nothing else: encode, send, limits, and what counts as delivered."""

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
    """Not taken, for no fault of the event: send it again."""
    SPLIT = "split"
    """The batch was refused and the culprit is unknown, or the batch is too large: halve it; alone, set it aside."""
    REFUSED = "refused"
    """Refused for its own sake: set it aside."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: one verdict per event, in order.

    :ivar said: the destination's own words, for logs and dead letters.
    :ivar wait: seconds the destination asks to wait before the rest is sent, None where it does not say.
    :ivar slow_down: accepted, but the destination is near its capacity.
    :ivar reasons: its words on single events, by their place in the batch; the others go by ``said``.
    :ivar stored_in_part: of the refused it has stored some, and does not say which.
    :ivar hung_up: the destination hung up after a part of the batch was written, so every verdict is ``RETRY``.
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
        """Return the outcome where every one of ``count`` events met the same verdict."""
        return cls((verdict,) * count, **rest)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold.

    :ivar events: most events.
    :ivar batch_bytes: most bytes of the joined body before compression, framing included; one event that is larger by
        itself travels alone.
    :ivar event_bytes: most bytes of one encoded event; a larger one is set aside before it is sent.
    :ivar framing: bytes that joining adds once per batch, and :ivar separator: per event.
    :ivar max_age: older events would be dropped or restamped by the destination.
    :ivar restamps: an older event can travel under its arrival time; where it cannot, it is set aside.
    :ivar unconfirmed: the destination confirms nothing, so a run's last batch is marked ``listen_long``.
    :ivar whole_segments: a batch never spans two segments, so that its content is the same on every try: what comes
        next is not known yet. Where all of a stream is known, the offset may say that its batches do.
    """

    events: int
    batch_bytes: int
    event_bytes: int
    framing: int = 0
    separator: int = 1
    max_age: timedelta | None = None
    restamps: bool = True
    whole_segments: bool = False
    unconfirmed: bool = False


class Item(msgspec.Struct, frozen=True, gc=False):
    """One encoded event and where it stands in the spool.

    A struct, as an event is: a frozen dataclass takes longer to make than most destinations take to encode.

    :ivar segment: number of the segment. :ivar index: position of the event in it, from 0.
    """

    event: Event
    encoded: bytes
    segment: int
    index: int
    restamped: bool = False


@dataclass(frozen=True, slots=True)
class Filtered:
    """An event that this destination is not to have.

    :ivar outside: it lies outside the range that is shipped, rather than being left out by ``only`` or ``except``.
    """

    segment: int
    index: int
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that go in one request.

    :ivar listen_long: nothing that follows will show whether it was taken: it is the last of a run, or the search for
        an event on which the destination hangs up. Set only where the destination's limits are ``unconfirmed``.
    """

    items: tuple[Item, ...]
    listen_long: bool = False

    def __len__(self) -> int:
        return len(self.items)


class Destination(Protocol):
    """A place events are shipped to. Built for one pipeline; used by one task at a time.

    ``send`` may be called from several threads at once, with one batch each. Where one of them fails, what the others
    have sent is recorded beyond the offset, so a run that ends with an error repeats none of it; only a crash may
    repeat as many batches as were on their way. Until the offset has passed what is recorded, one batch goes at a time.
    """

    @property
    def limits(self) -> Limits:
        """What one request may hold."""

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the event as it travels.

        :param restamp: the event is older than ``limits.max_age``: let it carry its arrival time, its own kept
            as an attribute.
        """

    def send(self, batch: Batch) -> Outcome:
        """Send a batch once and judge the answer, event by event.

        :raises StopError: the destination refuses the sender, not the events: everything is kept.
        :raises MaybeStoredError: it has most likely stored the batch. Everything is kept for some runs, and then the
            batch is set aside, so that it is not stored again by every run.
        :raises RetryError: no answer came; what became of the batch is unknown. A
            :class:`~audit_provider.core.errors.HungUpError` where the destination may have hung up on the content.
        """

    def check(self) -> str:
        """Prove that the credential and the address work; return a sentence that says what was seen.

        :raises AuditError: they do not.
        """


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event set aside, with the reason.

    :ivar answer: the destination's own words, "" where the event was not sent.
    :ivar batch: places of the first and the last event that were to travel with it.
    """

    item: Item
    reason: str
    too_old: bool = False
    answer: str = ""
    batch: tuple[Place, Place] | None = None
