"""The ids that a reader may meet again, in memory that does not grow with their number."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_provider.core.model import Event

_MOST_IN_MEMORY = 50_000


class RecentIds:
    """A set of ids.

    More than a few go into a private SQLite table that spills to a temporary file, so that a window of ten million
    events needs hardly more memory than one of ten thousand. It is a cache: the spool's manifests are the record.

    :param most_in_memory: how many are kept in memory.
    """

    def __init__(self, most_in_memory: int = _MOST_IN_MEMORY) -> None:
        self._few: set[str] = set()
        self._most = most_in_memory
        self._table: sqlite3.Connection | None = None

    def remember(self, ids: Iterable[str]) -> None:
        """Add ids."""
        if self._table is None:
            self._few.update(ids)
            if len(self._few) <= self._most:
                return
            self._table, ids, self._few = _table(), self._few, set()
        self._table.executemany("INSERT OR IGNORE INTO ids VALUES (?)", ((each,) for each in ids))

    def admit(self, events: Iterable[Event]) -> list[Event]:
        """Return the events not met before, in order, and remember them."""
        if self._table is not None:
            execute = self._table.execute
            return [event for event in events if execute("INSERT OR IGNORE INTO ids VALUES (?)", (event.id,)).rowcount]
        page: dict[str, Event] = {}
        for event in events:
            page.setdefault(event.id, event)
        for name in self._few.intersection(page):
            del page[name]
        self.remember(page)
        return list(page.values())

    def close(self) -> None:
        """Drop them."""
        if self._table is not None:
            self._table.close()


def _table() -> sqlite3.Connection:
    table = sqlite3.connect("", isolation_level=None)
    for line in (
        "PRAGMA journal_mode=OFF",
        "PRAGMA synchronous=OFF",
        "PRAGMA cache_size=-4000",
        "CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID",
        "BEGIN",
    ):
        table.execute(line)
    return table
