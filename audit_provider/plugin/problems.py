"""What is wrong with a pipeline, in sentences: by its records of progress, its DAG and its last report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import text_of
from audit_provider.core.monitoring.conditions import conditions
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.plugin.views import DestinationView, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.gaps import GapRecord
    from audit_provider.core.monitoring.summary import Summary
    from audit_provider.core.notices import Notice
    from audit_provider.core.pipeline import Pipeline

OVERDUE = timedelta(minutes=15)
"""A run that is so late was not begun: the scheduler or the DAG processor stands still."""

TOLD_LIVE = frozenset({"undelivered", "refused", "gap", "notice"})
"""Kinds of findings that the records themselves tell, and newer than a report does."""

_ACTIVE = ("running", "queued")


@dataclass(frozen=True, slots=True)
class DagFacts:
    """What Airflow knows of a DAG.

    :ivar run_id: of its last run, "" where there is none. :ivar run_at: when that ended, or was due.
    :ivar failed: tasks of that run, where it has failed.
    """

    paused: bool = False
    stale: bool = False
    next_run: datetime | None = None
    run_id: str = ""
    run_state: str = ""
    run_at: datetime | None = None
    failed: tuple[str, ...] = ()


def problems_of(
    pipeline: Pipeline,
    destinations: Sequence[DestinationView],
    gaps: Sequence[GapRecord],
    summary: Summary | None,
    dag: DagFacts | None,
    *,
    lag: float | None,
    now: datetime,
    notices: Sequence[Notice] = (),
) -> list[Problem]:
    """Return what is wrong, beside records that cannot be read.

    :param summary: of the last report. :param dag: see :func:`~audit_provider.plugin.overview.view_of`.
    :param lag: seconds that reading is behind; None where nothing says so.
    :param notices: what reading has noticed of how the source is described.
    """
    lags = _lag_problems(pipeline, dag, lag, now)
    return [
        *_delivery_problems(destinations),
        *_gap_problems(gaps),
        *(Problem("warning", each.text) for each in notices if each.severity == "warning"),
        *(_run_problems(dag, now) if dag else ()),
        *lags,
        *_finding_problems(summary, TOLD_LIVE | {"lag"} if lags else TOLD_LIVE),
    ]


def unreadable_problems(set_aside: int) -> list[Problem]:
    """Return what to say of records that could not be read. :param set_aside: how many they are."""
    if not set_aside:
        return []
    told = (
        "1 record of its source that could not be read is"
        if set_aside == 1
        else (f"{set_aside:,} records of its source that could not be read are")
    )
    return [Problem("warning", f"{told} set aside: see 'audit-logs unreadable'.")]


def _lag_problems(pipeline: Pipeline, dag: DagFacts | None, lag: float | None, now: datetime) -> list[Problem]:
    """Tell that reading is behind since a run was due: where one stands still, no report ever tells it."""
    settings = pipeline.monitoring or Monitoring()
    if dag:
        due = dag.run_at if dag.run_state in _ACTIVE else dag.next_run
        late = (now - due).total_seconds() if due and not dag.paused else 0.0
        if late <= settings.lag_target.total_seconds():
            return []
        lag = late if lag is None else lag
    elif pipeline.schedule is None:
        return []
    found = conditions(lag=lag, accounts=(), dead_letters={}, gaps=(), settings=settings, now=now)
    return [Problem("critical" if each.severity == "critical" else "warning", each.title) for each in found]


def _delivery_problems(destinations: Sequence[DestinationView]) -> list[Problem]:
    found = []
    for each in destinations:
        if not each.enabled:
            continue
        if each.failures_in_a_row:
            runs = "run" if each.failures_in_a_row == 1 else "runs in a row"
            text = f"{each.name} failed in {each.failures_in_a_row} {runs}, {each.pending:,} events are pending"
            found.append(
                Problem("critical", f"{text}: {each.last_error}" if each.last_error else f"{text}.", each.name)
            )
        if each.dead_letters and each.letters_counted:
            letters = "dead letter" if each.dead_letters == 1 else "dead letters"
            found.append(Problem("critical", f"{each.name} has {each.dead_letters:,} {letters}.", each.name))
        elif each.dead_letters:
            text = f"{each.name}: {each.dead_letters:,} set aside so far, and no report counts which are still open."
            found.append(Problem("warning", text, each.name))
    return found


def _gap_problems(gaps: Sequence[GapRecord]) -> list[Problem]:
    if not gaps:
        return []
    first = gaps[0]
    more = f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    text = f"gap from {text_of(first.wanted)} to {text_of(first.possible)}{more}: {first.reason}"
    return [Problem("critical", text, first.destination)]


def _run_problems(dag: DagFacts, now: datetime) -> list[Problem]:
    if dag.stale:
        return [Problem("critical", "its DAG file is gone or cannot be read: see Airflow's import errors.")]
    if dag.paused:
        return [Problem("warning", "its DAG is paused, so nothing is read.")]
    found = []
    if dag.next_run and now - dag.next_run > OVERDUE and dag.run_state not in _ACTIVE:
        found.append(Problem("critical", f"the run of {text_of(dag.next_run)} was not begun: see Airflow's scheduler."))
    if dag.run_state == "failed":
        at = f" at {', '.join(dag.failed)}" if dag.failed else ""
        found.append(Problem("critical", f"the last run failed{at}: see its log."))
    return found


def _finding_problems(summary: Summary | None, told: frozenset[str]) -> list[Problem]:
    return [
        Problem("critical" if each.severity == "critical" else "warning", each.title)
        for each in (summary.findings if summary else ())
        if each.severity != "info" and each.kind not in told
    ]
