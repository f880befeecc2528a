"""The ids that a reader may meet again, in memory that hardly grows with their number."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from audit_provider.core.spool.id_table import IdTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.model import Event

MOST_IN_MEMORY = 20_000
_AT_ONCE = 1000


class RecentIds:
    """A set of ids, and of each the place that it was remembered under.

    More than a few go into a table whose bulk lies on disk, so that a window of ten million events needs hardly more
    memory than one of ten thousand. It is a cache: the spool's manifests are the record.

    :param most_in_memory: how many are kept in memory.
    """

    def __init__(self, most_in_memory: int = MOST_IN_MEMORY) -> None:
        self._few: set[str] = set()
        self._lists: list[tuple[int, Sequence[str]]] = []
        self._places: dict[str, int] = {}
        self._placed = 0
        self._most = most_in_memory
        self._table: IdTable | None = None

    def remember(self, ids: Iterable[str], place: int = 0, known: set[str] | None = None) -> None:
        """Add ids.

        :param place: any number, such as that of the segment that holds them; the first one stands.
        :param known: is given those that were known already.
        """
        if self._table is None:
            ids = ids if isinstance(ids, tuple) else tuple(ids)
            if known is not None:
                known.update(self._few.intersection(ids))
            self._add_few(ids, place)
            return
        met: dict[str, int] | None = None if known is None else {}
        self._table.mark(place)
        unique = iter(dict.fromkeys(ids))
        while some := list(islice(unique, _AT_ONCE)):
            self._table.add(some, met)
        if known is not None and met:
            known.update(met)

    def add(self, ids: Iterable[str], place: int = 0) -> dict[str, int]:
        """Add ids, each named once; return those that were known, each with its place."""
        if self._table is None:
            known = self._few.intersection(ids)
            met = self._places_of(known) if known else {}
            self._add_few(tuple(ids), place)
            return met
        met = {}
        self._table.mark(place)
        self._table.add(list(ids), met)
        return met

    def admit(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events of ids not met before, in order, and remember them; of those with one id, the first."""
        page: dict[str, Event] = {}
        for event in events:
            page.setdefault(event.id, event)
        met = self.add(page)
        return [event for name, event in page.items() if name not in met]

    def close(self) -> None:
        """Drop them."""
        if self._table is not None:
            self._table.close()

    def _add_few(self, ids: tuple[str, ...], place: int) -> None:
        self._few.update(ids)
        self._lists.append((place, ids))
        if len(self._few) <= self._most:
            return
        self._table = IdTable()
        lists, self._lists, self._few, self._places = self._lists, [], set(), {}
        for place, some in lists:
            self.remember(some, place)

    def _places_of(self, ids: Iterable[str]) -> dict[str, int]:
        for place, some in self._lists[self._placed :]:
            for name in some:
                self._places.setdefault(name, place)
        self._placed = len(self._lists)
        return {name: self._places[name] for name in ids}
