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
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.monitoring.categories import Category

if TYPE_CHECKING:
    from collections.abc import Collection

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

MOST_LETTERS = 200
"""Of a name."""

REST = "…"
"""Stands for all names that are not kept."""

_PROGRESS = "progress.json"
_MEMORY = "memory.json"
_AHEAD = "ahead-"

_Kind = TypeVar("_Kind")


class Names(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who did what on one day.

    :ivar watched: events of actions that matter to security, by action and actor.
    :ivar failed_by_actor: failed logins by hour and actor; :ivar failed_by_address: by hour and address.
    """

    watched: dict[str, dict[str, int]] = {}
    failed_by_actor: dict[int, dict[str, int]] = {}
    failed_by_address: dict[int, dict[str, int]] = {}

    def trim(self) -> None:
        """Keep of names only the most frequent."""
        for actors in self.watched.values():
            _trim(actors)
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
    """The counts of one pipeline."""

    def __init__(self, store: Store, pipeline: str) -> None:
        self._store = store
        self._folder = f"{pipeline}/{FOLDER}/"

    def days(self, first: date, last: date) -> list[Day]:
        """Return the days from ``first`` to ``last``, empty ones included.

        :raises SpoolDamagedError: one cannot be read.
        """
        there = set(self._kept())
        wanted = (first + timedelta(days=each) for each in range((last - first).days + 1))
        return [self.day(each) if each in there else Day(day=each) for each in wanted]

    def day(self, day: date) -> Day:
        """Return a day.

        :raises SpoolDamagedError: it cannot be read.
        """
        return self._read(f"{day}.json", Day) or self._read(f"{_AHEAD}{day}.json", Day) or Day(day=day)

    def keep(self, day: Day, *, ahead: bool = False) -> None:
        """Keep a day, durably. :param ahead: it has not come yet."""
        self._store.put(f"{self._folder}{_AHEAD if ahead else ''}{day.day}.json", msgspec.json.encode(day))

    def progress(self) -> Progress:
        """Return what is counted."""
        return self._read(_PROGRESS, Progress) or Progress()

    def keep_progress(self, progress: Progress) -> None:
        """Keep what is counted: after the days that count it."""
        self._store.put(self._folder + _PROGRESS, msgspec.json.encode(progress))

    def memory(self, kind: type[_Kind]) -> _Kind | None:
        """Return what the findings remember, None where they have nothing to."""
        return self._read(_MEMORY, kind)

    def keep_memory(self, memory: object) -> None:
        """Keep what the findings remember, durably."""
        self._store.put(self._folder + _MEMORY, msgspec.json.encode(memory))

    def first(self) -> date | None:
        """Return the first day of which anything is counted, None where there is none."""
        return min(self._kept(), default=None)

    def prune(self, before: date) -> None:
        """Remove the days before a day."""
        for each, key in self._kept().items():
            if each < before:
                self._store.delete(key)

    def _kept(self) -> dict[date, str]:
        """Return the days that are kept, and where."""
        found = {}
        # A day that has come is kept under its name alone, which is the first in their order.
        for key in sorted(self._store.keys(self._folder), reverse=True):
            with suppress(ValueError):
                found[date.fromisoformat(key.rpartition("/")[2].removesuffix(".json").removeprefix(_AHEAD))] = key
        return found

    def _read(self, name: str, kind: type[_Kind]) -> _Kind | None:
        key = self._folder + name
        try:
            content = self._store.get(key)
        except SpoolDamagedError:
            return None
        try:
            return msgspec.json.decode(content, type=kind)
        except UNREADABLE as error:
            raise SpoolDamagedError(
                f"the spool's file {key} cannot be read ({error}): restore it, or delete the folder {self._folder} to "
                "count the events still in the spool again."
            ) from None


def total(hours: Collection[list[int]]) -> list[int]:
    """Return the sum by hour."""
    return [sum(each) for each in zip(*hours, strict=True)] if hours else [0] * 24


def _trim(names: dict[str, int]) -> None:
    if len(names) <= MOST_NAMES:
        return
    kept = sorted(names, key=lambda name: (name == REST, names[name]), reverse=True)[: MOST_NAMES + (REST in names)]
    dropped = sum(names.pop(name) for name in set(names) - set(kept))
    names[REST] = names.get(REST, 0) + dropped
