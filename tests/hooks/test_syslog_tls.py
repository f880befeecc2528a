"""The connection type of syslog receivers: certificates, names, plain text, and its Test button."""

from __future__ import annotations

import json
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from audit_provider.core.delivery import delivery_from, form_of
from audit_provider.core.destinations.base import Batch, Item
from audit_provider.core.destinations.syslog import SyslogOptions
from audit_provider.core.errors import ConfigurationError
from audit_provider.hooks.syslog_tls import SyslogTlsHook
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.sandbox.syslog import SyslogService
from tests.core.destinations.stand_ins import ORIGIN, event


@pytest.fixture
def connect(monkeypatch):
    def connect(service=None, *, host="localhost", password=None, **extra):
        port = service.port if service else None
        value = {"conn_type": "syslog_tls", "host": host, "port": port, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(value))
        return SyslogTlsHook("c")

    return connect


@pytest.fixture
def receiver():
    with SyslogService() as service:
        yield service


def test_the_test_says_what_works(connect, receiver):
    works, said = connect(receiver, ca=str(receiver.authority.ca)).test_connection()
    assert works, said
    assert "TLSv1.3" in said


def test_the_test_listens_as_long_as_a_balancer_takes_that_has_nobody_behind_it(connect):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connected, _ = listener.accept()
            time.sleep(1.5)  # HAProxy's defaults make it 3 s
            connected.close()

        thread = threading.Thread(target=serve)
        thread.start()
        service = SimpleNamespace(port=listener.getsockname()[1])
        works, said = connect(service, host="127.0.0.1", transport="tcp").test_connection()
        thread.join()
    assert not works
    assert "a load balancer in between has no receiver behind it" in said


def test_trust_and_names_are_checked_unless_told_otherwise(connect, receiver):
    works, said = connect(receiver).test_connection()
    assert not works
    assert "not trusted" in said
    ca = str(receiver.authority.ca)
    works, said = connect(receiver, ca=ca, server_hostname="other.example").test_connection()
    assert not works
    assert "'server_hostname'" in said
    assert connect(receiver, verify="false").test_connection()[0]
    assert connect(receiver, host="127.0.0.1", ca=ca).test_connection()[0]


@pytest.mark.parametrize("passphrase", ["", "secret phrase"])
def test_a_client_certificate_is_used(connect, passphrase):
    with SyslogService(client_certificate=True) as service:
        ca, cert = str(service.authority.ca), str(service.authority.issue("client", passphrase=passphrase))
        works, said = connect(service, ca=ca, cert=cert, password=passphrase or None).test_connection()
        assert works, said
        works, said = connect(service, ca=ca).test_connection()
        assert not works
        assert "'cert' and 'key'" in said


@pytest.mark.parametrize("passphrase", [None, "wrong phrase"])
def test_a_key_that_cannot_be_opened_is_named_without_its_passphrase(connect, receiver, passphrase):
    cert = str(receiver.authority.issue("client", passphrase="right phrase"))
    works, said = connect(receiver, cert=cert, password=passphrase).test_connection()
    assert not works
    assert "passphrase" in said
    assert "wrong phrase" not in said


@pytest.mark.parametrize("extra", [{"key": "/k.pem"}, {"ca": "/nowhere.pem"}, {"cert": "/nowhere.pem"}])
def test_certificates_that_cannot_be_used(connect, receiver, extra):
    with pytest.raises(ConfigurationError):
        connect(receiver, **extra).tcp_client()


def test_plain_text_is_for_loopback_unless_accepted(connect):
    with SyslogService(tls=False) as service:
        assert connect(service, transport="tcp").test_connection()[0]
    with pytest.raises(ConfigurationError, match="allow_plain"):
        connect(host="siem.example.com", transport="tcp").tcp_client()
    accepted = connect(host="siem.example.com", transport="tcp", allow_plain="true")
    assert accepted.tcp_client()
    assert accepted.shown_address() == "tcp://siem.example.com:6514"


@pytest.mark.parametrize(
    ("host", "extra", "said"),
    [
        ("", {}, "a name or an address"),
        ("https://siem.example.com", {}, "a name or an address"),
        ("h", {"transport": "udp"}, "known are tls and tcp"),
        ("h", {"verfiy": "false"}, "'verfiy'"),
        ("h", {"ssh_conn_id": "x"}, "'ssh_conn_id'"),
        ("h", {"verify": "maybe"}, "true or false"),
    ],
)
def test_connections_that_cannot_be_used(connect, host, extra, said):
    with pytest.raises(ConfigurationError, match=said):
        connect(host=host, **extra).tcp_client()


def test_addresses_are_shown_with_the_port(connect):
    assert connect(host="siem.example.com").shown_address() == "tls://siem.example.com:6514"
    assert connect(host="[::1]").shown_address() == "tls://[::1]:6514"


def test_the_operator_ships_cef_over_the_connection(connect, receiver):
    connect(receiver, ca=str(receiver.authority.ca))
    delivery = delivery_from(
        "siem", {"type": "syslog", "conn_id": "c", "settle": 0, "last_settle": 0}, "p.destinations.siem"
    )
    operator = SHIP_OPERATORS["syslog"]
    assert operator.endpoint(delivery) == f"tls://localhost:{receiver.port}"
    task = operator.of_delivery(delivery, task_id="t", pipeline="p")
    destination = task.connect(delivery, ORIGIN, form_of(delivery, ORIGIN))
    destination.send(Batch((Item(event("a"), destination.encode(event("a"), restamp=False), 1, 0),)))
    assert receiver.wait_for(1)
    assert receiver.ids() == ["a"]
    assert receiver.messages[0].text.startswith(b"CEF:0|")
    assert isinstance(delivery.options, SyslogOptions)
