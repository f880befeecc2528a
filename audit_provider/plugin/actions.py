"""The buttons. Each requires its own permission, changes something, and is recorded in Airflow's audit log."""

# No "from __future__ import annotations": FastAPI has to find what the annotations name.
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.api_fastapi.logging.decorators import action_logging
from airflow.models import DagModel
from airflow.providers.common.compat.sdk import AirflowException
from airflow.utils.types import DagRunTriggeredByType
from fastapi import APIRouter, Depends, HTTPException

from audit_provider.core.delivery import Delivery
from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.pipeline import Pipeline
from audit_provider.core.runs.arguments import discard_from
from audit_provider.core.runs.gap_records import acknowledge_gap, reopen_gap
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.host.settings import airflow_root, spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.operators.siem_configurations import check_destination, load_destination, send_test_event
from audit_provider.plugin.access import (
    PermissionsDep,
    SeesPage,
    acknowledges_gaps,
    require,
    sent_by_page,
    triggers_runs,
)
from audit_provider.plugin.routes import delivery_of, pipeline_of
from audit_provider.plugin.views import ActionResult
from audit_provider.plugin.within import within
from audit_provider.state import Variables

PATIENCE = 30.0
"""Seconds that a button waits for a service."""

router = APIRouter(prefix="/api/pipelines/{pipeline}", dependencies=[SeesPage, Depends(sent_by_page)])


