"""Elastic Common Schema. https://www.elastic.co/docs/reference/ecs"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.formats.base import Format
from audit_provider.core.model import exact_text_of
from audit_provider.core.records.facts import FactReader, Facts, product_of, text_of_record

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin
    from audit_provider.core.records.facts import Meaning

VERSION = "8.11.0"
"""The version of the schema: every field and value used here is in it and in all later versions."""

_SCHEMA = {"version": VERSION}
_CHANGES = {"create": "creation", "delete": "deletion"}
_LOOKS = frozenset({"read", "export"})
_SUBJECTS = {"user": "user", "group": "group", "access": "admin", "token": "admin"}
_MOST_DATASET = 100


def dataset_of(source: str) -> str:
    """Return the name of a source's data set, ``saas_audit.<source>``, by the naming rules for data streams.

    https://www.elastic.co/docs/reference/ecs/ecs-data_stream
    """
    return ("saas_audit." + re.sub(r"[^a-z0-9_.]", "_", source.lower()))[:_MOST_DATASET]


class _Event(msgspec.Struct, omit_defaults=True, gc=False):
    id: str = ""
    kind: str = ""
    action: str = ""
    category: list[str] = []
    type: list[str] = []
    outcome: str = ""
    provider: str = ""
    module: str = ""
    dataset: str = ""
    original: str = ""


class _Target(msgspec.Struct, omit_defaults=True, gc=False):
    id: str = ""
    name: str = ""
    email: str = ""
    roles: list[str] = []


class _User(msgspec.Struct, omit_defaults=True, gc=False):
    id: str = ""
    name: str = ""
    email: str = ""
    full_name: str = ""
    target: _Target | None = None


class _Named(msgspec.Struct, gc=False):
    id: str


class _Source(msgspec.Struct, omit_defaults=True, gc=False):
    ip: str = ""
    address: str = ""


class _Agent(msgspec.Struct, gc=False):
    original: str


class _Related(msgspec.Struct, omit_defaults=True, gc=False):
    user: list[str] = []
    ip: list[str] = []


class _Document(msgspec.Struct, omit_defaults=True, gc=False):
    timestamp: str = msgspec.field(name="@timestamp")
    ecs: dict[str, str]
    labels: dict[str, str]
    event: _Event
    user: _User | None = None
    group: _Named | None = None
    source: _Source | None = None
    user_agent: _Agent | None = None
    organization: _Named | None = None
    related: _Related | None = None


class Ecs:
    """Core fields with the schema's names, and the vendor's record under ``saas.<source>``.

    The record is one object under one name, so that an index can map it as ``flattened``; ``event.original`` is its
    text. ``event.category`` and ``event.type`` exist only if the schema has a matching pair, as it demands.

    :param dataset: ``event.dataset``, if the event's data stream is not named after the source.
    """

    is_json = True

    def __init__(self, origin: Origin, *, dataset: str = "") -> None:
        self._facts = FactReader(origin)
        self._provider, self._module = product_of(origin), origin.source
        self._dataset = dataset or dataset_of(origin.source)
        self._labels = {"pipeline": origin.pipeline}
        self._key = b',"saas":{' + msgspec.json.encode(origin.source) + b":"
        self._encode = msgspec.json.Encoder().encode

    def write(self, event: Event) -> bytes:
        """See :class:`~audit_provider.core.formats.base.Form`."""
        facts = self._facts.read(event)
        raw, text = text_of_record(event)
        category, types = _categories(facts.meaning, facts.object_type)
        names = _names(facts)
        document = _Document(
            exact_text_of(event.time),
            _SCHEMA,
            self._labels,
            _Event(
                event.id,
                "event",
                facts.action,
                category,
                types,
                facts.outcome or "unknown",
                self._provider,
                self._module,
                self._dataset,
                text,
            ),
            _user(facts),
            _Named(facts.target_group) if facts.target_group else None,
            _Source(facts.ip, facts.ip or facts.address) if facts.ip or facts.address else None,
            _Agent(facts.user_agent) if facts.user_agent else None,
            _Named(facts.organization) if facts.organization else None,
            _Related(names, [facts.ip] if facts.ip else []) if names or facts.ip else None,
        )
        return b"%b%b%b}}" % (self._encode(document)[:-1], self._key, raw)


def _user(facts: Facts) -> _User | None:
    target = None
    if facts.has_target:
        email = facts.target_email if "@" in facts.target_email else ""
        roles = [facts.role] if facts.role and facts.target_user else []
        target = _Target(facts.target_user, facts.target_email, email, roles)
    elif not facts.has_actor:
        return None
    email = facts.actor_email if "@" in facts.actor_email else ""
    return _User(facts.actor_id, facts.login, email, facts.actor_name, target)


def _names(facts: Facts) -> list[str]:
    names = (facts.actor_id, facts.actor_email, facts.actor_name, facts.target_user, facts.target_email)
    return list(dict.fromkeys(filter(None, names)))


@lru_cache(maxsize=1024)
def _categories(meaning: Meaning, object_type: str) -> tuple[list[str], list[str]]:
    """Return ``event.category`` and ``event.type``: a pair that the schema expects, or nothing.

    https://www.elastic.co/docs/reference/ecs/ecs-category-field-values-reference
    """
    kind, verb = meaning.kind, meaning.verb
    if kind == "authentication":
        return ["authentication"], [{"login": "start", "logout": "end"}.get(verb, "info")]
    if kind in _SUBJECTS:
        change = "info" if verb in _LOOKS or verb == "invite" else _CHANGES.get(verb, "change")
        return ["iam"], [_SUBJECTS[kind], change]
    if kind == "settings":
        return ["configuration"], ["access" if verb in _LOOKS else _CHANGES.get(verb, "change")]
    if kind in ("data", "content") and object_type.lower() == "file":
        return ["file"], ["access" if verb in _LOOKS else _CHANGES.get(verb, "change")]
    return [], []


ECS = Format(
    name="ecs",
    about="Elastic Common Schema 8: `event.*`, `user.*`, `source.*`, `related.*`, the record under `saas.<source>`",
    make=lambda origin, version: Ecs(origin),
)
