"""A test event, marked so that it cannot be mistaken for a real one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.destinations.base import Batch, Item, Verdict
from audit_provider.core.errors import ProtocolError
from audit_provider.core.model import Event, text_of

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.destinations.base import Destination

TEST_ACTION = "audit_provider.test"
"""The action of test events, by which receivers can find or ignore them."""


def marked_event(now: datetime) -> Event:
    """Return an event that is marked as a test."""
    name = f"test-{uuid.uuid4()}"
    record = {"id": name, "time": text_of(now), "action": TEST_ACTION, "actor": "audit_provider", "test": True}
    return Event(name, now, msgspec.Raw(msgspec.json.encode(record)))


def marked_item(destination: Destination, now: datetime) -> Item:
    """Return a test event, encoded for a destination."""
    event = marked_event(now)
    return Item(event, destination.encode(event, restamp=False), 1, 0)


def send_marked_event(destination: Destination, name: str, now: datetime) -> str:
    """Send a test event, and return a sentence about the result.

    :param name: of the destination, for the sentence.
    :raises AuditError: the destination does not accept it.
    """
    item = marked_item(destination, now)
    event, outcome = item.event, destination.send(Batch((item,)))
    (verdict,) = outcome.verdicts
    if verdict not in (Verdict.DELIVERED, Verdict.ALREADY_THERE):
        raise ProtocolError(f"{name} did not accept the test event {event.id}: {outcome.said or 'no reason given'}.")
    if destination.limits.unconfirmed:
        return f"The test event {event.id} was written to {name}. {destination.limits.unconfirmed}"
    return f"{name} accepted the test event {event.id}" + (f" ({outcome.said})." if outcome.said else ".")
