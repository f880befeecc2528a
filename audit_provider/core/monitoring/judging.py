"""Makes findings and the summary of one report from the counts and the records of progress.

A surge or a silence is a count outside of the usual range.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.ledger.health import notices_in
from audit_provider.core.model import date_of
from audit_provider.core.monitoring.activity import KEPT_DAYS, REST
from audit_provider.core.monitoring.baseline import WEEKS_KNOWN, Band, Figures, begin_of, figures_of
from audit_provider.core.monitoring.conditions import conditions
from audit_provider.core.monitoring.findings import fresh_days, noteworthy
from audit_provider.core.monitoring.memory import KEPT_HOURS, DayRecord, HourRecord, Memory, Totals
from audit_provider.core.monitoring.objects import watched_counts
from audit_provider.core.monitoring.summary import ActionCounts, Finding, Summary, finding_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from audit_provider.core.ledger.event_account import Account, LetterCounts
    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.monitoring.activity import Activity
    from audit_provider.core.monitoring.baseline import Series
    from audit_provider.core.monitoring.categories import Classifier
    from audit_provider.core.monitoring.settings import Monitoring

HOURS_SHOWN = KEPT_HOURS // timedelta(hours=1)
MOST_ACTIONS_SHOWN = 100
MOST_UNKNOWN_SHOWN = 50
MOST_FINDINGS_SHOWN = 100
FINDINGS_SHOWN = timedelta(days=7)

_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class State:
    """The records of progress when the report runs.

    :ivar position: Position of the live stream; None if nothing was read.
    :ivar accounts: Accounts of its destinations.
    :ivar letters: Dead letters of all streams, by destination.
    :ivar gaps: Open gaps.
    :ivar counted: Everything in the spool is counted, so events missing from the counts are really missing.
    :ivar unwitnessed_since: Since when the witness has not signed a checkpoint; None if it signs.
    :ivar waits: How long the oldest pending event of the live stream has waited at least, in seconds, by destination.
    """

    pipeline: str
    source: str
    position: Position | None
    accounts: Sequence[Account]
    letters: Mapping[str, LetterCounts]
    gaps: Sequence[GapRecord]
    counted: bool = True
    waits: Mapping[str, float] = field(default_factory=dict)
    unwitnessed_since: datetime | None = None

    @property
    def dead_letters(self) -> dict[str, int]:
        """Number of open dead letters, by destination."""
        return {destination: counts.open for destination, counts in self.letters.items()}


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of a report.

    :ivar memory: to be kept. :ivar new: findings that no report has made before.
    :ivar standing: findings that are new or still true; the report task may fail because of them.
    """

    summary: Summary
    memory: Memory
    new: Sequence[Finding]
    standing: Sequence[Finding]


def judge(state: State, activity: Activity, classifier: Classifier, settings: Monitoring, now: datetime) -> Judged:
    """Make the findings and the summary of a pipeline. Nothing is written.

    :param now: aware UTC.
    :raises AuditError: the counts cannot be read.
    """
    today = now.date()
    memory = activity.memory(Memory) or Memory(key=secrets.token_hex(_KEY_BYTES), since=today)
    figures = figures_of(activity.days(today - timedelta(days=KEPT_DAYS - 1), today), classifier)
    lag = state.position.lag(now) if state.position else None
    late = fresh_days(figures, memory, now)
    found = noteworthy(figures, classifier, memory, settings, now)
    if lag is not None and state.counted:
        # Events that are not read or counted yet do not make a silence; if reading lags, the lag is reported.
        found = [*unusual(figures, now - timedelta(seconds=lag) - settings.settle, settings, late), *found]
    lasting = conditions(
        lag=lag,
        accounts=state.accounts,
        dead_letters=state.dead_letters,
        gaps=state.gaps,
        settings=settings,
        now=now,
        notices=notices_in(state.position.noticed) if state.position else (),
        unwitnessed_since=state.unwitnessed_since,
    )
    found, lasting = ([each for each in some if each.kind not in settings.without] for some in (found, lasting))
    new = memory.settle(found, lasting, now)
    memory.note(now, lag, {each.destination: each.delivered + each.already_there for each in state.accounts})
    memory.note_totals(today, state.position.counts.spooled if state.position else 0, _totals(state))
    silent = [each for each in found if each.kind == "silence"]
    return Judged(
        summary=_summary(state, figures, classifier, memory, settings, lag, now),
        memory=memory,
        new=new,
        standing=list(dict.fromkeys([*new, *lasting, *silent])),
    )


def _totals(state: State) -> dict[str, Totals]:
    return {
        each.destination: Totals(
            taken=each.delivered + each.already_there,
            set_aside=each.too_old + each.dead_lettered,
            left_out=each.filtered,
            waiting=each.pending,
            waited=round(state.waits.get(each.destination, 0.0), 1),
        )
        for each in state.accounts
    }


