"""Sign requests one by one.

The forms are an HMAC of date, method, host, path and parameters (https://duo.com/docs/adminapi#authentication),
Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks), and Signature Version 4 of AWS
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from requests.auth import AuthBase

from audit_provider.core.errors import ConfigurationError, CredentialError, UnavailableError
from audit_provider.core.model import utc_now
from audit_provider.core.wire.auth import basic
from audit_provider.core.wire.aws import CLOCK_WORDS, SESSION_WORDS, aws_error_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from requests import PreparedRequest

    from audit_provider.core.wire.http import HttpClient


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Each request is signed with the password: an HMAC of the date, the method, the host, the path and the sorted
    parameters, each on a line. It is sent as the password of HTTP basic authentication, with the login as user.

    :ivar digest: Hash function: ``sha1`` or ``sha512``.
    """

    digest: Literal["sha1", "sha512"] = "sha1"

    def bind(self, fill: Callable[[str], str], outside: Callable[[str], HttpClient]) -> RequestSigner:
        """See :class:`~audit_provider.core.wire.auth.Auth`."""
        return RequestSigner(fill("{login}"), fill("{password}"), self.digest, outside("").now)


class RequestSigner(AuthBase):
    """Signs each request, and each repeat of it anew, because a date is accepted for some minutes only."""

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


ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64


class SignatureAuth(AuthBase):
    """Signs requests that have a ``webhook-id``, each with the time at which it is sent.

    :param secrets: ``whsec_`` and base64 of 24 to 64 bytes; several while they are rotated, one signature for each.
    :raises ConfigurationError: there is none, or one cannot be read.
    """

    def __init__(self, secrets: Sequence[str], *, now: Callable[[], datetime] = utc_now) -> None:
        if not secrets:
            raise ConfigurationError(
                "the connection has no signing secret: put one that begins with whsec_ into the password."
            )
        self._keys = [_key(secret) for secret in secrets]
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add time and signatures to a request about to be sent."""
        name = request.headers.get(ID_HEADER)
        if name:
            timestamp = str(int(self._now().timestamp()))
            body = request.body or b""
            body = body.encode() if isinstance(body, str) else body
            request.headers[TIMESTAMP_HEADER] = timestamp
            request.headers[SIGNATURE_HEADER] = " ".join(
                signature(key, str(name), timestamp, body) for key in self._keys
            )
        return request


def signature(key: bytes, name: str, timestamp: str, body: bytes) -> str:
    """Return one signature, ``v1,`` and base64.

    :param name: the ``webhook-id``. :param timestamp: Unix seconds.
    """
    digest = hmac.new(key, b"%b.%b.%b" % (name.encode(), timestamp.encode(), body), hashlib.sha256).digest()
    return f"v1,{b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else b""
    except (Base64Error, ValueError):
        key = b""
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ConfigurationError(
            f"a signing secret of the connection cannot be read: it must be {_PREFIX} and the base64 of "
            f"{_LEAST_BYTES} to {_MOST_BYTES} bytes."
        )
    return key


_CONTENT_HASH = "X-Amz-Content-SHA256"
_SIGNED = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", _CONTENT_HASH)


class AwsSignature(AuthBase):
    """Signs every request with the current credentials.

    :param credentials: returns botocore credentials, which renew themselves, or None if there are none.
    :param region: region of the service.
    :param service: its name in signatures, for example ``es`` or ``aoss``.
    """

    def __init__(self, credentials: Callable[[], Any], region: str, service: str) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the signature to a request about to be sent.

        :raises CredentialError: there is no AWS credential, or its role may not be assumed.
        :raises UnavailableError: it could not be renewed.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            credentials = self._credentials()
            frozen = credentials.get_frozen_credentials() if credentials else None
        except ClientError as error:
            found = aws_error_of(error)
            if found.is_passing:
                remedy = CLOCK_WORDS if found.is_clock else "its token service is busy or down"
                raise UnavailableError(f"AWS gave no credential ({found.code}): {remedy}.") from None
            raise CredentialError(
                f"AWS gave no credential ({found.code}): "
                f"{SESSION_WORDS if found.is_session else 'check keys and role of the aws connection'}."
            ) from None
        except BotoCoreError as error:
            raise UnavailableError(
                f"AWS gave no credential ({type(error).__name__}): its token service or the network is down; "
                "everything is kept."
            ) from None
        if frozen is None:
            raise CredentialError("the aws connection has no credential: fill in its keys or role.")
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        # OpenSearch Serverless asks for the hash as a header; elsewhere it does no harm.
        headers = {_CONTENT_HASH: hashlib.sha256(body).hexdigest()}
        signed = AWSRequest(method=request.method, url=request.url, data=body, headers=headers)
        SigV4Auth(frozen, self._service, self._region).add_auth(signed)
        request.headers.update({name: signed.headers[name] for name in _SIGNED if name in signed.headers})
        return request
