"""Distinguishes bad events from a bad configuration, and from a faulty receiver.

If an event is bad, only this event is refused; if the configuration is bad, every event is refused. A receiver may
close the connection on a bad event, or because it is faulty itself.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence


TOO_MANY_REFUSED = 10
"""If this many events are refused in a row, and none is accepted in between, the configuration is wrong."""

_VARYING = re.compile(r"(?<!\w)'.*?'(?!\w)|\"[^\"]*\"|\d+", re.DOTALL)
"""Parts of a message that quote the event; Elasticsearch, for example, names the document and its value."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Events that were refused one after another, and may have been refused because of the sender's configuration.

    An event that was refused with its batch, and then alone, counts. An event with its own reason counts if the events
    before it were refused for the same reason, apart from digits and quoted text. Another reason restarts the count,
    because a destination that names different reasons does examine the events.

    :ivar count: Number of events.
    :ivar alike: Digest of the common reason, "" if there is none.
    """

    count: int = 0
    alike: str = ""

    @property
    def are_too_many(self) -> bool:
        """Whether there are so many that none may be set aside."""
        return self.count >= TOO_MANY_REFUSED

    def with_batch(self) -> Refusals:
        """Return the refusals with one more event that has no reason of its own."""
        return Refusals(self.count + 1, self.alike)

    def with_event(self, reason: str) -> Refusals:
        """Return the refusals with one more event that has its own reason."""
        alike = hashlib.sha256(_VARYING.sub("", reason).encode()).hexdigest()[:16]
        return Refusals(self.count + 1 if self.alike in ("", alike) else 1, alike)


Step = Literal["again", "halve", "later", "set aside"]

TRIES_WHOLE = 3
"""Hang-ups in a row on a whole batch before it is halved; a restart of the receiver causes one or two."""

TRIES_ALONE = 2
"""Hang-ups in a row on a single event after which it is a suspect."""


class HangUps:
    """Tracks the connections that the receiver closed while one lot was sent, and decides the next step.

    An event on which the receiver closes the connection, sent alone, is a suspect. It waits until the receiver has
    accepted another event. If the receiver then closes the connection on it once more, the event is set aside. So a
    receiver that closes every connection costs no event.

    :param events: Number of events in the lot.
    :param tries: Sends in a row without progress that end a run.
    :ivar in_a_row: Connections closed since something was accepted.
    """

    def __init__(self, events: int, tries: int) -> None:
        self.in_a_row = 0
        self._most = tries + 4 * events.bit_length()
        self._whole = 0
        self._alone: dict[int, int] = {}
        self._suspects: dict[int, int] = {}
        self._taken = 0

    def taken(self) -> None:
        """Note that the receiver has accepted something."""
        self._taken += 1
        self.in_a_row = 0

    @property
    def has_taken(self) -> bool:
        """Whether the receiver has accepted something of this lot."""
        return self._taken > 0

    @property
    def are_too_many(self) -> bool:
        """Whether this is an outage: more connections were closed in a row than it takes to find bad events among good
        ones.
        """
        return self.in_a_row >= self._most

    def is_suspect(self, group: Sequence[int]) -> bool:
        """Return whether a group is a single event that waits until another is accepted."""
        return len(group) == 1 and group[0] in self._suspects

    def after(self, group: Sequence[int]) -> Step:
        """Return what to do with events, given by their places in the lot, after the receiver closed the connection on
        them.
        """
        self.in_a_row += 1
        if len(group) > 1:
            self._whole += 1
            return "again" if self._whole < TRIES_WHOLE else "halve"
        (place,) = group
        if place in self._suspects and self._taken > self._suspects[place]:
            return "set aside"
        self._alone[place] = self._alone.get(place, 0) + 1
        if self._alone[place] < TRIES_ALONE:
            return "again"
        self._suspects[place] = self._taken
        return "later"
