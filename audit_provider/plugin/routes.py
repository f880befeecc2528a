"""The read-only part of the JSON API."""

# No "from __future__ import annotations": FastAPI has to find what the annotations name.
import contextlib
import hashlib
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.configuration import conf
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from audit_provider.core.delivery import Delivery
from audit_provider.core.errors import AuditError
from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.model import utc_now
from audit_provider.core.pipeline import Pipeline
from audit_provider.core.runs.left_behind import left_in_ledger
from audit_provider.host.pipelines import message_of
from audit_provider.host.settings import airflow_root, beside_dags, pipelines_file
from audit_provider.plugin.access import Permissions, PermissionsDep, ReadsVariables, SeesPage
from audit_provider.plugin.all_pipelines import MOST_ROWS, Wanted, row_of, rows_of, totals_of, verdict_of
from audit_provider.plugin.incidents import MOST_NAMED, ended_of, incidents_of
from audit_provider.plugin.letters import LettersView, open_letters
from audit_provider.plugin.looks import look_of, with_look
from audit_provider.plugin.overview import JudgedPipelines, view_of
from audit_provider.plugin.overview_views import Overview, Setup
from audit_provider.plugin.progress import PipelineRecords, Records
from audit_provider.plugin.reading import (
    KnownPipelines,
    PipelinesReader,
    ProgressReader,
    RecordsReader,
    read_dags,
)
from audit_provider.plugin.runs import RunsView, last_runs
from audit_provider.plugin.views import STATES, DestinationView, Incident, PipelineDetail, PipelineView
from audit_provider.plugin.within import within

LETTERS_PATIENCE = 20.0
"""Seconds for reading dead letters from the spool."""

_UNREADABLE = "the pipelines file cannot be read: `check` names what is wrong in it."
"""For users who may not see every pipeline: the file's own error may name any of them."""


class LeftBehindReader:
    """Finds data under names that are not in the pipelines file, again only if the file or a record has changed."""

    def __init__(self) -> None:
        self._kept: tuple[KnownPipelines, Records, str] | None = None

    def read(self, known: KnownPipelines, records: Records) -> str:
        """Return what is left, from the records that the user may read, one line each."""
        kept = self._kept
        if kept is None or kept[0] is not known or kept[1] is not records:
            kept = self._kept = (known, records, _left(known, records))
        return kept[2]


def _left(known: KnownPipelines, records: Records) -> str:
    """Return what is left under names that are not in the pipelines file, from the records that the user may read."""
    if known.unreadable:
        return ""
    served = {name: list(each.destinations) for name, each in known.pipelines.items()}
    lines: list[str] = []
    for name in records.names():
        own = records.of(name)
        if name not in known.wrong and not own.hidden:
            with contextlib.suppress(AuditError):
                lines += map(str, left_in_ledger(MemoryLedger(own.texts), served))
    return "\n".join(lines)


reader = PipelinesReader()
judged = JudgedPipelines()
left_behind = LeftBehindReader()
records_reader = RecordsReader()
progress_reader = ProgressReader()
router = APIRouter(prefix="/api", dependencies=[SeesPage, ReadsVariables])


def wanted_rows(
    find: Annotated[str, Query(description="Part of the name of a pipeline, source, destination or tag.")] = "",
    state: Annotated[str, Query(description="A state; empty for all.")] = "",
    tag: Annotated[str, Query(description="A tag; empty for all.")] = "",
    sort: Annotated[
        str, Query(description="state, name, source, waiting, next_run, or to:<key of a column>.")
    ] = "state",
    down: Annotated[bool, Query(description="The other way round.")] = False,
    group: Annotated[Literal["", "source", "tag"], Query(description="What rows are grouped by.")] = "",
    page: Annotated[int, Query(ge=1, description="Number of the page.")] = 1,
    size: Annotated[int, Query(ge=0, le=MOST_ROWS, description="Rows a page.")] = 50,
) -> Wanted:
    """Return the rows that a request asks for."""
    return Wanted(find, state, tag, sort, down, group, page, size)


