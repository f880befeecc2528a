"""The vendor's record in an envelope with the same few keys for every source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.formats.facts import FactReader, text_of_record

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin


class Envelope:
    """``id``, ``time``, ``source``, ``pipeline``, ``action``, ``actor``, ``ip``, ``object``, ``outcome``, and ``raw``.

    Keys of which the record says nothing are left out.
    """

    is_json = True

    def __init__(self, origin: Origin) -> None:
        self._facts = FactReader(origin)
        self._from = {"source": origin.source, "pipeline": origin.pipeline}
        self._encode = msgspec.json.Encoder().encode

    def write(self, event: Event) -> bytes:
        """See :class:`~audit_provider.core.formats.base.Form`."""
        facts = self._facts.read(event)
        actor = {"id": facts.actor_id, "email": facts.actor_email, "name": facts.actor_name}
        known = {
            "id": event.id,
            "time": event.time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            **self._from,
            "action": facts.action,
            "category": facts.meaning.kind,
            "actor": {key: value for key, value in actor.items() if value},
            "ip": facts.ip or facts.address,
            "object": {k: v for k, v in (("type", facts.object_type), ("id", facts.object_id)) if v},
            "outcome": facts.outcome,
        }
        told = {key: value for key, value in known.items() if value}
        return self._encode(told)[:-1] + b',"raw":' + text_of_record(event)[0] + b"}"
