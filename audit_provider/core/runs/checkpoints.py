"""Make the checkpoints of a pipeline's streams: grow their trees, sign the roots, and keep them as evidence.

If the witness has not signed a checkpoint, a report sends it again, once an hour. A growing stream does not need this,
because its next checkpoint covers the last one; a backfill window no longer grows. The spool holds a mark for each such
stream, because tasks cannot list the ledger's records::

    <pipeline>/tree/unwitnessed/<stream>

If a mark is lost, only a cosignature is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, AuditError, SpoolDamagedError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, text_of
from audit_provider.core.runs.configurations import digest_of
from audit_provider.core.runs.own_streams import CHECKPOINT_ACTION, evidence_event, spool_evidence
from audit_provider.core.spool import Head
from audit_provider.core.spool.id_index import IdIndex, IndexHead
from audit_provider.core.streams.open_stream import OpenStream, open_stream
from audit_provider.core.transparency.checkpoint import Checkpoint
from audit_provider.core.transparency.merkle import consistency_proof
from audit_provider.core.transparency.tree import (
    TREE,
    SegmentRange,
    TreeFiles,
    TreeHead,
    TreeReader,
    grow,
    leaves_of,
    standing,
    tree_record,
)
from audit_provider.core.transparency.witness import Signer, Witness, cosigned

if TYPE_CHECKING:
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Store
    from audit_provider.core.transparency.checkpoint import Note

EVERY = timedelta(hours=1)
"""How old the last checkpoint of a stream that grows must be before the next one is made."""

GROWING_TIME = timedelta(minutes=10)
"""How long one report grows trees before it leaves the rest to the next one."""

WITNESS_TIME = timedelta(minutes=1)
"""How long all requests of one report to the witness may take; the remaining streams get no cosignature."""


def origin_of_log(name: str, folder: str, chain: str, generation: int) -> str:
    """Return the origin of the log of a stream.

    :param name: of the signer. :param folder: of the stream in the spool.
    """
    again = f"/{generation}" if generation else ""
    return f"{name}/{folder}/{chain or 'unnamed'}{again}"


@dataclass(frozen=True)
class Checkpoints:
    """Makes the checkpoints of some streams of a pipeline.

    :ivar destinations: names of those whose progress a checkpoint records. :ivar every: see :data:`EVERY`.
    """

    ledger: Ledger
    store: Store
    pipeline: str
    destinations: Sequence[str]
    signer: Signer
    log: Log
    now: Callable[[], datetime]
    every: timedelta = EVERY

    def make(self, names: Iterable[StreamName]) -> int:
        """Grow the trees of some streams, keep a checkpoint of each that is due as evidence, and return how many.

        :raises AuditError: the spool or a record cannot be read or written.
        """
        over_at = self.now() + GROWING_TIME
        witness = self.signer.witness and self.signer.witness.patient_for(WITNESS_TIME, self.now)
        made: list[Event] = []
        grown: list[tuple[StreamName, TreeHead]] = []
        indexed: list[tuple[OpenStream, IndexHead]] = []
        names = list(names)
        for name in names:
            # Each checkpoint makes the evidence grow, so growth of the evidence alone is no reason for another one.
            if name.is_evidence and not made:
                continue
            opened = open_stream(self.ledger, self.store, name)
            if opened is None or not opened.head.number or opened.lost_head():
                continue
            tree, why = self._grown(opened, over_at)
            indexed.append((opened, tree.index))
            if tree.leaves > 0 and self._is_due(name, tree):
                now = self.now()
                checkpoint = self._checkpoint(opened, tree)
                note, unsigned = self._cosigned(opened, tree, checkpoint, witness, known=tree.size)
                made.append(self._event(opened, tree, checkpoint, note, unsigned, why, now))
                since = (tree.unwitnessed_since or now) if unsigned else None
                new = replace(tree, size=tree.leaves, root=checkpoint.root.hex(), made_at=now, unwitnessed_since=since)
                grown.append((name, new))
            elif witness is None and tree.unwitnessed_since:
                # The witness was removed from the settings, so its signature is no longer missing.
                grown.append((name, replace(tree, unwitnessed_since=None)))
        if witness and any(name.is_live for name in names):
            for event, late in self._cosigned_late(witness, {name for name, _ in grown}):
                made.append(event)
                grown.append(late)
        if made:
            spool_evidence(self.ledger, self.store, self.pipeline, made, self.now())
        for name, tree in grown:
            record = tree_record(self.ledger, name)
            before = record.load()
            record.commit(tree)
            self._note(name, before, tree)
        for opened, index in indexed:
            self._index(opened, index, over_at)
        return len(made)

    def _grown(self, opened: OpenStream, over_at: datetime) -> tuple[TreeHead, str]:
        record = tree_record(self.ledger, opened.name)
        stream = opened.stream
        tree, why = standing(stream, opened.chain, opened.head, record.load())
        if why:
            self.log.warning("The log of %s starts over: %s.", opened.name.folder, why)
        files = TreeFiles(self.store, opened.name.folder, opened.chain, tree.generation)
        for grown in grow(stream, opened.head, tree, files, over=lambda: self.now() >= over_at):
            record.commit(grown)
            tree = grown
        return tree, why

    def _index(self, opened: OpenStream, index: IndexHead, over_at: datetime) -> None:
        """Grow the index of ids. It is optional: without it, the search reads manifests."""
        record = tree_record(self.ledger, opened.name)
        ids = IdIndex(self.store, opened.name.folder, opened.chain)
        try:
            for grown in ids.grow(opened.stream, opened.head, index, over=lambda: self.now() >= over_at):
                tree = record.load()
                if tree is None or tree.chain != opened.chain:
                    return
                record.commit(replace(tree, index=grown))
        except AuditError as error:
            self.log.warning("The index of the ids of %s is not complete: %s", opened.name.folder, error)

    def _is_due(self, name: StreamName, tree: TreeHead) -> bool:
        if tree.leaves == tree.size:
            return False
        # A backfill window is reported once, when it is loaded.
        return (
            name.is_backfill
            or name.is_evidence
            or tree.made_at is None
            or not timedelta(0) <= self.now() - tree.made_at < self.every
        )

    def _checkpoint(self, opened: OpenStream, tree: TreeHead) -> Checkpoint:
        origin = origin_of_log(self.signer.name, opened.name.folder, opened.chain, tree.generation)
        return Checkpoint(origin, tree.leaves, tree.range.root)

    def _cosigned(
        self, opened: OpenStream, tree: TreeHead, checkpoint: Checkpoint, witness: Witness | None, *, known: int
    ) -> tuple[Note, str]:
        """Return the signed checkpoint, and why the witness did not cosign it; "" if it did, or if there is no witness.

        :param known: size of the checkpoint that the witness is thought to have.
        """
        note = checkpoint.signed(self.signer.keys)
        if witness is None:
            return note, ""
        files = TreeFiles(self.store, opened.name.folder, opened.chain, tree.generation)

        def leaves(segment: SegmentRange) -> list[bytes]:
            return leaves_of(opened.stream, opened.stream.manifest(Head(segment.number, segment.digest)))

        def proof(old: int) -> list[bytes]:
            return consistency_proof(old, checkpoint.size, TreeReader(files.all(), leaves).subtree)

        try:
            return cosigned(note, checkpoint.size, witness.key, witness.send, known=known, proof=proof), ""
        except AuditError as error:
            self.log.warning("The checkpoint of %s has no cosignature: %s", opened.name.folder, error)
            return note, str(error)

    def _cosigned_late(
        self, witness: Witness, made: Collection[StreamName]
    ) -> Iterator[tuple[Event, tuple[StreamName, TreeHead]]]:
        """Yield the last checkpoints that the witness signs only now, each with the tree head to record.

        :param made: streams for which this report makes a newer checkpoint.
        """
        marks = Unwitnessed(self.store, self.pipeline, self.now)
        for name in marks.due(self.every):
            opened = open_stream(self.ledger, self.store, name)
            tree = tree_record(self.ledger, name).load()
            if name in made or opened is None or tree is None:
                continue
            if (tree.chain, tree.head, tree.leaves) != (opened.chain, opened.head, tree.size):
                # The stream has grown, so its next checkpoint will be a newer one.
                continue
            checkpoint = self._checkpoint(opened, tree)
            note, unsigned = self._cosigned(opened, tree, checkpoint, witness, known=0)
            if unsigned:
                marks.mark(name)
                continue
            now = self.now()
            event = self._event(opened, tree, checkpoint, note, "", "", now)
            yield event, (name, replace(tree, made_at=now, unwitnessed_since=None))

    def _note(self, name: StreamName, before: TreeHead | None, tree: TreeHead) -> None:
        """Mark a stream whose last checkpoint no witness has signed, so that the witness is asked again.

        Without a witness, only backfill windows are marked, for a witness that may be configured later.
        """
        marks = Unwitnessed(self.store, self.pipeline, self.now)
        if tree.unwitnessed_since or (name.is_backfill and not self.signer.witness):
            marks.mark(name)
        elif name.is_backfill or (before and before.unwitnessed_since):
            marks.unmark(name)

    def _event(
        self,
        opened: OpenStream,
        tree: TreeHead,
        checkpoint: Checkpoint,
        note: Note,
        unsigned: str,
        why: str,
        now: datetime,
    ) -> Event:
        record: dict[str, Any] = {
            "action": CHECKPOINT_ACTION,
            "kind": "checkpoint",
            "subject": opened.name.folder,
            "pipeline": self.pipeline,
            "chain": opened.chain,
            "generation": tree.generation,
            "before": tree.before,
            "segment": tree.head.number,
            "manifest": tree.head.digest,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "checkpoint": str(note),
            "signed": bool(note.signatures),
            "keys": [each.public.verifier(checkpoint.origin) for each in self.signer.keys],
            "destinations": {each: _progress(opened.offset(each)) for each in self.destinations},
        }
        if self.signer.witness:
            key = self.signer.witness.key
            record["witness"] = {"key": str(key), "cosigned_at": key.cosigned_at(note), "why_not": unsigned}
        if why:
            record["begins_anew"] = why
        # The name contains the note, so that two checkpoints are two events even if the clock shows the same time.
        name = hashlib.sha256(f"{note}{text_of(now)}".encode()).hexdigest()[:32]
        return evidence_event(f"checkpoint-{name}", now, record)


def _progress(offset: Offset | None) -> dict[str, Any] | None:
    """Return a destination's progress as a checkpoint records it; None if it has not begun with the chain."""
    if offset is None:
        return None
    counts = offset.counts
    return {
        "segment": offset.segment,
        "index": offset.index,
        "delivered": counts.delivered,
        "already_there": counts.already_there,
        "set_aside": counts.set_aside,
        "filtered": counts.filtered,
        "last_success": offset.last_success,
        "configuration": digest_of(offset.configuration) if offset.configuration else None,
    }


