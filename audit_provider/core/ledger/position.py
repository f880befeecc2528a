"""How far a pipeline has read its source: the one record that defines which segments exist.

It also keeps the times at which some segments were written, to show how long a destination has been behind without
reading a manifest. If two neighbouring segments are about equally old, only one of their times is kept, so a year of
segments leaves a few dozen pairs. A time estimated from them is never later than the true one. It makes a segment
appear too old by at most half of its age and a minute.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from audit_provider.core.ledger.account import is_same
from audit_provider.core.ledger.health import Noticed
from audit_provider.core.model import UTC, Fields, Gap, Offset, PullCounts
from audit_provider.core.spool import Head
from audit_provider.core.spool.stream import CLOCK_SKEW
from audit_provider.core.text.state_version import Codec
from audit_provider.core.wire.rate_limit import Burst


@dataclass(frozen=True, slots=True)
class EarlierSource:
    """A source from which a stream was read before another source replaced it.

    :ivar last: Number of the last segment with its events.
    :ivar fields: Where its records keep common values.
    """

    last: int
    source: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Position:
    """Everything up to here is in the spool.

    :ivar chain: Name of the chain of segments that began with this position; a delivery offset belongs to one chain.
    :ivar source: Name of the source that was read.
    :ivar fields: Where its records keep common values.
    :ivar strategy: Name of the reading strategy.
    :ivar reading: The strategy's own state.
    :ivar head: The last committed segment.
    :ivar counts: Counts of the whole stream.
    :ivar watermark: Everything that happened before this time is read, except for late events.
    :ivar longest_lag: Seconds; the largest delay so far between an event and its record.
    :ivar ahead: Ids and times of recent events with a time in the future. They are needed because known ids are looked
        up in manifests by the time at which the manifests were written.
    :ivar ahead_digests: Digests of their records, to recognise repeats.
    :ivar looks_back: Seconds; how far before the watermark the next read may begin; 0 if unknown.
    :ivar gaps: Time ranges that could not be read.
    :ivar requests: When the last requests were sent, by source; the next run uses it for pacing.
    :ivar noticed: Signs that a source is described wrongly, for the ``source`` and its ``recovery``.
    :ivar account: The account that was read, see :mod:`~audit_provider.core.ledger.account`; "" if an earlier version
        wrote it.
    :ivar credential_check: Check value of the credential for which the vendor returned the account's id. It begins with
        ``refused`` if the vendor refused to return the id for that credential. If the account has no id, it belongs to
        a credential for which the id could not be requested, see :mod:`~audit_provider.core.runs.read_account`.
    :ivar account_checked_at: When the vendor last returned the account's id for that credential; None if it is not
        known.
    :ivar earlier_sources: Sources that were read before ``source`` replaced them, the oldest first.
    :ivar asked_until: End of the time range requested for a window of the past. It is beyond the window's end, to
        receive events that were recorded late. None for the live stream, and if an earlier version read a part of the
        window.
    :ivar complete: Whether the last run read everything.
    :ivar completed_at: When a run last read everything, even if a later run is not complete yet; None if none has, or
        if an earlier version wrote the position, see :attr:`last_complete`.
    :ivar spooled_at: When some of the segments were written, see :mod:`~audit_provider.core.ledger.position`; empty if
        an earlier version wrote the position.
    :ivar sequence: How often segments were committed; 0 if an earlier version wrote the position, see
        :class:`~audit_provider.core.streams.open_stream.PositionWriter`.
    :ivar version: Version of the record, see ``state_version``.
    """

    source: str
    chain: str = ""
    fields: Fields = field(default_factory=lambda: Fields("", ""))
    strategy: str = ""
    reading: dict[str, Any] = field(default_factory=dict)
    head: Head = field(default_factory=Head)
    counts: PullCounts = field(default_factory=PullCounts)
    watermark: datetime | None = None
    ahead: dict[str, datetime] = field(default_factory=dict)
    ahead_digests: dict[str, str] = field(default_factory=dict)
    looks_back: float = 0.0
    gaps: tuple[Gap, ...] = ()
    longest_lag: float = 0.0
    requests: dict[str, tuple[datetime | Burst, ...]] = field(default_factory=dict)
    noticed: dict[str, Noticed] = field(default_factory=dict)
    updated_at: datetime | None = None
    earlier_sources: tuple[EarlierSource, ...] = ()
    complete: bool = False
    account: str = ""
    credential_check: str = ""
    account_checked_at: datetime | None = None
    asked_until: datetime | None = None
    completed_at: datetime | None = None
    spooled_at: SpoolTimes = ()
    sequence: int = 0
    version: int = 1

    @property
    def place(self) -> str:
        """The end of the stream as text: its chain, and the number and digest of its last segment."""
        return f"{self.chain}/{self.head.number}/{self.head.digest}"

    def lag(self, now: datetime) -> float | None:
        """Return how far reading is behind, in seconds since the last complete read, or else since the watermark.

        None if it is not known how far the source has been read, for example if that time is in the future because a
        clock was ahead.
        """
        limit = now + CLOCK_SKEW
        marks = (self.updated_at, self.watermark)
        if self.complete and all(mark is None or mark <= limit for mark in marks):
            reached = self.updated_at
        else:
            reached = self.watermark if self.watermark and self.watermark <= limit else None
        return max((now - reached).total_seconds(), 0.0) if reached else None

    @property
    def last_complete(self) -> datetime | None:
        """When the source was last read to its end; None if it is not known."""
        return self.completed_at or (self.updated_at if self.complete else None)

    def is_of(self, account: str) -> bool:
        """Return whether it was read from an account. A position of an earlier version matches every account.

        :param account: "" for any.
        """
        return is_same(self.account, account)

    @property
    def is_of_earlier_source(self) -> bool:
        """Whether this position represents segments of a source that another has replaced, see :meth:`by_source`."""
        return bool(self.earlier_sources) and self.earlier_sources[-1].source == self.source

    def by_source(self, first: int) -> Iterator[tuple[Position, int]]:
        """Yield the sources of the segments from ``first`` on, each with the number of its last segment.

        A source is represented by this position with the source and the fields with which those segments were written.
        """
        for each in self.earlier_sources:
            if first <= each.last:
                yield replace(self, source=each.source, fields=each.fields, earlier_sources=(each,)), each.last
                first = each.last + 1
        yield self, self.head.number

    def pending(self, offset: Offset | None) -> int:
        """Return the number of pending events of an offset, from ``spooled + again = before + finished + pending``.

        :param offset: Offset in this chain; None for a destination that has received nothing yet.
        """
        if offset is None:
            return self.head.total
        return self.head.total + offset.again - offset.started_at - offset.counts.finished

    def waiting_since(self, offset: Offset | None, now: datetime) -> datetime | None:
        """Return the earliest time at which the oldest pending event of an offset may have been spooled.

        None if it is not known because an earlier version spooled the event; see :meth:`waiting_at_least`. Call it only
        if events are pending.

        :param offset: as for :meth:`pending`.
        """
        return written_at(self.spooled_at, offset.segment if offset else 1, now)

    def waiting_at_least(self, offset: Offset | None, now: datetime) -> float:
        """Return how many seconds the oldest pending event of an offset has waited at least.

        If it is not known when the event was spooled, it was before the first time that the position has.
        """
        since = self.waiting_since(offset, now)
        if since is None and self.spooled_at:
            since = datetime.fromtimestamp(self.spooled_at[0][1], UTC)
        return max((now - since).total_seconds(), 0.0) if since else 0.0


POSITIONS: Codec[Position] = Codec(
    Position, "a position", "restore it, or delete it to read again from 'start'", versioned=True
)
"""How a :class:`Position` is kept."""


def reading_began(live: Position) -> datetime | None:
    """Return the time at which live reading began; earlier events were never requested.

    If a source has several logs, it is the earliest of their times.
    """
    states = live.reading.get("logs") or {"": live.reading}
    found = [msgspec.convert(state["began"], datetime, strict=False) for state in states.values() if state.get("began")]
    return min(found, default=None)


def begun_at(chain: str) -> datetime | None:
    """Return when a chain of segments began, from its name; None for a chain of an early version, which has no name."""
    try:
        return datetime.strptime(chain.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def new_chain(now: datetime) -> str:
    """Return a unique name for a chain of segments that begins now.

    :param now: aware UTC.
    """
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


SpoolTimes = tuple[tuple[int, int], ...]
"""Numbers of segments, ascending, each with the second of the epoch in which it was written."""

_NEARLY = 1.5
_MARGIN = 60
"""Seconds."""


def with_segment(times: SpoolTimes, number: int, written_at: datetime) -> SpoolTimes:
    """Return the times with that of a new segment, without those that add little to their neighbours.

    :param number: greater than all before. :param written_at: now, aware UTC.
    """
    now = int(written_at.timestamp())
    kept: list[tuple[int, int]] = []
    for each in (*times, (number, now)):
        while len(kept) > 1 and now - kept[-2][1] <= _NEARLY * (now - each[1]) + _MARGIN:
            kept.pop()
        kept.append(each)
    return tuple(kept)


def written_at(times: Sequence[tuple[int, int]], number: int, now: datetime) -> datetime | None:
    """Return the earliest time at which a segment may have been written; None if the times do not reach back to it.

    A segment is never written after the next one, so a time that contradicts this comes from a wrong clock.

    :param now: aware UTC.
    """
    if not times or times[0][0] > number:
        return None
    latest = min([int(now.timestamp()), *(second for each, second in times if each >= number)])
    believed = (second for each, second in reversed(times) if each <= number and second <= latest)
    return datetime.fromtimestamp(next(believed, latest), UTC)
