"""Planning a backfill: from the form to windows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import text_of, utc_now
from audit_provider.operators.moments import moment_from
from audit_provider.operators.replay import range_from


def plan_windows(
    pipeline: str, params: dict[str, Any] | None = None, *, whole: bool = False, refusal: str = ""
) -> list[dict[str, str]]:
    """Return the windows of a backfill, oldest first, as ``{"start": …, "end": …}``.

    They touch, and none is longer than ``window_days``; the last ends at ``end``. A replay has none.

    :param pipeline: name of the pipeline, for messages.
    :param params: what the form says: ``start``, ``end`` (None for now), ``window_days``, ``replay``.
    :param whole: one window, since the source would be scanned from its head for each.
    :param refusal: why there is no backfill of this source.
    """
    params = params or {}
    if params.get("replay"):
        try:
            range_from(params)
        except ConfigurationError as error:
            raise AirflowFailException(f"the replay of {pipeline} cannot be planned: {error}") from None
        return []
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
            f"the backfill of {pipeline} cannot be planned: {text_of(start)}, its start, is not before {text_of(end)}."
        )
    width = end - start if whole else timedelta(days=params["window_days"])
    windows = []
    while start < end:
        stop = min(start + width, end)
        windows.append({"start": text_of(start), "end": text_of(stop)})
        start = stop
    return windows
