"""Recognises events that are served again, by their ids and contents.

An event is a repeat if its id *and* its content are known. The id of each event is looked up. Contents are compared
only if the id is known, and are read from the segment that holds it, so a new event costs nothing more. The contents of
those segments are kept as hashes of eight bytes per event, most of them on disk.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from typing import IO, TYPE_CHECKING

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.model import Event, back_by
from audit_provider.core.records.content import Content, digest_of, paths_that_differ
from audit_provider.core.spool.ids import MOST_IN_MEMORY, RecentIds
from audit_provider.core.spool.segment import Head
from audit_provider.core.spool.stream import CLOCK_SKEW

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from audit_provider.core.spool.segment import Manifest, SegmentWriter
    from audit_provider.core.spool.stream import Stream

MOST_SHOWN = 5
"""Most ids, and most paths, that a message shows of records under a known id."""

_MOST_COMPARED = 3
_SUFFIX = 33
"""Characters that follow the id in a name ``<id>-<digest>``: a hyphen and a digest."""

_UNPLACED = -1


@dataclass(slots=True)
class SameId:
    """Records that came under a known id with different content.

    :ivar count: of those records that were new. :ivar ids: the first of their ids.
    :ivar paths: paths at which the first of them differed from the known record.
    """

    count: int = 0
    ids: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = f"; the first differ at {', '.join(self.paths)}" if self.paths else ""
        return (
            f"{self.count} records came under an id that another record has ({', '.join(self.ids)}"
            f"{', …' if self.count > len(self.ids) else ''}){where}. Each is kept as an event of its own, named "
            f"<id>-<digest>. If they are no events but differ only in a field that changes with every answer, name "
            f"that field under 'volatile' of the source; if the id is not the event's own, correct 'fields.id'."
        )


class _Past:
    """One stream, read from its head backwards, only as far as needed."""

    def __init__(self, stream: Stream, head: Head) -> None:
        self.stream = stream
        self._manifests = stream.back_from(head)
        self._next: Manifest | None = next(self._manifests, None)

    def since(self, floor: datetime) -> Iterator[Manifest]:
        """Yield further manifests, not yielded before, that were written at or after ``floor``."""
        while self._next and self._next.written_at >= floor:
            yield self._next
            self._next = next(self._manifests, None)


class KnownEvents:
    """The events in the spool that the source may serve again.

    :param streams: streams with their heads; the first is the one that is being written. The iterable is consumed at
        the first call of :meth:`recall`.
    :param ahead: ids of events with a time in the future, which the manifests that are read do not contain.
    :param ahead_digests: the digests of their records, if they are known.
    :param volatile: paths that are left out when contents are compared.
    :param tell: called with a line to log. :param most_in_memory: ids, see :class:`RecentIds`.
    :ivar same_id: records that came under a known id.
    """

    def __init__(
        self,
        streams: Iterable[tuple[Stream, Head]],
        *,
        ahead: Iterable[str] = (),
        ahead_digests: Mapping[str, str] | None = None,
        volatile: Sequence[str] = (),
        tell: Callable[[str], None] = lambda _: None,
        most_in_memory: int = MOST_IN_MEMORY,
    ) -> None:
        self.content = Content(volatile)
        self.same_id = SameId()
        self._streams = streams
        self._pasts: list[_Past] = []
        self._tell = tell
        self._ids = RecentIds(most_in_memory)
        self._ids.remember(ahead, _UNPLACED)
        self._ahead_digests = ahead_digests or {}
        # Further segments with an event of an id that a segment read before also has.
        self._elsewhere: dict[str, list[int]] = {}
        # Ids of events that may be known only as <id>-<digest>, because the segment of the first one was not read.
        self._renamed: set[str] = set()
        self._segments: list[tuple[Stream, Manifest | Head] | None] = []
        self._tables = ContentTable()
        self._damaged: set[int] = set()
        self._compared = 0
        self._recalled_since: datetime | None = None

    def recall(self, since: datetime) -> None:
        """Load the ids of the events that were spooled at or after ``since``, minus an hour for clocks that differ."""
        if self._recalled_since is not None and since >= self._recalled_since:
            return
        self._recalled_since = since
        if not self._pasts:
            self._pasts = [_Past(*each) for each in self._streams]
        for past in self._pasts:
            for manifest in past.since(back_by(since, CLOCK_SKEW)):
                self._remember(manifest.ids, len(self._segments))
                self._segments.append((past.stream, manifest.without_ids()))

    def _remember(self, ids: Sequence[str], place: int) -> None:
        known: set[str] = set()
        self._ids.remember(ids, place, known)
        for name in known:
            self._elsewhere.setdefault(name, []).append(place)
        self._renamed.update(name[:-_SUFFIX] for name in ids if name[-_SUFFIX : 1 - _SUFFIX] == "-")

    def open(self, segment: SegmentWriter) -> None:
        """Set the open segment, to which the events admitted from now on belong."""
        self._open = _OpenSegment(segment, self.content)
        self._segments.append(None)
        self._open_place = len(self._segments) - 1

    def sealed(self, stream: Stream, head: Head) -> None:
        """Note that the open segment has been written and has this ``head``."""
        self._segments[self._open_place] = (stream, head)

    def admit(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events that are new, in order, and remember them as part of the open segment.

        An event with a known id and different content is new, and is renamed to ``<id>-<digest>``.
        """
        page = {event.id: event for event in events}
        if repeated := len(page) < len(events):
            page = {event.id: event for event in reversed(events)}
        met = self._ids.add(page.keys(), self._open_place)
        renamed_before = self._renamed.intersection(page) if self._renamed else None
        if not met and not repeated and not renamed_before:
            return events
        same = self._with_equal_bytes(page, met) if met else set()
        if not repeated and len(same) == len(page):
            return ()
        fresh = []
        for event in events:
            first = page[event.id]
            place = met.get(event.id)
            if event is first and (place is None or event.id in same):
                if place is None and not (renamed_before and self._is_renamed(event)):
                    fresh.append(event)
            elif not (self._is_held(event, place) if place is not None else self._says_the_same(event, first)):
                renamed = Event(self._name(event), event.time, event.raw)
                # An event known by such a name has the same content, because the name contains its digest.
                if not self._ids.add((renamed.id,), self._open_place):
                    fresh.append(renamed)
                    self._note(event, place, first)
        return fresh

    def _is_renamed(self, event: Event) -> bool:
        """Return whether an event that is not known by its id is known by the name ``<id>-<digest>``."""
        return event.id in self._renamed and bool(self._ids.add((self._name(event),), self._open_place))

    def _name(self, event: Event) -> str:
        """Return the name of an event whose id another event has."""
        return f"{event.id}-{self.content.digest(event.raw)}"

    def close(self) -> None:
        """Release all memory and files."""
        self._ids.close()
        self._tables.close()

    def _with_equal_bytes(self, page: Mapping[str, Event], met: Mapping[str, int]) -> set[str]:
        """Return those known ids whose events are equal byte for byte."""
        by_place: dict[int, list[str]] = {}
        for name, place in met.items():
            by_place.setdefault(place, []).append(name)
        same: set[str] = set()
        for place, names in by_place.items():
            if place != _UNPLACED:
                same.update(compress(names, self._held(place, [bytes(page[name].raw) for name in names])))
        return same

    def _says_the_same(self, event: Event, other: Event) -> bool:
        return event.raw == other.raw or self.content.canonical(event.raw) == self.content.canonical(other.raw)

    def _is_held(self, event: Event, place: int) -> bool:
        """Return whether an event with this id and this content is known."""
        canonical = self.content.canonical(event.raw)
        digest = digest_of(canonical)
        if event.id.startswith(digest):
            return True  # named by its content
        if place == _UNPLACED:
            # An earlier version did not keep the digest; then the event counts as known.
            return self._ahead_digests.get(event.id, digest) == digest
        if any(all(self._held(each, [canonical], canonical=True)) for each in self._places(event.id, place)):
            return True
        # Another stream may also hold the id, with different content.
        stream = self._stream_of(place)
        others = (other for other in range(len(self._segments)) if self._stream_of(other) is not stream)
        return any(all(self._held(other, [canonical], canonical=True)) for other in others)

    def _places(self, name: str, place: int) -> Iterator[int]:
        """Yield the segments known to hold an event with this id, in the order in which they were read."""
        yield place
        yield from self._elsewhere.get(name, ())

    def _stream_of(self, place: int) -> Stream:
        segment = self._segments[place]
        return segment[0] if segment else self._pasts[0].stream

    def _held(self, place: int, contents: Sequence[bytes], *, canonical: bool = False) -> list[bool]:
        """Return for each content whether an event of a segment has it."""
        if self._segments[place] is None:
            return self._open.held(contents, canonical=canonical)
        name = place, canonical
        if name not in self._tables:
            raws = (bytes(event.raw) for event in self._events(place))
            self._tables.put(name, map(self.content.canonical, raws) if canonical else raws)
        return self._tables.held(name, contents)

    def _events(self, place: int) -> Sequence[Event]:
        """Return the events of a segment; none if it cannot be read, because then nothing proves their content."""
        segment = self._segments[place]
        if segment is None:
            return self._open.events()
        stream, manifest = segment
        try:
            return stream.events(stream.manifest(manifest) if isinstance(manifest, Head) else manifest)
        except SpoolDamagedError as error:
            if place not in self._damaged:
                self._damaged.add(place)
                self._tell(f"{error} What the source serves of it again is kept once more.")
            return ()

    def _note(self, event: Event, place: int | None, first: Event) -> None:
        seen = self.same_id
        seen.count += 1
        if len(seen.ids) < MOST_SHOWN and event.id not in seen.ids:
            seen.ids.append(event.id)
        if self._compared < _MOST_COMPARED and place != _UNPLACED:
            self._compared += 1
            others = (other for other in self._events(place) if other.id == event.id) if place is not None else (first,)
            for other in others:
                for path in paths_that_differ(other.raw, event.raw):
                    if path not in seen.paths and len(seen.paths) < MOST_SHOWN:
                        seen.paths.append(path)


