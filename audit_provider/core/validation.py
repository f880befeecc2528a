"""From what a user wrote to a value, with the path of every mistake."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError

PRESETS = ("@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Schedules that have a name."""

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import TypeAdapter, ValidationError


def validated(kind: Any, entry: Any, path: str, *, extra: Iterable[str] = ()) -> Any:
    """Return the dataclass ``kind`` that ``entry`` describes.

    :param path: where the entry stands. :param extra: keys that somebody else knows, for "did you mean".
    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{path}: must be a mapping of keys to values")
    known = [*(each.name for each in dataclasses.fields(kind)), *extra]
    unknown = [f"{path}.{key}: there is no such key{near(str(key), known)}" for key in entry if key not in known]
    if unknown:
        raise ConfigurationError("\n".join(unknown))
    return checked(kind, entry, path)


def checked(kind: Any, value: Any, path: str) -> Any:
    """Return ``value`` as ``kind``.

    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    # Where nothing is validated, as in a task whose options are values already, its import would cost the most.
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_lines(error, value, path))) from None


@functools.lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what validates a kind: making it costs far more than using it, and a file has many of one kind."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def check_schedule(schedule: str | None, path: str) -> None:
    """Refuse what is no schedule: in a DAG file it would stop every pipeline of that file.

    :raises ConfigurationError: it is neither a cron expression nor a preset.
    """
    from croniter import croniter

    if schedule is None or schedule in PRESETS:
        return
    if not 5 <= len(schedule.split()) <= 7 or not croniter.is_valid(schedule):
        raise ConfigurationError(
            f"{path}: {schedule!r} is no cron expression such as '*/5 * * * *', nor one of {', '.join(PRESETS)}"
        )


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a wrong name: the one that was probably meant, or all there are."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def _lines(error: ValidationError, value: Any, path: str) -> list[str]:
    """Return a line per key, though each type that a key may have gives an error of its own."""
    said: dict[str, list[str]] = {}
    for each in error.errors(include_url=False):
        place = ".".join([path, *_keys(each["loc"], value, missing=each["type"] == "missing")])
        words = each["msg"][:1].lower() + each["msg"][1:]
        others = said.setdefault(place, [])
        others.append(words.removeprefix("input should be ") if others else words)
    return [f"{place}: {', or '.join(dict.fromkeys(words))}" for place, words in said.items()]


def _keys(place: Sequence[int | str], value: Any, *, missing: bool) -> list[str]:
    """Return the keys on the way to a mistake, without the types that pydantic puts between them."""
    keys = []
    for part in place:
        known = isinstance(value, Mapping) and part in value
        known = known or (isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value))
        if known:
            keys.append(str(part))
            value = value[part]
    return [*keys, str(place[-1])] if missing else keys
