"""Events dated ahead of the clock or at the calendar's ends, and clocks that are set back: nothing lost or repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from audit_provider.core.model import UTC, Event
from audit_provider.core.pull import MOST_AHEAD
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.reading.id_keyset import IdKeyset
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.spool import Head, SegmentWriter, Stream
from tests.core.simulation import BEGIN, PYLON, PYLON_LIST, Pipeline, Row, Service, every, minutely

TAIL = replace(PYLON, name="tail", reading=TailCursor(probe_after=0))
KEYSET = replace(PYLON, name="keyset", reading=IdKeyset())
SINCE = replace(PYLON, name="since", reading=SinceScan())
HEAD = replace(PYLON, name="head", reading=HeadScan())
NEWEST_FIRST = {"sorted_by": "happened", "shows": "happened", "filter_by": "recorded"}
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
OLDEST_FIRST = {"order": "oldest", "keyset": True, "ending": "live", "shows": "happened", "filter_by": "recorded"}


def dated(name, ahead, *, recorded=BEGIN):
    """Return a row that comes at one time and bears a later one."""
    return Row(name, recorded + ahead, recorded)


def run_for(pipeline, hours, *, row_every=5, ahead=timedelta(0)):
    """Poll every five minutes, and let a row come in now and then."""
    for minute in range(0, hours * 60, 5):
        if minute % row_every == 0:
            pipeline.service.rows.append(dated(f"n{minute}", ahead, recorded=pipeline.service.now))
        pipeline.run(start=BEGIN - timedelta(hours=1))
        pipeline.advance(minutes=5)


def expect_all(pipeline):
    assert sorted(pipeline.spooled()) == sorted(row.id for row in pipeline.service.rows)


@pytest.mark.parametrize("source", [HEAD, SINCE, PYLON_LIST], ids=lambda source: source.name)
@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=365)], ids=str)
def test_an_event_dated_ahead_of_the_clock_is_spooled_once_and_hides_no_other(source, ahead):
    service = Service(rows=[dated("ahead", ahead)], page_size=100, now=BEGIN, **NEWEST_FIRST)
    pipeline = Pipeline(service, source=replace(source, recovery=None))
    run_for(pipeline, 5, row_every=20)
    expect_all(pipeline)


def test_a_page_of_nothing_but_an_event_ahead_is_spooled_once():
    service = Service(rows=[dated("ahead", timedelta(hours=3))], page_size=100, now=BEGIN, **OLDEST_FIRST)
    pipeline = Pipeline(service, source=TAIL)
    for _ in range(5):
        service.refuse = frozenset({service.requests + 1})
        pipeline.run()
        pipeline.advance(minutes=5)
    expect_all(pipeline)


def test_a_vendors_clock_that_is_hours_ahead_repeats_nothing_and_lets_no_position_grow():
    rows = [
        dated(f"e{n}", timedelta(hours=5), recorded=BEGIN + n * timedelta(minutes=1)) for n in range(3 * MOST_AHEAD)
    ]
    service = Service(rows=rows, page_size=100, now=BEGIN, **NEWEST_FIRST)
    pipeline = Pipeline(service, source=HEAD, segment_events=100)
    while pipeline.now < BEGIN + timedelta(hours=21):
        pipeline.run()
        assert len(pipeline.position.ahead) <= MOST_AHEAD
        pipeline.advance(minutes=30)
    expect_all(pipeline)
    pipeline.advance(days=9)
    pipeline.service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.run()
    assert pipeline.position.ahead == {}


@pytest.mark.parametrize("odd", [[], [dated("odd", timedelta(days=26_000))]], ids=["", "2097"])
def test_an_event_of_another_century_hides_no_gap(odd):
    service = Service(rows=[*minutely(5), *odd], page_size=100, now=BEGIN + timedelta(minutes=10), **OLDEST_FIRST)
    pipeline = Pipeline(service, source=replace(TAIL, lookback=timedelta(days=90)))
    pipeline.run()
    pipeline.advance(days=200)
    service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.run()
    (gap,) = pipeline.position.gaps
    assert gap.wanted < BEGIN + timedelta(hours=1)


@pytest.mark.parametrize("moment", [FIRST, LAST], ids=lambda moment: str(moment.year))
@pytest.mark.parametrize("source", [HEAD, SINCE, PYLON, PYLON_LIST, TAIL, KEYSET], ids=lambda source: source.name)
def test_a_record_at_an_end_of_the_calendar_holds_up_nothing(source, moment):
    shape = OLDEST_FIRST if source in (TAIL, KEYSET) else NEWEST_FIRST
    odd = Row("odd", moment, BEGIN)
    service = Service(rows=[odd], page_size=100, now=BEGIN, **shape)
    service.id_alone = source is KEYSET
    service._served = lambda window: service.rows  # the odd one first, whatever is asked
    pipeline = Pipeline(service, source=source, search=Service(rows=service.rows))
    for row in minutely(3):
        service.refuse = frozenset({service.requests + 1} if source is TAIL else ())
        pipeline.run()
        pipeline.advance(hours=1)
        service.rows.append(replace(row, happened=pipeline.now, recorded=pipeline.now))
    pipeline.run()
    assert set(pipeline.spooled()) >= {"e0", "e1", "e2"}
    assert len(pipeline.spooled()) == len(set(pipeline.spooled()))


class Skewed(Pipeline):
    """Its clock is not the service's."""

    skew = timedelta(0)

    @property
    def now(self):
        return self.service.now + self.skew


def test_a_clock_that_is_set_back_for_one_run_repeats_nothing():
    service = Service(page_size=100, now=BEGIN, **NEWEST_FIRST)
    pipeline = Skewed(service, source=HEAD)
    run_for(pipeline, 2)
    pipeline.skew = -timedelta(hours=2)
    service.rows.append(Row("meanwhile", service.now, service.now))
    pipeline.run()
    pipeline.skew = timedelta(0)
    for _ in range(3):
        pipeline.advance(minutes=5)
        pipeline.run()
    expect_all(pipeline)


def test_what_another_stream_holds_is_not_spooled_again_however_far_back_a_reading_turns():
    """An order that proves wrong after few events costs reading from the beginning on, long before the run's start."""
    rows = every(timedelta(hours=12), 40)
    now = BEGIN + timedelta(days=20)
    late = Row("late", BEGIN + timedelta(days=10), BEGIN + timedelta(days=12))
    service = Service(rows=rows, page_size=100, now=now)
    pipeline = Pipeline(service, source=PYLON_LIST, search=Service(rows=[*rows, late], page_size=100, now=now))
    pipeline.run()
    segment = SegmentWriter(late.recorded)
    segment.add([Event(late.id, late.happened, msgspec.Raw(b'{"id":"late"}'))])
    reconciled = Stream(pipeline.store, "p/reconcile")
    head = reconciled.append(segment, Head(), late.recorded)
    service.order = "shuffled"
    pipeline.advance(minutes=5)
    pipeline.run(start=pipeline.now - timedelta(days=1), known=[(reconciled, head)])
    assert "the list is in no order: reading by time from here on" in pipeline.told
    expect_all(pipeline)
