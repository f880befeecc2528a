"""From events to batches that a destination can take, in order, and never more than one batch at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Raw

from audit_provider.core.destinations.ahead import is_ahead
from audit_provider.core.destinations.base import Batch, DeadLetter, Filtered, Item
from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import Ahead, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import Destination, Limits, Place

_MOST_FILTERED = 100_000
"""Events left out that one lot remembers, so that a narrow filter over a long spool moves on."""

SEGMENTS_IN_A_LOT = 4
"""Segments that are joined: numbers 1 to 4, 5 to 8 and so on, since nothing else is the same for every try, range and
filter. Full segments make files of 32 MB."""

Entry = Item | DeadLetter | Filtered | Ahead


@dataclass(slots=True)
class Lot:
    """A run of events: those that travel as one batch, and those among them that cannot or must not travel.

    :ivar entries: every event of the run, in order; what is taken already is one entry per range.
    :ivar after: where the next lot begins.
    :ivar size: bytes of those that travel or are set aside, and :ivar count: how many they are.
    """

    entries: list[Entry] = field(default_factory=list)
    after: Place = (0, 0)
    size: int = 0
    count: int = 0
    _detached: int = 0

    def detach(self) -> None:
        """Let go of the segments that the events were read from: each event is a view into the whole of its segment."""
        self.entries[self._detached :] = map(_detached, self.entries[self._detached :])
        self._detached = len(self.entries)

    @property
    def batch(self) -> Batch:
        """What is to be sent."""
        return Batch(tuple([each for each in self.entries if isinstance(each, Item)]))

    @property
    def bounds(self) -> tuple[Place, Place]:
        """Places of the first and the last event."""
        first, last = (place_of(each) for each in (self.entries[0], self.entries[-1]))
        return first, last


def lots(
    destination: Destination,
    segments: Iterable[tuple[int, Sequence[Event]]],
    first: Place,
    *,
    restamp: bool,
    now: Callable[[], datetime],
    select: Callable[[Event], Event | None] | None = None,
    within: Callable[[Event], bool] | None = None,
    ahead: Iterable[Ahead] = (),
    join_segments: bool = False,
) -> Iterator[Lot]:
    """Yield lots from ``first`` on. Events are encoded when their lot is built, so their age is judged then.

    :param segments: number and all events of each segment, ascending, from the one of ``first``.
    :param select: returns an event as it may leave the spool, or None where it may not.
    :param within: whether an event lies in the range that is shipped; None for all.
    :param restamp: an event over the destination's age limit travels under its arrival time where it can; else it is
        set aside.
    :param ahead: what the destination has already, and what is therefore not packed.
    :param join_segments: a lot goes on over the end of a segment where ``limits.whole_segments`` would end it, up to
        :data:`SEGMENTS_IN_A_LOT`.
    :raises SpoolDamagedError: a segment is missing, or is shorter than the offset says.
    """
    limits = destination.limits
    taken = {(each.segment, each.index): each for each in ahead}
    packer = _Packer(limits, _encoder(destination, limits, restamp=restamp, now=now), select, within, taken)
    expected = first[0]
    for number, events in segments:
        if number != expected or (number == first[0] and first[1] > len(events)):
            raise SpoolDamagedError(
                f"segment {expected} was to be shipped next, but {number} of {len(events)} events came."
            )
        expected = number + 1
        yield from packer.pack(number, events, first[1] if number == first[0] else 0)
        events = ()  # or they would stay in memory while the next segment is read
        packer.lot.after = (number + 1, 0)
        ends = not join_segments or number % SEGMENTS_IN_A_LOT == 0
        if limits.whole_segments and packer.lot.entries and ends:
            yield packer.lot
            packer.lot = Lot()
        packer.lot.detach()
    if packer.lot.entries:
        yield packer.lot


@dataclass(slots=True)
class _Packer:
    """Packs segments, one after the other. :ivar lot: the open one."""

    limits: Limits
    entry_of: Callable[[Event, Event, int, int], Item | DeadLetter]
    select: Callable[[Event], Event | None] | None
    within: Callable[[Event], bool] | None
    taken: Mapping[Place, Ahead]
    lot: Lot = field(default_factory=Lot)

    def pack(self, number: int, events: Sequence[Event], after: int) -> Iterator[Lot]:
        """Put a segment's events from a place on into lots; yield those that are full."""
        limits, entry_of, select, within, taken = self.limits, self.entry_of, self.select, self.within, self.taken
        most, room, separator = limits.events, limits.batch_bytes - limits.framing, limits.separator
        lot = self.lot
        for index in range(after, len(events)):
            if index < after:
                continue
            known = taken.get((number, index)) if taken else None
            if known is not None and is_ahead(known, events):
                if limits.whole_segments and lot.count:  # as it was cut when these were sent
                    lot.after = (number, index)
                    yield lot
                    lot = Lot()
                lot.entries.append(known)
                after = index + known.count
                continue
            event = events[index]
            outside = within is not None and not within(event)
            selected = None if outside else event if select is None else _selected(select, event, number, index)
            if selected is None:
                lot.entries.append(Filtered(number, index, outside))
                if len(lot.entries) - lot.count >= _MOST_FILTERED:
                    lot.after = (number, index + 1)
                    yield lot
                    lot = Lot()
                continue
            entry = selected if isinstance(selected, DeadLetter) else entry_of(event, selected, number, index)
            # What is set aside waits in memory too, until the lot is settled.
            size = (len(entry.encoded) if isinstance(entry, Item) else len(entry.item.event.raw)) + separator
            if (lot.count >= most or lot.size + size > room) and lot.entries:
                lot.after = (number, index)
                yield lot
                lot = Lot()
            lot.entries.append(entry)
            lot.size += size
            lot.count += 1
        self.lot = lot


