"""The outlines of a chain's manifests: all that they say but their ids, read fast and proven by the head.

A search reads every manifest of a chain. Decoding the ids of ten million events would take most of its time, so the ids
are left as bytes, and a search looks into these.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.spool.segment import Head, plain_manifest
from audit_provider.core.state_version import refuse_newer

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDS = b',"ids":['
_AT_ONCE = 8
"""Manifests that are read at the same time: from a bucket, most of the time of a read is waiting."""

_TOGETHER = 16
"""Manifests that one thread reads one after the other: of a stream that is read often, they are short."""

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
