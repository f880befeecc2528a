"""Times and windows as operators are given them: as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Window
from audit_provider.core.pipeline import aware


def window_from(bounds: Mapping[str, str]) -> Window:
    """Return the window that an operator was given.

    :raises ConfigurationError: it is none.
    """
    try:
        return Window(moment_from(bounds["start"], "window start"), moment_from(bounds["end"], "window end"))
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"the window {dict(bounds)} cannot be read: {error}.") from None


def moment_from(value: str | datetime, what: str) -> datetime:
    """Return a date or date-time given as text as an aware UTC time.

    :raises ConfigurationError: it is neither.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            raise ConfigurationError(f"{what} {value!r} is no date or date-time, as in 2026-01-01T00:00:00Z.") from None
    moment = aware(value, what)
    if moment is None:
        raise ConfigurationError(f"{what} is missing.")
    return moment
