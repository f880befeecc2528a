"""No connection of any type leads to a cloud's metadata service, by whatever way."""

from __future__ import annotations

import importlib
import json
import socket

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.addresses import GuardedAdapter
from audit_provider.get_provider_info import get_provider_info
from audit_provider.sandbox.sftp import SftpService
from tests.core.destinations.other_intakes import ssh_of

HOOKS = {
    each["connection-type"]: each["hook-class-name"].rpartition(".") for each in get_provider_info()["connection-types"]
}
HTTP = [kind for kind in HOOKS if kind not in ("syslog_tls", "audit_checkpoint_key")]
EXTRAS = {
    "audit_logs": {"source": "pylon"},
    "http_siem": {"auth": "bearer"},
    "azure_logs_ingestion": {"tenant_id": "t"},
}


@pytest.fixture
def connect(monkeypatch):
    def connect(kind, host, **extra):
        extra = {**EXTRAS.get(kind, {}), **extra}
        value = {"conn_type": kind, "host": host, "login": "who", "password": "t", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(value))
        module, _, name = HOOKS[kind]
        return getattr(importlib.import_module(module), name)("c")

    return connect


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize(
    ("host", "extra"),
    [
        ("https://169.254.169.254", {}),
        ("https://169.254.169.254", {"allow_link_local": True}),
        ("https://metadata.google.internal", {}),
        ("https://[::ffff:169.254.169.254]", {}),
        ("https://169.254.7.7", {}),
    ],
)
def test_no_client_is_made_for_an_address_to_avoid(connect, kind, host, extra):
    with pytest.raises(ConfigurationError, match="leads to"):
        connect(kind, host, **extra).client()
    with pytest.raises(ConfigurationError, match="leads to"):
        connect(kind, "https://service.example", **extra).outside(host)


@pytest.mark.parametrize("kind", HTTP)
def test_link_local_may_be_allowed(connect, kind):
    hook = connect(kind, "https://169.254.7.7", allow_link_local="true")
    assert hook.client().base_url == "https://169.254.7.7"


@pytest.mark.parametrize("kind", HTTP)
def test_the_other_end_of_every_connection_is_looked_at(connect, kind, monkeypatch):
    """The name was harmless when it was looked up; with or without the credential, nothing is sent."""
    hook = connect(kind, "http://127.0.0.1:9")
    assert isinstance(hook.get_conn().get_adapter("https://service.example"), GuardedAdapter)
    with SftpService("pw") as listening:
        url = f"http://127.0.0.1:{listening.port}"
        hook = connect(kind, url, **({"token_url": f"{url}/token"} if kind == "azure_logs_ingestion" else {}))
        clients = hook.client(tries=1), hook.outside("", tries=1)
        monkeypatch.setattr(socket.socket, "getpeername", lambda _: ("169.254.169.254", 80))
        for client in clients:
            with pytest.raises(ConfigurationError, match="leads to"):
                client.send("GET", "/")


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "fd00:ec2::254", "2852039166"])
def test_no_tunnel_leads_there(host):
    with SftpService("pw", hosts={"metadata.google.internal": "127.0.0.1"}) as service:
        ssh = ssh_of(service)
        with pytest.raises(ConfigurationError, match="leads to"):
            ssh.reach(host, 80, 5.0)
        assert service.forwarded == []


def test_no_request_of_a_hook_goes_there_through_its_tunnel(connect, monkeypatch):
    with SftpService("pw", hosts={"metadata.google.internal": "127.0.0.1"}) as service:
        far = {
            "conn_type": "ssh",
            "host": "127.0.0.1",
            "port": service.port,
            "login": "audit",
            "password": "pw",
            "extra": {"host_key": service.host_key, "look_for_keys": "false"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_FAR", json.dumps(far))
        session = connect("splunk_hec", "https://siem.internal", ssh_conn_id="far").http_hook.get_conn()
        with pytest.raises(ConfigurationError, match="leads to"):
            session.get("https://metadata.google.internal/")
        assert service.forwarded == []


def test_syslog_may_be_told_that_its_receiver_is_link_local(connect):
    assert connect("syslog_tls", "169.254.7.7", allow_link_local="true").tcp_client()
    with pytest.raises(ConfigurationError, match="true or false"):
        connect("syslog_tls", "169.254.7.7", allow_link_local="perhaps").tcp_client()
