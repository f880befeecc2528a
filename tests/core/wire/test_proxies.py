"""What a proxy in between says is not taken for the service's word: Squid asks for a login, or lets nothing pass."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests

from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.errors import ConfigurationError, CredentialError, UnavailableError
from audit_provider.core.wire.http import HttpClient
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event

PAGE = (
    b'<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n<html><head>\n'
    b'<meta type="copyright" content="Copyright (C) 1996-2021 The Squid Software Foundation and contributors">\n'
    b'<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
    b"<title>ERROR: The requested URL could not be retrieved</title>\n</head><body></body></html>"
)
STATUSES = {
    407: b"Proxy Authentication Required",
    403: b"Forbidden",
    503: b"Service Unavailable",
    404: b"Not Found",
}


@contextmanager
def squid(status, seen):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with suppress(OSError):
                while True:
                    connected, _ = listener.accept()
                    with connected, connected.makefile("rb") as reader:
                        seen.append(reader.readline().split()[0])
                        size = 0
                        while (line := reader.readline().strip().lower()) != b"":
                            size = int(line.partition(b":")[2]) if line.startswith(b"content-length:") else size
                        reader.read(size)
                        head = b"HTTP/1.1 %d %b\r\nServer: squid/5.7\r\nContent-Type: text/html;charset=utf-8\r\n"
                        head += b"Content-Length: %d\r\nConnection: close\r\n\r\n"
                        connected.sendall(head % (status, STATUSES[status], len(PAGE)) + PAGE)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://user:wrong-word@127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def through():
    """Return what makes a destination behind a proxy that answers with a status; ``seen`` gets the methods it saw."""

    def destination(scheme, status, seen):
        session = requests.Session()
        session.trust_env = False
        session.proxies = {scheme: stack.enter_context(squid(status, seen))}
        client = HttpClient(
            session, f"{scheme}://siem.example", service="the receiver", sleep=lambda seconds: None, now=lambda: NOW
        )
        return HttpDestination(HttpOptions(), ORIGIN, client)

    with ExitStack() as stack:
        yield destination


@pytest.mark.parametrize(
    ("scheme", "status", "error", "said"),
    [
        ("https", 407, CredentialError, "answered 407: set its login and password in 'proxies'"),
        ("http", 407, CredentialError, "answered 407: set its login and password in 'proxies'"),
        ("https", 403, ConfigurationError, "and answered 403: allow this host and port"),
        ("https", 404, ConfigurationError, "and answered 404: allow this host and port"),
        (
            "http",
            403,
            CredentialError,
            "titled 'ERROR: The requested URL could not be retrieved', probably from a proxy",
        ),
        ("https", 503, UnavailableError, "and answered 503"),
        (
            "http",
            503,
            UnavailableError,
            "titled 'ERROR: The requested URL could not be retrieved', probably from a proxy",
        ),
    ],
)
def test_a_refusal_by_the_proxy_is_named_as_one(through, scheme, status, error, said):
    seen, desk = [], Desk()
    with pytest.raises(error, match=said) as raised:
        desk.ship(through(scheme, status, seen), [[event("a")]])
    assert set(seen) == {b"CONNECT" if scheme == "https" else b"POST"}
    assert len(seen) == (5 if error is UnavailableError else 1)
    assert "wrong-word" not in str(raised.value)
    assert (desk.commits, desk.letters) == ([], {})


def test_a_page_that_denies_is_no_fault_of_the_credential_alone(through):
    with pytest.raises(CredentialError, match="allow this client in the proxy, or check 'auth'"):
        Desk().ship(through("http", 403, []), [[event("a")]])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_check_names_the_proxy_too(through, scheme):
    with pytest.raises(CredentialError, match="in 'proxies'"):
        through(scheme, 407, []).check()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named(scheme):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    session = requests.Session()
    session.trust_env = False
    session.proxies = {scheme: f"http://127.0.0.1:{port}"}
    client = HttpClient(session, f"{scheme}://siem.example", service="the receiver", now=lambda: NOW)
    with pytest.raises(UnavailableError, match="its proxy cannot be reached.*check 'proxies'"):
        client.send("GET", "/")
