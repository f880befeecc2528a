"""Find the checkpoint that covers an event, and prove that the event is in the log."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from audit_provider.core.errors import UNREADABLE, ConfigurationError, SpoolDamagedError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import back_by
from audit_provider.core.runs.applied_filters import FilterChange, change_in
from audit_provider.core.runs.configurations import digest_of
from audit_provider.core.runs.event_search import outlines_of
from audit_provider.core.runs.own_streams import CHECKPOINT_ACTION
from audit_provider.core.spool import Head, Stream
from audit_provider.core.spool.segment import line_of
from audit_provider.core.streams.open_stream import open_stream
from audit_provider.core.transparency.checkpoint import EventProof
from audit_provider.core.transparency.merkle import inclusion_proof
from audit_provider.core.transparency.tree import SegmentRange, TreeFiles, TreeReader, leaves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.runs.event_search import FoundEvent
    from audit_provider.core.spool import Store
    from audit_provider.core.spool.manifests import Outline
    from audit_provider.core.streams.open_stream import OpenStream

_CLOCKS_APART = timedelta(days=1)
"""Largest difference of two workers' clocks: a checkpoint may be dated this much before an event that it covers."""

_AT_ONCE = 8
"""Segments of evidence that are read at the same time: a read from a bucket is mostly waiting."""


class Passed(msgspec.Struct, frozen=True):
    """A destination's progress at a checkpoint: its next event was number ``index`` of ``segment``.

    :ivar configuration: digest of its configuration, None if it was not known.
    """

    segment: int
    index: int
    configuration: str | None = None


class KeptCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint as the stream of evidence holds it. :ivar subject: the folder of its stream."""

    time: datetime
    action: str = ""
    subject: str = ""
    chain: str = ""
    generation: int = 0
    before: int = 0
    size: int = 0
    checkpoint: str = ""
    signed: bool = False
    destinations: dict[str, Passed | None] = {}


class Evidence:
    """The checkpoints of a pipeline and the changes of filters, in the order in which they were made.

    A year has thousands of them, so for one event only those since it was spooled are read, up to the first that
    answers. If the ledger has no record, the newest manifest of the stream counts.
    :raises AuditError: from each method: the spool or a record cannot be read.
    """

    def __init__(self, ledger: Ledger, store: Store, pipeline: str) -> None:
        self._store = store
        self._segments: list[tuple[Stream, Outline]] = []
        for stream, known in _chains_of(ledger, store, StreamName.of_evidence(pipeline)):
            found = list(outlines_of(ledger, store, stream, known, lambda *_: True, lambda _: True))
            self._segments += [(stream, each) for each in reversed(found)]
        self._read: dict[str, list[KeptCheckpoint | FilterChange]] = {}

    def covering(self, found: FoundEvent) -> KeptCheckpoint | None:
        """Return the first checkpoint of the last generation that covers an event; None if none does yet.

        If the clock was ahead when the event was spooled, it may be a later checkpoint than the first.
        """
        covering: KeptCheckpoint | None = None
        newest = self._newest_generation(found)
        last = 0
        for each in self._since(found):
            if each.generation > last:
                last, covering = each.generation, None
            if covering is None and each.generation == last and 0 <= found.place - each.before < each.size:
                covering = each
                if last >= newest:
                    break
        return covering

    def passing(self, found: FoundEvent, destination: str) -> tuple[datetime | None, datetime | None]:
        """Return the last time before, and the first time after, a destination reached an event; None if not known."""
        place = (found.head.number, found.index)
        not_yet = None
        for each in self._since(found):
            reached = each.destinations.get(destination)
            if reached is not None and (reached.segment, reached.index) > place:
                return not_yet, each.time
            not_yet = each.time
        return not_yet, None

    def filter_changes(self, found: FoundEvent, destination: str, offset: Offset) -> list[FilterChange]:
        """Return the changes of a destination's configuration that say under which filters it passed an event.

        They end with the first change after that, or with a checkpoint at which the destination had passed the event
        under the configuration of its offset.
        """
        if not offset.configuration:
            return []
        place, written_at = (found.head.number, found.index), found.manifest.written_at
        now = digest_of(offset.configuration)
        changes = []
        for each in self._all_since(found):
            if isinstance(each, FilterChange):
                if each.destination == destination and each.stream in ("", found.name.folder):
                    changes.append(each)
                    if each.side_of(found.chain, offset.again, place, written_at) == "before":
                        break
            elif (each.subject, each.chain) == (found.name.folder, found.chain):
                reached = each.destinations.get(destination)
                if reached and reached.configuration == now and (reached.segment, reached.index) > place:
                    break
        return changes

    def _newest_generation(self, found: FoundEvent) -> int:
        return max(TreeFiles.generations(self._store, found.name.folder, found.chain), default=0)

    def _since(self, found: FoundEvent) -> Iterator[KeptCheckpoint]:
        """Yield the checkpoints of an event's chain since it was spooled, allowing for clocks that differ."""
        for each in self._all_since(found):
            if isinstance(each, KeptCheckpoint) and (each.subject, each.chain) == (found.name.folder, found.chain):
                yield each

    def _all_since(self, found: FoundEvent) -> Iterator[KeptCheckpoint | FilterChange]:
        floor = back_by(found.manifest.written_at, _CLOCKS_APART)
        begin = next((place for place, (_, each) in enumerate(self._segments) if each.written_at >= floor), 0)
        for place in range(begin, len(self._segments), _AT_ONCE):
            yield from self._in(self._segments[place : place + _AT_ONCE])

    def _in(self, segments: Sequence[tuple[Stream, Outline]]) -> Iterator[KeptCheckpoint | FilterChange]:
        missing = [(stream, each) for stream, each in segments if each.name not in self._read]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for name, own in pool.map(_read_segment, missing):
                self._read[name] = own
        for _, each in segments:
            yield from self._read[each.name]


