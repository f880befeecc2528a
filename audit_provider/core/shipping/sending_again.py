"""Sends events again through the ship loop: dead letters, or a range of the spool with an offset of its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.base import Place
from audit_provider.core.errors import UNREADABLE
from audit_provider.core.ledger.event_account import aligned
from audit_provider.core.model import Offset, ShipCounts, text_of
from audit_provider.core.shipping.ship import ship
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.streams.dead_letters import refusal
from audit_provider.core.streams.letter_files import RedriveRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Event
    from audit_provider.core.spool import Manifest, Stream
    from audit_provider.core.streams.dead_letters import DeadLetters
    from audit_provider.core.streams.letter_files import Letter, Line, Refusal


def redrive(
    destination: Destination,
    letters: DeadLetters,
    *,
    terms: Terms | None = None,
    segments: range | None = None,
    **changes: Any,
) -> ShipCounts:
    """Send the open letters again and return what became of them.

    The events that the destination takes are recorded after every batch, so a crash repeats one batch at most. If
    batches are named by their content, the letters of a file are recorded together, so that a repeat has the same
    content and is not stored twice. Letters that are refused again stay open, with their new reason. The parameters are
    those of :func:`~audit_provider.core.shipping.ship.ship`.

    :param segments: numbers of the segments whose letters are sent; None for all.
    :raises StopError: the destination refuses the sender. The events that it took before are recorded.
    :raises RetryError: the destination does not answer or asks for a long pause. The events that it took are recorded.
    """
    changes["refused_before"] = True
    terms = replace(terms, **changes) if terms else Terms(**changes)
    run = _Redrive(letters, terms, whole_files=destination.limits.whole_segments, segments=segments)
    reached = ship(destination, run.files(), Offset(), commit=run.commit, set_aside=run.set_aside, terms=terms)
    run.record(())
    return reached.counts + run.counts


_Key = tuple[Place, str]
"""Place and id of an event, because a late run may have replaced a segment by one with another event at that place."""


class _Redrive:
    """Presents the files of dead letters to the ship loop as segments, and turns its commits into redrive records."""

    def __init__(self, letters: DeadLetters, terms: Terms, *, whole_files: bool, segments: range | None) -> None:
        self.counts = ShipCounts()
        self._letters = letters
        self._segments = segments
        self._select = terms.select
        self._now = terms.now
        self._whole_files = whole_files
        # The same event may be kept twice, after a crash or if an offset was moved back, but it is sent once.
        self._copies: dict[_Key, list[Line]] = defaultdict(list)
        for line, letter in self._proven():
            self._copies[_key(letter)].append(line)
        self._sent: dict[int, list[_Key]] = {}
        self._reached: Place = (1, 0)
        self._refused: dict[_Key, DeadLetter] = {}
        self._filtered: list[Line] = []

    def files(self) -> Iterator[tuple[int, Sequence[Event]]]:
        """Yield ``(number, events)`` for each file that has events to send."""
        number = 0
        for _, of_file in groupby(self._proven(), key=lambda each: each[0].name):
            events: list[Event] = []
            keys: list[_Key] = []
            for line, letter in of_file:
                event, key = letter.spooled, _key(letter)
                # A line that is not known here was set aside after this run began.
                if line not in self._copies.get(key, ())[:1]:
                    continue
                if self._is_left_out(event):
                    self._filtered += self._copies[key]
                    continue
                events.append(event)
                keys.append(key)
            if events:
                number += 1
                self._sent[number] = keys
                yield number, events

    def _proven(self) -> Iterator[tuple[Line, Letter]]:
        for line, letter in self._letters.proven():
            if self._segments is None or letter.segment in self._segments:
                yield line, letter

    def _is_left_out(self, event: Event) -> bool:
        try:
            return self._select is not None and self._select(event) is None
        except (*UNREADABLE, TypeError):
            # The ship loop sets an unreadable event aside again: its letter stays open, and others are not held up.
            return False

    def set_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Remember letters that were refused again until that is recorded; the letters themselves stay in place."""
        for letter in letters:
            self._refused[self._sent[letter.item.segment][letter.item.index]] = letter

    def commit(self, offset: Offset) -> None:
        """Record what became of the letters up to ``offset``."""
        if self._whole_files and offset.index:
            return
        passed: list[_Key] = []
        for number in range(self._reached[0], offset.segment + 1):
            keys = self._sent.get(number, [])
            first = self._reached[1] if number == self._reached[0] else 0
            passed += keys[first : offset.index if number == offset.segment else None]
        # Events taken after a batch that ends the run. If a file can only be recorded whole, all of it is sent again.
        for ahead in () if self._whole_files else offset.ahead:
            passed += self._sent[ahead.segment][ahead.index : ahead.index + ahead.count]
        self._reached = (offset.segment, offset.index)
        self.record(passed)

    def record(self, passed: Iterable[_Key]) -> None:
        """Record letters that have been sent, and those left out since the last record."""
        taken: list[Line] = []
        refused: list[Refusal] = []
        for key in passed:
            letter = self._refused.pop(key, None)
            if letter is None:
                taken += self._copies[key]
            else:
                refused += [refusal(line, letter) for line in self._copies[key]]
        if taken or refused or self._filtered:
            self._letters.record(RedriveRecord(self._now(), tuple(taken), tuple(self._filtered), tuple(refused)))
        self.counts += ShipCounts(filtered=len(self._filtered))
        self._filtered = []


