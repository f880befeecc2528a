"""What the JSON API answers with. Times are aware UTC, durations seconds, counts events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, get_args

from audit_provider.core.health import Outage
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
"""``unknown`` is what nothing proves to be well, ``new`` what has never run, and ``off`` what is not enabled."""

STATES: tuple[State, ...] = get_args(State)
"""From the worst to the best."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    :ivar text: one sentence, and behind it what a service or a task has said. :ivar kind: what sort of thing it is.
    :ivar cause: what has failed, where several pipelines may share it, such as a connection's id; "" for a problem of
        this pipeline alone. :ivar subject: what that is called here. :ivar summary: the text without the pipeline.
    :ivar waiting: events that it holds up. :ivar count: how many of its kind there are. :ivar error: what a service or
        a task has said, "" for nothing.
    :ivar destination: "" where it concerns the whole pipeline. :ivar since: when it began, None where nothing says so.
    :ivar next_try: when it is tried again, None where nothing says so. :ivar log: path of the failing task's log in
        Airflow, or "".
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
    """One cause of problems, of all the pipelines that it concerns.

    :ivar key: the same for the same cause in every answer. :ivar text: what is wrong, in a few words.
    :ivar since: when it began, and :ivar next_try: when one of them is tried again; None where nothing says so.
    :ivar waiting: events that it holds up. :ivar error: the error that most of them ended with, in one line, and
        :ivar other_errors: how many different ones there are beside it.
    :ivar log: path of the log of a task that failed for it, or "".
    :ivar pipelines: names of those that it concerns, the first few in an overview. :ivar concerned: how many they are.
    :ivar cause: the connection or the part of Airflow that failed, "" for a problem of one pipeline alone.
    :ivar test: path of the API, below ``api/``, that tests the connection; "" where there is none to test, or the user
        may not.
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
    """The last look at a watched source, up to a minute ago.

    :ivar looked_at: when the last one ended that went well, None where none has. :ivar every: seconds between two.
    :ivar waits_until: the vendor asks for no look before, None where it does not. :ivar failing: the last one failed.
    """

    looked_at: datetime | None
    every: float = 0.0
    waits_until: datetime | None = None
    failing: bool = False


@dataclass(frozen=True, slots=True)
class SourceView:
    """How reading a source fares: by the runs that have ended, whatever one that still runs may bring.

    :ivar last_complete: when it was last read to its end.
    :ivar failures_in_a_row: runs since the last one that ended well. :ivar failing_since: when the first of them
        failed. :ivar last_error: of the last one, "" where that ended well.
    :ivar next_try: when it is read again, None where nothing says so. :ivar log: path of the failing task's log, or "".
    :ivar conn_id: its connection. :ivar look: the last look at it, None where it is not watched or none is known.
    :ivar outages: those that ended, the newest last.
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
        """Whether the last run that ended could not read it."""
        return bool(self.failures_in_a_row or self.log)


@dataclass(frozen=True, slots=True)
class DestinationView:
    """How one destination fares.

    :ivar pending: events that it has not got of the live stream, and :ivar pending_elsewhere: of backfills and of what
        a reconciliation or monitoring has found. :ivar waiting_since: when the oldest of the pending was spooled, and
        :ivar elsewhere_since: the oldest of the others; None where none waits or nothing says so.
    :ivar current_at: up to when it has everything that the source has served: the last complete read, where nothing is
        pending. A run that found nothing new and skipped the destination's task counts as well. None where something is
        pending or not known.
    :ivar delivered: what it has, with what was already there. :ivar already_there: of these, what an earlier try had
        stored. :ivar before: of the spool, what lay before its beginning, and :ivar again: what it finished in segments
        that others have replaced since. :ivar filtered: left out as its settings say. :ivar refused: set aside, with
        its words. Together they are the account: ``spooled + again = before + delivered + filtered + too_old + refused
        + pending``.
    :ivar redriven: of what was set aside in any stream, what it took later, :ivar discarded: what a person decided not
        to send, and :ivar arrived: what it has of the live stream in all, with what it took later; 0 where it took
        nothing later.
    :ivar dead_letters: still open, by the last report; all that were ever set aside of the live stream where no report
        counts them. Then ``letters_counted`` is false, unless none of them was sent again or discarded.
    :ivar too_old: set aside for their age, and not delivered.
    :ivar restamped: of the delivered, those that have the time of their arrival, for their own was too old.
    :ivar failing_since: when the first of the failures in a row happened. :ivar next_try: when it is tried again; both
        None where nothing says so. :ivar log: path of the failing task's log in Airflow, or "".
    :ivar may: buttons that this user may press: ``test_connection``, ``test_event``, ``redrive``, ``read_events``.
    :ivar conn_id: its connection. :ivar outages: those that ended, the newest last.
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
        """Whether the last run that ended could not ship to it; false of one that is not enabled."""
        return self.enabled and bool(self.failures_in_a_row or self.log)


@dataclass(frozen=True, slots=True)
class GapView:
    """A gap.

    :ivar events: how many are missing, None where nobody knows. :ivar found_at: None where nothing says so.
    :ivar acknowledged_by: who accepts it, "" where nobody does; :ivar acknowledged_at: when, and :ivar note: what was
        found out or done.
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
    """How one pipeline fares.

    :ivar reading: how its source fares. :ivar last_read: when something of it was last read. :ivar lag: how far reading
        is behind, None where nothing was read.
    :ivar same_id: of the spooled, those that came under an id which a record of other content has.
    :ivar set_aside: records of all its streams that could not be read. :ivar outside: events that were served for
        windows of the past and belong to others.
    :ivar first_hour: the first of ``hours``, which are events by hour. :ivar reported_at: when the last report was
        made, None where there is none yet. :ivar links: paths of Airflow's pages: ``dag``, ``backfill``, ``replay`` and
        ``reconcile``.
    :ivar may: buttons that this user may press: ``test_connection`` of the source, ``acknowledge``.
    :ivar tags: words by which pipelines are grouped. :ivar gaps: that are open, and :ivar acknowledged: others that
        somebody has accepted. :ivar lag_target: seconds; four times as much is critical.
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
    """One pipeline with all that its last report has left. :ivar activity: None where there is no report yet."""

    pipeline: PipelineView
    activity: Summary | None = None


@dataclass(frozen=True, slots=True)
class DayView:
    """One day of the calendar. :ivar known: what was found of it, without what has its default.

    See :class:`~audit_provider.core.runs.calendar.Day`.
    """

    day: date
    known: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CalendarView:
    """A pipeline's calendar.

    :ivar checked_at: when the last verification was made, None where none was; :ivar result: of it.
    :ivar first: and :ivar last: the days that are shown; of those that are not in :ivar days: nothing is known.
    :ivar may: ``search`` and ``pack``, where the user may do that.
    """

    checked_at: datetime | None
    result: str
    first: date
    last: date
    days: tuple[DayView, ...] = ()
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are searched, see :class:`~audit_provider.core.runs.event_search.Wanted`. Times are texts."""

    id: str = ""
    actor: str = ""
    action: str = ""
    text: str = ""
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class StoriesView:
    """What a search has found. :ivar more: there is more than is listed."""

    stories: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The time range of a pack. Times are texts; the end is not included."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What came of a button. :ivar link: a page of Airflow that shows more, or ""."""

    ok: bool
    message: str
    link: str = ""
