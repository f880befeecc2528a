"""Judges a pipeline again only where something has changed: its records, its DAG, or what passes with the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.plugin.overview import view_of

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.pipeline import Pipeline
    from audit_provider.plugin.dag_facts import DagFacts
    from audit_provider.plugin.overview import Progress
    from audit_provider.plugin.views import PipelineView

AHEAD = timedelta(minutes=10)
"""For how long a view is kept at most whose records do not change."""


class JudgedPipelines:
    """Keeps the views of pipelines, each for as long as it says the same.

    With the same records and the same DAG, a pipeline can only get worse as time passes: what waits gets older, and
    what is due gets overdue. So a view that says the same now and ten minutes ahead says so at every moment between.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Pipeline, Progress, DagFacts | None, str, datetime, datetime, PipelineView]] = {}

    def read(
        self, pipeline: Pipeline, progress: Progress, dag: DagFacts | None, *, root: str, now: datetime
    ) -> PipelineView:
        """Return how a pipeline fares, see :func:`~audit_provider.plugin.overview.view_of`; its lag is left out."""
        kept = self._kept.get(pipeline.name)
        if (
            kept
            and kept[0] is pipeline
            and kept[1] is progress
            and kept[2:4] == (dag, root)
            and kept[4] <= now < kept[5]
        ):
            return kept[6]
        view = _without_lag(view_of(pipeline, progress, dag, root=root, now=now))
        ahead = _without_lag(view_of(pipeline, progress, dag, root=root, now=now + AHEAD))
        until = now + AHEAD if ahead == view else now
        self._kept[pipeline.name] = (pipeline, progress, dag, root, now, until, view)
        return view


def _without_lag(view: PipelineView) -> PipelineView:
    """Return a view without the figure that differs at every moment."""
    return replace(view, lag=None)
