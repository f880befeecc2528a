"""Facts about each destination type, for its documentation page."""

from __future__ import annotations

from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.destinations.spec import About

ABOUT: dict[str, About] = {name: each.about for name, each in DESTINATIONS.items()}
"""By the type's name in the pipelines file."""

__all__ = ["ABOUT", "About"]
