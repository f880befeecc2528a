"""Windows of the past that touch: what is served at their borders is in one of them, or counted and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.ledger.event_account import table
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Fields, PullCounts, Window
from audit_provider.core.pull import pull
from audit_provider.core.sources import Reader
from audit_provider.core.sources.reading.reconciliation import Reconciliation
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.spool import Stream
from audit_provider.core.streams.accounting import account
from tests.core.simulation import BEGIN, PYLON, MemoryStore, Pages, Pipeline, Row, Service, every
from tests.core.sources import scripted

DAY = timedelta(days=1)
LATE = (timedelta(0), timedelta(seconds=20), timedelta(minutes=15), timedelta(hours=2), timedelta(hours=30))
DAYS = [Window(BEGIN + n * DAY, BEGIN + (n + 1) * DAY) for n in range(4)]
NO_RECORD = replace(PYLON, fields=Fields("id", "action_happened_at"))


def late_rows(days=3):
    """Return rows of some days, some of them recorded as late as more than a day."""
    times = [BEGIN + n * timedelta(minutes=7) for n in range(int(days * DAY / timedelta(minutes=7)))]
    return [Row(f"e{n}", time, time + LATE[n % len(LATE)]) for n, time in enumerate(times)]


def backfill(service, windows=DAYS, **arguments):
    """Read each window into a stream of its own, and return the pipelines."""
    found = []
    for window in windows:
        pipeline = Pipeline(service, **arguments)
        pipeline.run(within=window)
        found.append(pipeline)
    return found


@pytest.mark.parametrize("filter_by", ["happened", "recorded"])
@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_whichever_time_a_source_filters_by_each_event_is_in_one_window(filter_by, order):
    service = Service(rows=late_rows(), filter_by=filter_by, order=order, page_size=50, now=BEGIN + 40 * DAY)
    found = backfill(service)
    assert sorted(name for each in found for name in each.spooled()) == sorted(row.id for row in service.rows)
    for each in found:
        counts = each.position.counts
        assert counts.read == counts.spooled + counts.duplicates
        assert account(each.stream, "s3", each.position, None).adds_up
        assert each.gaps == []
        assert each.told == []
    assert (found[1].position.counts.recorded_within > 0) == (filter_by == "recorded")


def test_what_happened_in_a_window_and_was_recorded_behind_it_is_in_it():
    """Also where no window follows."""
    rows = [
        Row(f"e{n}", BEGIN + n * timedelta(minutes=10), BEGIN + (n * 10 + 15) * timedelta(minutes=1))
        for n in range(288)
    ]
    service = Service(rows=rows, filter_by="recorded", page_size=50, now=BEGIN + 40 * DAY)
    one, two = backfill(service, DAYS[:2])
    assert sorted(one.spooled() + two.spooled()) == sorted(row.id for row in rows)
    assert one.position.counts.outside > 0
    assert " outside " in table([account(one.stream, "s3", one.position, None)])


def test_a_window_that_was_read_before_late_events_came_leaves_them_to_the_next():
    row = Row("late", BEGIN + DAY - timedelta(minutes=10), BEGIN + DAY + timedelta(hours=3))
    service = Service(rows=[row], filter_by="recorded", now=BEGIN + DAY + timedelta(hours=1))
    (one,) = backfill(service, DAYS[:1])
    assert one.spooled() == []
    service.now = BEGIN + 9 * DAY
    two = Pipeline(service)
    two.run(within=DAYS[1], earlier_until=BEGIN + DAY + timedelta(hours=1))
    assert two.spooled() == ["late"]


def test_a_position_says_up_to_where_its_window_was_asked_for_by_the_settings_of_all_its_runs():
    service = Service(rows=late_rows(), filter_by="recorded", page_size=50, now=BEGIN + 40 * DAY)
    (plain,) = backfill(service, DAYS[:1], source=NO_RECORD)
    (late,) = backfill(service, DAYS[:1])
    assert DAYS[0].end < plain.position.asked_until < DAYS[0].end + timedelta(minutes=1)
    assert late.position.asked_until > DAYS[0].end + timedelta(hours=1)
    late.position = replace(late.position, complete=False, asked_until=DAYS[0].end)
    late.run(within=DAYS[0])
    assert late.position.asked_until == DAYS[0].end
    late.position = replace(late.position, complete=False, asked_until=None)
    late.run(within=DAYS[0])
    assert late.position.asked_until is None


def test_what_is_served_and_cannot_be_placed_is_counted_and_told():
    service = Service(rows=late_rows(), filter_by="recorded", shows="happened", page_size=50, now=BEGIN + 40 * DAY)
    one, two = backfill(service, DAYS[:2], source=NO_RECORD)
    assert one.told == []
    (told,) = two.told
    assert "happened outside of what it was asked for, the first at 2026-03-01" in told
    assert "'fields.recorded'" in told
    left_out = int(told.split()[0])
    early = [
        row for row in service.rows if row.happened < DAYS[1].start - timedelta(seconds=2) and row.recorded in DAYS[1]
    ]
    assert left_out == len(early)
    assert two.position.counts.outside >= left_out


def test_what_a_scan_serves_beside_the_window_is_counted():
    service = Service(rows=every(timedelta(minutes=1), 90), page_size=10, now=BEGIN + 3 * DAY)
    pipeline = Pipeline(service, source=replace(PYLON, name="since", reading=SinceScan()))
    pipeline.run(within=Window(BEGIN + timedelta(minutes=20), BEGIN + timedelta(minutes=40)))
    assert pipeline.position.counts == PullCounts(read=20, spooled=20, outside=50)
    assert pipeline.told == []


def test_a_record_without_a_time_is_in_the_window_that_it_is_served_for():
    """The time of receipt lies behind every window of the past."""
    items = [{"id": "a", "t": "2026-02-27T12:00:00Z"}, {"id": "b", "t": None}]
    window = Window(scripted.NOW - 2 * DAY, scripted.NOW - timedelta(minutes=10))
    for reading in (SinceScan(), scripted.SPEC.reading):
        with scripted.Scripted({"items": items}) as service:
            pages = scripted.reader(service, reading=reading)
            reader = Reader(
                pages=pages,
                recovery=None,
                start=window.start,
                until=window.end,
                now=lambda: scripted.NOW,
                report=lambda gap: None,
                tell=lambda line: None,
            )
            stream = Stream(MemoryStore(), "p/backfill")
            done = pull(reading, reader, stream, Position("s"), commit=lambda position: None, within=window)
        assert done.counts.spooled == 2
        events = [event for _, events in stream.read(done.position.head, 1) for event in events]
        assert all(event.time in window for event in events)


class Held:
    """A spool that holds nothing of what is compared."""

    def __call__(self, window, ids):
        pass


def test_a_reconciliation_finds_what_was_recorded_behind_its_day():
    service = Service(rows=late_rows(), filter_by="recorded", page_size=50, now=BEGIN + 40 * DAY)
    comparisons, told = [], []
    reader = Reader(
        pages=Pages(PYLON, service),
        recovery=None,
        start=BEGIN,
        until=None,
        now=lambda: service.now,
        report=lambda gap: None,
        tell=told.append,
    )
    stream = Stream(MemoryStore(), "p/reconcile")
    reconciliation = Reconciliation(PYLON.reading, BEGIN + 4 * DAY, DAY, Held(), lambda event: "", comparisons.append)
    done = pull(reconciliation, reader, stream, Position("pylon"), commit=lambda position: None)
    found = [event.id for _, events in stream.read(done.position.head, 1) for event in events]
    assert sorted(found) == sorted(row.id for row in service.rows)
    assert sum(each.late for each in comparisons) == len(service.rows)
    assert done.counts.outside == sum(each.outside for each in comparisons) > 0
    assert done.counts.read == done.counts.spooled + done.counts.duplicates
    assert told == []
