"""Which events of a stream a destination has received with another stream of the same pipeline.

A backfill window and the live stream may both hold an event, because each was read when the other did not have it yet.
Both keep it: counting, retention and reconciliation of one stream need nothing of another. Only a shipment looks into
the other streams, and leaves out what is proven to be delivered. Proven means: an event of equal id and equal bytes
stands in the chain that the ledger's position leads to, in front of the destination's offset there, and it was neither
filtered nor set aside. What is not proven is sent.

Two tasks may ship the two streams at the same time. So polling waits for nobody, and a window waits for polling while
that is delivering: a window's events that polling has spooled and not delivered yet are not sent in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import compress
from typing import TYPE_CHECKING

from audit_provider.core.dead_letters import Line
from audit_provider.core.destinations.ahead import is_ahead
from audit_provider.core.errors import SpoolDamagedError, StopError, WaitError
from audit_provider.core.model import Window, back_by
from audit_provider.core.open_stream import open_stream, stream_progress
from audit_provider.core.passage import holds_passed, is_at_end
from audit_provider.core.position import begun_at
from audit_provider.core.spool import Head
from audit_provider.core.spool.contents import ContentTable
from audit_provider.core.spool.stream import CLOCK_SKEW
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import Place
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.open_stream import OpenStream
    from audit_provider.core.position import Position
    from audit_provider.core.runs.log import Log
    from audit_provider.core.spool import Manifest, Store, Stream

PAUSE = timedelta(minutes=1)
"""For which a window waits before it looks again."""

WAITS = timedelta(minutes=15)
"""A window waits for polling that has delivered something in this time, and for no longer without a success itself."""

_RECORDED_LATER = timedelta(days=1)
"""An event may belong to a window although it happened before it, because it was recorded within it."""


class DeliveredElsewhere:
    """Finds the events of one stream that a destination has received with another stream.

    :param opened: The stream that is shipped.
    :param destination: Name of the destination.
    :param selection: Digest of the destination's ``only`` and ``except``; "" if unknown.
    :param waits_since: Returns since when this shipment has waited without a success.
    :param now: Returns the time, aware UTC.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        opened: OpenStream,
        destination: str,
        selection: str,
        *,
        waits_since: Callable[[], datetime],
        now: Callable[[], datetime],
        log: Log,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._own = opened
        self._destination = destination
        self._selection = selection
        self._waits_since = waits_since
        self._now = now
        self._log = log
        self._others: dict[StreamName, _Other] | None = None
        self._damaged: set[StreamName] = set()

    def indexes(self, number: int, events: Sequence[Event]) -> Collection[int]:
        """Return the indexes of those events that another stream has delivered.

        :param number: of the segment. :param events: all of it.
        :raises WaitError: the live stream is about to deliver some of a window's events.
        :raises UnavailableError: the spool or the ledger does not answer.
        """
        others = self._others
        if others is None:
            others = self._others = {each: _Other(self._store, each) for each in self._candidates()}
        if not others:
            return ()
        times = [event.time for event in events]
        span = Window(min(times), max(times) + timedelta(microseconds=1))
        found: set[int] = set()
        for name, other in others.items():
            if name in self._damaged or not _may_share(name, span):
                continue
            try:
                found |= self._delivered(other, span, events)
            except (SpoolDamagedError, StopError) as error:
                self._damaged.add(name)
                self._log.warning(
                    "%s What %s has delivered to %s is not known, so it may be sent again with %s.",
                    error,
                    name.folder,
                    self._destination,
                    self._own.name.folder,
                )
        return found

    def close(self) -> None:
        """Drop what was read."""
        for other in (self._others or {}).values():
            other.close()

    def _candidates(self) -> list[StreamName]:
        own = self._own.name
        if not (own.is_live or own.is_backfill):
            return []
        return [
            each
            for each in StreamName.all_in(self._store, own.pipeline)
            if each != own
            and (each.is_live or (each.is_backfill and (own.span is None or each.overlaps(_beside(own.span)))))
        ]

    def _delivered(self, other: _Other, span: Window, events: Sequence[Event]) -> set[int]:
        other.look(self._ledger, self._destination, self._own, self._selection)
        found, waiting = other.find(span, events)
        if waiting and other.offset is not None and self._waits_for(other.offset):
            raise WaitError(
                f"{other.name.folder} holds {waiting} of the next events of {self._own.name.folder} and is being "
                f"shipped to {self._destination}: this shipment waits for it, so that nothing is sent twice.",
                until=self._now() + PAUSE,
            )
        return found

    def _waits_for(self, offset: Offset) -> bool:
        now = self._now()
        is_active = offset.last_success is not None and now - offset.last_success < WAITS
        return is_active and not offset.failures_in_a_row and now - self._waits_since() < WAITS


