"""The door to the network: which path it takes, how long it waits, and what it never says."""

from __future__ import annotations

import socket
import threading
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.core.errors import ConfigurationError, UnavailableError, WaitError
from audit_provider.core.http import HttpClient
from audit_provider.core.rate_limit import Pacer, RateLimit
from audit_provider.sandbox.server import Reply, Service

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
FAR = str(int(NOW.timestamp()) + 3000)


class Scripted(Service):
    """Answers one reply after the other, the last one for ever."""

    def __init__(self, *replies):
        super().__init__()
        self.replies = list(replies)
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        return self.replies[min(len(self.requests), len(self.replies)) - 1]


def client_of(service, **options):
    session = requests.Session()
    session.trust_env = False
    return HttpClient(session, service.url, service="Some API", **{"now": lambda: NOW, "tries": 2, **options})


@pytest.mark.parametrize("path", ["me", ".evil.example/me", "@evil.example/me", ":81/me", "?token=1"])
def test_a_path_that_would_become_a_part_of_the_host_is_not_sent(path):
    with Scripted(Reply(200)) as service:
        for ask in (client_of(service).send, client_of(service).fetch):
            with pytest.raises(ConfigurationError, match="does not begin with '/'"):
                ask("GET", path)
    assert service.requests == []


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"X-RateLimit-Reset": FAR}, 3000),
        (429, {"X-RateLimit-Reset": FAR, "Retry-After": "7"}, 7),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": FAR}, 3000),
        (403, {"Retry-After": "7"}, 7),
        (502, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": FAR}, 3000),
        (502, {"X-RateLimit-Remaining": "1700", "X-RateLimit-Reset": FAR}, None),
        (503, {"RateLimit-Reset": "3000"}, None),
        (408, {"X-RateLimit-Reset": FAR}, None),
        (425, {"X-Rate-Limit-Reset": FAR}, None),
        (503, {"Retry-After": "7", "X-RateLimit-Reset": FAR}, 7),
    ],
)
def test_the_end_of_the_budget_is_waited_for_where_the_budget_is_used_up(status, headers, wait):
    slept = []
    with Scripted(Reply(status, b"{}", headers), Reply(200)) as service:
        assert client_of(service, sleep=slept.append).fetch("GET", "/x").status == 200
    (seconds,) = slept
    assert seconds <= 1 if wait is None else wait <= seconds <= wait + 0.2


@pytest.mark.parametrize("headers", [{"Retry-After": "0"}, {"X-RateLimit-Reset": "1600000000"}])
def test_a_wait_of_nothing_does_not_use_up_the_tries_at_once(headers):
    slept = []
    with Scripted(Reply(429, b"{}", headers)) as service, pytest.raises(UnavailableError):
        client_of(service, sleep=slept.append, tries=5).fetch("GET", "/x")
    assert slept[0] < 1
    assert sum(slept) >= 0.3 * (2 + 4 + 8)


@pytest.mark.parametrize("headers", [{"Retry-After": "0"}, {}])
def test_where_no_wait_is_named_all_tries_together_outlast_the_budgets_period(headers):
    slept = []
    pacer = Pacer(RateLimit(100, 60), sleep=lambda _: None, now=lambda: NOW)
    with Scripted(Reply(429, b"{}", headers)) as service, pytest.raises(UnavailableError):
        client_of(service, sleep=slept.append, tries=5, pacer=pacer).fetch("GET", "/x")
    assert sum(slept) >= 60


def test_the_end_of_the_budget_is_waited_for_where_a_code_says_so():
    slept = []
    with Scripted(Reply(200, b"slow", {"X-RateLimit-Reset": FAR}), Reply(200)) as service:
        client_of(service, sleep=slept.append).fetch("GET", "/x", later=lambda answer: answer.body == b"slow")
    assert slept[0] >= 3000


