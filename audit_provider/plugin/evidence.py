"""Evidence on the page: the calendar of a pipeline, the story of an event, and the pack of a time range."""

# No "from __future__ import annotations": FastAPI has to find what the annotations name.
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.logging.decorators import action_logging
from fastapi import APIRouter, Depends, HTTPException, Response

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.gaps import GapRecord
from audit_provider.core.model import UTC, Window, utc_now
from audit_provider.core.pipeline import Pipeline
from audit_provider.core.runs.arguments import moment_from
from audit_provider.core.runs.calendar import Calendar, with_gaps
from audit_provider.core.runs.event_search import Wanted, search
from audit_provider.core.runs.gap_records import all_gaps
from audit_provider.core.runs.proving import Evidence
from audit_provider.core.spool import Store
from audit_provider.host.settings import spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.operators.evidence import Pack, Story, make_pack, story_of
from audit_provider.plugin.access import Permissions, PermissionsDep, ReadsVariables, SeesPage, require, sent_by_page
from audit_provider.plugin.routes import is_hidden, pipeline_of, records_reader
from audit_provider.plugin.views import Asked, CalendarView, DayView, Span, StoriesView
from audit_provider.plugin.within import reading_within, within
from audit_provider.state import Variables

PATIENCE = 50.0
"""Seconds for reading the spool; the browser waits for one minute."""

MOST_STORIES = 20
"""Most events that one answer lists."""

MOST_TIME = 100
"""Most characters of a time in a request."""

MOST_RECORD = 20_000
"""Most characters of a vendor's record that are shown."""

YEAR = timedelta(days=371)
"""Time range of a calendar: 53 weeks."""

router = APIRouter(prefix="/api/pipelines/{pipeline}", dependencies=[SeesPage, ReadsVariables])


def _reads_source(pipeline: str, session: SessionDep, may: PermissionsDep) -> None:
    """Require the permissions for seeing events: to see the pipeline, and to read the connection of its source."""
    found = pipeline_of(pipeline)
    _demand_seen(found, session, may)
    require(may.may_connection("GET", found.conn_id))


def _demand_seen(pipeline: Pipeline, session: SessionDep, may: Permissions) -> None:
    own = records_reader.read(session, may.variables).of(pipeline.name)
    require(not is_hidden(pipeline.name, own, may))


@router.get("/calendar", response_model=CalendarView)
def calendar(pipeline: str, session: SessionDep, may: PermissionsDep) -> Response:
    """Return the state of each day of the last year by the last verification, with the gaps as they are now."""
    found = pipeline_of(pipeline)
    _demand_seen(found, session, may)

    def read() -> tuple[Calendar, Sequence[GapRecord]]:
        store = open_store(spool_uri())
        return Calendar.load(store, pipeline), all_gaps(Variables(), store, [found])

    kept, gaps = within(PATIENCE, read)
    last = utc_now().astimezone(UTC).date()
    days = with_gaps(kept.days, gaps, last, kept.gaps)
    first = last - YEAR + timedelta(days=1)
    return _json(
        CalendarView(
            kept.checked_at,
            kept.result,
            first,
            last,
            tuple(
                DayView(day, msgspec.to_builtins(each)) for day, each in sorted(days.items()) if first <= day <= last
            ),
            ("search", "pack") if may.may_connection("GET", found.conn_id) else (),
        )
    )


@router.post(
    "/search",
    response_model=StoriesView,
    dependencies=[Depends(sent_by_page), Depends(_reads_source), Depends(action_logging(event="audit_logs.search"))],
)
def find(pipeline: str, body: Asked) -> Response:
    """Return the stories of events: where each event is, which checkpoint covers it, what became of it."""
    found = pipeline_of(pipeline)
    start, end = _span(body.start, body.end)
    try:
        wanted = Wanted(body.id.strip(), body.actor, body.action, body.text, start, end)
    except ConfigurationError as error:
        raise HTTPException(422, str(error)) from None
    if wanted == Wanted():
        raise HTTPException(422, "name an id, an actor, an action, a text, or a time")

    def work(store: Store) -> tuple[list[Story], bool]:
        ledger = Variables()
        some = search(ledger, store, wanted, pipeline=pipeline, fields=lambda _: found.spec.fields)
        events = list(islice(some, MOST_STORIES + 1))
        evidence = Evidence(ledger, store, pipeline)
        return [story_of(ledger, each, evidence, found) for each in events[:MOST_STORIES]], len(events) > MOST_STORIES

    stories, more = reading_within(PATIENCE, lambda: open_store(spool_uri()), work)
    return _json(StoriesView(tuple(map(_shown, stories)), more))


@router.post(
    "/evidence",
    response_class=Response,
    dependencies=[Depends(sent_by_page), Depends(_reads_source), Depends(action_logging(event="audit_logs.evidence"))],
)
def evidence(pipeline: str, body: Span) -> Response:
    """Return the pack of a time range, without the events themselves."""
    found = pipeline_of(pipeline)
    start, end = _span(body.start, body.end)
    if start is None or end is None:
        raise HTTPException(422, "name when the range begins and when it ends")
    wanted = Window(start, end)

    def work(store: Store) -> Pack:
        return make_pack(Variables(), store, found, wanted, now=utc_now())

    pack = reading_within(PATIENCE, lambda: open_store(spool_uri()), work)
    name = f"{pipeline}-{start:%Y%m%d}-{end:%Y%m%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pack.content, media_type="application/zip", headers=headers)


def _span(start: str, end: str) -> tuple[datetime | None, datetime | None]:
    """Return the bounds of a time range. :raises HTTPException: 422, they are not valid times."""
    if max(len(start), len(end)) > MOST_TIME:
        raise HTTPException(422, f"a time has {MOST_TIME} characters at most")
    try:
        first = moment_from(start, "the beginning") if start else None
        last = moment_from(end, "the end") if end else None
    except ConfigurationError as error:
        raise HTTPException(422, str(error)) from None
    if first and last and not first < last:
        raise HTTPException(422, "the range must end after it begins")
    return first, last


def _shown(story: Story) -> dict[str, Any]:
    record = bytes(story.found.event.raw).decode(errors="replace")
    kept = story.checkpoint
    covered = {"time": kept.time, "size": kept.size, "signed": kept.signed} if kept else None
    cut = record if len(record) <= MOST_RECORD else f"{record[:MOST_RECORD]}…"
    return {**story.as_json(), "covered": covered, "record": cut, "events": story.found.manifest.events}


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
