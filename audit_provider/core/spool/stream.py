"""A stream: the append-only chain of segments of one reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import UTC, back_by
from audit_provider.core.spool.manifests import Walk, chained, named_after, newest_head, outlines_of
from audit_provider.core.spool.segment import (
    Head,
    Manifest,
    SegmentWriter,
    found_manifest,
    pack_manifest,
    peek_written_at,
    unpack_events,
    unpack_lines,
    unpack_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from audit_provider.core.model import Event, Window
    from audit_provider.core.spool.manifests import Look, Outline, Reached
    from audit_provider.core.spool.segment import Earlier
    from audit_provider.core.spool.store import Store

CLOCK_SKEW = timedelta(hours=1)
_SET_BACK = timedelta(days=2)
"""A time at most this far in the future is believed: the clock was set back, or the time comes soon enough."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_WRONG_ZONE = timedelta(days=1)
"""An event this far in the future proves nothing about a clock: the vendor's clock or time zone may be wrong."""

OLDEST = "oldest.json"
PRUNED = "pruned.json"

SHORTEST = timedelta(days=1)
"""Segments younger than this are kept whatever ``retention_days`` is."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Which segments of a stream retention has removed.

    :ivar oldest: Number of the first segment that is kept in ``chain``.
    """

    chain: str
    oldest: int


