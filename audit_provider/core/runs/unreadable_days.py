"""Of which days the records may be that a source sent and nobody could read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.model import UTC, back_by
from audit_provider.core.reconciliation import midnight, reading_began
from audit_provider.core.spool.stream import CLOCK_SKEW
from audit_provider.core.unreadable import UnreadableRecords

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_provider.core.model import Window
    from audit_provider.core.open_stream import OpenStream
    from audit_provider.core.unreadable import UnreadableRecord

_DAY = timedelta(days=1)
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UnreadableFacts:
    """Records that could not be read and are set aside. :ivar stream: its folder. :ivar records: how many.

    :ivar start: what they say happened on or after this midnight UTC, and :ivar end: before this one.
    """

    stream: str
    records: int
    start: datetime
    end: datetime


def unreadable_of(opened: OpenStream) -> list[UnreadableFacts]:
    """Return the records of a stream that could not be read, with the days that they may be of, the earliest first.

    A record was made since the time that its page was read from. It happened before by no more than the longest delay
    that the stream has met. Of one that an earlier version kept, or that is lost or damaged itself, nobody knows more
    than for what time the stream was read.
    """
    count = opened.position.counts.set_aside
    if not count:
        return []
    try:
        kept = [record for _, record in UnreadableRecords(opened.stream).read()]
    except SpoolDamagedError:
        kept = []
    found = Counter(_span(opened, each) for each in kept)
    if count > len(kept):
        found[_span(opened, None)] += count - len(kept)
    return [UnreadableFacts(opened.name.folder, number, *span) for span, number in sorted(found.items())]


def _span(opened: OpenStream, record: UnreadableRecord | None) -> tuple[datetime, datetime]:
    position, span = opened.position, opened.name.span
    began = span.start if span else reading_began(position) if opened.name.is_live else None
    since = (record.since if record else None) or began
    start = back_by(since, timedelta(seconds=position.longest_lag)) if since else _UNKNOWN
    if span:
        # A window is asked for beyond its end, and what is known in one window is not set aside in the next.
        end = max(span.end, position.asked_until or span.end)
    else:
        found_at = record.found_at if record else position.updated_at
        end = (found_at or position.updated_at or _UNKNOWN) + CLOCK_SKEW
    return midnight(start), midnight(end - timedelta(microseconds=1)) + _DAY


def said_of(facts: Iterable[UnreadableFacts], day: Window) -> str:
    """Return a sentence about the records that may be of a day; "" where there are none."""
    count = sum(each.records for each in facts if each.start < day.end and day.start < each.end)
    if not count:
        return ""
    records = "record" if count == 1 else "records"
    return f"{count:,} {records} that may be of this day could not be read: see 'audit-logs unreadable'"
