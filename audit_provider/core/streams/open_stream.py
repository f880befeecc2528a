"""A stream of a pipeline with its progress: how far it is read and shipped, and where its segments are.

The task that owns the position writes it to two records, so that a late write never replaces the newest one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import Ledger, Record, offset_record, position_record
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.spool import Head, Stream
from audit_provider.core.streams import accounting
from audit_provider.core.streams.accounting import letters_before
from audit_provider.core.streams.dead_letters import DeadLetters
from audit_provider.core.streams.letter_files import folders_in_spool
from audit_provider.core.streams.offset_in_chain import is_at_end
from audit_provider.core.text.state_version import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from audit_provider.core.ledger.event_account import Account
    from audit_provider.core.ledger.records import ListedLedger
    from audit_provider.core.model import Offset
    from audit_provider.core.spool import Store
    from audit_provider.core.streams.letter_files import Chains


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far a stream is read and shipped, from a ledger alone. An offset is read only when it is needed."""

    ledger: Ledger
    name: StreamName
    position: Position

    @property
    def chain(self) -> str:
        """The chain of segments to which the position belongs."""
        return self.position.chain

    @property
    def head(self) -> Head:
        """The last committed segment."""
        return self.position.head

    def kept_offset(self, destination: str) -> Offset | None:
        """Return the offset as it is kept, whatever its chain.

        :raises StopError: the record holds something else.
        """
        return offset_record(self.ledger, self.name, destination).load()

    def offset(self, destination: str) -> Offset | None:
        """Return a destination's offset in this chain; None if it has not begun with this chain.

        An offset belongs to one chain: an offset in another chain says nothing about this one.

        :raises StopError: the record holds something else.
        """
        return self.of_chain(self.kept_offset(destination))

    def is_meant_for(self, destination: str) -> bool:
        """Return whether a destination gets this stream; the evidence stream only if the destination has begun with it.

        :raises StopError: the record of its offset holds something else.
        """
        return not self.name.is_evidence or self.kept_offset(destination) is not None

    def of_chain(self, offset: Offset | None) -> Offset | None:
        """Return an offset if it belongs to this chain, else None."""
        return offset if offset is not None and offset.chain == self.chain else None

    def offsets(self, destinations: Iterable[str]) -> dict[str, Offset | None]:
        """Return the offsets of some destinations, by name."""
        return {each: self.offset(each) for each in destinations}


@dataclass(frozen=True, slots=True)
class OpenStream(StreamProgress):
    """A stream's progress, and its segments in a store."""

    store: Store

    @property
    def stream(self) -> Stream:
        """The segments in the chain of the position."""
        return self.name.stream(self.store, self.position)

    def lost_head(self, oldest: int | None = None) -> str:
        """Return a sentence if the head is no longer kept because an older database was restored; else "".

        :param oldest: number of the oldest segment kept, if the caller knows it already.
        :raises SpoolDamagedError: the mark of the oldest segment cannot be read.
        """
        oldest = self.stream.oldest() if oldest is None else oldest
        if oldest == 1 or self.head.number >= oldest:
            return ""
        again = "the backfill" if self.name.is_backfill else "the pull"
        return (
            f"the position of {self.name.folder} is at segment {self.head.number}, but the spool begins with segment "
            f"{oldest}: an older database was restored; run {again}, which begins a new chain, before anything can be "
            "shipped."
        )

    def account(self, destination: str) -> Account:
        """Return what became of the stream's events at a destination.

        :raises SpoolDamagedError: a segment or manifest up to the offset is missing or is not what was written.
        """
        return accounting.account(self.stream, destination, self.position, self.offset(destination))

    def letters(self, destination: str) -> DeadLetters:
        """Return the dead letters of a destination in this chain."""
        return accounting.letters_of(self.stream, destination, self.offset(destination))


def stream_progress(ledger: Ledger, name: StreamName) -> StreamProgress | None:
    """Return the progress of a stream; None if it has no position yet.

    :raises StopError: the record of its position holds something else.
    """
    position = position_record(ledger, name).load()
    return None if position is None else StreamProgress(ledger, name, position)


