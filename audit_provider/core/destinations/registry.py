"""Every destination type. There is no list: each module of this folder that describes a destination is one.

The module of a destination has the destination's name, and is imported when the destination is first used, so that a
task imports no other destination.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from audit_provider.core.destinations.spec import About, DestinationSpec
from audit_provider.core.discovery import descriptions_in, find_registered
from audit_provider.core.errors import ConfigurationError

T = TypeVar("T")

ENTRY_POINTS = "audit_provider.destinations"
"""Group of the entry points by which other packages add destinations."""

_DESCRIBES = re.compile(rf"^[A-Z]\w* = {DestinationSpec.__name__}\(", re.MULTILINE)


class Destinations(Mapping[str, DestinationSpec]):
    """The destinations by name: those of a folder, which are imported at first use, and those of other packages.

    :param package: dotted name of the folder. :param folder: its path.
    """

    def __init__(self, package: str, folder: Path) -> None:
        self._package = package
        paths = {
            **{path.stem: path for path in folder.glob("*.py")},
            **{path.parent.name: path for path in folder.glob("*/__init__.py")},
        }
        self.own = tuple(
            name for name, path in sorted(paths.items()) if _DESCRIBES.search(path.read_text(encoding="utf-8"))
        )
        self._found: dict[str, DestinationSpec] = {}
        self._registered: dict[str, DestinationSpec] | None = None

    def __getitem__(self, name: str) -> DestinationSpec:
        if name in self.own:
            if name not in self._found:
                self._found[name] = self._in_own_module(name)
            return self._found[name]
        return self._of_others()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self._of_others()  # this imports no module of this folder

    def __iter__(self) -> Iterator[str]:
        return iter((*self.own, *self._of_others()))

    def __len__(self) -> int:
        return len(self.own) + len(self._of_others())

    def _in_own_module(self, name: str) -> DestinationSpec:
        module = import_module(f"{self._package}.{name}")
        (spec, *others) = descriptions_in(module, DestinationSpec)
        if others or spec.name != name:
            raise ConfigurationError(
                f"{module.__name__} must describe one destination, with the module's name {name!r}, but describes "
                f"{', '.join(repr(each.name) for each in (spec, *others))}."
            )
        return spec

    def _of_others(self) -> dict[str, DestinationSpec]:
        if self._registered is None:
            self._registered = find_registered(DestinationSpec, ENTRY_POINTS, taken=self.own)
        return self._registered


class ByDestination(Mapping[str, T]):
    """A value for each destination, computed at first use.

    :param make: returns the value for a destination's description.
    """

    def __init__(self, make: Callable[[DestinationSpec], T]) -> None:
        self._make = make
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._made:
            self._made[name] = self._make(DESTINATIONS[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in DESTINATIONS

    def __iter__(self) -> Iterator[str]:
        return iter(DESTINATIONS)

    def __len__(self) -> int:
        return len(DESTINATIONS)


DESTINATIONS = Destinations(__name__.rpartition(".")[0], Path(__file__).parent)
"""Every destination type, by the name used in the pipelines file."""

REGISTRY: Mapping[str, type[Any]] = ByDestination(lambda spec: spec.options)
"""The options of every destination type, by the name used in the pipelines file."""

ABOUT: Mapping[str, About] = ByDestination(lambda spec: spec.about)
"""Facts about every destination type, for its documentation page."""
