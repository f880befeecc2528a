"""The FastAPI app that Airflow's API server mounts at ``/audit-logs``."""

# No "from __future__ import annotations": FastAPI has to find what the annotations name.
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from audit_provider.core.errors import AuditError
from audit_provider.plugin import actions, evidence, routes
from audit_provider.plugin.access import SeesPage
from audit_provider.plugin.warming import warmed
from audit_provider.version import __version__

reader = routes.reader

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
"""Of every answer. What the page shows is nobody else's, so nothing keeps it."""

# FastAPI's own pages for the description ask nobody who reads them, nor do mounted folders: both are routes here.
app = FastAPI(version=__version__, lifespan=warmed, openapi_url=None, docs_url=None, redoc_url=None)
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
    """Answer with the error's own sentence, which holds no secret."""
    return JSONResponse({"detail": str(error)}, status_code=502)


app.include_router(pages)
app.include_router(routes.router)
app.include_router(actions.router)
app.include_router(evidence.router)
