"""The usual range of a series of hourly counts, by weekday and hour of day, based on its history; and the series of a
pipeline's days, which charts also show.

Counts are compared as square roots (Anscombe's transform), which gives a Poisson count of any size the same spread, so
small counts need no special case. The centre of an hour is the median of the same hour on similar days. The spread is
their MAD, and at least that of a Poisson count. A value that the history contains more than once or twice is not
unusual, however far it is from the centre: this covers sources with regular bursts or pauses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from operator import sub
from statistics import median
from typing import TYPE_CHECKING

from audit_provider.core.model import UTC
from audit_provider.core.monitoring.activity import total
from audit_provider.core.records.facts import CATEGORIES, Category

if TYPE_CHECKING:
    from audit_provider.core.monitoring.activity import Day
    from audit_provider.core.monitoring.categories import Classifier
    from audit_provider.core.monitoring.settings import Monitoring

DAYS = 30
"""Most days of history that are used."""

WEEKS_KNOWN = 14
"""Days of history from which on each weekday has its own baseline."""

_ALIKE = 1.5  # days whose medians differ by at most this factor are of one kind
_BEYOND = 1.25  # how many times the largest distance in the history is unusual
_LONGER = 1.5  # the same for silences
_MOST_GROWTH = 2.0
_MAD = 1.4826  # from a median absolute deviation to a standard deviation
_ANSCOMBE = 3 / 8
_BUSY = 1.0  # events in an hour from which on its spread is meaningful
_TOP = 0.1  # the part of the values, the largest ones, that a careful mean leaves out


@dataclass(frozen=True, slots=True)
class Band:
    """The usual range.

    :ivar low: Lower end.
    :ivar centre: Middle.
    :ivar high: Upper end.
    """

    low: float
    centre: float
    high: float


class Baseline:
    """The usual range of one series.

    :param first: the first day of the history.
    :param days: its hourly counts, 24 a day, oldest first.
    :param sensitivity: spreads beyond which a count is unusual.
    :param least_missed: events that would usually have arrived during a silence.
    """

    def __init__(
        self, first: date, days: Sequence[Sequence[int]], *, sensitivity: float = 5.0, least_missed: float = 12.0
    ) -> None:
        self._weekdays = [(first + timedelta(days=each)).weekday() for each in range(len(days))]
        self._days = days
        self._totals = [sum(each) for each in days]
        self._sensitivity = sensitivity
        self._least_missed = least_missed
        # A day or two of a month may have been unusual themselves.
        self._odd = len(days) // 14
        self._alike = self._days_alike()

    def hour(self, weekday: int, hour: int) -> Band:
        """Return the usual range in an hour of a weekday, 0 for Monday.

        The adjacent hours count too: work shifts by an hour twice a year, and jobs do not start on the minute.
        """
        return _band(self._near[weekday][hour], self._hour_spread, self._hour_limit)

    def day(self, weekday: int) -> Band:
        """Return the usual range of a whole day."""
        return _band(self._day_centres[weekday], self._day_spread, self._day_limit)

    def expected(self, weekday: int, hour: int) -> float:
        """Return how many events an hour has at least: the average without its highest values."""
        return self._expected[weekday][hour]

    def expected_in_a_day(self, weekday: int) -> float:
        """Return how many events a whole day has at least."""
        return self._expected_days[weekday]

    @cached_property
    def missed_limit(self) -> float:
        """How many expected events may be missing in consecutive hours before that is unusual."""
        silences = _silences(
            each for weekday, day in self._by_weekday for each in zip(day, self._expected[weekday], strict=True)
        )
        return max(self._least_missed, _LONGER * self._shown(silences))

    @cached_property
    def missed_days_limit(self) -> float:
        """The same for whole days without any event."""
        silences = _silences((sum(day), self._expected_days[weekday]) for weekday, day in self._by_weekday)
        return max(1.5 * self._least_missed, _LONGER * self._shown(silences))

    @cached_property
    def _by_weekday(self) -> list[tuple[int, Sequence[int]]]:
        return list(zip(self._weekdays, self._days, strict=True))

    @cached_property
    def _expected(self) -> list[list[float]]:
        return [_beside(min, hours) for hours in self._of_days_alike(_careful_mean)]

    @cached_property
    def _expected_days(self) -> list[float]:
        return [_careful_mean([self._totals[day] for day in alike]) for alike in self._alike]

    @cached_property
    def _centres(self) -> list[list[float]]:
        """The middle of each hour, by weekday."""
        centres = self._of_days_alike(_median)
        for weekday in range(7):
            own = [day for each, day in self._by_weekday if each == weekday]
            # Some work may be done only on one weekday, such as a weekly export.
            if len(own) > 2:
                of_weekday = [_median(counts) for counts in zip(*own, strict=True)]
                centres[weekday] = list(map(max, centres[weekday], of_weekday))
        return centres

    @cached_property
    def _near(self) -> list[list[float]]:
        return [[self._level * each for each in _beside(max, hours)] for hours in self._centres]

    @cached_property
    def _level(self) -> float:
        """The growth factor: the last week's counts relative to the whole history, because a source may grow."""
        if len(self._days) < WEEKS_KNOWN:
            return 1.0
        centres = [_median([self._totals[day] for day in alike]) for alike in self._alike]
        week = [sum(day) / centres[weekday] for weekday, day in self._by_weekday[-7:] if centres[weekday]]
        return min(max(median(week), 1.0), _MOST_GROWTH) if week else 1.0

    @cached_property
    def _hour_spread(self) -> float:
        roots = [[_root(each) if each >= _BUSY else None for each in hours] for hours in self._centres]
        return _spread(
            _root(count) - root
            for weekday, day in self._by_weekday
            for count, root in zip(day, roots[weekday], strict=True)
            if root is not None
        )

    @cached_property
    def _hour_limit(self) -> float:
        roots = [[_root(each) for each in hours] for hours in self._near]
        largest = [max(map(sub, map(_root, day), roots[weekday])) for weekday, day in self._by_weekday]
        return self._limit(largest, self._hour_spread)

    @cached_property
    def _day_centres(self) -> list[float]:
        return [self._level * _median([self._totals[day] for day in alike]) for alike in self._alike]

    @cached_property
    def _day_spread(self) -> float:
        return _spread(self._day_distances)

    @cached_property
    def _day_limit(self) -> float:
        return self._limit(self._day_distances, self._day_spread)

    @cached_property
    def _day_distances(self) -> list[float]:
        return [_distance(sum(day), self._day_centres[weekday]) for weekday, day in self._by_weekday]

    def _of_days_alike(self, middle: Callable[[Sequence[int]], float]) -> list[list[float]]:
        """Return the middle of each hour over all similar days, by weekday."""
        found: dict[tuple[int, ...], list[float]] = {}
        for alike in self._alike:
            if alike not in found:
                hours = zip(*(self._days[day] for day in alike), strict=True)
                found[alike] = [middle(counts) for counts in hours] or [0.0] * 24
        return [list(found[alike]) for alike in self._alike]

    def _limit(self, distances: Iterable[float], spread: float) -> float:
        """Return how many spreads from the centre are unusual."""
        return max(self._sensitivity, _BEYOND * self._shown(distances) / spread)

    def _shown(self, values: Iterable[float]) -> float:
        """Return the largest value in the history, without those days that may have been unusual."""
        ordered = sorted(values, reverse=True)
        return ordered[self._odd] if len(ordered) > self._odd else 0.0

    def _days_alike(self) -> list[tuple[int, ...]]:
        """Return, for each weekday, the days with which it is compared: similar weekdays if known, else all days."""
        everyday = range(len(self._days))
        if len(self._days) < WEEKS_KNOWN:
            return [tuple(everyday)] * 7
        own = [median(self._totals[day] for day in everyday if self._weekdays[day] == each) for each in range(7)]

        def alike(one: int, other: int) -> bool:
            less, more = sorted((own[one] + 3, own[other] + 3))
            return more <= _ALIKE * less

        kinds = [{other for other in range(7) if alike(weekday, other)} for weekday in range(7)]
        return [tuple(day for day in everyday if self._weekdays[day] in kind) for kind in kinds]


