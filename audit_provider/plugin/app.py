"""The FastAPI app that Airflow's API server mounts at ``/audit-logs``, and what it prepares when the server starts.

With 500 pipelines, fetching, decrypting, decoding and judging all records takes seconds of CPU. This is done once;
later requests only process what has changed.
"""

# No "from __future__ import annotations": FastAPI has to find what the annotations name.
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from airflow.models import DagModel, Variable
from airflow.utils.session import create_session
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit_provider.core.errors import AuditError
from audit_provider.core.ledger.stream_name import PREFIX
from audit_provider.core.model import utc_now
from audit_provider.host.settings import airflow_root
from audit_provider.plugin import actions, evidence, routes
from audit_provider.plugin.access import SeesPage
from audit_provider.plugin.looks import look_of
from audit_provider.plugin.reading import read_dags
from audit_provider.version import __version__

reader = routes.reader

_log = logging.getLogger(__name__)

_PAGE = Path(__file__).with_name("page")
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {path.name: path for path in sorted(_PAGE.iterdir()) if path.suffix in _KINDS}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer. Nothing may cache what the page shows, because it is for this user only."""


@asynccontextmanager
async def _warmed(_: FastAPI) -> AsyncIterator[None]:
    """Prepare the page in a thread: each server process does so once it has started, without delaying requests.

    If the process is forked, this runs after the fork, so no database connection is shared.
    """
    threading.Thread(target=_warm, name="audit-logs-page", daemon=True).start()
    yield


def warm(session: Session) -> None:
    """Read, decode and judge the records of all pipelines, and cache the result for users who may see all of them."""
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
    except Exception as error:  # noqa: BLE001 - the first request does the same, and reports the error
        # Only messages of this package's own errors are known to contain no secret.
        _log.info("The page is not prepared (%s): its first request takes longer.", type(error).__name__)


# FastAPI's own documentation pages and mounted folders check no permission, so both are routes here.
app = FastAPI(version=__version__, lifespan=_warmed, openapi_url=None, docs_url=None, redoc_url=None)
pages = APIRouter(dependencies=[SeesPage], include_in_schema=False)


@pages.get("/")
def page() -> Response:
    """Return the page."""
    return static("index.html")


@pages.get("/static/{name}")
def static(name: str) -> Response:
    """Return a file of the page."""
    if name not in _FILES:
        raise HTTPException(404, "there is no such file")
    path = _FILES[name]
    return Response(path.read_bytes(), media_type=_KINDS[path.suffix])


@app.middleware("http")
async def with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Add the headers that make the browser strict."""
    response = await answer(request)
    response.headers.update(HEADERS)
    return response


@app.exception_handler(AuditError)
async def failed(_: Request, error: AuditError) -> JSONResponse:
    """Answer with the error's own message, which contains no secret."""
    return JSONResponse({"detail": str(error)}, status_code=502)


app.include_router(pages)
app.include_router(routes.router)
app.include_router(actions.router)
app.include_router(evidence.router)
