"""Redrive: dead letters are sent again, by the ship loop and nothing else."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.base import Place
from audit_provider.core.errors import UNREADABLE
from audit_provider.core.model import Offset, ShipCounts
from audit_provider.core.shipping.dead_letters import refusal
from audit_provider.core.shipping.letter_records import RedriveRecord
from audit_provider.core.shipping.ship import ship
from audit_provider.core.shipping.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.model import Event
    from audit_provider.core.shipping.dead_letters import DeadLetters
    from audit_provider.core.shipping.letter_records import Letter, Line, Refusal


def redrive(
    destination: Destination,
    letters: DeadLetters,
    *,
    terms: Terms | None = None,
    segments: range | None = None,
    **changes: Any,
) -> ShipCounts:
    """Send the open letters again and return what became of them.

    What the destination takes is recorded after every batch, so a crash repeats one batch at most; where a batch is
    named by its content, the letters of a file are recorded together, so that a repeat has the same content and is not
    stored twice. What is refused again stays open, with its new reason. The parameters are those of
    :func:`~audit_provider.core.shipping.ship.ship`.

    :param segments: numbers of the segments whose letters are sent; None for all.
    :raises StopError: the destination refuses the sender. What it took before is recorded.
    :raises RetryError: the destination does not answer or asks for a long pause. Likewise.
    """
    changes["refused_before"] = True
    terms = replace(terms, **changes) if terms else Terms(**changes)
    run = _Redrive(letters, terms, whole_files=destination.limits.whole_segments, segments=segments)
    reached = ship(destination, run.files(), Offset(), commit=run.commit, set_aside=run.set_aside, terms=terms)
    run.record(())
    return reached.counts + run.counts


_Key = tuple[Place, str]
"""Place and id of an event: segments of a late run may have replaced others, with another event at the same place."""


class _Redrive:
    """Shows the files of dead letters to the ship loop as segments, and turns its commits into records."""

    def __init__(self, letters: DeadLetters, terms: Terms, *, whole_files: bool, segments: range | None) -> None:
        self.counts = ShipCounts()
        self._letters = letters
        self._segments = segments
        self._select = terms.select
        self._now = terms.now
        self._whole_files = whole_files
        # The same event may be kept twice, after a crash or where an offset was put back: it is sent once.
        self._copies: dict[_Key, list[Line]] = defaultdict(list)
        for line, letter in self._proven():
            self._copies[_key(letter)].append(line)
        self._sent: dict[int, list[_Key]] = {}
        self._reached: Place = (1, 0)
        self._refused: dict[_Key, DeadLetter] = {}
        self._filtered: list[Line] = []

    def files(self) -> Iterator[tuple[int, Sequence[Event]]]:
        """Yield ``(number, events)`` per file that has something to send."""
        number = 0
        for _, of_file in groupby(self._proven(), key=lambda each: each[0].name):
            events: list[Event] = []
            keys: list[_Key] = []
            for line, letter in of_file:
                event, key = letter.spooled, _key(letter)
                # A line that is not known here was set aside since this run began.
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
            # One that cannot be read is the ship loop's to refuse again: it stays open, and holds up no other.
            return False

    def set_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Remember what was refused again until it is recorded; the letter itself is where it was."""
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
        # What was taken behind a batch that ends the run. Of a file that stands or falls whole, all is sent once more.
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
