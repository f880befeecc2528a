"""Sets of ids in little memory: ids that a source may serve again, and the ids of two logs that are compared."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

import msgspec

from audit_provider.core.model import Event
from audit_provider.core.records.content import Content

MOST_IN_MEMORY = 20_000
_AT_ONCE = 1000


class RecentIds:
    """A set of ids, each with the place under which it was remembered.

    If there are many, they go into a table that is mostly on disk, so that a window of ten million events needs hardly
    more memory than one of ten thousand. It is only a cache: the spool's manifests are the record.

    :param most_in_memory: how many ids are kept in memory before that.
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

        :param place: any number, such as that of the segment that holds them; an id keeps its first place.
        :param known: receives the ids that were known already.
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
        """Add ids without repetition; return those that were known, each with its place."""
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
        """Return the events with new ids, in order, and remember the ids; of several with one id, only the first."""
        page: dict[str, Event] = {}
        for event in events:
            page.setdefault(event.id, event)
        met = self.add(page)
        return [event for name, event in page.items() if name not in met]

    def close(self) -> None:
        """Drop the ids."""
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


_FIRST_SLOTS = 1_500_000
"""Six megabytes, enough for a million ids. It is large because growing the table costs as much as filling it."""

_FULLEST = 0.7
"""Part of the slots that may be used. A new id is compared with five others in the fullest table, on average with one.
"""

_LOT = 256
"""Ids that are written, and looked up, together."""

_LOT_BITS = 22
_TAG = (1 << 32) - (1 << _LOT_BITS)


class IdTable:
    """A set of ids that can only grow, to a thousand million, each with the place under which it was added.

    The ids themselves are in a temporary file, lot by lot. In memory is a hash table with four bytes per slot: ten bits
    of the id's hash, and the number of the lot in which the id may be. A possible match is looked up in the file, so no
    id is ever taken for another. An index on disk, such as SQLite's, would read and write a page for nearly every id
    once it outgrows its cache, because ids come in no order.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the table
        self._ends = array("Q", [0, 0])  # of each lot, from number 1 on: 0 marks an empty slot
        self._places = array("q", [0, 0])  # likewise
        self._open: set[str] = set()
        self._count = 0
        self._slots = _slots(_FIRST_SLOTS)
        self._lot = lru_cache(maxsize=8)(self._read)

    def mark(self, place: int) -> None:
        """Set the place, any number, of the ids that are added from now on; it is 0 at first."""
        if self._open and place != self._places[-1]:
            self._close_lot()
        self._places[-1] = place

    def add(self, ids: Sequence[str], met: dict[str, int] | None = None) -> list[str]:
        """Add ids without repetition, and return those that are new, in order.

        :param met: receives the known ones, each with its place.
        """
        while self._count + len(ids) > _FULLEST * len(self._slots):
            self._grow()
        slots, size, open_lot = self._slots, len(self._slots), len(self._ends) - 1
        new: list[str] = []
        for name, hashed in zip(ids, map(hash, ids), strict=True):
            # Slots are counted from the end, with negative indexes, so that the slot after the last one is the first.
            slot, entry = ~(hashed % size), hashed & _TAG | open_lot
            while kept := slots[slot]:
                # The bits above the lot's number are equal: the same tag.
                if (kept ^ entry) >> _LOT_BITS == 0 and name in self._ids(kept & ~_TAG):
                    if met is not None:
                        met[name] = self._places[kept & ~_TAG]
                    break
                slot += 1
            else:
                slots[slot] = entry
                new.append(name)
        self._count += len(new)
        self._open.update(new)
        if len(self._open) >= _LOT:
            self._close_lot()
        return new

    def close(self) -> None:
        """Drop the table."""
        self._file.close()

    def _grow(self) -> None:
        size = 2 * len(self._slots)
        self._slots = array("I")  # so that the old and the new one are not in memory together
        self._slots = _slots(size)
        for lot in range(1, len(self._ends) - 1):
            self._place(self._read(lot), lot)
        self._place(self._open, len(self._ends) - 1)

    def _place(self, ids: Iterable[str], lot: int) -> None:
        slots, size = self._slots, len(self._slots)
        for hashed in map(hash, ids):
            slot = ~(hashed % size)
            while slots[slot]:
                slot += 1
            slots[slot] = hashed & _TAG | lot

    def _close_lot(self) -> None:
        self._file.write(content := msgspec.json.encode(list(self._open)))
        self._file.flush()
        self._ends.append(self._ends[-1] + len(content))
        self._places.append(self._places[-1])
        self._open = set()

    def _ids(self, lot: int) -> frozenset[str] | set[str]:
        return self._open if lot == len(self._ends) - 1 else self._lot(lot)

    def _read(self, lot: int) -> frozenset[str]:
        begin, end = self._ends[lot], self._ends[lot + 1]
        return msgspec.json.decode(os.pread(self._file.fileno(), end - begin, begin), type=frozenset[str])


def _slots(count: int) -> array[int]:
    return array("I", [0]) * count


_OWN_NAME = re.compile(r"-[0-9a-f]{32}$")


class ComparedIds:
    """Compares the ids that the spool holds of a window with those that the source serves.

    If several records have one id, all but the first are spooled under ``<id>-<digest>`` and compared under that name.
    The ids are in a private SQLite table, which uses a temporary file if it is large.

    :param volatile: paths that are left out when contents are compared.
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
        """Add ids that the spool holds."""
        ids = tuple(ids)
        self._holds_own_names = self._holds_own_names or any(map(_OWN_NAME.search, ids))
        self._table.executemany("INSERT OR IGNORE INTO ids VALUES (?, NULL)", ((each,) for each in ids))

    def serve(self, events: Iterable[Event]) -> tuple[int, list[Event]]:
        """Add events that the source serves; return how many of them are new here, and those that are not held."""
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
        """Return how many held ids the source has not served."""
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
