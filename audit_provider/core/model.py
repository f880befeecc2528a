"""The values of the product: events, and the records of progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Literal

import msgspec

UTC = timezone.utc

_FIRST = datetime.min.replace(tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.Encoder().encode
_WHOLE_SECONDS = len('"2026-03-01T10:00:00Z"')


class Event(msgspec.Struct, frozen=True, gc=False):
    """One audit event, as the spool keeps it.

    It is a struct and not a dataclass, because millions of them are decoded from segments.

    :ivar id: The vendor's id, or a digest of the record if the vendor gives none.
    :ivar time: When it happened, aware UTC.
    :ivar raw: The vendor's record, byte for byte (one JSON object on one line). It may be a view into the page or the
        segment from which it was read, and then keeps all of that in memory; ``raw.copy()`` does not.
    """

    id: str
    time: datetime
    raw: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Window:
    """A span of event time, ``start <= time < end``."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"a window must end after it starts, got {self.start} to {self.end}")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{text_of(self.start)} to {text_of(self.end)}"


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a source's records keep common values. Each value is a dotted path; "" means that the records do not have
    it.

    ``|`` separates alternatives: the next path is used if the one before finds nothing, or no time, as in ``@timestamp
    | created_at``. A number is an index in a list, as in ``events.0.name``.

    :ivar id: The vendor's event id; without one, a digest of the record is the id. `` + `` joins several values by a
        slash, if one alone does not identify an event; without one of them, the digest is the id. Example: ``id``.
    :ivar time: When the event happened. Example: ``created_at``.
    :ivar recorded: When the vendor made the event readable, to measure how late events arrive. Example:
        ``ingested_at``.
    :ivar action: What happened. Example: ``event.type``.
    :ivar actor_id: Id of who did it. Example: ``actor.id``.
    :ivar actor_email: E-mail address of who did it. Example: ``actor.email``.
    :ivar actor_name: Name of who did it. Example: ``actor.name``.
    :ivar ip: IP address of who did it. Example: ``context.ip``.
    :ivar user_agent: User agent of who did it. Example: ``context.user_agent``.
    :ivar outcome: Whether it succeeded. Example: ``outcome.result``.
    :ivar object_type: Type of the object. Example: ``target.type``.
    :ivar object_id: Id of the object. Example: ``target.id``.
    :ivar target_user: User who was acted on, if the object is something else. Example: ``target.user_id``.
    :ivar target_email: E-mail address of the user who was acted on. If it is the same path as ``actor_email``, it is
        the actor's address in a sign-in and the target's in everything else. Example: ``target.email``.
    :ivar target_group: Group that was acted on, if the object is something else. Example: ``target.group_id``.
    :ivar role: Role or privilege that was granted or revoked. Example: ``details.role``.
    :ivar organization: The customer's tenant. Example: ``organization_id``.
    """

    id: str
    time: str
    recorded: str = ""
    action: str = ""
    actor_id: str = ""
    actor_email: str = ""
    actor_name: str = ""
    ip: str = ""
    user_agent: str = ""
    outcome: str = ""
    object_type: str = ""
    object_id: str = ""
    target_user: str = ""
    target_email: str = ""
    target_group: str = ""
    role: str = ""
    organization: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that could not be read by any means.

    :ivar content: Its bytes, unchanged.
    """

    content: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What a destination knows about the source of its events.

    :ivar title: the source's name for people.
    :ivar actions: meaning of the source's actions, or of patterns of them: ``kind.verb`` or ``kind.verb.outcome``.
    """

    pipeline: str
    source: str
    fields: Fields
    title: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)


GapKind = Literal["look_back", "cursor", "cap", "retention", "too_old", "late", "unknown"]
"""Why a span is incomplete, in this order: the vendor does not allow reading so far back, a cursor was not used for too
long, a window has more events than the API returns, the vendor no longer keeps the events, a destination would have
dropped them for their age, they came late or were missed, or an earlier version did not record the reason."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span that should have been read but cannot be; it is always reported.

    :ivar wanted: start of the span, aware UTC. :ivar possible: its end, aware UTC.
    :ivar found_at: aware UTC; None if an earlier version did not record it.
    """

    wanted: datetime
    possible: datetime
    reason: str
    kind: GapKind = "unknown"
    found_at: datetime | None = None

    def overlaps(self, other: Gap) -> bool:
        """Return whether both overlap in time and have the same reason."""
        alike = (self.kind, self.reason) == (other.kind, other.reason)
        return alike and self.wanted < other.possible and other.wanted < self.possible


@dataclass(frozen=True, slots=True)
class PullCounts:
    """The pull side of the accounting identity: ``read = spooled + duplicates + set_aside``.

    :ivar duplicates: records of an event that is already spooled: id and content are equal, or the record has no id and
        as many equal records are spooled.
    :ivar same_id: of the spooled, those whose id another record with different content already had (not a term of the
        sum).
    :ivar set_aside: records that could not be read, kept as dead letters of the source.
    :ivar outside: events that were served for a window of the past but belong to another window; they are left out
        (not a term of the sum).
    :ivar recorded_within: of those read, events that happened outside of a window of the past, but belong to it because
        they were recorded within it and no other window gets them (not a term of the sum).
    """

    read: int = 0
    spooled: int = 0
    duplicates: int = 0
    same_id: int = 0
    set_aside: int = 0
    outside: int = 0
    recorded_within: int = 0

    def __add__(self, other: PullCounts) -> PullCounts:
        return PullCounts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __sub__(self, other: PullCounts) -> PullCounts:
        return PullCounts(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class ShipCounts:
    """The delivery side: ``spooled = delivered + already_there + too_old + dead_lettered + filtered + pending``.

    :ivar delivered: confirmed by the destination as stored.
    :ivar already_there: stored by an earlier try; nothing was stored twice.
    :ivar too_old: set aside because the destination would drop them for their age.
    :ivar dead_lettered: set aside because the destination refused them.
    :ivar filtered: left out by the destination's ``only`` or ``except``.
    :ivar restamped: of the delivered, those sent with the current time (not a term of the sum).
    :ivar outside: outside the range of a replay; 0 elsewhere.
    """

    delivered: int = 0
    already_there: int = 0
    too_old: int = 0
    dead_lettered: int = 0
    filtered: int = 0
    restamped: int = 0
    outside: int = 0

    def __add__(self, other: ShipCounts) -> ShipCounts:
        return ShipCounts(
            self.delivered + other.delivered,
            self.already_there + other.already_there,
            self.too_old + other.too_old,
            self.dead_lettered + other.dead_lettered,
            self.filtered + other.filtered,
            self.restamped + other.restamped,
            self.outside + other.outside,
        )

    def __sub__(self, other: ShipCounts) -> ShipCounts:
        return ShipCounts(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(self)))

    @property
    def finished(self) -> int:
        """Events that need nothing more."""
        return self.in_range + self.outside

    @property
    def taken(self) -> int:
        """Of the finished, those that the destination has."""
        return self.delivered + self.already_there

    @property
    def set_aside(self) -> int:
        """Of the finished, those that are dead letters."""
        return self.too_old + self.dead_lettered

    @property
    def in_range(self) -> int:
        """Of the finished, those in the range that is shipped."""
        return self.taken + self.set_aside + self.filtered


@dataclass(frozen=True, slots=True)
class Ahead:
    """Consecutive events of one segment that a destination has taken, although earlier events are still pending.

    :ivar index: place of the first in the segment, from 0. :ivar count: how many.
    :ivar ids: digest of these events, to detect that another writer's segment has replaced theirs.
    :ivar already_there: whether they count so in :class:`ShipCounts`, else as delivered. :ivar restamped: likewise.
    """

    segment: int
    index: int
    count: int
    ids: str
    already_there: bool = False
    restamped: bool = False


@dataclass(frozen=True, slots=True)
class Outage:
    """Failed runs in a row, followed by a successful one.

    :ivar began: when the first of them failed, and :ivar ended: when a run succeeded again, aware UTC.
    :ivar failures: how many runs failed. :ivar error: of the last one, in one line.
    :ivar waited: events pending at the destination when it recovered; this is the maximum, because the source was read
        throughout the outage. None for a source, or if it is not known.
    :ivar at_least: the outage ended later than ``ended``, which is when the last run failed. The successful runs after
        it found nothing new, so they recorded no success.
    """

    began: datetime
    ended: datetime
    failures: int
    error: str = ""
    waited: int | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Offset:
    """How far one destination got in one stream of segments. The next event to ship is ``index`` of ``segment``.

    :ivar chain: the chain of segments to which this offset belongs.
    :ivar started_at: events of the stream before the place at which this destination began.
    :ivar passed: digest of the last segment of which events are finished; "" if there is none, or an earlier version
        did not record it. :ivar again: events that were finished in segments which another writer has replaced since.
    :ivar failures_in_a_row: failed runs since the last successful one. :ivar failed_run: id of the last failed run.
    :ivar failing_since: when the first of them failed; None if none did, or an earlier version did not record it.
    :ivar too_old_from: earliest and :ivar too_old_to: latest time of the events counted as too old.
    :ivar ahead: events taken beyond the offset, in order; a failed run leaves them, and later runs do not send them.
    :ivar refused_in_a_row: events refused since the destination last took one, if the sender may be at fault.
    :ivar refused_alike: digest of the reason that they share; "" if a whole batch was refused.
    :ivar joins_segments: files named by their content hold events of several segments. It is recorded before the first
        file is sent and never changed, so that every try makes the same files; None if nothing was sent.
    :ivar untold: events set aside since a task last failed because of events set aside.
    :ivar letters: digest of the last file of dead letters; each such file holds the digest of the one before.
    :ivar redriven: digest of the last redrive record, likewise; "" if there is none, None if an earlier version did not
        record it. It is kept before that record is written; after a crash in between, :ivar redriven_before: counts.
    :ivar earlier: offsets in chains of segments that ended but still have dead letters.
    :ivar configuration: the destination's configuration at the last shipment, without secrets, as JSON; "" if it is not
        known.
    :ivar delivered_to: for a backfill window, the digest of the configuration, the address and the credential with
        which all events so far were shipped; "" if these have changed, or an earlier version did not record it.
    :ivar outages: past outages, the newest last.
    :ivar version: of the record, see ``state_version``; it stays higher once a dead letter was discarded.
    """

    segment: int = 1
    index: int = 0
    chain: str = ""
    started_at: int = 0
    counts: ShipCounts = ShipCounts()
    last_success: datetime | None = None
    failures_in_a_row: int = 0
    last_error: str = ""
    too_old_from: datetime | None = None
    too_old_to: datetime | None = None
    passed: str = ""
    again: int = 0
    ahead: tuple[Ahead, ...] = ()
    refused_in_a_row: int = 0
    refused_alike: str = ""
    joins_segments: bool | None = None
    untold: int = 0
    failed_run: str = ""
    letters: str = ""
    redriven: str | None = None
    redriven_before: str | None = None
    earlier: tuple[Offset, ...] = ()
    failing_since: datetime | None = None
    configuration: str = ""
    delivered_to: str = ""
    version: int = 1
    outages: tuple[Outage, ...] = ()

    def in_chain(self, chain: str) -> Offset | None:
        """Return the offset in a chain: this one, or one in a chain that ended; None if there is none."""
        return next((each for each in (self, *self.earlier) if each.chain == chain), None)

    def needed_version(self) -> int:
        """Return the version that this offset and those in ended chains need, see ``state_version``."""
        return max(each.version for each in (self, *self.earlier))

    def begun_anew(self) -> tuple[Offset, ...]:
        """Return the offsets to keep as ``earlier`` when the destination begins with another chain."""
        own = (replace(self, earlier=(), ahead=(), outages=()),) if self.counts.set_aside or self.redriven else ()
        return (*self.earlier, *own)


def lasting(seconds: float) -> str:
    """Return a span of time in words: ``45 minutes``, ``17 hours``, ``3 days``. :param seconds: its length."""
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"


def text_of(moment: datetime) -> str:
    """Return ``moment`` as RFC 3339 in UTC, whole seconds, ``2026-03-01T10:00:00Z``."""
    # Not by strftime, which writes years before 1000 with fewer than four digits on some systems.
    return f"{moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def midnight(moment: datetime) -> datetime:
    """Return the beginning of a moment's day, UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def date_of(moment: datetime, separator: str = "-") -> str:
    """Return the date of an aware UTC ``moment`` with a year of four digits, ``2026-03-01``.

    :param separator: between its parts.
    """
    return moment.date().isoformat().replace("-", separator)


def exact_text_of(moment: datetime, digits: Literal[3, 6] = 6) -> str:
    """Return an aware UTC ``moment`` as RFC 3339 with so many digits after the second, cut off and not rounded.

    It is called for every event, so it uses the encoder, which takes a twentieth of ``isoformat``'s time.
    """
    text = _encode(moment)
    if len(text) == _WHOLE_SECONDS:  # quotes included; the encoder leaves out a fraction that is zero
        return f"{text[1:-2].decode()}.{'0' * digits}Z"
    return f"{text[1 : _WHOLE_SECONDS - 1 + digits].decode()}Z"


def microseconds_of(moment: datetime) -> int:
    """Return the microseconds from the beginning of 1970 to ``moment``."""
    return (moment - EPOCH) // _MICROSECOND


def back_by(moment: datetime, span: timedelta) -> datetime:
    """Return ``moment - span``, but no earlier than year 1, because vendors send even the calendar's first times."""
    return _FIRST + max(moment - _FIRST - span, timedelta(0))


def utc_now() -> datetime:
    """Return the current time, aware UTC: the default of every ``now`` argument."""
    return datetime.now(UTC)
