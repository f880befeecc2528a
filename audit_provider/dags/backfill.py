"""The backfill DAG: load a span of the past, window by window, started by hand with a form."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, task

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import UTC, text_of, utc_now
from audit_provider.dags.conf import refuse_unknown_keys
from audit_provider.dags.incremental import RETRIES, TAGS, pull_arguments, ship_task
from audit_provider.operators import PullAuditLogsOperator, ReportAuditLogsOperator
from audit_provider.operators.backfill import MOST_WINDOW_DAYS, lanes_of, plan_windows, windows_of_lane

if TYPE_CHECKING:
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.sources import SourceSpec

USUAL_REACH = timedelta(days=365)
"""How far back the form begins, where the vendor lets anyone read so far."""


def destinations_field(names: list[str], description: str, *, chosen: list[str]) -> Param:
    """Return the field in which at least one destination is chosen.

    :param names: to choose from. :param chosen: what the form begins with.
    """
    return Param(
        chosen,
        type="array",
        items={"type": "string", "enum": names},
        examples=names,
        minItems=1,
        title="Destinations",
        description=description,
    )


def build_backfill(pipeline: Pipeline) -> DAG:
    """Return ``audit_backfill_<pipeline>``: ``plan``, a mapped ``pull`` per window, ``ship_<destination>``, ``report``.

    A source without an upper bound of time is scanned from its newest event, so it has one window, and events after the
    end of the window are left out here. A source that cannot be read by time says so and ends.

    Every window has its own stream and position, so a retry resumes inside its window and never changes the live
    position. If the budget allows more than one window at a time, there is a ``pull`` for each lane. A lane reads its
    windows one after the other, and all lanes share the backfill's part of the request budget.
    """
    names, spec, lanes = list(pipeline.destinations), pipeline.spec, lanes_of(pipeline)
    with DAG(
        dag_id=f"audit_backfill_{pipeline.name}",
        description=f"Load the past of {spec.title}",
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args=RETRIES,
        tags=[*TAGS, "backfill", spec.name, *pipeline.tags],
        params=_form(names, _lookback(spec)),
        doc_md=build_backfill.__doc__,
    ) as dag:
        plan = task(task_id="plan", pre_execute=refuse_unknown_keys)(plan_windows)
        windows = plan(pipeline=pipeline.name, lanes=lanes, **_manner(spec))
        pulls = [_pull(pipeline, windows, lane + 1, lanes) for lane in range(lanes)]
        report = ReportAuditLogsOperator(
            task_id="report",
            pipeline=pipeline.name,
            destinations=names,
            windows=windows,
            retention_days=pipeline.retention_days,
            trigger_rule="all_done",
            retries=0,
        )
        for delivery in pipeline.destinations.values():
            pulls >> ship_task(pipeline, delivery, windows=windows) >> report
    return dag


def _pull(pipeline: Pipeline, windows: Any, lane: int, lanes: int) -> Any:
    """Return the mapped task of a lane. Its ``max_active_tis_per_dag`` keeps two windows of one lane apart."""
    own = windows
    if lanes > 1:
        own = task(task_id=f"lane_{lane}")(windows_of_lane)(windows, lane=lane, lanes=lanes)
    return PullAuditLogsOperator.partial(
        task_id="pull" if lane == 1 else f"pull_{lane}",
        map_index_template="{{ task.window['start'][:10] }} to {{ task.window['end'][:10] }}",
        windows=windows,
        lane=lane,
        **pull_arguments(pipeline),
    ).expand(window=own)


def _manner(spec: SourceSpec) -> dict[str, Any]:
    """Return what the plan must know of the source."""
    try:
        return {"whole": spec.for_backfill().reading.backfill == "scan"}
    except ConfigurationError as error:
        return {"refusal": str(error)}


def _lookback(spec: SourceSpec) -> timedelta | None:
    """Return how far back a backfill can reach; None where no limit is known."""
    by_time = spec.recovery if spec.reading.backfill == "recovery" else spec
    return by_time.lookback if by_time else None


def _form(destinations: list[str], lookback: timedelta | None) -> dict[str, Param]:
    """Return the fields of the form that starts a backfill.

    :param lookback: how far back the vendor lets anyone read; None where no limit is known.
    """
    today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    # A day less than the vendor's limit: what is out of reach by the time it is asked for would be a gap.
    reach = min(USUAL_REACH, max(lookback - timedelta(days=1), timedelta(days=1))) if lookback else USUAL_REACH
    return {
        "start": Param(
            text_of(today - reach),
            type="string",
            format="date-time",
            title="From",
            description="Start of the time range to read from the source. Events that polling or an earlier backfill "
            "of the same window has put into the spool are not loaded twice."
            + (f" The vendor serves events of the last {lookback.days} days only." if lookback else ""),
        ),
        "end": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Until",
            description="End of the time range (exclusive). Empty: now.",
        ),
        "window_days": Param(
            MOST_WINDOW_DAYS,
            type="integer",
            minimum=1,
            maximum=MOST_WINDOW_DAYS,
            title="Days per window",
            description="Length of a window. Each window is read, retried and shipped separately. The same windows "
            "are never loaded twice, so keep this value and 'From' to continue a backfill that was stopped.",
        ),
        "destinations": destinations_field(
            destinations,
            "Destinations that receive the events. A destination that is left out receives nothing of these windows.",
            chosen=destinations,
        ),
    }
