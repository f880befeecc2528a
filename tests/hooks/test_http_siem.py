"""The connection type http_siem: every way to authenticate, a URL that is itself the secret, and addresses to avoid."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack
from urllib.parse import parse_qsl

import pytest
from audit_provider.operators.http import AuditLogsToHttpOperator

from audit_provider.core.destinations.http import HttpOptions
from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError
from audit_provider.core.formats import Raw
from audit_provider.core.model import Fields, Origin
from audit_provider.core.text.siem_config import destination_from
from audit_provider.core.wire.addresses import GuardedAdapter
from audit_provider.hooks.http_siem import HttpSiemHook
from audit_provider.hooks.service import PROMPTLY
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.sandbox.http_receiver import HttpReceiverService
from audit_provider.sandbox.server import Reply, Service
from audit_provider.testing.signing_keys import fault_in, private_key
from tests.core.destinations.stand_ins import Desk, event, serving

ORIGIN = Origin("payroll", "slack", Fields("id", "date"))
OLD, NEW = (f"whsec_{base64.b64encode(bytes([each]) * 32).decode()}" for each in (1, 2))
GOOGLE_CLAIMS = {
    "iss": "ship@p.example",
    "scope": "https://www.googleapis.com/auth/cloud-platform",
    "aud": "https://oauth2.googleapis.com/token",
}
BASIC = f"Basic {base64.b64encode(b'ann:p:w').decode()}"


@pytest.fixture
def serve():
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))


@pytest.fixture
def connect(monkeypatch):
    def connect(host, **rest):
        value = {"conn_type": "http_siem", "host": host, **rest}
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(value))
        return HttpSiemHook("c")

    return connect


def ship(hook, options=None, names="abc"):
    desk = Desk()
    destination = hook.destination(options or HttpOptions(), ORIGIN, sleep=lambda seconds: None)
    desk.ship(destination, [[event(name) for name in names]])
    return desk


def prove(hook, options=None):
    return hook.destination(options or HttpOptions(), ORIGIN, **PROMPTLY).send_test_event()


@pytest.mark.parametrize(
    ("connection", "headers"),
    [
        ({}, {}),
        ({"extra": {"auth": "none"}}, {}),
        ({"password": "X-API-Key: a:b c", "extra": {"auth": "header"}}, {"X-API-Key": "a:b c"}),
        ({"extra": {"auth_header": "Authorization: Token abc"}}, {"Authorization": "Token abc"}),
        ({"password": "tok", "extra": {"auth": "bearer"}}, {"Authorization": "Bearer tok"}),
        ({"login": "ann", "password": "p:w", "extra": {"auth": "basic"}}, {"Authorization": BASIC}),
    ],
)
def test_every_way_to_authenticate(connect, connection, headers):
    with HttpReceiverService(headers=headers) as service:
        ship(connect(f"{service.url}/events", **connection))
        assert service.ids() == list("abc")


@pytest.mark.parametrize("secrets", [OLD, NEW, f"{NEW} {OLD}"])
def test_signatures_also_while_secrets_are_rotated(connect, secrets):
    live = [OLD, NEW] if " " not in secrets else [OLD]
    with HttpReceiverService(secrets=live) as service:
        hook = connect(f"{service.url}/events", password=secrets, extra={"auth": "signature"})
        service.faults.add("cut", count=1)
        ship(hook)
        assert service.ids() == list("abc")
        assert service.repeats == 1, "the batch kept its id when it was sent again"


def test_a_wrong_signature_is_refused_and_shown_nowhere(connect):
    with HttpReceiverService(secrets=[OLD]) as service:
        hook = connect(f"{service.url}/events", password=NEW, extra={"auth": "signature"})
        with pytest.raises(CredentialError) as caught:
            ship(hook)
        assert NEW not in str(caught.value)


def test_what_is_signed_is_not_compressed(connect):
    with HttpReceiverService("loki", path="/loki/api/v1/push", secrets=[OLD], gzip=False) as service:
        hook = connect(service.url, password=OLD, extra={"auth": "signature"})
        hook.destination(HttpOptions(preset="loki"), ORIGIN).send_test_event()
        assert len(service.stored) == 1
    for options in (HttpOptions(gzip=True), HttpOptions(id_header="Idempotency-Key")):
        with pytest.raises(ConfigurationError, match="signs its requests"):
            hook.destination(options, ORIGIN)


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ({"password": "tok"}, "no extra 'auth'"),
        ({"password": "tok", "extra": {"auth": "bearrer"}}, "did you mean 'bearer'"),
        ({"extra": {"auth": "bearer"}}, "no password"),
        ({"password": "only-a-value", "extra": {"auth": "header"}}, "Name: value"),
        ({"password": "X A: v", "extra": {"auth": "header"}}, "Name: value"),
        ({"password": "X-A: s3cr\r\nX-B: t", "extra": {"auth": "header"}}, "line break"),
        ({"password": "s3cr\u20ac", "extra": {"auth": "bearer"}}, "line break or another"),
        ({"password": "whsec_s3cr", "extra": {"auth": "signature"}}, "signing secret"),
        ({"extra": {"auth": "signature"}}, "signing secret"),
        ({"password": "s3cr", "extra": {"auth": "google_service_account"}}, "key file"),
        ({"extra": {"auth": "google_service_account"}}, "no password"),
        ({"extra": {"authentication": "none"}}, "'authentication'"),
    ],
)
def test_a_connection_that_cannot_be_used_is_named(connect, connection, said):
    works, words = connect("http://127.0.0.1:9/in", **connection).test_connection()
    assert not works
    assert said in words
    assert "s3cr" not in words


class SecOps(Service):
    """Takes logs with the newest token only, as if each was an hour old by the next request."""

    def __init__(self):
        super().__init__()
        self.tokens = self.stored = 0
        self.wrong = []

    def answer(self, request):
        if request.path == "/token":
            sent = dict(parse_qsl(request.body.decode()))
            self.wrong.append(fault_in(sent["assertion"], {"algorithm": "RS256", "claims": GOOGLE_CLAIMS}))
            self.tokens += 1
            return Reply.json(200, {"access_token": f"ya29.{self.tokens}", "expires_in": 3599})
        if request.headers["Authorization"] != f"Bearer ya29.{self.tokens}":
            return Reply.json(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        self.stored += len(json.loads(request.body)["inlineSource"]["logs"])
        return Reply.json(200, {})


def test_google_secops_takes_events_for_longer_than_a_token_lives(connect):
    key = {"client_email": "ship@p.example", "private_key_id": "k", "private_key": private_key("RS256")}
    with SecOps() as service:
        extra = {"auth": "google_service_account", "token_url": f"{service.url}/token", "trust_env": False}
        hook = connect(service.url, password=json.dumps(key), extra=extra)
        options = HttpOptions(preset="google_secops", settings={"parent": "projects/p/logTypes/OKTA"})
        for _ in range(3):
            ship(hook, options)
            service.tokens += 1  # the one that was given is over
        assert service.stored == 9
        assert service.wrong == [""] * 3
        assert not any("ya29" in each or "PRIVATE" in each for each in map(str, service.seen))


def test_the_test_says_what_it_proves(connect):
    with HttpReceiverService() as service:
        works, said = connect(f"{service.url}/events").test_connection()
        assert works
        assert "only a test event proves" in said
        assert service.stored == []


def test_only_the_test_event_proves_the_credential(connect):
    with HttpReceiverService(headers={"Authorization": "Bearer good"}) as service:
        wrong = connect(f"{service.url}/events", password="wrong", extra={"auth": "bearer"})
        assert wrong.test_connection()[0]
        with pytest.raises(CredentialError):
            prove(wrong)
        good = connect(f"{service.url}/events", password="good", extra={"auth": "bearer"})
        assert "accepted the test event" in prove(good, HttpOptions(shape="array"))
        assert len(service.stored) == 1


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 404}, {"kind": "status", "status": 301}, None])
def test_a_secret_url_is_shown_nowhere(connect, fault):
    code = "ZaVnC4dhaV3fs3cr"
    with HttpReceiverService("sumo_logic", path=f"/receiver/v1/http/{code}") as service:
        hook = connect(f"{service.url}{service.path}", extra={"secret_url": True})
        assert hook.shown_address() == f"{service.url}/***"
        if fault is None:
            ship(hook, HttpOptions(preset="sumo_logic"))
            assert service.ids() == list("abc")
            words = [hook.check()]
        else:
            service.faults.add(**fault, body=f"nothing at /receiver/v1/http/{code}", count=None)
            words = [hook.test_connection()[1]]
            with pytest.raises(AuditError) as caught:
                ship(hook, HttpOptions(preset="sumo_logic"))
            words.append(str(caught.value))
    with pytest.raises(AuditError) as caught:
        hook.check()
    assert all(code not in each for each in (*words, str(caught.value)))
    assert "***" in str(caught.value)


def test_what_is_hidden_is_the_secret_and_no_common_word(connect):
    url = "https://c.example/receiver/v1/http/ZaVnC4dhaV3f"
    assert set(connect(url, extra={"secret_url": True}).secrets()) == {
        url,
        "/receiver/v1/http/ZaVnC4dhaV3f",
        "ZaVnC4dhaV3f",
    }
    header = connect("https://c.example", extra={"auth_header": "Authorization: Token 0123456789"})
    assert set(header.secrets()) == {"Token 0123456789", "0123456789"}


def test_a_query_is_part_of_a_secret_url_alone(connect, serve):
    server = serve(lambda request: (200, {}, {}))
    with pytest.raises(ConfigurationError, match="secret_url") as caught:
        connect(f"{server.url}/in?sig=s3cr").address()
    assert "s3cr" not in str(caught.value)
    hook = connect(f"{server.url}/in?sig=s3cr", extra={"secret_url": True})
    ship(hook)
    assert (server.requests[0].path, server.requests[0].query) == ("/in", "sig=s3cr")


@pytest.mark.parametrize(
    ("host", "options", "asked"),
    [
        ("/in", HttpOptions(path="/more"), "/in/more"),
        ("/in/", HttpOptions(), "/in/"),
        ("", HttpOptions(preset="new_relic"), "/log/v1"),
        ("/eu", HttpOptions(preset="new_relic"), "/eu/log/v1"),
        ("/log/v1", HttpOptions(preset="new_relic"), "/log/v1"),
    ],
)
def test_a_path_stands_before_the_query_of_a_secret_url(connect, serve, host, options, asked):
    server = serve(lambda request: (202, {}, {}))
    ship(connect(f"{server.url}{host}?sig=s3cr", extra={"secret_url": True}), options)
    assert (server.requests[0].path, server.requests[0].query) == (asked, "sig=s3cr")


def test_the_url_of_sumo_logic_must_be_said_to_be_secret(connect):
    url = "https://collectors.sumologic.com/receiver/v1/http/ZaVnC4dhaV3fs3cr"
    options = HttpOptions(preset="sumo_logic")
    operator = AuditLogsToHttpOperator(task_id="t", pipeline="payroll", preset="sumo_logic", conn_id="c")
    for act in (
        lambda: connect(url).destination(options, ORIGIN),
        lambda: prove(connect(url), options),
        lambda: AuditLogsToHttpOperator.endpoint(operator._delivery()),
    ):
        with pytest.raises(ConfigurationError, match="'secret_url'") as caught:
            act()
        assert "s3cr" not in str(caught.value)
    assert connect(url, extra={"secret_url": "true"}).destination(options, ORIGIN)
    assert AuditLogsToHttpOperator.endpoint(operator._delivery()) == "https://collectors.sumologic.com/***"


@pytest.mark.parametrize(
    ("end", "path", "asked"), [("/in", None, "/in"), ("/in/", None, "/in/"), ("/in/", "/x", "/in/x"), ("", None, "/")]
)
def test_the_url_is_asked_as_it_is_written(connect, serve, end, path, asked):
    server = serve(lambda request: (200, {}, {}))
    ship(connect(server.url + end), HttpOptions(path=path))
    assert server.requests[0].path == asked


@pytest.mark.parametrize(
    ("host", "extra"),
    [
        ("https://169.254.169.254/latest", {}),
        ("https://169.254.169.254/latest", {"allow_link_local": True}),
        ("https://[fd00:ec2::254]/", {"allow_link_local": True}),
        ("https://[::ffff:169.254.169.254]/", {}),
        ("https://169.254.7.7/", {}),
        ("https://[fe80::1]/", {}),
    ],
)
def test_addresses_to_avoid(connect, host, extra):
    works, said = connect(host, extra=extra).test_connection()
    assert not works
    assert "leads to" in said


@pytest.mark.parametrize("url", ["http://siem.example/", "https://siem.example/"])
def test_every_connection_is_looked_at_when_it_is_made(connect, url):
    hook = connect("https://siem.example/")
    assert isinstance(hook.get_conn().get_adapter(url), GuardedAdapter)


def test_link_local_may_be_allowed(connect):
    hook = connect("https://169.254.7.7/", extra={"allow_link_local": True})
    assert hook.client().base_url == "https://169.254.7.7"


def test_plain_http_is_for_loopback_or_for_who_asks(connect):
    works, said = connect("http://siem.example/in").test_connection()
    assert not works
    assert "use https" in said
    assert connect("http://siem.example/in", extra={"allow_http": True}).address() == "http://siem.example/in"


@pytest.mark.parametrize(
    ("config", "headers"),
    [
        ({"auth_header": "X-API-Key: a:b"}, {"X-API-Key": "a:b"}),
        ({"api_key": "k"}, {"Authorization": "Bearer k"}),
        ({}, {}),
    ],
)
def test_a_products_custom_siem_configuration_becomes_one_that_ships(connect, config, headers):
    with HttpReceiverService(headers=headers) as service:
        given = {"name": "Own", "provider_type": "Custom", "endpoint_url": f"{service.url}/events", "batch_size": 2}
        found = destination_from({**given, **config})
        kind = found.connection.pop("conn_type")
        assert kind == HttpSiemHook.conn_type
        hook = connect(**found.connection)
        ship(hook, HttpOptions(batch_events=found.entry["batch_events"]))
        assert service.ids() == list("abc")
        assert len(service.seen) == 2


def test_the_operator_serves_the_type(connect):
    assert SHIP_OPERATORS["http"] is AuditLogsToHttpOperator
    connect("http://127.0.0.1:9/in")
    operator = AuditLogsToHttpOperator(
        task_id="t", pipeline="payroll", preset="loki", conn_id="c", options={"settings": {"team": "sec"}}
    )
    delivery = operator._delivery()
    assert (delivery.options.preset, delivery.options.settings) == ("loki", {"team": "sec"})
    assert operator.connect(delivery, ORIGIN, Raw(ORIGIN)).limits.framing > 0
    again = AuditLogsToHttpOperator.of_delivery(delivery, task_id="u", pipeline="payroll")
    assert again._delivery() == delivery
