"""Planning a backfill: from the form to windows, and from windows to lanes that are read at the same time."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import text_of, utc_now
from audit_provider.core.runs.arguments import moment_from
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.wire.budget import MOST_WINDOWS_AT_ONCE
from audit_provider.host.settings import most_mapped

if TYPE_CHECKING:
    from audit_provider.core.pipeline import Pipeline

MOST_WINDOW_DAYS = 180
"""The widest window that the form takes."""


def plan_windows(
    pipeline: str, params: dict[str, Any] | None = None, *, whole: bool = False, refusal: str = "", lanes: int = 1
) -> list[dict[str, str]]:
    """Return the windows of a backfill, oldest first, as ``{"start": …, "end": …}``.

    They touch, and none is longer than ``window_days``; the last ends at ``end``.

    :param pipeline: name of the pipeline, for messages.
    :param params: what the form says: ``start``, ``end`` (None for now), ``window_days``.
    :param whole: one window, since the source would be scanned from its head for each.
    :param refusal: why there is no backfill of this source.
    :param lanes: how many tasks are mapped over the windows, each over a part of them: see :func:`lanes_of`.
    :raises AirflowFailException: there is nothing to plan, or more than Airflow maps.
    """
    params = params or {}
    if refusal:
        raise AirflowFailException(f"the backfill of {pipeline} is refused: {refusal}")
    try:
        start = moment_from(params["start"], "start")
        end = moment_from(params["end"], "end") if params.get("end") else utc_now()
    except ConfigurationError as error:
        raise AirflowFailException(f"the backfill of {pipeline} cannot be planned: {error}") from None
    # Whole seconds, so that the same form gives the same windows, and with them the same streams.
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
    """Return the sentence for more windows than Airflow maps."""
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

    Where it says nothing: as many as can use the backfill's part of the budget, supposing that a window is read at one
    request a second, and one where reading a window is more than asking for its pages. A source that is scanned from
    its head, or not read by time at all, has one lane: every window would read the same list.
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
    """Return the windows of one lane; all lanes together have each window once.

    :param lane: from 1.
    """
    return windows[lane - 1 :: lanes]
