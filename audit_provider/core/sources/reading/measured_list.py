"""Reading a list that has a cursor and no time filter, if the vendor does not document its order."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from audit_provider.core.errors import ConfigurationError, RefusedError
from audit_provider.core.model import back_by
from audit_provider.core.sources.reading.base import Backfill, Step, packed, recently, watermark_after
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS, LoopGuard
from audit_provider.core.sources.reading.place import OrderMeter, Place, believed, report_lost, vouched
from audit_provider.core.sources.reading.recovery import OpenSweep, read_on, search, sweep_late
from audit_provider.core.sources.reading.tally import Tally, said_of, said_of_known

if TYPE_CHECKING:
    from audit_provider.core.sources.pages import Page
    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader

_MOST_RUNS = 2
"""How many runs begin a scan of records without ids at the head before a run continues it where it was cut off."""


@dataclass(frozen=True, slots=True)
class OpenDescent:
    """A scan from the head, the newest end of the list, that has not reached its floor.

    :ivar top: newest time of its first page: the watermark once the floor is reached.
    :ivar in_one_go: records without an id were seen; they are counted from the head. :ivar runs: how many runs began it
        at the head and did not reach its floor. :ivar low: oldest time seen on the way down.
    """

    top: datetime
    floor: datetime
    cursor: str
    in_one_go: bool = False
    runs: int = 1
    low: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListState:
    """What is kept between runs.

    :ivar way: how the list is read: ``scan`` from its newest event, follow its ``tail``, or use ``windows`` of the
        recovery source in place of the list.
    :ivar watermark: newest recorded time that is read. :ivar measured: number of events seen in one order so far, which
        decides whether the watermark is trusted. :ivar cursor: the last cursor given that was not empty.
    :ivar asked_with: cursor of the request for the last page, which is sent again if the page gave no cursor.
    :ivar proven: the kept cursor has led to new events in a later run, so it is a tail.
    :ivar quiet: runs in a row without new events. :ivar windows: state of the reading by windows.
    :ivar request: key of the request that the cursors belong to. :ivar sweep: the search for late events that has not
        ended.
    :ivar same: how often the last records without an id were seen before the cursor. :ivar polled_at: when the last
        reading that reached the end began.
    """

    began: datetime
    way: Literal["scan", "tail", "windows"] = "scan"
    watermark: datetime | None = None
    measured: int = 0
    cursor: str = ""
    asked_with: str = ""
    proven: bool = False
    quiet: int = 0
    scan: OpenDescent | None = None
    swept_at: datetime | None = None
    windows: dict[str, Any] = field(default_factory=dict)
    request: str = ""
    sweep: OpenSweep | None = None
    same: dict[str, int] = field(default_factory=dict)
    polled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MeasuredList:
    """Measure the order of the list, and rely only on what that order allows.

    *Oldest first*: follow the cursor, and check by time whether a quiet end of the list has stopped working. *Newest
    first, or unknown*: no cursor outlives a scan; read from the newest event back to the watermark. *Mixed*, a refused
    cursor or a dead end: the recovery source reads by time from there on.

    :ivar overlap: How far before the watermark a scan continues.
    :ivar settle: How long a row may take to appear.
    :ivar sweep_every: Time between searches for late events by the recovery source.
    :ivar sweep_reach: How far such a search reaches back.
    :ivar probe_after: Number of runs without events after which a proven end of the list is checked; an unproven one is
        checked at once.
    :ivar margin: Number of consecutive events before the floor that end a scan.
    :ivar trusted: Number of events in one order after which a watermark is trusted again, once the order has been
        contradicted.
    """

    overlap: timedelta = timedelta(minutes=15)
    settle: timedelta = timedelta(seconds=90)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)
    probe_after: int = 12
    margin: int = 100
    trusted: int = 1000

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "recovery"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        now, request = reader.now(), reader.pages.request_key
        begun = ListState(began=reader.start, swept_at=now, request=request)
        kept = msgspec.convert(state, ListState) if state else begun
        watermark = watermark_after((), kept.watermark, now)
        kept = replace(kept, watermark=watermark, polled_at=believed(kept.polled_at, now))
        if kept.request != request and kept.way != "windows":
            reader.tell("the request has changed, so its cursors cannot be used: measuring the list again")
            kept = replace(kept, way="scan", cursor="", asked_with="", proven=False, scan=None, same={})
        kept = replace(kept, request=request)
        if kept.way == "scan":
            kept = yield from self._scan(reader, kept)
        elif kept.way == "tail":
            kept = yield from self._follow(reader, kept)
        if kept.way == "windows":
            yield from self._by_windows(reader, kept)
        elif reader.recovery and (kept.sweep or not recently(kept.swept_at, reader.now(), self.sweep_every)):
            yield from sweep_late(reader, kept, reach=self.sweep_reach, settle=self.settle)

    # Newest first, or not known

    def _scan(self, reader: Reader, kept: ListState) -> Generator[Step, int, ListState]:
        """Read from the head to the floor. If a scan is unfinished, read from the head to its top, then resume it."""
        floor, top, runs, in_one_go = self._floor(kept), None, 1, False
        low, begun = None, reader.now()
        if kept.scan is None:
            floor = reader.reachable(floor, self._read_up_to(kept))
        legs = [("", floor)]
        if kept.scan and kept.scan.in_one_go and kept.scan.runs < _MOST_RUNS:
            floor, runs = kept.scan.floor, kept.scan.runs + 1
            legs = [("", floor)]
        elif kept.scan:
            floor, runs, in_one_go, low = kept.scan.floor, kept.scan.runs, kept.scan.in_one_go, kept.scan.low
            if in_one_go:
                reader.tell(
                    f"a scan of records without ids of {reader.pages.spec.title} could not be read in one run: it "
                    "continues from its place, so equal records on both sides of it are counted once"
                )
            legs = [("", back_by(min(kept.scan.top, reader.now()), self.overlap)), (kept.scan.cursor, floor)]
        restarted = False
        while legs:
            cursor, stop_at = legs.pop(0)
            meter, guard, below = OrderMeter(), LoopGuard(reader.pages.spec.title), 0
            tally = Tally(follows=True)
            while True:
                try:
                    page = tally.fetch(reader.pages, None, cursor)
                except RefusedError as error:
                    if not cursor or restarted or error.status not in CURSOR_REFUSALS:
                        raise
                    reader.tell("the cursor of the scan is refused: scanning again from the head")
                    kept, legs, restarted = replace(kept, scan=None), [("", floor)], True
                    break
                guard.show(page)
                order = meter.show(page.ordered)
                if order == "mixed":
                    reader.tell("the list is in no order: reading by time from here on")
                    return self._to_windows(reader, kept)
                if order == "oldest_first":
                    reader.tell("the list is oldest first: following its end")
                    kept = replace(kept, way="tail", scan=None)
                    return (yield from self._follow(reader, kept, first=(cursor, page), tally=tally))
                in_one_go = in_one_go or not page.named
                top = top or watermark_after(page.recorded, None, reader.now())
                low = min((*page.recorded, *((low,) if low else ())), default=None) if not legs else low
                below = _trailing_below(page, stop_at, below)
                ended = not page.more or (order == "newest_first" and below >= self.margin)
                if ended and not legs:
                    watermark = watermark_after((top,) if top else (), kept.watermark, reader.now())
                    if not page.more:
                        accounted = max(filter(None, (floor, self._read_up_to(kept))))
                        report_lost(reader, accounted, Place("newest_first", oldest=low))
                    measured = kept.measured + meter.seen
                    kept = replace(kept, watermark=watermark, measured=measured, scan=None, polled_at=begun)
                elif not legs and top:
                    kept = replace(kept, scan=OpenDescent(top, floor, page.cursor, in_one_go, runs, low))
                yield self._step(page, kept, min(floor, stop_at))
                cursor = page.cursor
                if ended:
                    break
            if tally.moved:
                reader.tell(said_of(tally.moved, reader.pages.spec.title))
        return kept

    # Oldest first

    def _follow(
        self,
        reader: Reader,
        kept: ListState,
        first: tuple[str, Page] | None = None,
        tally: Tally | None = None,
    ) -> Generator[Step, int, ListState]:
        """Continue from the kept cursor, or from a page that is already read and counted by ``tally``."""
        tally = tally or Tally(kept.same, follows=True)
        polled_at, stored = reader.now(), first is None
        cursor, page = first or (kept.cursor or kept.asked_with, None)
        meter, guard, fresh, known = OrderMeter(), LoopGuard(reader.pages.spec.title), 0, 0
        # After the kept cursor everything is new; without one, or if it leads to itself, a page is shown again.
        again = kept.cursor in ("", kept.asked_with)
        earliest = vouched(reader, self._read_up_to(kept), ()) if stored else None
        if earliest:
            # The vendor may have dropped rows, which moves the others if the cursor is a count.
            reader.tell("the kept cursor was unused for longer than events are kept: reading the list from its start")
            kept = replace(
                kept,
                way="scan",
                cursor="",
                asked_with="",
                proven=False,
                same={},
                scan=None,
                polled_at=earliest + self.settle,
            )
            return (yield from self._scan(reader, kept))
        while True:
            if page is None:
                try:
                    page = tally.fetch(reader.pages, None, cursor)
                except RefusedError as error:
                    if not cursor or error.status not in CURSOR_REFUSALS:
                        raise
                    reader.tell("the kept cursor is refused: reading by time from the watermark on")
                    return self._to_windows(reader, kept, error)
            guard.show(page)
            if meter.show(page.ordered) in ("newest_first", "mixed"):
                reader.tell("the list is no longer oldest first: reading by time from the watermark on")
                return self._to_windows(reader, kept)
            watermark = watermark_after(page.recorded, kept.watermark, reader.now())
            place, same = tally.place(page, cursor)
            given = page.cursor if page.cursor == place else ""
            kept = replace(kept, cursor=given, asked_with=cursor if given else place, watermark=watermark, same=same)
            if not page.more:
                kept = replace(kept, polled_at=polled_at)
            since = min((*page.recorded, self._floor(kept)))
            step = self._step(page, kept, max(since, kept.began))
            new = yield step
            fresh += new
            if stored and not (again or tally.waits or page.named):
                known += len(step.events) - new
            again = False
            if not page.more:
                break
            cursor, page = page.cursor, None
        if tally.moved:
            reader.tell(said_of(tally.moved, reader.pages.spec.title))
        if known:
            reader.tell(said_of_known(known, reader.pages.spec.title))
        kept = replace(kept, measured=kept.measured + meter.seen)
        kept = replace(kept, quiet=0 if fresh else kept.quiet + 1, proven=kept.proven or (stored and fresh > 0))
        if stored and not fresh and (not kept.proven or kept.quiet % self.probe_after == 0):
            found = yield from self._search(reader, kept, self._floor(kept), polled_at - self.settle)
            if found:
                reader.tell(
                    f"{found} newer events are after the kept cursor, so it is not at the end of the list: "
                    "reading by time"
                )
                return self._to_windows(reader, kept)
        yield Step((), packed(kept), self._floor(kept), kept.watermark)
        return kept

    # By time, with the recovery source

    def _to_windows(self, reader: Reader, kept: ListState, cause: Exception | None = None) -> ListState:
        if reader.recovery is None:
            raise cause or ConfigurationError(
                f"{reader.pages.spec.title} cannot be read further by its list, and there is no recovery source to "
                "read it by time."
            )
        # A few events in a row do not prove an order, so they do not prove that all before the watermark is read.
        watermark = kept.watermark if kept.measured >= self.trusted else None
        return replace(kept, way="windows", watermark=watermark, cursor="", asked_with="", scan=None)

    def _by_windows(self, reader: Reader, kept: ListState) -> Steps:
        start = self._unswept_from(kept)
        yield from read_on(reader, start, kept.windows, lambda windows: packed(replace(kept, windows=windows)))

    def _search(self, reader: Reader, kept: ListState, start: datetime, end: datetime) -> Generator[Step, int, int]:
        return (yield from search(reader, start, end, packed(kept), kept.watermark))

    def _unswept_from(self, kept: ListState) -> datetime:
        """Return the earliest time of a late event for which no sweep has searched yet."""
        floor = self._floor(kept)
        return max(back_by(min(floor, kept.swept_at or floor), self.sweep_reach), kept.began)

    def _read_up_to(self, kept: ListState) -> datetime | None:
        """Return the time before which nothing is missing: that of the newest event, or of the last full reading."""
        # An earlier version did not keep when it read to the end.
        polled = kept.polled_at - self.settle if kept.polled_at else kept.watermark and kept.swept_at
        return max((time for time in (polled, kept.watermark) if time), default=None)

    def _floor(self, kept: ListState) -> datetime:
        return max(back_by(kept.watermark, self.overlap), kept.began) if kept.watermark else kept.began

    def _step(self, page: Page, kept: ListState, since: datetime) -> Step:
        """Return the step of a page, without events before ``since``, which are read already or not wanted."""
        pairs = zip(page.events, page.recorded, strict=True)
        events = tuple(event for event, time in pairs if time >= since)
        return Step(events, packed(kept), kept.began if page.undated else since, kept.watermark)


def _trailing_below(page: Page, floor: datetime, before: int) -> int:
    """Return how many events in a row, up to the end of the page, are older than the floor."""
    for place, time in enumerate(reversed(page.recorded)):
        if time >= floor:
            return place
    return before + len(page.recorded)
