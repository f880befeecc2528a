"""How often what happened, by hour and action: counted from the spool, kept beside it.

::

    <pipeline>/activity/
    ├── <day>.json       what happened on one day (UTC), by action and hour
    ├── ahead-<day>.json the same of a day that has not come: events that the vendor dates ahead of the clock
    ├── progress.json    up to which segment of which chain everything is counted
    └── memory.json      what the findings remember, see ``memory``

The counts lie in the spool and not in Airflow's Variables: they are many small numbers that grow with the number of
actions, a Variable is read and written as a whole, and the metadata database is no place for a megabyte per pipeline
that changes every five minutes. What they are made from lies in the spool too, so both are kept, moved and lost
together. The page reads a summary, which is small, from a Variable.

Objects are written day by day and the progress last. Each day says up to which segment it counts where that is beyond
the progress, so after a crash in between what it has is not counted again.

Whoever can write the spool could write such files too, so the ledger vouches for them: the summary of the last report
has a digest of each.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.monitoring.categories import Category

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from audit_provider.core.spool import Store

FOLDER = "activity"
"""Below the pipeline's."""

KEPT_DAYS = 35
AHEAD_DAYS = 35
"""Events up to so many days ahead of the clock count for their own day, later ones for the day they were written."""

MOST_ACTIONS = 300
"""Actions of one day that are counted by name; those that come later are counted by category alone."""

MOST_NAMES = 50
"""Actors of one action, and actors or addresses of failed logins in one hour, that are kept by name."""

MOST_OBJECTS = 20
"""Pairs of an actor and an object of one action that are kept by name."""

MOST_LETTERS = 200
"""Of a name."""

REST = "…"
"""Stands for all names that are not kept."""

_PROGRESS = "progress.json"
_MEMORY = "memory.json"
_AHEAD = "ahead-"
_DIGITS = 16

_Kind = TypeVar("_Kind")


class Names(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who did what on one day.

    :ivar watched: events of actions that matter to security, by action and actor.
    :ivar objects: what these were done to, by action, actor and object, see ``objects``; under :data:`REST`, events
        whose object is not kept.
    :ivar failed_by_actor: failed logins by hour and actor; :ivar failed_by_address: by hour and address.
    """

    watched: dict[str, dict[str, int]] = {}
    objects: dict[str, dict[str, dict[str, int]]] = {}
    failed_by_actor: dict[int, dict[str, int]] = {}
    failed_by_address: dict[int, dict[str, int]] = {}

    def trim(self) -> None:
        """Keep of names only the most frequent."""
        for actors in self.watched.values():
            _trim(actors)
        for action, objects in self.objects.items():
            _trim_objects(objects, self.watched.get(action, {}))
        for names in (*self.failed_by_actor.values(), *self.failed_by_address.values()):
            _trim(names)
            names.pop(REST, None)


class Day(Names, kw_only=True, omit_defaults=True):
    """What happened on one day. The names are of events that were read live or late, not by a backfill.

    :ivar counted: Last counted segment of a chain, for chains in which that is beyond the progress.
    :ivar actions: Events by action and hour of the day.
    :ivar rest: The same by category, for actions beyond the maximum number.
    :ivar live: Number of its events that no backfill has read.
    :ivar backfilled: Names of events that a backfill has read: they make no findings, and are known.
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
        """Keep of names only the most frequent."""
        super().trim()
        self.backfilled.trim()


class Ended(msgspec.Struct, kw_only=True, frozen=True):
    """A chain that was left. :ivar last: time of its latest event. :ivar since: the first day that was counted then."""

    last: datetime
    since: date


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is counted.

    :ivar segments: The last counted segment, by ``<folder>/<chain>``.
    :ivar finished: Folders of windows that were read to their end and counted, so that they are not examined again.
    :ivar ended: Chains that reading has left for another, because a position was deleted or restored.
    """

    segments: dict[str, int] = {}
    finished: list[str] = []
    ended: dict[str, Ended] = {}


class Activity:
    """The counts of one pipeline.

    :param vouched: digests of its files by the last report; empty where an earlier version has written them, and they
        are believed as they are.
    :ivar digests: of its files as they are to be. :ivar changed: names of files that have proven to be others.
    """

    def __init__(self, store: Store, pipeline: str, vouched: Mapping[str, str] | None = None) -> None:
        self._store = store
        self._folder = f"{pipeline}/{FOLDER}/"
        self.digests = dict(vouched or {})
        self.changed: set[str] = set()

    def days(self, first: date, last: date) -> list[Day]:
        """Return the days from ``first`` to ``last``, empty ones included.

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
        """Return what is counted."""
        return self._read(_PROGRESS, Progress) or Progress()

    def keep_progress(self, progress: Progress) -> None:
        """Keep what is counted: after the days that count it."""
        self._put(_PROGRESS, progress)

    def memory(self, kind: type[_Kind]) -> _Kind | None:
        """Return what the findings remember, None if they have nothing to."""
        return self._read(_MEMORY, kind)

    def keep_memory(self, memory: object) -> None:
        """Keep what the findings remember, durably."""
        self._store.put(self._folder + _MEMORY, msgspec.json.encode(memory))

    def first(self) -> date | None:
        """Return the first day of which anything is counted, None if there is none."""
        return min(self._kept(), default=None)

    def prune(self, before: date) -> None:
        """Remove the days before a day."""
        for name in self.names():
            if (day := _day_of(name)) and day < before:
                self._store.delete(self._folder + name)
        self.digests = {name: digest for name, digest in self.digests.items() if (_day_of(name) or before) >= before}

    def vouch(self) -> None:
        """Take digests of all files as they are, where none are known."""
        if not self.digests:
            self.digests = {each: digest_of(self._store.get(self._folder + each)) for each in self.names()}

    def names(self) -> set[str]:
        """Return the names of its files, but for the memory, which is written after the digests are kept."""
        return {key.rpartition("/")[2] for key in self._store.keys(self._folder)} - {_MEMORY}

    def _kept(self) -> dict[date, str]:
        """Return the days that are kept, and where."""
        found = {}
        # A day that has come is kept under its name alone, which is the first in their order.
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
    """Return the digest by which a file of counts is recognised."""
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _day_of(name: str) -> date | None:
    """Return the day that a file counts, from its name; None for another file."""
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
    """Keep of one action's objects only the most frequent. :param objects: by actor. :param actors: that are kept."""
    pairs = [(count, actor, thing) for actor, counts in objects.items() for thing, count in counts.items()]
    named = [each for each in pairs if each[1] in actors and each[2] != REST]
    kept = sorted(named, key=lambda each: each[0], reverse=True)[:MOST_OBJECTS]
    left = sum(count for count, _, _ in pairs) - sum(count for count, _, _ in kept)
    objects.clear()
    for count, actor, thing in kept:
        objects.setdefault(actor, {})[thing] = count
    if left:
        objects.setdefault(REST, {})[REST] = left
