"""What is wrong with a pipeline, in sentences: by its records of progress, its DAG and its last report."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import date_of, lasting
from audit_provider.core.monitoring.conditions import conditions, severity_of
from audit_provider.plugin.dag_facts import FAILED
from audit_provider.plugin.health import PULL, level_of, ship_task_of
from audit_provider.plugin.views import DestinationView, Level, Problem, ProblemKind, SourceView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.ledger.health import Notice
    from audit_provider.core.monitoring.summary import Summary
    from audit_provider.plugin.dag_facts import DagFacts
    from audit_provider.plugin.health import Judge

OVERDUE = timedelta(minutes=15)
"""A run that is later than this was not started: the scheduler or the DAG processor does not work."""

REPORT = "report"
"""The task that makes the report."""

TOLD_LIVE = frozenset({"lag", "undelivered", "refused", "gap", "notice"})
"""Kinds of findings that the page takes from the records themselves, which are newer than a report."""


def problems_of(
    judge: Judge, source: SourceView, destinations: Sequence[DestinationView], *, notices: Sequence[Notice] = ()
) -> list[Problem]:
    """Return what is wrong, except for records that cannot be read.

    :param notices: differences between the source and its description that reading has noticed.
    """
    dag, progress = judge.dag, judge.progress
    return [
        *_source_problems(judge, source),
        *_delivery_problems(judge, destinations),
        *_gap_problems(progress.gaps, destinations),
        *(Problem("warning", each.text) for each in notices if each.severity == "warning"),
        *(_run_problems(judge, dag, source, destinations) if dag else ()),
        *_lag_problems(judge),
        *_finding_problems(progress.summary),
    ]


def missing_dag_problems(pipeline: str, dag: DagFacts | None) -> list[Problem]:
    """Report that nothing runs because Airflow does not know the DAG. :param dag: None if it does not know it."""
    if dag is not None:
        return []
    look = (
        "see its import errors, whether audit_logs_incremental.py is in its folder of DAGs, and whether its DAG "
        "processor runs."
    )
    text = f"Airflow knows no DAG audit_incremental_{pipeline}: {look}"
    return [_of_airflow("critical", "dag", text, f"Airflow knows no DAG: {look}")]


def _of_airflow(level: Level, kind: ProblemKind, text: str, summary: str = "") -> Problem:
    """Return a problem of Airflow with a DAG; it may concern the DAGs of many pipelines."""
    return Problem(level, text, kind=kind, cause="airflow", summary=summary or text)


def unreadable_problems(set_aside: int) -> list[Problem]:
    """Return the problem of records that could not be read. :param set_aside: how many they are."""
    if not set_aside:
        return []
    noted = (
        "1 record of its source that could not be read is"
        if set_aside == 1
        else (f"{set_aside:,} records of its source that could not be read are")
    )
    return [Problem("warning", f"{noted} set aside: see 'audit-logs unreadable'.")]


def _lag_problems(judge: Judge) -> list[Problem]:
    """Report that reading is behind. If nothing runs, no report would say so."""
    found = conditions(
        lag=judge.reading_behind(), accounts=(), dead_letters={}, gaps=(), settings=judge.settings, now=judge.now
    )
    complete = judge.last_complete
    return [
        Problem("critical" if each.severity == "critical" else "warning", each.title, since=complete) for each in found
    ]


def _source_problems(judge: Judge, source: SourceView) -> list[Problem]:
    if not source.failing:
        return []
    text = "The source cannot be read"
    if source.failures_in_a_row > 1:
        text += f", {source.failures_in_a_row} runs in a row"
    said = source.last_error or "the last run failed at the task pull, and recorded no reason: see its log."
    return [
        Problem(
            "critical",
            f"{text}: {said}",
            since=source.failing_since,
            next_try=source.next_try,
            log=source.log,
            kind="source",
            cause=judge.pipeline.conn_id,
            subject=judge.pipeline.spec.title,
            error=said,
        )
    ]


def _delivery_problems(judge: Judge, destinations: Sequence[DestinationView]) -> list[Problem]:
    found = []
    for each in destinations:
        if not each.enabled:
            continue
        conn_id = judge.pipeline.destinations[each.name].conn_id
        if each.failing:
            found.append(
                Problem(
                    "critical",
                    _failure_of(each),
                    each.name,
                    since=each.failing_since,
                    next_try=each.next_try,
                    log=each.log,
                    kind="destination",
                    cause=conn_id,
                    subject=each.name,
                    waiting=each.pending + each.pending_elsewhere,
                    error=each.last_error or _failure_of(each),
                )
            )
        if each.dead_letters:
            found.append(_letters_problem(each, conn_id))
        found += _late_problems(judge, each)
    return found


def _letters_problem(each: DestinationView, conn_id: str) -> Problem:
    if each.letters_counted:
        letters = "dead letter" if each.dead_letters == 1 else "dead letters"
        text = f"{each.name} has {each.dead_letters:,} {letters}."
        return Problem(
            "critical", text, each.name, kind="letters", cause=conn_id, subject=each.name, count=each.dead_letters
        )
    letters = "1 dead letter" if each.dead_letters == 1 else f"{each.dead_letters:,} dead letters"
    text = f"{each.name}: {letters} in all; how many are still open is unknown, as no report has counted them."
    return Problem("warning", text, each.name)


def _late_problems(judge: Judge, each: DestinationView) -> Iterator[Problem]:
    """Report that events wait for longer than the target, unless a failure is reported already."""
    if each.failing:
        return
    target = lasting(judge.settings.lag_target.total_seconds())
    waiting, _ = judge.delivery_behind(each.name)
    level = level_of(severity_of(waiting, judge.settings))
    if level:
        text = (
            f"{each.name} is {lasting(waiting)} behind, where {target} is the target: {each.pending:,} events wait, "
            f"though no run has failed."
        )
        yield Problem(
            level,
            text,
            each.name,
            since=each.waiting_since,
            next_try=judge.next_try(each.name),
            kind="behind",
            cause=judge.pipeline.destinations[each.name].conn_id,
            subject=each.name,
            waiting=each.pending,
        )
    if waiting := judge.late_elsewhere(each.name):
        text = (
            f"{each.pending_elsewhere:,} events of backfills, reconciliations or findings wait for {each.name}, the "
            f"oldest for {lasting(waiting)}, where {target} is the target."
        )
        yield Problem("warning", text, each.name, since=each.elsewhere_since)


def _failure_of(each: DestinationView) -> str:
    """Return the sentence for a destination that cannot be shipped to."""
    if each.failures_in_a_row:
        runs = "run" if each.failures_in_a_row == 1 else "runs in a row"
        pending = each.pending or each.pending_elsewhere
        text = f"{each.name} failed in {each.failures_in_a_row} {runs}, {pending:,} events are pending"
        return f"{text}: {each.last_error}" if each.last_error else f"{text}."
    return f"The last run failed at {ship_task_of(each.name)}, and recorded no reason: see its log."


def _gap_problems(gaps: Sequence[GapRecord], destinations: Sequence[DestinationView]) -> list[Problem]:
    # Events that are too old and were set aside are reported once, as dead letters.
    by_letters = {each.name for each in destinations if each.enabled and each.dead_letters and each.letters_counted}
    gaps = [each for each in gaps if each.kind != "too_old" or each.destination not in by_letters]
    if not gaps:
        return []
    first = gaps[0]
    counts = [each.events for each in gaps if each.events is not None]
    many = f"{sum(counts):,}{'' if len(counts) == len(gaps) else ' or more'}" if counts else "an unknown number of"
    more = f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    events = "event" if many == "1" else "events"
    text = f"Gap from {_minute(first.wanted)} to {_minute(first.possible)} UTC{more}, {many} {events}: {first.reason}"
    return [Problem("critical", text, first.destination, kind="gap")]


def _minute(moment: datetime) -> str:
    return f"{date_of(moment)} {moment:%H:%M}"


def _run_problems(
    judge: Judge, dag: DagFacts, source: SourceView, destinations: Sequence[DestinationView]
) -> list[Problem]:
    if dag.stale:
        text = "Its DAG file is gone or cannot be read: see Airflow's import errors."
        return [_of_airflow("critical", "stale", text)]
    if dag.paused:
        return [_of_airflow("warning", "paused", "Its DAG is paused, so nothing is read.")]
    found = []
    if dag.next_run and judge.now - dag.next_run > OVERDUE and not dag.is_active:
        text = f"The run of {_minute(dag.next_run)} UTC was not begun: see Airflow's scheduler."
        found.append(_of_airflow("critical", "scheduler", text, "Runs were not begun: see Airflow's scheduler."))
    found += _task_problems(judge, dag, source, destinations)
    return found


def _task_problems(
    judge: Judge, dag: DagFacts, source: SourceView, destinations: Sequence[DestinationView]
) -> list[Problem]:
    """Report that the last finished run failed, unless another problem reports it already."""
    if dag.ended_state != FAILED:
        return []
    if not dag.failed:
        return [Problem("critical", "The last run failed: see its log.", log=judge.log_of("", dag.ended_id))]
    tasks = {PULL: source, **{ship_task_of(each.name): each for each in destinations}}
    others = [each for each in dag.failed if each not in tasks]
    # A report task fails if a task before it failed; only that task is reported.
    if not others or (others == [REPORT] and len(dag.failed) > 1):
        return []
    text = f"The last run failed at {', '.join(others)}: see its log."
    return [Problem("critical", text, log=judge.log_of(others[0], dag.ended_id))]


def _finding_problems(summary: Summary | None) -> list[Problem]:
    return [
        Problem("critical" if each.severity == "critical" else "warning", each.title, kind="finding")
        for each in (summary.findings if summary else ())
        if each.severity != "info" and each.kind not in TOLD_LIVE
    ]
