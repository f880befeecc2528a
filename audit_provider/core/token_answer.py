"""What the answer to a token request means: how long the token is valid, or that it is refused for now."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ProtocolError
from audit_provider.core.fields import text_at
from audit_provider.core.later import Later, fault_said, limit_said
from audit_provider.core.records import time_from
from audit_provider.core.wait_values import duration_from

if TYPE_CHECKING:
    from audit_provider.core.answer import Answer

_UNSAID_LIFE = timedelta(minutes=5)
_EPOCH_FLOOR = 1_000_000_000  # a larger number of seconds is a moment, not a life
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]*)?")


def life_of(value: Any, now: datetime) -> timedelta:
    """Return how long a token lives: said in seconds, as a duration, or as the moment of its end.

    Nothing or less is what some services say of a token whose life they do not limit.
    """
    if isinstance(value, str):
        value = _number_or_duration(value.strip())
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < _EPOCH_FLOOR:
        return timedelta(seconds=value) if value > 0 else _UNSAID_LIFE
    end = time_from(value)
    return max(end - now, timedelta(0)) if end else _UNSAID_LIFE


def _number_or_duration(text: str) -> Any:
    if _DECIMAL.fullmatch(text):
        return float(text)
    seconds = duration_from(text)
    return text if seconds is None else seconds


def passing_refusal(answer: Answer) -> Later | None:
    """Return what a refusal of a token means where it is said to pass: by OAuth's codes, or as a limit.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    """
    if answer.status < 400 or answer.is_web_page:
        return None
    try:
        found = answer.json()
    except ProtocolError:
        return None
    code, words = (text_at(found, path) if isinstance(found, dict) else "" for path in ("error", "error_description"))
    if limit_said(code) or limit_said(words):
        return Later()
    return Later(limited=False) if fault_said(code) else None