def _detached(entry: Entry) -> Entry:
    """Return an item whose event is no longer a view into its segment."""
    if not isinstance(entry, Item):
        return entry
    event = Event(entry.event.id, entry.event.time, Raw(bytes(entry.event.raw)))
    return Item(event, entry.encoded, entry.segment, entry.index, entry.restamped)


def place_of(entry: Entry) -> Place:
    """Return where an entry stands in the spool, or where it begins."""
    standing = entry.item if isinstance(entry, DeadLetter) else entry
    return standing.segment, standing.index


def _selected(
    select: Callable[[Event], Event | None], event: Event, segment: int, index: int
) -> Event | DeadLetter | None:
    """Return an event as it may leave; None where it may not, and a dead letter where that cannot be told."""
    try:
        return select(event)
    except (*UNREADABLE, TypeError) as error:
        reason = f"cannot be read for 'only', 'except' or 'redact': {type(error).__name__}: {error}"
        return DeadLetter(Item(event, b"", segment, index), reason)


def _encoder(
    destination: Destination, limits: Limits, *, restamp: bool, now: Callable[[], datetime]
) -> Callable[[Event, Event, int, int], Item | DeadLetter]:
    """Return what makes an item of an event: with what is to leave of it, its segment and its index."""
    encode, max_age, most = destination.encode, limits.max_age, limits.event_bytes
    can_travel = restamp and limits.restamps
    unable = ", and it cannot carry a time of arrival" if restamp else ""

    def entry_of(event: Event, parcel: Event, segment: int, index: int) -> Item | DeadLetter:
        old = max_age is not None and event.time < now() - max_age
        if old and not can_travel:
            item = Item(event, b"", segment, index)
            return DeadLetter(item, f"older than the {max_age} that the destination accepts{unable}", too_old=True)
        try:
            encoded = encode(parcel, restamp=old)
        except (*UNREADABLE, TypeError, KeyError, OverflowError) as error:
            return DeadLetter(Item(event, b"", segment, index), f"cannot be encoded: {type(error).__name__}: {error}")
        if len(encoded) > most:
            reason = f"its {len(encoded):,} bytes are more than the {most:,} that the destination takes"
            return DeadLetter(Item(event, b"", segment, index), reason)
        return Item(event, encoded, segment, index, old)

    return entry_of