def _root(count: float) -> float:
    return 2 * math.sqrt(count + _ANSCOMBE)


def _distance(count: float, centre: float) -> float:
    """Return how far a count is above the centre, in spreads of a Poisson count."""
    return _root(count) - _root(centre)


def _band(centre: float, spread: float, limit: float) -> Band:
    middle, reach = _root(centre), limit * spread
    low = max(middle - reach, 0.0)
    return Band(max((low / 2) ** 2 - _ANSCOMBE, 0.0), centre, ((middle + reach) / 2) ** 2 - _ANSCOMBE)


def _spread(distances: Iterable[float]) -> float:
    values = [abs(each) for each in distances]
    return max(1.0, _MAD * median(values)) if values else 1.0


def _median(values: Sequence[int]) -> float:
    return float(median(values)) if values else 0.0


def _beside(choose: Callable[[float, float, float], float], hours: Sequence[float]) -> list[float]:
    """Return for each hour the value that ``choose`` selects from the hour before, itself and the hour after."""
    return [choose(hours[hour - 1], hours[hour], hours[(hour + 1) % 24]) for hour in range(24)]


def _careful_mean(values: Sequence[int]) -> float:
    """Return the mean without the largest values, so that it is rather too low than too high."""
    kept = sorted(values)[: len(values) - math.ceil(len(values) * _TOP)]
    return sum(kept) / len(kept) if kept else 0.0


