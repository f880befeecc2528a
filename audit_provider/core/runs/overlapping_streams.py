"""How other streams of a pipeline affect a shipment: their events that a destination has already, or lacks.

**The live stream leaves out what a backfill window has delivered.** A backfill may read a time before polling reads it
for the first time. Both streams then hold these events, because monitoring, retention and reconciliation of one stream
must not depend on another. Only a shipment of the live stream looks at the windows, and leaves out events that are
proven to be at the destination. An event is proven only if

- the destination has received every event of the window: none is pending, filtered, set aside or removed,
- the whole window was shipped with the configuration, the address and the credential that the destination has now,
- the window was read from the same source and account, and its fields have the same meaning,
- the window's present chain holds an event with the same id, the same time and the same bytes,
- the live segment is new: after an offset was deleted so that everything is sent again, older segments are sent,
- the window was delivered before the live segment was written, if the destination names objects by their content.
  Otherwise a try whose answer was lost may have stored the events under the name of another content.

An event that is not proven is sent: a repeat does less harm than a loss.

**A window may lack what an overlapping one holds.** A window leaves out events that an overlapping window already has
in the spool. If a destination is added later and receives only the second window, it would lack these events, and its
task would succeed.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import SpoolDamagedError, StopError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import microseconds_of
from audit_provider.core.spool import RecentIds
from audit_provider.core.spool.known import ContentTable
from audit_provider.core.streams.offset_in_chain import is_at_end
from audit_provider.core.streams.open_stream import open_stream, stream_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Manifest, Store, Stream
    from audit_provider.core.streams.open_stream import OpenStream

NEW_FOR = timedelta(days=1)
"""Age up to which a live segment counts as new."""

_AGED = timedelta(minutes=15)
"""Polling finds only recent events, so a live segment without an event older than this needs no look at the spool."""

_OWN = -1


def receiver_digest(configuration: str, check: str) -> str:
    """Return the digest of how a destination is reached, as :attr:`~audit_provider.core.model.Offset.delivered_to`.

    :param configuration: see :mod:`~audit_provider.core.runs.configurations`. :param check: of its connection.
    :return: "" if one of them is not known.
    """
    known = configuration and check
    return hashlib.sha256(f"{configuration}\n{check}".encode()).hexdigest()[:16] if known else ""


@dataclass(frozen=True, slots=True)
class _Delivered:
    """A proven window. :ivar at: when the destination received the last of its events."""

    stream: OpenStream
    at: datetime


@dataclass
class DeliveredWindows:
    """Finds the events of the live stream that a destination has already received with a backfill window.

    :ivar pipeline: its name. :ivar position: of the live stream, for the segments of one source.
    :ivar delivered_to: returns the digest of how the destination is reached now, see
        :attr:`~audit_provider.core.model.Offset.delivered_to`; "" if not known, and then nothing is proven.
    :ivar whole_segments: whether the destination names objects by their content, see
        :class:`~audit_provider.core.destinations.base.Limits`.
    :ivar now: returns the time, aware UTC. :ivar count: of the events that were left out.
    """

    ledger: Ledger
    store: Store
    pipeline: str
    position: Position
    destination: str
    delivered_to: Callable[[], str]
    whole_segments: bool
    now: Callable[[], datetime]
    log: Log
    count: int = 0

    def __post_init__(self) -> None:
        self._manifest: Manifest | None = None
        self._unread: dict[StreamName, _Delivered | None] | None = None
        self._proven: list[StreamName] = []
        self._ids = RecentIds()
        self._segments: list[tuple[Stream, Manifest]] = []
        self._contents = ContentTable()

    def followed(self, manifests: Iterable[Manifest]) -> Iterator[Manifest]:
        """Yield the manifests of the live segments that are shipped, and remember the current one."""
        for manifest in manifests:
            self._manifest = manifest
            yield manifest

    def indexes(self, number: int, events: Sequence[Event]) -> Collection[int]:
        """Return the indexes of the events that the destination has received with a window.

        :param number: of the segment. :param events: all of it.
        :raises UnavailableError: the spool or the ledger does not answer.
        """
        manifest = self._manifest
        if manifest is None or manifest.number != number or not self._may_repeat(manifest):
            return ()
        try:
            windows = self._windows_of(manifest)
            found = self._found(events, windows) if windows else ()
        except (SpoolDamagedError, StopError) as error:
            self._unread, self._proven = {}, []
            self.log.warning(
                "%s What the backfills have delivered to %s is not known, so it may be sent again with %s/live.",
                error,
                self.destination,
                self.pipeline,
            )
            return ()
        self.count += len(found)
        return found

    def close(self) -> None:
        """Drop what was read, and log how many events were left out."""
        if self.count:
            self.log.info(
                "%d events of %s/live were left out: %s has received them with a backfill.",
                self.count,
                self.pipeline,
                self.destination,
            )
        self._ids.close()
        self._contents.close()

    def _may_repeat(self, manifest: Manifest) -> bool:
        return self.now() - manifest.written_at < NEW_FOR and manifest.written_at - manifest.first_time > _AGED

    def _windows_of(self, manifest: Manifest) -> list[StreamName]:
        """Return the proven windows that may hold events of a segment; read those that were not read before."""
        if self._unread is None:
            self._unread = {each: None for each in StreamName.all_in(self.store, self.pipeline) if each.span}
        for name in [each for each in self._unread if _may_share(each, manifest)]:
            found = self._unread.pop(name) or self._proven_window(name)
            if found and self.whole_segments and manifest.written_at < found.at:
                self._unread[name] = found  # a later live segment may be written after its delivery
            elif found:
                self._read(found.stream)
                self._proven.append(name)
        return [each for each in self._proven if _may_share(each, manifest)]

    def _proven_window(self, name: StreamName) -> _Delivered | None:
        """Return a window if the destination has received every event of it, else None."""
        opened = open_stream(self.ledger, self.store, name)
        offset = opened.offset(self.destination) if opened else None
        if opened is None or offset is None or offset.last_success is None or not opened.head.total:
            return None
        live, position, counts = self.position, opened.position, offset.counts
        is_same = position.is_of(live.account) and (position.source, position.fields) == (live.source, live.fields)
        is_whole = is_at_end(offset, opened.head) and bool(offset.passed) and not offset.started_at and not offset.again
        if not is_same or position.earlier_sources or not is_whole or counts.taken != opened.head.total:
            return None
        is_there = bool(offset.delivered_to) and offset.delivered_to == self.delivered_to()
        return _Delivered(opened, offset.last_success) if is_there else None

    def _read(self, opened: OpenStream) -> None:
        stream = opened.stream
        for manifest in stream.back_from(opened.head):
            self._ids.remember(manifest.ids, len(self._segments))
            self._segments.append((stream, manifest.without_ids()))

    def _found(self, events: Sequence[Event], windows: Sequence[StreamName]) -> list[int]:
        spans = [span for each in windows if (span := each.span)]
        indexes = {event.id: index for index, event in enumerate(events) if any(event.time in each for each in spans)}
        by_place: dict[int, list[int]] = {}
        for name, place in self._ids.add(indexes, _OWN).items():
            if place != _OWN:
                by_place.setdefault(place, []).append(indexes[name])
        found: list[int] = []
        for place, some in by_place.items():
            if place not in self._contents:
                stream, manifest = self._segments[place]
                self._contents.put(place, map(_content, stream.events(manifest)))
            held = self._contents.held(place, [_content(events[index]) for index in some])
            found += [index for index, is_held in zip(some, held, strict=True) if is_held]
        return found


def _may_share(name: StreamName, manifest: Manifest) -> bool:
    span = name.span
    return span is not None and span.start <= manifest.last_time and manifest.first_time < span.end


def _content(event: Event) -> bytes:
    # The length separates name and record: without it, different pairs could join to the same bytes.
    name = event.id.encode("utf-8", "surrogatepass")
    return b"%d %s %d %s" % (len(name), name, microseconds_of(event.time), bytes(event.raw))


_OWN_NAME = re.compile(r"-[0-9a-f]{32}$")
"""The end of the name of an event whose id another event has.

