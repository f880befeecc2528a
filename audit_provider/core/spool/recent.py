"""The ids that a reader may meet again, in memory that hardly grows with their number."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from audit_provider.core.spool.id_table import IdTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.model import Event

_MOST_IN_MEMORY = 20_000
_AT_ONCE = 1000


class RecentIds:
    """A set of ids.

    More than a few go into a table whose bulk lies on disk, so that a window of ten million events needs hardly more
    memory than one of ten thousand. It is a cache: the spool's manifests are the record.

    :param most_in_memory: how many are kept in memory.
    """

    def __init__(self, most_in_memory: int = _MOST_IN_MEMORY) -> None:
        self._few: set[str] = set()
        self._most = most_in_memory
        self._table: IdTable | None = None

    def remember(self, ids: Iterable[str]) -> None:
        """Add ids."""
        if self._table is None:
            self._few.update(ids)
            if len(self._few) <= self._most:
                return
            self._table, ids, self._few = IdTable(), self._few, set()
        unique = iter(dict.fromkeys(ids))
        while some := list(islice(unique, _AT_ONCE)):
            self._table.add(some)

    def admit(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events not met before, in order, and remember them."""
        page = {event.id: event for event in events}
        if len(page) < len(events):
            page = {event.id: event for event in reversed(events)}
            events = [event for event in events if page[event.id] is event]  # the first of those with one id
        if self._table is None:
            known = self._few.intersection(page)
            self.remember(page)
            return [event for event in events if event.id not in known] if known else events
        new = self._table.add([event.id for event in events])
        return events if len(new) == len(events) else [page[name] for name in new]

    def close(self) -> None:
        """Drop them."""
        if self._table is not None:
            self._table.close()
