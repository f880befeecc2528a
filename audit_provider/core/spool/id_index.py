"""An index of a chain's segments: which ids each segment holds, and the times of its events.

A live stream that is read every five minutes has a hundred thousand segments a year. A search that opens every manifest
would take minutes, and one request per manifest if the spool is a bucket. So the report writes what a search needs to
know about up to :data:`FULL` segments into one file, beside the files of the tree::

    <pipeline>/tree/<stream>/<chain>/ids/<first segment>-<last segment>-<digest>.ids

A file has a line of JSON about all of its segments, a line with one row per segment, and a hash of four bytes per id.
Different ids may have the same hash, so what is found here is then looked up in the manifest.

**An index saves time and hides nothing.** The ledger has the SHA-256 of the last file, and each file has that of the
file before, so an index is proven as well as the chain itself. If a file is missing or is not what was written, or the
chain now has other segments than the index, the search reads the manifests.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, islice
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.spool.manifests import Outline
from audit_provider.core.spool.segment import Head
from audit_provider.core.text.state_version import STATE_VERSION

if TYPE_CHECKING:
    from audit_provider.core.spool.segment import Manifest
    from audit_provider.core.spool.store import Store
    from audit_provider.core.spool.stream import Stream

STEP = 64
"""Segments after which the index grows: it is then written rarely, and a search reads few manifests besides."""

FULL = 1024
FULL_BYTES = 4 * 1024**2
"""Segments, or bytes of ids, after which a file is full and the next one begins."""

HASH_BYTES = 4
_AT_ONCE = 8
_MADE_BYTES = 33
_HEX = frozenset("0123456789abcdef")
_NAME = re.compile(r"([0-9]{12})-([0-9]{12})-([0-9a-f]{16})\.ids")


@dataclass(frozen=True, slots=True)
class IndexHead:
    """How far an index reaches. ``IndexHead()`` means that the chain has no index.

    :ivar first: number of the first segment in the last file. :ivar last: of its last segment, and :ivar digest: of
        that segment's manifest. :ivar sha256: of the file.
    """

    first: int = 0
    last: int = 0
    digest: str = ""
    sha256: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.first:012d}-{self.last:012d}-{self.sha256[:16]}.ids"


class _Front(msgspec.Struct, frozen=True):
    """The content of the first line.

    :ivar previous: head before the first segment. :ivar before: the file before this one.
    :ivar first_time: smallest, and :ivar last_time: and :ivar written_at: largest of all segments.
    """

    previous: Head
    before: IndexHead
    first_time: datetime
    last_time: datetime
    written_at: datetime
    version: int = STATE_VERSION


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """One segment. :ivar digest: of its manifest. :ivar total: events of the chain up to and including this segment.

    :ivar ids: how many hashes it has.
    """

    digest: str
    total: int
    first_time: datetime
    last_time: datetime
    written_at: datetime
    ids: int


Span = Callable[[datetime, datetime, datetime], bool]
"""Returns whether segments may match a search, given the earliest and latest event time and the time of writing."""


class IdIndex:
    """The index of one chain.

    :param store: of the spool. :param folder: of the stream in it, such as ``slack/live``.
    """

    def __init__(self, store: Store, folder: str, chain: str) -> None:
        self._store = store
        pipeline, _, stream = folder.partition("/")
        self._folder = f"{pipeline}/tree/{stream}/{chain or 'unnamed'}/ids/"

    def search(self, index: IndexHead, oldest: int, span: Span, name: str = "") -> list[Outline] | None:
        """Return the outlines of the indexed segments that may match a search, the newest first.

        :param index: as the ledger has it. :param oldest: number of the oldest segment that is kept.
        :param name: an id; "" to search by times alone.
        :return: None if the index cannot be used, so that the manifests have to be read.
        :raises UnavailableError: the spool cannot be read.
        """
        needle = _hash(name) if name else None
        names = [each for each in self._names() if _numbers(each)[1] >= oldest]
        found: dict[str, tuple[_Front, list[Outline]]] = {}

        def some(name: str) -> tuple[str, _Front, list[Outline]] | None:
            try:
                sha256, content = self._content(name)
                front, rows, hashes = _parts(content)
                if not span(front.first_time, front.last_time, front.written_at):
                    return sha256, front, []
                held = range(len(rows)) if needle is None else _places(rows, hashes, needle)
                return sha256, front, _outlines(front, rows, span, held)
            except (SpoolDamagedError, IndexError, TypeError, *UNREADABLE):
                # Somebody who can write to the spool can give any content a matching name, so it may be anything.
                return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            waiting = iter(names)
            # A file is large and its outlines are small, so only a few files are read ahead.
            running = deque(pool.submit(some, each) for each in islice(waiting, 2 * _AT_ONCE))
            while running:
                if read := running.popleft().result():
                    found[read[0]] = read[1:]
                running.extend(pool.submit(some, each) for each in islice(waiting, 1))
        outlines: list[Outline] = []
        while index.last >= max(oldest, 1):
            if index.sha256 not in found:
                return None
            front, own = found[index.sha256]
            outlines += [each for each in own if each.head.number >= oldest]
            if front.previous.number < max(oldest, 1):
                break
            if (front.previous.number, front.previous.digest) != (front.before.last, front.before.digest):
                return None
            index = front.before
        return outlines

    def grow(
        self, stream: Stream, head: Head, index: IndexHead, *, over: Callable[[], bool] = lambda: False
    ) -> Iterator[IndexHead]:
        """Let an index grow up to a head. Each time a file is durable, yield how far the index reaches, to be recorded.

        If the index does not match the chain, or a file of it is missing or damaged, it is made anew. Files are large,
        so each run checks the content of only one of the older files.

        :param head: proven by the ledger. :param over: returns whether the time is up; the next run continues.
        :raises SpoolDamagedError: a manifest is missing or is not what was written.
        """
        oldest = max(stream.oldest(), 1)
        if head.number - max(index.last, oldest - 1) < STEP:
            return
        block = self._last(stream, head, index, oldest)
        while block.last < head.number:
            block.add(_some(stream, head, block.last + 1, min(block.last + STEP, head.number)))
            if not block.is_full and block.last < head.number and not over():
                continue
            content = block.content()
            index = IndexHead(block.first, block.last, block.digest, hashlib.sha256(content).hexdigest())
            self._store.put(self._folder + index.name, content)
            yield index
            self._remove(index, oldest)
            if over():
                return
            if block.is_full:
                block = _Block(Head(index.last, index.digest, block.total), index)

    def _last(self, stream: Stream, head: Head, index: IndexHead, oldest: int) -> _Block:
        """Return the file with which to continue: the last one, a new one after it, or one for the oldest segment."""
        names = [each for each in self._names() if _numbers(each)[1] >= oldest]
        walk = stream.walk(head)
        is_kept = oldest <= index.last <= head.number and self._is_whole(names, index, oldest)
        others = [each for each in names if each != index.name]
        # Choosing by a digest is as good as random: in time each file is checked, and nothing needs to be recorded.
        chosen = others[int(index.sha256[:8], 16) % len(others)] if others else index.name
        is_kept = is_kept and self._is_undamaged(chosen)
        if is_kept and walk.to(index.last).head.digest == index.digest and (block := self._read(index)):
            return _Block(Head(index.last, index.digest, block.total), index) if block.is_full else block
        return _Block(walk.to(oldest).manifest.previous, IndexHead())

    def _read(self, index: IndexHead) -> _Block | None:
        try:
            sha256, content = self._content(index.name)
            return _Block.of(content) if sha256 == index.sha256 else None
        except (SpoolDamagedError, *UNREADABLE):
            return None

    def _is_whole(self, names: Sequence[str], index: IndexHead, oldest: int) -> bool:
        """Return whether the names of the files cover all kept segments."""
        ends = dict(map(_numbers, names))
        ends[index.first] = index.last
        begin = min(ends)
        if begin > oldest:
            return False
        while begin in ends and ends[begin] < index.last:
            begin = ends[begin] + 1
        return begin == index.first and index.name in names

    def _is_undamaged(self, name: str) -> bool:
        try:
            self._content(name)
        except SpoolDamagedError:
            return False
        return True

    def _content(self, name: str) -> tuple[str, bytes]:
        """Return the SHA-256 and the content of a file.

        :raises SpoolDamagedError: it is missing, or is not what was written under this name.
        """
        content = self._store.get(self._folder + name)
        sha256 = hashlib.sha256(content).hexdigest()
        match = _NAME.fullmatch(name)
        if match is None or not sha256.startswith(match[3]):
            raise SpoolDamagedError(f"{self._folder}{name} is not what was written.")
        return sha256, content

    def _remove(self, index: IndexHead, oldest: int) -> None:
        """Remove files that newer ones have replaced, and those of segments that retention has removed."""
        for name in self._names():
            first, last = _numbers(name)
            if name != index.name and (last < oldest or first >= index.first or last >= index.first):
                self._store.delete(self._folder + name)

    def _names(self) -> list[str]:
        found = [each for each in self._store.names(self._folder) if _NAME.fullmatch(each)]
        return [each for each in found if _numbers(each)[0] <= _numbers(each)[1]]


@dataclass
class _Block:
    """A file being built. :ivar previous: the head before its first segment. :ivar before: the file before it."""

    previous: Head
    before: IndexHead
    rows: list[_Row] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, content: bytes) -> _Block:
        front, rows, hashes = _parts(content)
        return cls(front.previous, front.before, rows, [hashes])

    @property
    def first(self) -> int:
        return self.previous.number + 1

    @property
    def last(self) -> int:
        return self.previous.number + len(self.rows)

    @property
    def digest(self) -> str:
        return self.rows[-1].digest if self.rows else self.previous.digest

    @property
    def total(self) -> int:
        return self.rows[-1].total if self.rows else self.previous.total

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= FULL or sum(map(len, self.hashes)) >= FULL_BYTES

    def add(self, some: Sequence[tuple[_Row, bytes]]) -> None:
        for row, hashes in some:
            self.rows.append(row)
            self.hashes.append(hashes)

    def content(self) -> bytes:
        front = _Front(
            self.previous,
            self.before,
            min(each.first_time for each in self.rows),
            max(each.last_time for each in self.rows),
            max(each.written_at for each in self.rows),
        )
        return b"\n".join([msgspec.json.encode(front), msgspec.json.encode(self.rows), b"".join(self.hashes)])


def _some(stream: Stream, head: Head, first: int, last: int) -> list[tuple[_Row, bytes]]:
    """Return the rows of some segments, each with the hashes of its ids, in order."""
    each = stream.walk(head).to(last).head
    found = []
    while each.number >= first:
        manifest = stream.manifest(each)
        hashes = b"".join(hashes_of(manifest))
        times = manifest.first_time, manifest.last_time, manifest.written_at
        found.append((_Row(each.digest, manifest.total, *times, len(hashes) // HASH_BYTES), hashes))
        each = manifest.previous
    return found[::-1]


def hashes_of(manifest: Manifest) -> list[bytes]:
    """Return the hash of each id of a segment, and of each vendor's id from which such an id was made."""
    made = {front for front in map(_front_of, manifest.ids) if front}
    return [_hash(each) for each in (*manifest.ids, *sorted(made))]


