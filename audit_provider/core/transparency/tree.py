"""The Merkle tree of a chain of segments, with one leaf per event, made after the event's segment is committed.

The tree costs nothing while events are read: the report makes it grow, from segments that the chain proves. The leaf of
an event is its line in the segment. The *range* of each segment, some hundred bytes, is kept beside the streams::

    <pipeline>/tree/<stream>/<chain>/<generation>/<number of the first segment>.json

So a proof needs only the segment of its event and these files, even if other segments are no longer kept. The files
prove nothing by themselves: a proof is valid only if it leads to the root of a checkpoint. The ledger keeps how far a
tree has grown. If a late run has replaced segments of a tree, a new *generation* of the tree begins, with its own
origin, because a log must never state two roots for one size.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.ledger.records import Record
from audit_provider.core.ledger.stream_name import RecordKey
from audit_provider.core.spool import Head
from audit_provider.core.spool.id_index import IndexHead
from audit_provider.core.text.state_version import STATE_VERSION, Codec, refuse_newer
from audit_provider.core.transparency.merkle import HASH_BYTES, Range, leaf_hashes, range_of, spans

if TYPE_CHECKING:
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.ledger.stream_name import StreamName
    from audit_provider.core.spool import Manifest, Store, Stream

TREE = "tree"
"""The folder of a pipeline that holds the ranges of its streams' trees."""

BLOCK_BYTES = 64 * 1024
"""Bytes after which a file of ranges is full and the next one begins."""

_LEAVES_KEPT = 4
_NAME = re.compile(r"([0-9]{12})\.json")


@dataclass(frozen=True, slots=True)
class TreeHead:
    """How far the tree of a stream has grown.

    :ivar chain: of segments. :ivar generation: from 0; it increases each time segments of the tree were replaced.
    :ivar head: the last segment in the tree. :ivar before: events of the chain before the first leaf, which were
        removed before the tree began. :ivar block: number of the first segment in the last file of ranges, 0 if there
        is none.
    :ivar hashes: of the range from the first leaf to the last, in base64.
    :ivar size: of the last checkpoint, and :ivar made_at: when it was made; None if there is none.
    :ivar root: of the last checkpoint, hexadecimal.
    :ivar unwitnessed_since: since when the witness has not signed a checkpoint of the stream; None if it has signed the
        last one, or there is no witness.
    :ivar index: how far the index of the segments' ids reaches; the same report writes it.
    :ivar version: of the record, see ``state_version``.
    """

    chain: str
    generation: int = 0
    head: Head = field(default_factory=Head)
    before: int = 0
    block: int = 0
    hashes: str = ""
    size: int = 0
    root: str = ""
    made_at: datetime | None = None
    unwitnessed_since: datetime | None = None
    index: IndexHead = field(default_factory=IndexHead)
    version: int = 1

    @property
    def leaves(self) -> int:
        """How many leaves the tree has."""
        return self.head.total - self.before

    @property
    def range(self) -> Range:
        """All leaves of the tree.

        :raises SpoolDamagedError: their hashes cannot be read.
        """
        return _range(0, self.leaves, self.hashes, "the record of how far the tree has grown")


TREES: Codec[TreeHead] = Codec(
    TreeHead, "how far a tree has grown", "restore it, or delete it to begin another tree", versioned=True
)


def tree_record(ledger: Ledger, name: StreamName) -> Record[TreeHead]:
    """Return the record of how far the tree of a stream has grown."""
    return Record(ledger, RecordKey("tree", name), TREES, f"Merkle tree of {name.folder}; written by its report.")


class SegmentRange(msgspec.Struct, frozen=True):
    """The range of one segment. :ivar digest: of its manifest. :ivar end: leaves of the whole tree up to its last one.

    :ivar hashes: in base64.
    """

    number: int
    digest: str
    end: int
    hashes: str


class _Block(msgspec.Struct, frozen=True):
    begin: int
    segments: list[SegmentRange]
    version: int = 1


