"""The destinations as an administrator sees them: where they are, how they fare, and whether a test event arrives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from audit_provider.core.delivery import form_of
from audit_provider.core.destinations.marked_event import send_marked_event
from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.ledger import offset_record
from audit_provider.core.model import Fields, Origin, utc_now
from audit_provider.core.open_stream import open_stream
from audit_provider.core.stream_name import StreamName
from audit_provider.core.validation import near
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.operators.redrive import kept_letters
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import Variables

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.pipeline import Pipeline

_FIELDS = Fields(id="id", time="time", action="action", actor_id="actor")


@dataclass(frozen=True, slots=True)
class SiemConfiguration:
    """One destination of a pipeline, and how it fares.

    :ivar endpoint: its address, or why the connection gives none. :ivar last_success: when a batch was last accepted.
    :ivar failures_in_a_row: runs since then that failed. :ivar pending: events in the spool that it has not got.
    :ivar dead_letters: events set aside that it still has not got, in the live stream and in backfills.
    :ivar last_error: "" where the last run ended well.
    """

    pipeline: str
    name: str
    type: str
    endpoint: str
    enabled: bool
    last_success: datetime | None = None
    failures_in_a_row: int = 0
    pending: int = 0
    last_error: str = ""
    dead_letters: int = 0


def siem_configurations(pipelines: Iterable[Pipeline], *, spool: str | None = None) -> list[SiemConfiguration]:
    """Return every destination of every pipeline. Nothing is sent.

    :param spool: URI of the spool; by default ``[audit_logs] spool``.
    :raises AuditError: the spool cannot be read.
    """
    ledger, store = Variables(), open_store(spool or spool_uri())
    found = []
    for pipeline in pipelines:
        name = StreamName(pipeline.name)
        opened = open_stream(ledger, store, name)
        for delivery in pipeline.destinations.values():
            offset = opened.offset(delivery.name) if opened else offset_record(ledger, name, delivery.name).load()
            found.append(
                SiemConfiguration(
                    pipeline=pipeline.name,
                    name=delivery.name,
                    type=delivery.type,
                    endpoint=_endpoint(delivery),
                    enabled=delivery.enabled,
                    last_success=offset.last_success if offset else None,
                    failures_in_a_row=offset.failures_in_a_row if offset else 0,
                    pending=opened.account(delivery.name).pending if opened else 0,
                    last_error=offset.last_error if offset else "",
                    dead_letters=sum(
                        kept.letters.count().open for kept in kept_letters(ledger, store, pipeline.name, delivery.name)
                    ),
                )
            )
    return found


def send_test_event(pipeline: Pipeline, destination: str) -> str:
    """Send one event, marked as a test, and return a sentence that says what became of it.

    It does not pass through the spool and moves no offset.

    :raises AuditError: the destination does not take it.
    """
    return send_marked_event(_target(pipeline, destination), destination, utc_now())


def check_destination(pipeline: Pipeline, destination: str) -> str:
    """Prove that a destination's credential and address work; return a sentence that says what was seen.

    :raises AuditError: they do not.
    """
    return _target(pipeline, destination).check()


def _target(pipeline: Pipeline, destination: str) -> Destination:
    """Return a destination, ready to send.

    :raises ConfigurationError: there is none of that name, or its connection cannot be used.
    """
    if destination not in pipeline.destinations:
        raise ConfigurationError(
            f"{pipeline.name} has no destination {destination!r}{near(destination, pipeline.destinations)}."
        )
    delivery = pipeline.destinations[destination]
    origin = Origin(pipeline.name, pipeline.spec.name, _FIELDS, title=pipeline.spec.title)
    operator = SHIP_OPERATORS[delivery.type].of_delivery(delivery, task_id="test", pipeline=pipeline.name)
    return operator.connect(delivery, origin, form_of(delivery, origin))


def _endpoint(delivery: Delivery) -> str:
    try:
        return SHIP_OPERATORS[delivery.type].endpoint(delivery)
    except AuditError as error:
        return str(error)
