"""The connection to Elasticsearch and OpenSearch: three ways to prove who one is, a Test, a template."""

from __future__ import annotations

import json

import pytest

from audit_provider.core.delivery import delivery_from, form_of
from audit_provider.core.destinations.elasticsearch import ElasticsearchOptions
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.formats import Ecs, Envelope
from audit_provider.core.model import Fields, Origin
from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from tests.core.destinations.stand_ins import Desk, event, serving

ENCODED = "a2V5LWlkOnMzY3JldA=="  # key-id:s3cret
ORIGIN = Origin("p", "slack", Fields("id", "time"))


@pytest.fixture
def connect(monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_C", json.dumps({"conn_type": "aws", "login": "AKID", "password": "aws-s3cret"})
    )

    def connect(**parts):
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps({"conn_type": "elasticsearch_logs", **parts}))
        return ElasticsearchLogsHook("c")

    return connect


@pytest.fixture
def service():
    with ElasticsearchService(api_keys=["key-id:s3cret"], logins={"ada": "pw:1"}) as service:
        yield service


@pytest.mark.parametrize(
    ("parts", "user"),
    [
        ({"password": ENCODED}, "key-id"),
        ({"password": "key-id:s3cret", "extra": {"auth": "api_key"}}, "key-id"),
        ({"login": "key-id", "password": "s3cret", "extra": {"auth": "api_key"}}, "key-id"),
        ({"login": "ada", "password": "pw:1"}, "ada"),
        ({"login": "ada", "password": "pw:1", "extra": {"auth": "basic"}}, "ada"),
    ],
)
def test_a_credential_in_every_form(connect, service, parts, user):
    assert connect(host=service.url, **parts).test_connection() == (
        True,
        f"Elasticsearch accepts the credential of {user}.",
    )


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"password": "wrong"}, "answered 401"),
        ({"password": ""}, "no password"),
        ({"password": "x", "extra": {"auth": "basic"}}, "no login"),
        ({"password": "x", "extra": {"auth": "kerberos"}}, "known are api_key, basic, aws"),
        ({"password": "x", "extra": {"apikey": "x"}}, "'apikey'"),
        ({"extra": {"auth": "aws", "aws_conn_id": "aws_c"}}, "set 'region'"),
        ({"extra": {"auth": "aws", "aws_conn_id": "aws_c", "region": "eu-west-1", "service": "s3"}}, "es, aoss"),
    ],
)
def test_the_test_says_what_is_wrong(connect, service, parts, said, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    works, told = connect(host=service.url, **parts).test_connection()
    assert not works
    assert said in told


def test_the_test_asks_nothing_of_a_key_that_may_write_to_other_streams_alone(connect):
    with ElasticsearchService(api_keys=["key-id:s3cret"], may_create=False, monitor=False) as service:
        assert connect(host=service.url, password=ENCODED).test_connection()[0]


@pytest.mark.parametrize("form", [ENCODED, "key-id:s3cret", "s3cret"])
def test_no_form_of_the_key_is_ever_shown(connect, form):
    with serving(lambda request: (401, {}, {"error": f"no {form} here"})) as server:
        works, said = connect(host=server.url, password="key-id:s3cret").test_connection()
    assert not works
    assert "no *** here" in said


def test_the_destination_ships(connect, service):
    hook = connect(host=service.url, login="ada", password="pw:1")
    desk = Desk()
    destination = hook.destination(ElasticsearchOptions(), ORIGIN, Envelope(ORIGIN), sleep=lambda seconds: None)
    desk.ship(destination, [[event("a"), event("b")]])
    assert sorted(service.ids()) == ["a", "b"]


def test_the_template_is_installed_by_hand(connect, service):
    hook = connect(host=service.url, login="ada", password="pw:1")
    assert "was installed" in hook.install_template()
    assert "there already" in hook.install_template()
    assert "audit-mine was installed" in hook.install_template("audit-mine", "elasticsearch")
    assert sorted(service.templates) == ["saas_audit", "saas_audit-audit-mine"]


def test_only_of_an_api_key_what_follows_the_colon_is_a_secret_of_its_own(connect, service):
    login = connect(host=service.url, login="ada", password="Pa:1").client()
    assert login.redact("Pa:1 failed on shard 1 of 11") == "*** failed on shard 1 of 11"
    key = connect(host=service.url, password="key-id:s3cret").client()
    assert key.redact("s3cret failed") == "*** failed"


@pytest.mark.parametrize(
    ("host", "extra", "scope"),
    [
        (None, {"region": "eu-west-1"}, "eu-west-1/es"),
        (None, {"region": "eu-west-1", "service": "aoss"}, "eu-west-1/aoss"),
        ("https://search-a-b.us-east-2.es.amazonaws.com", {}, "us-east-2/es"),
        ("abc.eu-central-1.aoss.amazonaws.com", {}, "eu-central-1/aoss"),
        ("https://search-a.cn-north-1.es.amazonaws.com.cn:443", {}, "cn-north-1/es"),
        ("abc.eu-central-1.aoss.amazonaws.com", {"region": "eu-west-3", "service": "es"}, "eu-west-3/es"),
    ],
)
def test_aws_signs_for_region_and_service(connect, host, extra, scope):
    extra = {"auth": "aws", "aws_conn_id": "aws_c", **extra}
    with serving(lambda request: (200, {}, {"version": {"number": "2.19.0", "distribution": "opensearch"}})) as server:
        hook = connect(host=host or server.url, extra=extra)
        said = hook.client(server.url).send("GET", "/")
        assert said.status == 200
        (request,) = server.requests
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert f"/{scope}/aws4_request" in request.headers["authorization"]
    assert "x-amz-content-sha256" in request.headers


def test_an_aws_connection_that_is_not_there_is_named(connect):
    hook = connect(host="http://127.0.0.1:9", extra={"auth": "aws", "aws_conn_id": "gone", "region": "eu-west-1"})
    with pytest.raises(ConfigurationError, match="gone"):
        hook.check()


def test_the_operator_carries_every_option_of_the_pipelines_file():
    entry = {"type": "elasticsearch", "target": "audit-mine", "batch_events": 7, "failure_store": "dead_letter"}
    delivery = delivery_from("siem", entry, "p.destinations.siem")
    operator = SHIP_OPERATORS["elasticsearch"].of_delivery(delivery, task_id="ship", pipeline="p")
    assert operator.target == "audit-mine"
    assert operator._delivery() == delivery
    assert delivery.conn_id == ElasticsearchLogsHook.default_conn_name
    assert isinstance(form_of(delivery, ORIGIN), Ecs)


def test_a_name_that_cannot_be_is_a_mistake_of_the_pipelines_file():
    with pytest.raises(ConfigurationError, match=r"p\.destinations\.siem.*'namespace'"):
        delivery_from("siem", {"type": "elasticsearch", "namespace": "a-b"}, "p.destinations.siem")