class TreeFiles:
    """The ranges of one generation of a tree.

    :param folder: of the stream in the spool.
    """

    def __init__(self, store: Store, folder: str, chain: str, generation: int = 0) -> None:
        self._store = store
        pipeline, _, stream = folder.partition("/")
        self._folder = f"{pipeline}/{TREE}/{stream}/{chain or 'unnamed'}/{generation}/"

    def put(self, first: int, begin: int, segments: Sequence[SegmentRange]) -> int:
        """Keep a file of ranges, durably, and return its size in bytes.

        :param first: number of its first segment. :param begin: place of the first leaf.
        """
        content = msgspec.json.encode(_Block(begin, list(segments), STATE_VERSION))
        self._store.put(self._key(first), content)
        return len(content)

    def get(self, first: int) -> tuple[int, list[SegmentRange]]:
        """Return the place of the first leaf in a file, and its ranges.

        :raises SpoolDamagedError: it is missing or has no ranges. :raises StopError: it is from a newer version.
        """
        key = self._key(first)
        content = self._store.get(key)
        refuse_newer(content, key)
        try:
            block = msgspec.json.decode(content, type=_Block)
        except UNREADABLE:
            raise SpoolDamagedError(f"{key} does not contain the ranges of a tree: restore it.") from None
        return block.begin, block.segments

    def all(self) -> list[SegmentRange]:
        """Return the ranges of all segments, in order. Files with other names are ignored.

        :raises SpoolDamagedError: a file is missing or has no ranges.
        """
        found: list[SegmentRange] = []
        end = 0
        for key in self._store.keys(self._folder):
            name = _NAME.fullmatch(key[len(self._folder) :])
            if name is None:
                continue
            begin, segments = self.get(int(name[1]))
            if begin != end:
                raise SpoolDamagedError(f"{key} does not follow the file before it: restore the files of its folder.")
            found += segments
            end = segments[-1].end if segments else end
        return found

    @staticmethod
    def generations(store: Store, folder: str, chain: str) -> list[int]:
        """Return the generations that have files. :param folder: of the stream in the spool."""
        pipeline, _, stream = folder.partition("/")
        found = store.folders(f"{pipeline}/{TREE}/{stream}/{chain or 'unnamed'}/")
        return [int(each) for each in found if each.isdecimal()]

    def _key(self, first: int) -> str:
        return f"{self._folder}{first:012d}.json"


def leaves_of(stream: Stream, manifest: Manifest) -> list[bytes]:
    """Return the leaf hashes of a segment's events, in order.

    :raises SpoolDamagedError: the segment is missing, is not what was written, or does not have a line for each event.
    """
    found = leaf_hashes(stream.lines(manifest))
    if len(found) != manifest.events:
        raise SpoolDamagedError(f"the segment {manifest.data} does not hold a line for each event: restore it.")
    return found


def grow(
    stream: Stream, head: Head, tree: TreeHead, files: TreeFiles, *, over: Callable[[], bool] = lambda: False
) -> Iterator[TreeHead]:
    """Let a tree grow up to a head. Each time a file is durable, yield how far the tree has grown, to be recorded.

    :param head: proven by the ledger. :param tree: of the same chain, see :func:`standing`.
    :param over: returns whether the time is up; the next run continues.
    :raises SpoolDamagedError: a segment or a file of ranges is missing or is not what was written.
    """
    if tree.head.number >= head.number:
        return
    whole = tree.range
    block, begin, ranges = tree.head.number + 1, tree.leaves, list[SegmentRange]()
    if tree.block:
        block = tree.block
        begin, ranges = files.get(block)
        # A run that died before it recorded its progress may have left further ranges here.
        ranges = [each for each in ranges if each.number <= tree.head.number]
    size = sum(map(_bytes_of, ranges))
    is_new = False
    for reached in stream.reached(head, tree.head.number + 1):
        if size > BLOCK_BYTES:
            files.put(block, begin, ranges)
            yield _grown(tree, reached.manifest.previous, block, whole)
            block, begin, ranges, size = reached.head.number, whole.end, [], 0
        own = range_of(leaves_of(stream, reached.manifest), whole.end)
        whole += own
        ranges.append(SegmentRange(reached.head.number, reached.head.digest, own.end, packed(own.hashes)))
        size += _bytes_of(ranges[-1])
        last, is_new = reached.head, True
        if over():
            break
    if is_new:
        files.put(block, begin, ranges)
        yield _grown(tree, last, block, whole)


