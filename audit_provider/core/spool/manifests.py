"""A walk through a chain of manifests: any segment is reached from the head by few reads, and each read is proven.

The ledger holds the digest of the head, and each manifest holds the digest of the one before. With that link alone, a
reader of the oldest pending segment would have to read every newer manifest first. So a manifest also names some
segments further back. With numbers written in base :data:`SPREAD`, manifest ``n`` names each segment whose number has
the same leading digits as ``n - 1``, then a smaller digit, then only zeros. One read then corrects one digit of the
number: five reads in a chain of up to 32,768 segments. The names in manifest ``n`` follow from manifest ``n - 1``, so
writing it reads nothing more.

The digest of a manifest covers these names too, so the head proves every segment that is reached through them.

A search reads every manifest of a chain. Decoding the ids of ten million events would take most of its time, so a
search looks at the undecoded bytes, and an outline of a manifest has no ids.
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
from audit_provider.core.text.state_version import refuse_newer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_provider.core.spool.segment import Earlier, Manifest


SPREAD = 8
"""The base. A larger one needs fewer reads to reach a segment, but makes manifests longer: seven names a digit."""

MOST_KEPT = 4000
"""Most manifests that a walk keeps in memory. It is reached only in old chains, which name no segments further back."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A manifest that the head of the chain proves. :ivar head: its own head. :ivar manifest: without its ids."""

    head: Head
    manifest: Manifest


def named_after(manifest: Manifest) -> Earlier:
    """Return the segments further back that the manifest after this one names, by number."""
    if manifest.number == 1:
        return ()
    named = (*manifest.earlier, (manifest.previous.number, manifest.previous.digest))
    # A name is dropped only if incrementing the number carries a digit.
    return named if manifest.number % SPREAD else tuple(each for each in named if _agree(each[0], manifest.number))


def _agree(number: int, last: int) -> bool:
    """Return whether both numbers agree in all digits before the last non-zero digit of ``number``, which is not 0."""
    block = SPREAD
    while number % block == 0:
        block *= SPREAD
    return number // block == last // block


class Walk:
    """Goes to segments of one chain. In ascending order, each manifest is read only once.

    Manifests after the segment that was reached are kept in memory, because the next segments are reached through them.
    If there are too many, every second one is dropped and read again when it is needed, so memory is bounded.

    :ivar head: the last segment. :ivar kept: manifests that were reached and are kept in memory, the head's first.
    :param read: returns the manifest of a head, proven by its digest, and raises :class:`SpoolDamagedError` if it is
        missing or is not what was written. :param most: manifests that are kept.
    """

    def __init__(self, read: Callable[[Head], Manifest], head: Head, *, most: int = MOST_KEPT) -> None:
        self._read = read
        self.head = head
        self._most = most
        self.kept: list[Reached] = []

    def to(self, number: int) -> Reached:
        """Return a segment, proven.

        :param number: from 1 to the head's number; the segment must still be kept.
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
        """Yield the segments from ``first`` to the head, each proven to follow the one yielded before it.

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
    """Return, of the segments that a manifest names, the one nearest to ``number`` that is not below it."""
    for each, digest in manifest.earlier:
        if number <= each < manifest.number:
            return Head(each, digest)
    return manifest.previous


_IDS = b',"ids":['
_AT_ONCE = 8
"""Manifests that are read at the same time, because a read from a bucket is mostly waiting."""

_TOGETHER = 16
"""Manifests that one thread reads one after the other, because those of a stream that is read often are short."""

MOST_DAYS = 800
"""Most days that are listed for a segment."""

Look = Callable[[bytes], bool]
"""Returns whether the text of a manifest matches a search."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A manifest without its ids.

    :ivar name: of the manifest's file. :ivar head: number, digest and total of the segment. :ivar previous: the head
        before it. :ivar holds: whether the manifest's text matched the search.
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
        """The days, UTC, from the first event's to the last event's; at most :data:`MOST_DAYS`, the last ones."""
        last = self.last_time.astimezone(UTC).date()
        count = min((last - self.first_time.astimezone(UTC).date()).days, MOST_DAYS)
        return [last - timedelta(days=each) for each in range(count + 1)]


class _Front(msgspec.Struct):
    """The part of a manifest before its ids."""

    number: int
    previous: Head
    events: int
    first_time: datetime
    last_time: datetime
    written_at: datetime


def outlines_of(names: Iterable[str], read: Callable[[str], bytes], look: Look) -> Iterator[Outline]:
    """Yield the outlines of manifests, in the order of their names.

    A file whose content does not match its name is skipped; :func:`chained` reports it if the chain needs it.

    :param names: of the files. :param read: returns a file's content. :param look: called with each manifest's text, by
        several threads at once.
    :raises StopError: a manifest is from a newer version of this package.
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
        # The texts are large, so only a few are read ahead.
        running = deque(pool.submit(some, part) for part in islice(parts, 2 * _AT_ONCE))
        while running:
            yield from running.popleft().result()
            running.extend(pool.submit(some, part) for part in islice(parts, 1))


def chained(found: Iterable[Outline], head: Head, oldest: int) -> list[Outline]:
    """Return the outlines of the chain of a head, the newest first, each proven by the digest in the newer one.

    :param oldest: number of the oldest segment that is kept.
    :raises SpoolDamagedError: one is missing or is not what was written, so the chain cannot be searched completely.
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
    """Return the head of a chain that no record names: the newest manifest that no other one follows."""
    found = list(found)
    followed = {each.previous.digest for each in found}
    loose = [each for each in found if each.head.digest not in followed]
    return max(loose, key=lambda each: (each.head.number, each.written_at)).head if loose else Head()


def _front(text: bytes, name: str) -> _Front:
    """Decode the part of a manifest before its ids; the whole text if the ids are elsewhere."""
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
