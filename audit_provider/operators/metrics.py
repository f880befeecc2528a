"""Figures of a run for StatsD, DogStatsD and OpenTelemetry, through Airflow's own ``Stats``.

============================= ======= ============================================= ===================================
metric                        kind    tags                                          counts
============================= ======= ============================================= ===================================
``audit_logs.read``           counter ``pipeline``, ``source``                      events read
``audit_logs.spooled``        counter ``pipeline``, ``source``                      events new to the spool
``audit_logs.set_aside``      counter ``pipeline``, ``source``                      records that could not be read
``audit_logs.lag_seconds``    gauge   ``pipeline``, ``source``                      how far reading is behind
``audit_logs.delivered``      counter ``pipeline``, ``destination``, ``source``     events the destination has taken
``audit_logs.pending``        gauge   ``pipeline``, ``destination``, ``source``     events it has not got yet
``audit_logs.dead_letters``   gauge   ``pipeline``, ``destination``, ``source``     events set aside and still open
============================= ======= ============================================= ===================================

Counters count every stream, gauges tell of the live one alone. Plain StatsD has no tags, so there the pipeline and the
destination stand in the name: ``audit_logs.pending.<pipeline>.<destination>``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats, conf

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "audit_logs"
_IN_NAMES = ("pipeline", "destination")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


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
    """Whether what Airflow sends metrics to takes tags: all but StatsD without the InfluxDB extension."""

    def is_on(key: str) -> Any:
        return conf.getboolean("metrics", key, fallback=False)

    return is_on("statsd_datadog_enabled") or not is_on("statsd_on") or is_on("statsd_influxdb_enabled")
