"""A large set of ids in little memory: exact, and of the same speed whatever their order."""

from __future__ import annotations

import os
import tempfile
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FIRST_SLOTS = 1_500_000
"""Six megabytes, enough for a million ids: growing costs as much as adding."""

_FULLEST = 0.7
"""Part of the slots that may be taken. A new id is compared with five others at the end, and with one on average."""

_LOT = 256
"""Ids that are written, and looked up, together."""

_LOT_BITS = 22
_TAG = (1 << 32) - (1 << _LOT_BITS)


class IdTable:
    """A set of ids that can only grow, to a thousand million, and of each the place that it was added under.

    The ids themselves lie in a temporary file, lot by lot. In memory is a hash table of four bytes a slot: ten bits of
    the id's hash, and the number of the lot that it may be in. What the table calls possible is looked up in the file,
    so no id is ever taken for another. An index on disk, as SQLite has it, reads and writes a page for nearly every id
    once it outgrows its cache, since ids come in no order.
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
        """Let the ids that are added from here on belong to ``place``, any number; 0 at first."""
        if self._open and place != self._places[-1]:
            self._close_lot()
        self._places[-1] = place

    def add(self, ids: Sequence[str], met: dict[str, int] | None = None) -> list[str]:
        """Add ids, each named once, and return those that are new, in their order.

        :param met: is given the others, each with its place.
        """
        while self._count + len(ids) > _FULLEST * len(self._slots):
            self._grow()
        slots, size, open_lot = self._slots, len(self._slots), len(self._ends) - 1
        new: list[str] = []
        for name, hashed in zip(ids, map(hash, ids), strict=True):
            # Counted from the end, so that the slot after the last is the first.
            slot, entry = ~(hashed % size), hashed & _TAG | open_lot
            while kept := slots[slot]:
                # Alike above the lot's number: the same tag.
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
        """Drop it."""
        self._file.close()

    def _grow(self) -> None:
        size = 2 * len(self._slots)
        self._slots = array("I")  # or both would be in memory
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
