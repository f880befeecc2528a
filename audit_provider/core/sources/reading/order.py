"""The order a service really serves in: measured, never believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Order = Literal["unknown", "oldest_first", "newest_first", "mixed"]


class OrderMeter:
    """Compares every record's time with those before it, over all pages of one scan.

    :param tolerance: rows out of place by less do not count: services that stamp on several machines interleave.
    :ivar seen: how many records were compared.
    """

    def __init__(self, tolerance: timedelta = timedelta(0)) -> None:
        self._tolerance = tolerance
        self._oldest: datetime | None = None
        self._newest: datetime | None = None
        self._rises = self._falls = False
        self.seen = 0

    def show(self, times: Iterable[datetime]) -> Order:
        """Take in the next page and return the order of everything seen."""
        for time in times:
            oldest, newest = self._oldest or time, self._newest or time
            self._rises |= time - oldest > self._tolerance
            self._falls |= newest - time > self._tolerance
            self._oldest, self._newest = min(oldest, time), max(newest, time)
            self.seen += 1
        return self.order

    @property
    def order(self) -> Order:
        """The order of everything seen; unknown while all times were equal, or as good as that."""
        if self._rises and self._falls:
            return "mixed"
        return "oldest_first" if self._rises else "newest_first" if self._falls else "unknown"
