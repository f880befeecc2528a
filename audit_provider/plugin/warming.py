"""What the first request of the page would take long for is done when the server starts, beside everything else.

Of 500 pipelines, to fetch, decrypt, decode and judge all records takes seconds of a processor once; each later request
does so only with what has changed.
"""

from __future__ import annotations

import logging
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from airflow.models import DagModel, Variable
from airflow.utils.session import create_session
from sqlalchemy import select

from audit_provider.core.model import utc_now
from audit_provider.core.stream_name import PREFIX
from audit_provider.host.settings import airflow_root
from audit_provider.plugin import routes
from audit_provider.plugin.looks import look_of
from audit_provider.plugin.reading import read_dags

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)


@asynccontextmanager
async def warmed(_: FastAPI) -> AsyncIterator[None]:
    """Begin the work in a thread: each process of the server does so once it has started, and waits for nothing.

    Where it is forked from another one, that is after the fork, so no connection to the database is shared.
    """
    threading.Thread(target=_warm, name="audit-logs-page", daemon=True).start()
    yield


def warm(session: Session) -> None:
    """Read, decode and judge the records of all pipelines, and keep that for users who may see all of them."""
    known = routes.reader.read()
    stored = Variable.key.startswith(f"{PREFIX}.", autoescape=True)
    records = routes.records_reader.read(session, set(session.scalars(select(Variable.key).where(stored))))
    dags = read_dags(session, known.pipelines, set(session.scalars(select(DagModel.dag_id))))
    for pipeline in known.pipelines.values():
        own = records.of(pipeline.name)
        progress = routes.progress_reader.read(pipeline, own)
        look = look_of(pipeline, own.look)
        routes.judged.read(pipeline, progress, dags.get(pipeline.name), look, root=airflow_root(), now=utc_now())
    routes.left_behind.read(known, records)


def _warm() -> None:
    try:
        with create_session() as session:
            warm(session)
    except Exception as error:  # noqa: BLE001 - the first request does the same, and says what is wrong
        # Only words of this package's own hold no secret.
        _log.info("The page is not prepared (%s): its first request takes longer.", type(error).__name__)
