"""The state of a watched source for the page, from the record that the triggerer writes every minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.sources.watched import LookRecord
from audit_provider.plugin.views import LookView, Problem

if TYPE_CHECKING:
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.sources.watched import LastLook
    from audit_provider.plugin.dag_facts import DagFacts
    from audit_provider.plugin.views import PipelineView

PATIENCE = timedelta(minutes=5)
"""How old the record may be, and for how long looks may fail, before the page reports a problem."""


def look_of(pipeline: Pipeline, text: str) -> LastLook | None:
    """Return the last look at a watched pipeline's source; None if there is none, or if its record cannot be read.

    :param text: the record, "" if there is none.
    """
    if not pipeline.watch or not text:
        return None
    record = LookRecord(MemoryLedger({LookRecord(MemoryLedger(), pipeline.name).key: text}), pipeline.name)
    try:
        return record.load()
    except StopError:
        return None


def is_known(look: LastLook | None, now: datetime) -> bool:
    """Whether a record is recent enough to judge the looks by it."""
    return look is not None and abs(now - look.kept_at) <= PATIENCE


def look_problems(pipeline: Pipeline, look: LastLook | None, dag: DagFacts | None, now: datetime) -> list[Problem]:
    """Report that a watched source is not being looked at, so that events wait for the next scheduled run."""
    if not pipeline.watch or dag is None or dag.paused or dag.stale:
        return []
    if not is_known(look, now):
        # A watch begins when the DAG file is parsed, some time after the DAG was switched on.
        since = look.kept_at if look else dag.ended_at
        if since is None or now - since <= PATIENCE:
            return []
        text = "Nobody looks at its source, so it is read by its schedule alone: see whether Airflow's triggerer runs."
        summary = "Watched sources are not looked at: see whether Airflow's triggerer runs."
        return [Problem("warning", text, since=since, kind="triggerer", cause="airflow", summary=summary)]
    if look and look.failing_since and now - look.failing_since > PATIENCE:
        text = f"Looks at its source fail, so it is read by its schedule alone: {look.last_error}"
        return [Problem("warning", text, since=look.failing_since, error=look.last_error)]
    return []


def with_look(view: PipelineView, look: LastLook | None) -> PipelineView:
    """Return a view with the last look. It changes every minute; only its problems affect the rest of the view."""
    if look is None:
        return view
    shown = LookView(look.looked_at, look.every, look.waits_until, failing=look.failing_since is not None)
    return replace(view, reading=replace(view.reading, look=shown))
