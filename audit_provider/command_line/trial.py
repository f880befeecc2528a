"""``audit-logs try``: a source is tried before it is trusted."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import utc_now
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.trial import ObservedPacer, tried
from audit_provider.core.validation import near

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.sources import SourceSpec

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def trial(options: argparse.Namespace, pipelines: Mapping[str, Pipeline]) -> tuple[list[str], bool]:
    """Try a source; return the lines of the report, and whether it is as described.

    :param pipelines: of the pipelines file, one of which may be named in place of a source.
    :raises AuditError: there is no such source, or the connection cannot be used.
    """
    from audit_provider.hooks.audit_logs import AuditLogsHook
    from audit_provider.hooks.service import PROMPTLY
    from audit_provider.host.settings import settings_of

    spec, conn_id, settings = _chosen(options, pipelines)
    conn_id = options.connection or conn_id
    settings = {**(settings or settings_of(conn_id, spec.name)), **dict(map(_setting, options.setting))}
    since = _span(options.since)
    pacer = ObservedPacer(spec.rate_limit, sleep=time.sleep, now=utc_now)
    hook = AuditLogsHook(conn_id, source=spec, settings=settings)
    report = tried(hook.pages(pacer=pacer, **PROMPTLY), pacer, since, utc_now, options.pages)
    lines, differences = report.lines(), report.differences()
    if spec.preparation:
        sent = f"{spec.preparation.request.method} {spec.preparation.request.path}"
        lines.append(f"not sent: {sent}, which a run and *Test* send first")
    if differences:
        lines += ["", "Where this differs from the description:", *(f"- {line}" for line in differences)]
    else:
        lines += ["", "This is as the source is described."]
    return lines, not differences


def _chosen(options: argparse.Namespace, pipelines: Mapping[str, Pipeline]) -> tuple[SourceSpec, str, dict[str, str]]:
    if options.source in REGISTRY:
        return REGISTRY[options.source], f"{options.source}_default", {}
    if options.source in pipelines:
        pipeline = pipelines[options.source]
        return pipeline.spec, pipeline.conn_id, dict(pipeline.settings)
    known = [*REGISTRY, *pipelines]
    raise ConfigurationError(f"there is no source or pipeline {options.source!r}{near(options.source, known)}.")


def _setting(written: str) -> tuple[str, str]:
    name, mark, value = written.partition("=")
    if not mark or not name or not value:
        raise ConfigurationError(f"--setting {written!r}: write it as name=value.")
    return name, value


def _span(written: str) -> timedelta:
    found = _SPAN.fullmatch(written)
    if not found or not int(found[1]):
        raise ConfigurationError(f"--since {written!r}: write a number and s, m, h or d, as in 90m.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
