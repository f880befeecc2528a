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
    from collections.abc import Callable

    from audit_provider.core.model import Offset
    from audit_provider.core.spool import Stream


def is_at_end(offset: Offset, head: Head) -> bool:
    """Whether nothing after the offset is to be shipped, in the chain that ``head`` leads to."""
    if offset.passed:
        return offset.segment > head.number and _passed(offset) == (head.number, head.digest)
    return offset.segment == head.number + 1


class Passage:
    """An offset on its way to a head.

    :ivar offset: as it was given; where the chain does not hold what it has passed, moved back to the end of the last
        segment that both chains share. What it passes for the second time is counted as ``again``.
    :param tell: called with a line worth a log entry where that happens.
    :raises SpoolDamagedError: a manifest is missing or is not what was written, or what comes next is no longer kept.
    """

    def __init__(self, stream: Stream, head: Head, offset: Offset, *, tell: Callable[[str], None]) -> None:
        self.offset = offset
        self._digests = _digests(stream, head, offset)
        number, digest = _passed(offset)
        if not digest and number > head.number:
            raise SpoolDamagedError(
                f"the destination has had the segments of {stream} up to {number}, and the stream ends with "
                f"{head.number}: an older position was restored; delete the Variable of the destination's offset to "
                f"ship all that is kept."
            )
        if digest and self._digests.get(number) != digest:
            if number + 1 < (oldest := stream.oldest()):
                raise SpoolDamagedError(
                    f"the destination has had the segments of {stream} up to {number}, and those before {oldest} are "
                    f"no longer kept: delete the Variable of its offset to ship what is kept, and backfill the rest."
                )
            self.offset = _moved_back(stream, head, offset)
            tell(
                f"a late run has replaced the segments of {stream} from {self.offset.segment} on: its own are shipped "
                f"from there, and with them {self.offset.again - offset.again} events again."
            )
            self._digests = _digests(stream, head, self.offset)

    def mark(self, offset: Offset) -> Offset:
        """Return an offset further on, with the digest of the last segment that it has passed."""
        return replace(offset, passed=self._digests.get(_passed(offset)[0], ""))


def _passed(offset: Offset) -> tuple[int, str]:
    """Return number and digest of the last segment of which an event is finished; "" where the digest is not known."""
    return offset.segment if offset.index else offset.segment - 1, offset.passed


def _digests(stream: Stream, head: Head, offset: Offset) -> dict[int, str]:
    """Return the digests of the segments from the one before the offset to the head, by number."""
    digests = {head.number: head.digest}
    if offset.segment <= head.number:
        for manifest in stream.back_from(head):
            digests[manifest.previous.number] = manifest.previous.digest
            if manifest.number <= offset.segment:
                break
    return digests


def _moved_back(stream: Stream, head: Head, offset: Offset) -> Offset:
    number, digest = _passed(offset)
    last = stream.manifest(Head(number, digest))
    place = last.previous.total + offset.index if offset.index else last.total
    old, new = Head(number, digest, last.total), head
    while old != new:
        if old.number >= new.number:
            old = stream.manifest(old).previous
        else:
            new = stream.manifest(new).previous
    return replace(offset, segment=old.number + 1, index=0, passed=old.digest, again=offset.again + place - old.total)
