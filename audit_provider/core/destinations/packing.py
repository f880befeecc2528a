"""From events to batches that a destination can take, in order, and never more than one batch at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_provider.core.destinations.base import Batch, DeadLetter, Item
from audit_provider.core.errors import SpoolDamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import Destination, Limits
    from audit_provider.core.model import Event

Place = tuple[int, int]
"""Segment and index of the next event."""


@dataclass(slots=True)
class Lot:
    """A run of events: those that travel as one batch, and those among them that cannot travel.

    :ivar entries: every event of the run, in order. :ivar after: where the next lot begins.
    """

    entries: list[Item | DeadLetter] = field(default_factory=list)
    after: Place = (0, 0)
    size: int = 0

    @property
    def batch(self) -> Batch:
        """What is to be sent."""
        return Batch(tuple(each for each in self.entries if isinstance(each, Item)))


def lots(
    destination: Destination,
    segments: Iterable[tuple[int, Sequence[Event]]],
    first: Place,
    *,
    restamp: bool,
    now: Callable[[], datetime],
) -> Iterator[Lot]:
    """Yield lots from ``first`` on. Events are encoded when their lot is built, so their age is judged then.

    :param segments: number and all events of each segment, ascending, from the one of ``first``.
    :param restamp: an event over the destination's age limit travels under its arrival time; else it is set aside.
    :raises SpoolDamagedError: a segment is missing, or is shorter than the offset says.
    """
    limits = destination.limits
    lot = Lot()
    expected = first[0]
    for number, events in segments:
        if number != expected or (number == first[0] and first[1] > len(events)):
            raise SpoolDamagedError(
                f"segment {expected} was to be shipped next, but {number} of {len(events)} events came."
            )
        expected = number + 1
        for index in range(first[1] if number == first[0] else 0, len(events)):
            entry = _entry(destination, limits, events[index], number, index, restamp=restamp, now=now)
            # What is set aside waits in memory too, until the lot is settled.
            size = (len(entry.encoded) if isinstance(entry, Item) else len(entry.item.event.raw)) + limits.separator
            full = len(lot.entries) >= limits.events or lot.size + size + limits.framing > limits.batch_bytes
            if lot.entries and full:
                lot.after = (number, index)
                yield lot
                lot = Lot()
            lot.entries.append(entry)
            lot.size += size
        lot.after = (number + 1, 0)
        if limits.whole_segments and lot.entries:
            yield lot
            lot = Lot()
    if lot.entries:
        yield lot


def _entry(
    destination: Destination,
    limits: Limits,
    event: Event,
    segment: int,
    index: int,
    *,
    restamp: bool,
    now: Callable[[], datetime],
) -> Item | DeadLetter:
    old = limits.max_age is not None and event.time < now() - limits.max_age
    if old and not restamp:
        item = Item(event, b"", segment, index)
        return DeadLetter(item, f"older than the {limits.max_age} that the destination accepts", too_old=True)
    try:
        encoded = destination.encode(event, restamp=old)
    except (ValueError, TypeError, KeyError, UnicodeError) as error:
        return DeadLetter(Item(event, b"", segment, index), f"cannot be encoded: {type(error).__name__}: {error}")
    if len(encoded) > limits.event_bytes:
        reason = f"its {len(encoded):,} bytes are more than the {limits.event_bytes:,} that the destination takes"
        return DeadLetter(Item(event, b"", segment, index), reason)
    return Item(event, encoded, segment, index, restamped=old)
