"""Dead letters: events that a destination did not take, kept beside the segments so that they can be sent again.

::

    <stream>/<chain>/dead/<destination>/
    ├── <segment>-<index>-<count>-<digest>.ndjson    the letters of one batch, one per line
    └── redriven/<time>-<digest>.json                what became of letters: sent again, or discarded by a person

These files are never changed or removed. A letter is open until a record says that the destination took it, that its
settings left it out, or that a person discarded it.

Somebody who can write to the spool could also write such files, so the ledger proves them. A letter is sent again only
if the chain of segments holds its event (then the event of the segment is sent), or if its file is linked to the last
file of letters that the offset names. A redrive record counts only if it is linked to the last record that the offset
names.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.destinations.base import Place
from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.ledger.event_account import LetterCounts
from audit_provider.core.model import UTC, Event
from audit_provider.core.streams.letter_files import (
    INDEX,
    LETTERS,
    RECORD,
    Letter,
    Line,
    RedriveRecord,
    Refusal,
    digest_of_places,
)
from audit_provider.core.text.state_version import DISCARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from audit_provider.core.destinations.base import DeadLetter
    from audit_provider.core.model import Offset
    from audit_provider.core.spool import Head, Stream

MOST_WORDS = 1000
"""Most characters of a reason or an answer that are kept."""

REFUSED = "refused by the destination"


class DeadLetters:
    """The dead letters of one destination in one chain of segments.

    :param before: only letters before this place count, because a run that died after setting letters aside, but before
        moving its offset over them, ships their events again. None if there is no such offset.
    :param offset: the offset that the ledger keeps for this chain; it says which records count. Without it, all do.
    :param commit: keeps an offset durably, before the record that it names is written.
    :param head: the last segment that the ledger proves; :meth:`proven` needs it to read the events.
    """

    def __init__(
        self,
        stream: Stream,
        destination: str,
        before: Place | None = None,
        offset: Offset | None = None,
        *,
        commit: Callable[[Offset], None] | None = None,
        head: Head | None = None,
    ) -> None:
        self._stream = stream
        self._destination = destination
        self._is_indexed = False
        self._folder = f"dead/{destination}/"
        self._records = f"{self._folder}redriven/"
        self._before = before
        self._offset = offset
        self._commit = commit
        self._head = head

    def keep(self, letters: Sequence[DeadLetter], at: datetime, previous: str = "", *, replaces: bool = True) -> str:
        """Keep the letters of one batch, durably, and return the digest of their file, which the offset must name.

        The same letters get the same file name, so a repeat after a crash replaces the file; but a file whose letters
        were closed since is never replaced.

        :param at: aware UTC. :param previous: digest of the last file that the offset names.
        :param replaces: whether a file of the same name may be replaced, because no offset names it.
        """
        kept = [_letter(each, at) for each in letters]
        kept[0] = msgspec.structs.replace(kept[0], previous=previous)
        place = f"{kept[0].segment:012d}-{kept[0].index:08d}"
        stem = f"{self._folder}{place}-{len(kept)}-{digest_of_places(kept)}"
        closed = {line.name for record in self.records() for line in record.closed}
        name, copy = f"{stem}.ndjson", 1
        there = set(self._stream.names_beside(self._folder)) if previous or not replaces else set()
        taken = there if not replaces else self.linked(previous) if name in there else set()
        while name in closed or name in taken:
            copy += 1
            name = f"{stem}-{copy}.ndjson"
        content = _encoder.encode_lines(kept)
        if not self._is_indexed:
            self._stream.mark_in_pipeline(INDEX, self._destination)
            self._is_indexed = True
        self._stream.put_beside(name, content)
        return hashlib.sha256(content).hexdigest()

    def linked(self, last: str) -> set[str]:
        """Return the names of the files of letters that are linked, back from the one with the digest ``last``."""
        found: dict[str, tuple[str, str]] = {}
        for name in self._stream.names_beside(self._folder) if last else ():
            if not LETTERS.fullmatch(name, len(self._folder)):
                continue
            content = self._stream.get_beside(name)
            try:
                previous = _link.decode(content.partition(b"\n")[0]).previous
            except UNREADABLE:
                continue
            found[hashlib.sha256(content).hexdigest()] = name, previous
        names: set[str] = set()
        while last in found:
            name, last = found.pop(last)
            names.add(name)
        return names

    def proven(self) -> Iterator[tuple[Line, Letter]]:
        """Yield the open letters whose event the ledger proves, with the event from the chain of segments.

        Without a head, nothing can be proven here, so all open letters are yielded as they are kept.

        :raises SpoolDamagedError: a segment or a letter cannot be read.
        """
        if self._head is None:
            yield from self.open()
            return
        proof = LetterProof(self._stream, self._head, self.linked(self._offset.letters if self._offset else ""))
        for line, letter in self.open():
            event = proof.event(line.name, letter)
            if event is not None:
                yield line, msgspec.structs.replace(letter, id=event.id, time=event.time, event=event.raw)

    def names(self) -> list[str]:
        """Return the names of the files of letters that count, in the order of their places."""
        return [
            name
            for name in self._stream.names_beside(self._folder)
            if LETTERS.fullmatch(name, len(self._folder)) and (self._before is None or _first(name) < self._before)
        ]

    def read(self, name: str) -> list[Letter]:
        """Return the letters of a file.

        :raises SpoolDamagedError: it does not hold dead letters, or holds others than its name says.
        """
        try:
            found = _letters.decode_lines(self._stream.get_beside(name))
        except UNREADABLE as error:
            raise SpoolDamagedError(
                f"the dead letters {name} of {self._stream} cannot be read ({error}): restore the file."
            ) from None
        named = LETTERS.fullmatch(name, len(self._folder))
        # Without this check, a redrive of the letters in the file now would close the original ones.
        if named and (len(found) != int(named[1]) or digest_of_places(found) != named[2]):
            raise SpoolDamagedError(
                f"the dead letters {name} of {self._stream} are not what was written (the name says other events): "
                "restore the file."
            )
        return found

    def open(self) -> Iterator[tuple[Line, Letter]]:
        """Yield the letters that are still open, each with the reason of the latest try."""
        closed: set[Line] = set()
        again: dict[Line, Refusal] = {}
        for record in self.records():
            closed.update(record.closed)
            again |= {refusal.line: refusal for refusal in record.refused}
        for name in self.names():
            for number, letter in enumerate(self.read(name)):
                line = Line(name, number)
                if line in again:
                    letter = msgspec.structs.replace(letter, reason=again[line].reason, answer=again[line].answer)
                if line not in closed:
                    yield line, letter

    def count(self) -> LetterCounts:
        """Return how many letters there are. The files of letters are only listed, not read."""
        names = self.names()
        redriven: set[Line] = set()
        filtered: set[Line] = set()
        discarded: set[Line] = set()
        for record in self.records() if names else ():
            redriven.update(record.taken)
            filtered.update(record.filtered)
            discarded.update(record.discarded)
        known = set(names)
        return LetterCounts(
            kept=sum(int(_stem(name)[2]) for name in names),
            redriven=sum(line.name in known for line in redriven),
            filtered=sum(line.name in known for line in filtered - redriven),
            discarded=sum(line.name in known for line in discarded - redriven - filtered),
        )

    def records(self) -> Iterator[RedriveRecord]:
        """Yield the redrive records that count, oldest first.

        :raises SpoolDamagedError: a record cannot be read.
        """
        for name in self.record_names():
            yield self._record(name)[1]

    def record_names(self) -> list[str]:
        """Return the names of the redrive records that count, oldest first.

        :raises SpoolDamagedError: one that the ledger names is missing or cannot be read.
        """
        names = [
            each for each in self._stream.names_beside(self._records) if RECORD.fullmatch(each, len(self._records))
        ]
        if self._offset is None or self._offset.redriven is None:
            return names
        return self._linked_records(names)

    def last_record(self) -> str:
        """Return the digest of the last redrive record that counts; "" if none does."""
        names = self.record_names() if self._offset and self._offset.redriven is not None else []
        return self._record(names[-1])[0] if names else ""

    def _linked_records(self, names: Sequence[str]) -> list[str]:
        offset = self._offset
        if offset is None:
            return []
        found = {self._record(name)[0]: name for name in names}
        wanted = offset.redriven if offset.redriven in found else offset.redriven_before
        linked: list[str] = []
        while wanted:
            if wanted not in found:
                raise SpoolDamagedError(
                    f"the redrive record {self._records}…-{wanted[:16]}.json of {self._stream} is missing: restore the "
                    f"file; where there is no copy of it, delete the Variable of the destination's offset to ship what "
                    f"is kept again."
                )
            linked.append(found.pop(wanted))
            wanted = self._record(linked[-1])[1].previous
        return linked[::-1]

    def _record(self, name: str) -> tuple[str, RedriveRecord]:
        content = self._stream.get_beside(name)
        try:
            return hashlib.sha256(content).hexdigest(), _record.decode(content)
        except UNREADABLE as error:
            raise SpoolDamagedError(
                f"the redrive record {name} of {self._stream} cannot be read ({error}): restore the file; where there "
                f"is no copy of it, delete it, and the Variable of the destination's offset to ship what is kept again."
            ) from None

    def record(self, record: RedriveRecord) -> None:
        """Keep a redrive record, durably. Before it is written, the offset that names it is committed."""
        offset = self._offset
        if offset is not None and self._commit is not None:
            last = self.last_record()
            if offset.redriven is None:
                # The first linked record takes over what the unlinked records of an earlier version say.
                for each in self.records():
                    record = replace(
                        record, taken=(*each.taken, *record.taken), filtered=(*each.filtered, *record.filtered)
                    )
            record = replace(record, previous=last)
        content = _encoder.encode(record)
        digest = hashlib.sha256(content).hexdigest()
        if offset is not None and self._commit is not None:
            version = max(offset.version, DISCARDS) if record.discarded else offset.version
            offset = replace(offset, redriven=digest, redriven_before=record.previous, version=version)
            self._commit(offset)
            self._offset = offset
        self._stream.put_beside(f"{self._records}{record.at:%Y%m%dT%H%M%S.%fZ}-{digest[:16]}.json", content)


class LetterProof:
    """Proves the events of dead letters, by the chain of segments or by the links between the files of letters.

    :param head: the last segment that the ledger proves. :param linked: names of the files that are linked to the one
        that the ledger names.
    """

    def __init__(self, stream: Stream, head: Head, linked: Collection[str]) -> None:
        self._stream = stream
        self._linked = linked
        self._head = head
        self._walk = stream.walk(head)
        self._oldest = max(stream.oldest(), 1) if head.number else 1
        self._read: tuple[int, list[Event]] = (0, [])

    def event(self, name: str, letter: Letter) -> Event | None:
        """Return the event of a letter; None if nothing proves it. :param name: of the letter's file.

        :raises SpoolDamagedError: a segment is missing or is not what was written.
        """
        events = self.events(letter.segment)
        if events is not None and 0 <= letter.index < len(events) and events[letter.index].id == letter.id:
            return events[letter.index]
        return letter.spooled if name in self._linked else None

    def events(self, number: int) -> list[Event] | None:
        """Return the events of a segment of the chain; None if it is no longer kept, or is not in the chain."""
        if not self._oldest <= number <= self._head.number:
            return None
        if self._read[0] != number:
            self._read = number, self._stream.events(self._walk.to(number).manifest)
        return self._read[1]


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
    """Return reason and answer, shortened. A destination's answer contains no secrets, see ``HttpClient.words``."""
    reason = REFUSED if letter.answer == letter.reason else letter.reason
    return reason[:MOST_WORDS], letter.answer[:MOST_WORDS]


def _stem(name: str) -> list[str]:
    return name.rpartition("/")[2].partition(".")[0].split("-")


def _first(name: str) -> Place:
    segment, index, *_ = _stem(name)
    return int(segment), int(index)


class _Link(msgspec.Struct):
    previous: str = ""


_encoder = msgspec.json.Encoder()
_letters = msgspec.json.Decoder(Letter)
_link = msgspec.json.Decoder(_Link)
_record = msgspec.json.Decoder(RedriveRecord)
