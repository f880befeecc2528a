"""The place of an open reading, and whether it can be trusted after the vendor has dropped rows: one rule for all
strategies.

A vendor drops old rows even while a list is read, or after a partial read. If the list is newest first, rows disappear
at its end and move no others: only rows that were not read yet are lost. In any other order, rows disappear that were
already read. The next page is found by its number, by a count, or by a cursor that may be a count, so it then skips
rows that are still served. Only reading the list again proves that all of it was read.

The order in which a service really serves is measured on each page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from audit_provider.core.model import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.sources.reading.reader import Reader

Order = Literal["unknown", "oldest_first", "newest_first", "mixed"]


class OrderMeter:
    """Compares every record's time with those before it, over all pages of one scan.

    :param tolerance: rows out of order by less count as ordered, because services on several machines interleave them.
    :ivar seen: how many records were compared.
    """

    def __init__(self, tolerance: timedelta = timedelta(0)) -> None:
        self._tolerance = tolerance
        self._oldest: datetime | None = None
        self._newest: datetime | None = None
        self._rises = self._falls = False
        self.seen = 0

    def show(self, times: Iterable[datetime]) -> Order:
        """Compare the next page and return the order of everything seen."""
        for time in times:
            oldest, newest = self._oldest or time, self._newest or time
            self._rises |= time - oldest > self._tolerance
            self._falls |= newest - time > self._tolerance
            self._oldest, self._newest = min(oldest, time), max(newest, time)
            self.seen += 1
        return self.order

    @property
    def order(self) -> Order:
        """The order of everything seen; unknown while all times are equal within the tolerance."""
        if self._rises and self._falls:
            return "mixed"
        return "oldest_first" if self._rises else "newest_first" if self._falls else "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a list has been read, page by page.

    :ivar order: of the pages; within a page it does not matter. :ivar oldest: and :ivar newest: times seen.
    :ivar proven: the newest time seen before any row could be dropped: if pages come oldest first, all before is read.
    """

    order: Order = "unknown"
    oldest: datetime | None = None
    newest: datetime | None = None
    proven: datetime | None = None

    def after(self, recorded: Sequence[datetime], *, moved: bool, order: Order | None = None) -> Place:
        """Return the place after another page.

        :param recorded: its times. :param moved: rows may have been dropped since reading the list began.
        :param order: as it was measured row by row; None compares the pages.
        """
        if not recorded:
            return self
        low, high = min(recorded), max(recorded)
        order = self._order_with(low, high) if order is None else order
        if "mixed" in (order, self.order) or {order, self.order} == {"oldest_first", "newest_first"}:
            order = "mixed"
        elif order == "unknown":
            order = self.order
        newest = max(high, self.newest or high)
        return Place(order, min(low, self.oldest or low), newest, self.proven if moved else newest)

    def _order_with(self, low: datetime, high: datetime) -> Order:
        if self.oldest is None or self.newest is None or low == high == self.oldest == self.newest:
            return "unknown"
        if low >= self.newest:
            return "oldest_first"
        return "newest_first" if high <= self.oldest else "mixed"

    @property
    def stands(self) -> bool:
        """Whether reading may continue from here after rows were dropped."""
        return self.order == "newest_first"

    def read_from(self, start: datetime) -> datetime:
        """Return the time before which nothing since ``start`` is missing."""
        return max(start, self.proven) if self.proven and self.order == "oldest_first" else start


def may_have_moved(reader: Reader, start: datetime) -> bool:
    """Whether the vendor may have dropped rows at or after ``start`` since they could be requested.

    ``earliest`` is a little later than the oldest time that the vendor keeps; half of that margin is left for reading.
    """
    earliest, slack = reader.earliest, reader.slack
    return earliest is not None and start < earliest - slack / 2


def report_lost(reader: Reader, start: datetime, place: Place) -> None:
    """Report the rows that the vendor dropped from a list that was read to its end, newest first.

    :param start: everything before it is read already, not wanted, or reported as lost.
    """
    earliest = reader.earliest
    if earliest is None or not may_have_moved(reader, start):
        return
    end = min(filter(None, (earliest, place.oldest, reader.until)))
    if start < end:
        reason = f"{reader.pages.spec.title} dropped events that were not read yet, while its list was being read"
        reader.report(Gap(start, end, reason, "cursor", reader.now()))


def vouched(reader: Reader, reached: datetime | None, recorded: Sequence[datetime]) -> datetime | None:
    """Report what the vendor may have dropped before the first page that a kept cursor led to.

    A cursor that was unused for longer than the vendor keeps events continues without any sign of a loss.

    :param reached: the time before which nothing is missing. :param recorded: times of that page.
    :return: the time before which everything is read or reported; None if nothing can have been dropped.
    """
    earliest = reader.earliest
    if earliest is None or reached is None or reached >= earliest:
        return None
    first = min((earliest, *recorded))
    if reached < first:
        reason = f"the cursor of {reader.pages.spec.title} was unused for longer than events are kept"
        reader.report(Gap(reached, first, reason, "cursor", reader.now()))
    return earliest


def believed(mark: datetime | None, now: datetime) -> datetime | None:
    """Return a mark of how far something is read; None if it is in the future, because a wrong clock set it."""
    return mark if mark is not None and mark <= now else None
