"""Gaps: time ranges that could not be read or delivered, one record each, kept until somebody has acknowledged it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from audit_provider.core.model import EPOCH, Gap, GapKind, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Offset

MOST_GAPS = 50
"""Most gaps of one position. If there are more, neighbours are merged, so that a Variable cannot grow without limit."""

_ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has seen a gap and accepts it.

    :ivar by: Who.
    :ivar at: When, aware UTC.
    :ivar note: What was found out or done.
    """

    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class GapRecord:
    """One gap of a pipeline.

    :ivar id: Short digest of its content, the same in every listing; a gap that grows gets another id.
    :ivar stream: The stream's folder in the spool.
    :ivar destination: Destination that did not receive the events; "" if the source did not serve them.
    :ivar wanted: Start of the time range, aware UTC.
    :ivar possible: End of the time range, aware UTC.
    :ivar events: Number of events, None if it is not known.
    :ivar closed: The missing events have been shipped since.
    """

    id: str
    pipeline: str
    stream: str
    kind: GapKind
    wanted: datetime
    possible: datetime
    reason: str
    found_at: datetime | None = None
    destination: str = ""
    events: int | None = None
    closed: bool = False
    acknowledged: Acknowledgement | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is neither closed nor acknowledged."""
        return not self.closed and self.acknowledged is None

    def __str__(self) -> str:
        span = f"{text_of(self.wanted)} to {text_of(self.possible)}"
        destination = f" to {self.destination}" if self.destination else ""
        return f"{self.id} {self.kind} in {self.stream}{destination}, {span}: {self.reason}"


def merged(gaps: Iterable[Gap], most: int = MOST_GAPS) -> tuple[Gap, ...]:
    """Return the gaps, with those that overlap and have the same reason merged, because overlapping windows report the
    same gap twice.

    If there are more than ``most``, the two nearest of one kind become one that covers both. None is left out.
    """
    found: list[Gap] = []
    for gap in gaps:
        while same := next((each for each in found if each.overlaps(gap)), None):
            found.remove(same)
            gap = _joined(same, gap)
        found.append(gap)
    while len(found) > most and (pair := _nearest(found)):
        for each in pair:
            found.remove(each)
        found.append(_joined(*pair))
    return tuple(sorted(found, key=lambda gap: (gap.wanted, gap.possible)))


def gaps_in(
    pipeline: str,
    stream: str,
    position: Position | None,
    offsets: Mapping[str, Offset | None],
    acknowledged: Mapping[str, Acknowledgement],
) -> list[GapRecord]:
    """Return every gap of one stream, oldest first, including those that are closed or acknowledged.

    Late events are in the spool, so their gap is closed once every destination has the whole stream.

    :param stream: its folder.
    :param position: None if nothing was read.
    :param offsets: by destination; None if it has not begun. Each belongs to the position's chain.
    :param acknowledged: by id of the gap.
    """
    if position is None:
        return []
    head = position.head.number
    shipped = all(offset is not None and offset.segment > head for offset in offsets.values())
    found = [
        GapRecord(
            id=_id(pipeline, stream, gap.kind, text_of(gap.wanted), text_of(gap.possible)),
            pipeline=pipeline,
            stream=stream,
            kind=gap.kind,
            wanted=gap.wanted,
            possible=gap.possible,
            reason=gap.reason,
            found_at=gap.found_at,
            closed=gap.kind == "late" and shipped,
        )
        for gap in position.gaps
    ]
    for destination, offset in offsets.items():
        if offset and offset.counts.too_old:
            found.append(_too_old(pipeline, stream, destination, offset, position))
    found = [replace(each, acknowledged=acknowledged.get(each.id)) for each in found]
    return sorted(found, key=lambda each: (each.wanted, each.possible, each.id))


def _too_old(pipeline: str, stream: str, destination: str, offset: Offset, position: Position) -> GapRecord:
    """Return the gap of the events that were set aside because they are older than the destination accepts."""
    latest = offset.too_old_to or offset.last_success or position.updated_at or EPOCH
    earliest = offset.too_old_from or latest
    count = offset.counts.too_old
    return GapRecord(
        id=_id(pipeline, stream, destination, "too_old", text_of(earliest), text_of(latest), str(count)),
        pipeline=pipeline,
        stream=stream,
        kind="too_old",
        wanted=earliest,
        possible=latest,
        reason=f"{count} events are older than {destination} accepts, and are in its dead-letter folder",
        destination=destination,
        events=count,
    )


def _id(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_ID_DIGITS]


def _joined(first: Gap, second: Gap) -> Gap:
    found = [each for each in (first.found_at, second.found_at) if each]
    same = first.reason == second.reason
    return Gap(
        min(first.wanted, second.wanted),
        max(first.possible, second.possible),
        first.reason if same else f"several gaps of the kind {first.kind}",
        first.kind,
        min(found, default=None),
    )


def _nearest(gaps: Iterable[Gap]) -> tuple[Gap, Gap] | None:
    """Return the two gaps of one kind with the shortest time between them."""
    ordered = sorted(gaps, key=lambda gap: (gap.kind, gap.wanted))
    pairs = [(one, two) for one, two in pairwise(ordered) if one.kind == two.kind]
    return min(pairs, key=lambda pair: pair[1].wanted - pair[0].possible, default=None)
