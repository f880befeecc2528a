"""Scan a list from its newest event backwards: the common part of :mod:`head_scan` and :mod:`since_scan`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from audit_provider.core.errors import LostPageError, RefusedError
from audit_provider.core.model import Gap, back_by
from audit_provider.core.records.fields import whole_number
from audit_provider.core.sources.paging import PagePaging
from audit_provider.core.sources.reading.base import Step, packed, recently
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS, LoopGuard
from audit_provider.core.sources.reading.place import OrderMeter, Place, believed, may_have_moved, report_lost
from audit_provider.core.sources.reading.tally import Tally, said_of

if TYPE_CHECKING:
    from audit_provider.core.sources.pages import Page
    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader

_MOST_RUNS = 2
"""How many runs begin a scan of records without ids at the head before a run continues it where it was cut off."""

_PAGES_MET = 5
"""Number of pages whose ids are remembered while a scan runs."""


@dataclass(frozen=True, slots=True)
class OpenScan:
    """A scan that has not reached its floor.

    :ivar begun: when it began. :ivar top: newest time of the scan so far.
    :ivar floor: everything older is read already, not wanted, or reported as lost. :ivar cursor: of the next page.
    :ivar request: key of the request that the cursor belongs to. :ivar in_one_go: records without an id were seen; they
        are counted from the head. :ivar runs: how many runs began it at the head and did not reach its floor.
    :ivar place: how far its pages are read. :ivar first: id of the first record that it saw: while that record is the
        first of an oldest-first list, no row was dropped. :ivar begun_again: how often in a row it was begun again
        because rows may have been dropped.
    """

    begun: datetime
    top: datetime | None
    floor: datetime
    cursor: str
    request: str = ""
    in_one_go: bool = False
    runs: int = 1
    place: Place = field(default_factory=Place)
    first: str = ""
    begun_again: int = 0


@dataclass(frozen=True, slots=True)
class ScanState:
    """What is kept between runs.

    :ivar began: where the first run began. :ivar watermark: newest time of the last whole scan.
    :ivar scanned_at: when that scan began. :ivar swept_at: when late events were last looked for.
    """

    began: datetime
    watermark: datetime | None = None
    open: OpenScan | None = None
    scanned_at: datetime | None = None
    swept_at: datetime | None = None

    @property
    def read_up_to(self) -> datetime | None:
        """The time before which nothing is missing: that of the newest event, or of the last whole scan."""
        return max((time for time in (self.scanned_at, self.watermark) if time), default=None)


class Scanning(Protocol):
    """How far a scan goes.

    :ivar overlap: how far before the watermark it ends. :ivar sweep_every: time between searches for late events.
    :ivar sweep_reach: how far these reach back; 0 for none.
    """

    @property
    def overlap(self) -> timedelta: ...
    @property
    def sweep_every(self) -> timedelta: ...
    @property
    def sweep_reach(self) -> timedelta: ...


def scans(reading: Scanning, reader: Reader, state: dict[str, Any], *, by_time: bool, resumes: bool) -> Steps:
    """Finish the scan that an earlier run left, then scan from the head, the newest end of the list."""
    kept = msgspec.convert(state, ScanState) if state else ScanState(reader.start, swept_at=reader.now())
    kept = replace(kept, scanned_at=believed(kept.scanned_at, reader.now()))
    if reader.until and reader.until > reader.latest and reader.pages.spec.behind:
        reader.wait_for_end()
    while True:
        left = kept.open if resumes else None
        if left:
            # Its floor stays, because the cursor belongs to a request with that bound.
            floor = left.floor
        else:
            sweeping = bool(reading.sweep_reach) and not recently(kept.swept_at, reader.now(), reading.sweep_every)
            floor = _floor(reading, reader, kept, sweeping=sweeping)
            if sweeping:
                kept = replace(kept, swept_at=reader.now())
        kept = yield from scan(reader, kept, floor, by_time=by_time, resumes=resumes, tolerance=reading.overlap)
        if not left:
            return


def _floor(reading: Scanning, reader: Reader, kept: ScanState, *, sweeping: bool) -> datetime:
    """Return the time down to which a new scan must read."""
    floor, now = kept.began, reader.now()
    if kept.watermark and sweeping:
        back = max(reading.sweep_reach, reading.overlap)
        floor = max(back_by(min(kept.watermark, kept.swept_at or now, now), back), floor)
    elif kept.watermark:
        floor = max(back_by(min(kept.watermark, now), reading.overlap), floor)
    accounted = kept.read_up_to
    if kept.open:
        # After a scan that was cut off: everything older than its floor was read, or reported as lost.
        floor, accounted = min(floor, kept.open.floor), max(kept.open.floor, accounted or kept.open.floor)
    return reader.reachable(floor, accounted)


def scan(
    reader: Reader, kept: ScanState, floor: datetime, *, by_time: bool, resumes: bool, tolerance: timedelta
) -> Generator[Step, int, ScanState]:
    """Read from the head, or from where an earlier scan was left, until everything above the floor is read.

    A scan ends with the list, or with a whole page older than the floor if everything seen so far was newest first.
    Rows that come while it runs are left to the next scan. It begins again, twice at most, if a cursor is refused, or
    if rows have moved past the reader: a shrinking total is a sign of that.

    :param floor: the floor of the open scan, if there is one to resume.
    :param by_time: the request takes the floor as its lower bound.
    :param resumes: the cursor may be used by a later run.
    :param tolerance: rows out of order by less count as ordered.
    """
    spec, request = reader.pages.spec, reader.pages.request_key
    begun, top, cursor, runs, in_one_go = reader.latest, None, "", 1, False
    place, first, begun_again, moved, found = Place(), "", 0, False, 0

    def stands() -> bool:
        """Whether the vendor cannot have dropped rows that were read, which would move the others."""
        start = floor if by_time else min(floor, place.oldest or floor)
        if place.stands or not may_have_moved(reader, start):
            return True
        if place.order != "oldest_first":
            return False
        # Rows are dropped at the front of the list.
        shown = reader.pages.fetch(reader.since(floor) if by_time else None, "", Counter())
        return bool(first and shown.events) and shown.events[0].id == first

    if resumes and kept.open and kept.open.request == request and kept.open.in_one_go and kept.open.runs < _MOST_RUNS:
        runs = kept.open.runs + 1
    elif resumes and kept.open and kept.open.request == request:
        begun, top, cursor = min(kept.open.begun, begun), kept.open.top, _a_little_back(kept.open.cursor, spec.paging)
        runs, in_one_go = kept.open.runs, kept.open.in_one_go
        place, first, begun_again = kept.open.place, kept.open.first, kept.open.begun_again
        moved = not stands()
        if moved and begun_again < _MOST_RUNS:
            reader.tell(f"rows have left the list of {spec.title} since the last read: scanning again from the head")
            floor = reader.reachable(floor, place.read_from(_accounted(kept, floor)))
            begun, top, cursor, place, first, begun_again = reader.latest, None, "", Place(), "", begun_again + 1
            runs, moved = 1, False
        elif in_one_go:
            reader.tell(
                f"a scan of records without ids of {spec.title} could not be read in one run: it continues from its "
                "place, so equal records on both sides of it are counted once"
            )
    elif resumes and kept.open:
        reader.tell(f"the request has changed, so the scan of {spec.title} restarts")
        floor = _again(reader, kept, floor)
    meter, guard, restarts, total = OrderMeter(tolerance), LoopGuard(spec.title), 2, None
    met: deque[frozenset[str]] = deque(maxlen=_PAGES_MET)
    tally = Tally()
    while True:
        try:
            page = tally.fetch(reader.pages, reader.since(floor) if by_time else None, cursor)
        except (RefusedError, LostPageError) as error:
            if not cursor or not restarts or error.status not in CURSOR_REFUSALS:
                raise
            reader.tell(f"the cursor of the scan of {spec.title} is refused: scanning again from the head")
            begun, top, cursor, restarts = reader.latest, None, "", restarts - 1
            floor, place, first, moved = _again(reader, kept, floor), Place(), "", False
            meter, guard, total, tally = OrderMeter(tolerance), LoopGuard(spec.title), None, Tally()
            met.clear()
            continue
        guard.show(page)
        # New rows push known ones to the next page while the scan runs: these say nothing about the order.
        pairs = () if page.undated else zip(page.events, page.recorded, strict=True)
        order = meter.show(time for event, time in pairs if not any(event.id in ids for ids in met))
        met.append(frozenset(event.id for event in page.events))
        if spec.lookback and (cursor or page.more):
            first = first or (page.events[0].id if page.events and not cursor else "")
            place = place.after(page.recorded, moved=may_have_moved(reader, floor), order=order)
        top = max((*page.recorded, *((top,) if top else ())), default=None)
        cursor = page.cursor
        ended = not page.more or (order == "newest_first" and bool(page.recorded) and max(page.recorded) < floor)
        in_one_go = in_one_go or not page.named
        shrunk = total is not None and page.total is not None and page.total < total
        moved = moved or (ended and bool(place.newest) and not stands())
        # If a whole second reading finds nothing new, the first one read everything.
        unseen = ended and moved and (restarts == 2 or found > 0)
        if begins_again := restarts > 0 and (shrunk or unseen or (ended and tally.moved > 0)):
            if shrunk or unseen:
                reader.tell(f"rows of {spec.title} were removed during the scan: scanning again from the head")
            if unseen:
                floor = reader.reachable(floor, place.read_from(_accounted(kept, floor)))
            begun, cursor, restarts, ended = reader.latest, "", restarts - 1, False
            place, first, moved = Place(), "", False
            meter, guard, tally = OrderMeter(tolerance), LoopGuard(spec.title), Tally()
            met.clear()
        total = page.total
        if ended:
            if unseen:
                reason = f"rows of {spec.title} left its list while it was read, so other rows moved and were skipped"
                lost_from = place.read_from(_accounted(kept, floor))
                reader.report(Gap(lost_from, max(begun, lost_from), reason, "cursor", reader.now()))
            elif place.stands:
                report_lost(reader, _accounted(kept, floor), place)
            # The scan may have missed rows that came while it ran, so it proves only what was there when it began.
            reached = min(top, begun) if top else None
            watermark = max((time for time in (reached, kept.watermark) if time), default=None)
            kept = replace(kept, watermark=watermark, open=None, scanned_at=begun)
        else:
            opened = OpenScan(begun, top, floor, cursor, request, in_one_go, runs, place, first, begun_again)
            kept = replace(kept, open=None if begins_again else opened)
        since = kept.began if page.undated and not by_time else floor
        fresh = yield Step(_above(page, floor), packed(kept), since, kept.watermark)
        found = 0 if begins_again else found + fresh
        if ended:
            if tally.moved:
                reader.tell(said_of(tally.moved, f"the scan of {spec.title}"))
            if order == "mixed" and not by_time:
                reader.tell(f"{spec.title} is in no order: the whole list was read")
            return kept


def _again(reader: Reader, kept: ScanState, floor: datetime) -> datetime:
    """Return the floor of a scan that begins again: everything older than the old one was read or reported as lost."""
    return reader.reachable(floor, _accounted(kept, floor))


def _accounted(kept: ScanState, floor: datetime) -> datetime:
    return max(floor, kept.read_up_to or floor)


def _above(page: Page, floor: datetime) -> tuple[Any, ...]:
    pairs = zip(page.events, page.recorded, strict=True)
    return tuple(event for event, time in pairs if time >= floor)


def _a_little_back(cursor: str, paging: object) -> str:
    """Return the cursor, one page earlier if pages have numbers, because rows may have been removed since."""
    if isinstance(paging, PagePaging) and (number := whole_number(cursor)) is not None:
        return str(max(number - 1, paging.first))
    return cursor
