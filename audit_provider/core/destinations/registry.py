"""Every destination type. Nothing is listed here: a module of this folder that holds a description is a destination."""

from __future__ import annotations

from typing import Any

from audit_provider.core import destinations
from audit_provider.core.destinations.spec import DestinationSpec
from audit_provider.core.discovery import find, modules_of

ENTRY_POINTS = "audit_provider.destinations"
"""Group of the entry points by which other packages add destinations."""


def find_destinations() -> dict[str, DestinationSpec]:
    """Return the destinations of this folder, and those of other packages, by name."""
    here = modules_of(destinations.__name__, destinations.__path__, but=("about", "registry"))
    return find(DestinationSpec, here, ENTRY_POINTS)


DESTINATIONS: dict[str, DestinationSpec] = find_destinations()
"""Every destination type, by the name used in the pipelines file."""

REGISTRY: dict[str, type[Any]] = {name: each.options for name, each in DESTINATIONS.items()}
"""The options of every destination type, by the name used in the pipelines file."""
