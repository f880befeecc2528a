"""How a credential is sent: the types of authentication, as values, and the classes that apply them.

A template names parts of the connection in braces: ``{login}``, ``{password}``, and the settings of its source.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
from requests.auth import AuthBase

from audit_provider.core.errors import ConfigurationError, CredentialError
from audit_provider.core.records.fields import text_at, value_at
from audit_provider.core.text.templates import filled, names_in
from audit_provider.core.wire.addresses import base_url_from
from audit_provider.core.wire.tokens import life_of, passing_refusal

if TYPE_CHECKING:
    from requests import PreparedRequest

    from audit_provider.core.wire.http import Answer, HttpClient

_EARLY = timedelta(seconds=60)


class Auth(Protocol):
    """A type of authentication."""

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> AuthBase:
        """Return the object that authenticates requests.

        :param fill: puts the connection's parts into a template. :param outside: returns a client without any
            credential for a base URL, "" for the API's own.
        :raises ConfigurationError: the connection lacks a part.
        """


@dataclass(frozen=True, slots=True)
class Header:
    """A credential in headers, with any name and scheme.

    :ivar headers: Headers of every request. ``{login}``, ``{password}`` and the source's settings in braces are
        replaced. Example: ``{X-Api-Key: "{password}"}``.
    """

    headers: Mapping[str, str]

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> HeaderAuth:
        """See :class:`Auth`."""
        return HeaderAuth({name: fill(value) for name, value in self.headers.items()})


@dataclass(frozen=True, slots=True)
class Bearer:
    """The password is a bearer token."""

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> HeaderAuth:
        """See :class:`Auth`."""
        return HeaderAuth({"Authorization": f"Bearer {fill('{password}')}"})


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP basic authentication.

    :ivar login: Template of the user name. Example: ``{login}/token``.
    :ivar password: Template of the password.
    """

    login: str = "{login}"
    password: str = "{password}"  # noqa: S105 - a template

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> HeaderAuth:
        """See :class:`Auth`."""
        return HeaderAuth({"Authorization": basic(fill(self.login), fill(self.password))})


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is fetched with the credential, kept in memory, and renewed before it expires.

    The defaults are OAuth client credentials. Other fields describe the refresh-token grant and vendors' own two-step
    logins.

    :ivar url: Where the token is fetched: an http(s) address, or a path that begins with ``/`` on the API's own host.
        The connection's extra ``token_url`` overrides it. Example: ``/oauth/token``.
    :ivar fields: Fields of the token request; names in braces are replaced. Example: ``{grant_type:
        client_credentials}``.
    :ivar encoding: How the fields are sent: ``form``, ``json`` or ``query``.
    :ivar client: How OAuth's client id and secret (login, password) are sent: ``basic`` authentication, as ``fields``,
        or ``none``.
    :ivar headers: Additional headers of the token request. Example: ``{X-Tenant: acme}``.
    :ivar token_at: Dotted path of the token in the answer.
    :ivar expires_at: Dotted path of the token's lifetime in seconds, or of its end.
    :ivar header: Header of the API's requests that contains the token.
    :ivar value: Template of that header's value.
    """

    url: str
    fields: Mapping[str, str] = field(default_factory=lambda: {"grant_type": "client_credentials"})
    encoding: Literal["form", "json", "query"] = "form"
    client: Literal["basic", "fields", "none"] = "basic"
    headers: Mapping[str, str] = field(default_factory=dict)
    token_at: str = "access_token"  # noqa: S105 - a path
    expires_at: str = "expires_in"
    header: str = "Authorization"
    value: str = "Bearer {token}"

    def at(self, url: str) -> Token:
        """Return the same, fetched at another address.

        :raises ConfigurationError: it is not an http(s) address.
        """
        if not _is_address(url):
            raise ConfigurationError(
                "'token_url' is not a complete address: write it with its scheme, as in "
                "https://login.example.com/oauth/token."
            )
        return replace(self, url=url)

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> TokenHolder:
        """See :class:`Auth`."""
        fields = {name: fill(value) for name, value in self.fields.items()}
        headers = {"Accept": "application/json", **{name: fill(value) for name, value in self.headers.items()}}
        if self.client == "basic":
            headers["Authorization"] = basic(fill("{login}"), fill("{password}"))
        elif self.client == "fields":
            fields |= {"client_id": fill("{login}"), "client_secret": fill("{password}")}
        url = fill(self.url)
        if not is_token_url(url):
            raise ConfigurationError(
                "'auth.url' is neither a path that begins with '/' nor an http(s) address: correct it in the source."
            )
        parts = urlsplit(url)
        if parts.netloc:
            base_url_from(f"{parts.scheme}://{parts.netloc}")
        client = outside(f"{parts.scheme}://{parts.netloc}" if parts.netloc else "")
        query, body = parts.query, None
        if self.encoding == "query":
            query = "&".join(filter(None, (query, urlencode(fields))))
        elif self.encoding == "json":
            body, headers["Content-Type"] = msgspec.json.encode(fields), "application/json"
        else:
            body, headers["Content-Type"] = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        path = f"{parts.path or '/'}?{query}" if query else parts.path or "/"
        return TokenHolder(
            self, client, lambda: client.fetch("POST", path, headers=headers, body=body, later=passing_refusal)
        )


class HeaderAuth(AuthBase):
    """Sets headers. It is the session's own authentication, so that no ``.netrc`` can replace it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the headers to a request about to be sent."""
        request.headers.update(self._headers)
        return request


