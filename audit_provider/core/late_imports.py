"""Names of a package that are imported when they are first used, so that a task imports only what it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, TypeVar

V = TypeVar("V")


def imported_late(package: str, homes: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that does not import some of its names before they are used.

    https://peps.python.org/pep-0562/

    :param package: name of the module. :param homes: module of each of these names.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home_of[name]), name)

    return find


class LateMapping(MutableMapping[str, V]):
    """A mapping to values that are imported when they are first used. Its keys cost no import.

    :param homes: module and name of each value.
    """

    def __init__(self, homes: Mapping[str, tuple[str, str]]) -> None:
        self._homes = dict(homes)
        self._values: dict[str, V] = {}

    def __getitem__(self, key: str) -> V:
        if key not in self._values:
            module, name = self._homes[key]
            self._values[key] = getattr(import_module(module), name)
        return self._values[key]

    def __setitem__(self, key: str, value: V) -> None:
        self._homes.setdefault(key, (__name__, ""))
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._homes[key]
        self._values.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
