"""Every form in which vendors write a time, and what is none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.model import Fields, date_of, exact_text_of, text_of
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.times import time_from
from tests.core.sources.pulled import Pulled, page, record
from tests.core.sources.scripted import NOW

UTC = timezone.utc
MOMENT = datetime(2026, 3, 1, 10, 2, 11, tzinfo=UTC)
MS = MOMENT.replace(microsecond=155_000)
US = MOMENT.replace(microsecond=155_555)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("20260301100211", MOMENT),
        ("20260301100211.155", MS),
        (20260301100211, MOMENT),
        ("20260301100211Z", MOMENT),
        ("20260301110211+0100", MOMENT),
        ("202603011002", MOMENT.replace(second=0)),
        ("20260301", datetime(2026, 3, 1, tzinfo=UTC)),
        ("20260301T100211Z", MOMENT),
        ("20260301T100211.155555Z", US),
        ("20260301T1002Z", MOMENT.replace(second=0)),
        ("2026-03-01T10:02:11,155Z", MS),
        ("2026/03/01 10:02:11", MOMENT),
        ("2026-03-01T24:00:00Z", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-12-31T24:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-03-01T10:02:11.155Z[UTC]", MS),
        ("2026-03-01T11:02:11.155+01:00[Europe/Berlin]", MS),
        ("2026-03-01 10:02:11 GMT", MOMENT),
        ("2026-03-01 10:02:11 +0000", MOMENT),
        ("2026-03-01 10:02:11.155 +0000 UTC", MS),
        ("2026-03-01T15:32:11+05:30", MOMENT),
        ("2026-03-01T10:02:11+00", MOMENT),
        ("2026-03-01t10:02:11z", MOMENT),
        ("Sun, 01 Mar 2026 10:02:11 GMT", MOMENT),
        ("Sun, 1 Mar 2026 11:02:11 +0100", MOMENT),
        ("Sunday, 01-Mar-26 10:02:11 GMT", MOMENT),
        ("Sun Mar  1 10:02:11 2026", MOMENT),
        (1772359331, MOMENT),
        (1772359331.155, MS),
        (1772359331155, MS),
        (1772359331155555, US),
        (1772359331155555999, US),
        ("1772359331", MOMENT),
        ("1772359331.1555559", US),
        ("1772359331155", MS),
        ("1772359331155555", US),
        ("1772359331155555999", US),
        ("20261301100211", None),
        ("2026-03-01T24:00:01Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-03-01T10:02:11[Europe/Berlin]", None),
        ("Sun, 01 Mar 2026 10:02:11 CET", None),
        ("0000-00-00T00:00:00Z", None),
        ("1e999999999", None),
        ("03/01/2026", None),
        ("10:02", None),
    ],
)
def test_a_time_is_read_in_the_form_that_it_has(written, meant):
    assert time_from(written) == meant


@given(
    st.integers(0, 125 * 365 * 86_400).map(lambda second: datetime(1974, 1, 1, tzinfo=UTC) + timedelta(seconds=second)),
    st.integers(0, 10**9 - 1),
    st.integers(7, 12),
    st.sampled_from(["T", "t", " "]),
    st.sampled_from([".", ","]),
    st.sampled_from(["Z", "z", "+00:00", "+0000", "", "Z[UTC]"]),
)
def test_what_is_finer_than_a_microsecond_is_cut(whole, nanos, digits, separator, point, zone):
    fraction = f"{nanos:09d}".ljust(digits, "9")[:digits]
    written = f"{whole:%Y-%m-%d}{separator}{whole:%H:%M:%S}{point}{fraction}{zone}"
    expected = whole.replace(microsecond=int(fraction[:6]))
    assert time_from(written) == expected
    assert time_from(f"{whole:%Y%m%d%H%M%S}{point}{fraction}") == expected
    epoch = int(whole.timestamp())
    assert time_from(epoch * 10**9 + nanos) == whole.replace(microsecond=nanos // 1000)


@pytest.mark.parametrize("others", [0, 40])
@pytest.mark.parametrize("place", ["first", "last"])
def test_no_event_rolls_into_the_next_day_on_a_page_whose_times_are_fine(others, place):
    last = b'{"id":"z","at":"2026-02-28T23:59:59.999999999Z"}'
    rows = [b'{"id":"e%d","at":"2026-02-28T12:00:00.123456789Z"}' % n for n in range(others)]
    rows = [last, *rows] if place == "first" else [*rows, last]
    events, recorded = RecordReader(Fields("id", "at")).events(list(map(msgspec.Raw, rows)), NOW, "here")
    found = {event.id: event.time for event in events}
    assert found["z"] == datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    assert all(time.microsecond == 123_456 for name, time in found.items() if name != "z")
    assert recorded == [event.time for event in events]


def test_a_time_far_ahead_is_kept_and_told():
    with Pulled(page(record("a"), record("b", at="2612-01-10T05:25:00Z"))) as pulled:
        pulled.run()
    assert [event.time.year for event in pulled.events()] == [2026, 2612]
    (line,) = pulled.told
    assert "1 events have a time more than a year in the future, the first 2612-01-10T05:25:00Z" in line


def test_a_time_ahead_by_a_wrong_clock_is_not_told():
    ahead = text_of(NOW + timedelta(days=300))
    with Pulled(page(record("a", at=ahead))) as pulled:
        pulled.run()
    assert pulled.told == []


@pytest.mark.parametrize("others", [0, 1])
def test_the_zero_time_of_programs_is_no_time(others):
    rows = [record("z", at="0001-01-01T00:00:00Z"), *[record("a")] * others]
    with Pulled(page(*rows)) as pulled:
        pulled.run()
        assert pulled.records.undated == 1
    assert pulled.events()[0].time.year == 2026
    assert "no readable time (the first had '0001-01-01T00:00:00Z'" in pulled.told[0]


TWO = Fields("id | uid", "@timestamp | created_at", recorded="seen | logged")


@pytest.mark.parametrize(
    ("written", "name", "hour", "recorded"),
    [
        ('"id":"a","@timestamp":"2026-02-28T10:00:00Z","created_at":"2026-02-28T11:00:00Z"', "a", 10, 10),
        ('"id":"a","created_at":"2026-02-28T11:00:00Z"', "a", 11, 11),
        ('"uid":7,"@timestamp":null,"created_at":1772276400000', "7", 11, 11),
        ('"uid":"b","id":"","@timestamp":"soon","created_at":"2026-02-28T11:00:00Z"', "b", 11, 11),
        ('"id":"a","@timestamp":"0001-01-01T00:00:00Z","created_at":"2026-02-28T11:00:00Z"', "a", 11, 11),
        ('"id":"a","@timestamp":"2026-02-28T10:00:00Z","logged":"2026-02-28T12:00:00Z"', "a", 10, 12),
        ('"id":"a","@timestamp":"2026-02-28T10:00:00Z","seen":"2026-02-28T11:30:00Z","logged":1', "a", 10, 11),
    ],
)
@pytest.mark.parametrize("others", [0, 3])
def test_a_field_with_several_paths_is_read_from_the_first_that_has_it(written, name, hour, recorded, others):
    rows = [
        f"{{{written}}}",
        *['{"id":"o","@timestamp":"2026-02-28T09:00:00Z","seen":"2026-02-28T09:00:00Z"}'] * others,
    ]
    events, times = RecordReader(TWO).events([msgspec.Raw(row.encode()) for row in rows], NOW, "here")
    assert (events[0].id, events[0].time.hour, times[0].hour) == (name, hour, recorded)
    assert [event.time.hour for event in events[1:]] == [9] * others


@pytest.mark.parametrize("year", [1, 33, 999, 1000, 9999])
def test_a_year_has_four_digits_wherever_it_is_written(year):
    moment = datetime(year, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert text_of(moment) == f"{year:04d}-02-03T04:05:06Z"
    assert exact_text_of(moment) == f"{year:04d}-02-03T04:05:06.000007Z"
    assert (date_of(moment), date_of(moment, "")) == (f"{year:04d}-02-03", f"{year:04d}0203")
