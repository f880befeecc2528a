"""A pipeline's calendar: for each day on which events happened, what is proven and since when.

The scheduled verification writes it, and the page reads it. For a day whose segments are no longer kept, it holds what
was known last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from audit_provider.core.errors import UNREADABLE, StopError
from audit_provider.core.model import UTC, Window, text_of
from audit_provider.core.runs.applied_filters import DELIVERED_OR_FILTERED
from audit_provider.core.streams.unreadable import said_of
from audit_provider.core.text.state_version import refuse_newer
from audit_provider.core.verification.day_arrivals import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.runs.evidence_pack import DayFacts, PackFacts
    from audit_provider.core.spool import Store

MOST_DAYS = 800
"""Days that a calendar keeps: two years, plus the days before that a view of whole years needs."""

CALENDAR = "calendar"
"""The folder of a pipeline's calendar, beside the folders of its streams."""

DayState = Literal["proven", "read", "gap", "unknown"]

_ARRIVED = frozenset({"delivered", "filtered", DELIVERED_OR_FILTERED, "not shipped"})
"""States that the events of a proven day may have: delivered, or left out by the configuration."""

_DAY = timedelta(days=1)

ROUND = 30
"""Number of runs within which every day is read again once."""

NOT_COMPARED = "not compared with the source yet"
NEVER_COMPARED = "never compared with the source"


def why_not_compared(day: date, began: datetime | None) -> str:
    """Return why a day is not compared with the source.

    :param began: when live reading began, None if it is not known; the reconciliation compares nothing before it.
    """
    if began and span_of(day).start < began:
        return f"{NEVER_COMPARED}: live reading began at {text_of(began)}"
    return NOT_COMPARED


def is_due(day: date, run: int) -> bool:
    """Whether a run reads a day again that an earlier run has read. :param run: its number."""
    return day.toordinal() % ROUND == run % ROUND


class Day(msgspec.Struct, frozen=True, omit_defaults=True):
    """One day. :ivar state: ``proven``, ``read`` (and no more), ``gap`` or ``unknown``. :ivar reason: why not proven.

    :ivar events: that happened on it and are in the spool. :ivar first_spooled: when the first of them was
        spooled. :ivar last_spooled: when the last was. :ivar longest_delay: seconds between an event and its segment.
    :ivar destinations: by name, how many were ``delivered``, ``filtered``, ``set aside``, ``pending`` and so on.
    :ivar compared: with the source, by the reconciliation.
    :ivar verified_at: when its segments were last verified without a fault. :ivar proven_at: since when it is proven.
    :ivar kept: whether all of its segments were still kept at the last look.
    :ivar asked: what each destination answered when asked for the events that it had confirmed.
    """

    state: DayState
    reason: str = ""
    events: int = 0
    first_spooled: datetime | None = None
    last_spooled: datetime | None = None
    longest_delay: float = 0.0
    destinations: dict[str, dict[str, int]] = {}
    compared: bool = False
    verified_at: datetime | None = None
    proven_at: datetime | None = None
    kept: bool = True
    asked: dict[str, Asked] = {}


class Calendar(msgspec.Struct, frozen=True):
    """What is known of a pipeline's days.

    :ivar checked_at: time of the last verification, and :ivar result: its result.
    :ivar runs: number of verifications. :ivar heads: number of the last segment that they have read, by chain.
    :ivar gaps: ids of the gaps that the last verification has judged.
    """

    checked_at: datetime | None = None
    result: str = ""
    days: dict[date, Day] = {}
    runs: int = 0
    heads: dict[str, int] = {}
    gaps: tuple[str, ...] = ()
    version: int = 1

    @classmethod
    def load(cls, store: Store, pipeline: str) -> Calendar:
        """Return the kept calendar; one without days if none is kept.

        :raises StopError: it was written by a newer version, or is no calendar.
        """
        key = key_of(pipeline)
        if key not in set(store.keys(key.rpartition("/")[0] + "/")):
            return cls()
        content = store.get(key)
        refuse_newer(content, key)
        try:
            return _decoder.decode(content)
        except UNREADABLE:
            raise StopError(
                f"{key} does not contain a calendar: delete it, and the next verification makes it."
            ) from None

    def content(self) -> bytes:
        """Return the calendar as it is stored; the oldest days beyond :data:`MOST_DAYS` are left out."""
        days = dict(sorted(self.days.items())[-MOST_DAYS:])
        return msgspec.json.encode(msgspec.structs.replace(self, days=days))

    def save(self, store: Store, pipeline: str) -> None:
        """Store the calendar durably."""
        store.put(key_of(pipeline), self.content())


def key_of(pipeline: str) -> str:
    """Return the key of a pipeline's calendar in the spool."""
    return f"{pipeline}/{CALENDAR}/days.json"


