"""What a task reports about its data to downstream tools: assets for Airflow, data sets for OpenLineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow.providers.common.compat.sdk import Asset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import BaseOperator, Context


def spool_asset(pipeline: str) -> Asset:
    """Return the asset that stands for a pipeline's events in the spool: ``x-audit-logs://<pipeline>``."""
    return Asset(f"x-audit-logs://{pipeline}")


def destination_asset(pipeline: str, destination: str) -> Asset:
    """Return the asset that stands for a pipeline's events at a destination: ``x-audit-logs://<pipeline>/<name>``."""
    return Asset(f"x-audit-logs://{pipeline}/{destination}")


def tell_asset(operator: BaseOperator, context: Context, asset: Asset, *, new: bool, extra: Mapping[str, Any]) -> None:
    """Let the task's asset event say what is new, or keep it back where nothing is.

    Airflow emits an event for every outlet of a task that ends well, so a task with nothing to tell has to end without
    that outlet.

    :param operator: the running task's own copy. :param extra: counts, as JSON.
    """
    if not new:
        operator.outlets = [each for each in operator.outlets if each != asset]
    elif asset in operator.outlets and (events := context.get("outlet_events")) is not None:
        events[asset].extra = dict(extra)


def openlineage(inputs: Iterable[str], outputs: Iterable[str]) -> Any:
    """Return what OpenLineage's provider asks of an operator; None where it is not installed.

    :param inputs: URIs of what was read. :param outputs: of what was written.
    """
    try:
        from airflow.providers.common.compat.openlineage.facet import Dataset
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    return OperatorLineage(
        inputs=[Dataset(*data_set(uri)) for uri in inputs], outputs=[Dataset(*data_set(uri)) for uri in outputs]
    )


def data_set(uri: str) -> tuple[str, str]:
    """Return namespace and name of a data set, as OpenLineage names them. A login in the URI is left out."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return "file", unquote(parts.path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.strip("/") or "/"