_NEVER = datetime.max.replace(tzinfo=UTC)
"""A time in the future, as from a clock that was ahead: the mark is due at once."""


@dataclass(frozen=True, slots=True)
class Unwitnessed:
    """The marks of one pipeline."""

    store: Store
    pipeline: str
    now: Callable[[], datetime]

    def mark(self, name: StreamName) -> None:
        """Note that the last checkpoint of a stream has no cosignature, and the time of this attempt to get one."""
        self.store.put(self._key(name), msgspec.json.encode(self.now()))

    def unmark(self, name: StreamName) -> None:
        """Remove the mark of a stream: its last checkpoint is signed."""
        self.store.delete(self._key(name))

    def due(self, every: timedelta) -> list[StreamName]:
        """Return the marked streams about which the witness was not asked for the given time.

        :raises UnavailableError: the spool cannot be read.
        """
        found: list[StreamName] = []
        for below in self.store.names(self._folder):
            name = StreamName.of_folder(self.pipeline, below)
            if name is not None and not timedelta(0) <= self.now() - self._asked_at(name) < every:
                found.append(name)
        return found

    def _asked_at(self, name: StreamName) -> datetime:
        try:
            asked = msgspec.json.decode(self.store.get(self._key(name)), type=datetime)
        except (SpoolDamagedError, *UNREADABLE):
            return _NEVER
        return asked if asked.tzinfo else _NEVER

    def _key(self, name: StreamName) -> str:
        return f"{self._folder}{name.folder.partition('/')[2]}"

    @property
    def _folder(self) -> str:
        return f"{self.pipeline}/{TREE}/unwitnessed/"
