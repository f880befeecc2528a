"""Credentials on the wire: every style, tokens fetched, kept, renewed, and shown nowhere."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl

import pytest
import requests

from audit_provider.core.errors import AuditError, ConfigurationError, UnavailableError
from audit_provider.core.wire.auth import Basic, Bearer, Header, NoAuth, Token, filler
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.server import Reply, Service

PARTS = {"login": "id", "password": "p@ss", "account": "acme"}


class Api(Service):
    """An API that wants a token, and the place that gives them out."""

    def __init__(self, life=3600, **answer):
        super().__init__()
        self.given = []
        self.token_requests = []
        self.accepts = None
        self.answer_with = {"expires_in": life, **answer}

    def answer(self, request):
        if request.path == "/oauth/token":
            self.token_requests.append(request)
            self.given.append(f"token-{len(self.given)}")
            return Reply.json(200, {"access_token": self.given[-1], **self.answer_with})
        accepted = self.accepts or (self.given[-1] if self.given else None)
        good = request.headers.get("Authorization") == f"Bearer {accepted}"
        return Reply.json(200 if good else 401, {"seen": request.headers.get("Authorization", "")})


class Clock:
    def __init__(self):
        self.now = datetime(2026, 3, 1, tzinfo=timezone.utc)

    def __call__(self):
        return self.now


def client_with(style, service, clock=None, parts=PARTS):
    clock = clock or Clock()

    def outside(base):
        session = requests.Session()
        session.auth = NoAuth()
        return HttpClient(session, base or service.url, service="Some API", now=clock, sleep=lambda _: None, tries=2)

    session = requests.Session()
    session.auth = style.bind(filler(parts, "the connection 'c'"), outside)
    return HttpClient(session, service.url, service="Some API", now=clock, sleep=lambda _: None, tries=2)


def seen(style, parts=PARTS):
    with Api() as service:
        return json.loads(client_with(style, service, parts=parts).fetch("GET", "/x").body)["seen"]


def test_static_styles():
    assert seen(Bearer()) == "Bearer p@ss"
    assert seen(Header({"Authorization": "SSWS {password}"})) == "SSWS p@ss"
    assert seen(Header({"Authorization": "{password}"})) == "p@ss"
    assert seen(Basic()) == "Basic " + base64.b64encode(b"id:p@ss").decode()
    assert seen(Basic(login="{login}/token")) == "Basic " + base64.b64encode(b"id/token:p@ss").decode()


def test_a_missing_part_is_named():
    with pytest.raises(ConfigurationError, match="the connection 'c' has no login"):
        seen(Basic(), {"password": "p"})


def test_a_netrc_does_not_replace_the_credential(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert seen(Bearer()) == "Bearer p@ss"


def test_client_credentials_are_fetched_once_and_kept():
    with Api() as service:
        client = client_with(Token("/oauth/token"), service)
        assert [client.fetch("GET", "/x").status for _ in range(3)] == [200] * 3
    (asked,) = service.token_requests
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"id:p@ss").decode()
    assert dict(parse_qsl(asked.body.decode())) == {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    ("style", "sent"),
    [
        (
            Token("/oauth/token", {"grant_type": "client_credentials", "audience": "a/{account}"}, client="fields"),
            {"grant_type": "client_credentials", "audience": "a/acme", "client_id": "id", "client_secret": "p@ss"},
        ),
        (
            Token("/oauth/token", {"keyId": "{login}", "n": "1"}, encoding="json", client="none"),
            {"keyId": "id", "n": "1"},
        ),
        (
            Token("/oauth/token", {"grant_type": "account_credentials", "account_id": "{account}"}, encoding="query"),
            {"grant_type": "account_credentials", "account_id": "acme"},
        ),
    ],
)
def test_the_token_request_takes_the_vendors_form(style, sent):
    with Api() as service:
        assert client_with(style, service).fetch("GET", "/x").status == 200
    (asked,) = service.token_requests
    body = asked.body.decode()
    found = json.loads(body) if style.encoding == "json" else dict(parse_qsl(body)) or dict(asked.params)
    assert found == sent


def test_a_two_step_token_may_go_by_other_names():
    style = Token(
        "/oauth/token",
        {"keyId": "{login}"},
        encoding="json",
        client="none",
        headers={"X-Key": "{password}"},
        token_at="data.token",
        expires_at="data.until",
    )
    with Api(data={"token": "token-0", "until": "2026-03-01T01:00:00Z"}) as service:
        assert client_with(style, service).fetch("GET", "/x").status == 200
    assert service.token_requests[0].headers["X-Key"] == "p@ss"


def test_a_token_is_renewed_before_it_ends():
    clock = Clock()
    with Api(life=600) as service:
        client = client_with(Token("/oauth/token"), service, clock)
        client.fetch("GET", "/x")
        clock.now += timedelta(seconds=530)
        client.fetch("GET", "/x")
        assert len(service.given) == 1
        clock.now += timedelta(seconds=20)
        assert client.fetch("GET", "/x").status == 200
        assert len(service.given) == 2


def test_a_token_that_is_refused_early_is_fetched_once_more():
    with Api() as service:
        client = client_with(Token("/oauth/token"), service)
        client.fetch("GET", "/x")
        service.accepts = "token-1"
        assert client.fetch("GET", "/x").status == 200
        service.accepts = "another"
        assert client.fetch("GET", "/x").status == 401, "once, and not for ever"
        assert len(service.given) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        Reply.json(400, {"error": "temporarily_unavailable"}),
        Reply.json(400, {"error": "server_error", "error_description": "try another time"}),
        Reply.json(403, {"error": "access_denied", "error_description": "Rate limit exceeded for the client"}),
        Reply(522, b"<html>no origin</html>", {"Content-Type": "text/html"}),
        Reply(530),
    ],
)
def test_a_token_that_is_refused_for_now_is_asked_for_again(refusal):
    class Passing(Api):
        def answer(self, request):
            if request.path == "/oauth/token" and not self.token_requests:
                self.token_requests.append(request)
                return refusal
            return super().answer(request)

    with Passing() as service:
        assert client_with(Token("/oauth/token"), service).fetch("GET", "/x").status == 200
        assert len(service.token_requests) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            Reply.json(401, {"error": "invalid_client", "error_description": "no p@ss here"}),
            "invalid_client: no \\*\\*\\* here",
        ),
        (Reply.json(200, {"ok": True}), "without a token"),
        (Reply.html(200, "Login"), "web page"),
        (Reply.json(400, {"message": "bad grant"}), "bad grant"),
        (
            Reply.json(404, {"message": "no such page"}),
            "without a token: .*no such page.*: check the connection's host, or 'token_url'",
        ),
        (Reply(302, b"", {"Location": "https://elsewhere.invalid"}), "check the connection's host, or 'token_url'"),
    ],
)
def test_a_refused_credential_is_named_in_a_sentence(reply, said):
    class Refusing(Service):
        def answer(self, request):
            return reply

    with Refusing() as service:
        client = client_with(Token("/oauth/token"), service)
        client._session.auth._client.hide("p@ss")
        with pytest.raises(AuditError, match=said):
            client.fetch("GET", "/x")


def test_a_token_endpoint_that_is_down_is_not_a_wrong_credential():
    class Down(Service):
        def answer(self, request):
            return Reply(503)

    with Down() as service, pytest.raises(UnavailableError):
        client_with(Token("/oauth/token"), service).fetch("GET", "/x")


def test_a_fetched_token_is_redacted():
    with Api() as service:
        client = client_with(Token("/oauth/token"), service)
        client._session.auth.hides.append(client.hide)
        client.fetch("GET", "/x")
        assert client.redact("say token-0 aloud") == "say *** aloud"


@pytest.mark.parametrize(
    "url", ["login.example.com/token", "oauth/token", "//login.example.com/token", "ftp://a/t", ""]
)
def test_a_token_is_not_asked_for_at_half_an_address(url):
    with Api() as service:
        with pytest.raises(ConfigurationError, match="'auth.url' is neither"):
            client_with(Token(url), service)
        with pytest.raises(ConfigurationError, match="'token_url' is not a complete address"):
            Token("/oauth/token").at(url)
    with pytest.raises(ConfigurationError, match="'token_url' is not a complete address"):
        Token("/oauth/token").at("/oauth/token")


@pytest.mark.parametrize("encoding", ["form", "query"])
def test_the_query_of_a_tokens_address_is_kept(encoding):
    with Api() as service:
        style = Token("/oauth/token", encoding=encoding).at(f"{service.url}/oauth/token?tenant=a%20b")
        assert client_with(style, service).fetch("GET", "/x").status == 200
    (asked,) = service.token_requests
    assert asked.param("tenant") == "a b"
    assert asked.param("grant_type") == ("client_credentials" if encoding == "query" else None)


def test_a_token_does_not_travel_readable_to_another_host():
    with Api() as service, pytest.raises(ConfigurationError, match="https"):
        client_with(Token("http://login.example.com/token"), service).fetch("GET", "/x")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_token_with_a_byte_order_mark_before_it_is_read(encoding):
    class Marked(Api):
        def answer(self, request):
            reply = super().answer(request)
            return (
                replace(reply, body=reply.body.decode().encode(encoding)) if request.path == "/oauth/token" else reply
            )

    with Marked() as service:
        assert client_with(Token("/oauth/token"), service).fetch("GET", "/log").status == 200
