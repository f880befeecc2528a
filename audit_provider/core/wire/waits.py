"""How long to wait: as a service asks in its headers, in every form met in practice, or after so many failures.

A header about waiting that cannot be read does not mean "no wait": :func:`waits_in` names it.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import http_sf
import msgspec

from audit_provider.core.records.times import time_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_WAIT = 3600.0
"""Seconds. A header that asks for more counts as this much: a wrong clock must not stop a pipeline for days."""

_MOST_DIGITS = 18
_COUNT = re.compile(r"([0-9]+)(?:\.[0-9]*)?\s*(?:;|$)")
_PERIODS = {
    **dict.fromkeys(("second", "secondly", "sec"), 1.0),
    **dict.fromkeys(("minute", "minutely", "min"), 60.0),
    **dict.fromkeys(("hour", "hourly"), 3600.0),
    **dict.fromkeys(("day", "daily"), 86400.0),
}
_MILLISECONDS = frozenset({"ms", "msec", "millis", "milliseconds"})
_NAMING_NO_LIMIT = _MILLISECONDS | {"x", "ratelimit", "reset", "resets", "remaining", "after", "at", "in", "seconds"}
_STRUCTURED = frozenset({"ratelimit", "xratelimit"})
_MOST_NAMES = 1024


@dataclass(frozen=True, slots=True)
class Waits:
    """What headers say about waiting.

    :ivar seconds: Wait that they ask for; None if none is understood.
    :ivar unread: Names of headers about waiting that are not understood, in whole or in part.
    """

    seconds: float | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Name:
    """What a header's name says about its value.

    :ivar role: ``after`` names a wait, ``reset`` the end of a limit's period, ``remaining`` what is left of it, and
        ``limit`` is the structured header that says both. :ivar limit: the words that distinguish one limit from
        another. :ivar scale: seconds per unit of a bare number. :ivar period: seconds of the limit's period; None if
        the name does not say it.
    """

    role: Literal["after", "reset", "remaining", "limit"]
    limit: frozenset[str] = frozenset()
    scale: float = 1.0
    period: float | None = None


@dataclass(frozen=True, slots=True)
class _Limit:
    """One of the limits that an answer states.

    :ivar header: the header that states it. :ivar left: remaining requests; None if it does not say.
    :ivar seconds: until the end of its period; None if it does not say. :ivar is_read: the header is understood.
    """

    header: str
    left: float | None
    seconds: float | None
    is_read: bool = True


def wait_asked(headers: Mapping[str, str], now: datetime, *, resets: bool = True) -> float | None:
    """Return the seconds a service asks to wait, or None if it names no readable wait; see :func:`waits_in`."""
    return waits_in(headers, now, resets=resets).seconds


def waits_in(headers: Mapping[str, str], now: datetime, *, resets: bool = True) -> Waits:
    """Return what headers ask to wait.

    Understands ``Retry-After`` in its variants; every header whose name speaks of a rate limit and its reset, as
    ``X-RateLimit-Requests-Reset``; and the structured ``RateLimit`` (``"default";r=0;t=42``). Their values are seconds,
    durations with a unit (``1m30s``, ``500ms``), epochs, HTTP dates or ISO date-times, or a list of these, of which the
    largest counts. ``Retry-After: 0`` is 0.0, which asks for a repeat at once, and not None.

    Of several limits, one that is used up decides, or else one for which no header says what is left.

    https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/

    :param headers: of the answer. :param now: aware UTC.
    :param resets: whether the end of the budget's period counts too; it asks for a wait only if the budget is used up.
    """
    after: list[tuple[str, float | None, bool]] = []
    for header, text in headers.items():
        name = _name(header)
        if name and name.role == "after" and text.strip():
            after.append((header, *seconds_in(text, now, name.scale)))
    # Pylon's own header takes precedence over one that a proxy may add.
    own = [each for each in after if each[0].lower() == "x-retry-after" and each[1] is not None]
    if any(seconds is not None for _, seconds, _ in after):
        return _waits((seconds, header, is_read) for header, seconds, is_read in own or after if seconds is not None)
    if resets and (limits := _deciding(_limits(headers, now))):
        shortest = all(each.left for each in limits)
        found = [(each.seconds, each.header, each.is_read) for each in limits]
        if shortest and all(each.is_read for each in limits):
            return Waits(_bounded(min(each.seconds for each in limits if each.seconds is not None)))
        return _waits(found)
    return Waits(unread=tuple(header for header, _, _ in after))


def asks_to_wait(headers: Mapping[str, str]) -> bool:
    """Whether a header asks to wait before the next request, in any form."""
    return any((name := _name(header)) and name.role == "after" for header in headers)


def remaining_requests(headers: Mapping[str, str]) -> int | None:
    """Return how many requests the service says are left, or None if it does not say.

    Of several limits, the smallest number counts.
    """
    least: int | None = None
    for header, text in headers.items():
        name = _name(header)
        left = None
        if name and name.role == "remaining":
            left = _count(text)
        elif name and name.role == "limit":
            left = min((int(each.left) for each in _policies(header, text) if each.left is not None), default=None)
        if left is not None:
            least = left if least is None else min(least, left)
    return least


@lru_cache(maxsize=_MOST_NAMES)
def _name(header: str) -> _Name | None:
    lower = header.lower().replace("_", "-").replace("rate-limit", "ratelimit").replace("ratelimit", "-ratelimit-")
    words = frozenset(filter(None, lower.split("-")))
    joined = lower.replace("-", "")
    scale = 1e-3 if words & _MILLISECONDS else 1.0
    if "retryafter" in joined:
        return _Name("after", scale=scale)
    if joined in _STRUCTURED:
        return _Name("limit")
    if "ratelimit" not in words or "concurren" in joined:
        return None  # a limit on simultaneous requests does not reset with time
    limit = words - _NAMING_NO_LIMIT
    period = next((_PERIODS[word] for word in sorted(limit) if word in _PERIODS), None)
    if "reset" in joined:
        return _Name("reset", limit, scale, period)
    return _Name("remaining", limit, scale, period) if "remaining" in joined else None


def _limits(headers: Mapping[str, str], now: datetime) -> Iterator[_Limit]:
    left: dict[frozenset[str], tuple[str, int | None, float | None]] = {}
    for header, text in headers.items():
        name = _name(header)
        if name and name.role == "remaining":
            left[name.limit] = (header, _count(text), name.period)
    paired = set()
    for header, text in headers.items():
        name = _name(header)
        if name and name.role == "limit":
            yield from _policies(header, text, now)
        elif name and name.role == "reset" and text.strip():
            paired.add(name.limit)
            seconds, is_read = seconds_in(text, now, name.scale)
            yield _Limit(header, left.get(name.limit, ("", None, None))[1], seconds, is_read)
    for limit, (header, count, period) in left.items():
        if limit not in paired and period is not None:
            # Its period ends then at the latest.
            yield _Limit(header, count, period)


def _deciding(limits: Iterable[_Limit]) -> list[_Limit]:
    """Return the limits that say how long to wait: those used up, else those that may be, else all."""
    known = [each for each in limits if each.seconds is not None or not each.is_read]
    used_up = [each for each in known if each.left == 0]
    return used_up or [each for each in known if each.left is None] or known


def _waits(found: Iterable[tuple[float | None, str, bool]]) -> Waits:
    asked, unread = [], []
    for seconds, header, is_read in found:
        if seconds is not None:
            asked.append(seconds)
        if not is_read:
            unread.append(header)
    return Waits(_bounded(max(asked)) if asked else None, tuple(unread))


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _policies(header: str, text: str, now: datetime | None = None) -> list[_Limit]:
    """Return the limits of a structured ``RateLimit``, in any of its three forms."""
    if not text.strip():
        return []
    try:
        content = text.strip().lower().encode("ascii")
    except UnicodeEncodeError:
        return [_Limit(header, None, None, is_read=False)]
    found: list[Mapping[str, Any]] = []
    try:
        # "default";r=0;t=42
        items: Any = http_sf.parse(content, tltype="list")
        found = [params for _, params in items]
    except ValueError:
        try:
            members: Any = http_sf.parse(content, tltype="dictionary")
        except ValueError:
            return [_Limit(header, None, None, is_read=False)]
        # limit=100, remaining=0, reset=42; or default;r=0;t=42 beside a key with a value
        bare = {key: value for key, (value, _) in members.items()}
        found = [bare] if bare.keys() & {"r", "t", "remaining", "reset"} else [each for _, each in members.values()]
    limits = []
    for each in found:
        left, reset = (_plain(each.get(short, each.get(long))) for short, long in (("r", "remaining"), ("t", "reset")))
        seconds = from_now(reset, now) if reset is not None and now else reset
        if left is not None or seconds is not None:
            limits.append(_Limit(header, left, seconds))
    return limits


def _plain(value: Any) -> float | None:
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= 0 else None


def _count(text: str) -> int | None:
    """Return the smallest number of a list; None if it does not begin with a number."""
    counts = [_COUNT.match(part.strip()) for part in text.split(",")]
    if not counts or counts[0] is None:
        return None
    return min(int(each[1][:_MOST_DIGITS]) for each in counts if each)


_EPOCHS = ((1e18, 1e9), (1e15, 1e6), (1e12, 1e3), (1e9, 1.0))
"""Smallest number that is an epoch, and its units per second; a number below all of them is seconds to wait."""

_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_COMMA = re.compile(r"(?<!Mon)(?<!Tue)(?<!Wed)(?<!Thu)(?<!Fri)(?<!Sat)(?<!Sun)(?<!day),", re.IGNORECASE)
"""A comma between two values, and not the one after a date's weekday."""

