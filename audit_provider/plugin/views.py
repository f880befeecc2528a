"""The answers of the JSON API. Times are aware UTC, durations seconds, counts events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, get_args

from audit_provider.core.model import Outage
from audit_provider.core.monitoring.summary import Finding, Summary

Level = Literal["critical", "warning"]
ProblemKind = Literal[
    "source",
    "destination",
    "behind",
    "letters",
    "dag",
    "stale",
    "paused",
    "scheduler",
    "triggerer",
    "gap",
    "finding",
    "other",
]
State = Literal["critical", "warning", "unknown", "new", "off", "ok"]
"""``unknown``: no record shows that it works. ``new``: it has never run. ``off``: it is not enabled."""

STATES: tuple[State, ...] = get_args(State)
"""From the worst to the best."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    :ivar text: one sentence, then the words of the service or the task. :ivar kind: what sort of problem it is.
    :ivar cause: what has failed if several pipelines may share it, such as a connection's id; "" for a problem of this
        pipeline alone.
    :ivar subject: name of the cause on the page. :ivar summary: the text without the pipeline.
    :ivar waiting: events that cannot be delivered because of it. :ivar count: how many of its kind there are.
    :ivar error: the words of the service or the task, "" for none.
    :ivar destination: "" if it concerns the whole pipeline. :ivar since: when it began, None if not known.
    :ivar next_try: when it is tried again, None if not known.
    :ivar log: path of the failing task's log in Airflow, or "".
    """

    level: Level
    text: str
    destination: str = ""
    since: datetime | None = None
    next_try: datetime | None = None
    log: str = ""
    kind: ProblemKind = "other"
    cause: str = ""
    subject: str = ""
    summary: str = ""
    waiting: int = 0
    count: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause of problems, for all pipelines that it concerns.

    :ivar key: the same for the same cause in every answer. :ivar text: what is wrong, in a few words.
    :ivar since: when it began, and :ivar next_try: when one of the pipelines tries again; None if not known.
    :ivar waiting: events that cannot be delivered because of it.
    :ivar error: the most frequent error, in one line, and :ivar other_errors: how many different errors there are
        besides.
    :ivar log: path of the log of a task that failed because of it, or "".
    :ivar pipelines: names of the pipelines, in an overview only the first few. :ivar concerned: number of pipelines.
    :ivar cause: the connection or the part of Airflow that failed, "" for a problem of one pipeline alone.
    :ivar test: path of the API, below ``api/``, that tests the connection; "" if there is none, or if the user may not
        test it.
    """

    key: str
    level: Level
    text: str
    pipelines: tuple[str, ...]
    concerned: int = 0
    cause: str = ""
    test: str = ""
    since: datetime | None = None
    waiting: int = 0
    error: str = ""
    other_errors: int = 0
    next_try: datetime | None = None
    log: str = ""


@dataclass(frozen=True, slots=True)
class LookView:
    """The last look at a watched source. The record is up to one minute old.

    :ivar looked_at: when the last successful look ended, None if there is none. :ivar every: seconds between two looks.
    :ivar waits_until: the vendor asked for no request before this time, None if it did not.
    :ivar failing: whether the last look failed.
    """

    looked_at: datetime | None
    every: float = 0.0
    waits_until: datetime | None = None
    failing: bool = False


