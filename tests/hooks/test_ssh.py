"""SSH by Airflow's connections: folders over SFTP, and tunnels for HTTP destinations, against a real SSH server."""

from __future__ import annotations

import gc
import importlib
import json
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from audit_provider.core.delivery import delivery_from, form_of
from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.splunk_hec import SplunkHecOptions
from audit_provider.core.errors import ConfigurationError, CredentialError, UnavailableError
from audit_provider.core.wire.http import HttpClient
from audit_provider.get_provider_info import get_provider_info
from audit_provider.hooks.http_siem import HttpSiemHook
from audit_provider.hooks.splunk_hec import SplunkHecHook
from audit_provider.hooks.ssh import ssh_connection
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.sandbox.certificates import Authority
from audit_provider.sandbox.sftp import SftpService
from audit_provider.sandbox.splunk_hec import SplunkHecService
from tests.core.destinations.stand_ins import ORIGIN, batch_of, event


@pytest.fixture
def connect(monkeypatch):
    def connect(name, **value):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))

    return connect


@pytest.fixture
def bastion(connect):
    with SftpService("pw", hosts={"siem.internal": "127.0.0.1"}) as service:
        login(connect, service)
        yield service


def login(connect, service, *, kind="ssh", password="pw", **extra):
    extra = {"host_key": service.host_key, "look_for_keys": "false", **extra}
    connect(
        "far",
        conn_type=kind,
        host="127.0.0.1",
        port=service.port,
        login="audit",
        password=password,
        extra={key: value for key, value in extra.items() if value is not None},
    )


def collector(connect, url, **extra):
    connect("hec", conn_type="splunk_hec", host=url, password="t", extra={"ssh_conn_id": "far", **extra})
    return SplunkHecHook("hec")


def internal(service):
    """Return the address by which only the bastion finds a stand-in."""
    return f"http://siem.internal:{service.url.rpartition(':')[2]}"


def test_a_destination_is_reached_through_the_bastion_alone(connect, bastion):
    with SplunkHecService("t") as splunk:
        hook = collector(connect, internal(splunk), allow_http=True)
        destination = hook.destination(SplunkHecOptions(), ORIGIN)
        outcome = destination.send(batch_of(destination, "ab"))
        assert set(outcome.verdicts) == {Verdict.DELIVERED}
        assert splunk.ids() == ["a", "b"]
        assert set(bastion.forwarded) == {("siem.internal", int(internal(splunk).rpartition(":")[2]))}
        assert hook.test_connection() == (True, "Splunk HEC accepts the token.")


def test_without_the_extra_nothing_goes_through_ssh(connect, bastion):
    with SplunkHecService("t") as splunk:
        connect("hec", conn_type="splunk_hec", host=splunk.url, password="t")
        assert SplunkHecHook("hec").test_connection()[0]
    assert bastion.forwarded == []
    assert bastion.connections() == 0


def test_proxies_of_the_environment_are_not_asked(connect, bastion, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with SplunkHecService("t") as splunk:
        assert collector(connect, internal(splunk), allow_http=True).test_connection()[0]


def test_a_large_body_and_many_requests_pass(connect, bastion):
    with SplunkHecService("t", max_content_length=20_000_000) as splunk:
        hook = collector(connect, internal(splunk), allow_http=True)
        destination = hook.destination(SplunkHecOptions(batch_bytes=20_000_000), ORIGIN)
        noise = "".join(chr(33 + (number * 7919) % 90) for number in range(100_000))
        large = [event(str(number), pad=noise[number:]) for number in range(60)]
        for _ in range(3):
            destination.send(batch_of(destination, large))
        assert len(splunk.indexed) == 180
    assert bastion.connections() == 1


@pytest.fixture
def https(tmp_path):
    """An HTTPS server whose certificate is for siem.internal; it remembers Host headers."""
    authority = Authority(tmp_path)
    hosts = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            hosts.append(self.headers["Host"])
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"text":"No data","code":5}'
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue("siem", ["siem.internal"]))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_port, str(authority.ca), hosts
    server.shutdown()
    server.server_close()
    thread.join()


