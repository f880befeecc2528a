"""The last runs of a pipeline's DAGs, with their progress and their failed tasks."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from airflow.models import DagRun, TaskInstance
from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
from sqlalchemy import func, select, tuple_

from audit_provider.core.errors import UNREADABLE
from audit_provider.plugin.dag_facts import FAILED

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

KINDS = ("incremental", "backfill", "replay", "reconcile")
MOST_RUNS = 20

_RUNNING = "running"
_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_COUNTED = {
    "read": ("read", "served"),
    "spooled": ("spooled", "late"),
    "delivered": ("delivered", "redriven"),
    "requests": ("requests",),
}
"""Counts of a run, with the keys under which its tasks return them."""

_MOST_ASKED = 300
"""Most characters of a run's configuration."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A failed task. :ivar log: path of its log in Airflow."""

    id: str
    log: str


@dataclass(frozen=True, slots=True)
class BudgetView:
    """The budget of the API. :ivar requests: allowed in any :ivar per: seconds."""

    requests: int
    per: float


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run of one of a pipeline's DAGs.

    :ivar kind: ``incremental``, ``backfill``, ``replay`` or ``reconcile``.
    :ivar by: who started it, "" for the schedule.
    :ivar done: number of tasks that have ended, and :ivar tasks: of all that are known so far.
    :ivar asked: the run's configuration, "" for none.
    :ivar read: events that its tasks have read from the source, and :ivar spooled: those that were new to the spool;
        None if no task with this count has ended.
    :ivar delivered: events that destinations took, summed over the destinations; None likewise.
    :ivar requests: that its tasks have sent to the API of the source, and :ivar budget: what is allowed; None likewise.
    :ivar failed: its failed tasks, and :ivar active: those that run now.
    """

    kind: str
    id: str
    state: str
    began: datetime | None
    ended: datetime | None
    link: str
    by: str = ""
    asked: str = ""
    done: int = 0
    tasks: int = 0
    failed: tuple[TaskView, ...] = ()
    read: int | None = None
    spooled: int | None = None
    delivered: int | None = None
    active: tuple[TaskView, ...] = ()
    requests: int | None = None
    budget: BudgetView | None = None


@dataclass(frozen=True, slots=True)
class RunsView:
    """The last runs of a pipeline's DAGs that the user may read, the newest first."""

    runs: tuple[RunRow, ...]


def last_runs(session: Session, pipeline: str, readable: Collection[str], *, root: str) -> RunsView:
    """Return the last runs of a pipeline's DAGs, the newest first.

    :param readable: ids of the DAGs that the user may read. :param root: path below which Airflow is served.
    """
    kinds = {f"audit_{kind}_{pipeline}": kind for kind in KINDS}
    wanted = [each for each in kinds if each in readable]
    columns = (
        DagRun.dag_id,
        DagRun.run_id,
        DagRun.state,
        DagRun.start_date,
        DagRun.end_date,
        DagRun.conf,
        DagRun.triggering_user_name,
    )
    asked = select(*columns).where(DagRun.dag_id.in_(wanted)).order_by(DagRun.run_after.desc()).limit(MOST_RUNS)
    runs = session.execute(asked).all()
    ids = [(each.dag_id, each.run_id) for each in runs]
    states, named = _tasks(session, ids)
    done, budgets = _counts(session, ids)
    found = []
    for each in runs:
        of, link = (each.dag_id, each.run_id), f"{root}/dags/{each.dag_id}/runs/{each.run_id}"
        counts, sums = states.get(of, Counter()), done.get(of, {})

        def logs(state: str, of: tuple[str, str] = of, link: str = link) -> tuple[TaskView, ...]:
            return tuple(TaskView(task, f"{link}/tasks/{task}") for task in named.get((*of, state), ()))

        found.append(
            RunRow(
                kind=kinds[each.dag_id],
                id=each.run_id,
                state=_text(each.state),
                began=each.start_date,
                ended=each.end_date,
                link=link,
                by=each.triggering_user_name or "",
                asked=json.dumps(each.conf)[:_MOST_ASKED] if each.conf else "",
                done=sum(count for state, count in counts.items() if state in _ENDED),
                tasks=sum(counts.values()),
                failed=logs(FAILED),
                active=logs(_RUNNING),
                read=sums.get("read"),
                spooled=sums.get("spooled"),
                delivered=sums.get("delivered"),
                requests=sums.get("requests"),
                budget=budgets.get(of),
            )
        )
    return RunsView(tuple(found))


def _tasks(
    session: Session, runs: Collection[tuple[str, str]]
) -> tuple[dict[tuple[str, str], Counter[str]], dict[tuple[str, str, str], list[str]]]:
    """Return the number of tasks of each run by state, and the names of those that have failed or run now."""
    states: dict[tuple[str, str], Counter[str]] = {}
    named: dict[tuple[str, str, str], list[str]] = {}
    if runs:
        columns = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state)
        those = tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(list(runs))
        for dag_id, run_id, task, state, count in session.execute(
            select(*columns, func.count()).where(those).group_by(*columns)
        ):
            states.setdefault((dag_id, run_id), Counter())[_text(state)] += count
            if _text(state) in (FAILED, _RUNNING):
                named.setdefault((dag_id, run_id, _text(state)), []).append(task)
    return states, named


def _counts(
    session: Session, runs: Collection[tuple[str, str]]
) -> tuple[dict[tuple[str, str], dict[str, int]], dict[tuple[str, str], BudgetView]]:
    """Return the counts of each run and the budget of the API, from the results of its tasks.

    A result that cannot be read is ignored.
    """
    found: dict[tuple[str, str], dict[str, int]] = {}
    budgets: dict[tuple[str, str], BudgetView] = {}
    if not runs:
        return found, budgets
    asked = select(XComModel.dag_id, XComModel.run_id, XComModel.value).where(
        XComModel.key == XCOM_RETURN_KEY, tuple_(XComModel.dag_id, XComModel.run_id).in_(list(runs))
    )
    for dag_id, run_id, value in session.execute(asked):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                continue
        if not isinstance(value, dict):
            continue
        sums = found.setdefault((dag_id, run_id), {})
        for name, keys in _COUNTED.items():
            counts = [value[key] for key in keys if isinstance(value.get(key), int)]
            if counts:
                sums[name] = sums.get(name, 0) + sum(counts)
        try:
            budgets[dag_id, run_id] = msgspec.convert(value.get("budget"), BudgetView)
        except UNREADABLE:
            continue
    return found, budgets


def _text(state: object) -> str:
    return str(getattr(state, "value", state) or "")
