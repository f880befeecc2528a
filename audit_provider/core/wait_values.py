"""The values of headers that name a wait: seconds, durations with a unit, epochs and dates, alone or as a list."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import msgspec

from audit_provider.core.records import time_from

_EPOCHS = ((1e18, 1e9), (1e15, 1e6), (1e12, 1e3), (1e9, 1.0))
"""A number from the first on is a moment, in seconds by the second; a smaller one is seconds to wait."""

_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_COMMA = re.compile(r"(?<!Mon)(?<!Tue)(?<!Wed)(?<!Thu)(?<!Fri)(?<!Sat)(?<!Sun)(?<!day),", re.IGNORECASE)
"""A comma between two values, and not the one behind a date's weekday."""

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

    :param scale: seconds of one, where the value is a bare number and no moment.
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
    # An epoch in milliseconds under a name that says so.
    return from_now(number, now) if number >= _EPOCHS[2][0] else number * scale


def from_now(number: float, now: datetime) -> float:
    """Return the seconds until a moment, where a number is one; else the number."""
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
