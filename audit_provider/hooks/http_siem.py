"""The connection type ``http_siem``: any receiver of events over HTTP."""

from __future__ import annotations

import functools
import re
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk.log import mask_secret

from audit_provider.core.destinations.http import HTTP, HttpOptions
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.text.validation import near
from audit_provider.core.wire.addresses import base_url_from
from audit_provider.core.wire.assertion import CLOUD_SCOPE, service_account
from audit_provider.core.wire.auth import HeaderAuth, NoAuth, TokenHolder, filler
from audit_provider.core.wire.signatures import ID_HEADER, SignatureAuth
from audit_provider.hooks.destinations import DestinationHook
from audit_provider.hooks.service import PROMPTLY

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin
    from audit_provider.core.wire.http import HttpClient

STYLES = ("header", "bearer", "basic", "signature", "google_service_account", "none")
"""The values of the extra ``auth``."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_LEAST_SECRET = 8


class HttpSiemHook(DestinationHook):
    """Session and credential for any HTTP receiver, from a connection of type ``http_siem``.

    Example::

        hook = HttpSiemHook("http_siem_default")
        ok, message = hook.test_connection()

    :param http_siem_conn_id: Connection: host (the receiver's URL with its path), login and password as ``auth`` needs
        them, extras ``auth`` (``header``: the password, or the extra ``auth_header``, is ``Name: value``; ``bearer``:
        the password is the token; ``basic``; ``signature``: the password is a Standard Webhooks secret, or several
        separated by spaces; ``google_service_account``: the password is the account's key file in JSON, and a token is
        fetched with it for ``scope``, from ``token_url`` if not from Google; ``none``), ``secret_url`` (the URL is the
        credential and is never shown),
        ``allow_link_local``, ``page_url`` (the page that shows the events, for links), ``verify``, ``proxies``,
        ``cert``, ``allow_http``, ``ssh_conn_id``.
    """

    spec = HTTP
    conn_name_attr = "http_siem_conn_id"

    def __init__(self, http_siem_conn_id: str = HTTP.options.default_conn_id) -> None:
        super().__init__(http_siem_conn_id)

    @property
    def style(self) -> str:
        """How the credential is sent; if the connection does not say, the only way that its other fields allow.

        :raises ConfigurationError: more than one way is possible, or the style does not exist.
        """
        style: str = self.extra("auth", "")
        if not style:
            style = "header" if self.extra("auth_header") else "none" if not self._password else ""
        if style not in STYLES:
            wrong = f"the extra 'auth' {style!r}{near(style, STYLES)}" if style else "a password and no extra 'auth'"
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has {wrong}: set it to one of {', '.join(STYLES)}."
            )
        return style

    def authentication(self) -> AuthBase:
        """Return how the credential is sent."""
        style = self.style
        if style == "none":
            return NoAuth()
        if style == "signature":
            return SignatureAuth(self._signing_secrets())
        if style == "google_service_account":
            return self._token
        name, value = self._header(style)
        return HeaderAuth({name: value})

    @functools.cached_property
    def _token(self) -> HeaderAuth | TokenHolder:
        account = service_account(str(self.extra("scope", CLOUD_SCOPE)))
        if url := self.extra("token_url"):
            account = account.at(str(url))
        fill = filler({"password": self.token}, f"the connection {self.http_conn_id!r}")
        return account.bind(fill, functools.partial(self.outside, **PROMPTLY))

    def address(self) -> str:
        """Return the receiver's URL, without a slash at its end.

        :raises ConfigurationError: it cannot be used.
        """
        connection = self.connection
        host, mark, query = (connection.host or "").strip().partition("?")
        if mark and not self.flag("secret_url"):
            raise ConfigurationError(
                f"connection {self.http_conn_id!r}: the host contains a query, which would appear in messages: put the "
                "credential elsewhere, or set 'secret_url' in the extra."
            )
        try:
            url = base_url_from(
                host, scheme=connection.schema, port=connection.port, allow_http=self.flag("allow_http")
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"connection {self.http_conn_id!r}: {error}") from None
        return f"{url}?{query}" if query else url

    def shown_address(self) -> str:
        """Return the URL, or only its host if the rest is secret."""
        url = self.address()
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}/***" if self.flag("secret_url") else url

    def endpoint(self, options: HttpOptions) -> str:
        """Return the receiver's URL, or only its host if the rest is secret.

        :raises ConfigurationError: the connection cannot be used, or the URL is a credential and would be shown.
        """
        self.must_hide_address(options)
        return super().endpoint(options)

    def must_hide_address(self, options: HttpOptions) -> None:
        """Refuse to show a URL that is a credential.

        :raises ConfigurationError: this preset's URLs are credentials, and the connection does not set ``secret_url``.
        """
        if options.kind.url_is_credential and not self.flag("secret_url"):
            raise ConfigurationError(
                f"the URL of the connection {self.http_conn_id!r} is the credential of {options.kind.title}, and would "
                "appear in messages: set 'secret_url' to true in its extra."
            )

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets of the connection: credentials, and all parts of a secret URL but its host."""
        style, secrets = self.style, {self._password}
        if style == "signature":
            secrets |= {secret.removeprefix("whsec_") for secret in self._signing_secrets()}
        elif style not in ("none", "google_service_account"):
            value = self._header(style)[1]
            last = value.rpartition(" ")[2]
            secrets |= {value, *([last] if len(last) >= _LEAST_SECRET else [])}
        if self.flag("secret_url"):
            parts = urlsplit(self.address())
            pieces = {parts.path, parts.query, *parts.path.split("/"), *re.split("[&=]", parts.query)}
            secrets |= {self.address(), *filter(_looks_secret, pieces)}
        return tuple(sorted(filter(None, secrets), key=len, reverse=True))

    def client(self, base_url: str = "", **options: Any) -> HttpClient:
        """Return a client for the receiver.

        :raises ConfigurationError: the connection cannot be used.
        """
        client = super().client(base_url, shown_url=base_url or self.shown_address(), **options)
        if self.style == "google_service_account" and isinstance(self._token, TokenHolder):
            self._token.hides += [client.hide, mask_secret]
        return client

    def destination(self, options: HttpOptions, origin: Origin, form: Form | None = None, **client: Any) -> Destination:
        """Return the receiver, ready to send.

        :param form: the format of its events.
        :param client: options of :class:`~audit_provider.core.wire.http.HttpClient`.
        :raises ConfigurationError: the connection cannot be used, or not with these options.
        """
        if self.style == "signature":
            if options.gzip or (options.id_header or ID_HEADER).lower() != ID_HEADER:
                raise ConfigurationError(
                    f"the connection {self.http_conn_id!r} signs its requests: remove 'gzip' and 'id_header', because "
                    f"a signature covers the plain body and adds its own {ID_HEADER}."
                )
            options = replace(options, id_header=ID_HEADER, gzip=False)
        if options.path is None and not options.preset and self._ends_in_slash():
            options = replace(options, path="/")
        self.must_hide_address(options)
        return super().destination(options, origin, form, **client)

    @property
    def _password(self) -> str:
        return (self.connection.password or "").strip()

    def _ends_in_slash(self) -> bool:
        return (self.connection.host or "").strip().partition("?")[0].endswith("/")

    def _signing_secrets(self) -> list[str]:
        return self._password.replace(",", " ").split()

    def _header(self, style: str) -> tuple[str, str]:
        """Return the header with the credential.

        :raises ConfigurationError: there is no header to send, or it has a character that headers do not allow.
        """
        if style == "header":
            name, colon, value = str(self.extra("auth_header") or self._password).partition(":")
            name, value = name.strip(), value.strip()
            if not colon or not value or not _HEADER_NAME.fullmatch(name):
                raise ConfigurationError(
                    f"the connection {self.http_conn_id!r} has no header to send: write 'Name: value' into the "
                    f"password or the extra 'auth_header'."
                )
        else:
            name, value = "Authorization", f"Bearer {self.token}"
            if style == "basic":
                pair = f"{self.connection.login or ''}:{self.token}"
                value = f"Basic {b64encode(pair.encode()).decode()}"
        if not value.isascii() or not value.isprintable():
            raise ConfigurationError(
                f"the credential of the connection {self.http_conn_id!r} contains a line break or another character "
                "that is not allowed in a header: enter it again."
            )
        return name, value


def _looks_secret(piece: str) -> bool:
    """Whether a piece is not a common word: hiding common words would make other messages unreadable."""
    return len(piece) >= _LEAST_SECRET and not piece.isalpha()
