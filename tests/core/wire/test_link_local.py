"""No request leads to a metadata service, whatever its name is and however its address is written."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest
import requests

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.addresses import GuardedAdapter, refuse_address, refuse_host

LOCAL_NAT64 = [
    "64:ff9b:1:a9fe:a9:fe00::",
    "64:ff9b:1:a9:fe:a9fe::",
    "64:ff9b:1:0:a9:fea9:fe00:0",
    "64:ff9b:1::a9fe:a9fe",
]
"""With a prefix of 48, 56, 64 and 96 bits."""


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd20:00ce:0:0:0:0:0:0254",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "64:ff9b::a83f:8110",
        "fd00:c1::a9fe:a9fe",
        "192.0.0.192",
        "::192.0.0.192",
        "::ffff:0:100.100.100.200",
        "fd00:a9fe:a9fe::1",
        "fd00:42::42",
        "fe80::a9fe:a9fe",
        "fe80::a9fe:a9fe%eth0",
        "2001:db8::5efe:169.254.169.254",
        "2001:db8::200:5efe:169.254.169.254",
        "2001:0:a9fe:a9fe::1",
        "2001:0:c000:201::5601:5601",
    ],
)
def test_metadata_is_refused_always(address):
    for allowed in (False, True):
        with pytest.raises(ConfigurationError, match="metadata"):
            refuse_address(address, allow_link_local=allowed)


@pytest.mark.parametrize("address", LOCAL_NAT64)
def test_metadata_is_refused_behind_a_sites_own_translation(address):
    """RFC 8215 leaves the length of the prefix to the site, and by RFC 6052 that moves the address within it."""
    with pytest.raises(ConfigurationError, match="169.254.169.254, a cloud's metadata"):
        refuse_address(address, allow_link_local=True)
    refuse_address(address.replace("a9", "0a").replace("fe", "01"), allow_link_local=True)


@pytest.mark.parametrize("address", ["169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1"])
def test_link_local_is_refused_unless_allowed(address):
    with pytest.raises(ConfigurationError, match="allow_link_local"):
        refuse_address(address)
    refuse_address(address, allow_link_local=True)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.100.100.100"),
        *("93.184.216.34", "168.63.129.17", "2606:2800:220:1::1", "fd00::1", "fd20:ce::253", "fd12:3456:789a::254"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1"),
    ],
)
def test_loopback_private_and_public_may_be_reached(address):
    refuse_address(address)


@pytest.mark.parametrize(
    "host",
    [
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata\uff0egoogle\u3002internal",
        "\uff4detadata.goog",
        "instance-data",
        "metadata.oraclecloud.com",
    ],
)
def test_a_metadata_service_is_refused_by_its_name_where_nobody_here_can_look_it_up(host):
    with pytest.raises(ConfigurationError, match="metadata"):
        refuse_host(host, resolve=lambda _: [])


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "2852039166", "0xa9fea9fe", "169.254.43518"])
def test_an_address_is_refused_however_it_is_written(host):
    with pytest.raises(ConfigurationError, match="metadata"):
        refuse_host(host)


def test_a_name_is_refused_for_any_of_its_addresses():
    found = {"siem.example": ["93.184.216.34", "169.254.169.254"], "good.example": ["10.0.0.1"], "none.example": []}
    with pytest.raises(ConfigurationError, match="metadata"):
        refuse_host("siem.example", resolve=found.__getitem__)
    refuse_host("good.example", resolve=found.__getitem__)
    refuse_host("none.example", resolve=found.__getitem__)


@contextmanager
def listening():
    """Accept one connection and keep what is said over it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                heard.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard, thread


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_elsewhere_when_it_is_used_gets_nothing(scheme, monkeypatch):
    """What was looked up before may have changed since: the connection's own other end is what counts."""
    monkeypatch.setattr(socket.socket, "getpeername", lambda _: ("169.254.169.254", 80))
    session = requests.Session()
    session.trust_env = False
    session.mount(f"{scheme}://", GuardedAdapter())
    with listening() as (port, heard, thread):
        with pytest.raises(ConfigurationError, match="metadata"):
            session.post(f"{scheme}://127.0.0.1:{port}/", data=b"secret", timeout=10)
        thread.join(10)
        assert heard == [b""]


def test_other_requests_pass():
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", GuardedAdapter())
    with listening() as (port, heard, thread):
        assert session.post(f"http://127.0.0.1:{port}/", data=b"x", timeout=10).status_code == 204
        thread.join(10)
        assert heard[0].startswith(b"POST / HTTP/1.1")