def open_stream(ledger: Ledger, store: Store, name: StreamName) -> OpenStream | None:
    """Return a stream with its progress; None if it has no position yet.

    :raises StopError: the record of its position holds something else.
    """
    position = position_record(ledger, name).load()
    return None if position is None else OpenStream(ledger, name, position, store)


def open_streams(ledger: Ledger, store: Store, pipeline: str) -> Iterator[OpenStream]:
    """Yield the streams of a pipeline that the spool holds: live, the windows by time, findings, late events.

    :raises AuditError: the spool or a record cannot be read.
    """
    for name in StreamName.all_in(store, pipeline):
        if opened := open_stream(ledger, store, name):
            yield opened


@dataclass(frozen=True, slots=True)
class KeptLetters:
    """The dead letters of a destination in one chain of segments.

    :ivar position: of the stream, None if it was deleted. :ivar is_current: the position belongs to this chain.
    :ivar unknown: no record of the ledger names the chain, so nothing proves the letters, and they are not sent.
    """

    name: StreamName
    position: Position | None
    letters: DeadLetters
    is_current: bool = True
    unknown: bool = False


def kept_letters(
    ledger: Ledger, store: Store, pipeline: str, destination: str, folders: Mapping[str, Chains] | None = None
) -> list[KeptLetters]:
    """Return the dead letters of a destination in the live stream and all backfill streams, including ended chains.

    Those in a chain that neither a position nor an offset names are marked as ``unknown``.

    :param folders: the chains with dead letters, by destination; None to look for them in every stream.
    :raises AuditError: the spool or a record cannot be read.
    """
    found = []
    folders = folders_in_spool(store, pipeline) if folders is None else folders
    for name, chains in folders.get(destination, {}).items():
        opened = open_stream(ledger, store, name)
        position = opened.position if opened else None
        record = offset_record(ledger, name, destination)
        kept = record.load()
        # The chains share one record, so a commit for one chain must keep what was committed for the others.
        commit = _committer(record, kept) if kept else None
        for chain in chains:
            offset = kept.in_chain(chain) if kept else None
            stream = Stream(store, name.folder, chain)
            is_current = opened is not None and chain == opened.chain
            before = None if offset is None and not is_current else letters_before(stream, offset)
            letters = DeadLetters(
                stream,
                destination,
                before,
                offset,
                commit=commit,
                head=proven_head(position, chain, offset),
            )
            found.append(KeptLetters(name, position, letters, is_current, unknown=offset is None and not is_current))
    return found


def proven_head(position: Position | None, chain: str, offset: Offset | None) -> Head | None:
    """Return the last segment of a chain that the ledger proves; None if it proves none."""
    if position is not None and position.chain == chain:
        return position.head
    if offset is None or not offset.passed:
        return None
    return Head(offset.segment if offset.index else offset.segment - 1, offset.passed)


def _committer(record: Record[Offset], kept: Offset) -> Callable[[Offset], None]:
    """Return a function that commits an offset in one chain and keeps those in other chains unchanged."""

    def commit(offset: Offset) -> None:
        nonlocal kept
        if offset.chain == kept.chain:
            kept = replace(offset, earlier=kept.earlier)
        else:
            earlier = tuple(offset if each.chain == offset.chain else each for each in kept.earlier)
            kept = replace(kept, earlier=earlier)
        record.commit(kept)

    return commit


def recorded_streams(ledger: ListedLedger, pipeline: str) -> list[StreamName]:
    """Return the streams of a pipeline that have a position in a ledger."""
    found = map(RecordKey.parsed, ledger.keys())
    return [each.stream for each in found if each and each.kind == "position" and each.stream.pipeline == pipeline]


_COPIES: Codec[Position] = Codec(Position, "the copy of a position", "delete it", versioned=True)


class OvertakenError(Exception):
    """The record has an older position than its copy, and already had it when it was loaded.

    Nothing was committed: load the newest position, and continue from there.
    """


