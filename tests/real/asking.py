"""What the scheduled verification asks a server that was shipped to, and what it must find there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Event
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.asking import arrival_at
from audit_provider.core.verification.arrival import IdBuckets
from audit_provider.core.verification.day_arrivals import answered, place_of
from tests.real.account import Finding, Shipment
from tests.real.adverse import NOW, ORIGIN

_STREAM = "real/live"


@dataclass(frozen=True)
class Counts:
    """What a server has of the events that it was asked for."""

    events: int
    missing: int = 0
    altered: int = 0


@dataclass(frozen=True)
class Questions:
    """Asks a destination for events that it confirmed.

    :ivar entry: of the destination in the pipelines file. :ivar client: a boto3 S3 client, or an HTTP client.
    """

    entry: Mapping[str, Any]
    client: Any

    def ask(self, events: Sequence[Event]) -> Counts:
        """Ask for events, all of their days at once."""
        pipeline = pipeline_from(ORIGIN.pipeline, {"source": ORIGIN.source, "destinations": {"there": self.entry}})
        positions = {_STREAM: Position(ORIGIN.source, fields=ORIGIN.fields)}
        delivery = pipeline.destinations["there"]
        arrival = arrival_at(delivery, pipeline, positions, lambda: self.client, lambda seconds: None)
        days = {event.time.date() for event in events}
        with IdBuckets() as ids:
            for event in events:
                if found := arrival.key(_STREAM, 1, event):
                    ids.add(place_of(event.time.date()), [found[0]], [tuple(found[1])])
            answers = answered(ids, arrival, days, NOW).values()
        return Counts(*(sum(getattr(each, name) for each in answers) for name in ("events", "missing", "altered")))


def asked(
    shipment: Shipment,
    questions: Questions,
    *,
    remove: Callable[[Event], None],
    alter: Callable[[Event], None],
    by_content: bool = False,
) -> Finding:
    """Ask for all that was delivered; again after one event was removed there; and after another one was altered.

    :param by_content: events are looked for by what they say, so one that is altered is missing.
    """
    events = shipment.delivered()
    if len(events) < 3:
        return Finding(shipment.said, "-", f"too few were delivered: {shipment.errors[-1]}")
    count = len(events)
    said = [questions.ask(events)]
    remove(events[0])
    said.append(questions.ask(events))
    alter(events[-1])
    said.append(questions.ask(events))
    both = Counts(count, missing=2) if by_content else Counts(count, missing=1, altered=1)
    wanted = [Counts(count), Counts(count, missing=1), both]
    wrong = "" if said == wanted else f"asked, it said {said} and not {wanted}"
    return Finding(shipment.said, f"{said[0].events - said[0].missing} of {count}", wrong)