class TokenHolder(AuthBase):
    """Fetches a token when one is needed, and adds it to requests.

    :param fetch: requests a token. :ivar hides: called with every token, so that it is redacted everywhere.
    :ivar refused_anew: see :class:`~audit_provider.core.wire.tokens.Renewable`.
    """

    def __init__(self, style: Token, client: HttpClient, fetch: Callable[[], Answer]) -> None:
        self._style = style
        self._client = client
        self._fetch = fetch
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at: datetime | None = None
        self._fetched_at: datetime | None = None
        self.refused_anew = False
        self.hides: list[Callable[[str], None]] = [client.hide]

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the token's header to a request about to be sent.

        :raises CredentialError: no token is given.
        """
        request.headers[self._style.header] = self._style.value.replace("{token}", self._current())
        return request

    def drop(self) -> bool:
        """Forget the refused token; return whether there was one, so that another may be tried."""
        with self._lock:
            had, self._token = bool(self._token), ""
        return had

    def age(self, now: datetime) -> timedelta:
        """Return how long ago the token was fetched; zero if there is none."""
        return now - self._fetched_at if self._fetched_at else timedelta(0)

    def _current(self) -> str:
        with self._lock:
            if not self._token or self._renew_at is None or self._client.now() >= self._renew_at:
                self._token = self._asked()
            return self._token

    def _asked(self) -> str:
        asked_at = self._client.now()
        answer = self._fetch()
        if answer.status in _ELSEWHERE:
            raise ConfigurationError(
                f"{answer.where} answered {answer.status} without a token{self._client.words(answer)}: check the "
                "connection's host, or 'token_url' in its extra."
            )
        found = answer.json() if answer.status < 300 or not answer.is_web_page else {}
        token = text_at(found, self._style.token_at) if answer.status < 300 else ""
        if not token:
            said = ": ".join(
                self._client.redact(each)
                for path in ("error", "error_description", "message")
                if isinstance(found, dict) and (each := text_at(found, path))
            )
            raise CredentialError(
                f"{answer.where} answered {answer.status} without a token{f' ({said[:300]})' if said else ''}: check "
                "login and password (client id and secret) on the connection."
            )
        for hide in self.hides:
            hide(token)
        life = life_of(value_at(found, self._style.expires_at), asked_at)
        self._fetched_at, self._renew_at = asked_at, asked_at + max(life - _EARLY, life / 2)
        return token


_ELSEWHERE = frozenset({301, 302, 303, 307, 308, 404, 405, 501, 505})
"""Statuses of a host that gives no tokens at that address."""


class NoAuth(AuthBase):
    """Adds nothing, and keeps a ``.netrc`` from adding anything."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Leave the request as it is."""
        return request


def filler(parts: Mapping[str, str], where: str) -> Callable[[str], str]:
    """Return a function that puts the parts of a connection into a template.

    :param where: names the connection, for messages.
    """

    def fill(template: str) -> str:
        missing = sorted(name for name in names_in(template) if not parts.get(name))
        if missing:
            raise ConfigurationError(f"{where} has no {missing[0]}, which this service's credential needs: set it.")
        return str(filled(template, parts))

    return fill


def is_token_url(url: str) -> bool:
    """Whether ``url`` says where a token is fetched: a path on the API's own host, or an http(s) address."""
    return (url.startswith("/") and not url.startswith("//")) or _is_address(url)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def basic(login: str, password: str) -> str:
    """Return the value of the header of HTTP basic authentication."""
    return "Basic " + b64encode(f"{login}:{password}".encode()).decode()