@router.get("/overview", response_model=Overview)
def overview(
    request: Request,
    session: SessionDep,
    may: PermissionsDep,
    wanted: Annotated[Wanted, Depends(wanted_rows)],
    opened: Annotated[str, Query(description="A pipeline to add whole.")] = "",
) -> Response:
    """Return the state of every pipeline that the user may see, and one page of those that are asked for.

    A pipeline that is added in full, with its findings and gaps, is of the same moment as its row. If the page asked
    for it separately a moment later, it could contradict the overview.

    The answer has an ``ETag``. A request that names it in ``If-None-Match`` gets 304 if nothing but the time has
    changed.
    """
    known = reader.read()
    records = records_reader.read(session, may.variables)
    dags = read_dags(session, known.pipelines, may.dags)
    root, now = airflow_root(), utc_now()
    views: list[PipelineView] = []
    hidden = 0
    for pipeline in known.pipelines.values():
        own = records.of(pipeline.name)
        if is_hidden(pipeline.name, own, may):
            hidden += 1
            continue
        progress = progress_reader.read(pipeline, own)
        look = look_of(pipeline, own.look)
        views.append(judged.read(pipeline, progress, dags.get(pipeline.name), look, root=root, now=now))
    unseen = [name for name in known.wrong if is_hidden(name, records.of(name), may)]
    hidden += len(set(unseen) - known.pipelines.keys())
    views.sort(key=lambda each: (STATES.index(each.state), each.name))
    page, matrix = rows_of(views, wanted)
    whole = next((each for each in views if each.name == opened), None)
    mistakes = _mistakes(known, unseen, all_seen=not hidden and not records.hidden)
    incidents, more = incidents_of(views)
    wrong = "\n".join(filter(None, (mistakes, left_behind.read(known, records))))
    return _changed(
        request,
        Overview(
            made_at=now,
            critical=sum(each.state == "critical" for each in views),
            warning=sum(each.state == "warning" for each in views),
            hidden=hidden,
            mistakes=wrong,
            verdict=verdict_of(views, hidden=hidden, mistakes=wrong),
            totals=totals_of(views, hidden=hidden),
            incidents=tuple(_shown(each, may) for each in incidents),
            more_incidents=more,
            ended=tuple(ended_of(views, now)),
            pipelines=tuple(map(row_of, page)),
            matrix=matrix,
            setup=None if known.pipelines or known.wrong else _setup(),
            opened=_detail(known.pipelines[opened], records.of(opened), whole, may) if whole else None,
        ),
    )


@router.get("/pipelines/{pipeline}", response_model=PipelineDetail)
def detail(pipeline: str, session: SessionDep, may: PermissionsDep) -> Response:
    """Return one pipeline with its activity by category, action and day, as in the last report."""
    found = pipeline_of(pipeline)
    own = records_reader.read(session, may.variables).of(pipeline)
    if is_hidden(pipeline, own, may):
        raise HTTPException(403, "Forbidden")
    dag = read_dags(session, [pipeline], may.dags).get(pipeline)
    look = look_of(found, own.look)
    view = view_of(found, progress_reader.read(found, own), dag, look, root=airflow_root(), now=utc_now())
    return _json(_detail(found, own, with_look(view, look), may))


@router.get("/pipelines/{pipeline}/runs", response_model=RunsView)
def runs(pipeline: str, session: SessionDep, may: PermissionsDep) -> Response:
    """Return the last runs of those of a pipeline's DAGs that the user may read."""
    pipeline_of(pipeline)
    if is_hidden(pipeline, records_reader.read(session, may.variables).of(pipeline), may):
        raise HTTPException(403, "Forbidden")
    return _json(last_runs(session, pipeline, may.dags, root=airflow_root()))


@router.get("/pipelines/{pipeline}/destinations/{destination}/dead-letters", response_model=LettersView)
def dead_letters(
    pipeline: str,
    destination: str,
    session: SessionDep,
    may: PermissionsDep,
    events: Annotated[bool, Query(description="Show the events themselves.")] = False,
    first: Annotated[int, Query(ge=0, description="How many to leave out.")] = 0,
    reason: Annotated[str, Query(description="The reason that they have; empty for any.")] = "",
) -> Response:
    """Return the open dead letters of a destination, each with the reason and the destination's own words.

    The events are shown only to users who may read the destination's connection, because they could read the events
    there.
    """
    delivery = delivery_of(pipeline, destination)
    if is_hidden(pipeline, records_reader.read(session, may.variables).of(pipeline), may):
        raise HTTPException(403, "Forbidden")
    if events and not may.may_connection("GET", delivery.conn_id):
        raise HTTPException(403, "Forbidden")

    def read() -> LettersView:
        return open_letters(pipeline, delivery, events=events, first=first, reason=reason)

    return _json(within(LETTERS_PATIENCE, read))


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """Return the description of this API."""
    described: dict[str, Any] = request.app.openapi()
    return described


