"""Counts new events in the spool, segment by segment, and each event once, also across the chains of a stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.model import UTC
from audit_provider.core.monitoring.activity import (
    AHEAD_DAYS,
    KEPT_DAYS,
    MOST_ACTIONS,
    MOST_LETTERS,
    REST,
    Day,
    Ended,
    Names,
    Progress,
)
from audit_provider.core.monitoring.objects import OBJECT_FIELDS, object_of
from audit_provider.core.records.facts import outcome_of
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.spool import RecentIds

if TYPE_CHECKING:
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Event, Fields
    from audit_provider.core.monitoring.activity import Activity
    from audit_provider.core.monitoring.categories import Classified, Classifier
    from audit_provider.core.spool import Manifest, Stream

_CLOCKS_DIFFER = timedelta(days=2)


@dataclass
class OtherChains:
    """The events of the stream's other chains that are counted, by their ids.

    Their manifests are read only once a segment may contain one of these events.

    :ivar first: the first day that is counted at all.
    """

    stream: Stream
    places: Sequence[str]
    progress: Progress
    activity: Activity
    first: date
    _ids: RecentIds | None = None
    _loaded: set[str] = field(default_factory=set)
    _removed: list[tuple[date, datetime]] = field(default_factory=list)

    def fresh(self, events: Sequence[Event], first_time: datetime) -> Sequence[Event]:
        """Return the events of a segment that no other chain has counted. :param first_time: the earliest of them.

        :raises SpoolDamagedError: another chain cannot be read.
        """
        for place in self.places:
            ended = self.progress.ended.get(place)
            if place not in self._loaded and (ended is None or first_time <= ended.last):
                self._load(place)
        if self._ids is None:
            return events
        return [event for event in self._ids.admit(events) if not self._is_removed(event)]

    def close(self) -> None:
        """Release the ids."""
        if self._ids is not None:
            self._ids.close()

    def _load(self, place: str) -> None:
        """Remember when a chain ended, and its ids on the days that are counted."""
        self._loaded.add(place)
        if self._ids is None:
            self._ids = RecentIds()
        chain = place.rpartition("/")[2]
        last, oldest = None, None
        for manifest in self.stream.of_chain(chain).found_manifests(self.progress.segments[place]):
            if manifest.written_at.date() < self.first - _CLOCKS_DIFFER:
                oldest = None
                break
            self._ids.remember(manifest.ids)
            end = min(manifest.last_time, manifest.written_at + timedelta(days=AHEAD_DAYS))
            last, oldest = max(end, last or end), manifest
        ended = self.progress.ended.get(place)
        if ended is None:
            since = self.activity.first() or self.first
            ended = Ended(last=last or datetime.min.replace(tzinfo=UTC), since=since)
            self.progress.ended[place] = ended
        if oldest and oldest.number > 1:
            # The removed segments are before one that is counted, so they were counted too.
            self._removed.append((ended.since, oldest.written_at))

    def _is_removed(self, event: Event) -> bool:
        return any(since <= event.time.date() and event.time < end for since, end in self._removed)


def other_chains(stream: Stream, place: str, activity: Activity, progress: Progress, first: date) -> OtherChains | None:
    """Return the other chains of a stream that have counted events; None if there are none.

    :param place: of the chain that is counted now. :param first: the first day that is counted at all.
    """
    places = [each for each in progress.segments if each != place and each.rpartition("/")[0] == str(stream)]
    left = [each for each in places if each not in progress.ended or progress.ended[each].last.date() >= first]
    return OtherChains(stream, left, progress, activity, first) if left else None


SEGMENTS_AT_ONCE = 50
"""Segments that are counted before the days are written; after a crash, at most so many are counted again."""

_MOST_WATCHED = 100
_MOST_IN_MEMORY = 5000
_MOST_ACTORS_OF_OBJECTS = 250
_MOST_OBJECTS_OF_ACTOR = 40
_ACTORS: tuple[str, ...] = ("actor_email", "actor_name", "actor_id")
_TARGETS: tuple[str, ...] = ("target_email", "target_user")
_NAMES = ("action", "outcome", "ip", *_ACTORS, *_TARGETS)
_LOGINS = frozenset({"login", "challenge"})


@dataclass(frozen=True, slots=True)
class Counted:
    """The result of one counting. :ivar segments: those with counted events of days that have come, and
    :ivar events: the number of these events. :ivar complete: everything in the spool is counted.
    """

    segments: int = 0
    events: int = 0
    complete: bool = True


def count(
    activity: Activity,
    streams: Sequence[tuple[Stream, Position]],
    classifier: Classifier,
    *,
    now: Callable[[], datetime],
    deadline: datetime,
    backfills: Collection[str] = (),
) -> Counted:
    """Count every segment that is not counted yet.

    Events count on the day when they happened, however late they were read, within the last days, see
    :data:`~audit_provider.core.monitoring.activity.KEPT_DAYS`; segments without such events are not even read. An event
    with a time in the future counts when its day comes; if that is further away than
    :data:`~audit_provider.core.monitoring.activity.AHEAD_DAYS`, it counts on the day when its segment was written. An
    event that another chain of the stream has counted, before a position was deleted, is not counted again. If a late
    writer has replaced a segment, the counts of the old one stay, and the new one is not counted.

    :param streams: with their positions.
    :param backfills: names of the streams of backfill windows: their events are counted, but their actors are not
        reported as new.
    :param deadline: stop after the segment that is being counted; the next counting continues.
    :raises AuditError: the spool cannot be read or written; what was counted before is kept.
    """
    run = _Run(activity, classifier, now().date())
    for stream, position in streams:
        place = f"{stream}/{position.chain}"
        done = run.progress.segments.get(place, 0)
        head = position.head
        if head.number <= done:
            continue
        first = max(done + 1, stream.oldest())
        for of_source, last in position.by_source(first):
            run.open(stream, place, of_source.fields, is_backfill=str(stream) in backfills)
            try:
                for manifest in stream.manifests(head, first):
                    if manifest.number > last:
                        break
                    if run.is_recent(manifest.last_time):
                        run.take(manifest, stream.events(manifest))
                    else:
                        run.skip(manifest.number)
                    if now() >= deadline:
                        run.flush()
                        return Counted(run.segments, run.events, complete=False)
            finally:
                run.close()
            first = last + 1
    run.flush()
    return Counted(run.segments, run.events)


@dataclass
class _Run:
    """The days of one counting, and the progress to record once they are written."""

    activity: Activity
    classifier: Classifier
    today: date
    segments: int = 0
    events: int = 0
    _days: dict[date, Day] = field(default_factory=dict)
    _pending: dict[str, int] = field(default_factory=dict)
    _unwritten: int = 0

    def __post_init__(self) -> None:
        self.progress: Progress = self.activity.progress()
        self._first = self.today - timedelta(days=KEPT_DAYS - 1)

    def open(self, stream: Stream, place: str, fields: Fields, *, is_backfill: bool) -> None:
        """Begin with another chain."""
        self._place, self._is_backfill = place, is_backfill
        self._reader = FieldReader(fields, _NAMES)
        # Used only for watched actions, which are few.
        self._object_reader = FieldReader(fields, OBJECT_FIELDS)
        self._one_email = fields.actor_email == fields.target_email != ""
        self.progress.ended.pop(place, None)
        self._others = other_chains(stream, place, self.activity, self.progress, self._first)

    def close(self) -> None:
        """Release what is remembered for the chain."""
        if self._others:
            self._others.close()

    def is_recent(self, last: datetime) -> bool:
        """Return whether some events are recent enough to be counted. :param last: time of the latest of them."""
        return last.date() >= self._first

    def skip(self, number: int) -> None:
        """Skip a segment that has nothing to count."""
        self._pending[self._place] = number

    def take(self, manifest: Manifest, events: Sequence[Event]) -> None:
        """Count a segment, except for days that have already counted it."""
        open_days: dict[date, Day | None] = {}
        number, written_on = manifest.number, manifest.written_at.date()
        latest = written_on + timedelta(days=AHEAD_DAYS)
        if self._others:
            events = self._others.fresh(events, manifest.first_time)
        counted = 0
        for event in events:
            when = event.time.date()
            if when not in open_days:
                open_days[when] = self._open_day(when if when <= latest else written_on, number)
            day = open_days[when]
            if day is not None:
                self._count(day, event)
                counted += day.day <= self.today
        self.segments += counted > 0
        self.events += counted
        self._pending[self._place] = number
        self._unwritten += 1
        if self._unwritten >= SEGMENTS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the days, then the progress."""
        if not self._pending:
            return
        for day in self._days.values():
            day.trim()
            beyond = day.counted | self._pending
            done = self.progress.segments
            day.counted = {place: number for place, number in beyond.items() if number > done.get(place, 0)}
            self.activity.keep(day, ahead=day.day > self.today)
        self.progress = msgspec.structs.replace(self.progress, segments=self.progress.segments | self._pending)
        self.activity.keep_progress(self.progress)
        self._days, self._pending, self._unwritten = {}, {}, 0

    def _open_day(self, when: date, number: int) -> Day | None:
        if when < self._first:
            return None
        day = self._days.get(when) or self.activity.day(when)
        if day.counted.get(self._place, 0) >= number:
            return None
        self._days[when] = day
        return day

    def _count(self, day: Day, event: Event) -> None:
        found = self._reader.read(event.raw)
        action = found.get("action", "")[:MOST_LETTERS]
        classified = self.classifier.of(action)
        hour = event.time.hour
        hours = day.actions.get(action)
        if hours is None and len(day.actions) < MOST_ACTIONS:
            hours = day.actions[action] = [0] * 24
            if self._is_backfill:
                day.backfilled_only.append(action)
        if hours is None:
            hours = day.rest.setdefault(classified.category, [0] * 24)
        hours[hour] += 1
        names: Names = day.backfilled
        if not self._is_backfill:
            names, day.live = day, day.live + 1
            if action in day.backfilled_only:
                day.backfilled_only.remove(action)
        meaning = classified.meaning
        if self._one_email and meaning.kind != "authentication":
            # It is the address of the user who was acted on.
            found.pop("actor_email", None)
        if classified.watched:
            actor = actor_of(found, classified)
            self._watch(names, action, actor)
            # A sign-in has no object besides its actor.
            if action in names.watched and not (meaning.kind == "authentication" and meaning.verb in _LOGINS):
                thing = object_of(self._object_reader.read(event.raw), actor)
                _add_object(names.objects.setdefault(action, {}), actor or REST, thing)
        if meaning.kind == "authentication" and meaning.verb in _LOGINS:
            if outcome_of(found.get("outcome", ""), meaning) != "failure":
                return
            _add(names.failed_by_actor.setdefault(hour, {}), actor_of(found, classified))
            _add(names.failed_by_address.setdefault(hour, {}), found.get("ip", "")[:MOST_LETTERS])

    def _watch(self, names: Names, action: str, actor: str) -> None:
        actors = names.watched.get(action)
        if actors is None and len(names.watched) < _MOST_WATCHED:
            actors = names.watched[action] = {}
        if actors is not None:
            _add(actors, actor or REST)


