"""The ids that a reader may meet again, in memory that does not grow with their number."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_provider.core.model import Event


class RecentIds:
    """A set of ids.

    Kept in a private SQLite table that spills to a temporary file, so that a window of ten million
    events needs no more memory than one of ten. It is a cache: the spool's manifests are the record.
    """

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None)
        for line in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "PRAGMA cache_size=-4000",
            "CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._table.execute(line)

    def remember(self, ids: Iterable[str]) -> None:
        """Add ids."""
        self._table.executemany("INSERT OR IGNORE INTO ids VALUES (?)", ((each,) for each in ids))

    def admit(self, events: Iterable[Event]) -> list[Event]:
        """Return the events not met before, in order, and remember them."""
        execute = self._table.execute
        return [event for event in events if execute("INSERT OR IGNORE INTO ids VALUES (?)", (event.id,)).rowcount]

    def close(self) -> None:
        """Drop the table."""
        self._table.close()
