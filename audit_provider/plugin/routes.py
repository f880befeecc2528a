"""The JSON API that reads."""

# No "from __future__ import annotations": FastAPI has to find what the annotations name.
import contextlib
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, Query, Request, Response

from audit_provider.core.delivery import Delivery
from audit_provider.core.errors import AuditError
from audit_provider.core.ledger import MemoryLedger
from audit_provider.core.model import utc_now
from audit_provider.core.pipeline import Pipeline
from audit_provider.core.runs.left_behind import left_in_ledger
from audit_provider.dags.pipelines import message_of
from audit_provider.plugin import airflow_root
from audit_provider.plugin.access import Permissions, PermissionsDep, ReadsVariables, SeesPage
from audit_provider.plugin.dag_facts import DagFacts
from audit_provider.plugin.incidents import MOST_INCIDENTS, incidents_of
from audit_provider.plugin.letters import open_letters
from audit_provider.plugin.overview import PipelineRecords, Records, view_of
from audit_provider.plugin.reading import (
    KnownPipelines,
    PipelinesReader,
    ProgressReader,
    RecordsReader,
    read_dags,
)
from audit_provider.plugin.verdict import totals_of, verdict_of
from audit_provider.plugin.views import (
    STATES,
    DestinationView,
    LettersView,
    Overview,
    PipelineDetail,
    PipelineView,
    Problem,
)
from audit_provider.plugin.within import within

MOST_PROBLEMS = 6
"""Problems of one pipeline that the overview lists."""

LETTERS_PATIENCE = 20.0
"""Seconds for reading dead letters from the spool."""

reader = PipelinesReader()
records_reader = RecordsReader()
progress_reader = ProgressReader()
router = APIRouter(prefix="/api", dependencies=[SeesPage, ReadsVariables])


@router.get("/overview", response_model=Overview)
def overview(
    session: SessionDep,
    may: PermissionsDep,
    opened: Annotated[str, Query(description="A pipeline to add whole.")] = "",
) -> Response:
    """Return how every pipeline fares that the user may see, the worst first. Findings and gaps are in the details.

    A pipeline that is added whole is of the same moment as its row. Asked for by itself a moment later, it would say
    what the overview does not say yet.
    """
    known = reader.read()
    records = records_reader.read(session, may.variables)
    dags = read_dags(session, known.pipelines, may.dags)
    views: list[PipelineView] = []
    hidden = 0
    for pipeline in known.pipelines.values():
        own = records.of(pipeline.name)
        if _is_hidden(pipeline.name, own, may):
            hidden += 1
            continue
        views.append(_view(pipeline, own, dags.get(pipeline.name), may))
    unseen = [name for name in known.wrong if _is_hidden(name, records.of(name), may)]
    hidden += len(set(unseen) - known.pipelines.keys())
    views.sort(key=lambda each: (STATES.index(each.state), each.name))
    shown = tuple(replace(each, problems=_first(each.problems), findings=(), gaps=()) for each in views)
    whole = next((each for each in views if each.name == opened), None)
    mistakes = _mistakes(known, unseen, all_seen=not hidden and not records.hidden)
    incidents = incidents_of(views)
    wrong = "\n".join(filter(None, (mistakes, _left(known, records))))
    return _json(
        Overview(
            made_at=utc_now(),
            critical=sum(each.state == "critical" for each in views),
            warning=sum(each.state == "warning" for each in views),
            hidden=hidden,
            mistakes=wrong,
            verdict=verdict_of(views, hidden=hidden, mistakes=wrong),
            totals=totals_of(views),
            incidents=tuple(incidents[:MOST_INCIDENTS]),
            more_incidents=max(len(incidents) - MOST_INCIDENTS, 0),
            pipelines=shown,
            opened=_detail(known.pipelines[opened], records.of(opened), whole) if whole else None,
        )
    )


@router.get("/pipelines/{pipeline}", response_model=PipelineDetail)
def detail(pipeline: str, session: SessionDep, may: PermissionsDep) -> Response:
    """Return one pipeline with its activity by category, action and day, as the last report left it."""
    found = pipeline_of(pipeline)
    own = records_reader.read(session, may.variables).of(pipeline)
    if _is_hidden(pipeline, own, may):
        raise HTTPException(403, "Forbidden")
    dag = read_dags(session, [pipeline], may.dags).get(pipeline)
    return _json(_detail(found, own, _view(found, own, dag, may)))