def _key(letter: Letter) -> _Key:
    return letter.place, letter.id


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A span of event time, ``start <= time < end``; None leaves a side open.

    :raises ValueError: it ends before it begins.
    """

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"a range must end after it starts, got {self}")

    def __contains__(self, event: Event) -> bool:
        return (self.start is None or self.start <= event.time) and (self.end is None or event.time < self.end)

    def __str__(self) -> str:
        if self.start is None and self.end is None:
            return "everything still kept"
        start = text_of(self.start) if self.start else "the oldest event kept"
        return f"{start} to {text_of(self.end) if self.end else 'the newest'}"

    def touches(self, manifest: Manifest) -> bool:
        """Return whether a segment may hold events of the range."""
        after = self.start is not None and manifest.last_time < self.start
        return not after and (self.end is None or manifest.first_time < self.end)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did with a stream's events at one destination: ``kept = outside + counts.in_range + pending``.

    :ivar kept: events of the stream in the spool when the replay began, and those that came since.
    :ivar outside: events outside the range, including those of segments that were not read.
    :ivar pending: events that have not been examined yet; 0 at the end of a replay.
    """

    stream: str
    destination: str
    kept: int
    outside: int
    counts: ShipCounts
    pending: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether every event is accounted for."""
        return self.kept == self.outside + self.counts.in_range + self.pending


def replay(
    destination: Destination,
    stream: Stream,
    position: Position,
    offset: Offset,
    wanted: TimeRange,
    *,
    commit: Callable[[Offset], None],
    set_aside: Callable[[Sequence[DeadLetter]], None],
    terms: Terms | None = None,
    last: int | None = None,
    **changes: Any,
) -> Offset:
    """Send the events of a range again, from ``offset`` on, and return the offset after the last segment.

    A replay has no deadline and ends only when everything is sent, because no later run would continue it by itself.
    The other parameters are those of :func:`~audit_provider.core.shipping.ship.ship`.

    :param offset: of this replay only. :param commit: records it, durably.
    :param last: number of the last segment to examine; None for the head.
    :raises StopError: the destination refuses the sender. Everything is kept.
    :raises RetryError: the destination does not answer or asks for a long pause. Everything is kept.
    """
    last = position.head.number if last is None else last
    if offset.segment > last:
        return offset
    offset = ship(
        destination,
        _segments(stream, position, offset.segment, last, wanted),
        offset,
        commit=commit,
        set_aside=set_aside,
        terms=terms,
        **{**changes, "within": wanted.__contains__, "deadline": None},
    )
    if offset.segment <= last:
        # All later events are outside the range.
        offset = replace(offset, segment=last + 1, index=0)
        commit(offset)
    return offset


def account_of(stream: Stream, destination: str, position: Position, offset: Offset, wanted: TimeRange) -> Replayed:
    """Return the account of a replay; the events of segments that were not read are counted from the manifests."""
    unread = pending = 0
    oldest = offset.started_at
    for manifest in stream.back_from(position.head):
        oldest = manifest.previous.total
        if not wanted.touches(manifest):
            unread += manifest.events
        elif manifest.number >= offset.segment:
            pending += manifest.events - (offset.index if manifest.number == offset.segment else 0)
    outside = offset.counts.outside + unread
    # If segments were removed meanwhile, it is no longer known how many of their events were outside the range.
    removed = oldest != offset.started_at
    found = outside + offset.counts.in_range + pending
    return Replayed(
        stream=str(stream),
        destination=destination,
        kept=found if removed else position.head.total - offset.started_at,
        outside=outside,
        counts=offset.counts,
        pending=pending,
    )


def replay_table(accounts: Iterable[Replayed]) -> str:
    """Return the accounts of a replay as a text table."""
    titles = ("in range", "delivered", "already there", "too old", "dead-lettered", "filtered", "outside")
    rows: list[Sequence[str]] = [["stream", "destination", *titles]]
    for each in accounts:
        counts = each.counts
        numbers = (
            counts.in_range + each.pending,
            counts.delivered,
            counts.already_there,
            counts.too_old,
            counts.dead_lettered,
            counts.filtered,
            each.outside,
        )
        rows.append([each.stream, each.destination, *(f"{number:,}" for number in numbers)])
    return aligned(rows)


def _segments(
    stream: Stream, position: Position, first: int, last: int, wanted: TimeRange
) -> Iterator[tuple[int, Sequence[Event]]]:
    """Yield ``(number, events)`` from ``first`` to ``last``; segments outside the range are not read, but empty."""
    for manifest in stream.manifests(position.head, first):
        if manifest.number > last:
            return
        yield manifest.number, stream.events(manifest) if wanted.touches(manifest) else ()
