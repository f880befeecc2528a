"""Reads times as vendors write them: date-times in all usual forms, and epochs in all usual units."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from audit_provider.core.model import EPOCH, UTC

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""The time that programs in Go and .NET write for "no time"."""

FAR_AHEAD = timedelta(days=366)
"""A time further in the future than this cannot be the time of an event."""

_MS_FLOOR = 100_000_000_000  # an epoch larger than this (year 5138 in seconds) is in milliseconds
_US_FLOOR = 100_000_000_000_000
_NS_FLOOR = 100_000_000_000_000_000
_MOST_DIGITS = 24
_SHORTEST_LONG = len("2026-03-01T10:00:00.1234567")

_LONG_FRACTION = re.compile(r"(:?\d\d[.,]\d{6})\d+")
_LONG_IN_JSON = re.compile(rb":\d\d\.\d{7}")
_CALENDAR = re.compile(
    r"(\d{4})([-/]?)(\d\d)\2(\d\d)"
    r"(?:(?:[Tt]| +)(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?"
    r" ?(?:([Zz]|UTC|utc|GMT|gmt)|([+-]\d\d)(?::?(\d\d))?(?: [A-Z]{3,5})?)?"
    r"(?:\[(?:([A-Za-z_]+(?:/[A-Za-z_+0-9-]+)*)|[+-][\d:]+)\])?"
)
"""ISO 8601, extended and basic, and similar unambiguous forms: to the minute, to the day, with a leap second, a comma,
a short or separated zone, or a zone's name at the end.
"""

_SECOND_DIGITS = 14
_DIGITS_WITH_ZONE = re.compile(r"(\d{8})(\d{6}(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d))")
_DIGITS = re.compile(r"(?:19[7-9]\d|20\d\d|2100)(?:\d{4}|\d{8}|\d{10})")
_MAIL = re.compile(
    r"(?:[A-Za-z]{3,9},? +)?\d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} +\d{1,2}:\d\d(?::\d\d)?"
    r"(?: *(?:GMT|UTC|UT|Z|[ECMP][SD]T|[+-]\d{4}))?(?: *\([^()]*\))?"
    r"|[A-Za-z]{3} [A-Za-z]{3} +\d{1,2} \d\d:\d\d:\d\d \d{4}"
)
"""A date of a mail (RFC 5322) or of HTTP in any of its three forms, with zone names that mean the same everywhere."""


def time_from(value: Any) -> datetime | None:
    """Return an aware UTC time from a date-time or an epoch, as number or text; None if it is neither.

    It reads ISO 8601 and RFC 3339 in their usual variants, dates of mails and of HTTP, digits that begin with a year
    from 1970 to 2100 (``YYYYMMDD``, ``YYYYMMDDhhmm``, ``YYYYMMDDhhmmss``), and epochs in s, ms, µs or ns. A text
    without an offset is read as UTC, as audit APIs mean it. Digits beyond a microsecond are cut off, never rounded. A
    time outside the years 1 to 9999 in UTC cannot be represented, so the result is None.
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int):
        return _from_whole(value)
    return _from_number(repr(value))


def is_too_fine(text: bytes | memoryview) -> bool:
    """Return whether a time in a JSON text is finer than a microsecond, so that a decoder would round it."""
    return _LONG_IN_JSON.search(text) is not None


def _from_text(text: str) -> datetime | None:
    if len(text) >= _SHORTEST_LONG:
        text = _LONG_FRACTION.sub(r"\1", text)
    moment = _moment(text)
    if moment is None:
        text = text.strip()
        moment = _from_calendar(text) or _from_mail(text)
    if moment is None:
        return _from_number(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None


def _from_calendar(text: str) -> datetime | None:
    found = _CALENDAR.fullmatch(_DIGITS_WITH_ZONE.sub(r"\1T\2", text))
    if found is None:
        return None
    year, dash, month, day, hour, minute, second, fraction, utc, hours, minutes, zone = found.groups()
    if hour is None and not dash:
        return None  # digits alone
    if zone and not (utc or hours) and zone.upper() not in ("UTC", "GMT", "Z", "ETC/UTC"):
        return None
    try:
        zoned = timezone(_offset(hours, minutes)) if hours else UTC
        begun = datetime(int(year), int(month), int(day), tzinfo=zoned)
        if hour == "24":
            whole = not (int(minute) or int(second or 0) or int(fraction or 0))
            return begun + timedelta(days=1) if whole else None
        return begun.replace(
            hour=int(hour or 0),
            minute=int(minute or 0),
            second=min(int(second or 0), 59) if second in (None, "60") else int(second),
            microsecond=int((fraction or "")[:6].ljust(6, "0")),
        )
    except (ValueError, OverflowError):
        return None


def _offset(hours: str, minutes: str | None) -> timedelta:
    size = timedelta(hours=int(hours[1:]), minutes=int(minutes or 0))
    return -size if hours[0] == "-" else size


def _from_mail(text: str) -> datetime | None:
    if not _MAIL.fullmatch(text):
        return None
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _from_whole(value: int) -> datetime | None:
    size = abs(value)
    is_date = 19_700_101_000_000 <= size <= 21_001_231_235_959 or 197_001_010_000 <= size <= 210_012_312_359
    if is_date or size >= _NS_FLOOR or 19_700_101 <= size <= 21_001_231:
        return _from_number(str(value)) if size < 10**_MOST_DIGITS else None
    try:
        return datetime.fromtimestamp(
            value / 1_000_000 if size >= _US_FLOOR else value / 1000 if size >= _MS_FLOOR else value, UTC
        )
    except (ValueError, OverflowError, OSError):
        return None


def _from_number(text: str) -> datetime | None:
    """Return the time that digits represent: a date without separators, or an epoch."""
    whole, _, fraction = text.replace(",", ".").partition(".")
    if _DIGITS.fullmatch(whole) and (not fraction or (fraction.isdecimal() and len(whole) == _SECOND_DIGITS)):
        padded = whole.ljust(_SECOND_DIGITS, "0")
        try:
            moment = datetime.strptime(f"{padded}+0000", "%Y%m%d%H%M%S%z")
            return moment.replace(microsecond=int(fraction[:6].ljust(6, "0")), tzinfo=UTC)
        except ValueError:
            if len(whole) == _SECOND_DIGITS:
                return None
            # It is not a date, so it is an epoch.
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS:
        return None
    size = abs(number)
    scale = 1_000_000 if size < _MS_FLOOR else 1000 if size < _US_FLOOR else 1
    number = number / 1000 if size >= _NS_FLOOR else number * scale
    try:
        return EPOCH + timedelta(microseconds=int(number.to_integral_value(ROUND_FLOOR)))
    except (OverflowError, InvalidOperation):
        return None
