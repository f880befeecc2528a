"""The backfill DAG: loads a time range of the past, window by window. A person starts it with a form."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, Param, task

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import midnight, text_of, utc_now
from audit_provider.core.runs.arguments import moment_from
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.wire.budget import MOST_WINDOWS_AT_ONCE
from audit_provider.dags.tasks import dag_of, pull_arguments, refuse_unknown_keys, ship_task
from audit_provider.host.settings import most_mapped
from audit_provider.operators import PullAuditLogsOperator, ReportAuditLogsOperator

if TYPE_CHECKING:
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.sources import SourceSpec

MOST_WINDOW_DAYS = 180
"""The longest window that the form accepts."""

USUAL_REACH = timedelta(days=365)
"""How far back the form's default start is, if the vendor serves events that are so old."""


def destinations_field(names: list[str], description: str, *, chosen: list[str]) -> Param:
    """Return a form field in which at least one destination must be chosen.

    :param names: to choose from. :param chosen: the default.
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

    A source without an upper time bound is read from its newest event. So it has only one window, and events after the
    end of the window are left out here. For a source that cannot be read by time, the plan fails with a message.

    Every window has its own stream and position, so a retry continues inside its window, and the live position never
    changes. If the budget allows more than one window at a time, there is a ``pull`` for each lane. A lane reads its
    windows one after the other, and all lanes share the backfill's part of the request budget.
    """
    names, spec, lanes = list(pipeline.destinations), pipeline.spec, lanes_of(pipeline)
    with dag_of(
        pipeline,
        "backfill",
        f"Load the past of {spec.title}",
        doc=build_backfill.__doc__,
        params=_form(names, _lookback(spec)),
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
    """Return the mapped task of a lane. ``max_active_tis_per_dag`` lets it read one window at a time."""
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
    """Return the properties of the source that the plan needs."""
    try:
        return {"whole": spec.for_backfill().reading.backfill == "scan"}
    except ConfigurationError as error:
        return {"refusal": str(error)}


def _lookback(spec: SourceSpec) -> timedelta | None:
    """Return how far back a backfill can reach; None if no limit is known."""
    by_time = spec.recovery if spec.reading.backfill == "recovery" else spec
    return by_time.lookback if by_time else None


def _form(destinations: list[str], lookback: timedelta | None) -> dict[str, Param]:
    """Return the fields of the form that starts a backfill.

    :param lookback: how far back the vendor serves events; None if no limit is known.
    """
    today = midnight(utc_now())
    # One day less than the vendor's limit: events that get too old before they are requested would be a gap.
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


def plan_windows(
    pipeline: str, params: dict[str, Any] | None = None, *, whole: bool = False, refusal: str = "", lanes: int = 1
) -> list[dict[str, str]]:
    """Return the windows of a backfill, oldest first, as ``{"start": …, "end": …}``.

    The windows are adjacent, and none is longer than ``window_days``; the last ends at ``end``.

    :param pipeline: name of the pipeline, for messages.
    :param params: the values of the form: ``start``, ``end`` (None for now), ``window_days``.
    :param whole: plan one window only, because the source would be read from its newest event for each.
    :param refusal: why this source has no backfill; "" if it has one.
    :param lanes: number of mapped tasks, each with a part of the windows: see :func:`lanes_of`.
    :raises AirflowFailException: there is nothing to plan, or there are more windows than Airflow maps.
    """
    params = params or {}
    if refusal:
        raise AirflowFailException(f"the backfill of {pipeline} is refused: {refusal}")
    try:
        start = moment_from(params["start"], "start")
        end = moment_from(params["end"], "end") if params.get("end") else utc_now()
    except ConfigurationError as error:
        raise AirflowFailException(f"the backfill of {pipeline} cannot be planned: {error}") from None
    # Whole seconds, so that the same form always gives the same windows and so the same streams.
    start, end = start.replace(microsecond=0), min(end, utc_now()).replace(microsecond=0)
    if start >= end:
        raise AirflowFailException(
            f"the backfill of {pipeline} cannot be planned: its start {text_of(start)} is not before its end "
            f"{text_of(end)}."
        )
    width = end - start if whole else timedelta(days=params["window_days"])
    windows = []
    while start < end:
        stop = min(start + width, end)
        windows.append({"start": text_of(start), "end": text_of(stop)})
        start = stop
    most = most_mapped()
    if math.ceil(len(windows) / lanes) > most:
        raise AirflowFailException(_too_many(pipeline, len(windows), most, lanes, windows_days=params["window_days"]))
    return windows


def _too_many(pipeline: str, count: int, most: int, lanes: int, *, windows_days: int) -> str:
    """Return the message for more windows than Airflow maps."""
    needed = math.ceil(count * windows_days / (most * lanes))
    remedy = (
        (f"set 'Days per window' to {needed} or more")
        if needed <= MOST_WINDOW_DAYS
        else ("set a later 'From', or raise the limit")
    )
    each = f" for each of {lanes} lanes" if lanes > 1 else ""
    return (
        f"the backfill of {pipeline} is refused: {count:,} windows, Airflow maps {most:,}{each} "
        f"([core] max_map_length): {remedy}."
    )


def lanes_of(pipeline: Pipeline) -> int:
    """Return how many windows of a backfill are read at the same time: the pipeline's ``backfill_windows``.

    If that is not set: as many as can use the backfill's part of the budget, if a window is read at one request per
    second; but one if reading a window takes more than requests for its pages. A source that is read from its newest
    event, or that cannot be read by time, has one lane: every window would read the same list.
    """
    try:
        spec = pipeline.spec.for_backfill()
    except ConfigurationError:
        return 1
    if spec.reading.backfill != "windows":
        return 1
    if pipeline.backfill_windows is not None:
        return pipeline.backfill_windows
    if not isinstance(spec.reading, ClosedWindows):
        return 1
    limit = spec.rate_limit.share(pipeline.backfill_share)
    return min(max(1, math.ceil(limit.requests / limit.per)), MOST_WINDOWS_AT_ONCE)


def windows_of_lane(windows: list[dict[str, str]], lane: int, lanes: int) -> list[dict[str, str]]:
    """Return the windows of one lane. Each window belongs to exactly one lane.

    :param lane: from 1.
    """
    return windows[lane - 1 :: lanes]
