"""Requests that are signed one by one: with an HMAC of date, method, host, path and parameters.

https://duo.com/docs/adminapi#authentication
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from requests.auth import AuthBase

from audit_provider.core.auth import basic

if TYPE_CHECKING:
    from requests import PreparedRequest

    from audit_provider.core.http import HttpClient


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Each request is signed with the password: an HMAC of the date, the method, the host, the path and the sorted
    parameters, each on a line. It is sent as the password of HTTP basic authentication, with the login as user.

    :ivar digest: Hash function: ``sha1`` or ``sha512``.
    """

    digest: Literal["sha1", "sha512"] = "sha1"

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> RequestSigner:
        """See :class:`~audit_provider.core.auth.Auth`."""
        return RequestSigner(fill("{login}"), fill("{password}"), self.digest, outside("").now)


class RequestSigner(AuthBase):
    """Signs requests about to be sent; each try anew, since a date is accepted for some minutes only."""

    def __init__(self, login: str, password: str, digest: str, now: Callable[[], datetime]) -> None:
        self._login = login
        self._password = password
        self._digest = digest
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the headers of the date and the signature."""
        date = formatdate(self._now().timestamp())
        parts = urlsplit(request.url or "")
        lines = (
            date,
            (request.method or "").upper(),
            (parts.hostname or "").lower(),
            parts.path or "/",
            canonical(parse_qsl(parts.query, keep_blank_values=True)),
        )
        key, digest = self._password.encode(), getattr(hashlib, self._digest)
        signed = hmac.new(key, "\n".join(lines).encode(), digest).hexdigest()
        request.headers["Date"] = date
        request.headers["Authorization"] = basic(self._login, signed)
        return request


def canonical(params: list[tuple[str, str]]) -> str:
    """Return parameters as they are signed: sorted, and quoted as RFC 3986 says."""
    quoted = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in params)
    return "&".join(f"{name}={value}" for name, value in quoted)