def _setup() -> Setup:
    """Return which files exist so far, and where the missing ones belong."""
    path = pipelines_file(beside_dags())
    return Setup(str(path), path.exists(), conf.get("core", "dags_folder"))


def is_hidden(pipeline: str, own: PipelineRecords, may: Permissions) -> bool:
    """Whether the user may not see a pipeline; without records, the name of its position counts."""
    return own.hidden or not (own.has_position or may.may_see(pipeline))


def _mistakes(known: KnownPipelines, unseen: Collection[str], *, all_seen: bool) -> str:
    """Return what is wrong in the pipelines file, as far as it concerns pipelines that the user may see.

    :param unseen: names of the other pipelines. :param all_seen: whether the user may see every pipeline.
    """
    if known.unreadable:
        # The text may name any pipeline.
        return known.unreadable if all_seen else _UNREADABLE
    lines = [line for name, lines in known.wrong.items() if name not in unseen for line in lines]
    return message_of(known.path if all_seen else "the pipelines file", lines) if lines else ""


def pipeline_of(name: str) -> Pipeline:
    """Return a pipeline of the pipelines file.

    :raises HTTPException: 404; 409 if the file is wrong, so that it is not known what the pipeline is.
    """
    known = reader.read()
    found = known.pipelines.get(name)
    if found is None:
        if known.unreadable:
            raise HTTPException(409, _UNREADABLE)
        if name in known.wrong:
            raise HTTPException(409, f"the entry of {name} in the pipelines file is wrong: `check` names what.")
        raise HTTPException(404, "there is no such pipeline")
    return found


def delivery_of(pipeline: str, destination: str) -> Delivery:
    """Return a destination of a pipeline.

    :raises HTTPException: 404.
    """
    found = pipeline_of(pipeline).destinations.get(destination)
    if found is None:
        raise HTTPException(404, "there is no such destination")
    return found


def with_buttons(pipeline: Pipeline, view: PipelineView, may: Permissions) -> PipelineView:
    """Return a pipeline's view with the buttons that the user may press."""
    redrives = may.may_trigger(f"audit_incremental_{pipeline.name}")
    tests = ("test_connection",) if may.may_test(pipeline.conn_id) else ()
    own = (*tests, *(("acknowledge",) if may.may_acknowledge(pipeline.name) else ()))

    def buttons(each: DestinationView) -> DestinationView:
        conn_id = pipeline.destinations[each.name].conn_id
        tests = ("test_connection",) if may.may_test(conn_id) else ()
        edits = ("test_event",) if may.may_connection("PUT", conn_id) else ()
        reads = ("read_events",) if may.may_connection("GET", conn_id) else ()
        return replace(each, may=(*tests, *edits, *(("redrive",) if redrives else ()), *reads))

    return replace(view, may=own, destinations=tuple(map(buttons, view.destinations)))


def _detail(pipeline: Pipeline, records: PipelineRecords, view: PipelineView, may: Permissions) -> PipelineDetail:
    return PipelineDetail(with_buttons(pipeline, view, may), progress_reader.read(pipeline, records).summary)


def _shown(incident: Incident, may: Permissions) -> Incident:
    """Return an incident with the names of its first pipelines, and with its test if the user may run it."""
    test = incident.test if incident.test and may.may_test(incident.cause) else ""
    return replace(incident, pipelines=incident.pipelines[:MOST_NAMED], test=test)


def _changed(request: Request, answer: Overview) -> Response:
    """Return an answer, or 304 if it is the same as the one that the browser has."""
    body = msgspec.json.encode(answer)
    # The first field is the time of the answer, which does not count as a change.
    tag = f'"{hashlib.blake2b(body.partition(b",")[2], digest_size=16).hexdigest()}"'
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type="application/json", headers={"ETag": tag})


def _json(answer: Any) -> Response:
    """Return an answer as JSON, without validating it again."""
    return Response(msgspec.json.encode(answer), media_type="application/json")