@dataclass(slots=True)
class _Other:
    """Another stream, and what a destination has of it.

    :ivar offset: of the destination; None if nothing is proven by it.
    """

    store: Store
    name: StreamName
    offset: Offset | None = None
    _seen: tuple[str, Head, Offset] | None = None
    _stream: Stream | None = None
    _covered: Head = field(default_factory=Head)
    _manifests: list[Manifest] = field(default_factory=list)
    _tables: ContentTable = field(default_factory=ContentTable)
    _not_taken: frozenset[Place] = frozenset()
    _is_final: bool = False

    def look(self, ledger: Ledger, destination: str, own: OpenStream, selection: str) -> None:
        """Read how far the stream is read and shipped by now.

        :param own: the stream that is shipped. :param selection: of the events that are shipped of it.
        :raises SpoolDamagedError: a manifest or a dead letter is missing or is not what was written.
        """
        if self._is_final:
            return
        opened = open_stream(ledger, self.store, self.name)
        offset = opened.offset(destination) if opened else None
        if opened is None or offset is None or not opened.position.is_of(own.position.account):
            self.offset = self._seen = None
            return
        if self._seen == (opened.chain, opened.head, offset):
            return
        self._seen, self.offset = (opened.chain, opened.head, offset), None
        if not opened.head.number or not holds_passed(opened.stream, opened.head, offset):
            return
        counts = offset.counts
        if counts.filtered and not (selection and selection == offset.selection):
            return
        not_taken = _set_aside(opened, destination, offset) if counts.set_aside else frozenset()
        if not_taken is None:
            return
        # What the live stream held before was left out when the window was read.
        self._cover(opened, begun_at(own.chain) if self.name.is_live else None)
        self._stream, self.offset, self._not_taken = opened.stream, offset, not_taken
        self._is_final = self.name.is_backfill and opened.position.complete and is_at_end(offset, opened.head)

    def find(self, span: Window, events: Sequence[Event]) -> tuple[set[int], int]:
        """Return the indexes of the events that are delivered, and how many others the live stream holds.

        :param span: of their times.
        """
        if self.offset is None:
            return set(), 0
        contents = [_content(event) for event in events]
        found: set[int] = set()
        waiting = 0
        for manifest in self._manifests:
            if manifest.first_time >= span.end or manifest.last_time < span.start:
                continue
            taken, rest = self._named(manifest, self.offset)
            found.update(compress(range(len(events)), self._tables.held(taken, contents)))
            if self.name.is_live:
                waiting += sum(self._tables.held(rest, contents))
        return found, waiting

    def close(self) -> None:
        """Drop what was read."""
        self._tables.close()

    def _cover(self, opened: OpenStream, since: datetime | None) -> None:
        """Take in the manifests up to the head that were not taken in before."""
        if opened.head == self._covered:
            return
        floor = back_by(since, CLOCK_SKEW) if since else None
        fresh: list[Manifest] = []
        follows = False
        for manifest in opened.stream.back_from(opened.head):
            if floor and manifest.written_at < floor:
                break
            fresh.append(manifest.without_ids())
            follows = bool(self._covered.number) and manifest.previous == self._covered
            if follows:
                break
        self._manifests = [*(self._manifests if follows else ()), *reversed(fresh)]
        self._covered = opened.head

    def _named(self, manifest: Manifest, offset: Offset) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return the names of the tables of a segment's events that are delivered, and of the others."""
        number = manifest.number
        ahead = [each for each in offset.ahead if each.segment == number]
        not_taken = {index for segment, index in self._not_taken if segment == number}
        passed = -1 if number < offset.segment else offset.index if number == offset.segment else 0
        state = f"{manifest.data} {passed} {ahead} {sorted(not_taken)}"
        taken, rest = ("taken", state), ("rest", state)
        if taken not in self._tables and self._stream is not None:
            events = self._stream.events(manifest)
            indexes = set(range(len(events) if passed < 0 else passed))
            for each in ahead:
                if is_ahead(each, events):
                    indexes.update(range(each.index, each.index + each.count))
            others = set(range(len(events))) - indexes
            self._tables.put(taken, [_content(events[index]) for index in indexes - not_taken])
            self._tables.put(rest, [_content(events[index]) for index in others])
        return taken, rest


def refuse_lacking(ledger: Ledger, name: StreamName, position: Position | None, destination: str) -> None:
    """Refuse to end well where a window has left out events that another one holds and the destination lacks.

    :param name: of a stream whose events are all delivered. :param position: its own; None if nothing was read.
    :raises StopError: it lacks some. What was delivered is recorded.
    """
    lacking = []
    for folder in position.left_to if position else ():
        other = StreamName.of_folder(name.pipeline, folder)
        progress = stream_progress(ledger, other) if other and other.is_backfill else None
        if progress and not progress.is_at_end(destination):
            lacking.append(progress.name.folder)
    if lacking:
        raise StopError(
            f"{destination} has all that {name.folder} holds, but this window left out events that "
            f"{' and '.join(lacking)} holds, and {destination} has not received those: ship that window to it, or "
            f"delete the Variable {name.cursor_key} and read this one again for {destination} alone."
        )


def _set_aside(opened: OpenStream, destination: str, offset: Offset) -> frozenset[Place] | None:
    """Return the places of the events that the destination has not taken; None if that is not proven.

    The files of letters prove it where each is linked to the one that the offset names, and all of them are there.
    """
    letters = opened.letters(destination)
    names = letters.names()
    # Records that the offset does not name prove nothing.
    closed = {line for record in letters.records() for line in record.taken} if offset.redriven is not None else set()
    lines = [(Line(name, number), each) for name in names for number, each in enumerate(letters.read(name))]
    if len(lines) != offset.counts.set_aside or not letters.linked(offset.letters).issuperset(names):
        return None
    return frozenset(letter.place for line, letter in lines if line not in closed)


def _content(event: Event) -> bytes:
    # The lengths keep apart what would be joined to the same bytes.
    return b"%d %s %s" % (len(event.id), event.id.encode("utf-8", "surrogatepass"), bytes(event.raw))


def _may_share(name: StreamName, span: Window) -> bool:
    """Whether a stream may hold events of some time."""
    own = name.span
    return own is None or name.overlaps(Window(span.start, span.end + _RECORDED_LATER))


def _beside(span: Window) -> Window:
    return Window(back_by(span.start, _RECORDED_LATER), span.end + _RECORDED_LATER)
