"""The state of each pipeline, the worst first, from its records of progress. Neither Airflow nor the spool is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.ledger.health import notices_in
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.plugin.health import Judge
from audit_provider.plugin.looks import is_known, look_problems, with_look
from audit_provider.plugin.problems import missing_dag_problems, problems_of, unreadable_problems
from audit_provider.plugin.views import STATES, GapView, PipelineView, Problem, RunView, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.sources.watched import LastLook
    from audit_provider.plugin.dag_facts import DagFacts
    from audit_provider.plugin.progress import Progress


def view_of(
    pipeline: Pipeline,
    progress: Progress,
    dag: DagFacts | None,
    look: LastLook | None = None,
    *,
    root: str,
    now: datetime,
) -> PipelineView:
    """Return the state of a pipeline. :func:`~audit_provider.plugin.looks.with_look` adds the last look later.

    :param dag: its incremental DAG; None if Airflow does not know it.
    :param root: path below which Airflow is served.
    """
    position = progress.positions.get(StreamName(pipeline.name))
    summary = progress.summary
    facts = dag if dag and not dag.withheld else None
    judge = Judge(pipeline, progress, facts, root, now)
    source = judge.source()
    notices = notices_in(position.noticed) if position else []
    set_aside = sum(each.counts.set_aside for each in progress.positions.values())
    destinations = tuple(map(judge.destination, pipeline.destinations.values()))
    problems = [
        *(Problem("critical", each) for each in progress.unreadable),
        *missing_dag_problems(pipeline.name, dag),
        *unreadable_problems(set_aside),
        *problems_of(judge, source, destinations, notices=notices),
        *look_problems(pipeline, look, facts, now),
    ]
    problems.sort(key=lambda each: each.level != "critical")
    dag_id = f"audit_incremental_{pipeline.name}"
    at = f"{root}/dags"
    return PipelineView(
        name=pipeline.name,
        source=pipeline.spec.title,
        state=_worst(problems, [source.state, *(each.state for each in destinations), "ok" if facts else "unknown"]),
        tags=tuple(pipeline.tags),
        reading=source,
        problems=tuple(problems),
        last_read=position.updated_at if position else None,
        lag=judge.lag,
        spooled=position.counts.spooled if position else 0,
        same_id=position.counts.same_id if position else 0,
        set_aside=set_aside,
        outside=sum(each.counts.outside for each in progress.positions.values()),
        first_hour=summary.first_hour if summary else None,
        hours=summary.hours if summary else (),
        next_run=facts.next_run if facts and not facts.paused else None,
        paused=facts.paused if facts else False,
        run=RunView(facts.run_id, facts.run_state, facts.run_at, f"{at}/{dag_id}/runs/{facts.run_id}")
        if facts and facts.run_id
        else None,
        destinations=destinations,
        gaps=tuple(_gap(each) for each in progress.gaps),
        acknowledged=tuple(_gap(each) for each in progress.acknowledged),
        lag_target=judge.settings.lag_target.total_seconds(),
        findings=summary.findings if summary else (),
        reported_at=summary.made_at if summary else None,
        links={
            "dag": f"{at}/{dag_id}",
            "backfill": f"{at}/audit_backfill_{pipeline.name}",
            "replay": f"{at}/audit_replay_{pipeline.name}",
            **({"reconcile": f"{at}/audit_reconcile_{pipeline.name}"} if pipeline.reconcile else {}),
        },
    )


def _worst(problems: Sequence[Problem], parts: Sequence[State]) -> State:
    """Return the state of a pipeline: the worst of its problems and parts."""
    return min((*(each.level for each in problems), *parts), key=STATES.index)


def _gap(gap: GapRecord) -> GapView:
    return GapView(
        id=gap.id,
        kind=gap.kind,
        stream=gap.stream,
        wanted=gap.wanted,
        possible=gap.possible,
        reason=gap.reason,
        destination=gap.destination,
        events=gap.events,
        found_at=gap.found_at,
        acknowledged_by=gap.acknowledged.by if gap.acknowledged else "",
        acknowledged_at=gap.acknowledged.at if gap.acknowledged else None,
        note=gap.acknowledged.note if gap.acknowledged else "",
    )


KEPT_FOR = timedelta(minutes=10)
"""For how long at most a view is reused if its records do not change."""


class JudgedPipelines:
    """Caches the views of pipelines, each for as long as it stays the same.

    With the same records and the same DAG, the state of a pipeline can only get worse as time passes: pending events
    get older, and due runs get overdue. So a view that is the same now and in ten minutes is the same at every moment
    between.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def read(
        self,
        pipeline: Pipeline,
        progress: Progress,
        dag: DagFacts | None,
        look: LastLook | None = None,
        *,
        root: str,
        now: datetime,
    ) -> PipelineView:
        """Return the state of a pipeline, see :func:`view_of`, without its lag."""
        judged_by = (dag, root, _as_judged(look, now))
        kept = self._kept.get(pipeline.name)
        if kept is None or not kept.says_so(pipeline, progress, judged_by, now):
            view = _without_lag(view_of(pipeline, progress, dag, look, root=root, now=now))
            # In ten minutes this look would be too old, so give it that time.
            later = replace(look, kept_at=now + KEPT_FOR) if look and is_known(look, now) else look
            ahead = _without_lag(view_of(pipeline, progress, dag, later, root=root, now=now + KEPT_FOR))
            until = now + KEPT_FOR if ahead == view else now
            kept = self._kept[pipeline.name] = _Kept(pipeline, progress, judged_by, now, until, view)
        return with_look(kept.view, look)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A view, with the facts that it was judged by and the time for which it is valid."""

    pipeline: Pipeline
    progress: Progress
    judged_by: tuple[object, ...]
    begins: datetime
    until: datetime
    view: PipelineView

    def says_so(self, pipeline: Pipeline, progress: Progress, judged_by: tuple[object, ...], now: datetime) -> bool:
        """Whether the view is still valid for these records and this time."""
        same = self.pipeline is pipeline and self.progress is progress and self.judged_by == judged_by
        return same and self.begins <= now < self.until


def _as_judged(look: LastLook | None, now: datetime) -> tuple[object, ...]:
    """Return the parts of the last look that affect the verdict; its time changes every minute."""
    if look is None or not is_known(look, now):
        return (look,)
    return (look.failing_since, look.last_error)


def _without_lag(view: PipelineView) -> PipelineView:
    """Return a view without its lag, which differs at every moment."""
    return replace(view, lag=None)