class PositionWriter:
    """The position of a stream in two records, for the task that writes it.

    A commit of new segments writes the copy first, then the record that everybody reads. If a task was frozen just
    before a write, its late write replaces one of the two by an older position, with a lower ``sequence``; the other
    one, with the higher ``sequence``, counts. The late task finds the other record changed, and stops. A commit without
    new segments writes only the record: if such a write is late, no segment is replaced.

    A run that finds nothing new therefore reads the position at its beginning, and the copy and the position at its
    end. If the copy has the same ``sequence``, no other run has committed a segment. Then nothing is lost if another
    run writes the record at the same moment, so the record is not read again after the write.
    """

    def __init__(self, ledger: Ledger, name: StreamName) -> None:
        self._record = position_record(ledger, name)
        key = RecordKey("position_copy", name)
        self._copy: Record[Position] = Record(ledger, key, _COPIES, f"Copy of {name.cursor_key}, written before it.")
        self._sequence = 0
        self._reached: tuple[str, Head] | None = None
        self._unchecked: Position | None = None
        self._is_proven = False

    def load_record(self) -> Position | None:
        """Return the position of the record, or None if there is none. The copy is read only at the first commit.

        :raises StopError: the record has other content, or is from a newer version of this package.
        :raises UnavailableError: the ledger does not answer.
        """
        kept = self._record.load()
        if kept is None:
            return self.load()
        self._begin_with(kept)
        self._unchecked = kept
        return kept

    def load(self) -> Position | None:
        """Return the newest position, or None if there is none.

        :raises StopError: a record has other content, or is from a newer version of this package.
        :raises UnavailableError: the ledger does not answer.
        """
        kept, copy = self._record.load(), self._copy.load()
        if kept and copy and _is_newer(copy, kept):
            kept = copy
        self._begin_with(kept)
        return kept

    def commit(self, position: Position) -> None:
        """Record a position.

        :raises FencedError: another run has recorded one since it was loaded.
        :raises UnavailableError: the ledger does not answer.
        :raises OvertakenError: after :meth:`load_record`: the copy is newer than the record, which nobody has changed.
        """
        self._check_copy()
        if self._sequence and self._reached == (position.chain, position.head):
            write = self._record.put if self._is_proven else self._record.commit
            write(replace(position, sequence=self._sequence))
            return
        self._unchecked, self._is_proven = None, False
        position = replace(position, sequence=self._sequence + 1)
        # Without this check, a run that was overtaken would leave a copy with a higher number than the record.
        self._record.refuse_changed()
        self._copy.commit(position)
        self._record.commit(position)
        self._copy.refuse_changed()
        self._sequence += 1
        self._reached = position.chain, position.head

    def confirm(self) -> None:
        """Check that the position of a run that has committed nothing is still the newest.

        :raises FencedError: another run has recorded one with new segments since it was loaded.
        :raises OvertakenError: after :meth:`load_record`: the copy is newer than the record, which nobody has changed.
        """
        if self._unchecked:
            self._check_copy()

    def _begin_with(self, kept: Position | None) -> None:
        self._sequence = kept.sequence if kept else 0
        self._reached = (kept.chain, kept.head) if kept else None
        self._unchecked, self._is_proven = None, False

    def _check_copy(self) -> None:
        """Read the copy, if this run has committed no segment, to learn whether another run has."""
        if self._is_proven:
            self._copy.refuse_changed()
        elif kept := self._unchecked:
            copy = self._copy.load()
            if copy and _is_newer(copy, kept):
                self._record.refuse_changed()
                raise OvertakenError
            self._unchecked = None
            self._is_proven = copy is not None and (copy.chain, copy.sequence) == (kept.chain, kept.sequence)


def _is_newer(copy: Position, kept: Position) -> bool:
    """Return whether the copy of a position counts instead of the record. An earlier version counted no commits."""
    return copy.chain == kept.chain and copy.sequence > kept.sequence > 0


def opened_for(ledger: Ledger, store: Store, name: StreamName, destinations: Iterable[str]) -> OpenStream | None:
    """Return a stream, with the copy of its position if a destination has shipped beyond the position of the record.

    That happens if a task was frozen before it wrote its position, so that its late write replaced a newer one.

    :return: None if the stream has no position yet.
    :raises StopError: a record holds something else.
    """
    opened = open_stream(ledger, store, name)
    for offset in map(opened.offset, destinations) if opened else ():
        if opened and offset and offset.segment > opened.head.number and not is_at_end(offset, opened.head):
            position = PositionWriter(ledger, name).load()
            return replace(opened, position=position) if position else opened
    return opened