_DATE = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ][0-9]")
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    **dict.fromkeys(("milliseconds", "millisecond", "millis", "msecs", "msec", "ms"), 1e-3),
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), 1.0),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), 86400.0),
}
_PIECE = re.compile(rf"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*({'|'.join(sorted(_UNITS, key=len, reverse=True))})\s*")
_DURATION = re.compile(f"(?:{_PIECE.pattern})+")


def duration_from(text: str) -> float | None:
    """Return the seconds of a duration with units, as Go writes it (``1m30s``) or ISO 8601 (``PT30S``), else None."""
    text = text.strip()
    lower = text.lower()
    if _DURATION.fullmatch(lower):
        return sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(lower))
    if lower[:1] == "p":
        try:
            return msgspec.convert(text.upper(), timedelta).total_seconds()
        except (msgspec.ValidationError, OverflowError):
            return None
    return None


def seconds_in(text: str, now: datetime, scale: float) -> tuple[float | None, bool]:
    """Return the largest wait of a header's value, and whether all of it is understood.

    :param scale: seconds per unit, if the value is a bare number and not an epoch.
    """
    parts = [part for part in _COMMA.split(text) if part.strip()]
    found = [seconds for part in parts if (seconds := _one(part, now, scale)) is not None]
    if found and len(found) == len(parts):
        return max(found), True
    # A date may have a comma before its fraction of a second.
    whole = _one(text.replace(",", "."), now, scale) if _DATE.match(text.strip()) else None
    return (max(found, default=None), False) if whole is None else (whole, True)


