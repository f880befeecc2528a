"""Surges and silences: counts outside of the usual range."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import date_of
from audit_provider.core.monitoring.baseline import WEEKS_KNOWN, Band
from audit_provider.core.monitoring.figures import begin_of
from audit_provider.core.monitoring.summary import Finding, finding_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from audit_provider.core.monitoring.figures import Figures, Series
    from audit_provider.core.monitoring.settings import Monitoring

ALL = "all events"
"""The subject of a finding about the whole source."""

_LEAST_HOURS = 2  # of a silence: within one, events may only be late
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def unusual(figures: Figures, until: datetime, settings: Monitoring, also: Collection[date] = ()) -> list[Finding]:
    """Return the surges of the last two days, and the silences that last.

    A surge or silence of a single category is not reported for the whole source again, and one of the whole source not
    for each category.

    :param until: time up to which the source is read and settled, aware UTC; only whole hours before are examined.
    :param also: earlier days of which events were read late.
    """
    until = until.replace(minute=0, second=0, microsecond=0)
    return [*_surges(figures, until, settings, also), *_silences(figures, until, settings)]


def _surges(figures: Figures, until: datetime, settings: Monitoring, also: Collection[date]) -> Iterator[Finding]:
    last = (until.date() - _DAY, until.date())
    for day in (*sorted(each for each in also if each < last[0]), *last):
        hours = 24 if begin_of(day) + _DAY <= until else until.hour
        begin, end = figures.history(day)
        if not hours or end - begin < settings.least_days or not 0 <= figures.place(day) < len(figures.days):
            continue
        found = [
            finding
            for category, series in figures.by_category.items()
            if (finding := _surge(figures, category, series, day, hours, settings))
        ]
        if len(found) != 1 and (finding := _surge(figures, ALL, figures.total, day, hours, settings)):
            found = [finding]
        yield from found


def _surge(
    figures: Figures, subject: str, series: Series, day: date, hours: int, settings: Monitoring
) -> Finding | None:
    counts = series[figures.place(day)][:hours]
    if sum(counts) < settings.least_events:
        return None
    baseline = figures.baseline(series, day, settings)
    above: list[tuple[float, int, Band]] = []
    for hour, count in enumerate(counts):
        if count >= settings.least_events:
            band = baseline.hour(day.weekday(), hour)
            if count > max(band.high, settings.least_rise * band.centre):
                above.append((count / band.high, hour, band))
    if above:
        _, hour, band = max(above)
        when, count = f"in the hour from {hour:02}:00 UTC on {day}", counts[hour]
    else:
        hour, count, band = 0, sum(counts), baseline.day(day.weekday())
        if count <= max(band.high, settings.least_rise * band.centre):
            return None
        when = f"on {day}" if hours == 24 else f"on {day} up to {hours:02}:00 UTC"
    return Finding(
        id=finding_id("surge", subject, str(day)),
        kind="surge",
        severity="warning",
        title=f"{_counted(subject, count)} {when}; the usual maximum is {band.high:,.0f}.",
        at=begin_of(day, hour),
        subject=subject,
        count=count,
        low=round(band.low, 1),
        high=round(band.high, 1),
        names=(),
    )


@dataclass(frozen=True, slots=True)
class _Silence:
    """:ivar since: its first hour. :ivar missed: events that would usually have come."""

    since: datetime
    hours: int
    missed: float


def _silences(figures: Figures, until: datetime, settings: Monitoring) -> Iterator[Finding]:
    hours = int((until - begin_of(figures.first)) / _HOUR)
    if not 0 < hours <= 24 * len(figures.days):
        return
    last = _last_event(figures.total, hours)
    if found := _silence(figures, figures.total, last, hours, settings):
        yield _told(ALL, found)
        return
    # Where nothing comes at all, it is not for a category to say so.
    for category, series in figures.by_category.items():
        if found := _silence(figures, series, _last_event(series, last), last, settings):
            yield _told(category, found)


def _last_event(series: Series, hours: int) -> int:
    """Return after how many of some hours the last event came."""
    while hours > 0 and not series[(hours - 1) // 24][(hours - 1) % 24]:
        hours -= 1
    return hours


def _silence(figures: Figures, series: Series, begin: int, end: int, settings: Monitoring) -> _Silence | None:
    """Return the silence from one hour to another, where it is unusual. :param begin: hours since the first day."""
    since, until = (begin_of(figures.first) + each * _HOUR for each in (begin, end))
    start, stop = figures.history(since.date())
    # A silence looks like a weekend to whoever has not seen one.
    if end - begin < _LEAST_HOURS or stop - start < max(settings.least_days, WEEKS_KNOWN):
        return None
    baseline = figures.baseline(series, since.date(), settings)
    silent = [since + each * _HOUR for each in range(end - begin)]
    missed = sum(baseline.expected(each.weekday(), each.hour) for each in silent)
    days = [each for each in silent if each.hour == 0 and each + _DAY <= until]
    missed_days = sum(baseline.expected_in_a_day(each.weekday()) for each in days)
    if missed <= baseline.missed_limit and missed_days <= baseline.missed_days_limit:
        return None
    return _Silence(since, end - begin, max(missed, missed_days))


def _told(subject: str, silence: _Silence) -> Finding:
    of = "No events at all" if subject == ALL else f"No events of the category {subject}"
    return Finding(
        id=finding_id("silence", subject, silence.since.isoformat()),
        kind="silence",
        severity="critical" if subject == ALL else "warning",
        title=f"{of} for {silence.hours} hours since {date_of(silence.since)} {silence.since:%H:%M} UTC; usually "
        f"there are about {silence.missed:,.0f} or more.",
        at=silence.since,
        subject=subject,
        low=round(silence.missed, 1),
        names=(),
    )


def _counted(subject: str, count: int) -> str:
    return f"{count:,} events" if subject == ALL else f"{count:,} events of the category {subject}"
