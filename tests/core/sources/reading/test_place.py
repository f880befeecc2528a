"""A reading that was left, or takes long, while the vendor goes on to drop what is older than it keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.errors import UnavailableError
from audit_provider.core.sources.paging import PagePaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.reading.id_keyset import IdKeyset
from audit_provider.core.sources.reading.measured_list import MeasuredList
from audit_provider.core.sources.reading.place import Place
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from tests.core.simulation import BEGIN, PYLON, PYLON_LIST, Crash, Pipeline, Row, Service, every

HOUR = timedelta(hours=1)
KEPT = timedelta(days=30)


def unaccounted(pipeline, rows):
    """Return the rows that are neither in the spool nor within a reported gap."""
    spooled = set(pipeline.spooled())
    missing = [row for row in rows if row.id not in spooled]
    return [row.id for row in missing if not any(gap.wanted <= row.recorded < gap.possible for gap in pipeline.gaps)]


def left_half_read(reading, service, pause):
    """Read until the process dies, leave it so, and read on."""
    rows = every(HOUR, 480)
    service.rows, service.kept = list(rows), KEPT
    service.now, service.crash = BEGIN + timedelta(days=20, minutes=10), frozenset({8})
    pipeline = Pipeline(service, source=replace(PYLON, reading=reading, lookback=KEPT, fallback=None))
    with pytest.raises(Crash):
        pipeline.run()
    assert 0 < len(pipeline.spooled()) < 480
    pipeline.advance(days=pause)
    pipeline.run()
    return pipeline, rows


@pytest.mark.parametrize("reading", [ClosedWindows(), SinceScan(), HeadScan()], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("style", [{}, {"numbered": True}, {"keyset": True}], ids=["count", "page", "row"])
@pytest.mark.parametrize("order", ["oldest", "newest"])
@pytest.mark.parametrize("pause", [15, 25, 40])
def test_what_left_meanwhile_is_a_gap_and_what_is_still_served_is_read(reading, style, order, pause):
    service = Service(page_size=20, order=order, **style)
    pipeline, rows = left_half_read(reading, service, pause)
    assert unaccounted(pipeline, rows) == []
    readable = {row.id for row in service.rows if row.recorded >= service.now - KEPT + HOUR}
    assert readable - set(pipeline.spooled()) == set()


@pytest.mark.parametrize("reading", [ClosedWindows(), SinceScan(), HeadScan()], ids=lambda each: type(each).__name__)
def test_a_short_pause_is_no_gap_and_costs_no_second_reading(reading):
    pipeline, rows = left_half_read(reading, Service(page_size=20, order="oldest"), pause=1)
    assert set(pipeline.spooled()) == {row.id for row in rows}
    assert pipeline.gaps == []
    assert not any("again" in line for line in pipeline.told)


class Slow(Service):
    """Takes its time over each page."""

    takes = timedelta(minutes=5)

    def answer(self, window, cursor):
        self.now += self.takes
        return super().answer(window, cursor)


@pytest.mark.parametrize("order", ["oldest", "newest", "shuffled"])
@pytest.mark.parametrize("reading", [ClosedWindows(), SinceScan()], ids=lambda each: type(each).__name__)
def test_rows_that_leave_while_a_list_is_read_move_no_other_out_of_sight(order, reading):
    rows = every(timedelta(minutes=10), 1440)
    service = Slow(page_size=20, order=order, numbered=True, rows=list(rows), now=BEGIN + timedelta(days=10))
    service.kept = timedelta(days=10)
    source = replace(PYLON, reading=reading, paging=PagePaging("page"), lookback=service.kept, fallback=None)
    pipeline = Pipeline(service, source=source, segment_events=400)
    pipeline.run()
    assert unaccounted(pipeline, rows) == []


class Ordered(Service):
    """Its ids are in order, so that one whose row is gone leads on all the same."""

    def _start(self, rows, cursor):
        number = int(cursor.removeprefix("e").removeprefix("after:e") or -1) if cursor else -1
        return sum(1 for row in rows if int(row.id[1:]) <= number)


@pytest.mark.parametrize(
    "source",
    [replace(PYLON, reading=IdKeyset(sweep_reach=timedelta(0))), replace(PYLON_LIST, reading=MeasuredList())],
    ids=["id_keyset", "measured_list"],
)
def test_an_id_that_leads_on_after_its_row_is_gone_hides_no_gap(source):
    rows = every(HOUR, 1800)
    tail = isinstance(source.reading, MeasuredList)
    service = Ordered(page_size=50, order="oldest", id_alone=not tail, keyset=tail, ending="live")
    service.rows, service.kept, service.now = list(rows), KEPT, BEGIN + timedelta(days=10)
    pipeline = Pipeline(service, source=replace(source, lookback=KEPT))
    pipeline.run()
    assert pipeline.gaps == []
    pipeline.advance(days=50)
    pipeline.run()
    (gap,) = pipeline.gaps
    assert gap.kind == "cursor"
    assert unaccounted(pipeline, [row for row in rows if row.recorded <= service.now]) == []
    pipeline.advance(minutes=5)
    pipeline.run()
    assert pipeline.gaps == [gap]


def test_a_quiet_list_that_is_read_in_time_has_no_gap():
    """Nothing happens for longer than the vendor keeps events."""
    service = Ordered(
        page_size=50, order="oldest", keyset=True, ending="live", rows=every(HOUR, 5), now=BEGIN + HOUR * 6
    )
    pipeline = Pipeline(service, source=replace(PYLON_LIST, reading=MeasuredList(), lookback=timedelta(days=3)))
    for _ in range(8):
        pipeline.run()
        pipeline.advance(days=1)
    assert pipeline.gaps == []


def test_a_list_without_a_filter_that_is_left_for_too_long_has_a_gap():
    rows = every(HOUR, 480)
    service = Service(page_size=20, order="newest", rows=list(rows), kept=KEPT, now=BEGIN + timedelta(days=20))
    service.fail = frozenset({8})
    pipeline = Pipeline(service, source=replace(PYLON_LIST, reading=MeasuredList(), lookback=KEPT), segment_events=1)
    with pytest.raises(UnavailableError):
        pipeline.run()
    pipeline.advance(days=40)
    pipeline.run()
    assert unaccounted(pipeline, rows) == []


@pytest.mark.parametrize(
    "reading",
    [TailCursor(), IdKeyset(), SinceScan(), HeadScan(), ClosedWindows()],
    ids=lambda each: type(each).__name__,
)
def test_a_clock_that_was_ahead_once_hides_no_later_gap(reading):
    style = {"id_alone": True} if isinstance(reading, IdKeyset) else {"keyset": True, "ending": "live"}
    service = Ordered(page_size=50, order="oldest", rows=every(HOUR, 40), kept=KEPT, now=BEGIN + HOUR * 40, **style)
    pipeline = Pipeline(service, source=replace(PYLON, reading=reading, lookback=KEPT, fallback=None))
    pipeline.run()
    service.now += timedelta(days=400)
    shown, service.kept = service.rows, None
    pipeline.run()
    service.now -= timedelta(days=340)
    service.rows, service.kept = [*shown, Row("e41", BEGIN + HOUR * 50, BEGIN + HOUR * 50)], KEPT
    pipeline.run()
    assert unaccounted(pipeline, [Row("e41", BEGIN + HOUR * 50, BEGIN + HOUR * 50)]) == []


def test_the_order_of_pages_is_seen_by_their_times():
    def placed(*pages):
        place = Place()
        for page in pages:
            place = place.after([BEGIN + HOUR * each for each in page], moved=False)
        return place.order

    assert placed([1, 2], [3, 4], [4, 6]) == "oldest_first"
    assert placed([6, 5], [5, 4], [3]) == "newest_first"
    assert placed([1, 2], [5, 6], [3, 4]) == "mixed"
    assert placed([1, 5], [2, 4]) == "mixed"
    assert placed([1, 2]) == "unknown"
