"""How long a service asks to be left alone, in every header form met in the field."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WAIT = 3600.0
"""Seconds. A header that asks for more is taken for this much: a wrong clock must not stop a pipeline for days."""

_WAIT_HEADERS = ("X-Retry-After", "Retry-After")
_RESET_HEADERS = (
    "X-RateLimit-Reset",
    "X-Rate-Limit-Reset",
    "RateLimit-Reset",
    "X-Sentry-Rate-Limit-Reset",
)
_REMAINING_HEADERS = ("X-Rate-Limit-Remaining", "X-RateLimit-Remaining", "RateLimit-Remaining")
_MOST_DIGITS = 18
_EPOCH_FLOOR = 1_000_000_000.0  # smaller numbers are seconds to wait, larger ones a moment
_EPOCH_MS_FLOOR = 1_000_000_000_000.0


def wait_asked(headers: Mapping[str, str], now: datetime, *, resets: bool = True) -> float | None:
    """Return the seconds a service asks to wait, or None where it names nothing readable.

    Understands seconds, fractions of a second, epoch seconds and milliseconds, HTTP dates and ISO
    date-times. ``Retry-After: 0`` is 0.0, a wish to be asked again at once, and not None.

    :param headers: the answer's headers, looked up without regard to case.
    :param now: aware UTC.
    :param resets: whether the end of the budget's period counts too; it is a wish to wait only where the budget is used
        up.
    """
    for name in (*_WAIT_HEADERS, *(_RESET_HEADERS if resets else ())):
        seconds = _seconds(headers.get(name, ""), now)
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT)
    return None


def remaining_requests(headers: Mapping[str, str]) -> int | None:
    """Return how many requests the service says are left, or None where it does not say."""
    for name in _REMAINING_HEADERS:
        text = headers.get(name, "").split(",")[0].strip()
        if text.isascii() and text.isdigit():
            return int(text) if len(text) <= _MOST_DIGITS else 10**_MOST_DIGITS
    return None


def _seconds(text: str, now: datetime) -> float | None:
    text = text.strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        moment = _moment(text)
        return None if moment is None else (moment - now).total_seconds()
    if number != number or number < 0:
        return None
    if number >= _EPOCH_MS_FLOOR:
        return number / 1000 - now.timestamp()
    if number >= _EPOCH_FLOOR:
        return number - now.timestamp()
    return number


def _moment(text: str) -> datetime | None:
    for parse in (parsedate_to_datetime, _iso):
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return None


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
