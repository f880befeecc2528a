"""Finds descriptions: sources, destinations, presets and formats are values, and each kind is found in the same way.

In this package, a description is a public value in a module of one folder. In other packages, an entry point names it.
So no list of descriptions has to be maintained.

This module also has the lazy import of a package's public names, so that a task imports only what it uses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from audit_provider.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_log = logging.getLogger(__name__)
_Kind = TypeVar("_Kind")


def modules_of(folder: str, path: Iterable[str], *, but: Collection[str] = ()) -> Iterator[ModuleType]:
    """Yield the modules of a package, by name.

    :param folder: dotted name of the package. :param path: its ``__path__``.
    :param but: names of modules to leave out, because they use the descriptions and so have none.
    """
    for module in sorted(iter_modules(path), key=lambda each: each.name):
        if not module.name.startswith("_") and module.name not in but:
            yield import_module(f"{folder}.{module.name}")


def descriptions_in(module: ModuleType, kind: type[_Kind]) -> list[_Kind]:
    """Return the public values of a kind that a module holds."""
    return [each for key, each in vars(module).items() if isinstance(each, kind) and not key.startswith("_")]


def find(kind: type[_Kind], modules: Iterable[ModuleType], group: str) -> dict[str, _Kind]:
    """Return the descriptions of a kind by their names: those of this package's modules, then those of other packages.

    :param kind: class of the descriptions; each has a ``name``.
    :param modules: modules of this package that may hold some.
    :param group: entry points of other packages.
    :raises ConfigurationError: two descriptions of this package have the same name, or one has no name.
    """
    found: dict[str, _Kind] = {}
    for module in modules:
        for each in descriptions_in(module, kind):
            _add(found, each, module.__name__)
    return {**dict(sorted(found.items())), **find_registered(kind, group, taken=found)}


def find_registered(kind: type[_Kind], group: str, *, taken: Collection[str]) -> dict[str, _Kind]:
    """Return the descriptions of a kind that other packages have registered, by their names.

    If one cannot be used, an error is logged and it is left out, so that pipelines that do not use it still run.

    :param group: entry points. Each names a description, or a module with descriptions.
    :param taken: names of this package's own descriptions, which others must not have.
    """
    found: dict[str, _Kind] = {}
    for entry in sorted(entry_points(group=group), key=lambda each: each.name):
        try:
            loaded = entry.load()
            values = descriptions_in(loaded, kind) if isinstance(loaded, ModuleType) else [loaded]
            if not values or not all(isinstance(each, kind) for each in values):
                raise ConfigurationError(f"it leads to no {kind.__name__}")
            for each in values:
                _add(found, each, entry.value, taken)
        except Exception as error:  # noqa: BLE001 - another package's code; this package works without it
            _log.error(
                "The entry point %r (%s) of the group %r cannot be used, so what it describes is not available: %s: %s",
                entry.name,
                entry.value,
                group,
                type(error).__name__,
                error,
            )
    return found


def _add(found: dict[str, _Kind], value: Any, where: str, taken: Collection[str] = ()) -> None:
    """Add a description.

    :raises ConfigurationError: it has no name, or another description has the same name.
    """
    if not value.name:
        raise ConfigurationError(f"{where} has a public {type(value).__name__} without a name: give it a 'name'.")
    if value.name in taken or found.setdefault(value.name, value) is not value:
        raise ConfigurationError(
            f"{where} describes a {type(value).__name__} with the name {value.name!r}, which is taken: give it another "
            "name."
        )


def imported_late(package: str, homes: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that imports some of its names only when they are used.

    https://peps.python.org/pep-0562/

    :param package: name of the module. :param homes: module of each of these names.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home_of[name]), name)

    return find
