"""Finds the stand-in of each destination: a class of this folder that says which destination it is for."""

from __future__ import annotations

from typing import Any

from audit_provider import sandbox
from audit_provider.core.discovery import modules_of
from audit_provider.core.errors import ConfigurationError


def find_stand_ins() -> dict[str, Any]:
    """Return the stand-ins' classes, by the names of the destinations they are for."""
    found: dict[str, Any] = {}
    for module in modules_of(sandbox.__name__, sandbox.__path__, but=("siems",)):
        for each in vars(module).values():
            name = getattr(each, "destination", "")
            if isinstance(each, type) and each.__module__ == module.__name__ and isinstance(name, str) and name:
                found[name] = each
    return dict(sorted(found.items()))


def stand_in_of(destination: str) -> Any:
    """Return the class of a destination's stand-in.

    :raises ConfigurationError: there is none.
    """
    found = find_stand_ins()
    if destination not in found:
        raise ConfigurationError(
            f"the destination {destination!r} has no stand-in: write audit_provider/sandbox/{destination}.py with a "
            f"subclass of DestinationService whose 'destination' is {destination!r}."
        )
    return found[destination]