Which of the two has the plain id may differ between streams.
"""


def windows_within(ledger: Ledger, store: Store, names: Sequence[StreamName], destination: str) -> list[StreamName]:
    """Return further windows within those that were shipped that hold events that the destination lacks.

    Windows that were begun but not finished are included, because no other task may ship them.

    :param names: of the streams that were shipped; only backfill windows count.
    :raises AuditError: a record cannot be read. A damaged window is left to :func:`refuse_lacking`.
    """
    found: dict[StreamName, None] = {}
    for name, span in [(each, each.span) for each in names]:
        if span is None:
            continue
        inner = [
            each
            for each in StreamName.all_in(store, name.pipeline)
            if each not in names and (own := each.span) and span.start <= own.start and own.end <= span.end
        ]
        if not inner:
            continue
        with suppress(SpoolDamagedError):
            lacking = _lacking(ledger, store, name, destination)
            found |= dict.fromkeys(
                each for each in inner if each.folder in lacking or _is_begun(ledger, each, destination)
            )
    return list(found)


def _is_begun(ledger: Ledger, name: StreamName, destination: str) -> bool:
    progress = stream_progress(ledger, name)
    offset = progress.offset(destination) if progress else None
    return progress is not None and offset is not None and not is_at_end(offset, progress.head)


def refuse_lacking(ledger: Ledger, store: Store, names: Iterable[StreamName], destination: str, log: Log) -> None:
    """Fail if the spool holds events of a window's time range that were never sent to the destination.

    An event is missing if a window that the destination has not begun holds it, and neither the live stream nor a
    window that the destination has begun does. Events are compared by id.
    :param names: of the streams that were shipped; only backfill windows count.
    :raises StopError: events are missing. What was shipped is recorded.
    :raises UnavailableError: the spool or the ledger does not answer.
    """
    for name in names:
        if not name.is_backfill:
            continue
        try:
            lacking = _lacking(ledger, store, name, destination)
        except SpoolDamagedError as error:
            log.warning("%s Whether %s lacks events of %s is not known.", error, destination, name.folder)
            continue
        if lacking:
            found = " and ".join(f"{count:,} that only {folder} holds" for folder, count in lacking.items())
            raise StopError(
                f"{destination} has all events of {name.folder}, but of this time range it lacks {found}: trigger the "
                f"backfill with the start and the end of that window for {destination}."
            )


def _lacking(ledger: Ledger, store: Store, name: StreamName, destination: str) -> dict[str, int]:
    """Return how many events of a window's time range a destination lacks, by the folder that holds them."""
    span, own = name.span, open_stream(ledger, store, name)
    if span is None or own is None:
        return {}
    windows = [each for each in StreamName.all_in(store, name.pipeline) if each != name and each.overlaps(span)]
    others = [each for other in windows if (each := _opened(ledger, store, other, own))]
    unknown = [each for each in others if each.offset(destination) is None]
    if not unknown:
        return {}
    beside = (StreamName(name.pipeline), StreamName.of_reconciliation(name.pipeline))
    known = [each for other in beside if (each := _opened(ledger, store, other, own))]
    ids = RecentIds()
    try:
        for manifest in own.stream.back_from(own.head):
            ids.remember(map(_id, manifest.ids))
        for each in (*known, *(each for each in others if each not in unknown)):
            for some in each.stream.ids_within(each.head, span):
                ids.remember(map(_id, some))
        found: dict[str, int] = {}
        for each in unknown:
            for some in each.stream.ids_within(each.head, span):
                wanted = dict.fromkeys(map(_id, some))
                if count := len(wanted) - len(ids.add(wanted)):
                    found[each.name.folder] = found.get(each.name.folder, 0) + count
        return found
    finally:
        ids.close()


def _opened(ledger: Ledger, store: Store, name: StreamName, own: OpenStream) -> OpenStream | None:
    """Return a stream that holds events of the same account; None if it holds none."""
    opened = open_stream(ledger, store, name)
    return opened if opened and opened.head.number and opened.position.is_of(own.position.account) else None


def _id(name: str) -> str:
    return _OWN_NAME.sub("", name)
