"""Tokens of Google for a service account, by its key file.

https://developers.google.com/identity/protocols/oauth2/service-account
"""

from __future__ import annotations

from audit_provider.core.assertion import Assertion

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address

CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""Of the APIs of Google Cloud, Google SecOps included."""


def service_account(scope: str, subject: str = "") -> Assertion:
    """Return how a service account gets a token.

    :param subject: template of the person in whose place it acts (domain-wide delegation); "" for itself.
    """
    claims = {"iss": "{client_email}", "scope": scope, "aud": TOKEN_URL}
    return Assertion(
        claims={**claims, "sub": subject} if subject else claims,
        url=TOKEN_URL,
        key="{private_key}",
        key_id="{private_key_id}",
    )
