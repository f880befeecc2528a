"""The answers of the JSON API for the overview. Times are aware UTC, durations seconds, counts events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from audit_provider.plugin.views import Incident, PipelineDetail, State


@dataclass(frozen=True, slots=True)
class CellView:
    """A destination in a row of the overview: the part of its ``DestinationView`` that the matrix shows."""

    name: str
    type: str
    enabled: bool
    state: State
    conn_id: str
    pending: int
    pending_elsewhere: int
    waiting_since: datetime | None
    elsewhere_since: datetime | None
    failures_in_a_row: int
    last_error: str
    dead_letters: int
    letters_counted: bool


@dataclass(frozen=True, slots=True)
class ReadingCellView:
    """The source in a row of the overview: the part of its ``SourceView`` that the matrix shows."""

    state: State
    last_complete: datetime | None
    failures_in_a_row: int


@dataclass(frozen=True, slots=True)
class RowView:
    """A pipeline in the overview: the part of its ``PipelineView`` that the matrix shows."""

    name: str
    source: str
    state: State
    tags: tuple[str, ...]
    reading: ReadingCellView
    next_run: datetime | None
    paused: bool
    destinations: tuple[CellView, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict in one sentence. :ivar state: ``ok`` only if every part is known, current and has run."""

    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of all pipelines.

    :ivar sources: how many there are, and :ivar current: how many of them are current.
    :ivar destinations: how many are enabled, and :ivar delivering: how many of these get everything in time.
    :ivar waiting: events pending for enabled destinations.
    :ivar waiting_since: when the oldest of them was spooled, None if none waits or this is not known.
    :ivar worst_source: the worst state of a source, and :ivar worst_destination: of an enabled destination; ``unknown``
        also if there are others that the user may not see.
    """

    sources: int = 0
    current: int = 0
    destinations: int = 0
    delivering: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None
    worst_source: State = "new"
    worst_destination: State = "new"


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One column of the matrix: a connection of destinations, or a destination type if there are many connections.

    :ivar names: of the first few destinations. :ivar state: the worst state of them.
    :ivar destinations: how many are enabled, and :ivar delivering: how many of these get everything in time.
    """

    key: str
    type: str
    names: tuple[str, ...]
    state: State
    destinations: int
    delivering: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """One page of the rows that a request asks for, and what the user can choose from.

    :ivar matched: number of pipelines that the request asks for, on all pages. :ivar page: number of this page, from 1.
    :ivar columns: of the pipelines that the request asks for. :ivar by: what a column is, ``conn_id`` or ``type``.
    :ivar states: number of pipelines by state, without the request's filter by state.
    :ivar tags: every tag that exists.
    """

    matched: int = 0
    page: int = 1
    pages: int = 1
    columns: tuple[ColumnView, ...] = ()
    by: Literal["conn_id", "type"] = "conn_id"
    states: dict[str, int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndedIncident:
    """Outages of all pipelines with one cause that have ended lately.

    :ivar key: the same for the same cause in every answer. :ivar text: what was wrong, in a few words.
    :ivar cause: the connection that failed.
    :ivar times: how many outages there were; simultaneous outages of several pipelines count as one.
    :ivar began: when the first began, and :ivar ended: when the last ended.
    :ivar longest: length of the longest, in seconds; :ivar at_least: whether the end of one of them is not known
        exactly.
    :ivar waited: events that were pending at the end: the most of each destination, added up; None if not known.
    :ivar error: the most frequent error.
    :ivar pipelines: names of the first few pipelines. :ivar concerned: number of pipelines.
    """

    key: str
    text: str
    cause: str
    times: int
    began: datetime
    ended: datetime
    longest: float
    at_least: bool
    waited: int | None
    error: str
    pipelines: tuple[str, ...]
    concerned: int


@dataclass(frozen=True, slots=True)
class Setup:
    """The state of an installation that has no pipeline yet.

    :ivar pipelines_file: path of the pipelines file. :ivar found: whether it exists.
    :ivar dags_folder: Airflow's folder of DAGs.
    """

    pipelines_file: str
    found: bool
    dags_folder: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Every pipeline that the user may see.

    :ivar pipelines: one page of those that the request asks for.
    :ivar matrix: the columns, counts and choices for this page.
    :ivar setup: None if there is a pipeline, or one with mistakes.
    :ivar critical: number of pipelines with something critical, and :ivar warning: of those with a warning only.
    :ivar incidents: what is wrong, by cause, the worst first, and :ivar more_incidents: how many more there are.
    :ivar ended: what was wrong in the last 24 hours and has ended, by cause, the last to end first.
    :ivar hidden: number of pipelines whose Variables the user may not read.
    :ivar mistakes: of the pipelines file, as far as they concern pipelines that the user may see, or "".
    :ivar opened: the pipeline that the request asks for in full, None if the user sees no pipeline of that name.
    """

    made_at: datetime
    critical: int
    warning: int
    hidden: int
    mistakes: str
    verdict: Verdict
    totals: Totals
    pipelines: tuple[RowView, ...]
    opened: PipelineDetail | None = None
    incidents: tuple[Incident, ...] = ()
    more_incidents: int = 0
    ended: tuple[EndedIncident, ...] = ()
    matrix: Matrix = field(default_factory=Matrix)
    setup: Setup | None = None
