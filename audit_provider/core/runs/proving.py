"""What the evidence says of one event: the checkpoint that covers it, and the proof that it is there."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, ConfigurationError, SpoolDamagedError
from audit_provider.core.open_stream import open_stream
from audit_provider.core.runs.evidence_events import CHECKPOINT_ACTION
from audit_provider.core.spool import Head, Stream
from audit_provider.core.spool.segment import line_of
from audit_provider.core.stream_name import StreamName
from audit_provider.core.transparency.merkle import inclusion_proof
from audit_provider.core.transparency.proof import EventProof
from audit_provider.core.transparency.tree import SegmentRange, TreeFiles, TreeReader, leaves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.model import Event
    from audit_provider.core.runs.event_search import FoundEvent
    from audit_provider.core.spool import Store


class Passed(msgspec.Struct, frozen=True):
    """How far a destination was when a checkpoint was made: the next event was ``index`` of ``segment``."""

    segment: int
    index: int


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


@dataclass(frozen=True, slots=True)
class Evidence:
    """The checkpoints of a pipeline, in the order in which they were made."""

    checkpoints: Sequence[KeptCheckpoint] = ()

    @classmethod
    def of(cls, ledger: Ledger, store: Store, pipeline: str) -> Evidence:
        """Return what the stream of evidence of a pipeline holds.

        Without a record of the ledger its newest manifest counts.

        :raises AuditError: the spool or a record cannot be read.
        """
        return cls(
            [
                record
                for event in evidence_of(ledger, store, pipeline)
                if (record := _checkpoint(event)) and record.action == CHECKPOINT_ACTION
            ]
        )

    def of_chain(self, found: FoundEvent) -> list[KeptCheckpoint]:
        """Return the checkpoints of the chain that holds an event."""
        return [each for each in self.checkpoints if (each.subject, each.chain) == (found.name.folder, found.chain)]

    def covering(self, found: FoundEvent) -> KeptCheckpoint | None:
        """Return the first checkpoint of the last generation that covers an event; None where none does yet."""
        own = self.of_chain(found)
        last = max((each.generation for each in own), default=0)
        return next(
            (each for each in own if each.generation == last and 0 <= found.place - each.before < each.size), None
        )

    def passing(self, found: FoundEvent, destination: str) -> tuple[datetime | None, datetime | None]:
        """Return when a destination had not got so far as an event yet, and when it first had; None where none says."""
        place = (found.head.number, found.index)
        not_yet = None
        for each in self.of_chain(found):
            reached = each.destinations.get(destination)
            if reached is not None and (reached.segment, reached.index) > place:
                return not_yet, each.time
            not_yet = each.time
        return not_yet, None


def evidence_of(ledger: Ledger, store: Store, pipeline: str) -> Iterator[Event]:
    """Yield the events of a pipeline's stream of evidence, those of chains that ended first.

    :raises AuditError: the spool or a record cannot be read.
    """
    name = StreamName.of_evidence(pipeline)
    opened = open_stream(ledger, store, name)
    current = opened.chain if opened else None
    for chain in store.folders(f"{name.folder}/"):
        stream = Stream(store, name.folder, chain)
        if opened and chain == current:
            head = opened.head
        else:
            outlines = stream.outlines(None, lambda _: False)
            head = outlines[0].head if outlines else Head()
        if head.number:
            for _, events in stream.read(head, stream.oldest()):
                yield from events


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
