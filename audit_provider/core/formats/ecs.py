"""Elastic Common Schema. https://www.elastic.co/docs/reference/ecs"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.formats.facts import FactReader, Facts, product_of, text_of_record

if TYPE_CHECKING:
    from audit_provider.core.formats.meaning import Meaning
    from audit_provider.core.model import Event, Origin

VERSION = "8.11.0"
"""The version that is written for: every field and value used here is in it and in all later ones."""

_CHANGES = {"create": "creation", "delete": "deletion"}
_LOOKS = frozenset({"read", "export"})
_SUBJECTS = {"user": "user", "group": "group", "access": "admin", "token": "admin"}


class Ecs:
    """Core fields under their names in the schema, and the vendor's record under ``saas.<source>``.

    The record is one object under one name, so that an index can map it as ``flattened``; ``event.original`` is its
    text. ``event.category`` and ``event.type`` are there only where the schema has a pair that fits: it asks to leave
    them empty otherwise.
    """

    is_json = True

    def __init__(self, origin: Origin) -> None:
        self._facts = FactReader(origin)
        self._about = {
            "provider": product_of(origin),
            "module": origin.source,
            "dataset": f"{origin.source}.audit",
        }
        self._pipeline = {"pipeline": origin.pipeline}
        self._key = b',"saas":{' + msgspec.json.encode(origin.source) + b":"
        self._encode = msgspec.json.Encoder().encode

    def write(self, event: Event) -> bytes:
        """See :class:`~audit_provider.core.formats.base.Form`."""
        facts = self._facts.read(event)
        raw, text = text_of_record(event)
        category, types = _categories(facts.meaning, facts.object_type)
        document = {
            "@timestamp": event.time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "ecs": {"version": VERSION},
            "labels": self._pipeline,
            "event": _told(
                id=event.id,
                kind="event",
                action=facts.action,
                category=category,
                type=types,
                outcome=facts.outcome or "unknown",
                **self._about,
                original=text,
            ),
            **_told(
                user=_user(facts),
                group=_told(id=facts.target_group),
                source=_told(ip=facts.ip, address=facts.ip or facts.address),
                user_agent=_told(original=facts.user_agent),
                organization=_told(id=facts.organization),
                related=_told(user=_names(facts), ip=[facts.ip] if facts.ip else None),
            ),
        }
        written = self._encode(document)
        return written[:-1] + self._key + raw + b"}}"


def _user(facts: Facts) -> dict[str, Any]:
    return _told(
        id=facts.actor_id,
        name=facts.login,
        email=facts.actor_email if "@" in facts.actor_email else "",
        full_name=facts.actor_name,
        target=_told(
            id=facts.target_user,
            name=facts.target_email,
            email=facts.target_email if "@" in facts.target_email else "",
            roles=[facts.role] if facts.role and facts.target_user else None,
        ),
    )


def _names(facts: Facts) -> list[str]:
    names = (facts.actor_id, facts.actor_email, facts.actor_name, facts.target_user, facts.target_email)
    return list(dict.fromkeys(filter(None, names)))


def _told(**values: Any) -> dict[str, Any]:
    """Return the values that say something."""
    return {name: value for name, value in values.items() if value}


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
