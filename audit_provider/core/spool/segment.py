"""A segment: some thousands of events in one compressed file, and the manifest that proves them."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import Event
from audit_provider.core.text.state_version import STATE_VERSION, refuse_newer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GZIP = 31  # zlib's window bits for a gzip wrapper
LEVEL = 1
DIGEST_SHOWN = 16
MOST_BYTES = 1024**3
"""Most decompressed bytes of one file of the spool. Files are written with some megabytes plus one page at most."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last committed segment of a stream. ``Head()`` is the head of a stream without segments.

    :ivar digest: SHA-256 of its manifest, which holds the digest of the one before, so that they form a chain.
    :ivar total: events in the stream up to and including this segment.
    """

    number: int = 0
    digest: str = ""
    total: int = 0

    @property
    def name(self) -> str:
        """The file name of the manifest. It has a digest of the content, so two writers never overwrite each other."""
        return f"{self.number:012d}-{self.digest[:DIGEST_SHOWN]}.manifest.json.gz"


Earlier = tuple[tuple[int, str], ...]
"""Segments further back than the one before, in ascending order: the number of each, and the digest of its manifest."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a segment holds.

    :ivar previous: the head before it. :ivar data: file name of the events. :ivar sha256: of that file.
    :ivar first_time: smallest and :ivar last_time: largest event time.
    :ivar ids: of every event, in order; duplicates are recognised by them.
    :ivar version: of the record, see ``state_version``.
    :ivar earlier: segments further back, see :mod:`~audit_provider.core.spool.manifests`; empty if an earlier version
        wrote the manifest.
    """

    number: int
    previous: Head
    data: str
    sha256: str
    bytes: int
    raw_bytes: int
    events: int
    first_time: datetime
    last_time: datetime
    written_at: datetime
    ids: tuple[str, ...]
    version: int = 1
    earlier: Earlier = ()

    @property
    def total(self) -> int:
        """Events in the stream up to and including this segment."""
        return self.previous.total + self.events

    def without_ids(self) -> Manifest:
        """Return the manifest without its large parts, so that many can be kept in memory."""
        return replace(self, ids=(), earlier=())


class SegmentWriter:
    """Collects events until a segment is full, and compresses them as they come.

    :param opened_at: aware UTC, for the age of the segment.
    :ivar last_time: the latest event time so far.
    """

    def __init__(self, opened_at: datetime) -> None:
        self.opened_at = opened_at
        self.raw_bytes = 0
        self._compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, GZIP)
        self._parts: list[bytes] = []
        self._held_back = False
        self._ids: list[str] = []
        self._first: datetime | None = None
        self.last_time: datetime | None = None

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, events: Sequence[Event]) -> None:
        """Append events in their order."""
        if not events:
            return
        lines = _encoder.encode_lines(events)
        self.raw_bytes += len(lines)
        self._parts.append(self._compressor.compress(lines))
        self._held_back = True
        self._ids += [event.id for event in events]
        times = [event.time for event in events]
        first, last = min(times), max(times)
        self._first = first if self._first is None else min(self._first, first)
        self.last_time = last if self.last_time is None else max(self.last_time, last)

    def reader(self) -> Callable[[], list[Event]]:
        """Return a function that returns the events added since its last call, and at its first call all of them.

        It decompresses them, so that no page has to stay in memory for it.
        """
        inflater, read = isal_zlib.decompressobj(GZIP), 0

        def added() -> list[Event]:
            nonlocal read
            if self._held_back:
                self._parts.append(self._compressor.flush(isal_zlib.Z_SYNC_FLUSH))
                self._held_back = False
            parts, read = self._parts[read:], len(self._parts)
            return decode_events(b"".join(map(inflater.decompress, parts))) if parts else []

        return added

    def seal(self, previous: Head, written_at: datetime, earlier: Earlier = ()) -> tuple[Manifest, bytes]:
        """Return the manifest and the compressed events. The writer must hold at least one event.

        :param earlier: segments further back that the manifest names.
        """
        if self._first is None or self.last_time is None:
            raise ValueError("an empty segment cannot be sealed")
        data = b"".join([*self._parts, self._compressor.flush()])
        digest = hashlib.sha256(data).hexdigest()
        number = previous.number + 1
        manifest = Manifest(
            number=number,
            previous=previous,
            data=data_name(number, digest),
            sha256=digest,
            bytes=len(data),
            raw_bytes=self.raw_bytes,
            events=len(self._ids),
            first_time=self._first,
            last_time=self.last_time,
            written_at=written_at,
            ids=tuple(self._ids),
            version=STATE_VERSION,
            earlier=earlier,
        )
        return manifest, data


def data_name(number: int, sha256: str) -> str:
    """Return the name of the file of a segment's events. :param sha256: of the file."""
    return f"{number:012d}-{sha256[:DIGEST_SHOWN]}.ndjson.gz"