@dataclass(frozen=True, slots=True)
class Known:
    """What a verification knows of a pipeline. The days are judged by it.

    :ivar facts: of the time range whose segments are kept. :ivar read: spans of time that were read.
    :ivar compared: spans that were compared with the source. :ivar enabled: destinations that must have every event.
    :ivar began: when live reading began, None if it is not known.
    :ivar faulty: days with events in a segment that has a fault, each with a sentence about the fault.
    :ivar fault: of the spool as a whole; "" for none.
    :ivar removed_until: segments written before this time are no longer kept; None if all are kept.
    :ivar looks_at: returns whether a day is judged; the other days stay as they were.
    :ivar asked: what destinations answered last, by day and destination name.
    """

    facts: PackFacts
    now: datetime
    read: Sequence[Window] = ()
    compared: Sequence[Window] = ()
    enabled: Sequence[str] = ()
    began: datetime | None = None
    faulty: Mapping[date, str] = field(default_factory=dict)
    fault: str = ""
    removed_until: datetime | None = None
    looks_at: Callable[[date], bool] = lambda _: True
    asked: Mapping[date, Mapping[str, Asked]] = field(default_factory=dict)


def judged(before: Mapping[date, Day], known: Known) -> dict[date, Day]:
    """Return every day about which something is known; days before the kept segments stay as they were.

    If the verification has found a fault, days that were proven before lose that state too. Days whose segments
    retention has removed keep it, because removed segments cannot be damaged.
    :param before: the days as the last verification judged them.
    """
    if known.fault or known.faulty:
        before = doubted(before, known.faulty, known.fault)
    days = dict(before)
    aside = {(each.destination, each.happened.astimezone(UTC).date()) for each in known.facts.letters if each.is_open}
    day = known.facts.start.astimezone(UTC).date()
    last = (known.facts.end - timedelta(microseconds=1)).astimezone(UTC).date()
    while day <= last:
        if not known.looks_at(day):
            day += _DAY
            continue
        found = _judged(day, known, aside)
        if day not in before and _is_removed(day, known):
            found = _partly_kept(found)
        if found.state != "unknown" or day in before:
            days[day] = _joined(before.get(day), found, removed=_is_removed(day, known))
        day += _DAY
    return days


def with_gaps(
    days: Mapping[date, Day], gaps: Iterable[GapRecord], last: date, known: Collection[str]
) -> dict[date, Day]:
    """Return the days with the current gaps, which may be newer than the last verification.

    :param last: the last day on which a gap is shown, because the end of a gap may be unknown and far in the future.
    :param known: ids of the gaps that the last verification has judged.
    """
    found = dict(days)
    newer = [each for each in gaps if not each.closed and each.kind != "late"]
    for gap in newer:
        day = max(gap.wanted.astimezone(UTC).date(), last - MOST_DAYS * _DAY)
        while day <= last and _lacks(gap, span_of(day)):
            kept = found.get(day, Day("gap"))
            own = [
                each
                for each in newer
                if _lacks(each, span_of(day)) and not (each.id in known and has_all(days.get(day), each.destination))
            ]
            if own and (kept.state != "gap" or not kept.reason):
                found[day] = msgspec.structs.replace(kept, state="gap", reason=_of_gaps(own), proven_at=None)
            day += _DAY
    return found


def has_all(day: Day | None, destination: str) -> bool:
    """Whether a destination had every event of a day when it was last judged; false if that is not known.

    The gap of events that are too old reaches from the first of them to the last, and many days between may have none.
    :param destination: "" for the source, of which this is never known.
    """
    if day is None or not destination or not (day.kept or day.state == "proven"):
        return False
    return not day.events or _has_arrived(day.destinations.get(destination, {}))


def is_served(day: Day, enabled: Iterable[str]) -> bool:
    """Whether destinations had every event of a day when it was last judged; false if one was added since."""
    return not day.events or all(_has_arrived(day.destinations.get(each, {})) for each in enabled)


def _has_arrived(states: Mapping[str, int]) -> bool:
    return bool(states) and _ARRIVED.issuperset(states)


def doubted(before: Mapping[date, Day], faulty: Mapping[date, str], fault: str) -> dict[date, Day]:
    """Return the days for the case that the spool has a fault: no day stays proven.

    A day whose segments retention has removed stays as it is, unless a segment with events of that day has a fault.
    """
    days: dict[date, Day] = {}
    for day, each in before.items():
        wrong = faulty.get(day, "")
        if not wrong and (not each.kept or each.state != "proven"):
            days[day] = each
        else:
            state: DayState = "gap" if wrong else "read"
            days[day] = msgspec.structs.replace(each, state=state, reason=wrong or fault, proven_at=None)
    return days


