"""The meaning of a vendor's action, if its source defines it: it connects a vendor's verbs with every schema.

A meaning is written ``kind.verb`` or ``kind.verb.outcome``, as in ``authentication.login.failure``. An action that is
in no table has no meaning: it goes into each schema's generic class with its own name, and is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

KINDS = frozenset(
    {
        "authentication",  # somebody proves who they are
        "user",  # an account of a person or a service
        "group",  # a group, team or workspace, and who is in it
        "access",  # roles, permissions, sharing
        "token",  # API keys, secrets, OAuth grants
        "settings",  # of the organisation, its security, its integrations
        "data",  # looking at, exporting or downloading
        "content",  # making and changing what the product is about
        "billing",
        "sla",  # a service level that was agreed on
    }
)
VERBS = frozenset(
    {
        "login",
        "logout",
        "challenge",
        "create",
        "read",
        "update",
        "delete",
        "enable",
        "disable",
        "lock",
        "unlock",
        "password_change",
        "password_reset",
        "mfa_enable",
        "mfa_disable",
        "add_member",
        "remove_member",
        "grant",
        "revoke",
        "invite",
        "export",
        "breach",
    }
)
OUTCOMES = frozenset({"success", "failure"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of an action.

    :ivar kind: "" if it is unknown.
    :ivar outcome: "" if the action does not determine it.
    """

    kind: str = ""
    verb: str = ""
    outcome: str = ""

    @classmethod
    def of(cls, text: str) -> Meaning:
        """Return the meaning that a table writes as ``kind.verb[.outcome]``.

        :raises ValueError: it is not valid.
        """
        kind, verb, outcome = [*text.split("."), "", ""][:3]
        if kind not in KINDS or verb not in VERBS or (outcome and outcome not in OUTCOMES) or text.count(".") > 2:
            raise ValueError(f"{text!r} is not a valid meaning of an action")
        return cls(kind, verb, outcome)


UNKNOWN = Meaning()


class ActionTable(Generic[_Value]):
    """What a source's actions lead to.

    :param actions: an action, or a pattern with ``*``, to its value. The action itself goes before patterns, and an
        earlier pattern before a later one. Spaces and upper case do not count: vendors write an action in several ways.
    """

    def __init__(self, actions: Mapping[str, _Value]) -> None:
        values = {folded(action): value for action, value in actions.items()}
        self._exact = {action: value for action, value in values.items() if "*" not in action}
        self._patterns = [(re.compile(translate(a)), value) for a, value in values.items() if "*" in a]

    def of(self, action: str) -> _Value | None:
        """Return an action's value, None where the table has none."""
        action = folded(action)
        known = self._exact.get(action)
        if known is not None:
            return known
        return next((value for pattern, value in self._patterns if pattern.fullmatch(action)), None)


class Meanings:
    """A source's table of meanings. :param actions: as of :class:`ActionTable`, to what they mean."""

    def __init__(self, actions: Mapping[str, str]) -> None:
        self._table = ActionTable({action: Meaning.of(text) for action, text in actions.items()})
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, action: str) -> Meaning:
        return self._table.of(action) or UNKNOWN


def folded(action: str) -> str:
    """Return an action, or a pattern of actions, without what does not count in it: spaces and upper case."""
    return action.replace(" ", "").casefold()
