"""The reading strategies against a model: the spool holds exactly what was served, whatever happened on the way."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.errors import AuditError, ProtocolError, RefusedError, UnavailableError
from audit_provider.core.model import Window
from audit_provider.core.sources import Page
from tests.core.simulation import BEGIN, PYLON_LIST, Crash, Pipeline, Row, Service, minutely

HOUR = 3600
EXAMPLES = settings(max_examples=max(100, 5 * int(os.environ.get("AUDIT_FUZZ_EXAMPLES", "0"))))
"""The same hundred each time; ``make chaos`` draws a thousand others."""


@st.composite
def histories(draw, most=40):
    """Rows over eight hours, many at the same second, some recorded up to twenty hours late."""
    count = draw(st.integers(0, most))
    rows = []
    for number in range(count):
        happened = BEGIN + timedelta(seconds=draw(st.integers(0, 8 * HOUR // 60)) * 60)
        late = draw(st.sampled_from([0, 0, 0, 1, 90, 20 * HOUR]))
        rows.append(Row(f"e{number}", happened, happened + timedelta(seconds=late)))
    return rows


@st.composite
def services(draw, rows, **fixed):
    numbers = st.frozensets(st.integers(1, 40), max_size=4)
    return Service(
        **{
            "page_size": draw(st.integers(1, 6)),
            "order": draw(st.sampled_from(["newest", "oldest", "shuffled"])),
            "sorted_by": draw(st.sampled_from(["recorded", "happened"])),
            "exclusive": draw(st.booleans()),
            "ending": draw(st.sampled_from(["empty", "sentinel", "live"])),
            "keyset": draw(st.booleans()),
            "empty_page_at": draw(st.integers(1, 20)),
            "refuse": draw(numbers),
            "fail": draw(numbers),
            "crash": draw(numbers),
            "rows": list(rows),
            **fixed,
        }
    )


def run_through(pipeline, data):
    """Run often, with crashes, over the whole history; then often enough in peace to settle everything."""
    for _ in range(data.draw(st.integers(1, 6))):
        crash = data.draw(st.none() | st.integers(0, 5))
        with contextlib.suppress(Crash, AuditError):
            pipeline.run(crash_at_commit=crash)
        pipeline.advance(minutes=data.draw(st.integers(1, 300)))
    pipeline.advance(hours=max(0.0, (BEGIN + timedelta(hours=29) - pipeline.now).total_seconds() / HOUR))
    for service in filter(None, (pipeline.service, pipeline.search)):
        service.refuse = service.fail = service.crash = frozenset()
        service.empty_page_at = -1
        service.inserts = {}
    for _ in range(4):
        pipeline.run()
        pipeline.advance(minutes=61)


def inserts(data):
    return {number: [f"i{number}"] for number in data.draw(st.sets(st.integers(1, 30)))}


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_closed_windows_read_exactly_what_was_served(data):
    rows = data.draw(histories())
    service = data.draw(services(rows))
    service.inserts = inserts(data)
    pipeline = Pipeline(service)
    run_through(pipeline, data)
    assert sorted(pipeline.spooled()) == sorted(row.id for row in service.rows)
    counts = pipeline.position.counts
    assert counts.read == counts.spooled + counts.duplicates
    assert counts.spooled == pipeline.position.head.total


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_a_list_of_unknown_order_is_read_exactly(data):
    rows = data.draw(histories())
    service = data.draw(services(rows))
    service.inserts = inserts(data)
    search = data.draw(services(rows, sorted_by="happened"))
    search.rows = service.rows
    pipeline = Pipeline(service, source=PYLON_LIST, search=search)
    run_through(pipeline, data)
    assert sorted(pipeline.spooled()) == sorted(row.id for row in service.rows)


@settings(max_examples=100)
@given(st.data())
def test_backfill_windows_share_no_event_and_miss_none(data):
    rows = data.draw(histories())
    cuts = sorted(data.draw(st.sets(st.integers(1, 8 * 60 - 1), max_size=4)))
    bounds = [BEGIN, *(BEGIN + timedelta(minutes=cut) for cut in cuts), BEGIN + timedelta(hours=9)]
    filter_by = data.draw(st.sampled_from(["happened", "recorded"]))
    read: list[str] = []
    for start, end in pairwise(bounds):
        peaceful = {"refuse": frozenset(), "fail": frozenset(), "crash": frozenset()}
        service = data.draw(services(rows, **peaceful, filter_by=filter_by))
        service.now = BEGIN + timedelta(days=3)
        pipeline = Pipeline(service)
        crash = data.draw(st.none() | st.integers(0, 3))
        with contextlib.suppress(Crash):
            pipeline.run(within=Window(start, end), crash_at_commit=crash)
        pipeline.run(within=Window(start, end))
        assert pipeline.position.complete
        read += pipeline.spooled()
    assert sorted(read) == sorted(row.id for row in rows)


def test_a_run_with_nothing_new_makes_one_request():
    pipeline = Pipeline(Service(rows=minutely(5), page_size=100, now=BEGIN + timedelta(hours=2)))
    pipeline.run()
    pipeline.advance(minutes=5)
    before = pipeline.service.requests
    pipeline.run()
    assert pipeline.service.requests == before + 1


def test_a_long_quiet_span_needs_few_requests():
    pipeline = Pipeline(Service(rows=[], now=BEGIN + timedelta(days=400)))
    pipeline.run()
    assert pipeline.service.requests <= 6


def test_a_cursor_that_comes_back_stops_without_moving_the_position():
    class Circle(Service):
        def answer(self, window, cursor):
            page = super().answer(window, cursor)
            return Page(page.events, page.recorded, "skip:3" if cursor else "skip:6", True)

    pipeline = Pipeline(Circle(rows=minutely(9), now=BEGIN + timedelta(hours=2)), segment_events=100)
    with pytest.raises(ProtocolError, match="circle"):
        pipeline.run()
    assert pipeline.position.head.number == 0
    assert pipeline.position.reading == {}


def test_endless_empty_pages_are_refused():
    class Empty(Service):
        def answer(self, window, cursor):
            self.requests += 1
            return Page((), (), f"c{self.requests}", True)

    pipeline = Pipeline(Empty(now=BEGIN + timedelta(hours=2)))
    with pytest.raises(ProtocolError, match="empty pages"):
        pipeline.run()


def test_a_cursor_refused_again_and_again_ends_in_an_error():
    service = Service(rows=minutely(9), now=BEGIN + timedelta(hours=2), refuse=frozenset(range(100)))
    pipeline = Pipeline(service)
    with pytest.raises(RefusedError):
        pipeline.run()
    assert pipeline.position.watermark is None


def test_what_was_read_before_an_outage_is_kept():
    service = Service(rows=minutely(9), now=BEGIN + timedelta(hours=2), fail=frozenset({3}))
    pipeline = Pipeline(service, segment_events=100)
    with pytest.raises(UnavailableError):
        pipeline.run()
    assert len(pipeline.spooled()) == 6
    requests = service.requests
    pipeline.run()
    assert len(pipeline.spooled()) == 9
    assert service.requests == requests + 1, "the run goes on at the cursor of the open window"


def test_a_clock_that_was_ahead_leaves_no_gap():
    service = Service(rows=minutely(5), now=BEGIN + timedelta(days=30))
    pipeline = Pipeline(service)
    pipeline.run()
    service.now = BEGIN + timedelta(hours=1)
    pipeline.run()
    service.rows.append(Row("late", BEGIN + timedelta(hours=3), BEGIN + timedelta(hours=3)))
    service.now = BEGIN + timedelta(hours=6)
    pipeline.run()
    assert "late" in pipeline.spooled()


@pytest.mark.parametrize("ending", ["empty", "live"])
def test_an_oldest_first_list_is_followed_by_its_tail(ending):
    service = Service(rows=minutely(9), order="oldest", ending=ending, now=BEGIN + timedelta(hours=2))
    pipeline = Pipeline(service, source=PYLON_LIST, search=Service(rows=service.rows, now=service.now))
    pipeline.run()
    assert pipeline.position.reading["way"] == "tail"
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.advance(minutes=5)
    before = service.requests
    pipeline.run()
    assert "new" in pipeline.spooled()
    assert service.requests - before <= 2
    assert pipeline.search.requests == 0


def test_a_dead_sentinel_is_found_out_and_costs_nothing():
    service = Service(rows=minutely(9), order="oldest", ending="sentinel", now=BEGIN + timedelta(hours=2))
    pipeline = Pipeline(service, source=PYLON_LIST, search=Service(rows=service.rows, now=service.now))
    pipeline.run()
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.advance(minutes=5)
    pipeline.run()
    assert "new" in pipeline.spooled()
    assert pipeline.position.reading["way"] == "windows"
    assert any("not at the end of the list" in line for line in pipeline.told)


def test_a_newest_first_list_keeps_no_cursor_and_stops_at_the_floor():
    service = Service(rows=minutely(2000), order="newest", page_size=200, now=BEGIN + timedelta(minutes=2000))
    pipeline = Pipeline(service, source=PYLON_LIST, search=Service(rows=service.rows, now=service.now))
    pipeline.run()
    assert len(pipeline.spooled()) == 2000
    before = service.requests
    pipeline.advance(minutes=5)
    pipeline.run()
    assert service.requests == before + 1
    assert pipeline.position.reading["cursor"] == ""