@dataclass(frozen=True, slots=True)
class SourceView:
    """The state of a source by the finished runs; a run that has not ended does not count.

    :ivar last_complete: when it was last read to its end.
    :ivar failures_in_a_row: number of failed runs since the last successful one.
    :ivar failing_since: when the first of them failed. :ivar last_error: of the last run, "" if that succeeded.
    :ivar next_try: when it is read again, None if not known. :ivar log: path of the failing task's log, or "".
    :ivar conn_id: its connection. :ivar look: the last look at it, None if it is not watched or none is known.
    :ivar outages: the past ones, the newest last.
    """

    state: State
    conn_id: str = ""
    last_complete: datetime | None = None
    failures_in_a_row: int = 0
    failing_since: datetime | None = None
    last_error: str = ""
    next_try: datetime | None = None
    log: str = ""
    look: LookView | None = None
    outages: tuple[Outage, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether the last finished run could not read it."""
        return bool(self.failures_in_a_row or self.log)


@dataclass(frozen=True, slots=True)
class DestinationView:
    """The state of one destination.

    :ivar pending: events of the live stream that it has not got yet.
    :ivar pending_elsewhere: the same for backfills, reconciliations and findings.
    :ivar waiting_since: when the oldest of the ``pending`` was spooled, and :ivar elsewhere_since: the oldest of the
        others; None if none waits or this is not known.
    :ivar current_at: up to when it has everything that the source has served: the time of the last complete read if
        nothing is pending, also if a run found nothing new and skipped the destination's task. None if something is
        pending or not known.
    :ivar delivered: events that it has, including those that were already there.
    :ivar already_there: of these, events that an earlier try had stored.
    :ivar before: events that were in the stream before the destination was added and are no longer kept.
    :ivar again: events that it finished in segments that other segments have replaced since.
    :ivar filtered: left out by its settings. :ivar refused: set aside because the destination refused them. The counts
        balance: ``spooled + again = before + delivered + filtered + too_old + refused + pending``.
    :ivar redriven: dead letters of any stream that it took later, and :ivar discarded: those that a person decided not
        to send.
    :ivar arrived: all events of the live stream that it has, with those that it took later; 0 if it took nothing later.
    :ivar dead_letters: those that are still open, by the last report. If no report counts them: all that were ever set
        aside in the live stream; then ``letters_counted`` is false, unless none of them was sent again or discarded.
    :ivar too_old: set aside because of their age, and not delivered.
    :ivar restamped: delivered events that have their arrival time as timestamp, because their own was too old.
    :ivar failing_since: when the first of the failures in a row happened, and :ivar next_try: when it is tried again;
        None if not known.
    :ivar log: path of the failing task's log in Airflow, or "".
    :ivar may: buttons that this user may press: ``test_connection``, ``test_event``, ``redrive``, ``read_events``.
    :ivar conn_id: its connection. :ivar outages: the past ones, the newest last.
    """

    name: str
    type: str
    enabled: bool
    state: State
    conn_id: str = ""
    delivered: int = 0
    pending: int = 0
    pending_elsewhere: int = 0
    waiting_since: datetime | None = None
    elsewhere_since: datetime | None = None
    current_at: datetime | None = None
    failures_in_a_row: int = 0
    last_success: datetime | None = None
    last_error: str = ""
    failing_since: datetime | None = None
    next_try: datetime | None = None
    log: str = ""
    dead_letters: int = 0
    letters_counted: bool = True
    too_old: int = 0
    restamped: int = 0
    already_there: int = 0
    before: int = 0
    again: int = 0
    filtered: int = 0
    refused: int = 0
    redriven: int = 0
    arrived: int = 0
    discarded: int = 0
    outages: tuple[Outage, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether the last finished run could not ship to it; false if it is not enabled."""
        return self.enabled and bool(self.failures_in_a_row or self.log)


@dataclass(frozen=True, slots=True)
class GapView:
    """A gap.

    :ivar events: how many are missing, None if not known. :ivar found_at: None if not known.
    :ivar acknowledged_by: who accepted it, "" if nobody did; :ivar acknowledged_at: when.
    :ivar note: what was found out or done.
    """

    id: str
    kind: str
    stream: str
    wanted: datetime
    possible: datetime
    reason: str
    destination: str = ""
    events: int | None = None
    found_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunView:
    """The last run of a DAG. :ivar link: path of its page in Airflow."""

    id: str
    state: str
    at: datetime | None
    link: str


@dataclass(frozen=True, slots=True)
class PipelineView:
    """The state of one pipeline.

    :ivar reading: the state of its source. :ivar last_read: when something of the source was last read.
    :ivar lag: how far reading is behind, None if nothing was read.
    :ivar same_id: spooled events whose id another record with different content has.
    :ivar set_aside: records of all its streams that could not be read.
    :ivar outside: events that the source served for windows of the past but that belong to other windows.
    :ivar first_hour: the first of ``hours``, which are events by hour.
    :ivar reported_at: when the last report was made, None if there is none yet.
    :ivar links: paths of Airflow's pages: ``dag``, ``backfill``, ``replay`` and ``reconcile``.
    :ivar may: buttons that this user may press: ``test_connection`` of the source, ``acknowledge``.
    :ivar tags: by which pipelines are grouped.
    :ivar gaps: that are open, and :ivar acknowledged: those that somebody has accepted.
    :ivar lag_target: seconds; four times as much is critical.
    """

    name: str
    source: str
    state: State
    tags: tuple[str, ...] = ()
    lag_target: float = 0.0
    reading: SourceView = field(default_factory=lambda: SourceView("new"))
    problems: tuple[Problem, ...] = ()
    last_read: datetime | None = None
    lag: float | None = None
    spooled: int = 0
    same_id: int = 0
    set_aside: int = 0
    outside: int = 0
    first_hour: datetime | None = None
    hours: tuple[int, ...] = ()
    next_run: datetime | None = None
    paused: bool = False
    run: RunView | None = None
    destinations: tuple[DestinationView, ...] = ()
    gaps: tuple[GapView, ...] = ()
    acknowledged: tuple[GapView, ...] = ()
    findings: tuple[Finding, ...] = ()
    reported_at: datetime | None = None
    links: dict[str, str] = field(default_factory=dict)
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PipelineDetail:
    """One pipeline with the content of its last report. :ivar activity: None if there is no report yet."""

    pipeline: PipelineView
    activity: Summary | None = None


@dataclass(frozen=True, slots=True)
class DayView:
    """One day of the calendar. :ivar known: the facts about it, without those that have their default value.

    See :class:`~audit_provider.core.runs.calendar.Day`.
    """

    day: date
    known: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CalendarView:
    """A pipeline's calendar.

    :ivar checked_at: when the last verification was made, None if there was none; :ivar result: of the verification.
    :ivar first: and :ivar last: the first and last day shown. Nothing is known of the days that are not in :ivar days:.
    :ivar may: ``search`` and ``pack``, if the user may do that.
    """

    checked_at: datetime | None
    result: str
    first: date
    last: date
    days: tuple[DayView, ...] = ()
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events to search, see :class:`~audit_provider.core.runs.event_search.Wanted`. Times are texts."""

    id: str = ""
    actor: str = ""
    action: str = ""
    text: str = ""
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class StoriesView:
    """The result of a search. :ivar more: whether it has more events than the answer lists."""

    stories: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The time range of a pack. Times are texts; the end is not included."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The result of a button. :ivar link: a page of Airflow that shows more, or ""."""

    ok: bool
    message: str
    link: str = ""