def pack_manifest(manifest: Manifest) -> tuple[Head, bytes]:
    """Return the head of a manifest, and the content of the manifest's file."""
    text = msgspec.json.encode(manifest)
    head = Head(manifest.number, hashlib.sha256(text).hexdigest(), manifest.total)
    return head, igzip.compress(text, LEVEL, mtime=0)


def unpack_manifest(head: Head, content: bytes) -> Manifest:
    """Return the manifest of ``head``.

    :raises SpoolDamagedError: the file is not the one that was written.
    :raises StopError: it is from a newer version of this package.
    """
    text = _decompress(content, f"the manifest {head.name}")
    if hashlib.sha256(text).hexdigest() != head.digest:
        raise SpoolDamagedError(f"the manifest {head.name} is not what was written (digest differs): restore it.")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except UNREADABLE:
        refuse_newer(text, f"the manifest {head.name}")
        raise
    if manifest.version > STATE_VERSION:
        refuse_newer(text, f"the manifest {head.name}")
    return manifest


def found_manifest(name: str, content: bytes) -> Manifest:
    """Return a manifest whose head is not known. :param name: of the file, with the first digits of its digest.

    :raises SpoolDamagedError: the file is not the one that was written.
    :raises StopError: it is from a newer version of this package.
    """
    text = _decompress(content, f"the manifest {name}")
    head = Head(int(name.partition("-")[0]), hashlib.sha256(text).hexdigest())
    if head.name != name:
        raise SpoolDamagedError(f"the manifest {name} is not what was written (digest differs): restore it.")
    return unpack_manifest(head, content)


def plain_manifest(content: bytes, name: str) -> bytes:
    """Return the text of a manifest's file without checking its digest. :param name: of the file, for messages.

    :raises SpoolDamagedError: it cannot be decompressed.
    """
    return _decompress(content, f"the manifest {name}")


def peek_written_at(content: bytes) -> datetime:
    """Return the time of writing in a manifest without checking its digest; for retention only.

    :raises SpoolDamagedError: the manifest has no such time.
    """
    try:
        return msgspec.json.decode(_decompress(content, "a manifest of the spool"), type=_Written).written_at
    except UNREADABLE:
        raise SpoolDamagedError("a manifest of the spool does not say when it was written: restore it.") from None


def unpack_events(manifest: Manifest, content: bytes) -> list[Event]:
    """Return a segment's events.

    :raises SpoolDamagedError: the file is not the one that was written.
    """
    events = decode_events(unpack_lines(manifest, content))
    if len(events) != manifest.events:
        raise SpoolDamagedError(f"the segment {manifest.data} holds {len(events)} of {manifest.events} events.")
    return events


def unpack_lines(manifest: Manifest, content: bytes) -> bytes:
    """Return the lines of a segment's events.

    :raises SpoolDamagedError: the file is not the one that was written.
    """
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise SpoolDamagedError(f"the segment {manifest.data} is not what was written (digest differs): restore it.")
    return _inflated(manifest, content)


def decode_events(lines: bytes) -> list[Event]:
    """Return the events of some lines.

    The more calls are on the stack, the less deeply a record may be nested. A record that the pull could write may be
    too deep for a task with more calls on its stack, so it is then decoded on the new stack of a thread.
    """
    try:
        return _decoder.decode_lines(lines)
    except RecursionError:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_decoder.decode_lines, lines).result()


def line_of(event: Event) -> bytes:
    """Return the line of an event in its segment, byte for byte, without the line break."""
    return _encoder.encode(event)


def digest_of_line(event: Event) -> str:
    """Return the SHA-256 of the line of an event."""
    return hashlib.sha256(line_of(event)).hexdigest()


class _Written(msgspec.Struct):
    written_at: datetime


def _inflated(manifest: Manifest, content: bytes) -> bytes:
    """Return a segment's lines. The manifest proves their number of bytes, so memory is allocated only once."""
    if manifest.raw_bytes > MOST_BYTES:
        return _decompress(content, f"the segment {manifest.data}")
    try:
        plain: bytes = isal_zlib.decompress(content, GZIP, manifest.raw_bytes + 1)
    except IsalError as error:  # type: ignore[misc]
        raise SpoolDamagedError(f"the segment {manifest.data} cannot be decompressed ({error}): restore it.") from None
    return plain


def _decompress(content: bytes, what: str) -> bytes:
    opened = isal_zlib.decompressobj(GZIP)
    try:
        plain: bytes = opened.decompress(content, MOST_BYTES)
    except IsalError as error:  # type: ignore[misc]
        raise SpoolDamagedError(f"{what} cannot be decompressed ({error}): restore it.") from None
    if not opened.eof:
        wrong = f"holds more than {MOST_BYTES:,} bytes" if len(plain) >= MOST_BYTES else "is cut"
        raise SpoolDamagedError(f"{what} cannot be decompressed (it {wrong}): restore it.")
    return plain


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)
