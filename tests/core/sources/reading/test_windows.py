"""Closed windows where the request, the clock, the reach or the pages are not as they should be."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.errors import CircleError, UnavailableError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Fields, Window
from audit_provider.core.pull import pull
from audit_provider.core.sources import Reader
from audit_provider.core.sources.paging import PagePaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.spool import Stream
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.testing.sources import NOW, canonical
from tests.core.simulation import BEGIN, PYLON, MemoryStore, Pipeline, Row, Service, every, minutely
from tests.core.sources import scripted, test_pages
from tests.core.sources.test_contracts import Desk

DAYS = timedelta(days=1)


class NoRange(PylonService):
    """Refuses the shape that Pylon's request has, so that its fallback is asked; breaks down when it is told to."""

    tries = 10_000

    def _filtered(self, wanted):
        if wanted["operator"] == "time_range":
            raise ValueError("unknown operator")
        return super()._filtered(wanted)

    def answer(self, request):
        self.tries -= 1
        return super().answer(request) if self.tries >= 0 else scripted.Reply(503, b"")


class Runs:
    """Runs over a service, each in a process of its own."""

    def __init__(self, service, spec=PYLON):
        self.service, self.spec = service, spec
        self.position = Position(source=spec.name)
        self.stream = Stream(MemoryStore(), "p/live")
        self.told = []

    def pull(self, pages, window):
        def keep(position):
            self.position = position

        reader = Reader(
            pages=pages,
            recovery=None,
            start=window.start,
            until=window.end,
            now=lambda: test_pages.NOW,
            report=lambda gap: None,
            tell=self.told.append,
        )
        return pull(self.spec.reading, reader, self.stream, self.position, commit=keep, within=window)


def broken_off(service, spec, span, *, tries):
    """Return runs of which the first ended when the service had answered so often."""
    runs = Runs(service, spec)
    service.tries = tries
    with pytest.raises(UnavailableError):
        runs.pull(test_pages.reader(service, spec, tries=1), span)
    return runs


def test_the_fallback_goes_on_at_its_own_cursor_and_reads_the_log_once():
    """It has no upper bound: each window of it leads to the end of the log."""
    span = Window(test_pages.NOW - 100 * DAYS, test_pages.NOW)
    spec = PYLON.with_page_size(10)
    with NoRange("t", generate(600, span.start, span.end), rate_limits={}) as service:
        runs = broken_off(service, spec, span, tries=30)
        service.tries = 10_000
        counts = runs.pull(test_pages.reader(service, spec, tries=1), span).counts
        assert 10_000 - service.tries <= 33
    assert runs.position.head.total == 600
    assert counts.duplicates == 0
    assert runs.told == []


def test_a_fallback_that_is_refused_later_gives_way_to_the_request():
    class Mended(NoRange):
        mended = False

        def _filtered(self, wanted):
            if self.mended and wanted["operator"] != "time_range":
                raise ValueError("unknown operator")
            return PylonService._filtered(self, wanted) if self.mended else super()._filtered(wanted)

    span = Window(test_pages.NOW - 100 * DAYS, test_pages.NOW)
    spec = PYLON.with_page_size(10)
    with Mended("t", generate(100, span.start, span.end), rate_limits={}) as service:
        runs = broken_off(service, spec, span, tries=5)
        service.tries, service.mended = 10_000, True
        runs.pull(test_pages.reader(service, spec, tries=1), span)
    assert runs.position.head.total == 100


def test_a_window_without_ids_that_no_run_can_read_whole_is_halved_until_one_can():
    class Nameless(Service):
        def answer(self, window, cursor):
            return replace(super().answer(window, cursor), named=False)

    service = Nameless(rows=minutely(600), page_size=10, now=BEGIN + timedelta(hours=12))
    service.fail = frozenset(range(25, 2000, 25))
    pipeline = Pipeline(service)
    for _ in range(12):
        with contextlib.suppress(UnavailableError):
            pipeline.run()
            break
    assert sorted(pipeline.spooled()) == sorted(row.id for row in service.rows)
    assert any("halved" in line for line in pipeline.told)