def standing(stream: Stream, chain: str, head: Head, tree: TreeHead | None) -> tuple[TreeHead, str]:
    """Return the tree to continue in a chain, and why it is not the recorded one; "" if it is.

    :param head: proven by the ledger. :param tree: the recorded tree; None if there is none.
    :raises SpoolDamagedError: a manifest is missing or is not what was written.
    """
    oldest = stream.oldest()
    before = 0
    if 1 < oldest <= head.number:
        before = stream.walk(head).to(oldest).manifest.previous.total
    if tree is None or tree.chain != chain:
        new = TreeHead(chain, head=_start(oldest, before), before=before)
        return new, "" if tree is None else "the stream was started over"
    if tree.head.number == 0 or _holds(stream, head, tree.head, oldest):
        return tree, ""
    lost = tree.head.number + 1 < oldest
    why = "segments were removed before they were in the tree" if lost else "a late run has replaced segments of it"
    return TreeHead(chain, tree.generation + 1, _start(oldest, before), before), why


class TreeReader:
    """Returns the hashes for proofs, from the ranges of whole segments, and from the leaves of partly covered segments.

    :param ranges: of all segments in the tree. :param leaves: returns the leaf hashes of one of these segments.
    """

    def __init__(self, ranges: Sequence[SegmentRange], leaves: Callable[[SegmentRange], list[bytes]]) -> None:
        self._ranges = ranges
        self._ends = [each.end for each in ranges]
        self._leaves = leaves
        self._read: OrderedDict[int, list[bytes]] = OrderedDict()

    def subtree(self, begin: int, end: int) -> bytes:
        """Return the hash of the tree over the leaves ``begin <= place < end``.

        :raises SpoolDamagedError: a partly covered segment is no longer kept, the tree is too small, or hashes that are
            needed cannot be read.
        """
        if not self._ends or end > self._ends[-1]:
            raise SpoolDamagedError(f"the tree has {self._ends[-1] if self._ends else 0} leaves, but {end} are wanted.")
        found = Range(begin, begin)
        place = bisect_right(self._ends, begin)
        while found.end < end:
            each = self._ranges[place]
            first = self._ends[place - 1] if place else 0
            if first >= begin and each.end <= end:
                found += _range(
                    first, each.end, each.hashes, f"the tree's file with the range of segment {each.number}"
                )
            else:
                leaves = self._leaves_of(place, each)
                low, high = max(begin, first), min(end, each.end)
                found += range_of(leaves[low - first : high - first], low)
            place += 1
        return found.root

    def _leaves_of(self, place: int, segment: SegmentRange) -> list[bytes]:
        if place not in self._read:
            self._read[place] = self._leaves(segment)
            if len(self._read) > _LEAVES_KEPT:
                self._read.popitem(last=False)
        return self._read[place]


def _holds(stream: Stream, head: Head, last: Head, oldest: int) -> bool:
    """Return whether the chain of a head contains a segment, and all segments after it are kept."""
    if last.number >= head.number:
        return (last.number, last.digest) == (head.number, head.digest)
    if last.number + 1 < oldest:
        return False
    return stream.walk(head).to(last.number + 1).manifest.previous.digest == last.digest


def _start(oldest: int, before: int) -> Head:
    return Head(oldest - 1, "", before) if before else Head()


def _grown(tree: TreeHead, head: Head, block: int, whole: Range) -> TreeHead:
    return replace(tree, head=head, block=block, hashes=packed(whole.hashes))


def _bytes_of(segment: SegmentRange) -> int:
    return len(segment.hashes) + len(segment.digest) + 60


def packed(hashes: Sequence[bytes]) -> str:
    """Return hashes in the form in which they are kept: concatenated, in base64."""
    return base64.b64encode(b"".join(hashes)).decode()


def _range(begin: int, end: int, text: str, where: str) -> Range:
    """Return the range with the hashes in a text. :param where: what holds the text, for the message.

    :raises SpoolDamagedError: the hashes are not base64, or too few or too many for the range.
    """
    try:
        found = unpacked(text)
    except ValueError:
        found = ()
    if [len(each) for each in found] != [HASH_BYTES for _ in spans(begin, end)]:
        raise SpoolDamagedError(f"{where} does not contain its hashes: restore it.")
    return Range(begin, end, found)


def unpacked(text: str) -> tuple[bytes, ...]:
    """Return the hashes in a text that :func:`packed` made."""
    raw = base64.b64decode(text)
    return tuple(raw[place : place + HASH_BYTES] for place in range(0, len(raw), HASH_BYTES))
