"""What a task reports about its data to other tools: assets for Airflow, data sets for OpenLineage, and metrics.

Metrics are figures of a run for StatsD, DogStatsD and OpenTelemetry, through Airflow's own ``Stats``.

============================= ======= ============================================= ===================================
metric                        kind    tags                                          counts
============================= ======= ============================================= ===================================
``audit_logs.read``           counter ``pipeline``, ``source``                      events read
``audit_logs.spooled``        counter ``pipeline``, ``source``                      events new to the spool
``audit_logs.set_aside``      counter ``pipeline``, ``source``                      records that could not be read
``audit_logs.lag_seconds``    gauge   ``pipeline``, ``source``                      how far reading is behind
``audit_logs.delivered``      counter ``pipeline``, ``destination``, ``source``     events the destination has taken
``audit_logs.pending``        gauge   ``pipeline``, ``destination``, ``source``     events not delivered yet
``audit_logs.dead_letters``   gauge   ``pipeline``, ``destination``, ``source``     events set aside and still open
============================= ======= ============================================= ===================================

Counters count the events of all streams, gauges those of the live stream only. Plain StatsD has no tags, so the
pipeline and the destination are part of the metric's name there: ``audit_logs.pending.<pipeline>.<destination>``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow.providers.common.compat.sdk import Asset, Stats, conf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import BaseOperator, Context

_PREFIX = "audit_logs"
_IN_NAMES = ("pipeline", "destination")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def spool_asset(pipeline: str) -> Asset:
    """Return the asset of a pipeline's events in the spool: ``x-audit-logs://<pipeline>``."""
    return Asset(f"x-audit-logs://{pipeline}")


def destination_asset(pipeline: str, destination: str) -> Asset:
    """Return the asset of a pipeline's events at a destination: ``x-audit-logs://<pipeline>/<name>``."""
    return Asset(f"x-audit-logs://{pipeline}/{destination}")


def tell_asset(operator: BaseOperator, context: Context, asset: Asset, *, new: bool, extra: Mapping[str, Any]) -> None:
    """Add counts to the task's asset event, or suppress the event if nothing is new.

    Airflow emits an event for every outlet of a task that succeeds, so a task without news must end without that
    outlet.

    :param operator: the running task's own copy. :param new: whether something is new. :param extra: counts, as JSON.
    """
    if not new:
        operator.outlets = [each for each in operator.outlets if each != asset]
    elif asset in operator.outlets and (events := context.get("outlet_events")) is not None:
        events[asset].extra = dict(extra)


def openlineage(inputs: Iterable[str], outputs: Iterable[str]) -> Any:
    """Return what OpenLineage's provider expects from an operator; None if it is not installed.

    :param inputs: URIs that were read. :param outputs: URIs that were written.
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
    """Return namespace and name of a data set by OpenLineage's naming rules. A login in the URI is left out."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return "file", unquote(parts.path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.strip("/") or "/"


def count(name: str, value: int, tags: Mapping[str, str]) -> None:
    """Add to a counter; nothing is sent for 0. :param name: without prefix."""
    if value > 0:
        Stats.incr(_name(name, tags), value, tags=dict(tags))


def gauge(name: str, value: float, tags: Mapping[str, str]) -> None:
    """Set a gauge. :param name: without prefix."""
    Stats.gauge(_name(name, tags), value, tags=dict(tags))


def _name(name: str, tags: Mapping[str, str]) -> str:
    if _tags_travel():
        return f"{_PREFIX}.{name}"
    return ".".join([_PREFIX, name, *(_UNSAFE.sub("_", tags[key]) for key in _IN_NAMES if key in tags)])


def _tags_travel() -> bool:
    """Whether Airflow's metrics backend takes tags: all do but StatsD without the InfluxDB extension."""

    def is_on(key: str) -> Any:
        return conf.getboolean("metrics", key, fallback=False)

    return is_on("statsd_datadog_enabled") or not is_on("statsd_on") or is_on("statsd_influxdb_enabled")
