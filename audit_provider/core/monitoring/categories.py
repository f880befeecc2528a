"""The category in which an action is counted, derived from its meaning, so that a source needs no second table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from audit_provider.core.records.facts import UNKNOWN, ActionTable, Category, Meaning, Meanings

THEMES: Mapping[str, frozenset[Category]] = {
    "activity": frozenset({"authentication", "data access"}),
    "security": frozenset({"user management", "access and roles", "API keys and tokens", "settings"}),
    "change volume": frozenset({"content change"}),
}
"""Groups of categories whose sums an analyst looks at first."""

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
    """What is known about an action.

    :ivar known: whether any table of the source names it. :ivar watched: whether it is security-relevant.
    """

    category: Category
    meaning: Meaning
    known: bool
    watched: bool


class Classifier:
    """Sorts the actions of one source into categories.

    :param actions: meaning by action. :param categories: category by action, if it does not follow from the meaning.
    :param watched: security-relevant actions. All of these may be patterns with ``*``.
    """

    def __init__(
        self, actions: Mapping[str, str], categories: Mapping[str, Category], watched: Iterable[str] = ()
    ) -> None:
        self._meanings = Meanings(actions)
        self._categories: ActionTable[Category] = ActionTable(categories)
        self._watched = ActionTable(dict.fromkeys(watched, True))
        self._found: dict[str, Classified] = {}

    def of(self, action: str) -> Classified:
        """Return what is known about an action; an action that no table names is ``other``."""
        found = self._found.get(action)
        if found is None:
            found = self._classified(action)
            # Somebody who can cause events may invent any number of names.
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