def _one(text: str, now: datetime, scale: float) -> float | None:
    text = text.strip().strip('"').strip()
    if not text.isascii():
        return duration_from(text)
    head = text.partition(";")[0].strip()
    if _NUMBER.fullmatch(head):
        number = float(head)
        return from_now(number, now) if number >= _EPOCHS[-1][0] and scale == 1.0 else _scaled(number, now, scale)
    seconds = duration_from(text)
    if seconds is not None:
        return seconds
    moment = _moment(text)
    return None if moment is None else (moment - now).total_seconds()


def _scaled(number: float, now: datetime, scale: float) -> float:
    # The value may be an epoch in milliseconds, if the header's name says milliseconds.
    return from_now(number, now) if number >= _EPOCHS[2][0] else number * scale


def from_now(number: float, now: datetime) -> float:
    """Return the seconds until a point in time if a number is an epoch; otherwise the number."""
    for floor, parts in _EPOCHS:
        if number >= floor:
            return number / parts - now.timestamp()
    return number


def _moment(text: str) -> datetime | None:
    if _DATE.match(text):
        return time_from(text)
    if not re.search("[A-Za-z]{3}", text):
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


LONGEST_BACKOFF = 30.0
"""Seconds. The longest pause between two tries if the service names none."""


def backoff(failures: int) -> float:
    """Return seconds to wait after ``failures`` in a row: exponential with full jitter."""
    longest: float = min(LONGEST_BACKOFF, 2.0 ** (failures - 1))
    return random.uniform(0.3, 1.0) * longest  # noqa: S311  # nosec B311
