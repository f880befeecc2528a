"""Converts what a user wrote to values, and reports every mistake with its path."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError

MOST_DAYS = 36_500
"""A hundred years: the longest span of time that is accepted. With a longer one, dates would leave the calendar."""

MOST_WHOLE = 10**15
"""The largest whole number that is accepted; a floating-point number holds it exactly."""

PRESETS = ("@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Schedules that have a name."""

_CRON_FIELDS = (("minute", 60), ("hour", 24), ("day", 31), ("month", 12))
_STEP = re.compile(r"/(\d+)")
_DRAWN = re.compile(r"\bR\b", re.IGNORECASE)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic import TypeAdapter, ValidationError


def validated(kind: Any, entry: Any, path: str, *, extra: Iterable[str] = ()) -> Any:
    """Return the dataclass ``kind`` that ``entry`` describes.

    :param path: of the entry. :param extra: keys that are valid elsewhere, for "did you mean".
    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{path}: must be a mapping of keys to values")
    own = [each.name for each in dataclasses.fields(kind)]
    known = [*own, *extra]
    unknown = [str(key) for key in entry if key not in own]
    mistakes = Mistakes()
    for key in unknown:
        mistakes.add(f"{path}.{key}: there is no such key{near(key, known)}")
    with mistakes.collected():
        found = checked(kind, {key: value for key, value in entry.items() if key in own}, path)
    # A misspelled key is not reported as missing too.
    meant = [f"{path}.{closest(key, known)}: is required" for key in unknown]
    mistakes.lines = [line for line in mistakes.lines if line not in meant]
    mistakes.raise_any()
    return found


class Mistakes:
    """All mistakes in what a user wrote, collected so that they are reported at once.

    :ivar lines: one sentence each, beginning with its path.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """Add a mistake. :param line: begins with its path."""
        self.lines.append(line)

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Collect a :class:`ConfigurationError` that is raised inside, and continue after the block."""
        try:
            yield
        except ConfigurationError as error:
            self.lines += str(error).split("\n")

    def raise_any(self) -> None:
        """Raise the collected mistakes.

        :raises ConfigurationError: with one line per mistake, if there is any.
        """
        if self.lines:
            raise ConfigurationError("\n".join(self.lines))


def checked(kind: Any, value: Any, path: str, *, strict: bool = False) -> Any:
    """Return ``value`` as ``kind``. Numbers and spans that would overflow in later calculations are refused.

    :param strict: it must already be of that type, as a value written in Python is.
    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    # Imported late: a task whose options are already values validates nothing, and this import would cost it most.
    from pydantic import ValidationError

    try:
        found = _adapter(kind).validate_python(value, strict=strict or None)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_lines(error, value, path))) from None
    if beyond := list(_beyond(found, path)):
        raise ConfigurationError("\n".join(beyond))
    return found


def _beyond(found: Any, path: str) -> Iterator[str]:
    """Yield one line for each number that is valid by itself but would overflow when it is used."""
    if isinstance(found, timedelta):
        if found < timedelta(0):
            yield f"{path}: must be at least 0"
        elif found > timedelta(days=MOST_DAYS):
            yield f"{path}: must be at most {MOST_DAYS * 86_400} seconds"
    elif isinstance(found, float):
        if not math.isfinite(found):
            yield f"{path}: must be a finite number"
    elif isinstance(found, int):
        if abs(found) > MOST_WHOLE:
            yield f"{path}: must be at most {MOST_WHOLE}"
    elif dataclasses.is_dataclass(found):
        for each in dataclasses.fields(found):
            yield from _beyond(getattr(found, each.name), f"{path}.{each.name}")
    elif isinstance(found, Mapping):
        for key, each in found.items():
            yield from _beyond(each, f"{path}.{key}")
    elif isinstance(found, (list, tuple)):
        for place, each in enumerate(found):
            yield from _beyond(each, f"{path}.{place}")


@functools.lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the validator of a type, cached, because making it costs far more than using it."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def check_schedule(schedule: str | None, path: str) -> None:
    """Refuse an invalid schedule, because it would stop every pipeline of its DAG file.

    Valid cron expressions that nobody means are refused too: a date that does not exist, a step longer than the unit
    that it divides, and a random time that is drawn again at each evaluation.

    :raises ConfigurationError: it is neither a cron expression nor a preset, or is one of those.
    """
    from croniter import CroniterBadDateError, croniter

    if schedule is None or schedule in PRESETS:
        return
    fields = schedule.split()
    if not 5 <= len(fields) <= 7 or not croniter.is_valid(schedule):
        raise ConfigurationError(
            f"{path}: {schedule!r} is neither a cron expression such as '*/5 * * * *' nor one of {', '.join(PRESETS)}"
        )
    if any(_DRAWN.search(each) for each in fields):
        raise ConfigurationError(
            f"{path}: {schedule!r} contains R, which stands for a new random time at each evaluation: write the time "
            "itself"
        )
    for text, (unit, most) in zip(fields, _CRON_FIELDS, strict=False):
        for step in map(int, _STEP.findall(text)):
            if step > most:
                raise ConfigurationError(
                    f"{path}: {schedule!r} has a step of {step} {unit}s, but cron restarts it every {most} {unit}s, so "
                    f"it would run every {most}: choose a step that divides {most}"
                )
    try:
        croniter(schedule).get_next()
    except CroniterBadDateError:
        raise ConfigurationError(
            f"{path}: {schedule!r} names a date that does not exist, so it would never run"
        ) from None


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a wrong name: the name that was probably meant, or all known ones."""
    known = list(known)
    close = closest(name, known)
    return f", did you mean {close!r}?" if close else f"; known are {', '.join(sorted(known))}"


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant; None if none is similar."""
    as_written = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), as_written, n=1)
    return as_written[close[0]] if close else None


def _lines(error: ValidationError, value: Any, path: str) -> list[str]:
    """Return one line per key, although pydantic reports one error for each type that a key may have."""
    said: dict[str, list[str]] = {}
    for each in error.errors(include_url=False):
        place = ".".join([path, *_keys(each["loc"], value, missing=each["type"] == "missing")])
        words = _words_of(each)
        others = said.setdefault(place, [])
        others.append(words.removeprefix("must be ") if others else words)
    return [f"{place}: {', or '.join(dict.fromkeys(words))}" for place, words in said.items()]


def _words_of(error: Mapping[str, Any]) -> str:
    """Return the message of an error in the terms of a person who writes YAML."""
    for start, words in _WORDS.items():
        if error["type"].startswith(start):
            return words
    said = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return said[:1].lower() + said[1:]


_WORDS = {
    "missing": "is required",
    "string_type": "must be a text",
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "tuple": "must be a list",
    "list": "must be a list",
    "dict": "must be a mapping of keys to values",
    "time_delta": "must be a number of seconds",
    "datetime": "must be a time such as 2026-01-31T10:00:00Z",
    "date": "must be a date such as 2026-01-31",
}
"""The message for each beginning of pydantic's name of an error."""


def _keys(place: Sequence[int | str], value: Any, *, missing: bool) -> list[str]:
    """Return the keys of the path to a mistake, without the types that pydantic inserts between them."""
    keys = []
    for part in place:
        known = isinstance(value, Mapping) and part in value
        known = known or (isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value))
        if known:
            keys.append(str(part))
            value = value[part]
    return [*keys, str(place[-1])] if missing else keys
