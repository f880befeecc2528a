"""When the segments of a stream were written, by a few times that the position remembers.

How long a destination has been behind is asked of records alone: of a backlog of a thousand segments, no manifest is
read. So each position keeps some numbers of segments with the times at which they were written. Of neighbours, one is
dropped once they are about equally old: a year of segments leaves some dozens of pairs, and what they say of a segment
between two is too old by half of its age and a minute at most, and never too young.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from audit_provider.core.model import UTC

SpoolTimes = tuple[tuple[int, int], ...]
"""Numbers of segments, ascending, each with the second of the epoch in which it was written."""

_NEARLY = 1.5
_MARGIN = 60
"""Seconds."""


def with_segment(times: SpoolTimes, number: int, written_at: datetime) -> SpoolTimes:
    """Return the times with that of a new segment, and without the ones that say hardly more than their neighbours.

    :param number: greater than those before. :param written_at: now, aware UTC.
    """
    now = int(written_at.timestamp())
    kept: list[tuple[int, int]] = []
    for each in (*times, (number, now)):
        while len(kept) > 1 and now - kept[-2][1] <= _NEARLY * (now - each[1]) + _MARGIN:
            kept.pop()
        kept.append(each)
    return tuple(kept)


def written_at(times: Sequence[tuple[int, int]], number: int, now: datetime) -> datetime | None:
    """Return when a segment was written, at the earliest; None where the times do not reach back to it.

    No segment was written later than one behind it, so a time that says so was left by a clock that was wrong.

    :param now: aware UTC.
    """
    if not times or times[0][0] > number:
        return None
    latest = min([int(now.timestamp()), *(second for each, second in times if each >= number)])
    believed = (second for each, second in reversed(times) if each <= number and second <= latest)
    return datetime.fromtimestamp(next(believed, latest), UTC)
