"""A walk through a chain of manifests: any segment is reached from the head by few reads, and each read is proven.

The ledger holds the digest of the head, and each manifest holds the digest of the one before. By that link alone, a
reader of the oldest pending segment would first read every manifest behind it. So a manifest also names some segments
further back. With numbers written in base :data:`SPREAD`, manifest ``n`` names each segment that agrees with ``n - 1``
down to some digit, has a smaller digit there, and zeros after it. Each digit of a number is then corrected by one read:
five in a chain of up to 32,768 segments. What manifest ``n`` names follows from manifest ``n - 1``, so writing it reads
nothing more.

The digest of a manifest covers these names as it covers all else, so what is reached by them is proven by the head.

A search reads every manifest of a chain. Decoding the ids of ten million events would take most of its time, so the ids
are left as bytes in an outline of the manifest, and a search looks into these.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import UTC
from audit_provider.core.spool.segment import Head, plain_manifest
from audit_provider.core.state_version import refuse_newer

if TYPE_CHECKING:
    from collections.abc import Iterator

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


_IDS = b',"ids":['
_AT_ONCE = 8
"""Manifests that are read at the same time: from a bucket, most of the time of a read is waiting."""

_TOGETHER = 16
"""Manifests that one thread reads one after the other: of a stream that is read often, they are short."""

MOST_DAYS = 800
"""Days of a segment that are named."""

Look = Callable[[bytes], bool]
"""Says whether the text of a manifest holds what is searched."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A manifest without its ids.

    :ivar name: of the manifest's file. :ivar head: number, digest and total of the segment. :ivar previous: the head
        before it. :ivar holds: what the look at the whole text has said.
    """

    name: str
    head: Head
    previous: Head
    first_time: datetime
    last_time: datetime
    written_at: datetime
    holds: bool

    @property
    def days(self) -> list[date]:
        """The days, UTC, from that of the first event to that of the last; of a span of years, the last of them."""
        last = self.last_time.astimezone(UTC).date()
        count = min((last - self.first_time.astimezone(UTC).date()).days, MOST_DAYS)
        return [last - timedelta(days=each) for each in range(count + 1)]


class _Front(msgspec.Struct):
    """What stands before the ids in a manifest's file."""

    number: int
    previous: Head
    events: int
    first_time: datetime
    last_time: datetime
    written_at: datetime


def outlines_of(names: Iterable[str], read: Callable[[str], bytes], look: Look) -> Iterator[Outline]:
    """Yield the outlines of manifests, in the order of their names.

    A file that is not what its name says is passed over: :func:`chained` then misses it where the chain needs it.

    :param names: of the files. :param read: returns a file's content. :param look: called with each manifest's text, by
        several threads at once.
    :raises StopError: a manifest is of a newer version of this package.
    """

    def outline(name: str) -> Outline | None:
        text = plain_manifest(read(name), name)
        head = Head(int(name.partition("-")[0]), hashlib.sha256(text).hexdigest())
        if head.name != name:
            return None
        front = _front(text, name)
        total = front.previous.total + front.events
        return Outline(
            name,
            Head(front.number, head.digest, total),
            front.previous,
            front.first_time,
            front.last_time,
            front.written_at,
            look(text),
        )

    def some(names: Sequence[str]) -> list[Outline]:
        return [found for found in map(outline, names) if found is not None]

    waiting = iter(names)
    parts = iter(lambda: tuple(islice(waiting, _TOGETHER)), ())
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # The names are few bytes each, the texts behind them are not: only so many are read ahead.
        running = deque(pool.submit(some, part) for part in islice(parts, 2 * _AT_ONCE))
        while running:
            yield from running.popleft().result()
            running.extend(pool.submit(some, part) for part in islice(parts, 1))


def chained(found: Iterable[Outline], head: Head, oldest: int) -> list[Outline]:
    """Return the outlines that a head leads to, the newest first, each proven by the digest in the one before.

    :param oldest: number of the oldest segment that is kept.
    :raises SpoolDamagedError: one is missing or is not what was written, so nothing can be said of the whole chain.
    """
    by_digest: Mapping[str, Outline] = {each.head.digest: each for each in found}
    chain: list[Outline] = []
    while head.number >= max(oldest, 1):
        outline = by_digest.get(head.digest)
        if outline is None or outline.head.number != head.number:
            raise SpoolDamagedError(
                f"the manifest {head.name} is missing or is not what was written, so the chain behind it cannot be "
                "searched: run 'audit-logs verify', and restore its files."
            )
        chain.append(outline)
        head = outline.previous
    return chain


def newest_head(found: Iterable[Outline]) -> Head:
    """Return the head of a chain that no record knows: the newest manifest that no other one follows."""
    found = list(found)
    followed = {each.previous.digest for each in found}
    loose = [each for each in found if each.head.digest not in followed]
    return max(loose, key=lambda each: (each.head.number, each.written_at)).head if loose else Head()


def _front(text: bytes, name: str) -> _Front:
    """Decode what stands before the ids; the whole text where they stand elsewhere."""
    front, separator, _ = text.partition(_IDS)
    try:
        return _decoder.decode(front + b"}" if separator else text)
    except UNREADABLE:
        pass
    refuse_newer(text, f"the manifest {name}")
    try:
        return _decoder.decode(text)
    except UNREADABLE:
        raise SpoolDamagedError(f"the manifest {name} does not contain a manifest: restore it.") from None


_decoder = msgspec.json.Decoder(_Front)