@dataclass(frozen=True, slots=True)
class Discarded:
    """Dead letters to discard. :ivar events: ids of their events. :ivar reason: why they are not sent."""

    events: list[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """The note of an acknowledgement."""

    note: str = ""


def _edits_connection(pipeline: str, destination: str, may: PermissionsDep) -> None:
    require(may.may_connection("PUT", delivery_of(pipeline, destination).conn_id))


def _tests_connection(pipeline: str, destination: str, may: PermissionsDep) -> None:
    require(may.may_test(delivery_of(pipeline, destination).conn_id))


def _tests_source(pipeline: str, may: PermissionsDep) -> None:
    require(may.may_test(pipeline_of(pipeline).conn_id))


@router.post(
    "/test-connection",
    dependencies=[Depends(_tests_source), Depends(action_logging(event="audit_logs.test"))],
)
def test_source(pipeline: str) -> ActionResult:
    """Test the credential and the address of a pipeline's source. Nothing is spooled and no position moves."""
    found = pipeline_of(pipeline)
    return _result_of(lambda: AuditLogsHook(found.conn_id, found.spec, found.settings).check())


@router.post(
    "/destinations/{destination}/test-connection",
    dependencies=[Depends(_tests_connection), Depends(action_logging(event="audit_logs.test"))],
)
def test_connection(pipeline: str, destination: str) -> ActionResult:
    """Test a destination's credential and address. No event is sent."""
    return _asked(pipeline, destination, check_destination)


@router.post(
    "/destinations/{destination}/test-event",
    dependencies=[Depends(_edits_connection), Depends(action_logging(event="audit_logs.test_event"))],
)
def test_event(pipeline: str, destination: str) -> ActionResult:
    """Send one event that is marked as a test. It is not written to the spool and moves no offset."""
    return _asked(pipeline, destination, send_test_event)


@router.post(
    "/destinations/{destination}/redrive",
    dependencies=[Depends(triggers_runs), Depends(action_logging(event="audit_logs.redrive"))],
)
def redrive(pipeline: str, destination: str, user: GetUserDep, session: SessionDep) -> ActionResult:
    """Start a run of the incremental DAG that sends the destination's dead letters again."""
    delivery: Delivery = delivery_of(pipeline, destination)
    if not delivery.enabled:
        raise HTTPException(
            409, f"{delivery.name} is not enabled, so nothing is sent to it: enable it in the pipelines file first"
        )
    started = _started(pipeline, {"redrive": [delivery.name]}, user.get_name(), session)
    return ActionResult(True, f"The dead letters of {delivery.name} are sent again {started.when}.", started.link)


@router.post(
    "/destinations/{destination}/discard",
    dependencies=[Depends(triggers_runs), Depends(action_logging(event="audit_logs.discard"))],
)
def discard(pipeline: str, destination: str, body: Discarded, user: GetUserDep, session: SessionDep) -> ActionResult:
    """Start a run of the incremental DAG that records some dead letters as discarded, with this user and a reason."""
    delivery: Delivery = delivery_of(pipeline, destination)
    wanted = {"discard_from": delivery.name, "discard": body.events, "discard_reason": body.reason}
    try:
        asked = discard_from(wanted, delivery.name, by=user.get_name(), run="")
    except ConfigurationError as error:
        raise HTTPException(422, str(error)) from None
    started = _started(pipeline, wanted, user.get_name(), session)
    count = len(asked.events) if asked else 0
    letters = "1 dead letter" if count == 1 else f"{count:,} dead letters"
    return ActionResult(
        True, f"{letters} of {delivery.name} will be recorded as discarded {started.when}.", started.link
    )


@dataclass(frozen=True, slots=True)
class _Started:
    when: str
    link: str


def _started(pipeline: str, wanted: dict[str, Any], by: str, session: SessionDep) -> _Started:
    """Start a run of the incremental DAG. :param wanted: its configuration. :param by: name of the user."""
    dag_id = f"audit_incremental_{pipeline}"
    dag = session.get(DagModel, dag_id)
    if dag is None or dag.is_stale:
        raise HTTPException(409, f"Airflow does not know {dag_id}: see its import errors")
    try:
        run = trigger_dag(
            dag_id,
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=by,
            conf=wanted,
            session=session,
        )
    except (AirflowException, ValueError) as error:
        # For example, a DAG that Airflow has not stored yet, or that allows no runs by hand.
        raise HTTPException(409, f"Airflow started no run of {dag_id}: {error}") from None
    if run is None:
        raise HTTPException(409, f"Airflow started no run of {dag_id}")
    when = "once the DAG is unpaused" if dag.is_paused else "when the runs before it have ended"
    link = f"{airflow_root()}/dags/{dag_id}/runs/{run.run_id}"
    return _Started(f"{when}, by the run {run.run_id}", link)


@router.post(
    "/gaps/{gap}/acknowledge",
    dependencies=[Depends(acknowledges_gaps), Depends(action_logging(event="audit_logs.acknowledge"))],
)
def acknowledge(pipeline: str, gap: str, body: Note, user: GetUserDep) -> ActionResult:
    """Record that somebody has looked at a gap and accepts it."""
    found: Pipeline = pipeline_of(pipeline)

    def work() -> str:
        acknowledge_gap(Variables(), open_store(spool_uri()), found, gap, by=user.get_name(), note=body.note)
        return f"the gap {gap} is acknowledged."

    return _result_of(work)


@router.post(
    "/gaps/{gap}/reopen",
    dependencies=[Depends(acknowledges_gaps), Depends(action_logging(event="audit_logs.reopen"))],
)
def reopen(pipeline: str, gap: str) -> ActionResult:
    """Undo the acknowledgement of a gap: it is open again."""
    found: Pipeline = pipeline_of(pipeline)

    def work() -> str:
        taken_back = reopen_gap(Variables(), found.name, gap)
        return f"The gap {gap} is open again; {taken_back.by} had acknowledged it."

    return _result_of(work)


def _asked(pipeline: str, destination: str, ask: Callable[[Pipeline, str], str]) -> ActionResult:
    """Ask a destination something, and return the answer. Loading libraries does not count towards the time limit."""
    found = pipeline_of(pipeline)
    load_destination(found, delivery_of(pipeline, destination).name)
    return _result_of(lambda: ask(found, destination))


def _result_of(work: Callable[[], str]) -> ActionResult:
    try:
        return ActionResult(True, within(PATIENCE, work))
    except AuditError as error:
        return ActionResult(False, str(error))
