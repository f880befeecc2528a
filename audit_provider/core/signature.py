"""Standard Webhooks: signs the bytes of a request. https://github.com/standard-webhooks/standard-webhooks"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING

from requests.auth import AuthBase

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from requests import PreparedRequest

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
