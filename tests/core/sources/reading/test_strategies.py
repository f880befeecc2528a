"""Tail cursors, id keysets and scans against the same model: exactly what was served, or a reported gap."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.errors import ProtocolError
from audit_provider.core.model import Window
from audit_provider.core.sources.paging import PagePaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.reading.id_keyset import IdKeyset
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from tests.core.simulation import BEGIN, PYLON, Pipeline, Row, Service, minutely
from tests.core.sources.reading.test_reading import EXAMPLES, histories, inserts, run_through, services

TAIL = replace(PYLON, name="tail", reading=TailCursor(probe_after=2))
KEYSET = replace(PYLON, name="keyset", reading=IdKeyset())
SINCE = replace(PYLON, name="since", reading=SinceScan())
HEAD = replace(PYLON, name="head", reading=HeadScan())
HEAD_PAGES = replace(HEAD, paging=PagePaging("page"))


def expect_all(pipeline):
    assert sorted(pipeline.spooled()) == sorted(row.id for row in pipeline.service.rows)
    counts = pipeline.position.counts
    assert counts.read == counts.spooled + counts.duplicates


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_a_tail_is_followed_exactly(data):
    """A stream in the order in which rows were recorded, with cursors that are refused or die on the way."""
    rows = data.draw(histories())
    fixed = {"order": "oldest", "sorted_by": "recorded", "exclusive": False}
    service = data.draw(services(rows, **fixed, filter_by=data.draw(st.sampled_from(["happened", "recorded"]))))
    service.keyset = True
    service.inserts = inserts(data)
    if service.ending == "sentinel":
        service.ending = "live"
    pipeline = Pipeline(service, source=TAIL)
    if data.draw(st.booleans()):
        service.generation = data.draw(st.integers(0, 2))
    run_through(pipeline, data)
    service.generation += data.draw(st.integers(0, 1))
    for _ in range(4):
        pipeline.run()
        pipeline.advance(minutes=5)
    expect_all(pipeline)


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_a_tail_in_order_of_events_is_swept_for_late_ones(data):
    rows = data.draw(histories())
    service = data.draw(services(rows, order="oldest", sorted_by="happened", exclusive=False, keyset=True))
    service.ending, service.shows = "live", data.draw(st.sampled_from(["happened", "recorded"]))
    search = data.draw(services(rows, sorted_by="happened"))
    search.rows = service.rows
    pipeline = Pipeline(service, source=TAIL, search=search)
    run_through(pipeline, data)
    expect_all(pipeline)


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_an_id_keyset_is_read_exactly_whatever_its_order(data):
    rows = data.draw(histories())
    service = data.draw(services(rows, exclusive=False))
    service.id_alone, service.shows = True, data.draw(st.sampled_from(["happened", "recorded"]))
    service.inserts = inserts(data)
    search = data.draw(services(rows, sorted_by="happened"))
    search.rows = service.rows
    pipeline = Pipeline(service, source=KEYSET, search=search)
    run_through(pipeline, data)
    expect_all(pipeline)


def test_an_id_that_is_gone_costs_reading_by_time():
    service = Service(order="oldest", id_alone=True, rows=minutely(9), now=BEGIN + timedelta(hours=1))
    pipeline = Pipeline(service, source=KEYSET)
    pipeline.run()
    service.rows = [row for row in service.rows if row.id != "e8"]
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.advance(minutes=5)
    pipeline.run()
    assert pipeline.spooled() == [*(f"e{n}" for n in range(9)), "new"]
    assert any("no longer exists" in line for line in pipeline.told)


def test_an_id_keyset_that_is_newest_first_without_recovery_is_refused():
    service = Service(order="newest", id_alone=True, rows=minutely(9), now=BEGIN + timedelta(hours=1))
    with pytest.raises(ProtocolError, match="not oldest first"):
        Pipeline(service, source=KEYSET).run()


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_a_list_with_a_lower_bound_is_read_exactly(data):
    rows = data.draw(histories())
    service = data.draw(services(rows, sorted_by="recorded", filter_by="recorded", exclusive=False))
    service.inserts = inserts(data)
    resumes = data.draw(st.booleans())
    pipeline = Pipeline(service, source=replace(SINCE, reading=SinceScan(resumes=resumes)))
    run_through(pipeline, data)
    expect_all(pipeline)


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_a_list_without_a_time_filter_is_read_exactly(data):
    """Rows show the time that they are sorted by; late ones lie in the midst of known ones."""
    rows = data.draw(histories())
    key = data.draw(st.sampled_from(["happened", "recorded"]))
    service = data.draw(services(rows, sorted_by=key))
    service.shows = key
    service.numbered = data.draw(st.booleans())
    service.inserts = inserts(data)
    pipeline = Pipeline(service, source=HEAD_PAGES if service.numbered else HEAD)
    run_through(pipeline, data)
    for _ in range(2):
        pipeline.run()
        pipeline.advance(minutes=61)
    expect_all(pipeline)


@settings(max_examples=150)
@given(st.data())
def test_what_the_vendor_drops_is_lost_only_where_a_gap_says_so(data):
    """Rows vanish after some hours, and no run looks further back: what was served and not read lies in a gap."""
    kept = timedelta(hours=data.draw(st.integers(2, 12)))
    source = data.draw(st.sampled_from([SINCE, PYLON, TAIL]))
    rows = [replace(row, recorded=row.happened) for row in data.draw(histories())]
    everything = list(rows)
    service = data.draw(services(rows, sorted_by="recorded", refuse=frozenset(), fail=frozenset(), exclusive=False))
    service.kept = service.reach = kept
    service.crash = frozenset()
    if source is TAIL:
        service.order, service.keyset, service.ending = "oldest", True, "live"
    pipeline = Pipeline(service, source=replace(source, lookback=kept))
    for _ in range(data.draw(st.integers(1, 4))):
        pipeline.run()
        pipeline.advance(minutes=data.draw(st.integers(1, 30 * 60)))
    pipeline.run()
    spooled = set(pipeline.spooled())
    for row in everything:
        in_gap = any(
            gap.wanted <= row.happened + timedelta(seconds=2) and row.happened <= gap.possible for gap in pipeline.gaps
        )
        assert row.id in spooled or in_gap or row.recorded > pipeline.now


def test_a_scan_that_was_cut_off_goes_on_where_it_was():
    rows = [Row(f"e{n:03}", BEGIN + timedelta(minutes=n), BEGIN + timedelta(minutes=n)) for n in range(100)]
    service = Service(rows=rows, page_size=5, now=BEGIN + timedelta(hours=3), fail=frozenset({11}))
    pipeline = Pipeline(service, source=replace(HEAD, reading=HeadScan(overlap=timedelta(minutes=2))), segment_events=1)
    with pytest.raises(Exception, match="cut off"):
        pipeline.run()
    assert len(pipeline.spooled()) == 50
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.run()
    assert service.requests == 11 + 11 + 2, "the rest of the scan, its last page again, then the new head"
    expect_all(pipeline)


def test_rows_removed_during_a_scan_begin_it_again():
    class Shrinking(Service):
        def answer(self, window, cursor):
            if self.requests == 1:
                self.rows = [row for row in self.rows if row.id != "e8"]
            page = super().answer(window, cursor)
            return replace(page, total=len(self.rows))

    service = Shrinking(rows=minutely(9), page_size=3, numbered=True, now=BEGIN + timedelta(hours=2))
    pipeline = Pipeline(service, source=HEAD_PAGES)
    pipeline.run()
    assert {f"e{n}" for n in range(8)} <= set(pipeline.spooled())
    assert any("were removed" in line for line in pipeline.told)


@pytest.mark.slow
@EXAMPLES
@given(st.data())
def test_a_window_that_holds_more_than_the_api_gives_is_halved(data):
    rows = [Row(f"e{n}", BEGIN + timedelta(seconds=10 * n), BEGIN + timedelta(seconds=10 * n)) for n in range(120)]
    service = data.draw(services(rows, refuse=frozenset(), crash=frozenset(), fail=frozenset()))
    service.capped, service.inserts = 30, {}
    pipeline = Pipeline(service, source=replace(PYLON, reading=ClosedWindows(most=30)))
    run_through(pipeline, data)
    expect_all(pipeline)
    assert pipeline.gaps == []


def test_more_in_a_moment_than_the_api_gives_is_a_gap():
    rows = [Row(f"e{n}", BEGIN, BEGIN) for n in range(50)]
    service = Service(rows=rows, capped=30, page_size=10, now=BEGIN + timedelta(hours=1))
    pipeline = Pipeline(service, source=replace(PYLON, reading=ClosedWindows(most=30)))
    pipeline.run()
    assert len(pipeline.spooled()) == 30
    assert "more than 30 events" in pipeline.gaps[0].reason


@pytest.mark.parametrize("source", [SINCE, HEAD])
def test_a_backfill_by_scan_keeps_what_happened_in_its_window(source):
    service = Service(rows=minutely(90), page_size=10, now=BEGIN + timedelta(days=3))
    pipeline = Pipeline(service, source=source)
    pipeline.run(within=Window(BEGIN + timedelta(minutes=20), BEGIN + timedelta(minutes=40)))
    assert sorted(pipeline.spooled()) == sorted(f"e{n}" for n in range(20, 40))
    assert pipeline.position.complete


def test_a_window_out_of_reach_is_a_gap_and_no_request():
    service = Service(rows=minutely(9), now=BEGIN + timedelta(days=300))
    pipeline = Pipeline(service, source=replace(SINCE, lookback=timedelta(days=180)))
    pipeline.run(within=Window(BEGIN, BEGIN + timedelta(days=30)))
    assert service.requests == 0
    assert pipeline.position.complete
    (gap,) = pipeline.position.gaps
    assert gap.wanted == BEGIN
    assert gap.possible == BEGIN + timedelta(days=30), "the window's end: what lies behind is not its own"


def test_a_start_out_of_reach_is_moved_before_any_request():
    service = Service(rows=minutely(9), now=BEGIN + timedelta(days=300), reach=timedelta(days=180))
    pipeline = Pipeline(service, source=replace(SINCE, lookback=timedelta(days=180)))
    pipeline.run()
    assert service.requests == 1
    assert len(pipeline.position.gaps) == 1
    pipeline.advance(minutes=5)
    pipeline.run()
    assert len(pipeline.position.gaps) == 1, "a gap is told once"
