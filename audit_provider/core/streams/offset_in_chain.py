"""The segments that a delivery offset has passed, and the new place of the offset if others replaced them.

If a task that was cut off writes its position late, it replaces a newer position, and so also the segments of that
one. An offset only counts segments, so it would skip events of the new segments whose numbers it had already passed.
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
    """Return whether the offset is at the end of the chain of ``head``, so that nothing is pending."""
    if offset.passed:
        return offset.segment > head.number and _passed(offset) == (head.number, head.digest)
    return offset.segment == head.number + 1


def holds_passed(stream: Stream, head: Head, offset: Offset) -> bool:
    """Return whether the chain of ``head`` holds the segments that an offset has passed, and not others in their place.

    An offset of an earlier version has no digest; it is accepted if it is not beyond the head.

    :raises SpoolDamagedError: a manifest is missing or is not what was written.
    """
    number, digest = _passed(offset)
    if number >= head.number:
        return number == head.number and digest in ("", head.digest)
    if not digest or number + 1 < stream.oldest():
        return True
    return stream.walk(head).to(number + 1).manifest.previous.digest == digest


class Passage:
    """Moves an offset to a head, and reads the segments that it passes.

    At first, only the manifests up to the next segment are read. Each later manifest is read and proven when its turn
    comes, so a missing or damaged one stops the shipping only there.

    :ivar offset: as it was given; or, if the chain does not hold the segments that it has passed, moved back to the end
        of the last segment that both chains share. Events that it passes a second time are counted as ``again``.
    :param tell: called with a line for the log if the offset is moved back.
    :param oldest: number of the oldest segment kept, if the caller knows it already.
    :raises SpoolDamagedError: a manifest is missing or is not what was written, or the next segment is no longer kept.
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
        """Yield the next manifests, up to segment ``last``, each once and proven when its turn comes.

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
        """Return a moved offset with the digest of the last segment that it has passed."""
        number, _ = _passed(offset)
        digest = self._digest(number)
        self._digests = {each: kept for each, kept in self._digests.items() if each >= number}
        return replace(offset, passed=digest)

    def _digest(self, number: int) -> str:
        """Return the digest of a segment of the chain; "" if the chain has no segment with this number."""
        if number not in self._digests and 0 < number < self._head.number:
            # From the next manifest, because the segment itself may no longer be kept.
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
