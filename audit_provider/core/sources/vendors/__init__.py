"""One file per vendor: every public :class:`SourceSpec` in this folder is a source. Other packages may add some.

The file of a source has the source's name, or the part of it before one of its ``_``: so one source is found without
importing all the others.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from pkgutil import iter_modules

from audit_provider.core.discovery import descriptions_in, find, modules_of
from audit_provider.core.sources.spec import SourceSpec

ENTRY_POINTS = "audit_provider.sources"
"""Group of the entry points by which other packages add sources."""


def find_sources() -> dict[str, SourceSpec]:
    """Return the sources of this folder, and those of other packages, by name."""
    return find(SourceSpec, modules_of(__name__, __path__), ENTRY_POINTS)


class Sources(MutableMapping[str, SourceSpec]):
    """The sources of this folder by name; a vendor's file is imported when its source is first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, SourceSpec] = {}
        self._is_complete = False

    def __getitem__(self, name: str) -> SourceSpec:
        if name not in self._found and not self._is_complete:
            self._found |= self._in_own_file(name)
        return self._found[name] if name in self._found else self._every()[name]

    def __setitem__(self, name: str, spec: SourceSpec) -> None:
        self._every()[name] = spec

    def __delitem__(self, name: str) -> None:
        del self._every()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._every())

    def __len__(self) -> int:
        return len(self._every())

    def _every(self) -> dict[str, SourceSpec]:
        if not self._is_complete:
            self._found, self._is_complete = find_sources(), True
        return self._found

    @staticmethod
    def _in_own_file(name: str) -> dict[str, SourceSpec]:
        parts = name.split("_") if isinstance(name, str) else []
        likely = {"_".join(parts[:count]) for count in range(1, len(parts) + 1)}
        for module in sorted(likely.intersection(_modules()), key=len, reverse=True):
            if name in (found := _sources_in(module)):
                return found
        return {}


def _modules() -> list[str]:
    return [each.name for each in iter_modules(__path__)]


def _sources_in(module: str) -> dict[str, SourceSpec]:
    return {each.name: each for each in descriptions_in(import_module(f"{__name__}.{module}"), SourceSpec)}