def span_of(day: date) -> Window:
    """Return a day as a span of time, UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Window(start, start + _DAY)


def covers(spans: Iterable[Window], wanted: Window) -> bool:
    """Whether spans of time that do not overlap cover a whole one."""
    reached = wanted.start
    for each in sorted(spans, key=lambda span: span.start):
        if each.start <= reached < each.end:
            reached = each.end
    return reached >= wanted.end


def _judged(day: date, known: Known, aside: Collection[tuple[str, date]]) -> Day:
    """Return a day by what is known now.

    :param aside: destinations with open dead letters, each with a day on which such an event happened.
    """
    span = span_of(day)
    met = known.facts.days.get(day)
    compared = covers(known.compared, span)
    asked = {name: each for name, each in known.asked.get(day, {}).items() if name in known.enabled}
    doubts = [_doubt(day, met, known, asked, compared=compared), said_of(known.facts.unreadable, span)]
    reason = "; ".join(filter(None, doubts))
    state: DayState = "read" if reason else "proven"
    if wrong := known.faulty.get(day, ""):
        state, reason = "gap", wrong
    elif missing := [
        each
        for each in known.facts.gaps
        if _lacks(each, span) and (not each.destination or _is_behind(met, each.destination, day, aside))
    ]:
        state, reason = "gap", _of_gaps(missing)
    elif not met and not any(each.start < span.end and span.start < each.end for each in known.read):
        state, reason = "unknown", "nothing was read of this day"
    elif lacks := [f"{name}: {said}" for name, each in asked.items() if (said := each.lacks)]:
        state, reason = "gap", "; ".join(lacks)
    counts = {name: dict(sorted(each.items())) for name, each in met.destinations.items()} if met else {}
    return Day(
        state,
        reason,
        events=met.events if met else 0,
        first_spooled=met.first_spooled if met else None,
        last_spooled=met.last_spooled if met else None,
        longest_delay=met.longest_delay if met else 0.0,
        destinations=counts,
        compared=compared,
        verified_at=None if known.fault or wrong else known.now,
        proven_at=known.now if state == "proven" else None,
        asked=asked,
    )


def _is_removed(day: date, known: Known) -> bool:
    """Whether retention may have removed segments with events of a day."""
    return known.removed_until is not None and span_of(day).start < known.removed_until


def _partly_kept(found: Day) -> Day:
    """Return a day that was not judged before retention may have removed some of its segments."""
    if found.state == "gap":
        return msgspec.structs.replace(found, kept=False)
    state: DayState = "read" if found.events else "unknown"
    reason = "segments of this day are no longer kept, and nobody had looked at it before"
    return msgspec.structs.replace(found, state=state, reason=reason, proven_at=None, kept=False)


def _doubt(day: date, met: DayFacts | None, known: Known, asked: Mapping[str, Asked], *, compared: bool) -> str:
    """Return why a day that was read is not proven; "" if nothing speaks against it."""
    if known.fault:
        return known.fault
    if not compared:
        return why_not_compared(day, known.began)
    for name in known.enabled:
        states: Mapping[str, int] = met.destinations.get(name, {}) if met else {}
        if waiting := [f"{count:,} {state}" for state, count in sorted(states.items()) if state not in _ARRIVED]:
            return f"{name}: {', '.join(waiting)}"
        if name in asked and asked[name].later:
            return f"{name} was not asked yet: {asked[name].why_not}"
    return ""


def _lacks(gap: GapRecord, span: Window) -> bool:
    """Whether a gap may lack events of a span. Late events do not count: they are in the spool, and will be shipped."""
    return not gap.closed and gap.kind != "late" and gap.wanted < span.end and span.start < gap.possible


def _is_behind(met: DayFacts | None, destination: str, day: date, aside: Collection[tuple[str, date]]) -> bool:
    """Whether a destination lacks events of a day."""
    return (destination, day) in aside or (met is not None and not _has_arrived(met.destinations.get(destination, {})))


def _of_gaps(gaps: Sequence[GapRecord]) -> str:
    parts = [
        f"{each.reason}{f' ({each.destination})' if each.destination else ''}"
        f"{f'; acknowledged by {each.acknowledged.by}' if each.acknowledged else ''}"
        for each in gaps[:3]
    ]
    more = f" and {len(gaps) - len(parts):,} more" if len(gaps) > len(parts) else ""
    return f"{'; '.join(parts)}{more}"


def _joined(before: Day | None, now: Day, *, removed: bool) -> Day:
    """Return a day as it is now; if segments of it were removed since, with what was known before.
    :param removed: retention may have removed segments of the day. If it has not and there are fewer events, the others
        are in another chain, and nothing is known of them.
    """
    if before is None:
        return now
    if (removed and now.events < before.events) or (now.state == "unknown" and before.state != "unknown"):
        if now.state == "gap" and before.state != "gap":
            return msgspec.structs.replace(before, state="gap", reason=now.reason, proven_at=None, kept=not removed)
        return msgspec.structs.replace(before, kept=before.kept and not removed)
    if now.state == "proven" and before.proven_at:
        return msgspec.structs.replace(now, proven_at=before.proven_at)
    return now


_decoder = msgspec.json.Decoder(Calendar)
