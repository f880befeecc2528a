"""Tokens for signed assertions: what is signed and sent, and which keys are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl

import jwt
import pytest

from audit_provider.core.errors import ConfigurationError, CredentialError
from audit_provider.core.wire.assertion import Assertion
from audit_provider.sandbox.server import Reply, Service
from audit_provider.testing.signing_keys import fault_in, private_key
from tests.core.wire.test_auth import Clock, client_with

STYLE = Assertion(
    {"iss": "{client_email}", "sub": "{login}", "aud": "https://login.example"}, "/token", "{private_key}"
)
CLAIMS = {"iss": "me@example", "sub": "admin", "aud": "https://login.example"}


def parts(algorithm="RS256", **changes):
    key = {"client_email": "me@example", "private_key": private_key(algorithm), "private_key_id": "k1", **changes}
    return {"login": "admin", "password": json.dumps(key)}


class Issuer(Service):
    def __init__(self):
        super().__init__()
        self.assertions, self.authorized = [], []

    def answer(self, request):
        if request.path == "/token":
            sent = dict(parse_qsl(request.body.decode()))
            self.assertions.append(sent.pop("assertion"))
            assert sent == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
            return Reply.json(200, {"access_token": f"t{len(self.assertions)}", "expires_in": 3600})
        self.authorized.append(request.headers["Authorization"])
        return Reply.json(200, {})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_assertion_is_signed_with_the_key_of_the_connection(algorithm):
    clock = Clock()
    clock.now = clock.now.replace(year=2036)
    with Issuer() as service:
        client = client_with(
            replace(STYLE, algorithm=algorithm, key_id="{private_key_id}"), service, clock, parts(algorithm)
        )
        client.fetch("GET", "/x")
        clock.now += timedelta(minutes=50)
        client.fetch("GET", "/x")
        assert len(service.assertions) == 1, "the token is kept"
        clock.now += timedelta(minutes=15)
        client.fetch("GET", "/x")
    first, second = service.assertions
    header, found = jwt.get_unverified_header(first), jwt.decode(first, options={"verify_signature": False})
    assert header == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    assert found["exp"] - found["iat"] == 3600
    assert {name: found[name] for name in CLAIMS} == CLAIMS
    assert jwt.decode(second, options={"verify_signature": False})["iat"] - found["iat"] == 65 * 60
    assert service.authorized == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_without_an_address_the_assertion_itself_is_the_token():
    style = replace(STYLE, url="", header="X-Key", value="KEYPAIR {token}", key="{password}", claims={"sub": "{login}"})
    with Issuer() as service:
        client = client_with(style, service, Clock(), {"login": "admin", "password": private_key("RS256")})
        seen = client._session.auth
        request = type("Prepared", (), {"headers": {}})()
        seen(request)
    kind, token = request.headers["X-Key"].split()
    assert kind == "KEYPAIR"
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == "admin"


@pytest.mark.parametrize("breaks", ["\\n", "", " ", "\r\n"])
def test_a_key_whose_line_breaks_were_lost_is_read(breaks):
    flat = private_key("RS256").strip().replace("\n", breaks)
    with Issuer() as service:
        style = replace(STYLE, key="{password}", claims={"sub": "x"})
        client_with(style, service, None, {"password": flat}).fetch("GET", "/x")
        assert len(service.assertions) == 1


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("sk-123", "not the vendor's key file"),
        ('{"private_key": "x", ', "is none"),
        (
            parts(private_key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")["password"],
            "can sign with RS256",
        ),
        (parts("ES256")["password"], "an RSA key"),
        (json.dumps({"private_key": private_key("RS256")}), "has no client_email"),
    ],
)
def test_a_key_that_cannot_be_used_is_explained_and_not_shown(password, said):
    with Issuer() as service:
        with pytest.raises((CredentialError, ConfigurationError), match=said) as raised:
            client_with(STYLE, service, None, {"login": "admin", "password": password})
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None
        assert "BEGIN" not in str(raised.value)


def test_the_assertion_is_shown_nowhere():
    with Issuer() as service:
        client = client_with(STYLE, service, None, parts())
        client.fetch("GET", "/x")
        outside = client._session.auth._client
        assert service.assertions[0] not in outside.redact(f"it was {service.assertions[0]}")


def test_the_stand_in_refuses_another_key_and_other_claims():
    wanted = {"algorithm": "ES256", "claims": CLAIMS}
    good = {**CLAIMS, "iat": 1_900_000_000 - 10_000, "exp": 4_000_000_000}
    assert "more than an hour" in fault_in(
        jwt.encode({**good, "iat": 1_700_000_000}, private_key("ES256"), "ES256"), wanted
    )
    assert "not accepted" in fault_in(jwt.encode(good, private_key("RS256"), "RS256"), wanted)
