"""A walk through a chain of manifests: any segment is reached from the head by few reads, and each read is proven.

The ledger holds the digest of the head, and each manifest holds the digest of the one before. By that link alone, a
reader of the oldest pending segment would first read every manifest behind it. So a manifest also names some segments
further back. With numbers written in base :data:`SPREAD`, manifest ``n`` names each segment that agrees with ``n - 1``
down to some digit, has a smaller digit there, and zeros after it. Each digit of a number is then corrected by one read:
five in a chain of up to 32,768 segments. What manifest ``n`` names follows from manifest ``n - 1``, so writing it reads
nothing more.

The digest of a manifest covers these names as it covers all else, so what is reached by them is proven by the head.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.spool.segment import Head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_provider.core.spool.segment import Earlier, Manifest

SPREAD = 8
"""A larger base needs fewer reads to reach a segment, and makes longer manifests: up to seven names a digit."""

MOST_KEPT = 4000
"""Manifests that a walk keeps in memory. More are met only in a chain of a version that named none further back."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A manifest that the head proves. :ivar head: that leads to it. :ivar manifest: without its ids."""

    head: Head
    manifest: Manifest


def named_after(manifest: Manifest) -> Earlier:
    """Return the segments further back that the manifest after this one names, by number."""
    if manifest.number == 1:
        return ()
    named = (*manifest.earlier, (manifest.previous.number, manifest.previous.digest))
    # Only where a digit is carried does a name fall away.
    return named if manifest.number % SPREAD else tuple(each for each in named if _agree(each[0], manifest.number))


def _agree(number: int, last: int) -> bool:
    """Whether both agree in all digits before the last digit of ``number`` that is not 0. :param number: from 1."""
    block = SPREAD
    while number % block == 0:
        block *= SPREAD
    return number // block == last // block


class Walk:
    """Goes to segments of one chain, best in ascending order: each manifest is then read once.

    Manifests above the place that was reached are kept, for they lead to what comes next. Where there are too many,
    every second one is dropped and read again when its turn comes, so memory is bounded in any chain.

    :ivar head: the last segment. :ivar kept: what was reached and is kept in memory, the head first.
    :param read: returns the manifest of a head, proven by its digest, and raises :class:`SpoolDamagedError` where it is
        missing or is not what was written. :param most: manifests that are kept.
    """

    def __init__(self, read: Callable[[Head], Manifest], head: Head, *, most: int = MOST_KEPT) -> None:
        self._read = read
        self.head = head
        self._most = most
        self.kept: list[Reached] = []

    def to(self, number: int) -> Reached:
        """Return a segment, proven.

        :param number: from 1 to that of the head; it must still be kept.
        :raises SpoolDamagedError: a manifest on the way is missing or is not what was written.
        """
        if not 1 <= number <= self.head.number:
            raise SpoolDamagedError(f"the spool has no segment {number}: its chain ends with {self.head.number}.")
        above = self.kept
        while above and above[-1].head.number < number:
            above.pop()
        if not above:
            above.append(self._proven(self.head))
        while above[-1].head.number > number:
            above.append(self._proven(_next(above[-1].manifest, number)))
            if len(above) > self._most:
                del above[1:-1:2]
        return above[-1]

    def upwards(self, first: int) -> Iterator[Reached]:
        """Yield the segments from ``first`` to the head, each proven to follow the one that was yielded before it.

        :raises SpoolDamagedError: a manifest is missing, is not what was written, or does not follow.
        """
        last: Head | None = None
        for number in range(first, self.head.number + 1):
            reached = self.to(number)
            if last is not None and reached.manifest.previous != last:
                raise SpoolDamagedError(
                    f"the manifest {reached.head.name} follows {reached.manifest.previous.name}, but the chain leads "
                    f"to {last.name} there: verify the spool, and restore its files."
                )
            last = reached.head
            yield reached

    def _proven(self, head: Head) -> Reached:
        manifest = self._read(head)
        if manifest.number != head.number:
            raise SpoolDamagedError(
                f"the manifest {head.name} is that of segment {manifest.number}: verify the spool, and restore its "
                f"files."
            )
        return Reached(Head(head.number, head.digest, manifest.total), replace(manifest, ids=()))


def _next(manifest: Manifest, number: int) -> Head:
    """Return the segment that is nearest to ``number``, from above, of those that a manifest names."""
    for each, digest in manifest.earlier:
        if number <= each < manifest.number:
            return Head(each, digest)
    return manifest.previous
