"""The last runs of a pipeline's DAGs, with how far each is and what has failed in it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from airflow.models import DagRun, TaskInstance
from sqlalchemy import func, select, tuple_

from audit_provider.plugin.dag_facts import FAILED
from audit_provider.plugin.views import RunRow, RunsView, TaskView

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

KINDS = ("incremental", "backfill", "replay", "reconcile")
MOST_RUNS = 20

_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_MOST_ASKED = 300
"""Letters of what a run was started with."""


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
    states, failed = _tasks(session, [(each.dag_id, each.run_id) for each in runs])
    found = []
    for each in runs:
        of, link = (each.dag_id, each.run_id), f"{root}/dags/{each.dag_id}/runs/{each.run_id}"
        counts = states.get(of, Counter())
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
                failed=tuple(TaskView(task, f"{link}/tasks/{task}") for task in failed.get(of, ())),
            )
        )
    return RunsView(tuple(found))


def _tasks(
    session: Session, runs: Collection[tuple[str, str]]
) -> tuple[dict[tuple[str, str], Counter[str]], dict[tuple[str, str], list[str]]]:
    """Return how many tasks of each run are in which state, and the names of those that have failed."""
    states: dict[tuple[str, str], Counter[str]] = {}
    failed: dict[tuple[str, str], list[str]] = {}
    if runs:
        columns = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state)
        those = tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(list(runs))
        for dag_id, run_id, task, state, count in session.execute(
            select(*columns, func.count()).where(those).group_by(*columns)
        ):
            states.setdefault((dag_id, run_id), Counter())[_text(state)] += count
            if _text(state) == FAILED:
                failed.setdefault((dag_id, run_id), []).append(task)
    return states, failed


def _text(state: object) -> str:
    return str(getattr(state, "value", state) or "")