class Stream:
    """The segments of one reader, from the oldest kept to a head that the caller keeps.

    A segment that is not part of the chain of a head does not exist for readers. So a crash between writing a segment
    and recording its head costs only the space.

    :param store: where objects are kept. :param name: ``<pipeline>/<stream>``.
    :param chain: name of the chain, which is a subfolder. Each new position begins a new chain, so if a position is
        deleted and reading starts over, the old segments are not in the way.
    """

    def __init__(self, store: Store, name: str, chain: str = "") -> None:
        self._store = store
        self._name = name
        self._folder = f"{name}/{chain}" if chain else name
        self._written: tuple[Head, datetime, Earlier] | None = None
        self._walk: Walk | None = None

    def __str__(self) -> str:
        return self._name

    @property
    def folder(self) -> str:
        """The folder of the chain in the spool."""
        return self._folder

    def append(self, segment: SegmentWriter, head: Head, written_at: datetime) -> Head:
        """Write a segment after ``head``, durably, and return the new head, which the caller commits.

        :param written_at: now. If the clock was set back, the segment gets the time of the one before it, because
            :meth:`ids_since` stops at the first segment that is too old. If the clock was ahead before and is right
            again, the segment gets its own time.
        """
        if self._written is None or self._written[0] != head:
            last = next(self.back_from(head), None)
            self._written = (head, last.written_at, named_after(last)) if last else None
        if self._written and written_at < self._written[1]:
            written_at = self._written[1] if self._is_set_back(head, written_at) else written_at
        manifest, data = segment.seal(head, written_at, self._written[2] if self._written else ())
        new_head, content = pack_manifest(manifest)
        self._store.put(self._key(manifest.data), data)
        self._store.put(self._key(new_head.name), content)
        self._written = new_head, written_at, named_after(manifest)
        return new_head

    def _is_set_back(self, head: Head, now: datetime) -> bool:
        """Return whether the clock was set back, given that ``head`` has a later time than ``now``.

        Otherwise, the clock was ahead when ``head`` was written. Events decide this: no event is spooled before it
        happens. If segments with a later time than now hold events that are also later than now, then the present clock
        is wrong.
        """
        for manifest in self.back_from(head):
            if manifest.written_at <= now:
                break
            proven = now + _WRONG_ZONE < manifest.last_time <= manifest.written_at
            if proven or manifest.written_at - now <= _SET_BACK:
                return True
        return False

    def manifest(self, head: Head) -> Manifest:
        """Return the manifest of ``head``, proven to be what was written."""
        return unpack_manifest(head, self._store.get(self._key(head.name)))

    def events(self, manifest: Manifest) -> list[Event]:
        """Return a segment's events, proven to be what was written."""
        return unpack_events(manifest, self._store.get(self._key(manifest.data)))

    def lines(self, manifest: Manifest) -> bytes:
        """Return the lines of a segment's events, proven to be what was written."""
        return unpack_lines(manifest, self._store.get(self._key(manifest.data)))

    def back_from(self, head: Head) -> Iterator[Manifest]:
        """Yield the manifests from ``head`` back to the oldest kept segment."""
        oldest = self.oldest()
        while head.number >= max(oldest, 1):
            manifest = self.manifest(head)
            yield manifest
            head = manifest.previous

    def walk(self, head: Head) -> Walk:
        """Return a walk through the chain of ``head``; the same one as long as the head is the same."""
        if self._walk is None or self._walk.head != head:
            self._walk = Walk(self.manifest, head)
        return self._walk

    def of_chain(self, chain: str) -> Stream:
        """Return another chain of the same stream, such as the one before its position was deleted."""
        return Stream(self._store, self._name, chain)

    def found_manifests(self, last: int) -> Iterator[Manifest]:
        """Yield the manifests up to segment ``last``, the newest first, if the head of their chain is not known.

        They include manifests that a late writer has replaced.

        :raises SpoolDamagedError: the content of one does not match its name.
        """
        for number, keys in sorted(self._files_by_number().items(), reverse=True):
            for key in keys if number <= last else ():
                if key.endswith(".manifest.json.gz"):
                    yield found_manifest(key.rpartition("/")[2], self._store.get(key))

    def outlines(self, head: Head | None, look: Look, after: int = 0) -> list[Outline]:
        """Return the outlines of all kept segments of a chain, the newest first.

        :param head: proven by the ledger; None if no record names the chain, so that its newest manifest is the head.
        :param look: called with the text of each manifest, by several threads.
        :param after: only segments with a greater number than this.
        :raises SpoolDamagedError: a manifest is missing or is not what was written.
        """
        files = self._files_by_number(after)
        names = [
            key.rpartition("/")[2]
            for number in sorted(files, reverse=True)
            for key in files[number]
            if key.endswith(".manifest.json.gz") and (head is None or number <= head.number)
        ]
        found = list(outlines_of(names, lambda name: self._store.get(self._key(name)), look))
        return chained(found, newest_head(found) if head is None else head, max(self.oldest(), after + 1))

    def read(self, head: Head, first: int) -> Iterator[tuple[int, Sequence[Event]]]:
        """Yield ``(number, events)`` of the segments ``first`` to ``head``, each proven when its turn comes.

        :raises SpoolDamagedError: one is missing or not what was written, or ``first`` is no longer kept.
        """
        for manifest in self.manifests(head, first):
            yield manifest.number, self.events(manifest)

    def manifests(self, head: Head, first: int) -> Iterator[Manifest]:
        """Yield the manifests of the segments ``first`` to ``head``, without ids, each proven when its turn comes.

        :raises SpoolDamagedError: one is missing or not what was written, or ``first`` is no longer kept.
        """
        if first < (oldest := self.oldest()):
            raise SpoolDamagedError(
                f"the spool's stream {self._folder} begins with segment {oldest}, but segment {first} was asked "
                f"for: it was removed, or the delivery offset is older than the spool."
            )
        for reached in self.reached(head, first):
            yield reached.manifest

    def reached(self, head: Head, first: int) -> Iterator[Reached]:
        """Yield the segments ``first`` to ``head`` with their heads, each proven when its turn comes.

        :raises SpoolDamagedError: one is missing or not what was written.
        """
        return Walk(self.manifest, head).upwards(first)

    def ids_since(self, head: Head, since: datetime) -> Iterator[Sequence[str]]:
        """Yield the ids of all kept events that were spooled at or after ``since``.

        An event is never spooled before it happens, so these include all events that happened since then. An hour is
        allowed for clocks that differ; the position remembers events with times further in the future.
        """
        floor = back_by(since, CLOCK_SKEW)
        for manifest in self.back_from(head):
            if manifest.written_at < floor:
                return
            yield manifest.ids
            head = manifest.previous

    def ids_within(self, head: Head, window: Window) -> Iterator[Sequence[str]]:
        """Yield the ids of all kept events of a window; only segments that are partly in the window are read."""
        floor = back_by(window.start, CLOCK_SKEW)
        for manifest in self.back_from(head):
            if manifest.written_at < floor:
                return
            if manifest.first_time >= window.end or manifest.last_time < window.start:
                continue
            if manifest.first_time >= window.start and manifest.last_time < window.end:
                yield manifest.ids
            else:
                yield [event.id for event in self.events(manifest) if event.time in window]

    def oldest(self) -> int:
        """Return the number of the oldest kept segment; 1 if none was ever removed."""
        try:
            content = self._store.get(self._key(OLDEST))
        except SpoolDamagedError:
            return 1
        try:
            number: int = msgspec.json.decode(content, type=int)
        except UNREADABLE:
            raise SpoolDamagedError(
                f"the spool's file {self._key(OLDEST)} does not hold the number of the oldest segment: restore it."
            ) from None
        return number

    def due_for_pruning(self, now: datetime) -> bool:
        """Return whether a day has passed since the last call of :meth:`prune`."""
        try:
            looked = msgspec.json.decode(self._store.get(self._key(PRUNED)), type=datetime)
        except (SpoolDamagedError, *UNREADABLE):
            return True
        return not timedelta(0) <= now - looked < timedelta(days=1)

    def prune(
        self,
        *,
        finished: int,
        written_before: datetime,
        now: datetime,
        together: int = 1,
        needed: datetime | None = None,
        mark: Callable[[int], None] | None = None,
    ) -> int:
        """Remove segments that every destination has finished and that are old enough; return how many.

        :param finished: the number of the last segment that all destinations have finished.
        :param together: segments are removed in groups of this size, counted from the first of the stream.
        :param needed: the next read reaches back to this time, so segments written since then stay, however old they
            are, because repeats are recognised by the id and content of kept events.
        :param mark: called before any segment is removed; keeps the number of the first one that stays, durably.
        """
        if needed:
            written_before = min(written_before, back_by(needed, CLOCK_SKEW))
        oldest = self.oldest()
        files = self._files_by_number()
        keep = oldest
        written: dict[int, datetime] = {}
        for number in sorted(files):
            if number > finished or self._written_by(number, files, now, written) >= written_before:
                break
            keep = number + 1
        keep = max(keep - (keep - 1) % together, oldest)
        if mark:
            mark(keep)
        if keep > oldest:
            # The mark is written first: a crash in between leaves files that nobody reads, but none is missing.
            self._store.put(self._key(OLDEST), msgspec.json.encode(keep))
        for number, keys in files.items():
            # A segment below the mark, but after an older head, was not shipped yet.
            if number < keep and number <= finished:
                for key in keys:
                    self._store.delete(key)
        self._store.put(self._key(PRUNED), msgspec.json.encode(now))
        return keep - oldest

    def _written_by(
        self, number: int, files: Mapping[int, Sequence[str]], now: datetime, known: dict[int, datetime]
    ) -> datetime:
        """Return the latest time at which a segment may have been written.

        If its time is in the future, a clock was ahead; then the time of the next segment limits it.

        :param files: by number of their segment. :param known: results of earlier calls; it is added to.
        """
        met: list[int] = []
        while number in files and number not in known:
            manifests = (key for key in files[number] if key.endswith(".manifest.json.gz"))
            known[number] = max((peek_written_at(self._store.get(key)) for key in manifests), default=_NEVER)
            met.append(number)
            if known[number] <= now:
                break
            number += 1
        latest = known.get(number, now)
        known.update(dict.fromkeys(met, latest))
        return latest

    def _files_by_number(self, after: int = 0) -> dict[int, list[str]]:
        files: dict[int, list[str]] = {}
        for name in self._store.names(f"{self._folder}/", f"{after + 1:012d}" if after else ""):
            number = name.partition("-")[0]
            if number.isdigit():
                files.setdefault(int(number), []).append(self._key(name))
        return files

    def put_beside(self, name: str, content: bytes) -> None:
        """Keep an object beside the segments, durably. :param name: with its subfolder of the chain's folder."""
        self._store.put(self._key(name), content)

    def mark_in_pipeline(self, folder: str, name: str) -> None:
        """Keep an empty object as a mark for this chain, durably.

        :param folder: of the pipeline, for marks of all of its streams. :param name: of the mark.
        """
        pipeline, _, stream = self._folder.partition("/")
        self._store.put(f"{pipeline}/{folder}/{stream}/{name}", b"")

    def get_beside(self, name: str) -> bytes:
        """Return an object that :meth:`put_beside` kept.

        :raises SpoolDamagedError: there is none.
        """
        return self._store.get(self._key(name))

    def names_beside(self, folder: str) -> Iterator[str]:
        """Yield the names of the objects kept below a folder, in order. :param folder: ends in ``/``."""
        for key in self._store.keys(self._key(folder)):
            yield key[len(self._folder) + 1 :]

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}"
