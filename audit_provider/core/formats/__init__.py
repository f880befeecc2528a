"""The formats in which events are sent: one small file per format.

``raw`` is the vendor's record unchanged, and the default of most destinations. The others use the facts that
:mod:`facts` finds in the record, and the meaning of its action. Every public :class:`Format` in this folder is a
format.
"""

from __future__ import annotations

from audit_provider.core.discovery import find, modules_of
from audit_provider.core.formats.base import Form, Format, as_json
from audit_provider.core.formats.cef import Cef
from audit_provider.core.formats.ecs import Ecs
from audit_provider.core.formats.envelope import Envelope
from audit_provider.core.formats.ocsf import Ocsf
from audit_provider.core.formats.raw import Raw

ENTRY_POINTS = "audit_provider.formats"
"""Group of the entry points by which other packages add formats."""


def find_formats() -> dict[str, Format]:
    """Return the formats of this folder, and those of other packages, by name."""
    return find(Format, modules_of(__name__, __path__), ENTRY_POINTS)


FORMATS: dict[str, Format] = find_formats()
"""Every format, by the name used in the pipelines file."""

__all__ = ["FORMATS", "Cef", "Ecs", "Envelope", "Form", "Format", "Ocsf", "Raw", "as_json", "find_formats"]
