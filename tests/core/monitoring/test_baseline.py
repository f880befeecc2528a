"""What is usual, of histories that are known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from audit_provider.core.monitoring.activity import Day
from audit_provider.core.monitoring.baseline import Baseline, begin_of, figures_of
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.judging import ALL, unusual
from audit_provider.core.monitoring.settings import Monitoring

MONDAY = date(2026, 1, 5)
OFFICE = [0] * 8 + [40] * 10 + [0] * 6
NIGHT = [0] * 24


def weeks(count):
    """Return weeks of five equal working days and two quiet ones."""
    return [OFFICE if day % 7 < 5 else NIGHT for day in range(7 * count)]


def test_weekdays_are_told_apart_once_they_are_known():
    baseline = Baseline(MONDAY, weeks(4))
    assert baseline.day(0).centre == 400
    assert baseline.day(6).centre == 0
    assert baseline.hour(6, 12).high < 12 < baseline.hour(0, 12).low
    young = Baseline(MONDAY, weeks(1))
    assert young.day(6).centre == young.day(0).centre, "one week tells of no weekday"


def test_an_hour_may_move_by_one():
    baseline = Baseline(MONDAY, weeks(4))
    assert baseline.hour(0, 7).high > 40 > baseline.hour(0, 5).high
    assert baseline.expected(0, 8) == 0 < baseline.expected(0, 9)


def test_one_bad_day_changes_nothing():
    days = weeks(4)
    before = Baseline(MONDAY, days)
    days[9] = [10_000] * 24
    after = Baseline(MONDAY, days)
    assert after.hour(2, 12) == before.hour(2, 12)
    assert after.missed_limit == before.missed_limit


def test_what_happens_every_week_is_usual():
    days = [list(day) for day in weeks(4)]
    for week in range(4):
        days[7 * week][12] = 900
    assert Baseline(MONDAY, days).hour(0, 12).high > 900


def test_a_growing_source_is_followed():
    days = [[count * (1 + day // 7) for count in OFFICE] for day in range(28)]
    assert Baseline(MONDAY, days).hour(0, 12).high > 160
    assert Baseline(MONDAY, [*days[:27], [9000] * 24]).hour(0, 12).centre < 400


@pytest.mark.parametrize("days", [[], [NIGHT], [NIGHT] * 30])
def test_histories_of_nothing(days):
    baseline = Baseline(MONDAY, days)
    assert baseline.hour(0, 0).centre == baseline.day(3).centre == baseline.expected_in_a_day(2) == 0
    assert baseline.missed_limit == 12


def figures(days):
    made = [Day(day=MONDAY + timedelta(days=place), actions={"x": hours}) for place, hours in enumerate(days)]
    return figures_of(made, Classifier({}, {}))


def judged(days, *, hour=24):
    found = figures(days)
    last = begin_of(found.days[-1].day) + timedelta(hours=hour)
    return {each.kind: each for each in unusual(found, last, Monitoring())}


def test_a_surge_names_the_hour_and_what_is_usual():
    surge = [*OFFICE[:12], 400, *OFFICE[13:]]
    found = judged([*weeks(4), surge])["surge"]
    assert (found.subject, found.count, found.at.hour) == ("other", 400, 12)
    assert found.high == pytest.approx(40, rel=1.5)
    assert found.id == judged([*weeks(4), surge], hour=20)["surge"].id, "the same in every report"


def test_a_silence_is_found_in_working_hours_and_not_at_night():
    silent = [*OFFICE[:10], *[0] * 14]
    assert "silence" not in judged([*weeks(4), OFFICE], hour=24)
    assert "silence" not in judged([*weeks(4), silent], hour=11)
    found = judged([*weeks(4), silent], hour=15)["silence"]
    assert (found.subject, found.at.hour, found.severity) == (ALL, 10, "critical")
    assert "silence" in judged([*weeks(4), silent, *[NIGHT] * 6]), "and it lasts"


def test_short_histories_say_nothing():
    surge = [*OFFICE[:12], 4000, *OFFICE[13:]]
    assert judged([*weeks(4)[:6], surge]) == {}
    assert set(judged([*weeks(4)[:11], surge])) == {"surge"}
    assert judged([*weeks(1), *weeks(1)[:5], NIGHT]) == {}


def test_days_before_a_long_pause_tell_nothing():
    surge = [*OFFICE[:12], 4000, *OFFICE[13:]]
    assert judged([*weeks(2), *[NIGHT] * 10, *[OFFICE] * 4, surge]) == {}


def test_sparse_sources_are_left_alone():
    days = [[1 if hour == day % 24 else 0 for hour in range(24)] for day in range(30)]
    assert judged([*days, NIGHT, NIGHT, NIGHT]) == {}
