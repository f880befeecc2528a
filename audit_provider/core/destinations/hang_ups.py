"""Distinguishes bad events from a faulty receiver: both can make the receiver close the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Step = Literal["again", "halve", "later", "set aside"]

TRIES_WHOLE = 3
"""Hang-ups on a whole batch in a row before it is halved: a receiver that restarts makes one or two."""

TRIES_ALONE = 2
"""Hang-ups on an event alone in a row that make it a suspect."""


class HangUps:
    """What is known of one lot from connections that the receiver closed, and the next step for the events concerned.

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
        """Whether a group is a single event that waits until another is accepted."""
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
