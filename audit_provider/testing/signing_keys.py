"""Keys with which assertions are signed in tests and demos, and the check of such an assertion."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Algorithm = Literal["RS256", "ES256"]
"""How an assertion is signed."""

_MOST_SECONDS = 3600


@functools.lru_cache(maxsize=2)
def _key(algorithm: Algorithm) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def private_key(algorithm: Algorithm) -> str:
    """Return the private key of this process, in PEM."""
    form = serialization.PrivateFormat.PKCS8
    key: bytes = _key(algorithm).private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return key.decode()


def fault_in(assertion: str, wanted: Mapping[str, Any]) -> str:
    """Return why an assertion is not accepted; "" if it is.

    :param wanted: ``algorithm``, and ``claims`` with the values that it must have.
    """
    claims, algorithm = dict(wanted["claims"]), wanted["algorithm"]
    try:
        found = jwt.decode(
            assertion,
            _key(algorithm).public_key(),
            algorithms=[algorithm],
            audience=claims.pop("aud", None),
            options={"require": ["exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        return f"the assertion is not accepted: {error}"
    if found["exp"] - found["iat"] > _MOST_SECONDS:
        return "the assertion is valid for more than an hour"
    wrong = sorted(name for name, value in claims.items() if found.get(name) != value)
    return f"the assertion has other claims than it should: {', '.join(wrong)}" if wrong else ""
