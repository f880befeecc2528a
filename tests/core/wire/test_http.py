"""The door to the network: which path it takes, how long it waits, and what it never says."""

from __future__ import annotations

import logging
import socket
import threading
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.core.errors import ConfigurationError, UnavailableError, WaitError
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.later import Later
from audit_provider.core.wire.rate_limit import Pacer, RateLimit
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
        with pytest.raises(WaitError, match="GET .*/x answered 429: too many: Some API asks for a wait") as raised:
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
        with pytest.raises(ConfigurationError, match="does not speak TLS .*: check scheme and port"):
            HttpClient(requests.Session(), plain, service="Some API").send("GET", "/x")


def test_a_host_that_nobody_knows_is_named_as_that():
    client = HttpClient(requests.Session(), "https://api.no-such-host.invalid", service="Some API", tries=1)
    with pytest.raises(
        UnavailableError, match=r"^GET api\.no-such-host\.invalid/x was not sent: the host name could not be resolved"
    ):
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


@pytest.mark.parametrize("status", [500, 506, 507, 520, 522, 524, 529, 530, 599])
def test_a_5xx_is_asked_again(status):
    slept = []
    with Scripted(Reply(status, b"<html>origin</html>"), Reply(200)) as service:
        assert client_of(service, sleep=slept.append).fetch("GET", "/x").status == 200
    assert len(slept) == 1


@pytest.mark.parametrize("status", [501, 505])
def test_what_will_never_be_answered_is_not_asked_again(status):
    with Scripted(Reply(status), Reply(200)) as service:
        assert client_of(service).fetch("GET", "/x").status == status
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ([("Retry-After", "30"), ("Retry-After", "45")], 45),
        ([("X-RateLimit-Reset", "7"), ("X-RateLimit-Reset", "7")], 7),
        ([("RateLimit", '"a";r=0;t=4'), ("RateLimit", '"b";r=0;t=42')], 42),
        ([("X-Ratelimit-Auth-Token-Reset", str(int(NOW.timestamp()) + 42))], 42),
        ([("Retry-After-Ms", "42000")], 42),
    ],
)
def test_a_header_that_comes_twice_or_in_another_form_is_waited_for(headers, wait):
    slept = []
    with Doubled(429, headers) as service:
        client_of(service, sleep=slept.append).fetch("GET", "/x")
    assert len(slept) == 1
    assert wait <= slept[0] <= wait + 0.2


class Doubled:
    """Answers once with headers as they are listed, also twice the same, and then 200."""

    def __init__(self, status, headers):
        self.status, self.headers = status, headers

    def __enter__(self):
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        answers = [f"HTTP/1.1 {self.status} No\r\n{lines}", "HTTP/1.1 200 OK\r\n"]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

        def serve():
            for answer in answers:
                connected, _ = self.listener.accept()
                with connected:
                    connected.recv(65536)
                    connected.sendall(f"{answer}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())

        self.thread = threading.Thread(target=serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(10)
        self.listener.close()


@pytest.mark.parametrize(
    ("status", "headers", "period", "least"),
    [
        (429, {"Retry-After": "in a while s3cret"}, 60, 60),
        (429, {"X-RateLimit-Reset": "never"}, 600, 600),
        (429, {"X-RateLimit-Reset": "never"}, 7200, 3600),
        (503, {"Retry-After": "in a while s3cret"}, 600, 30),
        (429, {"Retry-After": "90, in a while"}, 60, 90),
        (403, {"Retry-After": "?"}, 60, 60),
    ],
)
def test_a_wait_that_is_not_understood_is_the_longest_and_said_once(caplog, status, headers, period, least):
    slept = []
    pacer = Pacer(RateLimit(100, period), sleep=lambda _: None, now=lambda: NOW)
    refusal = Reply(status, b"{}", headers)
    with Scripted(refusal, refusal, Reply(200)) as service, caplog.at_level(logging.WARNING):
        client_of(service, sleep=slept.append, tries=5, pacer=pacer).fetch("GET", "/x")
    assert all(least <= seconds <= least + 0.2 for seconds in slept)
    assert len(slept) == 2
    (said,) = [each.getMessage() for each in caplog.records if each.name == "audit_provider.core.wire.http"]
    assert f"({next(iter(headers))})" in said
    assert "in a while" not in said


def test_a_limit_that_is_said_in_words_waits_as_a_429_does():
    slept = []
    pacer = Pacer(RateLimit(100, 300), sleep=lambda _: None, now=lambda: NOW)
    with Scripted(Reply(400, b"slow")) as service:
        client = client_of(service, sleep=slept.append, tries=5, pacer=pacer)
        with pytest.raises(UnavailableError) as raised:
            client.fetch("GET", "/x", later=lambda answer: Later(least=90))
    assert min(slept) >= 90
    assert sum(slept) >= 300
    assert raised.value.wait == 90


def test_a_budget_that_is_not_used_up_does_not_say_when_another_limit_ends():
    slept = []
    headers = {"X-RateLimit-Remaining": "1700", "X-RateLimit-Reset": FAR}
    with Scripted(Reply(403, b"secondary", headers), Reply(200)) as service:
        client = client_of(service, sleep=slept.append)
        client.fetch("GET", "/x", later=lambda answer: Later(least=60) if answer.status == 403 else None)
    assert slept == [60]


def test_a_passing_fault_that_is_said_in_words_is_repeated_with_backoff():
    slept = []
    pacer = Pacer(RateLimit(100, 300), sleep=lambda _: None, now=lambda: NOW)
    said = [Later(limited=False), None]
    with Scripted(Reply(200, b"fault"), Reply(200, b"good")) as service:
        client = client_of(service, sleep=slept.append, pacer=pacer)
        assert client.fetch("GET", "/x", later=lambda answer: said.pop(0)).body == b"good"
    assert len(slept) == 1
    assert slept[0] <= 1
