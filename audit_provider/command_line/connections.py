"""What is wrong with the connections of a pipelines file: each exists, has its type, and holds what it must."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError
from audit_provider.core.validation import closest
from audit_provider.database import connection_ids
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.operators import SHIP_OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from audit_provider.core.pipeline import Pipeline


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
