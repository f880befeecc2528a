"""The order a service really serves in: measured, never believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Order = Literal["unknown", "oldest_first", "newest_first", "mixed"]


class OrderMeter:
    """Compares every record's time with the one before it, over all pages of one scan.

    :ivar seen: how many records were compared.
    """

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._rises = self._falls = False
        self.seen = 0

    def show(self, times: Iterable[datetime]) -> Order:
        """Take in the next page and return the order of everything seen."""
        for time in times:
            if self._last is not None and time != self._last:
                if time > self._last:
                    self._rises = True
                else:
                    self._falls = True
            self._last = time
            self.seen += 1
        return self.order

    @property
    def order(self) -> Order:
        """The order of everything seen; unknown while all times were equal."""
        if self._rises and self._falls:
            return "mixed"
        return "oldest_first" if self._rises else "newest_first" if self._falls else "unknown"
