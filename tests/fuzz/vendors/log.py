"""The log of a vendor: which rows there are, in what order, and which of them a request asks for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.fuzz.vendors.vendor import Row, Vendor


@dataclass(frozen=True)
class Held:
    """A row that has appeared.

    :ivar time: of the record. :ivar number: how many rows appeared before it. :ivar born: when it appeared; those that
        were there before the first run appeared when they happened.
    """

    row: Row
    time: datetime
    number: int
    born: datetime


class Log:
    """What a vendor holds at a moment."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._coming = list(vendor.rows)
        self.held: list[Held] = []
        self.run = 0

    def advance(self, run: int, request: int, now: datetime) -> None:
        """Let rows appear and leave, up to a request of a run."""
        self.run = run
        for row in [each for each in self._coming if self._place(each) <= (run, request)]:
            self._coming.remove(row)
            time = (now - timedelta(seconds=row.late)).replace(microsecond=0)
            twin = next((each for each in self.held if _is_twin(each.row, row)), None)
            time = twin.time if twin else time
            born = now if (run, request) != (0, 0) else time
            self.held.append(Held(row, time, len(self.held), born))

    def _place(self, row: Row) -> tuple[int, int]:
        """Return run and request: all are there when the first quiet run begins, so the last one has to read them."""
        quiet = len(self._vendor.runs)
        return (row.run, row.request) if row.run < quiet else (quiet, 0)

    @property
    def rows(self) -> list[Held]:
        """The rows that are there."""
        return [each for each in self.held if not 0 < each.row.gone <= self.run]

    def asked(self, start: datetime | None, end: datetime | None, order: str) -> list[Held]:
        """Return the rows within bounds, in an order."""
        vendor = self._vendor
        rows = self.rows
        if start is not None:
            rows = [each for each in rows if each.time > start or (each.time == start and vendor.bounds[0] == "[")]
        if end is not None:
            if vendor.times == "date":
                end += timedelta(days=1)
            rows = [each for each in rows if each.time < end or (each.time == end and vendor.bounds[1] == "]")]
        return sorted(rows, key=key_in(order))


def _is_twin(one: Row, other: Row) -> bool:
    return (one.name, one.mark) == (other.name, other.mark)


def key_in(order: str) -> Any:
    """Return what rows are sorted by."""
    match order:
        case "newest":
            return lambda each: (-each.time.timestamp(), -each.number)
        case "oldest":
            return lambda each: (each.time.timestamp(), each.number)
        case "shuffled":
            return lambda each: hashlib.sha256(str(each.number).encode()).digest()
    return lambda each: each.number
