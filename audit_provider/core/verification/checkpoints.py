"""Compare checkpoints that were kept elsewhere with the spool."""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from audit_provider.core.errors import AuditError, ConfigurationError, ProtocolError, SpoolDamagedError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.spool import Head, Stream
from audit_provider.core.transparency.checkpoint import Checkpoint, Note
from audit_provider.core.transparency.merkle import Range, range_of
from audit_provider.core.transparency.tree import SegmentRange, TreeFiles, TreeReader, leaves_of, packed

if TYPE_CHECKING:
    from pathlib import Path

    from audit_provider.core.spool import Store
    from audit_provider.core.spool.manifests import Reached
    from audit_provider.core.transparency.checkpoint import Verifier

Agreement = Literal["agrees", "differs", "is longer", "is of no log here", "cannot be compared", "is not signed"]

_WRITTEN = re.compile(r"[^\n]+\n[0-9]+\n[A-Za-z0-9+/]{43}=\n(?:[^\n]+\n)*(?:\n(?:\N{EM DASH} [^\n]+\n)+)?")
_CHAIN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]+|unnamed")
_MOST_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Log:
    """The log of the spool that an origin names."""

    folder: str
    chain: str
    generation: int = 0

    @classmethod
    def of(cls, origin: str) -> Log | None:
        """Return the log of an origin; None if it is not an origin that this package gives."""
        parts = origin.split("/")
        generation = 0
        if len(parts) > 4 and re.fullmatch(r"[1-9][0-9]*", parts[-1]) and _CHAIN.fullmatch(parts[-2]):
            generation = int(parts.pop())
        if len(parts) < 4 or not _CHAIN.fullmatch(parts[-1]) or StreamName.of_folder(parts[-3], parts[-2]) is None:
            return None
        chain = "" if parts[-1] == "unnamed" else parts[-1]
        return cls(f"{parts[-3]}/{parts[-2]}", chain, generation)


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A compared checkpoint. :ivar root: hexadecimal. :ivar keys: those of the given public keys that have signed it.

    :ivar wrong: a sentence without its full stop if it does not agree, else "".
    """

    origin: str
    size: int
    root: str
    agreement: Agreement
    keys: tuple[str, ...] = ()
    wrong: str = ""

    def __str__(self) -> str:
        return f"the checkpoint of {self.origin} with {self.size:,} events {self.agreement}: {self.wrong}"


def notes_in(content: bytes) -> list[Note]:
    """Return the checkpoints in a file of notes, or of JSON records, one per line or all in one document.

    A record may hold them at any depth, also in a string that is JSON itself, as search products export events. Each
    checkpoint is returned once.

    :param content: of the file, as it is or compressed by gzip.
    :raises ConfigurationError: it holds none.
    """
    try:
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except (OSError, EOFError, UnicodeDecodeError):
        raise ConfigurationError("the file of checkpoints is no text: give notes, or records in JSON.") from None
    found = [*_notes(text), *_within(text, _MOST_DEPTH)]
    for line in text.splitlines():
        found += _within(line, _MOST_DEPTH)
    if not found:
        raise ConfigurationError("the file holds no checkpoint: give signed notes, or records in JSON that hold them.")
    return list({str(each): each for each in found}.values())


def compare_checkpoints(
    store: Store, notes: Iterable[Note], heads: Mapping[tuple[str, str], Head], keys: Sequence[Verifier] = ()
) -> list[VerifiedCheckpoint]:
    """Compare checkpoints with the events that the spool holds.

    Every kept segment is read again. The hashes that are kept beside the streams are used only for removed segments.
    :param heads: heads of chains, by the stream's folder and the chain's name; for other chains, the newest manifest
        counts.
    :param keys: each checkpoint must be signed by one of these; empty to check no signatures.
    :raises AuditError: the spool cannot be read.
    """
    by_log: dict[Log | None, list[tuple[Checkpoint, Note]]] = defaultdict(list)
    for note in notes:
        checkpoint = Checkpoint.of(note.text)
        by_log[Log.of(checkpoint.origin)].append((checkpoint, note))
    found: list[VerifiedCheckpoint] = []
    for log, some in by_log.items():
        some.sort(key=lambda each: each[0].size)
        roots = _roots(store, log, [checkpoint.size for checkpoint, _ in some], heads) if log else {}
        found += [_compared(checkpoint, note, roots, log, keys) for checkpoint, note in some]
    return found


def _compared(
    checkpoint: Checkpoint,
    note: Note,
    roots: Mapping[int, bytes | tuple[Agreement, str]],
    log: Log | None,
    keys: Sequence[Verifier],
) -> VerifiedCheckpoint:
    signers: list[Verifier] = []
    agreement: Agreement = "agrees"
    wrong = ""
    try:
        signers = note.signed_by(keys, checkpoint.origin)
    except ProtocolError as error:
        agreement, wrong = "is not signed", str(error).rstrip(".")
    if log is None:
        agreement, wrong = "is of no log here", "its name is none that this package gives"
    elif wrong == "":
        met = roots[checkpoint.size]
        if isinstance(met, tuple):
            agreement, wrong = met
        elif met != checkpoint.root:
            agreement = "differs"
            wrong = f"the events that the spool holds have the root {met.hex()}: some of them were changed"
        elif keys and not signers:
            agreement, wrong = "is not signed", "none of the keys that were given has signed it"
    shown = tuple(map(str, signers))
    return VerifiedCheckpoint(checkpoint.origin, checkpoint.size, checkpoint.root.hex(), agreement, shown, wrong)


def _roots(
    store: Store, log: Log, sizes: Sequence[int], heads: Mapping[tuple[str, str], Head]
) -> dict[int, bytes | tuple[Agreement, str]]:
    """Return the root of a log's events at each size, or the reason why it cannot be computed."""
    stream = Stream(store, log.folder, log.chain)
    try:
        head = heads.get((log.folder, log.chain))
        if head is None:
            outlines = stream.outlines(None, lambda _: False)
            head = outlines[0].head if outlines else Head()
        if not head.number:
            return dict.fromkeys(sizes, ("is of no log here", "the spool holds nothing of it"))
        reader, leaves = _reader(store, stream, log, head)
    except SpoolDamagedError as error:
        return dict.fromkeys(sizes, ("cannot be compared", str(error).rstrip(".")))
    found: dict[int, bytes | tuple[Agreement, str]] = {}
    for size in sizes:
        try:
            found[size] = (
                reader.subtree(0, size)
                if size <= leaves
                else ("is longer", f"the spool holds {leaves:,} events of it: the last ones are missing")
            )
        except SpoolDamagedError as error:
            found[size] = "cannot be compared", str(error).rstrip(".")
    return found


