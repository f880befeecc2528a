"""Common Event Format, version 0: one line of text.

https://www.microfocus.com/documentation/arcsight/arcsight-smartconnectors-8.3/cef-implementation-standard/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.formats.base import Format
from audit_provider.core.model import microseconds_of
from audit_provider.core.records.facts import FactReader, product_of, text_of_record

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin

# The version of a service is not known, and receivers refuse an empty one: this is the version of the mapping.
_VERSION = "1"
# The only severity of CEF for a record without a severity.
_SEVERITY = "Unknown"
_MOST_PRODUCT, _MOST_CLASS, _MOST_NAME = 63, 1023, 512

# Some receivers end a line at other characters than \n, and some stop at NUL: no control character is sent as it is.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ")
_HEADER = str.maketrans({**_CONTROLS, ord("\\"): "\\\\", ord("|"): "\\|"})
_VALUE = str.maketrans({**_CONTROLS, ord("\n"): "\\n", ord("\r"): "\\r"})


class Cef:
    """A header, the standard's keys for an audit event, and the vendor's record in ``msg``."""

    is_json = False

    def __init__(self, origin: Origin) -> None:
        self._facts = FactReader(origin)
        product = [_header(name, _MOST_PRODUCT) for name in (product_of(origin), origin.title or origin.source)]
        self._start = "|".join(["CEF:0", *product, _VERSION, ""])
        self._origin = {"cs1": origin.source, "cs1Label": "source", "deviceExternalId": origin.pipeline}

    def write(self, event: Event) -> bytes:
        """See :class:`~audit_provider.core.formats.base.Form`."""
        facts = self._facts.read(event)
        action = facts.action or "unknown"
        is_v6 = ":" in facts.ip
        extension = {
            "rt": str(microseconds_of(event.time) // 1000),
            "externalId": event.id,
            "act": facts.action,
            "outcome": facts.outcome,
            "cat": facts.meaning.kind,
            "src": "" if is_v6 else facts.ip,
            # Strict receivers accept only IPv4 addresses in src, and only IPv6 addresses in c6a2.
            **_labelled("c6a2", "Source IPv6 Address", facts.ip if is_v6 else ""),
            "suid": facts.actor_id,
            "suser": facts.login,
            "duid": facts.target_user,
            "duser": facts.target_email,
            "requestClientApplication": facts.user_agent,
            **self._origin,
            **_labelled("cs2", "objectType", facts.object_type),
            **_labelled("cs3", "objectId", facts.object_id),
            **_labelled("cs4", "actorName", facts.actor_name),
            **_labelled("cs5", "sourceAddress", facts.address),
            **_labelled("cs6", "organization", facts.organization),
            "msg": text_of_record(event)[1],
        }
        values = ((key, _value(value)) for key, value in extension.items() if value)
        written = " ".join(f"{key}={value}" for key, value in values if value)
        class_id, name = _header(action, _MOST_CLASS), _header(action, _MOST_NAME)
        return f"{self._start}{class_id}|{name}|{_SEVERITY}|{written}".encode()


def _labelled(key: str, label: str, value: str) -> dict[str, str]:
    return {key: value, f"{key}Label": label} if value.translate(_CONTROLS).strip() else {}


def _header(text: str, most: int) -> str:
    return text[:most].translate(_HEADER).strip() or "unknown"


def _value(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("=", "\\=").rstrip(" ")
    return text if text.isprintable() else text.translate(_VALUE).rstrip()


CEF = Format(
    name="cef",
    about="ArcSight Common Event Format, one line, the record in `msg`",
    make=lambda origin, version: Cef(origin),
)
