"""What a record says, in the same words for every source."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from audit_provider.core.formats.meaning import UNKNOWN, Meaning, Meanings
from audit_provider.core.records import FieldReader

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin

_NAMES = (
    "action",
    "actor_id",
    "actor_email",
    "actor_name",
    "ip",
    "user_agent",
    "outcome",
    "object_type",
    "object_id",
)
_SUCCESS = frozenset({"success", "succeeded", "true", "ok", "allow", "allowed", "1"})
_FAILURE = frozenset({"failure", "failed", "false", "error", "deny", "denied", "0"})


@dataclass(frozen=True, slots=True)
class Facts:
    """One event's facts; "" where the record does not say.

    :ivar ip: a valid address, :ivar address: what stands there where it is none.
    :ivar outcome: ``success``, ``failure`` or "". Absent is not success.
    """

    action: str = ""
    actor_id: str = ""
    actor_email: str = ""
    actor_name: str = ""
    ip: str = ""
    address: str = ""
    user_agent: str = ""
    outcome: str = ""
    object_type: str = ""
    object_id: str = ""
    meaning: Meaning = UNKNOWN


class FactReader:
    """Finds the facts of one origin's events."""

    def __init__(self, origin: Origin) -> None:
        self._fields = FieldReader(origin.fields, _NAMES)
        self._meanings = Meanings(origin.actions)

    def read(self, event: Event) -> Facts:
        """Return what the event says."""
        found = self._fields.read(event.raw)
        meaning = self._meanings.of(found.get("action", ""))
        told = found.pop("outcome", "").lower()
        outcome = "success" if told in _SUCCESS else "failure" if told in _FAILURE else meaning.outcome
        written = found.pop("ip", "")
        ip = _valid_ip(written)
        return Facts(**found, ip=ip, address="" if ip else written, outcome=outcome, meaning=meaning)


def _valid_ip(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""