class _OpenSegment:
    """The contents of the events in a segment that is still being written."""

    def __init__(self, segment: SegmentWriter, content: Content) -> None:
        self._segment = segment
        self._content = content
        self._added: dict[bool, Callable[[], list[Event]]] = {}
        self._said: dict[bool, set[int]] = {False: set(), True: set()}

    def held(self, contents: Sequence[bytes], *, canonical: bool) -> list[bool]:
        """Return for each content whether one of its events has it."""
        if canonical not in self._added:
            self._added[canonical] = self._segment.reader()
        said = self._said[canonical]
        raws = (bytes(event.raw) for event in self._added[canonical]())
        said.update(map(hash, map(self._content.canonical, raws) if canonical else raws))
        return [hash(content) in said for content in contents]

    def events(self) -> list[Event]:
        """Return all events of the segment so far."""
        return self._segment.reader()()


_IN_MEMORY = 32


class ContentTable:
    """Determines whether a segment holds an event with a given content.

    A content is represented by Python's own hash of its bytes, SipHash with a random key for each process. So nobody
    can write an event on purpose that is taken for another.
    """

    def __init__(self) -> None:
        self._opened: IO[bytes] | None = None
        self._places: dict[Hashable, tuple[int, int]] = {}
        self._end = 0
        self._numbers = lru_cache(maxsize=_IN_MEMORY)(self._read)

    def __contains__(self, segment: Hashable) -> bool:
        return segment in self._places

    def put(self, segment: Hashable, contents: Iterable[bytes]) -> None:
        """Add the contents of a segment's events. :param segment: any name, used once."""
        numbers = array("q", sorted(map(hash, contents)))
        if self._opened is None:
            self._opened = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the table
        self._opened.write(numbers)
        self._opened.flush()
        self._places[segment] = self._end, len(numbers)
        self._end += len(numbers) * numbers.itemsize

    def held(self, segment: Hashable, contents: Iterable[bytes]) -> list[bool]:
        """Return for each content whether one of the events of a segment has it."""
        numbers = self._numbers(segment)
        last = len(numbers) - 1
        return [
            last >= 0 and numbers[min(bisect_left(numbers, number), last)] == number for number in map(hash, contents)
        ]

    def close(self) -> None:
        """Drop the table."""
        if self._opened:
            self._opened.close()

    def _read(self, segment: Hashable) -> array[int]:
        begin, count = self._places[segment]
        numbers = array("q")
        if self._opened:
            numbers.frombytes(os.pread(self._opened.fileno(), count * numbers.itemsize, begin))
        return numbers
