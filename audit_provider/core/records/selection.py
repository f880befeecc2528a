"""What is sent to one destination: which actions, and which parts of the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Any

import msgspec

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Event, Fields
from audit_provider.core.records.derived_names import (
    FINDING_ACTION,
    UNNAMED,
    Name,
    Role,
    digest_of,
    hidden_roles,
    in_place_of,
    without,
)
from audit_provider.core.records.facts import folded
from audit_provider.core.records.fields import FieldReader, all_paths_of, keys_of, ways_of


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is removed from a record. Paths are dotted; ``*`` as a key stands for every element of a list or object.

    If a path reaches a list and names neither ``*`` nor an index, it applies to each element.

    :ivar drop: Paths to remove. Example: ``[context.user_agent]``.
    :ivar hash: Paths whose values are replaced by ``sha256:`` and the first 16 hexadecimal digits of their digest, so
        that equal values stay equal. Example: ``[actor.email]``.
    """

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if "" in (*self.drop, *self.hash):
            raise ValueError("a path to 'drop' or to 'hash' must not be empty")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a destination receives.

    Spaces and upper or lower case of an action do not matter, as in a source's own table of actions.

    :ivar only: Actions, or patterns with ``*``; empty for all.
    :ivar omit: Actions to leave out, even if ``only`` names them.
    """

    only: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    redact: Redaction = field(default_factory=Redaction)

    @property
    def takes_all(self) -> bool:
        """Whether every event is sent, without redaction."""
        return not (self.only or self.omit or self.redact.drop or self.redact.hash)


def refuse_hidden_id(redaction: Redaction, fields: Fields, path: str) -> None:
    """Refuse to redact the event's id, because every format sends it in addition to the record.

    :param fields: the source's fields.
    :param path: where the redaction is in the file, for messages.
    :raises ConfigurationError: a path is that of the id, or of an object that contains it.
    """
    ids = [way for path in all_paths_of(fields.id) for way in ways_of(tuple(keys_of(path)))]
    for key, paths in (("drop", redaction.drop), ("hash", redaction.hash)):
        for each in paths:
            if any(_holds(way, id_keys) for way in ways_of(tuple(keys_of(each))) for id_keys in ids):
                raise ConfigurationError(
                    f"{path}.{key}: {each!r} would remove the event's id, which every format contains and which "
                    "identifies repeats: name the fields beside it"
                )


class Selector:
    """Applies a selection to the events of one source.

    :raises ConfigurationError: the selection would remove their id.
    """

    def __init__(self, selection: Selection, fields: Fields) -> None:
        refuse_hidden_id(selection.redact, fields, "redact")
        self._only = _pattern(selection.only)
        self._omit = _pattern(selection.omit)
        self._fields = FieldReader(fields, ("action",))
        self._redact = selection.redact
        # A path may have several meanings; all of them are redacted.
        self._drop = [way for path in selection.redact.drop for way in ways_of(tuple(keys_of(path)))]
        self._hash = [way for path in selection.redact.hash for way in ways_of(tuple(keys_of(path)))]

    def select(self, event: Event) -> Event | None:
        """Return the event as it may be sent, or None if it must not be sent."""
        if self._only or self._omit:
            action = folded(self._fields.read(event.raw).get("action", ""))
            if (self._only and not self._only.fullmatch(action)) or (self._omit and self._omit.fullmatch(action)):
                return None
        if not self._drop and not self._hash:
            return event
        record = msgspec.json.decode(event.raw)
        _hide_names(record, self._redact)
        for keys in self._drop:
            _apply(record, keys, None)
        for keys in self._hash:
            _apply(record, keys, digest_of)
        return Event(event.id, event.time, msgspec.Raw(msgspec.json.encode(record)))


def _pattern(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(translate(folded(each)) for each in patterns)) if patterns else None


def _holds(keys: Sequence[str], inner: Sequence[str]) -> bool:
    """Return whether a path is equal to another, or leads to a value that contains it."""
    return len(keys) <= len(inner) and all(key in ("*", each) for key, each in zip(keys, inner, strict=False))


def _apply(content: Any, keys: Sequence[str], change: Any) -> None:
    """Change or remove the value at a path; do nothing if there is none."""
    key, *rest = keys
    if isinstance(content, list):
        if key != "*" and not key.isdecimal():
            for each in content:
                _apply(each, keys, change)
            return
        places: list[Any] = list(range(len(content))) if key == "*" else [int(key)]
        places = [place for place in places if place < len(content)]
    elif isinstance(content, Mapping):
        places = list(content) if key == "*" else [key] if key in content else []
    else:
        return
    for place in reversed(places):
        if rest:
            _apply(content[place], rest, change)
        elif change is None:
            del content[place]
        else:
            content[place] = change(content[place])


def _hide_names(record: Any, redact: Redaction) -> None:
    """Redact in a finding's record the names that are redacted in the events from which it was made."""
    if not (isinstance(record, dict) and str(record.get("action", "")).startswith(FINDING_ACTION)):
        return
    try:
        made = msgspec.convert(record, _Finding)
    except msgspec.ValidationError:
        made = _Finding(title="")
    hidden = hidden_roles(redact.drop, redact.hash, made.paths or {})
    if hidden and made.names is None:
        record |= {"title": UNNAMED.format(record.get("kind", "")), "subject": ""}
    elif hidden:
        record["title"] = without(made.title, made.names or (), hidden)
        if made.subject_is in hidden:
            record["subject"] = in_place_of(made.subject, hidden[made.subject_is])
    for key in ("names", "subject_is", "paths"):
        record.pop(key, None)


class _Finding(msgspec.Struct):
    """The parts of a finding's event that say where its names are."""

    title: str
    subject: str = ""
    names: tuple[Name, ...] | None = None
    subject_is: Role | None = None
    paths: dict[str, list[str]] | None = None