def _summary(
    state: State,
    figures: Figures,
    classifier: Classifier,
    memory: Memory,
    settings: Monitoring,
    lag: float | None,
    now: datetime,
) -> Summary:
    shown = next((place for place, hours in enumerate(figures.total) if any(hours)), len(figures.days) - 1)
    first = figures.days[shown].day
    hours = [count for day in figures.total for count in day][: 24 * (len(figures.days) - 1) + now.hour + 1]
    first_hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS_SHOWN - 1)
    seen = [memory.hours.get(first_hour + timedelta(hours=each), HourRecord()) for each in range(HOURS_SHOWN)]
    destinations = [each.destination for each in state.accounts]
    bands = _bands(figures, settings, shown)
    actions, unknown = _actions(figures, classifier, shown)
    return Summary(
        pipeline=state.pipeline,
        source=state.source,
        made_at=now,
        lag=lag,
        first_hour=first_hour,
        hours=tuple(hours[-HOURS_SHOWN:]),
        first_day=begin_of(first),
        days={category: tuple(map(sum, series[shown:])) for category, series in figures.by_category.items()},
        low=tuple(round(band.low, 1) for band in bands),
        high=tuple(round(band.high, 1) for band in bands),
        actions=actions,
        unknown_actions=unknown,
        watched=watched_counts(figures.days),
        findings=_findings(memory, now),
        dead_letters={destination: count for destination, count in state.dead_letters.items() if count},
        redriven={destination: each.redriven for destination, each in state.letters.items() if each.redriven},
        discarded={destination: each.discarded for destination, each in state.letters.items() if each.discarded},
        redriven_live={each.destination: each.redriven for each in state.accounts if each.redriven},
        lags=tuple(round(memory.days.get(day.day, DayRecord()).lag, 1) for day in figures.days[shown:]),
        delivered=_delivered(figures, memory, destinations, shown),
        lags_by_hour=tuple(round(each.lag, 1) for each in seen),
        delivered_by_hour={name: tuple(each.delivered.get(name, 0) for each in seen) for name in destinations},
        by_day=memory.by_day(),
    )


def _bands(figures: Figures, settings: Monitoring, shown: int) -> list[Band]:
    """Return the usual range of each day shown, as of today; nothing if the history is too short."""
    today = figures.days[-1].day
    begin, end = figures.history(today)
    if end - begin < settings.least_days:
        return []
    baseline = figures.baseline(figures.total, today, settings)
    return [baseline.day(day.day.weekday()) for day in figures.days[shown:]]


def _actions(figures: Figures, classifier: Classifier, shown: int) -> tuple[tuple[ActionCounts, ...], tuple[str, ...]]:
    """Return the most frequent actions, with the rest by category, and the actions without a known meaning."""
    days = figures.days[shown:]
    counts: dict[str, list[int]] = {}
    rest: dict[str, list[int]] = {}
    for place, day in enumerate(days):
        for action, hours in day.actions.items():
            counts.setdefault(action, [0] * len(days))[place] += sum(hours)
        for category, hours in day.rest.items():
            rest.setdefault(category, [0] * len(days))[place] += sum(hours)
    ordered = sorted(counts, key=lambda action: (-sum(counts[action]), action))
    for action in ordered[MOST_ACTIONS_SHOWN:]:
        left = rest.setdefault(classifier.of(action).category, [0] * len(days))
        for place, count in enumerate(counts[action]):
            left[place] += count
    named = [
        ActionCounts(action, classifier.of(action).category, tuple(counts[action]))
        for action in ordered[:MOST_ACTIONS_SHOWN]
    ]
    others = [ActionCounts(REST, category, tuple(left)) for category, left in rest.items()]
    unknown = [action for action in ordered if not classifier.of(action).known]
    return (*named, *others), tuple(unknown[:MOST_UNKNOWN_SHOWN])


def _findings(memory: Memory, now: datetime) -> tuple[Finding, ...]:
    kept = [
        each.finding
        for each in memory.findings
        if each.lasting or max(each.found_at, each.finding.at) >= now - FINDINGS_SHOWN
    ]
    return tuple(sorted(kept, key=lambda each: each.at, reverse=True)[:MOST_FINDINGS_SHOWN])


def _delivered(figures: Figures, memory: Memory, destinations: Sequence[str], shown: int) -> dict[str, tuple[int, ...]]:
    """Return how many events each destination received on each day shown, as far as reports have recorded it."""
    found = {}
    for destination in destinations:
        counts, before = [], None
        for day in figures.days:
            record = memory.days.get(day.day)
            after = record.delivered.get(destination) if record else None
            # The totals start over if the position is deleted.
            counts.append(max(after - before, 0) if after is not None and before is not None else 0)
            before = before if after is None else after
        found[destination] = tuple(counts[shown:])
    return found


ALL = "all events"
"""The subject of a finding about the whole source."""

_LEAST_HOURS = 2  # of a silence, because events may be an hour late
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def unusual(figures: Figures, until: datetime, settings: Monitoring, also: Collection[date] = ()) -> list[Finding]:
    """Return the surges of the last two days, and the silences that still last.

    A surge or silence in a single category is not reported again for the whole source. One in the whole source is not
    reported for each category.

    :param until: time up to which the source is read and settled, aware UTC; only complete hours before it are
        examined.
    :param also: earlier days with events that were read late.
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
    """A silence. :ivar since: its first hour. :ivar missed: number of events that would usually have come."""

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
    # A category is examined only up to the last event of the source, so a silence of everything is reported once.
    for category, series in figures.by_category.items():
        if found := _silence(figures, series, _last_event(series, last), last, settings):
            yield _told(category, found)


def _last_event(series: Series, hours: int) -> int:
    """Return the end of the last hour with an event, in hours since the first day. :param hours: number to examine."""
    while hours > 0 and not series[(hours - 1) // 24][(hours - 1) % 24]:
        hours -= 1
    return hours


def _silence(figures: Figures, series: Series, begin: int, end: int, settings: Monitoring) -> _Silence | None:
    """Return the silence from one hour to another, if it is unusual. :param begin: hours since the first day."""
    since, until = (begin_of(figures.first) + each * _HOUR for each in (begin, end))
    start, stop = figures.history(since.date())
    # Without two weeks of history, a silence cannot be distinguished from a weekend.
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
