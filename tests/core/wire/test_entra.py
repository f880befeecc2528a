"""Tokens from the machine's identity: what azure-identity is refused for now, and for good."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import CredentialError, UnavailableError
from audit_provider.core.wire.entra import CLOUDS, identity_token
from tests.core.destinations.stand_ins import client_of, serving


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, UnavailableError), (503, UnavailableError), (507, UnavailableError), (400, CredentialError)],
)
def test_what_the_endpoint_of_identities_answers_is_told_by_class(monkeypatch, status, error):
    pytest.importorskip("azure.identity")
    from azure.core.pipeline.policies import RetryPolicy

    monkeypatch.setattr(RetryPolicy, "BACKOFF_MAX", 0)  # it tries again without a pause
    with serving(lambda request: (status, {"Retry-After": "0"}, {"error": "no"})) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        holder = identity_token("managed_identity", CLOUDS["public"], client_of(server))
        with pytest.raises(error):
            holder._asked()
