"""Tokens that are fetched with an assertion signed by a private key, and not with a password (RFC 7523).

https://datatracker.ietf.org/doc/html/rfc7523
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from audit_provider.core.errors import ConfigurationError, CredentialError
from audit_provider.core.text.templates import filled, names_in
from audit_provider.core.wire.addresses import base_url_from
from audit_provider.core.wire.answer import Answer
from audit_provider.core.wire.auth import HeaderAuth, Token, TokenHolder, is_token_url
from audit_provider.core.wire.tokens import passing_refusal

if TYPE_CHECKING:
    from audit_provider.core.wire.http import HttpClient

_CLOCKS_APART = timedelta(seconds=10)
"""How far an assertion is dated back, because services refuse one from the future."""

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)
_PEM_LINE = 64
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Assertion:
    """A token that is fetched with an assertion signed by a private key (RFC 7523), kept in memory and renewed before
    it expires.

    The connection's password holds the key: in PEM, or as the vendor's key file in JSON. In templates, the names in
    braces are ``{login}``, ``{password}``, the source's settings, every text of the key file, such as
    ``{client_email}``, and ``{fingerprint}``, the public key's SHA-256 in base64.

    :ivar claims: Claims of the assertion; its times are added. Example: ``{iss: "{client_email}", sub: "{login}"}``.
    :ivar url: Where the token is fetched: an http(s) address, or a path that begins with ``/`` on the API's own host.
        The connection's extra ``token_url`` overrides it. "" sends the assertion itself as the token. Example:
        ``https://oauth2.example.com/token``.
    :ivar key: Template of the private key. Example: ``{private_key}``.
    :ivar key_id: Template of the key's id in the assertion's header; "" for none. Example: ``{private_key_id}``.
    :ivar algorithm: How the assertion is signed: ``RS256`` or ``ES256``.
    :ivar takes_token: Whether a password that is not a private key is sent unchanged, as the token.
    :ivar lifetime: How long an assertion is valid.
    :ivar fields: Fields of the token request beside the assertion. Example: ``{grant_type: client_credentials}``.
    :ivar param: Field of the token request that contains the assertion.
    :ivar token_at: Dotted path of the token in the answer.
    :ivar expires_at: Dotted path of the token's lifetime in seconds, or of its end.
    :ivar header: Header of the API's requests that contains the token.
    :ivar value: Template of that header's value.
    """

    claims: Mapping[str, str]
    url: str = ""
    key: str = "{password}"
    key_id: str = ""
    algorithm: Literal["RS256", "ES256"] = "RS256"
    takes_token: bool = False
    lifetime: timedelta = timedelta(hours=1)
    fields: Mapping[str, str] = field(default_factory=lambda: {"grant_type": _JWT_BEARER})
    param: str = "assertion"
    token_at: str = "access_token"  # noqa: S105 - a path
    expires_at: str = "expires_in"
    header: str = "Authorization"
    value: str = "Bearer {token}"

    def at(self, url: str) -> Assertion:
        """Return the same, fetched at another address.

        :raises ConfigurationError: it is not an http(s) address.
        """
        return replace(self, url=Token("").at(url).url)

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> HeaderAuth | TokenHolder:
        """See :class:`~audit_provider.core.wire.auth.Auth`."""
        password = fill("{password}")
        own = key_file(password)
        if self.takes_token and not own and "-----BEGIN" not in password:
            return HeaderAuth({self.header: self.value.replace("{token}", password)})
        if not own and self.key != "{password}":
            raise CredentialError(
                "the connection's password is not the vendor's key file in JSON, which contains the private key: paste "
                "the whole file as it was downloaded."
            )

        def put(template: str) -> str:
            return fill(str(filled(template, {name: own[name] for name in names_in(template) & own.keys()})))

        key = _with_lines(put(self.key))
        if "fingerprint" in names_in(self.claims):
            own["fingerprint"] = _fingerprint(key, self.algorithm)
        url = put(self.url)
        if url and not is_token_url(url):
            raise ConfigurationError(
                "'auth.url' is neither a path that begins with '/' nor an http(s) address: correct it in the source."
            )
        parts = urlsplit(url)
        if parts.netloc:
            base_url_from(f"{parts.scheme}://{parts.netloc}")
        client = outside(f"{parts.scheme}://{parts.netloc}" if parts.netloc else "")
        signer = _Signer(
            self,
            key,
            {name: put(value) for name, value in self.claims.items()},
            put(self.key_id) if self.key_id else "",
            client,
        )
        style = Token(url=url, header=self.header, value=self.value)
        if not url:
            return TokenHolder(style, client, lambda: _own_token(signer(), self.lifetime))
        style = replace(style, token_at=self.token_at, expires_at=self.expires_at)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        fixed = {name: put(value) for name, value in self.fields.items()}
        return TokenHolder(
            style,
            client,
            lambda: client.fetch(
                "POST",
                path,
                headers=headers,
                body=urlencode({**fixed, self.param: signer()}).encode(),
                later=passing_refusal,
            ),
        )


class _Signer:
    """Signs assertions with one key.

    :raises CredentialError: the key cannot be read.
    """

    def __init__(self, style: Assertion, key: str, claims: Mapping[str, str], key_id: str, client: HttpClient) -> None:
        self._style = style
        self._claims = dict(claims)
        self._headers = {"kid": key_id} if key_id else None
        self._client = client
        self._key = key
        client.hide(self._key)
        self()

    def __call__(self) -> str:
        # Imported late, because few sources sign anything and these are fifty modules.
        import jwt
        from cryptography.exceptions import UnsupportedAlgorithm

        begun = self._client.now() - _CLOCKS_APART
        times = {"iat": int(begun.timestamp()), "exp": int((begun + self._style.lifetime).timestamp())}
        signed = ""
        # The error is raised after this block, so that nothing leads from it to the key.
        with contextlib.suppress(jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError):
            signed = jwt.encode({**self._claims, **times}, self._key, self._style.algorithm, self._headers)
        if not signed:
            raise _unusable(self._style.algorithm)
        self._client.hide(signed)
        return signed


def _unusable(algorithm: str) -> CredentialError:
    kind = "an RSA key" if algorithm == "RS256" else "a key on the curve P-256"
    return CredentialError(
        f"the connection's password holds no private key that can sign with {algorithm}: it needs {kind} in PEM "
        "without a passphrase, or the vendor's key file as it was downloaded."
    )


def _with_lines(key: str) -> str:
    """Return a key in PEM. A form's field, or an environment variable, may have taken its line breaks away."""
    found = _PEM.search(key)
    if not found:
        return key
    letters = re.sub(r"\s|\\n", "", found[2])
    lines = (letters[begin : begin + _PEM_LINE] for begin in range(0, len(letters), _PEM_LINE))
    return "\n".join((f"-----BEGIN {found[1]}-----", *lines, f"-----END {found[1]}-----", ""))


