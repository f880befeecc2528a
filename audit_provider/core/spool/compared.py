"""The ids of two sets of events, compared in memory that does not grow with their number."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_provider.core.model import Event


class ComparedIds:
    """What the spool holds of a window, against what the source serves of it.

    Kept in a private SQLite table that spills to a temporary file.
    """

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None)
        for line in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "PRAGMA cache_size=-4000",
            "CREATE TABLE ids (id TEXT PRIMARY KEY, served INTEGER) WITHOUT ROWID",
            "BEGIN",
        ):
            self._table.execute(line)

    def hold(self, ids: Iterable[str]) -> None:
        """Take in ids that the spool holds."""
        self._table.executemany("INSERT OR IGNORE INTO ids VALUES (?, 0)", ((each,) for each in ids))

    def serve(self, events: Iterable[Event]) -> tuple[int, list[Event]]:
        """Take in events that the source serves; return how many it had not served before, and those not held."""
        fresh, missing = 0, []
        for event in events:
            if self._table.execute("INSERT OR IGNORE INTO ids VALUES (?, 1)", (event.id,)).rowcount:
                fresh += 1
                missing.append(event)
            else:
                done = self._table.execute("UPDATE ids SET served = 1 WHERE id = ? AND served = 0", (event.id,))
                fresh += done.rowcount
        return fresh, missing

    def unserved(self) -> int:
        """Return how many are held that the source has not served."""
        (count,) = self._table.execute("SELECT count(*) FROM ids WHERE served = 0").fetchone()
        return int(count)

    def close(self) -> None:
        """Drop the table."""
        self._table.close()