def test_a_wait_longer_than_the_patience_is_raised_with_the_answer():
    slept = []
    with Scripted(Reply(429, b"too many", {"Retry-After": "60"})) as service:
        client = client_of(service, sleep=slept.append, patience=5.0)
        with pytest.raises(
            WaitError, match="GET .*/x answered 429: too many: Some API wants to be left alone"
        ) as raised:
            client.fetch("GET", "/x")
    assert raised.value.until >= NOW + timedelta(seconds=60)
    assert slept == []
    assert len(service.requests) == 1


def test_a_short_wait_is_slept_with_patience():
    slept = []
    with (
        Scripted(Reply(503, b"", {"Retry-After": "2"})) as service,
        pytest.raises(UnavailableError, match="503 2 times"),
    ):
        client_of(service, sleep=slept.append, patience=5.0).fetch("GET", "/x")
    assert [int(each) for each in slept] == [2]


def test_a_service_that_hangs_up_during_the_handshake_is_asked_again():
    tries = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            for _ in range(2):
                connected, _ = listener.accept()
                with connected:
                    tries.append(connected.recv(65536)[:1])
                    connected.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        session = requests.Session()
        session.trust_env = False
        client = HttpClient(
            session,
            f"https://127.0.0.1:{listener.getsockname()[1]}",
            service="Some API",
            tries=2,
            sleep=lambda seconds: None,
        )
        with pytest.raises(UnavailableError, match="SSLEOFError.*Some API or the network is down"):
            client.fetch("GET", "/x")
        thread.join(10)
    assert tries == [b"\x16", b"\x16"], "each began with a handshake"


def test_a_service_that_speaks_no_tls_is_a_wrong_address():
    with Scripted(Reply(200)) as service:
        plain = service.url.replace("http:", "https:")
        with pytest.raises(ConfigurationError, match="speaks no TLS .*: check scheme and port"):
            HttpClient(requests.Session(), plain, service="Some API").send("GET", "/x")


def test_a_host_that_nobody_knows_is_named_as_that():
    client = HttpClient(requests.Session(), "https://api.no-such-host.invalid", service="Some API", tries=1)
    with pytest.raises(UnavailableError, match=r"^GET api\.no-such-host\.invalid/x was not sent, for nobody knows"):
        client.fetch("GET", "/x")


def test_a_secret_inside_another_one_leaves_no_rest():
    with Scripted(Reply(200)) as service:
        assert client_of(service, secrets=("abc", "abc-def")).redact("abc-def, abc") == "***, ***"


@pytest.mark.parametrize(("trusted", "spared", "reached"), [(True, "", 1), (True, "api.invalid", 0), (False, "", 0)])
def test_the_environment_names_the_proxy_where_it_is_trusted(monkeypatch, trusted, spared, reached):
    with Scripted(Reply(200)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, spared)
        session = requests.Session()
        session.trust_env = trusted
        client = HttpClient(session, "http://api.invalid", service="Some API")
        if reached:
            assert client.send("GET", "/me").status == 200
        else:
            with pytest.raises(UnavailableError):
                client.send("GET", "/me")
        assert len(proxy.requests) == reached


def test_the_connections_own_proxy_goes_before_the_environments(monkeypatch):
    with Scripted(Reply(200)) as own, Scripted(Reply(200)) as other:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, other.url)
        session = requests.Session()
        session.proxies = {"all": own.url}
        assert HttpClient(session, "http://api.invalid", service="Some API").send("GET", "/me").status == 200
        assert (len(own.requests), len(other.requests)) == (1, 0)


@pytest.mark.parametrize(
    ("trusted", "verify", "taken"),
    [(True, True, "/corp/ca.pem"), (True, False, False), (True, "/own.pem", "/own.pem"), (False, True, True)],
)
def test_the_environment_names_the_ca_where_it_is_trusted_and_nothing_else_does(monkeypatch, trusted, verify, taken):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/corp/ca.pem")
    session = requests.Session()
    session.trust_env, session.verify = trusted, verify
    HttpClient(session, "https://api.invalid", service="Some API")
    assert session.verify == taken
