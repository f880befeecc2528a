"""Which bucket an action is counted in: derived from what it means, so that a source has one table and no second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from audit_provider.core.formats.facts import UNKNOWN, ActionTable, Meaning, Meanings

Category = Literal[
    "authentication",
    "user management",
    "access and roles",
    "API keys and tokens",
    "settings",
    "data access",
    "content change",
    "billing",
    "SLA",
    "other",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""In the order in which they are shown."""

THEMES: Mapping[str, frozenset[Category]] = {
    "activity": frozenset({"authentication", "data access"}),
    "security": frozenset({"user management", "access and roles", "API keys and tokens", "settings"}),
    "change volume": frozenset({"content change"}),
}
"""What an analyst asks for first, as sums of categories."""

_BY_KIND: Mapping[str, Category] = {
    "authentication": "authentication",
    "user": "user management",
    "group": "user management",
    "access": "access and roles",
    "token": "API keys and tokens",
    "settings": "settings",
    "data": "data access",
    "content": "content change",
    "billing": "billing",
    "sla": "SLA",
}


@dataclass(frozen=True, slots=True)
class Classified:
    """What is known of an action.

    :ivar known: whether any table of the source knows it. :ivar watched: whether it matters to security.
    """

    category: Category
    meaning: Meaning
    known: bool
    watched: bool


class Classifier:
    """Sorts the actions of one source.

    :param actions: to what they mean. :param categories: to their category, where that does not say it.
    :param watched: those that matter to security. All may be patterns with ``*``.
    """

    def __init__(
        self, actions: Mapping[str, str], categories: Mapping[str, Category], watched: Iterable[str] = ()
    ) -> None:
        self._meanings = Meanings(actions)
        self._categories: ActionTable[Category] = ActionTable(categories)
        self._watched = ActionTable(dict.fromkeys(watched, True))
        self._found: dict[str, Classified] = {}

    def of(self, action: str) -> Classified:
        """Return what is known of an action; what no table knows is ``other``."""
        found = self._found.get(action)
        if found is None:
            found = self._classified(action)
            # Names may be made up without end by whoever can cause events.
            if len(self._found) < _MOST_REMEMBERED:
                self._found[action] = found
        return found

    def _classified(self, action: str) -> Classified:
        meaning = self._meanings.of(action)
        named = self._categories.of(action)
        category: Category = named or _BY_KIND.get(meaning.kind, "other")
        known = named is not None or meaning is not UNKNOWN
        return Classified(category, meaning, known, self._watched.of(action) is not None)


_MOST_REMEMBERED = 10_000