def _silences(hours: Iterable[tuple[int, float]]) -> list[float]:
    """Return how many expected events were missing in each silence."""
    found, missed = [], 0.0
    for count, expected in hours:
        if count and missed:
            found.append(missed)
        missed = 0.0 if count else missed + expected
    return [*found, missed]


Series = Sequence[Sequence[int]]
"""Hourly counts: 24 for each day, oldest first."""

_LONGEST_PAUSE = 7  # days without any event, after which earlier days say nothing about the next


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of a pipeline as series.

    :ivar days: consecutive, oldest first. :ivar total: of all events. :ivar by_category: in the order of the
        categories, without those that have no events.
    """

    days: Sequence[Day]
    total: Series
    by_category: Mapping[Category, Series]

    @property
    def first(self) -> date:
        """The first of the days."""
        return self.days[0].day

    def place(self, day: date) -> int:
        """Return the index of a day in the days, from 0."""
        return (day - self.first).days

    def history(self, before: date) -> tuple[int, int]:
        """Return the indexes, begin and end, of the complete days before a day; the end is not included.

        The first day is left out, because reading may have begun in the middle of it. Days before a long pause are left
        out too.
        """
        end = max(self.place(before), 0)
        begin, empty = end, 0
        while begin > 0 and empty < _LONGEST_PAUSE:
            begin -= 1
            empty = 0 if any(self.total[begin]) else empty + 1
        begin += empty
        return max(begin + 1, end - DAYS), end

    def baseline(self, series: Series, before: date, settings: Monitoring) -> Baseline:
        """Return the usual range of a series, from its history before a day."""
        begin, end = self.history(before)
        return Baseline(
            self.first + timedelta(days=begin),
            series[begin:end],
            sensitivity=settings.sensitivity,
            least_missed=settings.least_missed,
        )


def figures_of(days: Sequence[Day], classifier: Classifier) -> Figures:
    """Return the series of some consecutive days."""
    by_category: dict[Category, list[list[int]]] = {}
    for category in CATEGORIES:
        hours = [
            total(
                [
                    *(each for action, each in day.actions.items() if classifier.of(action).category == category),
                    *([day.rest[category]] if category in day.rest else ()),
                ]
            )
            for day in days
        ]
        if any(map(any, hours)):
            by_category[category] = hours
    everything = [total([series[place] for series in by_category.values()]) for place in range(len(days))]
    return Figures(days, everything, by_category)


def begin_of(day: date, hour: int = 0) -> datetime:
    """Return the beginning of an hour of a day, aware UTC."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
