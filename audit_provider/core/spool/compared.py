"""The ids of two sets of events, compared in memory that does not grow with their number."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence

from audit_provider.core.content import Content
from audit_provider.core.model import Event

_OWN_NAME = re.compile(r"-[0-9a-f]{32}$")


class ComparedIds:
    """What the spool holds of a window, against what the source serves of it.

    Of several records under one id, all but the first are spooled under ``<id>-<digest>`` and compared under that name.
    Kept in a private SQLite table that spills to a temporary file.

    :param volatile: paths that are left out where contents are compared.
    """

    def __init__(self, volatile: Sequence[str] = ()) -> None:
        self._content = Content(volatile)
        self._holds_own_names = False
        self._table = sqlite3.connect("", isolation_level=None)
        for line in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "PRAGMA cache_size=-4000",
            # NULL: held and not served.
            "CREATE TABLE ids (id TEXT PRIMARY KEY, served INTEGER) WITHOUT ROWID",
            "BEGIN",
        ):
            self._table.execute(line)

    def hold(self, ids: Iterable[str]) -> None:
        """Take in ids that the spool holds."""
        ids = tuple(ids)
        self._holds_own_names = self._holds_own_names or any(map(_OWN_NAME.search, ids))
        self._table.executemany("INSERT OR IGNORE INTO ids VALUES (?, NULL)", ((each,) for each in ids))

    def serve(self, events: Iterable[Event]) -> tuple[int, list[Event]]:
        """Take in events that the source serves; return how many it had not served before, and those not held."""
        fresh, missing = 0, []
        for event in events:
            content = hash(bytes(event.raw))
            own = self._own(event) if self._holds_own_names else event
            if own is event or not self._is_known(own.id):
                own = event
            held, new = self._mark(own.id, content)
            if not new and not held and own is event and self._served(event.id) != content:
                own = self._own(event)
                held, new = self._mark(own.id, content)
            fresh += held or new
            if new:
                missing.append(own)
        return fresh, missing

    def unserved(self) -> int:
        """Return how many are held that the source has not served."""
        (count,) = self._table.execute("SELECT count(*) FROM ids WHERE served IS NULL").fetchone()
        return int(count)

    def close(self) -> None:
        """Drop the table."""
        self._table.close()

    def _own(self, event: Event) -> Event:
        return Event(f"{event.id}-{self._content.digest(event.raw)}", event.time, event.raw)

    def _mark(self, name: str, content: int) -> tuple[bool, bool]:
        """Mark an id as served; return whether it was held and not served yet, and whether it was unknown."""
        if self._table.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (name, content)).rowcount:
            return False, True
        done = self._table.execute("UPDATE ids SET served = ? WHERE id = ? AND served IS NULL", (content, name))
        return bool(done.rowcount), False

    def _is_known(self, name: str) -> bool:
        return self._table.execute("SELECT 1 FROM ids WHERE id = ?", (name,)).fetchone() is not None

    def _served(self, name: str) -> int | None:
        (content,) = self._table.execute("SELECT served FROM ids WHERE id = ?", (name,)).fetchone()
        return None if content is None else int(content)