def _add_object(objects: dict[str, dict[str, int]], actor: str, thing: str) -> None:
    """Count an object of an actor if memory allows; known objects stay. :param thing: the object, "" if unknown."""
    if not thing:
        return
    counts = objects.get(actor)
    if counts is None and len(objects) >= _MOST_ACTORS_OF_OBJECTS:
        actor = thing = REST
    elif counts and thing not in counts and len(counts) >= _MOST_OBJECTS_OF_ACTOR:
        thing = REST
    counts = objects.setdefault(actor, {})
    counts[thing] = counts.get(thing, 0) + 1


def actor_of(found: Mapping[str, str], classified: Classified) -> str:
    """Return the actor by the most familiar name: e-mail address, name, or else id; "" if the record has none."""
    # A sign-in has only one person, whether the record names it as the actor or as the target.
    names = _ACTORS + (_TARGETS if classified.meaning.kind == "authentication" else ())
    return next((found[name][:MOST_LETTERS] for name in names if name in found), "")


def _add(names: dict[str, int], name: str) -> None:
    """Count a name if memory allows; names that are already counted stay."""
    if name in names or (name and len(names) < _MOST_IN_MEMORY):
        names[name] = names.get(name, 0) + 1
    elif name:
        names[REST] = names.get(REST, 0) + 1
