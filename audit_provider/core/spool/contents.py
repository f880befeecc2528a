"""What the events of some segments say, as numbers: eight bytes an event, most of them on disk."""

from __future__ import annotations

import os
import tempfile
from array import array
from bisect import bisect_left
from functools import lru_cache
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

_IN_MEMORY = 32


class ContentTable:
    """Says whether a segment holds an event of some content.

    A content is known by Python's own hash of its bytes, SipHash with a key that each process draws for itself: nobody
    who writes an event can choose one that is taken for another.
    """

    def __init__(self) -> None:
        self._opened: IO[bytes] | None = None
        self._places: dict[Hashable, tuple[int, int]] = {}
        self._end = 0
        self._numbers = lru_cache(maxsize=_IN_MEMORY)(self._read)

    def __contains__(self, segment: Hashable) -> bool:
        return segment in self._places

    def put(self, segment: Hashable, contents: Iterable[bytes]) -> None:
        """Take in what a segment's events say. :param segment: any name, used once."""
        numbers = array("q", sorted(map(hash, contents)))
        if self._opened is None:
            self._opened = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the table
        self._opened.write(numbers)
        self._opened.flush()
        self._places[segment] = self._end, len(numbers)
        self._end += len(numbers) * numbers.itemsize

    def held(self, segment: Hashable, contents: Iterable[bytes]) -> list[bool]:
        """Return of each content whether one of the events of a segment says this."""
        numbers = self._numbers(segment)
        last = len(numbers) - 1
        return [
            last >= 0 and numbers[min(bisect_left(numbers, number), last)] == number for number in map(hash, contents)
        ]

    def close(self) -> None:
        """Drop it."""
        if self._opened:
            self._opened.close()

    def _read(self, segment: Hashable) -> array[int]:
        begin, count = self._places[segment]
        numbers = array("q")
        if self._opened:
            numbers.frombytes(os.pread(self._opened.fileno(), count * numbers.itemsize, begin))
        return numbers
