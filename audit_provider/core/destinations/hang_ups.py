"""Whose fault a hang-up is: a receiver that cannot take an event says so by hanging up, and so does one that is ill."""

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
    """What is known of one lot from the hang-ups on it, and the next step for what was hung up on.

    An event that is hung up on alone is a suspect. It waits until the receiver has taken another event; hung up on
    after that once more, it is the culprit. So a receiver that hangs up on everything costs no event.

    :param events: in the lot. :param tries: sends in a row without progress that end a run.
    :ivar in_a_row: hang-ups since something was taken.
    """

    def __init__(self, events: int, tries: int) -> None:
        self.in_a_row = 0
        self._most = tries + 4 * events.bit_length()
        self._whole = 0
        self._alone: dict[int, int] = {}
        self._suspects: dict[int, int] = {}
        self._taken = 0

    def taken(self) -> None:
        """Note that the receiver has taken something."""
        self._taken += 1
        self.in_a_row = 0

    @property
    def has_taken(self) -> bool:
        """Whether the receiver has taken something of this lot."""
        return self._taken > 0

    @property
    def are_too_many(self) -> bool:
        """Whether this is an outage: more hang-ups in a row than it takes to find culprits among good events."""
        return self.in_a_row >= self._most

    def is_suspect(self, group: Sequence[int]) -> bool:
        """Whether a group is an event that waits for another to be taken."""
        return len(group) == 1 and group[0] in self._suspects

    def after(self, group: Sequence[int]) -> Step:
        """Return what to do with events, given by their places in the lot, after a hang-up on them."""
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