@router.get("/pipelines/{pipeline}/destinations/{destination}/dead-letters", response_model=LettersView)
def dead_letters(
    pipeline: str,
    destination: str,
    session: SessionDep,
    may: PermissionsDep,
    events: Annotated[bool, Query(description="Show the events themselves.")] = False,
) -> Response:
    """Return the open dead letters of a destination, each with the reason and the destination's own words.

    The events are shown only to those who may read the destination's connection, and with it could read them there.
    """
    delivery = delivery_of(pipeline, destination)
    if _is_hidden(pipeline, records_reader.read(session, may.variables).of(pipeline), may):
        raise HTTPException(403, "Forbidden")
    if events and not may.may_connection("GET", delivery.conn_id):
        raise HTTPException(403, "Forbidden")
    return _json(within(LETTERS_PATIENCE, lambda: open_letters(pipeline, delivery, events=events)))


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """Return the description of this API."""
    described: dict[str, Any] = request.app.openapi()
    return described


def _is_hidden(pipeline: str, own: PipelineRecords, may: Permissions) -> bool:
    """Whether the user may not see a pipeline; where nothing is recorded of it, its records are asked for by name."""
    return own.hidden or not (own.has_position or may.may_see(pipeline))


def _mistakes(known: KnownPipelines, unseen: Collection[str], *, all_seen: bool) -> str:
    """Return what is wrong in the pipelines file, of the pipelines that the user may see.

    :param unseen: names of others. :param all_seen: the user may see every pipeline.
    """
    if known.unreadable:
        # The words may name any pipeline.
        return known.unreadable if all_seen else "the pipelines file cannot be read: `check` names what is wrong in it."
    lines = [line for name, lines in known.wrong.items() if name not in unseen for line in lines]
    return message_of(known.path if all_seen else "the pipelines file", lines) if lines else ""


def _left(known: KnownPipelines, records: Records) -> str:
    """Return what waits under names that the file does not have, by the records that the user may read."""
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


def pipeline_of(name: str) -> Pipeline:
    """Return a pipeline of the pipelines file.

    :raises HTTPException: 404.
    """
    found = reader.read().pipelines.get(name)
    if found is None:
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


def _view(pipeline: Pipeline, records: PipelineRecords, dag: DagFacts | None, may: Permissions) -> PipelineView:
    """Return a pipeline's row with the buttons that the user may press."""
    view = view_of(pipeline, progress_reader.read(pipeline, records), dag, root=airflow_root(), now=utc_now())
    redrives = may.may_trigger(f"audit_incremental_{pipeline.name}")
    tests = ("test_connection",) if may.may_test(pipeline.conn_id) else ()
    own = (*tests, *(("acknowledge",) if may.may_acknowledge(pipeline.name) else ()))

    def with_buttons(each: DestinationView) -> DestinationView:
        conn_id = pipeline.destinations[each.name].conn_id
        tests = ("test_connection",) if may.may_test(conn_id) else ()
        edits = ("test_event",) if may.may_connection("PUT", conn_id) else ()
        reads = ("read_events",) if may.may_connection("GET", conn_id) else ()
        return replace(each, may=(*tests, *edits, *(("redrive",) if redrives else ()), *reads))

    return replace(view, may=own, destinations=tuple(map(with_buttons, view.destinations)))


def _detail(pipeline: Pipeline, records: PipelineRecords, view: PipelineView) -> PipelineDetail:
    return PipelineDetail(view, progress_reader.read(pipeline, records).summary)


def _first(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return as many problems as a person reads at a glance, and how many more there are."""
    if len(problems) <= MOST_PROBLEMS:
        return problems
    left = problems[MOST_PROBLEMS - 1 :]
    return (*problems[: MOST_PROBLEMS - 1], Problem(left[0].level, f"and {len(left)} more."))


def _json(answer: Any) -> Response:
    """Return an answer as JSON, without a second check of what is made here."""
    return Response(msgspec.json.encode(answer), media_type="application/json")
