"""Connections in every form, and their Test button."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.addresses import base_url_from
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.hooks.datadog_logs import DatadogLogsHook
from audit_provider.hooks.splunk_hec import SplunkHecHook
from audit_provider.sandbox.datadog import DatadogService
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService


@pytest.fixture
def connect(monkeypatch):
    def connect(value):
        monkeypatch.setenv("AIRFLOW_CONN_C", value if isinstance(value, str) else json.dumps(value))

    return connect


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"host": None, "default": "https://api.usepylon.com"}, "https://api.usepylon.com"),
        ({"host": "api.eu.usepylon.com"}, "https://api.eu.usepylon.com"),
        ({"host": "https://a.example/prefix/"}, "https://a.example/prefix"),
        ({"host": "splunk.example", "port": 8088}, "https://splunk.example:8088"),
        ({"host": "https://splunk.example:8088", "port": 1}, "https://splunk.example:8088"),
        ({"host": "127.0.0.1", "port": 80, "scheme": "http"}, "http://127.0.0.1:80"),
        ({"host": "http://localhost:9"}, "http://localhost:9"),
        ({"host": "http://[::1]:9"}, "http://[::1]:9"),
        ({"host": "http://far.example", "allow_http": True}, "http://far.example"),
    ],
)
def test_addresses_that_can_be_used(arguments, expected):
    assert base_url_from(**arguments) == expected


@pytest.mark.parametrize(
    "host",
    [
        "http://far.example",
        "ftp://a.example",
        "https://user:pw@a.example",
        "https://a.example/?q=1",
        "",
        "https://a:x",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
    ],
)
def test_addresses_that_cannot(host):
    with pytest.raises(ConfigurationError):
        base_url_from(host)


@pytest.mark.parametrize("form", ["json", "uri", "uri_with_scheme", "uri_with_schema"])
def test_connections_work_as_json_and_as_uri(connect, form):
    with PylonService("tok/en", organization="org-sandbox") as service:
        port = service.url.rpartition(":")[2]
        connect(
            {
                "json": {
                    "conn_type": "audit_logs",
                    "host": service.url,
                    "password": "tok/en",
                    "extra": {"source": "pylon"},
                },
                "uri": f"audit-logs://:tok%2Fen@http%3A%2F%2F127.0.0.1%3A{port}?source=pylon&verify=true",
                "uri_with_scheme": f"audit-logs://http://:tok%2Fen@127.0.0.1:{port}/?source=pylon",
                "uri_with_schema": f"audit-logs://:tok%2Fen@127.0.0.1:{port}/http?source=pylon",
            }[form]
        )
        assert AuditLogsHook("c").test_connection() == (
            True,
            "Pylon audit logs accepts the token (Sandbox Inc., org-sandbox).",
        )


def test_the_test_of_pylon_says_what_is_wrong(connect):
    with PylonService("t", other_region_tokens=["eu"]) as service:
        base = {"conn_type": "audit_logs", "host": service.url, "extra": {"source": "pylon"}}
        connect(base | {"password": "eu"})
        works, said = AuditLogsHook("c").test_connection()
        assert not works
        assert "wrong_region_token" in said
        connect(base | {"password": "x", "extra": {}})
        works, said = AuditLogsHook("c").test_connection()
        assert not works
        assert "set 'source'" in said
    works, said = AuditLogsHook("c", source="pylon").test_connection()
    assert not works
    assert "no complete answer" in said


def test_the_host_alone_tells_the_source(connect):
    connect({"conn_type": "audit_logs", "host": "https://api.eu.usepylon.com", "password": "t"})
    assert AuditLogsHook("c").spec.name == "pylon"


def test_settings_come_from_the_pipeline_the_connection_or_a_default(connect):
    base = {"conn_type": "audit_logs", "host": "https://sso.example.com", "password": "t"}
    connect(base | {"extra": {"source": "authos"}})
    with pytest.raises(ConfigurationError, match="needs the setting 'organization' .the organisation's slug.: set it"):
        AuditLogsHook("c").settings()
    connect(base | {"extra": {"source": "authos", "organization": "acme"}})
    assert AuditLogsHook("c").settings() == {"organization": "acme"}
    assert AuditLogsHook("c", settings={"organization": "other"}).settings() == {"organization": "other"}
    connect(base | {"extra": {"source": "workos", "events": ["user.created", "user.deleted"]}})
    assert AuditLogsHook("c").settings() == {"events": "user.created,user.deleted"}
    connect(base | {"login": "k", "extra": {"source": "salesforce_event_log_files"}})
    assert AuditLogsHook("c").settings() == {"version": "60.0", "interval": "Hourly"}


def test_an_extra_that_nobody_knows_is_named(connect):
    extra = {"source": "authos", "organisation": "acme"}
    connect({"conn_type": "audit_logs", "host": "https://sso.example.com", "password": "t", "extra": extra})
    works, said = AuditLogsHook("c").test_connection()
    assert not works
    assert "'organisation'" in said


def test_a_source_with_a_host_of_ones_own_needs_one(connect):
    connect({"conn_type": "audit_logs", "password": "t", "extra": {"source": "authos", "organization": "a"}})
    works, said = AuditLogsHook("c").test_connection()
    assert not works
    assert "has no host" in said


@pytest.mark.parametrize("host", ["api.slack.com", "https://api.slack.com", "https://api.slack.com/"])
def test_the_host_tells_the_source_in_every_form(connect, host):
    connect({"conn_type": "audit_logs", "host": host, "password": "t"})
    assert AuditLogsHook("c").spec.name == "slack"


def test_a_token_url_of_ones_own_must_be_https(connect):
    extra = {"source": "salesforce_event_log_files", "token_url": "http://login.example.com/token"}
    connect({"conn_type": "audit_logs", "host": "https://a.example", "login": "k", "password": "s", "extra": extra})
    works, said = AuditLogsHook("c").test_connection()
    assert not works
    assert "use https" in said


def test_the_test_of_splunk_and_datadog(connect):
    with SplunkHecService("t") as splunk, DatadogService("k") as datadog:
        connect({"conn_type": "splunk_hec", "host": splunk.url, "password": "t"})
        assert SplunkHecHook("c").test_connection() == (True, "Splunk HEC accepts the token.")
        connect({"conn_type": "splunk_hec", "host": splunk.url, "password": "x"})
        works, said = SplunkHecHook("c").test_connection()
        assert not works
        assert "code 4" in said
        connect({"conn_type": "datadog_logs", "host": datadog.url, "password": "k"})
        assert DatadogLogsHook("c").test_connection()[0]
        connect({"conn_type": "datadog_logs", "host": datadog.url, "password": "x"})
        assert not DatadogLogsHook("c").test_connection()[0]


def test_datadog_sites_are_known(connect):
    connect({"conn_type": "datadog_logs", "password": "k", "extra": {"site": "datadoghq.eu"}})
    assert DatadogLogsHook("c").address() == "https://http-intake.logs.datadoghq.eu"
    connect({"conn_type": "datadog_logs", "password": "k", "extra": {"site": "datadog.example"}})
    works, said = DatadogLogsHook("c").test_connection()
    assert not works
    assert "datadog.example" in said


def test_extras_reach_the_session_and_never_the_vendor(connect):
    connect(
        {
            "conn_type": "audit_logs",
            "password": "t",
            "extra": {
                "source": "pylon",
                "verify": "/etc/ca.pem",
                "proxies": {"https": "http://proxy:3128"},
                "cert": ["c", "k"],
            },
        }
    )
    session = AuditLogsHook("c").get_conn()
    assert session.verify == "/etc/ca.pem"
    assert session.proxies == {"https": "http://proxy:3128"}
    assert session.cert == ("c", "k")
    assert not {"source", "verify", "proxies", "cert"} & set(session.headers)
    connect({"conn_type": "audit_logs", "password": "t", "extra": {"source": "pylon", "verify": "false"}})
    assert AuditLogsHook("c").get_conn().verify is False
    connect({"conn_type": "audit_logs", "password": "t", "extra": {"source": "pylon", "verify": True, "ca": "/ca.pem"}})
    assert AuditLogsHook("c").get_conn().verify == "/ca.pem"


@pytest.mark.parametrize("verify", [False, "/other.pem"])
def test_a_ca_bundle_that_would_not_be_used_is_refused(connect, verify):
    connect({"conn_type": "audit_logs", "password": "t", "extra": {"source": "pylon", "verify": verify, "ca": "/c"}})
    with pytest.raises(ConfigurationError, match=f"'c' has a 'ca' in its extra, and 'verify' is {verify!r}: keep one"):
        AuditLogsHook("c").get_conn()


def test_the_http_providers_hook_sends_requests_of_the_users_own(connect):
    with PylonService("t") as service:
        connect({"conn_type": "audit_logs", "host": service.url, "password": "t", "extra": {"source": "pylon"}})
        answer = AuditLogsHook("c").run("/me", headers={"X-Note": "own"})
        assert answer.status_code == 200
        assert answer.request.headers["X-Note"] == "own"
        with pytest.raises(AirflowException, match="404"):
            AuditLogsHook("c").http_hook.run("/nowhere")
    metadata = {"host": "https://169.254.169.254", "extra": {"source": "pylon"}}
    connect({"conn_type": "audit_logs", "password": "t", **metadata})
    with pytest.raises(ConfigurationError, match="leads to"):
        AuditLogsHook("c").run("/latest/meta-data")


def test_no_netrc_replaces_the_token(connect, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with PylonService("t") as service:
        connect({"conn_type": "audit_logs", "host": service.url, "password": "t", "extra": {"source": "pylon"}})
        assert AuditLogsHook("c").test_connection()[0]