@pytest.mark.parametrize("cut_off", [False, True], ids=["read", "cut off"])
def test_a_clock_that_was_days_ahead_for_long_loses_nothing(cut_off):
    """While it was, everything was asked for that had not happened yet."""
    service = Service(page_size=5)
    pipeline = Pipeline(service)
    for number in range(3 * 24 * 3):
        time = BEGIN + number * timedelta(minutes=20)
        service.rows.append(Row(f"e{number}", time, time))
        is_ahead = 18 <= number < 18 + 3 * 30
        service.now = time + 3 * DAYS if is_ahead else time
        if cut_off and number == 18:
            service.rows += [Row(f"more{n}", time, time) for n in range(20)]
            service.fail = frozenset({service.requests + 3})
        if cut_off and 18 < number < 18 + 3 * 30:
            continue
        with contextlib.suppress(UnavailableError):
            pipeline.run()
    pipeline.advance(minutes=5)
    pipeline.run()
    assert sorted(pipeline.spooled()) == sorted(row.id for row in service.rows)
    assert sum("clock was ahead" in line for line in pipeline.told) == 1


def test_a_row_that_comes_in_between_two_pages_makes_no_second_event(monkeypatch):
    """It pushes the others down by one, and without ids the last of a page would be met again as another one."""
    desk = Desk("confluence", monkeypatch)
    desk.service.add(NOW - timedelta(minutes=n) for n in range(2, 27))
    serve, asked = desk.service.answer, []

    def answer(request):
        asked.append(request)
        if len(asked) == 2:
            desk.service.add([NOW - timedelta(seconds=20)])
        return serve(request)

    desk.service.answer = answer
    with desk.service:
        desk.pull()
        desk.now += timedelta(minutes=5)
        desk.pull()
    assert canonical(desk.records()) == canonical(row.record for row in desk.service.rows)


def test_a_window_that_comes_out_of_reach_while_it_is_read_ends_with_a_gap():
    class Slow(Service):
        def answer(self, window, cursor):
            page = super().answer(window, cursor)
            self.now += timedelta(hours=3)
            return page

    service = Slow(rows=every(timedelta(minutes=30), 200), page_size=100, now=BEGIN + 30 * DAYS, reach=30 * DAYS)
    reading = ClosedWindows(first_width=timedelta(hours=1), max_width=timedelta(hours=1))
    pipeline = Pipeline(service, source=replace(PYLON, lookback=30 * DAYS, reading=reading))
    pipeline.run(within=Window(BEGIN - DAYS, BEGIN + timedelta(hours=9)))
    assert pipeline.position.complete
    assert pipeline.position.gaps[-1].possible == BEGIN + timedelta(hours=9)


def test_what_is_left_of_a_halved_window_may_come_out_of_reach():
    rows = every(timedelta(minutes=1), 60)
    service = Service(
        rows=rows, capped=30, page_size=10, now=BEGIN + timedelta(hours=2), reach=DAYS, fail=frozenset({5})
    )
    pipeline = Pipeline(service, source=replace(PYLON, lookback=DAYS, reading=ClosedWindows(most=30)))
    with pytest.raises(UnavailableError):
        pipeline.run()
    pipeline.advance(hours=30)
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.run()
    assert "new" in pipeline.spooled()
    assert pipeline.position.gaps[-1].possible > BEGIN + timedelta(hours=1)


@pytest.mark.parametrize(("fields", "requests"), [(Fields("id", "t"), 101), (Fields("", "t"), 4)])
def test_a_service_that_does_not_heed_the_page_number_is_not_read_without_end(fields, requests):
    with scripted.Scripted(scripted.items("a", "b", "c")) as service:
        paging = PagePaging("page")
        runs = Runs(service, replace(scripted.SPEC, fields=fields, paging=paging))
        with pytest.raises(CircleError, match="pages in a row are the same"):
            runs.pull(scripted.reader(service, fields=fields, paging=paging), Window(BEGIN - DAYS, BEGIN))
        assert len(service.requests) == requests
    assert runs.position.head.total == 0


def test_a_busy_log_may_show_a_page_again():
    rows = [Row(f"e{n}", BEGIN, BEGIN) for n in range(3)]
    service = Service(rows=rows, page_size=1, now=BEGIN + timedelta(hours=1))
    service.inserts = {number: [f"i{number}"] for number in range(2, 40)}
    pipeline = Pipeline(service)
    pipeline.run()
    pipeline.advance(minutes=5)
    pipeline.run()
    assert sorted(pipeline.spooled()) == sorted(row.id for row in service.rows)
