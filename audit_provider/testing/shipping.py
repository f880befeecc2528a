"""Events to ship, and a run of the ship loop that keeps what is durable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.model import UTC, Event, Fields, Offset, Origin
from audit_provider.core.shipping.ship import ship

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_provider.core.destinations.base import DeadLetter, Destination

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The time at which everything in the tests happens."""

ORIGIN = Origin(
    "payroll", "slack", Fields("id", "date", action="action", actor_email="actor.user.email", ip="context.ip")
)
"""Pipeline and source of the events."""


def event(name: object, *, time: datetime = NOW, **record: Any) -> Event:
    """Return an event. :param name: its id. :param record: further keys of its record."""
    return Event(str(name), time, msgspec.Raw(msgspec.json.encode({"id": str(name), **record})))


def padded(name: str, size: int, encode: Callable[..., bytes]) -> Event:
    """Return an event that ``encode`` turns into exactly ``size`` bytes."""
    missing = size - len(encode(event(name, pad=""), restamp=False))
    assert missing >= 0, f"an empty event has more than {size} bytes"
    result = event(name, pad="x" * missing)
    assert len(encode(result, restamp=False)) == size, "each byte of the record must be one byte of what is sent"
    return result


@dataclass
class Desk:
    """Ships, and keeps what is durable: the offset, the dead letters, and what was slept.

    :ivar letters: dead letters by the event's id. :ivar sleeps: seconds of each wait.
    """

    offset: Offset = field(default_factory=Offset)
    commits: list[Offset] = field(default_factory=list)
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    sleeps: list[float] = field(default_factory=list)

    def commit(self, offset: Offset) -> None:
        """Keep an offset, which must be further than the one before."""
        after, before = (offset.segment, offset.index), (self.offset.segment, self.offset.index)
        assert after > before or (after == before and offset.ahead != self.offset.ahead)
        self.offset = offset
        self.commits.append(offset)

    def set_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Keep dead letters, which must be set aside before the commit that passes them."""
        places = [(letter.item.segment, letter.item.index) for letter in letters]
        assert places == sorted(places)
        assert places[0] >= (self.offset.segment, self.offset.index), "set aside before the commit that passes it"
        self.letters |= {letter.item.event.id: letter for letter in letters}

    def ship(self, destination: Destination, segments: Sequence[Sequence[Event]], **options: Any) -> Offset:
        """Ship segments from the offset on. :param options: of the ship loop."""
        options = {"too_old": "arrival_time", "sleep": self.sleeps.append, "now": lambda: NOW, **options}
        start = self.offset.segment
        pending = ((number, events) for number, events in enumerate(segments, 1) if number >= start)
        commit = options.pop("commit", self.commit)
        return ship(destination, pending, self.offset, commit=commit, set_aside=self.set_aside, **options)
