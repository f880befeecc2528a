"""What a vendor's action means, where its source says so: the bridge from a vendor's verbs to every schema.

A meaning is written ``kind.verb`` or ``kind.verb.outcome``, as in ``authentication.login.failure``. An action that no
table knows has no meaning: it goes into each schema's generic class under its own name, and is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

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
    }
)
OUTCOMES = frozenset({"success", "failure"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an action means. :ivar kind: "" where nobody says. :ivar outcome: "" where the action does not tell."""

    kind: str = ""
    verb: str = ""
    outcome: str = ""

    @classmethod
    def of(cls, text: str) -> Meaning:
        """Return the meaning that a table writes as ``kind.verb[.outcome]``.

        :raises ValueError: it is none.
        """
        kind, verb, outcome = [*text.split("."), "", ""][:3]
        if kind not in KINDS or verb not in VERBS or (outcome and outcome not in OUTCOMES) or text.count(".") > 2:
            raise ValueError(f"{text!r} is no meaning of an action")
        return cls(kind, verb, outcome)


UNKNOWN = Meaning()


class Meanings:
    """A source's table.

    :param actions: an action, or a pattern with ``*``, to its meaning. The action itself goes before patterns, and an
        earlier pattern before a later one. Spaces and upper case do not count: vendors write an action in several ways.
    """

    def __init__(self, actions: Mapping[str, str]) -> None:
        meanings = {_folded(action): Meaning.of(text) for action, text in actions.items()}
        self._exact = {action: meaning for action, meaning in meanings.items() if "*" not in action}
        self._patterns = [(re.compile(translate(a)), meaning) for a, meaning in meanings.items() if "*" in a]
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, action: str) -> Meaning:
        action = _folded(action)
        known = self._exact.get(action)
        if known is not None:
            return known
        return next((meaning for pattern, meaning in self._patterns if pattern.fullmatch(action)), UNKNOWN)


def _folded(action: str) -> str:
    return action.replace(" ", "").casefold()
