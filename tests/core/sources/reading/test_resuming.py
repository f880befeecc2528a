"""What a strategy keeps between runs: it must still fit when the request, the reach or the service has changed."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.errors import ProtocolError, RefusedError, UnavailableError
from audit_provider.core.model import Window
from audit_provider.core.sources.paging import PagePaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.reading.id_keyset import IdKeyset
from audit_provider.core.sources.reading.place import OrderMeter
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.sources.spec import KeptShorter
from tests.core.simulation import BEGIN, PYLON, PYLON_LIST, Pipeline, Row, Service, every, minutely

WINDOWS = replace(PYLON, name="windows", paging=PagePaging("page"))
SINCE = replace(WINDOWS, name="since", reading=SinceScan())
HEAD = replace(WINDOWS, name="head", reading=HeadScan())
TAIL = replace(PYLON, name="tail", reading=TailCursor(probe_after=0))
KEYSET = replace(PYLON, name="keyset", reading=IdKeyset())


def expect_all(pipeline):
    assert sorted(pipeline.spooled()) == sorted(row.id for row in pipeline.service.rows)


def read_on_with_another_page_size(pipeline):
    with pytest.raises(Exception, match="cut off"):
        pipeline.run()
    pipeline.service.page_size = 10
    pipeline.run()
    expect_all(pipeline)


@pytest.mark.parametrize("source", [WINDOWS, SINCE, HEAD], ids=lambda source: source.name)
def test_a_cursor_of_another_request_is_dropped(source):
    """The fifth page of three rows is not the fifth page of ten."""
    service = Service(rows=minutely(60), numbered=True, now=BEGIN + timedelta(hours=2), fail=frozenset({5}))
    pipeline = Pipeline(service, source=source, segment_events=1)
    read_on_with_another_page_size(pipeline)
    assert any("the request has changed" in line for line in pipeline.told)


def test_a_list_is_measured_anew_when_the_request_has_changed():
    service = Service(rows=minutely(60), order="oldest", ending="live", now=BEGIN + timedelta(hours=2))
    service.fail = frozenset({5})
    pipeline = Pipeline(service, source=PYLON_LIST, search=Service(rows=service.rows, now=service.now))
    read_on_with_another_page_size(pipeline)
    assert any("measuring the list again" in line for line in pipeline.told)


class Bounds(Service):
    """Notes the lower bound of every request. What a cursor is sent with must not change under it."""

    def __init__(self, **fields):
        super().__init__(**fields)
        self.asked = []

    def answer(self, window, cursor):
        self.asked.append((window.start, bool(cursor)))
        return super().answer(window, cursor)


def test_the_bound_of_a_scan_stays_while_its_cursor_is_used():
    """A long scan under a short look-back, over many runs: the reach moves on, the scan does not."""
    service = Bounds(rows=minutely(600), page_size=10, now=BEGIN + timedelta(hours=20))
    service.fail = frozenset(range(5, 200, 5))
    pipeline = Pipeline(service, source=replace(SINCE, paging=PYLON.paging, lookback=timedelta(hours=15)))
    for _ in range(30):
        with contextlib.suppress(UnavailableError):
            pipeline.run()
            break
        pipeline.advance(minutes=5)
    first = service.asked[0][0]
    ended = next(place for place, (_, by_cursor) in enumerate(service.asked) if place and not by_cursor)
    assert {start for start, _ in service.asked[:ended]} == {first}
    (gap,) = pipeline.position.gaps
    assert (gap.wanted, gap.possible) == (BEGIN, first)
    assert set(pipeline.spooled()) == {row.id for row in service.rows if row.recorded >= first}


def test_a_scan_that_begins_again_reports_only_what_is_newly_lost():
    service = Bounds(rows=minutely(600), page_size=10, now=BEGIN + timedelta(hours=20))
    service.fail = frozenset({5})
    source = replace(SINCE, paging=PYLON.paging, lookback=timedelta(hours=15))
    pipeline = Pipeline(service, source=source, segment_events=1)
    with pytest.raises(Exception, match="cut off"):
        pipeline.run()
    service.refuse = frozenset({6})
    pipeline.advance(hours=1)
    pipeline.run()
    first, second = pipeline.position.gaps
    assert first.possible == second.wanted
    assert second.possible - second.wanted == timedelta(hours=1)


def test_an_open_window_that_came_out_of_reach_is_left_behind_with_a_gap():
    service = Service(rows=minutely(60), now=BEGIN + timedelta(hours=2), fail=frozenset({5}))
    service.reach = service.kept = timedelta(hours=5)
    pipeline = Pipeline(service, source=replace(PYLON, lookback=timedelta(hours=5)), segment_events=1)
    with pytest.raises(Exception, match="cut off"):
        pipeline.run()
    service.refuse = frozenset({6})
    pipeline.advance(days=2)
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.run()
    assert "new" in pipeline.spooled()
    (gap,) = pipeline.position.gaps
    assert gap.wanted <= BEGIN
    assert gap.possible > BEGIN + timedelta(days=1)


class Forgetful(Service):
    """Leads a cursor whose row is gone to the oldest row it has, without a word."""

    def _start(self, rows, cursor):
        try:
            return super()._start(rows, cursor)
        except RefusedError:
            return 0


def test_a_tail_left_for_longer_than_the_vendor_keeps_events_is_a_gap():
    service = Forgetful(rows=minutely(60), order="oldest", keyset=True, ending="live", page_size=100)
    service.now, service.kept = BEGIN + timedelta(hours=1), timedelta(hours=10)
    pipeline = Pipeline(service, source=replace(TAIL, lookback=timedelta(hours=10)))
    pipeline.run()
    service.rows += [Row(f"late{n}", BEGIN + timedelta(hours=n), BEGIN + timedelta(hours=n)) for n in range(1, 40)]
    pipeline.advance(hours=39)
    for _ in range(2):
        pipeline.run()
        pipeline.advance(minutes=5)
    (gap,) = pipeline.position.gaps
    lost = {row.recorded for row in every(timedelta(hours=1), 40)[1:]} - {
        row.recorded for row in service.rows if row.id in pipeline.spooled()
    }
    assert lost
    assert all(gap.wanted <= time <= gap.possible + timedelta(hours=1) for time in lost)


def test_a_tail_read_in_time_has_no_gap():
    service = Forgetful(rows=minutely(60), order="oldest", keyset=True, ending="live", page_size=100)
    service.now, service.kept = BEGIN + timedelta(hours=1), timedelta(hours=10)
    pipeline = Pipeline(service, source=replace(TAIL, lookback=timedelta(hours=10)))
    for _ in range(5):
        pipeline.run()
        pipeline.advance(hours=9)
    assert pipeline.position.gaps == ()


@pytest.mark.parametrize("silently", [True, False])
def test_an_id_left_for_longer_than_the_vendor_keeps_events_is_a_gap(silently):
    """A vendor may refuse the id of an event that it no longer keeps, or lead on from its oldest event."""
    service = (Forgetful if silently else Service)(rows=minutely(60), order="oldest", id_alone=True, page_size=100)
    service.now, service.kept = BEGIN + timedelta(hours=1), timedelta(hours=10)
    pipeline = Pipeline(service, source=replace(KEYSET, lookback=timedelta(hours=10)))
    pipeline.run()
    service.rows += [Row(f"late{n}", BEGIN + timedelta(hours=n), BEGIN + timedelta(hours=n)) for n in range(1, 40)]
    pipeline.advance(hours=39)
    for _ in range(2):
        pipeline.run()
        pipeline.advance(minutes=5)
    (gap,) = pipeline.position.gaps
    lost = {row.recorded for row in every(timedelta(hours=1), 40)[1:]} - {
        row.recorded for row in service.rows if row.id in pipeline.spooled()
    }
    assert lost
    assert all(gap.wanted <= time <= gap.possible + timedelta(hours=1) for time in lost)


def test_an_id_read_on_from_in_time_has_no_gap():
    service = Forgetful(rows=minutely(60), order="oldest", id_alone=True, page_size=100)
    service.now, service.kept = BEGIN + timedelta(hours=1), timedelta(hours=10)
    pipeline = Pipeline(service, source=replace(KEYSET, lookback=timedelta(hours=10)))
    for _ in range(5):
        pipeline.run()
        pipeline.advance(hours=9)
    assert pipeline.position.gaps == ()


@pytest.mark.parametrize("source", [TAIL, PYLON_LIST], ids=lambda source: source.name)
def test_a_sweep_that_was_cut_off_goes_on_where_it_was(source):
    rows = minutely(200)
    service = Service(rows=rows, order="oldest", keyset=True, ending="live", page_size=100)
    service.now = BEGIN + timedelta(hours=4)
    search = Service(rows=rows, page_size=10, now=service.now)
    pipeline = Pipeline(service, source=source, search=search, segment_events=1)
    pipeline.run()
    search.requests, search.fail = 0, frozenset({11})
    pipeline.advance(minutes=61)
    with pytest.raises(Exception, match="cut off"):
        pipeline.run()
    pipeline.run()
    # Twenty pages, the one that failed, and two looks of two pages at whether a quiet list is a dead one; a sweep
    # begun again would ask for ten more.
    assert search.requests <= 25
    expect_all(pipeline)


def test_the_sweep_of_a_keyset_goes_on_where_it_was():
    rows = minutely(200)
    service = Service(rows=rows, order="oldest", id_alone=True, page_size=10, now=BEGIN + timedelta(hours=4))
    pipeline = Pipeline(service, source=KEYSET, segment_events=1)
    pipeline.run()
    service.rows.insert(5, Row("late", BEGIN + timedelta(minutes=4), BEGIN + timedelta(minutes=4)))
    pipeline.advance(minutes=61)
    before = service.requests
    service.fail = frozenset({before + 12})
    with pytest.raises(Exception, match="cut off"):
        pipeline.run()
    pipeline.run()
    assert service.requests - before == 1 + 21 + 1 + 1, "two looks at the tail, the sweep's pages, the one that failed"
    expect_all(pipeline)


def test_ids_in_slight_disorder_are_read_on_by_id():
    """Two machines that stamp the same millisecond the other way round are no reason to read by time."""
    rows = minutely(50)
    for place in range(0, 48, 2):
        rows[place] = replace(rows[place], recorded=rows[place + 1].recorded + timedelta(milliseconds=1))
        rows[place] = replace(rows[place], happened=rows[place].recorded)
    service = Service(rows=[], order="oldest", id_alone=True, page_size=10, now=BEGIN + timedelta(hours=2))
    service._served = lambda window: rows
    pipeline = Pipeline(service, source=KEYSET, search=Service(rows=rows))
    for _ in range(3):
        pipeline.run()
        pipeline.advance(minutes=61)
    assert pipeline.search.requests == 0
    assert sorted(pipeline.spooled()) == sorted(row.id for row in rows)


def test_an_order_that_breaks_late_costs_reading_back_one_sweep():
    rows = every(timedelta(hours=1), 24 * 90)
    service = Service(rows=rows, order="oldest", id_alone=True, page_size=1000, now=BEGIN + timedelta(days=60))
    pipeline = Pipeline(service, source=KEYSET, search=Bounds(rows=rows, page_size=1000))
    pipeline.run()
    for _ in range(24):
        pipeline.advance(minutes=61)
        pipeline.run()
    rows += [Row("back", BEGIN + timedelta(days=60, hours=9), pipeline.now)]
    service.sorted_by = "recorded"
    service.shows = "happened"
    pipeline.advance(days=20)
    pipeline.run()
    assert any("not oldest first" in line for line in pipeline.told)
    assert pipeline.search.asked[0][0] > BEGIN + timedelta(days=59)
    pipeline.advance(minutes=5)
    pipeline.run()
    assert set(pipeline.spooled()) >= {row.id for row in rows if row.recorded <= pipeline.now - timedelta(hours=1)}


def test_an_event_that_breaks_the_order_is_read_however_old_it_is():
    rows = every(timedelta(hours=1), 24 * 10)
    service = Service(rows=rows, order="oldest", id_alone=True, page_size=1000, now=BEGIN + timedelta(days=10))
    pipeline = Pipeline(service, source=KEYSET, search=Bounds(rows=rows, page_size=1000))
    pipeline.run()
    rows += [Row("back", BEGIN + timedelta(days=2), pipeline.now)]
    service.sorted_by = "recorded"
    service.shows = "happened"
    for _ in range(2):
        pipeline.advance(minutes=61)
        pipeline.run()
    assert any("not oldest first" in line for line in pipeline.told)
    assert sorted(pipeline.spooled()) == sorted(row.id for row in rows)


def test_rows_pushed_down_during_a_scan_do_not_make_it_read_the_whole_list():
    service = Service(rows=minutely(2000), numbered=True, page_size=10, now=BEGIN + timedelta(days=2))
    pipeline = Pipeline(service, source=HEAD)
    pipeline.run()
    pipeline.advance(minutes=5)
    service.rows += [Row(f"n{n}", pipeline.now, pipeline.now) for n in range(25)]
    before = service.requests
    service.inserts = {before + n: [f"i{n}", f"j{n}"] for n in range(1, 4)}
    pipeline.run()
    assert service.requests - before < 10
    pipeline.advance(minutes=5)
    pipeline.run()
    expect_all(pipeline)


def test_pages_read_before_a_wrong_answer_need_not_be_read_again():
    class Wrong(Service):
        def answer(self, window, cursor):
            if self.requests == 4:
                self.requests += 1
                raise ProtocolError("not a page")
            return super().answer(window, cursor)

    pipeline = Pipeline(Wrong(rows=minutely(30), now=BEGIN + timedelta(hours=2)), segment_events=1000)
    with pytest.raises(ProtocolError):
        pipeline.run()
    assert len(pipeline.spooled()) == 12
    pipeline.run()
    assert pipeline.service.requests == 1 + 10
    expect_all(pipeline)


def test_more_empty_pages_than_one_run_accepts_are_got_through_by_several():
    class Hollow(Service):
        def _answer(self, window, cursor):
            page = super()._answer(window, cursor.removeprefix("empty:") if "empty" not in cursor else "")
            number = int(cursor.removeprefix("empty:") or 0) if not cursor or cursor.startswith("empty:") else 999
            if number < 150:
                return replace(page, events=(), recorded=(), cursor=f"empty:{number + 1}", more=True)
            return page

    pipeline = Pipeline(Hollow(rows=minutely(3), page_size=10, now=BEGIN + timedelta(hours=2)))
    with pytest.raises(ProtocolError, match="empty pages"):
        pipeline.run()
    pipeline.run()
    expect_all(pipeline)


def test_a_moment_with_more_than_the_api_gives_is_one_gap_and_holds_up_nothing():
    class Capped(Service):
        """Refuses the page after its cap, as a search by page numbers does."""

        def answer(self, window, cursor):
            if cursor and int(cursor) > 3:
                self.requests += 1
                raise RefusedError("only the first 30", status=400)
            return super().answer(window, cursor)

    rows = [Row(f"e{n}", BEGIN, BEGIN) for n in range(50)]
    service = Capped(rows=rows, numbered=True, page_size=10, now=BEGIN + timedelta(hours=1))
    source = replace(WINDOWS, reading=ClosedWindows(most=30, sweep_reach=timedelta(0)))
    pipeline = Pipeline(service, source=source)
    pipeline.run()
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.advance(minutes=30)
    pipeline.run()
    assert len(pipeline.spooled()) == 31
    (gap,) = pipeline.position.gaps
    assert "more than 30 events" in gap.reason


def test_bounds_as_coarse_as_days_spool_nothing_twice():
    class Days(Service):
        def _served(self, window):
            day = timedelta(days=1)
            whole = replace(window, start=BEGIN + (window.start - BEGIN) // day * day, end=window.end)
            return super()._served(whole)

    service = Days(rows=minutely(600), page_size=50, now=BEGIN + timedelta(minutes=5))
    pipeline = Pipeline(service)
    for _ in range(120):
        pipeline.run()
        pipeline.advance(minutes=5)
    pipeline.run()
    expect_all(pipeline)


def times(*minutes: float):
    return [BEGIN + timedelta(minutes=each) for each in minutes]


@pytest.mark.parametrize(
    ("seen", "order"),
    [
        (times(1, 1, 1), "unknown"),
        (times(1, 2, 3), "oldest_first"),
        (times(3, 2, 1), "newest_first"),
        (times(1, 3, 2), "mixed"),
        (times(10, 10.5, 5, 5.5, 1), "newest_first"),
        (times(10, 9.5, 9.1, 9.4), "unknown"),
        (times(10, 9.2, 8.4, 7.6, 6.8), "newest_first"),
        (times(10, 9, 8, 12), "mixed"),
    ],
)
def test_order_is_measured_with_tolerance(seen, order):
    strict = order in ("oldest_first", "newest_first", "mixed") and len(seen) == 3
    meter = OrderMeter() if strict else OrderMeter(timedelta(minutes=1))
    assert meter.show(seen) == order


def test_events_that_are_kept_for_less_time_than_the_rest_are_a_gap_of_their_own():
    shorter = KeptShorter(timedelta(days=7), "git events", "include", ("all", "git"))
    request = replace(PYLON.request, params={"include": "all"})
    service = Service(rows=minutely(5), now=BEGIN + timedelta(days=20))
    source = replace(PYLON, kept_shorter=(shorter,), request=request, lookback=timedelta(days=30))
    pipeline = Pipeline(service, source=source)
    for _ in range(3):
        pipeline.run()
        pipeline.advance(minutes=61)
    (gap,) = pipeline.position.gaps
    assert (gap.kind, gap.wanted) == ("retention", BEGIN)
    assert "git events for 7 days only" in gap.reason
    without = Pipeline(service, source=replace(source, request=replace(request, params={"include": "web"})))
    without.run()
    assert without.position.gaps == ()


def test_the_gap_of_a_window_ends_with_the_window():
    """Windows of one backfill would else tell one loss several times."""
    service = Service(rows=minutely(5), now=BEGIN + timedelta(days=300))
    source = replace(PYLON, lookback=timedelta(days=30))
    gaps = []
    for month in range(3):
        start = BEGIN + timedelta(days=30 * month)
        pipeline = Pipeline(service, source=source)
        pipeline.run(within=Window(start, start + timedelta(days=30)))
        gaps += pipeline.position.gaps
    assert [(each.possible - each.wanted).days for each in gaps] == [30, 30, 30]