def _front_of(name: str) -> str:
    """Return the vendor's id in a name ``<id>-<digest>``, see ``known``; "" if the name has another form."""
    is_made = len(name) > _MADE_BYTES and name[-_MADE_BYTES] == "-" and _HEX.issuperset(name[1 - _MADE_BYTES :])
    return name[:-_MADE_BYTES] if is_made else ""


def _hash(name: str) -> bytes:
    return crc32(name.encode()).to_bytes(HASH_BYTES, "big")


def _numbers(name: str) -> tuple[int, int]:
    first, last, _ = name.split("-")
    return int(first), int(last)


def _parts(content: bytes) -> tuple[_Front, list[_Row], bytes]:
    """Return the parts of a file.

    :raises SpoolDamagedError: it is not an index, or is from a newer version.
    """
    front, _, rest = content.partition(b"\n")
    rows, _, hashes = rest.partition(b"\n")
    found = _fronts.decode(front)
    if found.version > STATE_VERSION:
        raise SpoolDamagedError("the index is one of a newer version.")
    return found, _rows.decode(rows), hashes


def _places(rows: Sequence[_Row], hashes: bytes, needle: bytes) -> list[int]:
    """Return the places of the segments that have a hash, in order."""
    found: dict[int, None] = {}
    ends: list[int] = []
    place = hashes.find(needle)
    while place >= 0:
        if place % HASH_BYTES == 0:
            ends = ends or list(accumulate(each.ids for each in rows))
            found[bisect_right(ends, place // HASH_BYTES)] = None
        place = hashes.find(needle, place + 1)
    return list(found)


def _outlines(front: _Front, rows: Sequence[_Row], span: Span, places: Sequence[int]) -> list[Outline]:
    """Return the outlines of segments, the newest first. :param places: of those that may match."""
    found = []
    for place in reversed(places):
        row = rows[place]
        if not span(row.first_time, row.last_time, row.written_at):
            continue
        number = front.previous.number + place + 1
        before = Head(number - 1, rows[place - 1].digest, rows[place - 1].total) if place else front.previous
        head = Head(number, row.digest, row.total)
        found.append(Outline(head.name, head, before, row.first_time, row.last_time, row.written_at, holds=True))
    return found


_fronts = msgspec.json.Decoder(_Front)
_rows = msgspec.json.Decoder(list[_Row])
