"""How long a token is valid, and whether its refusal is followed by another try, with a new token or a little later."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from audit_provider.core.errors import ProtocolError
from audit_provider.core.records.fields import text_at
from audit_provider.core.records.times import time_from
from audit_provider.core.wire.later import Later, fault_said, limit_said
from audit_provider.core.wire.waits import duration_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.wire.answer import Answer

_UNSAID_LIFE = timedelta(minutes=5)
_EPOCH_FLOOR = 1_000_000_000  # a larger number is a point in time, not a duration in seconds
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]*)?")


def life_of(value: Any, now: datetime) -> timedelta:
    """Return how long a token is valid, given in seconds, as a duration, or as the time of its end.

    Some services give zero or less for a token without a limit.
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
    """Return the meaning of a temporary refusal of a token, by OAuth's codes or by a limit; None for another answer.

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


SPREAD_SECONDS = 3.0
"""How long a new token may take until all machines of a service know it."""

OLD = timedelta(minutes=3)
"""If a 403 does not say why, a token older than this may have expired or been revoked."""

_OF_TOKEN = re.compile(
    r"(?:token|jwt|session|credential)s?\b[^.;]{0,40}\b(?:expired|invalid|not valid|revoked|has ended)"
    r"|(?:expired|invalid|revoked)[\s_-]?(?:\w+[\s_-])?(?:token|jwt|session)",
    re.IGNORECASE,
)
_WORDS_SEEN = 2000


class Renewable(Protocol):
    """An authentication with a token that it can fetch again."""

    refused_anew: bool
    """A new token got a 403 like the old one, so the reason is a missing right and not the token."""

    def drop(self) -> bool:
        """Forget the token; return whether there was one."""

    def age(self, now: datetime) -> timedelta:
        """Return how long ago the token was fetched."""


class TokenTries:
    """Decides for one request whether it is sent again after a refusal.

    After a 401 it is sent with a new token. If that gets a 401 too, it is sent once more a few seconds later, because
    some machines of the service may not know the token yet. After a 403 it is sent with a new token if the answer says
    that the token has ended, or if the token is old. The reason may be a missing right, so only one new token is tried.

    :param auth: of the session. :param sleep: called with seconds.
    """

    def __init__(self, auth: Any, sleep: Callable[[float], None], now: Callable[[], datetime]) -> None:
        self._holder: Renewable | None = auth if callable(getattr(auth, "drop", None)) else None
        self._sleep = sleep
        self._now = now
        self._renewed_for = 0
        self._waited = False

    def again(self, answer: Answer) -> bool:
        """Return whether to send the request again, after preparing that."""
        holder = self._holder
        if holder is None:
            return False
        if answer.status == 401 and not self._renewed_for:
            return self._renewed(holder, 401)
        if answer.status == 401 and not self._waited:
            self._waited = True
            self._sleep(SPREAD_SECONDS)
            return True
        if answer.status == 403 and not self._renewed_for and not holder.refused_anew:
            return (_is_about_token(answer) or holder.age(self._now()) >= OLD) and self._renewed(holder, 403)
        if answer.status == self._renewed_for == 403:
            holder.refused_anew = True
        return False

    def _renewed(self, holder: Renewable, status: int) -> bool:
        # Any of several threads may drop it: the holder fetches another one when it is needed.
        holder.drop()
        self._renewed_for = status
        return True


def _is_about_token(answer: Answer) -> bool:
    said = f"{answer.headers.get('WWW-Authenticate', '')} {answer.body[:_WORDS_SEEN].decode(errors='replace')}"
    return bool(_OF_TOKEN.search(said))
