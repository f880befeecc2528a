"""Dead letters of a source: records that could not be read, kept beside the segments.

::

    <stream>/<chain>/unreadable/<digest>.json    one file per record, named by the digest of its bytes

These files are never changed, removed or shipped; people list them with ``audit-logs unreadable``.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.ledger.position import reading_began
from audit_provider.core.model import EPOCH, UTC, back_by, midnight
from audit_provider.core.spool.stream import CLOCK_SKEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_provider.core.model import Unreadable, Window
    from audit_provider.core.spool import Stream
    from audit_provider.core.streams.open_stream import OpenStream

FOLDER = "unreadable/"
FILE = re.compile(r"([0-9a-f]{32})\.json")


class UnreadableRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be read, as it is kept.

    :ivar number: its number in the stream, from 1. :ivar found_at: aware UTC.
    :ivar record: the record unchanged, as text, or in base64 if it is not valid UTF-8, see :ivar encoding:.
    :ivar since: the record was made at or after this time, aware UTC; None if an earlier version kept it.
    """

    source: str
    number: int
    reason: str
    found_at: datetime
    record: str
    encoding: Literal["utf-8", "base64"] = "utf-8"
    since: datetime | None = None

    @property
    def content(self) -> bytes:
        """The bytes of the record, unchanged."""
        return self.record.encode() if self.encoding == "utf-8" else base64.b64decode(self.record)


@dataclass(frozen=True, slots=True)
class SetAside:
    """What became of some unreadable records. :ivar known: already set aside before, in this stream or another."""

    new: int = 0
    known: int = 0


class UnreadableRecords:
    """The unreadable records of one chain of segments.

    :param stream: of the chain. :param counted: how many the position counts. If a run died after it kept further
        records, these are set aside again.
    """

    def __init__(self, stream: Stream, counted: int = 0) -> None:
        self._stream = stream
        self._before = counted
        self._counted = counted
        self._kept: set[str] = set()

    def keep(
        self,
        found: Sequence[Unreadable],
        source: str,
        at: datetime,
        known: Sequence[Stream] = (),
        since: datetime | None = None,
    ) -> SetAside:
        """Keep the records that are not kept yet, durably.

        :param source: name of the source. :param at: aware UTC. :param known: other streams that may have them.
        :param since: the records were made at or after this time; None if it is not known.
        """
        before = self._counted
        for each in found:
            name = _name_of(each)
            if name in self._kept:
                continue
            self._kept.add(name)
            if self._is_kept(name, known):
                continue
            self._counted += 1
            record = _record(each, source, self._counted, at, since)
            self._stream.put_beside(name, msgspec.json.encode(record))
        new = self._counted - before
        return SetAside(new, len(found) - new)

    def names_not_kept(self, found: Sequence[Unreadable], known: Sequence[Stream] = ()) -> list[str]:
        """Return the names of the records that :meth:`keep` would keep. Each name is looked up in the spool once."""
        names = [name for name in map(_name_of, found) if name not in self._kept]
        new = [name for name in names if not self._is_kept(name, known)]
        self._kept.update(set(names).difference(new))
        return new

    def _is_kept(self, name: str, known: Sequence[Stream]) -> bool:
        here = _read(self._stream, name)
        return bool(here and here.number <= self._before) or any(_read(stream, name) for stream in known)

    def read(self) -> Iterator[tuple[str, UnreadableRecord]]:
        """Yield names and records, in the order of their digests.

        :raises SpoolDamagedError: one is not what was written.
        """
        for name in self._stream.names_beside(FOLDER):
            if not FILE.fullmatch(name, len(FOLDER)):
                continue
            record = _read(self._stream, name)
            if record is None:
                raise SpoolDamagedError(
                    f"the unreadable record {name} of {self._stream} is not what was written: restore the file."
                )
            yield name, record


def unpack_unreadable(content: bytes, name: str) -> UnreadableRecord | None:
    """Return the record in a file; None if the file is not what was written. :param name: of it, without folders."""
    found = FILE.fullmatch(name)
    try:
        record = _decode(content)
        return record if found and _digest(record.content) == found[1] else None
    except (ValueError, *UNREADABLE):
        return None


def _name_of(found: Unreadable) -> str:
    return f"{FOLDER}{_digest(found.content)}.json"


def _read(stream: Stream, name: str) -> UnreadableRecord | None:
    """Return a kept record; None if there is none, or if its file is damaged, so that it is written again."""
    try:
        return unpack_unreadable(stream.get_beside(name), name.rpartition("/")[2])
    except SpoolDamagedError:
        return None


def _record(found: Unreadable, source: str, number: int, at: datetime, since: datetime | None) -> UnreadableRecord:
    encoding: Literal["utf-8", "base64"] = "utf-8"
    try:
        record = found.content.decode()
    except UnicodeDecodeError:
        record, encoding = base64.b64encode(found.content).decode(), "base64"
    return UnreadableRecord(
        source=source,
        number=number,
        reason=found.reason,
        found_at=at.astimezone(UTC),
        record=record,
        encoding=encoding,
        since=since.astimezone(UTC) if since else None,
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


_decode = msgspec.json.Decoder(UnreadableRecord).decode


_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class UnreadableFacts:
    """Unreadable records of a stream. :ivar stream: the stream's folder. :ivar records: how many.

    :ivar start: their events happened on or after this midnight UTC, and :ivar end: before this midnight UTC.
    """

    stream: str
    records: int
    start: datetime
    end: datetime


def unreadable_of(opened: OpenStream) -> list[UnreadableFacts]:
    """Return the unreadable records of a stream with the days to which they may belong, the earliest first.

    A record was made after the start of the time range that was requested. Its event happened earlier by no more than
    the longest delay seen in the stream. If an earlier version kept the record, or its file is lost or damaged, only
    the time range of the stream is known.
    """
    count = opened.position.counts.set_aside
    if not count:
        return []
    try:
        kept = [record for _, record in UnreadableRecords(opened.stream).read()]
    except SpoolDamagedError:
        kept = []
    found = Counter(_span(opened, each) for each in kept)
    if count > len(kept):
        found[_span(opened, None)] += count - len(kept)
    return [UnreadableFacts(opened.name.folder, number, *span) for span, number in sorted(found.items())]


def _span(opened: OpenStream, record: UnreadableRecord | None) -> tuple[datetime, datetime]:
    position, span = opened.position, opened.name.span
    began = span.start if span else reading_began(position) if opened.name.is_live else None
    since = (record.since if record else None) or began
    start = back_by(since, timedelta(seconds=position.longest_lag)) if since else EPOCH
    if span:
        # A window is requested beyond its end, and a record set aside in one window is not set aside in the next.
        end = max(span.end, position.asked_until or span.end)
    else:
        found_at = record.found_at if record else position.updated_at
        end = (found_at or position.updated_at or EPOCH) + CLOCK_SKEW
    return midnight(start), midnight(end - timedelta(microseconds=1)) + _DAY


def said_of(facts: Iterable[UnreadableFacts], day: Window) -> str:
    """Return a sentence about the unreadable records that may belong to a day; "" if there are none."""
    count = sum(each.records for each in facts if each.start < day.end and day.start < each.end)
    if not count:
        return ""
    records = "record" if count == 1 else "records"
    return f"{count:,} {records} that may be of this day could not be read: see 'audit-logs unreadable'"
