"""The vendor's record in an envelope with the same few keys for every source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.formats.base import Format
from audit_provider.core.model import exact_text_of
from audit_provider.core.records.facts import FactReader, text_of_record

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin


class _Actor(msgspec.Struct, omit_defaults=True, gc=False):
    id: str = ""
    email: str = ""
    name: str = ""


class _Object(msgspec.Struct, omit_defaults=True, gc=False):
    type: str = ""
    id: str = ""


class _Known(msgspec.Struct, omit_defaults=True, gc=False):
    id: str
    time: str
    source: str
    pipeline: str
    action: str = ""
    category: str = ""
    actor: _Actor | None = None
    ip: str = ""
    object: _Object | None = None
    outcome: str = ""


class Envelope:
    """``id``, ``time``, ``source``, ``pipeline``, ``action``, ``actor``, ``ip``, ``object``, ``outcome``, and ``raw``.

    Keys without a value in the record are left out.
    """

    is_json = True

    def __init__(self, origin: Origin) -> None:
        self._facts = FactReader(origin)
        self._source, self._pipeline = origin.source, origin.pipeline
        self._encode = msgspec.json.Encoder().encode

    def write(self, event: Event) -> bytes:
        """See :class:`~audit_provider.core.formats.base.Form`."""
        facts = self._facts.read(event)
        known = _Known(
            event.id,
            exact_text_of(event.time),
            self._source,
            self._pipeline,
            facts.action,
            facts.meaning.kind,
            _Actor(facts.actor_id, facts.actor_email, facts.actor_name) if facts.has_actor else None,
            facts.ip or facts.address,
            _Object(facts.object_type, facts.object_id) if facts.object_type or facts.object_id else None,
            facts.outcome,
        )
        return b'%b,"raw":%b}' % (self._encode(known)[:-1], text_of_record(event)[0])


ENVELOPE = Format(
    name="envelope",
    about="`id`, `time`, `source`, `pipeline`, `action`, `actor`, `ip`, `object`, and the record under `raw`",
    make=lambda origin, version: Envelope(origin),
)
