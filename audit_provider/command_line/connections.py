"""What is wrong with the connections of a pipelines file: each exists, has its type, holds what it must, and works."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError
from audit_provider.core.validation import closest
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.host.missing import connection_ids
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.operators.siem_configurations import check_destination

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from audit_provider.core.pipeline import Pipeline

_AT_ONCE = 8
"""Tests that run at the same time; each mostly waits for its service."""


def connection_mistakes(pipelines: Iterable[Pipeline]) -> Iterator[str]:
    """Yield a line for each connection that cannot be used, beginning with its place. Nobody is asked but Airflow.

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
    """What a source or destination answered to its test.

    :ivar path: Its place in the pipelines file.
    :ivar said: A sentence that says what was seen, or what is wrong and what to change.
    """

    path: str
    ok: bool
    said: str


def reached(pipelines: Iterable[Pipeline]) -> list[Reached]:
    """Test every source and destination as the page's *Test* buttons do, several at once. No event is read or sent."""
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
