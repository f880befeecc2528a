"""One file per vendor: every public :class:`SourceSpec` in this folder is a source."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from audit_provider.core.sources.spec import SourceSpec


def find_sources() -> dict[str, SourceSpec]:
    """Return the sources of this folder by name."""
    found: dict[str, SourceSpec] = {}
    for module in iter_modules(__path__):
        values = vars(import_module(f"{__name__}.{module.name}"))
        found |= {
            each.name: each for key, each in values.items() if isinstance(each, SourceSpec) and not key.startswith("_")
        }
    return dict(sorted(found.items()))