def test_tls_runs_end_to_end_under_the_real_name(connect, bastion, https, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", requests.certs.where())
    port, ca, hosts = https
    works, said = collector(connect, f"https://siem.internal:{port}", verify=ca).test_connection()
    assert works, said
    assert hosts == [f"siem.internal:{port}"]


def test_a_certificate_is_checked_through_the_tunnel_too(connect, bastion, https):
    port, ca, hosts = https
    bastion.hosts["other.internal"] = "127.0.0.1"
    for url, verify in ((f"https://siem.internal:{port}", "true"), (f"https://other.internal:{port}", ca)):
        works, said = collector(connect, url, verify=verify).test_connection()
        assert not works
        assert "TLS" in said
    assert hosts == []


def test_a_tunnel_lives_as_long_as_its_sessions(connect, bastion):
    with SplunkHecService("t") as splunk:
        hook = collector(connect, internal(splunk), allow_http=True)
        destination = hook.destination(SplunkHecOptions(), ORIGIN)
        destination.send(batch_of(destination, "a"))
        assert bastion.connections() == 1
        del destination, hook
        gc.collect()
        until = time.monotonic() + 10
        while bastion.connections() and time.monotonic() < until:
            time.sleep(0.01)
        assert bastion.connections() == 0


def test_a_tunnel_that_was_cut_is_opened_again(connect, bastion):
    with SplunkHecService("t") as splunk:
        destination = collector(connect, internal(splunk), allow_http=True).destination(SplunkHecOptions(), ORIGIN)
        destination.send(batch_of(destination, "a"))
        for transport in bastion.transports:
            transport.close()
        verdicts = []
        for _ in range(3):
            try:
                verdicts += destination.send(batch_of(destination, "b")).verdicts
                break
            except UnavailableError:
                continue
        assert verdicts == [Verdict.DELIVERED]
        assert splunk.ids()[-1] == "b"


def test_a_bastion_that_falls_silent_is_asked_by_another_connection(connect, bastion):
    asked, released = [], threading.Event()

    class Stuck(dict):
        """Its first look-up takes to the end, and the bastion answers nothing else on that connection meanwhile."""

        def get(self, host, default=None):
            asked.append(host)
            if len(asked) == 1:
                released.wait(120)
            return super().get(host, default)

    bastion.hosts = Stuck(bastion.hosts)
    ssh = ssh_connection("far")
    try:
        with SplunkHecService("t") as splunk:
            port = int(splunk.url.rpartition(":")[2])
            with pytest.raises(UnavailableError, match="Timeout opening channel"):
                ssh.reach("siem.internal", port, 0.5)
            ssh.reach("siem.internal", port, 30.0).close()
    finally:
        released.set()
        ssh.close()
    assert len(bastion.transports) == 2


def test_what_the_bastion_cannot_reach_is_left_to_the_loop(connect, bastion):
    hook = collector(connect, "http://127.0.0.1:9")
    destination = hook.destination(SplunkHecOptions(), ORIGIN)
    with pytest.raises(UnavailableError, match="does not reach 127.0.0.1:9"):
        destination.send(batch_of(destination, "a"))


def test_a_bastion_that_forwards_nothing_is_named(connect):
    with SftpService("pw", forwards=False) as service:
        login(connect, service)
        works, said = collector(connect, "http://127.0.0.1:9").test_connection()
    assert not works
    assert "AllowTcpForwarding" in said


def test_a_receiver_that_is_kept_from_link_local_addresses_is_reached_too(connect, bastion):
    with SplunkHecService("t") as splunk:
        extra = {"ssh_conn_id": "far", "allow_http": True}
        connect("siem", conn_type="http_siem", host=internal(splunk), extra=extra)
        assert HttpSiemHook("siem").client().send("GET", "/services/collector/health").status == 200
    assert len(bastion.forwarded) == 1


def test_every_form_of_an_http_service_has_a_field_for_the_tunnel():
    for kind in get_provider_info()["connection-types"]:
        module, _, name = kind["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert ("ssh_conn_id" in hook.session_extras) == ("ssh_conn_id" in kind["conn-fields"]), kind["connection-type"]


def test_proxies_and_a_tunnel_are_one_too_many(connect, bastion):
    hook = collector(connect, "https://siem.internal", proxies={"https": "http://proxy:3128"})
    with pytest.raises(ConfigurationError, match="keep one"):
        hook.client()


def test_the_session_that_carries_no_credential_goes_the_same_way(connect, bastion):
    with SplunkHecService("t") as splunk:
        client = collector(connect, internal(splunk), allow_http=True).outside("")
        assert isinstance(client, HttpClient)
        assert client.send("GET", "/services/collector/health").status == 200
    assert len(bastion.forwarded) == 1


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"password": "wrong-pw"}, CredentialError, "login"),
        ({"host_key": None}, ConfigurationError, "is not known"),
        ({"host_key": "other"}, ConfigurationError, "another host key"),
        ({"host_key": None, "key_file": "/nowhere/id", "no_host_key_check": "true"}, ConfigurationError, "key_file"),
    ],
)
def test_a_login_that_fails_says_what_to_change(connect, change, error, said):
    if change.get("host_key") == "other":
        with SftpService("pw") as other:
            change = {"host_key": other.host_key}
    with SftpService("pw") as service:
        login(connect, service, **({"password": ""} if "key_file" in change else {}), **change)
        with pytest.raises(error, match=said) as caught, ssh_connection("far").sftp():
            pass
    assert "wrong-pw" not in str(caught.value)


