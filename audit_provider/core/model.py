"""The values of the product: what is moved, and what is known about progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Literal

import msgspec

from audit_provider.core.health import Outage

UTC = timezone.utc

_FIRST = datetime.min.replace(tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.Encoder().encode
_WHOLE_SECONDS = len('"2026-03-01T10:00:00Z"')


class Event(msgspec.Struct, frozen=True, gc=False):
    """One audit event, as the spool keeps it.

    It is a struct and not a dataclass, because millions of them are decoded from segments.

    :ivar id: The vendor's id, or a digest of the record if the vendor gives none.
    :ivar time: When it happened, aware UTC.
    :ivar raw: The vendor's record, byte for byte (one JSON object on one line). It may be a view into the page or the
        segment from which it was read, and then keeps all of that in memory: ``raw.copy()`` does not.
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
    """What a destination knows of where its events come from.

    :ivar title: the source's name as people say it.
    :ivar actions: the source's actions, or patterns of them, to what they mean: ``kind.verb`` or ``kind.verb.outcome``.
    """

    pipeline: str
    source: str
    fields: Fields
    title: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)


GapKind = Literal["look_back", "cursor", "cap", "retention", "too_old", "late", "unknown"]
"""Why a span is not whole: the vendor lets nobody read so far back, a cursor was left for too long, a window holds more
than the API gives, the events are no longer kept, a destination would have dropped them for their age, they came late
or were missed, or an earlier version did not say."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span that was wanted and cannot be read: reported, never silent.

    :ivar found_at: None where an earlier version did not say.
    """

    wanted: datetime
    possible: datetime
    reason: str
    kind: GapKind = "unknown"
    found_at: datetime | None = None

    def overlaps(self, other: Gap) -> bool:
        """Whether both overlap in time and have the same reason."""
        alike = (self.kind, self.reason) == (other.kind, other.reason)
        return alike and self.wanted < other.possible and other.wanted < self.possible


