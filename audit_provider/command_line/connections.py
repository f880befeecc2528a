"""The commands that connect to services: ``audit-logs check --connections`` and ``--reach``, and ``audit-logs try``."""

from __future__ import annotations

import functools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.model import utc_now
from audit_provider.core.runs.trial import ObservedPacer, tried
from audit_provider.core.sources import REGISTRY
from audit_provider.core.text.validation import closest, near
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.hooks.service import PROMPTLY
from audit_provider.host.missing import connection_ids
from audit_provider.host.pipelines import settings_of
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.operators.siem_configurations import check_destination

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.sources import SourceSpec

_AT_ONCE = 8
"""Tests that run at the same time; each mostly waits for its service."""

_LONGEST = timedelta(days=3650)
"""The longest span of a trial."""

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def connection_mistakes(pipelines: Iterable[Pipeline]) -> Iterator[str]:
    """Yield a line for each connection that cannot be used, beginning with its place. Only Airflow is asked.

    :raises UnavailableError: Airflow's database does not answer.
    """
    known = connection_ids()
    for pipeline in pipelines:
        yield from _mistake(
            f"{pipeline.name}.conn_id", pipeline.conn_id, known, functools.partial(_check_source, pipeline)
        )
        for delivery in pipeline.destinations.values():
            path = f"{pipeline.name}.destinations.{delivery.name}.conn_id"
            check = functools.partial(SHIP_OPERATORS[delivery.type].check_connection, delivery)
            yield from _mistake(path, delivery.conn_id, known, check)


@dataclass(frozen=True, slots=True)
class Reached:
    """The answer of a source or destination to its test.

    :ivar path: Its place in the pipelines file.
    :ivar said: A sentence that says what was seen, or what is wrong and what to change.
    """

    path: str
    ok: bool
    said: str


def reached(pipelines: Iterable[Pipeline]) -> list[Reached]:
    """Test every source and destination like the page's *Test* buttons, several at once. No event is read or sent."""
    tests: list[tuple[str, Callable[[], str]]] = []
    for pipeline in pipelines:
        tests.append((pipeline.name, functools.partial(_reach_source, pipeline)))
        tests += [
            (f"{pipeline.name}.destinations.{name}", functools.partial(check_destination, pipeline, name))
            for name in pipeline.destinations
        ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(_reached, tests))


def _reached(test: tuple[str, Callable[[], str]]) -> Reached:
    path, ask = test
    try:
        return Reached(path, True, ask())
    except AuditError as error:
        return Reached(path, False, str(error))


def _reach_source(pipeline: Pipeline) -> str:
    return AuditLogsHook(pipeline.conn_id, pipeline.spec, pipeline.settings).check()


def _mistake(path: str, conn_id: str, known: set[str], check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except AuditError as error:
        close = closest(conn_id, known - {conn_id}) if conn_id not in known else None
        yield f"{path}: {error}{f' Did you mean {close!r}?' if close else ''}"


def _check_source(pipeline: Pipeline) -> None:
    hook = AuditLogsHook(pipeline.conn_id, pipeline.spec, pipeline.settings)
    hook.settings()
    hook.address()
    hook.authentication()


def trial(options: argparse.Namespace, pipelines: Mapping[str, Pipeline]) -> tuple[list[str], bool]:
    """Try a source; return the lines of the report, and whether it is as described.

    :param pipelines: of the pipelines file; one of them may be named instead of a source.
    :raises AuditError: there is no such source, or the connection cannot be used.
    """
    spec, conn_id, settings = _chosen(options, pipelines)
    conn_id = options.connection or conn_id
    settings = {**(settings or settings_of(conn_id, spec.name)), **dict(map(_setting, options.setting))}
    since = _span(options.since)
    if options.pages < 1:
        raise ConfigurationError("--pages must be at least 1.")
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
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if span > _LONGEST:
        raise ConfigurationError(f"--since {written!r}: at most {_LONGEST.days}d.")
    return span
