"""What a delivery offset has passed of a chain of segments, and where it stands once another chain has replaced that.

A position that was written late, by a task that had been cut off, replaces a newer one and the chain of segments with
it. An offset counts segments, and would pass over events of the new chain that stand under numbers it had passed
in the old one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.spool import Head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_provider.core.model import Offset
    from audit_provider.core.spool import Manifest, Stream
    from audit_provider.core.spool.manifests import Reached, Walk


def is_at_end(offset: Offset, head: Head) -> bool:
    """Whether nothing after the offset is to be shipped, in the chain that ``head`` leads to."""
    if offset.passed:
        return offset.segment > head.number and _passed(offset) == (head.number, head.digest)
    return offset.segment == head.number + 1


def holds_passed(stream: Stream, head: Head, offset: Offset) -> bool:
    """Whether the chain that ``head`` leads to holds what an offset has passed; else others stand under its numbers.

    An offset of an earlier version, which has no digest, is believed as far as the head.

    :raises SpoolDamagedError: a manifest is missing or is not what was written.
    """
    number, digest = _passed(offset)
    if number >= head.number:
        return number == head.number and digest in ("", head.digest)
    if not digest or number + 1 < stream.oldest():
        return True
    return stream.walk(head).to(number + 1).manifest.previous.digest == digest


class Passage:
    """An offset on its way to a head, and the segments that it passes.

    Of the chain, only what leads to the next segment is read at first: each later manifest is read and proven when its
    turn comes, so that one which is missing or damaged stops the shipping there.

    :ivar offset: as it was given; where the chain does not hold what it has passed, moved back to the end of the last
        segment that both chains share. What it passes for the second time is counted as ``again``.
    :param tell: called with a line worth a log entry where that happens.
    :param oldest: number of the oldest segment kept, if that is known already.
    :raises SpoolDamagedError: a manifest is missing or is not what was written, or what comes next is no longer kept.
    """

    def __init__(
        self, stream: Stream, head: Head, offset: Offset, *, tell: Callable[[str], None], oldest: int | None = None
    ) -> None:
        self.offset = offset
        self._head = head
        self._walk = stream.walk(head)
        self._digests: dict[int, str] = {head.number: head.digest}
        number, digest = _passed(offset)
        if not digest and number > head.number:
            raise SpoolDamagedError(
                f"the destination has received the segments of {stream} up to {number}, but the stream ends with "
                f"{head.number}: an older position was restored; delete the Variable of the destination's offset to "
                "ship everything still kept."
            )
        oldest = stream.oldest() if oldest is None else oldest
        if digest and number + 1 < oldest:
            raise SpoolDamagedError(
                f"the destination has received the segments of {stream} up to {number}, and those before {oldest} are "
                "no longer kept: delete the Variable of its offset to ship what is kept, and backfill the rest."
            )
        if digest and self._digest(number) != digest:
            self.offset = _moved_back(stream, self._walk, head, offset)
            tell(
                f"a late run has replaced the segments of {stream} from {self.offset.segment} on: the new ones are "
                f"shipped from there, which sends {self.offset.again - offset.again} events again."
            )
        if self.offset.segment < oldest and self.offset.segment <= head.number:
            raise SpoolDamagedError(
                f"the spool's stream {stream} begins with segment {oldest}, but the delivery offset is at segment "
                f"{self.offset.segment}: the segments between were removed, or the offset is older than the spool; "
                "delete the Variable of the offset to ship what is kept, and backfill the rest."
            )
        self._coming = self._walk.upwards(self.offset.segment)
        self._next: Reached | None = None

    def manifests(self, last: int) -> Iterator[Manifest]:
        """Yield the manifests that come next, up to segment ``last``, each once and proven when its turn comes.

        :raises SpoolDamagedError: one is missing, is not what was written, or does not follow the one before it.
        """
        while True:
            reached = self._next = self._next or next(self._coming, None)
            if reached is None or reached.head.number > last:
                return
            self._next = None
            self._digests[reached.head.number] = reached.head.digest
            yield reached.manifest

    def mark(self, offset: Offset) -> Offset:
        """Return an offset further on, with the digest of the last segment that it has passed."""
        number, _ = _passed(offset)
        digest = self._digest(number)
        self._digests = {each: kept for each, kept in self._digests.items() if each >= number}
        return replace(offset, passed=digest)

    def _digest(self, number: int) -> str:
        """Return the digest of a segment of the chain; "" if it has none of that number."""
        if number not in self._digests and 0 < number < self._head.number:
            # The segment itself may be no longer kept.
            self._digests[number] = self._walk.to(number + 1).manifest.previous.digest
        return self._digests.get(number, "")


def _passed(offset: Offset) -> tuple[int, str]:
    """Return number and digest of the last segment of which an event is finished; "" if the digest is not known."""
    return offset.segment if offset.index else offset.segment - 1, offset.passed


def _moved_back(stream: Stream, walk: Walk, head: Head, offset: Offset) -> Offset:
    number, digest = _passed(offset)
    last = stream.manifest(Head(number, digest))
    place = last.previous.total + offset.index if offset.index else last.total
    old = Head(number, digest, last.total)
    new = walk.to(number + 1).manifest.previous if number < head.number else head
    while old != new:
        if old.number >= new.number:
            old = stream.manifest(old).previous
        else:
            new = stream.manifest(new).previous
    return replace(offset, segment=old.number + 1, index=0, passed=old.digest, again=offset.again + place - old.total)
