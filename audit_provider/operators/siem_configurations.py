"""The destinations as an administrator sees them: their address, their state, and whether a test event arrives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from audit_provider.core.delivery import form_of
from audit_provider.core.destinations.marked_event import send_marked_event
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Fields, Origin, utc_now
from audit_provider.core.runs import siem_configurations as runs
from audit_provider.core.runs.siem_configurations import SiemConfiguration
from audit_provider.core.text.validation import near
from audit_provider.host.settings import spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.state import Variables

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.pipeline import Pipeline

__all__ = ["SiemConfiguration", "check_destination", "load_destination", "send_test_event", "siem_configurations"]

_FIELDS = Fields(id="id", time="time", action="action", actor_id="actor")


def siem_configurations(pipelines: Iterable[Pipeline], *, spool: str | None = None) -> list[SiemConfiguration]:
    """Return every destination of every pipeline. Nothing is sent.

    :param spool: URI of the spool; by default ``[audit_logs] spool``.
    :raises AuditError: the spool or a Variable cannot be read.
    """
    store = open_store(spool or spool_uri())
    return runs.siem_configurations(Variables(), store, pipelines, endpoint=_endpoint)


def send_test_event(pipeline: Pipeline, destination: str) -> str:
    """Send one event that is marked as a test, and return a sentence with the result.

    It is not written to the spool and moves no offset.

    :raises AuditError: the destination does not take it.
    """
    return send_marked_event(_target(pipeline, destination), destination, utc_now())


def load_destination(pipeline: Pipeline, destination: str) -> None:
    """Load the libraries that a destination needs, so that the time limit of a later request does not include loading.

    :raises ConfigurationError: there is no destination of that name.
    """
    delivery = _delivery(pipeline, destination)
    SHIP_OPERATORS[delivery.type].load(delivery)


def check_destination(pipeline: Pipeline, destination: str) -> str:
    """Check that a destination's credential and address work; return a sentence that says what was seen.

    :raises AuditError: they do not work.
    """
    return _target(pipeline, destination).check()


def _target(pipeline: Pipeline, destination: str) -> Destination:
    """Return a destination, ready to send.

    :raises ConfigurationError: there is no destination of that name, or its connection cannot be used.
    """
    delivery = _delivery(pipeline, destination)
    origin = Origin(pipeline.name, pipeline.spec.name, _FIELDS, title=pipeline.spec.title)
    operator = SHIP_OPERATORS[delivery.type].of_delivery(delivery, task_id="test", pipeline=pipeline.name)
    return operator.connect(delivery, origin, form_of(delivery, origin))


def _delivery(pipeline: Pipeline, destination: str) -> Delivery:
    if destination not in pipeline.destinations:
        raise ConfigurationError(
            f"{pipeline.name} has no destination {destination!r}{near(destination, pipeline.destinations)}."
        )
    return pipeline.destinations[destination]


def _endpoint(delivery: Delivery) -> str:
    return SHIP_OPERATORS[delivery.type].endpoint(delivery)
