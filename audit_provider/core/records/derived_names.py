"""Names that a sentence quotes from events, and their redaction if the events themselves are redacted.

A finding quotes actions, actors and addresses. A destination whose events are redacted gets the finding redacted in the
same way, so each name is kept with its place in the sentence and the fields from which it may come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from audit_provider.core.records.fields import keys_of

if TYPE_CHECKING:
    from audit_provider.core.model import Fields

Role = Literal["action", "actor", "address", "answer", "object_type", "object", "target"]
"""What a name is: an event's action, its actor, the actor's IP address, a service's error message about events, the
type or the id of the object, or the user or group that was acted on."""

Treatment = Literal["drop", "hash"]

Part = str | tuple[Role, str]
"""A part of a sentence: plain text, or a name with its role."""

FINDING_ACTION = "audit_provider.finding."
"""How the action of an event that represents a finding begins."""

UNNAMED = "A finding of the kind {}: an earlier version wrote its text, which may contain redacted values."
"""The text of a finding if the places of the names in it are not known."""

REMOVED = "(removed)"
"""Stands for a name that may not be shown."""

_FIELDS: Mapping[Role, tuple[str, ...]] = {
    "action": ("action",),
    "actor": ("actor_email", "actor_name", "actor_id", "target_email", "target_user"),
    "address": ("ip",),
    "object_type": ("object_type",),
    "object": ("object_id",),
    "target": ("target_email", "target_user", "target_group"),
}


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a text.

    :ivar start: Index of its first character.
    :ivar end: Index after its last character.
    """

    role: Role
    start: int
    end: int


def sentence(*parts: Part) -> tuple[str, tuple[Name, ...]]:
    """Return a text made of parts, and the names in it. :param parts: texts, and names with their roles."""
    text, names = "", []
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            role, name = part
            names.append(Name(role, len(text), len(text) + len(name)))
            text += name
    return text, tuple(names)


def paths_of(fields: Fields) -> dict[str, list[str]]:
    """Return the paths in a source's records from which a name of each role may come."""
    return {
        role: [path for name in names for path in map(str.strip, getattr(fields, name).split("|")) if path]
        for role, names in _FIELDS.items()
    }


def hidden_roles(
    drop: Sequence[str], hashed: Sequence[str], paths: Mapping[str, Iterable[str]]
) -> dict[Role, Treatment]:
    """Return the roles whose names must not be shown, and how they are redacted.

    A name is redacted if any path from which it may come is redacted, because it is not recorded which one it was; it
    is dropped if any of them is dropped. The error message of a service may quote any part of events.

    :param drop: dotted paths that are dropped.
    :param hashed: dotted paths that are hashed.
    :param paths: as returned by :func:`paths_of`.
    """
    found: dict[Role, Treatment] = {}
    for role in get_args(Role):
        own = list(paths.get(role, ()))
        if role == "answer":
            if drop or hashed:
                found[role] = "drop"
        elif any(_covers(keys_of(each), keys_of(path)) for each in drop for path in own):
            found[role] = "drop"
        elif any(_covers(keys_of(each), keys_of(path)) for each in hashed for path in own):
            found[role] = "hash"
    return found


def without(text: str, names: Iterable[Name], hidden: Mapping[Role, Treatment]) -> str:
    """Return a text without its hidden names. :param hidden: as of :func:`hidden_roles`."""
    for name in sorted(names, key=lambda each: each.start, reverse=True):
        if treatment := hidden.get(name.role):
            text = text[: name.start] + in_place_of(text[name.start : name.end], treatment) + text[name.end :]
    return text


def in_place_of(value: str, treatment: Treatment) -> str:
    """Return the replacement for a hidden value; equal values stay equal if they are hashed."""
    return digest_of(value) if treatment == "hash" else REMOVED


def digest_of(value: object) -> str:
    """Return the replacement for a hashed value of a record: ``sha256:`` and the first 16 digits of its digest."""
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _covers(redacted: Sequence[str], path: Sequence[str]) -> bool:
    """Return whether a redacted path covers another path: it is the same path, or leads to something above it.

    Either path may name an element of a list, write ``*`` for any, or leave it out. If in doubt, the path is covered.
    """
    if not redacted:
        return True
    first, *rest = redacted
    if path:
        if (first == "*" or first == path[0]) and _covers(rest, path[1:]):
            return True
        if _is_element(path[0]) and _covers(redacted, path[1:]):
            return True
    return _is_element(first) and _covers(rest, path)


def _is_element(key: str) -> bool:
    return key == "*" or key.isdecimal()
