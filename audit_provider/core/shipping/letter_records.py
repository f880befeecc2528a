"""Dead letters and records of a redrive, as they are kept: what a file holds, and what its name says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

from audit_provider.core.destinations.base import Place
from audit_provider.core.model import Event

LETTERS = re.compile(r"[0-9]{12}-[0-9]{8}-([0-9]+)-([0-9a-f]{8})(-[0-9]+)?\.ndjson")
"""Names of files of letters: how many, and a digest of where their events stand. What has another name is none."""

RECORD = re.compile(r"[0-9TZ.]+-([0-9a-f]{16})\.json")
"""Names of redrive records, with a digest of what they hold."""


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter, as it is kept.

    :ivar event: the vendor's record byte for byte, as the spool holds it: a destination's ``redact`` is applied when it
        is sent, not here. :ivar id: of the event, and :ivar time: when it happened.
    :ivar reason: why it is here. :ivar answer: the destination's own words, shortened, "" where it was not asked.
    :ivar segment: number of the segment in the stream, and :ivar index: place of the event in it, from 0.
    :ivar batch: places of the first and the last event that were to travel together.
    :ivar previous: digest of the file of letters before; only the first letter of a file says so.
    """

    id: str
    time: datetime
    reason: str
    answer: str = ""
    too_old: bool = False
    segment: int
    index: int
    batch: tuple[Place, Place] | None = None
    set_aside_at: datetime
    previous: str = ""
    event: msgspec.Raw

    @property
    def place(self) -> Place:
        """Where the event stands in the spool."""
        return self.segment, self.index

    @property
    def spooled(self) -> Event:
        """The event as the spool holds it."""
        return Event(self.id, self.time, self.event)


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """What is kept of dead letters: ``kept = redriven + filtered + discarded + open``.

    :ivar redriven: the destination took them later. :ivar filtered: left out when they were to be sent again, since
        the destination's ``only`` and ``except`` had changed. :ivar discarded: a person decided that they are not sent.
    """

    kept: int = 0
    redriven: int = 0
    filtered: int = 0
    discarded: int = 0

    def __add__(self, other: LetterCounts) -> LetterCounts:
        return LetterCounts(
            self.kept + other.kept,
            self.redriven + other.redriven,
            self.filtered + other.filtered,
            self.discarded + other.discarded,
        )

    @property
    def open(self) -> int:
        """Letters that the destination still has not got."""
        return self.kept - self.redriven - self.filtered - self.discarded


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """Where a letter is kept: a file, and a line of it from 0."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A letter that was refused again."""

    line: Line
    reason: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class RedriveRecord:
    """What became of some letters when they were sent again, or that a person discarded them.

    :ivar at: aware UTC. :ivar previous: digest of the record before; "" for the first.
    :ivar by: who discarded letters, :ivar why: for which reason, and :ivar run: by which DAG run; "" where none were.
    """

    at: datetime
    taken: tuple[Line, ...] = ()
    filtered: tuple[Line, ...] = ()
    refused: tuple[Refusal, ...] = ()
    previous: str = ""
    discarded: tuple[Line, ...] = ()
    by: str = ""
    why: str = ""
    run: str = ""

    @property
    def closed(self) -> tuple[Line, ...]:
        """The letters that are open no longer."""
        return (*self.taken, *self.filtered, *self.discarded)
