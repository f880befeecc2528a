"""Dead letters: events that a destination did not take, kept beside the segments until they are sent again.

::

    <stream>/<chain>/dead/<destination>/
    ├── <segment>-<index>-<count>-<digest>.ndjson    the letters of one batch, one per line
    └── redriven/<time>-<digest>.json                what became of letters that were sent again

Nothing here is ever changed or removed. A letter is open until a record says that the destination took it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.destinations.base import Place
from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import UTC, Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_provider.core.destinations.base import DeadLetter
    from audit_provider.core.spool import Stream

MOST_WORDS = 1000
"""Characters of a reason or an answer that are kept."""

REFUSED = "refused by the destination"

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
    """What is kept of dead letters: ``kept = redriven + filtered + open``.

    :ivar redriven: the destination took them later. :ivar filtered: left out when they were to be sent again, since
        the destination's ``only`` and ``except`` had changed.
    """

    kept: int = 0
    redriven: int = 0
    filtered: int = 0

    @property
    def open(self) -> int:
        """Letters that the destination still has not got."""
        return self.kept - self.redriven - self.filtered


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
    """What became of some letters when they were sent again. :ivar at: aware UTC."""

    at: datetime
    taken: tuple[Line, ...] = ()
    filtered: tuple[Line, ...] = ()
    refused: tuple[Refusal, ...] = ()


class DeadLetters:
    """The dead letters of one destination in one chain of segments.

    :param before: only what was set aside before this place counts: a run that died between setting letters aside and
        moving its offset over them ships these events again. None where there is no such offset.
    """

    def __init__(self, stream: Stream, destination: str, before: Place | None = None) -> None:
        self._stream = stream
        self._folder = f"dead/{destination}/"
        self._records = f"{self._folder}redriven/"
        self._before = before

    def keep(self, letters: Sequence[DeadLetter], at: datetime) -> None:
        """Keep the letters of one batch, durably.

        The same letters get the same name, so that a repeat after a crash replaces them; but never letters that were
        sent again since.

        :param at: aware UTC.
        """
        kept = [_letter(each, at) for each in letters]
        digest = hashlib.sha256(repr([each.place for each in kept]).encode()).hexdigest()[:8]
        stem = f"{self._folder}{kept[0].segment:012d}-{kept[0].index:08d}-{len(kept)}-{digest}"
        closed = {line.name for record in self.records() for line in (*record.taken, *record.filtered)}
        name, copy = f"{stem}.ndjson", 1
        while name in closed:
            copy += 1
            name = f"{stem}-{copy}.ndjson"
        self._stream.put_beside(name, _encoder.encode_lines(kept))

    def names(self) -> list[str]:
        """Return the names of the files that count, in the order of the spool."""
        return [
            name
            for name in self._stream.names_beside(self._folder)
            if LETTERS.fullmatch(name, len(self._folder)) and (self._before is None or _first(name) < self._before)
        ]

    def read(self, name: str) -> list[Letter]:
        """Return the letters of a file.

        :raises SpoolDamagedError: it does not hold dead letters.
        """
        try:
            return _letters.decode_lines(self._stream.get_beside(name))
        except UNREADABLE as error:
            raise SpoolDamagedError(
                f"the dead letters {name} of {self._stream} cannot be read ({error}): restore the file."
            ) from None

    def open(self) -> Iterator[tuple[Line, Letter]]:
        """Yield the letters that the destination still has not got, each with the reason of the latest try."""
        closed: set[Line] = set()
        again: dict[Line, Refusal] = {}
        for record in self.records():
            closed.update(record.taken, record.filtered)
            again |= {refusal.line: refusal for refusal in record.refused}
        for name in self.names():
            for number, letter in enumerate(self.read(name)):
                line = Line(name, number)
                if line in again:
                    letter = msgspec.structs.replace(letter, reason=again[line].reason, answer=again[line].answer)
                if line not in closed:
                    yield line, letter

    def count(self) -> LetterCounts:
        """Return how many there are. The files themselves are not read, only listed."""
        names = self.names()
        redriven: set[Line] = set()
        filtered: set[Line] = set()
        for record in self.records() if names else ():
            redriven.update(record.taken)
            filtered.update(record.filtered)
        known = set(names)
        return LetterCounts(
            kept=sum(int(_stem(name)[2]) for name in names),
            redriven=sum(line.name in known for line in redriven),
            filtered=sum(line.name in known for line in filtered - redriven),
        )

    def records(self) -> Iterator[RedriveRecord]:
        """Yield what became of letters that were sent again, oldest first.

        :raises SpoolDamagedError: a record cannot be read.
        """
        for name in self._stream.names_beside(self._records):
            if not RECORD.fullmatch(name, len(self._records)):
                continue
            try:
                yield _record.decode(self._stream.get_beside(name))
            except UNREADABLE as error:
                raise SpoolDamagedError(
                    f"the redrive record {name} of {self._stream} cannot be read ({error}): restore the file."
                ) from None

    def record(self, record: RedriveRecord) -> None:
        """Keep what became of letters that were sent again, durably."""
        content = _encoder.encode(record)
        digest = hashlib.sha256(content).hexdigest()[:16]
        self._stream.put_beside(f"{self._records}{record.at:%Y%m%dT%H%M%S.%fZ}-{digest}.json", content)


def refusal(line: Line, letter: DeadLetter) -> Refusal:
    """Return the record of a letter that was refused again."""
    return Refusal(line, *_words(letter))


def _letter(letter: DeadLetter, at: datetime) -> Letter:
    reason, answer = _words(letter)
    item = letter.item
    return Letter(
        id=item.event.id,
        time=item.event.time,
        reason=reason,
        answer=answer,
        too_old=letter.too_old,
        segment=item.segment,
        index=item.index,
        batch=letter.batch,
        set_aside_at=at.astimezone(UTC),
        event=item.event.raw,
    )


def _words(letter: DeadLetter) -> tuple[str, str]:
    """Return reason and answer. What a destination said comes without secrets, see ``HttpClient.words``."""
    reason = REFUSED if letter.answer == letter.reason else letter.reason
    return reason[:MOST_WORDS], letter.answer[:MOST_WORDS]


def _stem(name: str) -> list[str]:
    return name.rpartition("/")[2].partition(".")[0].split("-")


def _first(name: str) -> Place:
    segment, index, *_ = _stem(name)
    return int(segment), int(index)


_encoder = msgspec.json.Encoder()
_letters = msgspec.json.Decoder(Letter)
_record = msgspec.json.Decoder(RedriveRecord)
