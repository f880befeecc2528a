"""One file per vendor: every public :class:`SourceSpec` in this folder is a source."""

from __future__ import annotations

from audit_provider.core.discovery import find, modules_of
from audit_provider.core.sources.spec import SourceSpec

ENTRY_POINTS = "audit_provider.sources"
"""Group of the entry points by which other packages add sources."""


def find_sources() -> dict[str, SourceSpec]:
    """Return the sources of this folder, and those of other packages, by name."""
    return find(SourceSpec, modules_of(__name__, __path__), ENTRY_POINTS)