def _fingerprint(key: str, algorithm: str) -> str:
    """Return the SHA-256 of the public key, in base64.

    :raises CredentialError: the key cannot be read.
    """
    public = b""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    with contextlib.suppress(UnsupportedAlgorithm, ValueError, TypeError):
        found = serialization.load_pem_private_key(key.encode(), None).public_key()
        public = found.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if not public:
        raise _unusable(algorithm)
    return b64encode(hashlib.sha256(public).digest()).decode()


def key_file(password: str) -> dict[str, str]:
    """Return the texts of a key file in JSON, by name; empty if the password is not a key file.

    :raises CredentialError: it begins like a key file and cannot be read.
    """
    if not password.lstrip().startswith("{"):
        return {}
    found: Any = None
    with contextlib.suppress(ValueError):
        found = json.loads(password, strict=False)
    if not isinstance(found, dict):
        raise CredentialError(
            "the connection's password begins like a key file in JSON but is none: paste the whole file as it was "
            "downloaded."
        )
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _own_token(signed: str, lifetime: timedelta) -> Answer:
    found = {"access_token": signed, "expires_in": int(lifetime.total_seconds())}
    return Answer(200, {}, msgspec.json.encode(found), "the signed assertion")


TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address

CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""OAuth scope of the APIs of Google Cloud, including Google SecOps."""


def service_account(scope: str, subject: str = "") -> Assertion:
    """Return the assertion with which a service account gets a token.

    :param subject: template of the user for whom it acts (domain-wide delegation); "" for itself.
    """
    claims = {"iss": "{client_email}", "scope": scope, "aud": TOKEN_URL}
    return Assertion(
        claims={**claims, "sub": subject} if subject else claims,
        url=TOKEN_URL,
        key="{private_key}",
        key_id="{private_key_id}",
    )