def _read_segment(segment: tuple[Stream, Outline]) -> tuple[str, list[KeptCheckpoint | FilterChange]]:
    stream, outline = segment
    found: list[KeptCheckpoint | FilterChange] = []
    for event in stream.events(stream.manifest(outline.head)):
        checkpoint = _checkpoint(event)
        if checkpoint and checkpoint.action == CHECKPOINT_ACTION:
            found.append(checkpoint)
        elif change := change_in(event):
            found.append(change)
    return outline.name, found


def _chains_of(ledger: Ledger, store: Store, name: StreamName) -> Iterator[tuple[Stream, OpenStream | None]]:
    """Yield the chains of a stream, ended ones first, each with the ledger's record if it is the current one."""
    opened = open_stream(ledger, store, name)
    for chain in store.folders(f"{name.folder}/"):
        yield Stream(store, name.folder, chain), opened if opened and chain == opened.chain else None


def evidence_of(ledger: Ledger, store: Store, pipeline: str) -> Iterator[Event]:
    """Yield the events of a pipeline's stream of evidence, those of ended chains first.

    :raises AuditError: the spool or a record cannot be read.
    """
    for stream, known in _chains_of(ledger, store, StreamName.of_evidence(pipeline)):
        if known:
            head = known.head
        else:
            outlines = stream.outlines(None, lambda _: False)
            head = outlines[0].head if outlines else Head()
        if head.number:
            for _, events in stream.read(head, stream.oldest()):
                yield from events


class _HasAction(Protocol):
    @property
    def action(self) -> str: ...


Kept = TypeVar("Kept", bound=_HasAction)


def evidence_with(
    ledger: Ledger, store: Store, pipeline: str, action: str, kind: type[Kept]
) -> Iterator[tuple[datetime, Kept]]:
    """Yield the evidence of a pipeline that has an action, each with its time.

    :param kind: as what it is decoded. Evidence that cannot be decoded so is of another kind.
    :raises AuditError: the spool or a record cannot be read.
    """
    decode = msgspec.json.Decoder(kind).decode
    for event in evidence_of(ledger, store, pipeline):
        try:
            found = decode(event.raw)
        except UNREADABLE:
            continue
        if found.action == action:
            yield event.time, found


def _checkpoint(event: Event) -> KeptCheckpoint | None:
    try:
        return _decoder.decode(event.raw)
    except UNREADABLE:
        return None  # evidence of another kind


def prove(store: Store, found: FoundEvent, evidence: Evidence) -> EventProof:
    """Return the proof of an event.

    :raises ConfigurationError: no checkpoint covers it yet.
    :raises SpoolDamagedError: a segment or a file that the proof needs is missing or is not what was written.
    """
    kept = evidence.covering(found)
    if kept is None:
        raise ConfigurationError(
            f"no checkpoint covers {found.event.id} yet: the report makes one when the last is an hour old."
        )
    place = found.place - kept.before
    files = TreeFiles(store, found.name.folder, found.chain, kept.generation)
    stream = found.stream

    def leaves(segment: SegmentRange) -> list[bytes]:
        return leaves_of(stream, stream.manifest(Head(segment.number, segment.digest)))

    path = inclusion_proof(place, kept.size, TreeReader(files.all(), leaves).subtree)
    proof = EventProof(
        line=line_of(found.event).decode(),
        place=place,
        path=_texts(path),
        checkpoint=kept.checkpoint,
    )
    try:
        proof.check(())
    except Exception as error:
        raise SpoolDamagedError(
            f"the tree of {found.name.folder} does not lead to its checkpoint: run 'audit-logs verify --checkpoints' "
            f"with checkpoints that were kept elsewhere, and restore the folder 'tree' of the spool."
        ) from error
    return proof


def _texts(hashes: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in hashes]


_decoder = msgspec.json.Decoder(KeptCheckpoint)
