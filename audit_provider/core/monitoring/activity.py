"""Numbers of events by hour and action: counted from the spool, and kept in it.

::

    <pipeline>/activity/
    ├── <day>.json       what happened on one day (UTC), by action and hour
    ├── ahead-<day>.json the same for a day that has not come: events with a time in the future
    ├── progress.json    up to which segment of which chain everything is counted
    └── memory.json      what the findings remember, see ``memory``

The counts are in the spool and not in Airflow's Variables. They are many small numbers, and their number grows with the
actions. A Variable is read and written as a whole, and a megabyte per pipeline that changes every five minutes does not
belong in the metadata database. The events are in the spool too, so events and counts are kept, moved and lost
together. The page reads a small summary from a Variable.

Days are written one by one, and the progress last. If a day counts segments beyond the progress, it says up to which
segment it counts. So after a crash in between, these are not counted again.

Somebody who can write to the spool could also write such files, so the ledger proves them: the summary of the last
report has a digest of each.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.records.facts import Category

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from audit_provider.core.spool import Store

FOLDER = "activity"
"""The folder of the counts, in the pipeline's folder."""

KEPT_DAYS = 35
AHEAD_DAYS = 35
"""Events up to so many days in the future count for their own day, later ones for the day their segment was written."""

MOST_ACTIONS = 300
"""Most actions of one day that are counted by name; further ones are counted by category only."""

MOST_NAMES = 50
"""Most actors of one action, and most actors or addresses of failed logins in one hour, that are kept by name."""

MOST_OBJECTS = 20
"""Most pairs of an actor and an object of one action that are kept by name."""

MOST_LETTERS = 200
"""Most characters of a name."""

REST = "…"
"""Represents all names that are not kept."""

_PROGRESS = "progress.json"
_MEMORY = "memory.json"
_AHEAD = "ahead-"
_DIGITS = 16

_Kind = TypeVar("_Kind")


