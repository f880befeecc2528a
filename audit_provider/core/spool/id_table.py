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

_FIRST_SLOTS = 1 << 19
_FEW_SLOTS = 1 << 21
"""Below it a table grows fourfold, since growing is half the work; above it twofold, for the memory."""
_LOT = 256
"""Ids that are written, and looked up, together."""

_SHORT_SLOTS = _LOT << 16
"""Slots of a table all of whose lots have a number of two bytes."""


class IdTable:
    """A set of ids that can only grow.

    The ids themselves lie in a temporary file, lot by lot. In memory is a hash table of three bytes a slot: a byte of
    the id's hash, and the number of the lot that it may be in. What the table calls possible is looked up in the file,
    so no id is ever taken for another. An index on disk, as SQLite has it, reads and writes a page for nearly every id
    once it outgrows its cache, since ids come in no order.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the table
        self._ends = array("Q", [0])
        self._open: set[str] = set()
        self._count = 0
        self._slots(_FIRST_SLOTS)
        self._lot = lru_cache(maxsize=8)(self._read)

    def add(self, ids: Sequence[str]) -> list[str]:
        """Add ids, each named once, and return those that are new, in their order."""
        while 3 * (self._count + len(ids)) > 2 * len(self._tags):
            self._grow()
        tags, lots, mask = self._tags, self._lots, len(self._tags) - 1
        new: list[str] = []
        lot = len(self._ends) - 1
        for name in ids:
            hashed = hash(name)
            tag, slot = hashed >> 40 & 255 or 1, hashed & mask
            while kept := tags[slot]:
                if kept == tag and name in (self._open if lots[slot] == lot else self._lot(lots[slot])):
                    break
                slot = slot + 1 & mask
            else:
                tags[slot], lots[slot] = tag, lot
                new.append(name)
        self._count += len(new)
        self._open.update(new)
        if len(self._open) >= _LOT:
            self._close_lot()
        return new

    def close(self) -> None:
        """Drop it."""
        self._file.close()

    def _slots(self, count: int) -> None:
        self._tags = bytearray(count)
        self._lots = array("H" if count <= _SHORT_SLOTS else "I", [0]) * count

    def _grow(self) -> None:
        self._slots((4 if len(self._tags) < _FEW_SLOTS else 2) * len(self._tags))
        for lot in range(len(self._ends) - 1):
            self._place(self._read(lot), lot)
        self._place(self._open, len(self._ends) - 1)

    def _place(self, ids: Iterable[str], lot: int) -> None:
        tags, lots, mask = self._tags, self._lots, len(self._tags) - 1
        for name in ids:
            hashed = hash(name)
            slot = hashed & mask
            while tags[slot]:
                slot = slot + 1 & mask
            tags[slot], lots[slot] = hashed >> 40 & 255 or 1, lot

    def _close_lot(self) -> None:
        self._file.write(content := msgspec.json.encode(list(self._open)))
        self._file.flush()
        self._ends.append(self._ends[-1] + len(content))
        self._open = set()

    def _read(self, lot: int) -> frozenset[str]:
        begin, end = self._ends[lot], self._ends[lot + 1]
        return msgspec.json.decode(os.pread(self._file.fileno(), end - begin, begin), type=frozenset[str])