def _reader(store: Store, stream: Stream, log: Log, head: Head) -> tuple[TreeReader, int]:
    """Return a reader of a log's hashes, computed from its events, and the number of events."""
    oldest = stream.oldest()
    try:
        kept = TreeFiles(store, log.folder, log.chain, log.generation).all()
    except AuditError:
        # They are needed only for removed segments.
        kept = []
    removed = [each for each in kept if each.number < oldest]
    first = kept[0].number if kept else 1
    if first < oldest and (not removed or removed[-1].number != oldest - 1):
        raise SpoolDamagedError(
            f"the segments before {oldest} of {stream} are no longer kept, and neither are their hashes below "
            f"'{log.folder.partition('/')[0]}/tree'."
        )
    ranges = list(removed)
    reached: dict[int, Reached] = {}
    whole = removed[-1].end if removed else 0
    for each in stream.reached(head, max(first, oldest)):
        own: Range = range_of(leaves_of(stream, each.manifest), whole)
        whole = own.end
        ranges.append(SegmentRange(each.head.number, each.head.digest, whole, packed(own.hashes)))
        reached[each.head.number] = each

    def leaves(segment: SegmentRange) -> list[bytes]:
        if segment.number not in reached:
            raise SpoolDamagedError(f"segment {segment.number} of {stream} is no longer kept.")
        return leaves_of(stream, reached[segment.number].manifest)

    return TreeReader(ranges, leaves), whole


def _notes(text: str) -> Iterator[Note]:
    for match in _WRITTEN.finditer(text):
        try:
            note = Note.of(match[0])
            Checkpoint.of(note.text)
        except ProtocolError:
            continue
        yield note


def _within(text: str, depth: int) -> Iterator[Note]:
    """Yield the checkpoints in a JSON text."""
    if not depth or text.lstrip()[:1] not in ("{", "["):
        return
    try:
        waiting: list[Any] = [msgspec.json.decode(text)]
    except (msgspec.DecodeError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield from _notes(value)
            yield from _within(value, depth - 1)


def notes_of_objects(store: Store) -> list[Note]:
    """Return the checkpoints in the objects of a bucket, such as those that a destination has written.

    :raises ConfigurationError: no object holds one. :raises AuditError: the bucket cannot be read.
    """
    found: dict[str, Note] = {}
    for key in store.keys(""):
        try:
            notes = notes_in(store.get(key))
        except ConfigurationError:
            continue  # it holds other events, or is in another form
        found |= {str(each): each for each in notes}
    if not found:
        raise ConfigurationError(f"no object of {store} holds a checkpoint: name the destination's bucket and prefix.")
    return list(found.values())


def read_notes(path: Path) -> list[Note]:
    """Return the checkpoints in a file.

    :raises ConfigurationError: it cannot be read, or holds none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): name another file.") from None
    return notes_in(content)