class Names(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who did what on one day.

    :ivar watched: number of events of security-relevant actions, by action and actor.
    :ivar objects: number of these by action, actor and object, see ``objects``; under :data:`REST`, events whose object
        is not kept.
    :ivar failed_by_actor: failed logins by hour and actor; :ivar failed_by_address: by hour and address.
    """

    watched: dict[str, dict[str, int]] = {}
    objects: dict[str, dict[str, dict[str, int]]] = {}
    failed_by_actor: dict[int, dict[str, int]] = {}
    failed_by_address: dict[int, dict[str, int]] = {}

    def trim(self) -> None:
        """Keep only the most frequent names."""
        for actors in self.watched.values():
            _trim(actors)
        for action, objects in self.objects.items():
            _trim_objects(objects, self.watched.get(action, {}))
        for names in (*self.failed_by_actor.values(), *self.failed_by_address.values()):
            _trim(names)
            names.pop(REST, None)


class Day(Names, kw_only=True, omit_defaults=True):
    """What happened on one day. The names are from events that were read live or late, not by a backfill.

    :ivar counted: Last counted segment of a chain, for chains in which it is beyond the progress.
    :ivar actions: Events by action and hour of the day.
    :ivar rest: The same by category, for actions beyond the maximum number.
    :ivar live: Number of its events that were not read by a backfill.
    :ivar backfilled: Names from events that a backfill has read; they cause no findings, and count as known.
    :ivar backfilled_only: Actions that only a backfill has read.
    """

    day: date
    counted: dict[str, int] = {}
    actions: dict[str, list[int]] = {}
    rest: dict[Category, list[int]] = {}
    live: int = 0
    backfilled: Names = msgspec.field(default_factory=Names)
    backfilled_only: list[str] = []

    def trim(self) -> None:
        """Keep only the most frequent names."""
        super().trim()
        self.backfilled.trim()


class Ended(msgspec.Struct, kw_only=True, frozen=True):
    """A chain that ended. :ivar last: time of its latest event. :ivar since: the first day that had counts then."""

    last: datetime
    since: date


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which segments are counted.

    :ivar segments: The last counted segment, by ``<folder>/<chain>``.
    :ivar finished: Folders of windows that were read to their end and counted, so that they are not examined again.
    :ivar ended: Chains that were replaced by another, because a position was deleted or restored.
    """

    segments: dict[str, int] = {}
    finished: list[str] = []
    ended: dict[str, Ended] = {}


class Activity:
    """The counts of one pipeline.

    :param vouched: digests of its files by the last report; empty if an earlier version has written the files, which
        are then accepted as they are.
    :ivar digests: expected digests of its files. :ivar changed: names of files that do not match their digest.
    """

    def __init__(self, store: Store, pipeline: str, vouched: Mapping[str, str] | None = None) -> None:
        self._store = store
        self._folder = f"{pipeline}/{FOLDER}/"
        self.digests = dict(vouched or {})
        self.changed: set[str] = set()

    def days(self, first: date, last: date) -> list[Day]:
        """Return the days from ``first`` to ``last``, including empty ones.

        :raises SpoolDamagedError: one cannot be read.
        """
        there = {*self._kept(), *map(_day_of, self.digests)}
        wanted = (first + timedelta(days=each) for each in range((last - first).days + 1))
        return [self.day(each) if each in there else Day(day=each) for each in wanted]

    def day(self, day: date) -> Day:
        """Return a day.

        :raises SpoolDamagedError: it cannot be read.
        """
        return self._read(f"{day}.json", Day) or self._read(f"{_AHEAD}{day}.json", Day) or Day(day=day)

    def keep(self, day: Day, *, ahead: bool = False) -> None:
        """Keep a day, durably. :param ahead: it has not come yet."""
        self._put(f"{_AHEAD if ahead else ''}{day.day}.json", day)

    def progress(self) -> Progress:
        """Return which segments are counted."""
        return self._read(_PROGRESS, Progress) or Progress()

    def keep_progress(self, progress: Progress) -> None:
        """Keep which segments are counted; called after the days with their counts are kept."""
        self._put(_PROGRESS, progress)

    def memory(self, kind: type[_Kind]) -> _Kind | None:
        """Return what the findings remember; None if there is nothing."""
        return self._read(_MEMORY, kind)

    def keep_memory(self, memory: object) -> None:
        """Keep what the findings remember, durably."""
        self._store.put(self._folder + _MEMORY, msgspec.json.encode(memory))

    def first(self) -> date | None:
        """Return the first day with counts; None if there is none."""
        return min(self._kept(), default=None)

    def prune(self, before: date) -> None:
        """Remove the days before a day."""
        for name in self.names():
            if (day := _day_of(name)) and day < before:
                self._store.delete(self._folder + name)
        self.digests = {name: digest for name, digest in self.digests.items() if (_day_of(name) or before) >= before}

    def vouch(self) -> None:
        """Compute the digests of all files as they are, if no digests are known."""
        if not self.digests:
            self.digests = {each: digest_of(self._store.get(self._folder + each)) for each in self.names()}

    def names(self) -> set[str]:
        """Return the names of its files, without the memory, which is written after the digests are kept."""
        return {key.rpartition("/")[2] for key in self._store.keys(self._folder)} - {_MEMORY}

    def _kept(self) -> dict[date, str]:
        """Return the days that are kept, with their keys."""
        found = {}
        # The file of a day that has come, whose name has no prefix, replaces the one from when it was ahead.
        for key in sorted(self._store.keys(self._folder), reverse=True):
            if day := _day_of(key.rpartition("/")[2]):
                found[day] = key
        return found

    def _put(self, name: str, value: object) -> None:
        content = msgspec.json.encode(value)
        self._store.put(self._folder + name, content)
        self.digests[name] = digest_of(content)

    def _read(self, name: str, kind: type[_Kind]) -> _Kind | None:
        key = self._folder + name
        try:
            content = self._store.get(key)
        except SpoolDamagedError:
            if self.digests.pop(name, None):
                self.changed.add(name)
            return None
        if name in self.digests and digest_of(content) != self.digests[name]:
            self.changed.add(name)
            self.digests[name] = digest_of(content)
        try:
            return msgspec.json.decode(content, type=kind)
        except UNREADABLE as error:
            raise SpoolDamagedError(
                f"the spool's file {key} cannot be read ({error}): restore it, or delete the folder {self._folder} to "
                "count the events still in the spool again."
            ) from None


def digest_of(content: bytes) -> str:
    """Return the digest that proves a file of counts."""
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _day_of(name: str) -> date | None:
    """Return the day of a file of counts, from its name; None for any other file."""
    with suppress(ValueError):
        return date.fromisoformat(name.removesuffix(".json").removeprefix(_AHEAD))
    return None


def total(hours: Collection[list[int]]) -> list[int]:
    """Return the sum by hour."""
    return [sum(each) for each in zip(*hours, strict=True)] if hours else [0] * 24


def _trim(names: dict[str, int]) -> None:
    if len(names) <= MOST_NAMES:
        return
    kept = sorted(names, key=lambda name: (name == REST, names[name]), reverse=True)[: MOST_NAMES + (REST in names)]
    dropped = sum(names.pop(name) for name in set(names) - set(kept))
    names[REST] = names.get(REST, 0) + dropped


def _trim_objects(objects: dict[str, dict[str, int]], actors: Collection[str]) -> None:
    """Keep only the most frequent objects of an action. :param objects: by actor. :param actors: actors to keep."""
    pairs = [(count, actor, thing) for actor, counts in objects.items() for thing, count in counts.items()]
    named = [each for each in pairs if each[1] in actors and each[2] != REST]
    kept = sorted(named, key=lambda each: each[0], reverse=True)[:MOST_OBJECTS]
    left = sum(count for count, _, _ in pairs) - sum(count for count, _, _ in kept)
    objects.clear()
    for count, actor, thing in kept:
        objects.setdefault(actor, {})[thing] = count
    if left:
        objects.setdefault(REST, {})[REST] = left
