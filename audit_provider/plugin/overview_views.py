"""What the JSON API answers with for the overview. Times are aware UTC, durations seconds, counts events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from audit_provider.plugin.views import Incident, PipelineDetail, State


@dataclass(frozen=True, slots=True)
class CellView:
    """A destination in a row of the overview: what of its ``DestinationView`` the matrix shows."""

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
    """The source in a row of the overview: what of its ``SourceView`` the matrix shows."""

    state: State
    last_complete: datetime | None
    failures_in_a_row: int


@dataclass(frozen=True, slots=True)
class RowView:
    """A pipeline in the overview: what of its ``PipelineView`` the matrix shows."""

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
    """Everything in one sentence. :ivar state: ``ok`` only where every part is known, current and has run."""

    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What is asked first.

    :ivar sources: how many there are, and :ivar current: of them, those that are read. :ivar destinations: that are
        enabled, and :ivar delivering: of them, those that get everything in time.
    :ivar waiting: events that enabled destinations have not got. :ivar waiting_since: when the oldest of them was
        spooled, None where none waits or nothing says so.
    :ivar worst_source: the worst state of a source, and :ivar worst_destination: of an enabled destination; ``unknown``
        also where there are others that the user may not see.
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
    """One column of the matrix: a connection that destinations ship by, or their type where there are many connections.

    :ivar names: of the destinations, the first few. :ivar state: the worst of them.
    :ivar destinations: that are enabled, and :ivar delivering: of them, those that receive everything in time.
    """

    key: str
    type: str
    names: tuple[str, ...]
    state: State
    destinations: int
    delivering: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """What was asked for of all rows: one page, and what there is to choose from.

    :ivar matched: pipelines that were asked for, on all pages. :ivar page: number of this page, from 1.
    :ivar columns: of the pipelines that were asked for. :ivar by: what a column is, ``conn_id`` or ``type``.
    :ivar states: pipelines by state, of those that were asked for whatever their state.
    :ivar tags: every tag there is.
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
    """Outages that have ended lately, of one cause and of all the pipelines that it concerned.

    :ivar key: the same for the same cause in every answer. :ivar text: what was wrong, in a few words.
    :ivar cause: the connection that failed. :ivar times: how many outages there were, where those of several pipelines
        at the same time are one. :ivar began: the first of them, and :ivar ended: the last.
    :ivar longest: the longest of them, in seconds; :ivar at_least: of one of them, nobody knows when exactly it ended.
    :ivar waited: events that waited when it went well again: of each destination the most, added up; None where nobody
        knows.
    :ivar error: the error that most of them ended with.
    :ivar pipelines: names of the first few of those that it concerned. :ivar concerned: how many they are.
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
    """What an installation without a pipeline has so far.

    :ivar pipelines_file: path of the pipelines file. :ivar found: whether it is there.
    :ivar dags_folder: Airflow's folder of DAGs.
    """

    pipelines_file: str
    found: bool
    dags_folder: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Every pipeline that the user may see.

    :ivar pipelines: one page of those that were asked for.
    :ivar matrix: what there is beside this page. :ivar setup: None where there is a pipeline, or one with mistakes.
    :ivar critical: pipelines with something critical, and :ivar warning: those with a warning only.
    :ivar incidents: what is wrong, by cause, the worst first, and :ivar more_incidents: how many more there are.
    :ivar ended: what was wrong in the last 24 hours and is no more, by cause, the last to end first.
    :ivar hidden: pipelines whose Variables the user may not read. :ivar mistakes: of the pipelines file,
        as far as they concern pipelines that the user may see, or "".
    :ivar opened: the pipeline that was asked for whole, None where there is none of that name to be seen.
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
