"""Packs events into batches that a destination accepts, in order, one batch at a time.

If a run has to end, the events that the destination has taken beyond its offset are recorded, and not sent again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from audit_provider.core.destinations.base import Batch, DeadLetter, Filtered, Item, Received
from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import Ahead, Event, Offset, lasting
from audit_provider.core.spool.segment import line_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from audit_provider.core.destinations.base import Destination, Place
    from audit_provider.core.shipping.terms import Terms

_MOST_FILTERED = 100_000
"""Most left-out events in one lot, so that the offset also moves if a filter leaves out nearly everything."""

_AT_ONCE = 64
"""Events that are added to a lot together if they need not be examined one by one."""

SEGMENTS_IN_A_LOT = 4
"""Segments that are joined: numbers 1 to 4, 5 to 8 and so on, because only numbers are the same for every try, range
and filter. Full segments make files of 32 MB."""

Entry = Item | DeadLetter | Filtered | Received | Ahead


@dataclass(slots=True)
class Lot:
    """Consecutive events: those that are sent as one batch, and those between them that cannot or must not be sent.

    :ivar entries: Every event of the run, in order; events that are already delivered are one entry per range.
    :ivar after: Where the next lot begins.
    :ivar size: Bytes of the events that are sent or set aside.
    :ivar count: Number of these events.
    """

    entries: list[Entry] = field(default_factory=list)
    after: Place = (0, 0)
    size: int = 0
    count: int = 0
    _detached: int = 0

    def detach(self) -> None:
        """Release the segments from which the events were read: each event is a view into its whole segment."""
        self.entries[self._detached :] = map(_detached, self.entries[self._detached :])
        self._detached = len(self.entries)

    @property
    def batch(self) -> Batch:
        """The events to send."""
        return Batch(tuple([each for each in self.entries if isinstance(each, Item)]))

    @property
    def bounds(self) -> tuple[Place, Place]:
        """Places of the first and the last event."""
        first, last = (place_of(each) for each in (self.entries[0], self.entries[-1]))
        return first, last


def packed(
    destination: Destination, segments: Iterable[tuple[int, Sequence[Event]]], offset: Offset, terms: Terms
) -> Iterator[Lot]:
    """Yield lots from an offset on. Events are encoded when their lot is built, and their age is determined then.

    :param segments: number and all events of each segment, ascending, from the offset's on.
    :param offset: the destination's offset. Events in its ``ahead`` are not packed. If it ``joins_segments``, a lot may
        span the end of a segment although ``limits.whole_segments`` is set, up to :data:`SEGMENTS_IN_A_LOT`.
    :param terms: how the destination is served.
    :raises SpoolDamagedError: a segment is missing, or is shorter than the offset says.
    """
    limits = destination.limits
    packer = _Packer(destination, terms, {(each.segment, each.index): each for each in offset.ahead})
    first = (offset.segment, offset.index)
    expected = first[0]
    for number, events in segments:
        if number != expected or (number == first[0] and first[1] > len(events)):
            raise SpoolDamagedError(
                f"segment {expected} was to be shipped next, but the spool returned segment {number} with "
                f"{len(events)} events."
            )
        expected = number + 1
        yield from packer.pack(number, events, first[1] if number == first[0] else 0)
        events = ()  # so that they do not stay in memory while the next segment is read
        packer.lot.after = (number + 1, 0)
        ends = not offset.joins_segments or number % SEGMENTS_IN_A_LOT == 0
        if limits.whole_segments and packer.lot.entries and ends:
            yield packer.lot
            packer.lot = Lot()
        packer.lot.detach()
    if packer.lot.entries:
        yield packer.lot


class _Packer:
    """Packs segments, one after the other. :ivar lot: the open one."""

    def __init__(self, destination: Destination, terms: Terms, taken: Mapping[Place, Ahead]) -> None:
        self.lot = Lot()
        self._limits = destination.limits
        self._encode = destination.encode
        self._restamp = terms.restamps
        self._now = terms.now
        self._select = terms.select
        self._within = terms.within
        self._received = terms.received
        self._taken = taken

    def pack(self, number: int, events: Sequence[Event], after: int) -> Iterator[Lot]:
        """Add a segment's events, from a place on, to lots; yield full lots."""
        received = self._received(number, events) if self._received and after < len(events) else ()
        if self._select or self._within or self._taken or received:
            yield from self._pack_some(number, events, after, received)
            return
        while after < len(events):
            some = events[after : after + min(_AT_ONCE, max(self._limits.events - self.lot.count, 1))]
            items = self._items(some, number, after)
            if self._add_all(items):
                after += len(some)
                continue
            for event, item in zip_longest(some, items):
                full = self._add(item or self._entry(event, event, number, after))
                after += 1
                if full:
                    yield full
                    del full  # so that it does not stay in memory while the next lot is sent
                    break  # the items of the next lot are made when that lot is built

    def _pack_some(self, number: int, events: Sequence[Event], after: int, received: Collection[int]) -> Iterator[Lot]:
        """Pack events one by one, because some may be left out, or may already be at the destination."""
        for index in range(after, len(events)):
            if index < after:
                continue
            known = self._taken.get((number, index))
            if known is not None and is_ahead(known, events):
                if self._limits.whole_segments and self.lot.count:  # as it was cut when these were sent
                    yield self._cut((number, index))
                self.lot.entries.append(known)
                after = index + known.count
                continue
            event = events[index]
            outside = self._within is not None and not self._within(event)
            is_there = index in received and not outside
            selected = None if outside or is_there else self._selected(event, number, index)
            if selected is None:
                self.lot.entries.append(Received(number, index) if is_there else Filtered(number, index, outside))
                if len(self.lot.entries) - self.lot.count >= _MOST_FILTERED:
                    yield self._cut((number, index + 1))
                continue
            entry = selected if isinstance(selected, DeadLetter) else self._entry(event, selected, number, index)
            if full := self._add(entry):
                yield full
                del full

    def _selected(self, event: Event, segment: int, index: int) -> Event | DeadLetter | None:
        """Return an event as it may be sent; None if it must not be sent, and a dead letter if that cannot be
        determined.
        """
        if self._select is None:
            return event
        try:
            return self._select(event)
        except (*UNREADABLE, TypeError) as error:
            reason = f"cannot be read for 'only', 'except' or 'redact': {type(error).__name__}: {error}"
            return DeadLetter(Item(event, b"", segment, index), reason)

    def _items(self, events: Sequence[Event], segment: int, first: int) -> list[Item]:
        """Return items of consecutive events from a place on; none if one is too old or cannot be encoded."""
        encode, max_age = self._encode, self._limits.max_age
        if max_age is not None and min([event.time for event in events]) < self._now() - max_age:
            return []
        try:
            return [
                Item(event, encode(event, restamp=False), segment, index) for index, event in enumerate(events, first)
            ]
        except (*UNREADABLE, TypeError, KeyError, OverflowError):
            return []

    def _entry(self, event: Event, parcel: Event, segment: int, index: int) -> Item | DeadLetter:
        """Return the item of an event, or the reason why there is none.

        :param parcel: the part of it that is sent.
        """
        limits = self._limits
        old = limits.max_age is not None and event.time < self._now() - limits.max_age
        if old and limits.max_age is not None and not (self._restamp and limits.restamps):
            unable = ", and it cannot be sent with the current time" if self._restamp else ""
            reason = f"older than {lasting(limits.max_age.total_seconds())}: the destination drops such events{unable}"
            return DeadLetter(Item(event, b"", segment, index), reason, too_old=True)
        try:
            encoded = self._encode(parcel, restamp=old)
        except (*UNREADABLE, TypeError, KeyError, OverflowError) as error:
            return DeadLetter(Item(event, b"", segment, index), f"cannot be encoded: {type(error).__name__}: {error}")
        return Item(event, encoded, segment, index, old)

    def _add_all(self, items: list[Item]) -> bool:
        """Add items to the open lot if there are some, all of them fit, and none is too large by itself."""
        limits, lot = self._limits, self.lot
        if not items:
            return False
        sizes = [len(item.encoded) for item in items]
        size = sum(sizes) + limits.separator * len(items)
        full = lot.count + len(items) > limits.events or lot.size + size > limits.batch_bytes - limits.framing
        if full or max(sizes) > limits.event_bytes:
            return False
        lot.entries += items
        lot.size += size
        lot.count += len(items)
        return True

    def _add(self, entry: Item | DeadLetter) -> Lot | None:
        """Add an entry to the open lot, or to the next one if it does not fit; return the lot that is then full."""
        limits, full = self._limits, None
        if isinstance(entry, Item) and len(entry.encoded) > limits.event_bytes:
            reason = (
                f"its {len(entry.encoded):,} bytes are more than the {limits.event_bytes:,} that the destination "
                "accepts"
            )
            entry = DeadLetter(Item(entry.event, b"", entry.segment, entry.index), reason)
        # Events that are set aside also stay in memory until the lot is settled.
        size = len(entry.encoded) if isinstance(entry, Item) else len(entry.item.event.raw)
        size += limits.separator
        over = self.lot.count >= limits.events or self.lot.size + size > limits.batch_bytes - limits.framing
        if over and self.lot.entries:
            full = self._cut(place_of(entry))
        self.lot.entries.append(entry)
        self.lot.size += size
        self.lot.count += 1
        return full

    def _cut(self, after: Place) -> Lot:
        """Return the open lot, which ends before a place, and begin the next one."""
        full, self.lot = self.lot, Lot()
        full.after = after
        return full


