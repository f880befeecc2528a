"""The vendor's record, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.formats.base import Format

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin


class Raw:
    """The bytes that the vendor sent."""

    is_json = True

    def __init__(self, origin: Origin) -> None:
        """Accept the origin, which this format does not need."""

    def write(self, event: Event) -> bytes:
        """See :class:`~audit_provider.core.formats.base.Form`."""
        return bytes(event.raw)


RAW = Format(
    name="raw",
    about="the vendor's JSON, byte for byte",
    make=lambda origin, version: Raw(origin),
)
