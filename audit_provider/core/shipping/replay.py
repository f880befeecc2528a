"""Replay: the ship loop sends a range of the spool again, with a separate offset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audit_provider.core.accounting import aligned
from audit_provider.core.model import Offset, ShipCounts, text_of
from audit_provider.core.shipping.ship import ship

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.model import Event
    from audit_provider.core.position import Position
    from audit_provider.core.shipping.terms import Terms
    from audit_provider.core.spool import Manifest, Stream


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A span of event time, ``start <= time < end``; None leaves a side open.

    :raises ValueError: it ends before it begins.
    """

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"a range must end after it starts, got {self}")

    def __contains__(self, event: Event) -> bool:
        return (self.start is None or self.start <= event.time) and (self.end is None or event.time < self.end)

    def __str__(self) -> str:
        if self.start is None and self.end is None:
            return "everything still kept"
        start = text_of(self.start) if self.start else "the oldest event kept"
        return f"{start} to {text_of(self.end) if self.end else 'the newest'}"

    def touches(self, manifest: Manifest) -> bool:
        """Whether a segment may hold events of the range."""
        after = self.start is not None and manifest.last_time < self.start
        return not after and (self.end is None or manifest.first_time < self.end)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one stream's events at one destination: ``kept = outside + counts.in_range + pending``.

    :ivar kept: events of the stream in the spool when the replay began, and those that came since.
    :ivar outside: events outside the range, those of segments that were not read included.
    :ivar pending: events that have not been looked at yet: 0 at the end of a replay.
    """

    stream: str
    destination: str
    kept: int
    outside: int
    counts: ShipCounts
    pending: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether every event is accounted for."""
        return self.kept == self.outside + self.counts.in_range + self.pending


def replay(
    destination: Destination,
    stream: Stream,
    position: Position,
    offset: Offset,
    wanted: TimeRange,
    *,
    commit: Callable[[Offset], None],
    set_aside: Callable[[Sequence[DeadLetter]], None],
    terms: Terms | None = None,
    last: int | None = None,
    **changes: Any,
) -> Offset:
    """Send the events of a range again, on from ``offset``, and return the offset past the head.

    It ends when all is sent: there is no deadline, since no later run would go on by itself. The other parameters are
    those of :func:`~audit_provider.core.shipping.ship.ship`.

    :param offset: of this replay, and of no other. :param commit: records it, durably.
    :param last: number of the last segment to look at; None for the head.
    :raises StopError: the destination refuses the sender. Everything is kept.
    :raises RetryError: the destination does not answer or asks for a long pause. Everything is kept.
    """
    last = position.head.number if last is None else last
    if offset.segment > last:
        return offset
    offset = ship(
        destination,
        _segments(stream, position, offset.segment, last, wanted),
        offset,
        commit=commit,
        set_aside=set_aside,
        terms=terms,
        **{**changes, "within": wanted.__contains__, "deadline": None},
    )
    if offset.segment <= last:
        # What lies behind is outside the range.
        offset = replace(offset, segment=last + 1, index=0)
        commit(offset)
    return offset


def account_of(stream: Stream, destination: str, position: Position, offset: Offset, wanted: TimeRange) -> Replayed:
    """Return the account of a replay; what was not read is counted by the manifests."""
    unread = pending = 0
    oldest = offset.started_at
    for manifest in stream.back_from(position.head):
        oldest = manifest.previous.total
        if not wanted.touches(manifest):
            unread += manifest.events
        elif manifest.number >= offset.segment:
            pending += manifest.events - (offset.index if manifest.number == offset.segment else 0)
    outside = offset.counts.outside + unread
    # Of segments that were removed meanwhile, nobody can tell any more how many events lay outside.
    removed = oldest != offset.started_at
    found = outside + offset.counts.in_range + pending
    return Replayed(
        stream=str(stream),
        destination=destination,
        kept=found if removed else position.head.total - offset.started_at,
        outside=outside,
        counts=offset.counts,
        pending=pending,
    )


def replay_table(accounts: Iterable[Replayed]) -> str:
    """Return the accounts of a replay as a text table."""
    titles = ("in range", "delivered", "already there", "too old", "dead-lettered", "filtered", "outside")
    rows: list[Sequence[str]] = [["stream", "destination", *titles]]
    for each in accounts:
        counts = each.counts
        numbers = (
            counts.in_range + each.pending,
            counts.delivered,
            counts.already_there,
            counts.too_old,
            counts.dead_lettered,
            counts.filtered,
            each.outside,
        )
        rows.append([each.stream, each.destination, *(f"{number:,}" for number in numbers)])
    return aligned(rows)


def _segments(
    stream: Stream, position: Position, first: int, last: int, wanted: TimeRange
) -> Iterator[tuple[int, Sequence[Event]]]:
    """Yield ``(number, events)`` from ``first`` to ``last``; segments outside the range are empty, and not read."""
    for manifest in stream.manifests(position.head, first):
        if manifest.number > last:
            return
        yield manifest.number, stream.events(manifest) if wanted.touches(manifest) else ()