def test_an_unchecked_host_key_must_be_asked_for(connect):
    with SftpService("pw") as service:
        login(connect, service, host_key=None, no_host_key_check="true")
        with ssh_connection("far").sftp() as sftp:
            assert sftp.listdir(".") == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"conn_type": "http", "host": "h"}, "is of type 'http'"),
        ({"conn_type": "sftp"}, "cannot be used"),
        ({"conn_type": "ssh", "host": "h", "extra": {"private_key": "no key\nat all"}}, "cannot be used"),
        ({"conn_type": "ssh", "host": "h", "extra": {"host_key": "ssh-dss AAAA"}}, "cannot be used"),
    ],
)
def test_connections_that_cannot_be_used(connect, value, said):
    connect("far", **value)
    with pytest.raises(ConfigurationError, match=said) as caught:
        ssh_connection("far")
    assert "no key" not in str(caught.value)


def test_a_connection_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match="'nowhere'"):
        ssh_connection("nowhere")


def test_a_missing_provider_is_named_with_its_extra(connect, monkeypatch):
    connect("far", conn_type="ssh", host="h")
    monkeypatch.setitem(sys.modules, "airflow.providers.ssh.hooks.ssh", None)
    with pytest.raises(ConfigurationError, match=r"airflow-provider-audit-logs\[ssh\]"):
        ssh_connection("far")


@pytest.mark.parametrize("kind", ["sftp", "ssh"])
def test_the_operator_ships_by_airflows_own_connection_types(connect, kind):
    delivery = delivery_from("drop", {"type": "sftp", "conn_id": "far", "folder": "in"}, "p.destinations.drop")
    with SftpService("pw") as service:
        login(connect, service, kind=kind)
        operator = SHIP_OPERATORS["sftp"]
        assert operator.endpoint(delivery) == f"sftp://127.0.0.1:{service.port}/in"
        task = operator.of_delivery(delivery, task_id="t", pipeline="p")
        destination = task.connect(delivery, ORIGIN, form_of(delivery, ORIGIN))
        destination.send(batch_of(destination, "a"))
        assert service.ids() == ["a"]


def test_a_jump_command_is_started_for_every_connection(connect, tmp_path, monkeypatch):
    """The connection goes through a command, as ssh's ProxyCommand; after a break, through a new one."""
    script = tmp_path / "jump.py"
    started = tmp_path / "started"
    script.write_text(
        "import os, select, socket, sys\n"
        "open(sys.argv[2], 'a').write('x')\n"
        "far = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "while True:\n"
        "    for each in select.select([0, far], [], [])[0]:\n"
        "        data = os.read(0, 65536) if each == 0 else far.recv(65536)\n"
        "        if not data:\n"
        "            sys.exit()\n"
        "        far.sendall(data) if each == 0 else os.write(1, data)\n"
    )
    with SftpService("pw") as service:
        (tmp_path / ".ssh").mkdir()
        command = f"{sys.executable} {script} {service.port} {started}"
        (tmp_path / ".ssh" / "config").write_text(f"Host 127.0.0.1\n  ProxyCommand {command}\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        login(connect, service)
        ssh = ssh_connection("far")
        for _ in range(2):
            with ssh.sftp() as sftp:
                assert sftp.listdir(".") == []
            ssh.close()
    assert started.read_text() == "xx"
