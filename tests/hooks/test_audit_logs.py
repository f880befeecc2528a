"""A connection to an audit-log API: where its token comes from, what is never shown, how long it waits."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from audit_provider.core.errors import WaitError
from audit_provider.core.model import Window, utc_now
from audit_provider.core.pipeline import read_pipelines
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.sandbox.server import Reply, Service


@pytest.fixture
def connect(monkeypatch):
    def connect(value):
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(value))

    return connect


@pytest.mark.parametrize("url", ["login.example.com/oauth/token", "/oauth/token", "ftp://login.example.com/token"])
def test_a_token_url_must_be_a_whole_address(connect, url):
    extra = {"audience": "a", "token_url": url}
    connect({"conn_type": "audit_logs", "host": "https://a.example", "login": "k", "password": "s", "extra": extra})
    works, said = AuditLogsHook("c", source="auth0").test_connection()
    assert not works
    assert "connection 'c': 'token_url' is not a complete address" in said


class Refusing(Service):
    """Answers every request with one reply."""

    def __init__(self, reply):
        super().__init__()
        self.reply = reply
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        return self.reply


@pytest.mark.parametrize("status", [400, 503])
def test_what_a_token_endpoint_says_of_a_secret_setting_is_not_shown(connect, status):
    reply = Reply.json(status, {"error": "bad", "error_description": "refresh token RT-SECRET-1 of s3cret is revoked"})
    with Refusing(reply) as service:
        extra = {"refresh_token": "RT-SECRET-1"}
        connect({"conn_type": "audit_logs", "host": service.url, "login": "k", "password": "s3cret", "extra": extra})
        works, said = AuditLogsHook("c", source="dropbox").test_connection()
    assert not works
    assert "refresh token *** of *** is revoked" in said


def test_no_client_shows_a_login_that_is_sent_as_a_key_or_a_secret_setting(connect):
    text = """
p:
  source:
    like: slack
    auth: {type: header, headers: {X-Key: "{login}", X-Secret: "{password}", X-More: "{more}"}}
    settings: {more: {meaning: m, secret: true}}
  destinations: {s3: {type: s3, bucket: b}}
"""
    spec = read_pipelines(text).pipelines["p"].spec
    extra = {"more": "third"}
    connect({"conn_type": "audit_logs", "login": "first", "password": "second", "extra": extra})
    hook = AuditLogsHook("c", source=spec)
    for client in (hook.client(), hook.outside("https://files.example")):
        assert client.redact("first second third fourth") == "*** *** *** fourth"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("source", ["auth0", "slack"])
def test_the_test_button_does_not_wait_for_long(connect, source):
    with Refusing(Reply.json(429, {"error": "later"}, Retry_After="3000")) as service:
        extra = {"audience": "a"} if source == "auth0" else {}
        connect({"conn_type": "audit_logs", "host": service.url, "login": "k", "password": "s", "extra": extra})
        works, said = AuditLogsHook("c", source=source).test_connection()
    assert not works
    assert "answered 429" in said
    assert len(service.requests) == 1


@pytest.mark.timeout(60)
def test_a_token_endpoint_that_asks_for_a_pause_does_not_hold_the_task(connect):
    with Refusing(Reply.json(429, {}, Retry_After="3000")) as service:
        connect(
            {"conn_type": "audit_logs", "host": service.url, "login": "k", "password": "s", "extra": {"audience": "a"}}
        )
        window = Window(utc_now() - timedelta(hours=1), utc_now())
        with pytest.raises(WaitError):
            AuditLogsHook("c", source="auth0").pages().fetch(window, "")


def test_the_test_button_knows_what_a_pipeline_says_of_its_source(connect, tmp_path, monkeypatch):
    """Airflow tests what is being edited under a name of its own, so the source tells which pipeline is meant."""
    pipelines = tmp_path / "p.yaml"
    destinations = "destinations: {s3: {type: s3, bucket: b}}"
    pipelines.write_text(f"g: {{source: github, settings: {{organization: acme}}, {destinations}}}")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(pipelines))
    with Refusing(Reply.json(200, [])) as service:
        connect({"conn_type": "audit_logs", "host": service.url, "password": "t", "extra": {"source": "github"}})
        works, said = AuditLogsHook("c").test_connection()
    assert works, said
    assert {request.path for request in service.requests} == {"/orgs/acme/audit-log"}
    pipelines.write_text("not: [a pipeline")
    works, said = AuditLogsHook("c").test_connection()
    assert not works
    assert "needs the setting 'organization'" in said


def test_the_test_button_sees_that_a_good_token_may_not_read_the_log(connect):
    class NoPlan(Refusing):
        def answer(self, request):
            if request.path == "/me":
                return Reply.json(200, {"data": {"id": "org1", "name": "Acme"}})
            return Reply.json(403, {"errors": ["Audit logs are not enabled for this organization"]})

    with NoPlan(None) as service:
        connect({"conn_type": "audit_logs", "host": service.url, "password": "long-token"})
        works, said = AuditLogsHook("c", source="pylon").test_connection()
    assert not works
    assert "Audit logs are not enabled" in said
    assert "Enterprise" in said