@dataclass(frozen=True, slots=True)
class PullCounts:
    """The pull side of the accounting identity: ``read = spooled + duplicates + set_aside``.

    :ivar duplicates: records that are the same event as one that is spooled: of equal id and equal content, or without
        an id and not more of them than are spooled.
    :ivar same_id: of the spooled, those that came under an id which a record of other content has (not a term of the
        sum).
    :ivar set_aside: what could not be read, and is kept as a dead letter of the source.
    :ivar outside: what was served beside what is read, for a window of the past: it belongs to another window and is
        left out (not a term of the sum).
    :ivar recorded_within: of those read, events that happened outside of a window of the past, and belong to it since
        they were recorded within it and are served for no other one (not a term of the sum).
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

    :ivar delivered: the destination's own delivered-predicate held.
    :ivar already_there: an earlier try had stored it; nothing was stored twice.
    :ivar too_old: set aside because the destination would drop it for its age.
    :ivar dead_lettered: set aside with the destination's own words.
    :ivar filtered: left out by the destination's ``only`` or ``except``.
    :ivar restamped: of the delivered, those shipped under their arrival time (not a term of the sum).
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
    """Events of one segment, one after another, that a destination has taken before those in front of them.

    :ivar index: place of the first in the segment, from 0. :ivar count: how many.
    :ivar ids: digest of these events: others' segments may have replaced the one that they were in.
    :ivar already_there: as in :class:`ShipCounts`, else they are delivered. :ivar restamped: likewise.
    """

    segment: int
    index: int
    count: int
    ids: str
    already_there: bool = False
    restamped: bool = False


@dataclass(frozen=True, slots=True)
class Offset:
    """How far one destination got in one stream of segments. The next event to ship is ``index`` of ``segment``.

    :ivar chain: the chain of segments that it is a place in.
    :ivar started_at: events of the stream that lay before this destination's beginning.
    :ivar passed: digest of the last segment of which events are finished; "" where there is none, or an earlier version
        did not say. :ivar again: events that were finished in segments which others have replaced since.
    :ivar failures_in_a_row: runs since the last one that ended well. :ivar failed_run: id of the last that failed.
    :ivar failing_since: when the first of them failed; None where none did, or an earlier version did not say.
    :ivar too_old_from: earliest and :ivar too_old_to: latest time of the events counted as too old.
    :ivar ahead: what is taken beyond the offset, in order; a run that failed leaves it, and later runs do not send it.
    :ivar refused_in_a_row: events that were refused since the destination took one, as far as that may be the sender's
        fault, and :ivar refused_alike: digest of the reason that they share; "" where they were refused with a batch.
    :ivar joins_segments: files named by their content hold events of several segments. Said before the first is sent
        and never changed, so that every try makes the same files; None where nothing was sent.
    :ivar untold: events set aside since a task last ended failed for such.
    :ivar letters: digest of the last file of dead letters; each such file holds the digest of the one before.
    :ivar redriven: digest of the last redrive record, likewise; "" where there is none, None where an earlier version
        did not say. It is kept before the record is written, so :ivar redriven_before: counts after a crash in between.
    :ivar earlier: offsets in chains of segments that ended, which still have dead letters.
    :ivar configuration: how the destination was configured when it was last shipped to, without secrets, as JSON; ""
        where nothing says so.
    :ivar delivered_to: of a backfill window, the digest of the configuration, the address and the credential with which
        all events so far were shipped; "" where these have changed, or where an earlier version did not say.
    :ivar outages: those that ended, the newest last.
    :ivar version: of what is kept, see ``state_version``; higher for good once a dead letter of it was discarded.
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
        """Return what is kept of a chain: this offset, or that of a chain which ended; None where nothing is."""
        return next((each for each in (self, *self.earlier) if each.chain == chain), None)

    def needed_version(self) -> int:
        """Return the version that this offset and those of chains that ended need, see ``state_version``."""
        return max(each.version for each in (self, *self.earlier))

    def begun_anew(self) -> tuple[Offset, ...]:
        """Return what stays of this offset, and of those before it, once it begins with another chain."""
        own = (replace(self, earlier=(), ahead=(), outages=()),) if self.counts.set_aside or self.redriven else ()
        return (*self.earlier, *own)


def lasting(seconds: float) -> str:
    """Return a span of time as people say it: ``45 minutes``, ``17 hours``, ``3 days``."""
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"


def text_of(moment: datetime) -> str:
    """Return ``moment`` as RFC 3339 in UTC, whole seconds, ``2026-03-01T10:00:00Z``."""
    # Not by strftime, which writes years before 1000 with fewer than four digits on some systems.
    return f"{moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def date_of(moment: datetime, separator: str = "-") -> str:
    """Return the date of an aware UTC ``moment`` with a year of four digits, ``2026-03-01``.

    :param separator: between its parts.
    """
    return moment.date().isoformat().replace("-", separator)


def exact_text_of(moment: datetime, digits: Literal[3, 6] = 6) -> str:
    """Return an aware UTC ``moment`` as RFC 3339 with so many digits of the second, cut and not rounded.

    Written for every event, so by the encoder that does it in a twentieth of ``isoformat``'s time.
    """
    text = _encode(moment)
    if len(text) == _WHOLE_SECONDS:  # quotes included; the encoder leaves out a fraction that is zero
        return f"{text[1:-2].decode()}.{'0' * digits}Z"
    return f"{text[1 : _WHOLE_SECONDS - 1 + digits].decode()}Z"


def microseconds_of(moment: datetime) -> int:
    """Return the microseconds from the beginning of 1970 to ``moment``."""
    return (moment - _EPOCH) // _MICROSECOND


def back_by(moment: datetime, span: timedelta) -> datetime:
    """Return ``moment - span``, or the calendar's first moment: vendors send times that have nothing before them."""
    return _FIRST + max(moment - _FIRST - span, timedelta(0))


def utc_now() -> datetime:
    """Return the time now, aware UTC: the default of every ``now`` argument."""
    return datetime.now(UTC)
