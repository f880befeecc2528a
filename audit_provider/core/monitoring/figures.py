"""The days of a pipeline as series: what a baseline is made from, and what charts show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import UTC
from audit_provider.core.monitoring.activity import total
from audit_provider.core.monitoring.baseline import DAYS, Baseline
from audit_provider.core.monitoring.categories import CATEGORIES, Category

if TYPE_CHECKING:
    from audit_provider.core.monitoring.activity import Day
    from audit_provider.core.monitoring.categories import Classifier
    from audit_provider.core.monitoring.settings import Monitoring

Series = Sequence[Sequence[int]]
"""Hourly counts: 24 for each day, oldest first."""

_LONGEST_PAUSE = 7  # days without any event, after which earlier days say nothing about the next


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted of a pipeline.

    :ivar days: without a gap, oldest first. :ivar total: of all events. :ivar by_category: in the order of the
        categories, those alone that have any event.
    """

    days: Sequence[Day]
    total: Series
    by_category: Mapping[Category, Series]

    @property
    def first(self) -> date:
        """The first of the days."""
        return self.days[0].day

    def place(self, day: date) -> int:
        """Return which of the days a day is, from 0."""
        return (day - self.first).days

    def history(self, before: date) -> tuple[int, int]:
        """Return from which to which of the days the time before a day is whole, the latter not included.

        The first day is left out, for reading may have begun in its midst; and so is what lies before a long pause.
        """
        end = max(self.place(before), 0)
        begin, empty = end, 0
        while begin > 0 and empty < _LONGEST_PAUSE:
            begin -= 1
            empty = 0 if any(self.total[begin]) else empty + 1
        begin += empty
        return max(begin + 1, end - DAYS), end

    def baseline(self, series: Series, before: date, settings: Monitoring) -> Baseline:
        """Return what was usual in a series before a day."""
        begin, end = self.history(before)
        return Baseline(
            self.first + timedelta(days=begin),
            series[begin:end],
            sensitivity=settings.sensitivity,
            least_missed=settings.least_missed,
        )


def figures_of(days: Sequence[Day], classifier: Classifier) -> Figures:
    """Return the series of some days, which follow one another."""
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