def _detached(entry: Entry) -> Entry:
    """Return an item whose event is no longer a view into its segment."""
    if not isinstance(entry, Item):
        return entry
    event = Event(entry.event.id, entry.event.time, Raw(bytes(entry.event.raw)))
    return Item(event, entry.encoded, entry.segment, entry.index, entry.restamped)


def place_of(entry: Entry) -> Place:
    """Return the place of an entry in the spool, or its beginning."""
    standing = entry.item if isinstance(entry, DeadLetter) else entry
    return standing.segment, standing.index


MOST_AHEAD = 64
"""Most ranges that an offset keeps; events after them are sent again. A batch sent concurrently makes one or two."""


def is_ahead(ahead: Ahead, events: Sequence[Event]) -> bool:
    """Return whether a segment still holds the events that were taken. :param events: all events of the segment."""
    found = events[ahead.index : ahead.index + ahead.count]
    return len(found) == ahead.count and ahead.ids in (_digest(found), _digest_of_ids(found))


def ahead_of(taken: Iterable[tuple[Item, bool] | Ahead]) -> tuple[Ahead, ...]:
    """Return the ranges of taken events, in the order of the spool.

    :param taken: single events, each with whether it was already there, and ranges of earlier runs.
    """
    ranges: list[Ahead] = []
    group: list[tuple[Item, bool]] = []
    for each in taken:
        if group and (isinstance(each, Ahead) or not _follows(group[-1], each)):
            ranges.append(_range(group))
            group = []
        if isinstance(each, Ahead):
            ranges.append(each)
        else:
            group.append(each)
    if group:
        ranges.append(_range(group))
    return tuple(ranges[:MOST_AHEAD])


def _follows(last: tuple[Item, bool], each: tuple[Item, bool]) -> bool:
    (before, was_there), (item, is_there) = last, each
    alike = (before.segment, before.restamped, was_there) == (item.segment, item.restamped, is_there)
    return alike and before.index + 1 == item.index


def _range(group: Sequence[tuple[Item, bool]]) -> Ahead:
    first, is_there = group[0]
    ids = _digest([item.event for item, _ in group])
    return Ahead(first.segment, first.index, len(group), ids, already_there=is_there, restamped=first.restamped)


def _digest(events: Sequence[Event]) -> str:
    # Not of the ids alone: a segment that has replaced theirs may have other content under the same ids.
    return hashlib.sha256(b"\n".join(map(line_of, events))).hexdigest()[:16]


def _digest_of_ids(events: Sequence[Event]) -> str:
    # An earlier version wrote this digest. Without it, an upgrade would send again what was sent ahead of the offset.
    return hashlib.sha256(msgspec.json.encode([event.id for event in events])).hexdigest()[:16]
