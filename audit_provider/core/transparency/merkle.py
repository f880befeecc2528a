"""Merkle trees by RFC 6962, the same as in RFC 9162: hashes, roots, proofs of inclusion and of consistency.

A *range* represents some adjacent leaves by the hashes of the largest complete subtrees that cover them. It has at most
two hashes for each binary digit of its length. Adjacent ranges can be joined without their leaves. The range from leaf
0 on is all that is needed to continue a tree.

https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

HASH_BYTES = 32

_PART_BYTES = 64 * 1024
_sha256 = hashlib.sha256

Subtree = Callable[[int, int], bytes]
"""Returns the hash of the tree over the leaves ``begin <= place < end``."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return _sha256(b"\0" + data).digest()


def leaf_hashes(lines: bytes) -> list[bytes]:
    """Return the hash of each line, in order. Every line ends with ``\\n``, which is not part of the leaf.

    The text is split part by part, so that the lines are still in the processor's cache when they are hashed.
    """
    found: list[bytes] = []
    begin = 0
    while begin < len(lines):
        end = lines.rfind(b"\n", begin, begin + _PART_BYTES) + 1 or lines.find(b"\n", begin) + 1 or len(lines) + 1
        found += [_sha256(b"\0" + each).digest() for each in lines[begin : end - 1].split(b"\n")]
        begin = end
    return found


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return _sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Range:
    """The leaves ``begin <= place < end`` of a tree, as hashes of the largest complete subtrees from left to right."""

    begin: int = 0
    end: int = 0
    hashes: tuple[bytes, ...] = ()

    def __add__(self, after: Range) -> Range:
        """Join the range that begins where this one ends.

        :raises ValueError: it begins elsewhere.
        """
        if self.end != after.begin:
            raise ValueError(f"a range that begins at {after.begin} does not follow one that ends at {self.end}")
        sizes = [size for _, size in spans(self.begin, self.end)]
        hashes = list(self.hashes)
        place = self.end
        for (_, size), each in zip(spans(after.begin, after.end), after.hashes, strict=True):
            sizes.append(size)
            hashes.append(each)
            place += size
            # Two neighbours of equal size form one subtree if the left one begins at a multiple of twice their size.
            while len(sizes) > 1 and sizes[-1] == sizes[-2] and (place - 2 * sizes[-1]) % (2 * sizes[-1]) == 0:
                right, left = hashes.pop(), hashes.pop()
                hashes.append(node_hash(left, right))
                sizes[-2:] = [2 * sizes[-1]]
        return Range(self.begin, after.end, tuple(hashes))

    @property
    def root(self) -> bytes:
        """The hash of the tree over these leaves, which must begin where such a tree can begin, for example at 0."""
        if not self.hashes:
            return _sha256(b"").digest()
        root = self.hashes[-1]
        for each in self.hashes[-2::-1]:
            root = node_hash(each, root)
        return root


def spans(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield beginning and size of the largest complete subtrees that cover some leaves, from left to right."""
    while begin < end:
        size = (begin & -begin) or 1 << (end - begin).bit_length()
        while begin + size > end:
            size >>= 1
        yield begin, size
        begin += size


def range_of(leaves: Sequence[bytes], begin: int) -> Range:
    """Return the range of some leaves. :param leaves: their hashes. :param begin: place of the first."""
    end = begin + len(leaves)
    left: list[bytes] = []
    right: list[bytes] = []
    level, place = list(leaves), begin
    while level:
        if place & 1:
            left.append(level.pop(0))
            place += 1
        if len(level) & 1:
            right.append(level.pop())
        pairs = iter(level)
        level = [_sha256(b"\1" + each + next(pairs)).digest() for each in pairs]
        place >>= 1
    return Range(begin, end, (*left, *reversed(right)))


def inclusion_proof(place: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the leaf at a place is in the tree with ``size`` leaves.

    :raises ValueError: the tree has no such place.
    """
    if not 0 <= place < size:
        raise ValueError(f"a tree of {size} leaves has no place {place}")
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if place < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(begin, middle))
            begin = middle
    return proof[::-1]


def consistency_proof(old: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree with ``size`` leaves begins with the tree with ``old`` leaves.

    :raises ValueError: the older one is larger, or empty.
    """
    if not 0 < old <= size:
        raise ValueError(f"there is no proof from {old} to {size} leaves")
    proof: list[bytes] = []
    begin, end, whole = 0, size, True
    while old < end:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(begin, middle))
            begin, whole = middle, False
    if not whole:
        proof.append(subtree(begin, end))
    return proof[::-1]


def proves_inclusion(leaf: bytes, place: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof shows that a leaf is at a place of the tree with a root.

    https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2

    :param leaf: its hash.
    """
    if not 0 <= place < size:
        return False
    node, last, found = place, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(each, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, each)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def proves_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether a proof shows that the tree with a root begins with an older tree.

    https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4.2
    """
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(each, before), node_hash(each, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, each)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == root


def _split(size: int) -> int:
    """Return the largest power of two less than a size."""
    return 1 << (size - 1).bit_length() - 1
