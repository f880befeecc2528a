"""The connection to Azure Monitor: a client secret or another identity, and what its Test says."""

from __future__ import annotations

import json
import sys

import pytest
import requests

from audit_provider.core.delivery import delivery_from
from audit_provider.core.destinations.sentinel import SentinelOptions
from audit_provider.core.errors import CredentialError
from audit_provider.hooks.azure_logs_ingestion import AzureLogsIngestionHook
from audit_provider.operators import SHIP_OPERATORS
from audit_provider.sandbox.sentinel import SentinelService
from audit_provider.sandbox.server import Reply, Service
from tests.core.destinations.stand_ins import ORIGIN, Desk, event


@pytest.fixture
def azure():
    with SentinelService("app", "hush") as service:
        yield service


@pytest.fixture
def connect(azure, monkeypatch):
    """Make the connection; None takes a part away."""

    def connect(extra=None, **parts):
        known = {"conn_type": "azure_logs_ingestion", "host": azure.url, "login": "app", "password": "hush"}
        extras = {
            "tenant_id": azure.tenant_id,
            "token_url": azure.token_url,
            "rule_id": azure.rule_id,
            "stream": azure.stream,
        } | (extra or {})
        whole = {key: value for key, value in (known | parts).items() if value is not None}
        whole["extra"] = {key: value for key, value in extras.items() if value is not None}
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(whole))
        return AzureLogsIngestionHook("c")

    return connect


def test_the_test_proves_the_rule_where_it_is_named(connect, azure):
    works, said = connect().test_connection()
    assert works, said
    assert azure.rule_id in said
    azure.granted = False
    works, said = connect().test_connection()
    assert not works
    assert "Monitoring Metrics Publisher" in said


def test_the_test_proves_the_token_alone_where_no_rule_is_named(connect, azure):
    works, said = connect({"rule_id": None, "stream": None}).test_connection()
    assert works
    assert "set 'rule_id' and 'stream'" in said
    assert azure.tokens_given == 1
    works, said = connect({"rule_id": None, "stream": None}, password="other").test_connection()
    assert not works
    assert "AADSTS7000215" in said
    assert "other" not in said.replace("another", "")


@pytest.mark.parametrize(
    ("extra", "parts", "said"),
    [
        ({"tenant_id": None, "token_url": None}, {}, "has no tenant_id"),
        ({"tenant_id": "a/../b"}, {}, "tenant_id"),
        ({"cloud": "publik"}, {}, "did you mean 'public'"),
        ({"auth": "managed"}, {}, "managed_identity"),
        ({"stream": None}, {}, "stream"),
        ({"rule_id": "my-rule"}, {}, "dcr-"),
        ({"token_url": "http://login.example.com/token"}, {}, "https"),
        ({"tenant": "x"}, {}, "'tenant'"),
        ({}, {"login": None}, "has no login"),
        ({}, {"password": None}, "client secret"),
        ({}, {"host": None}, "has no host"),
        ({}, {"host": "https://1.ods.opinsights.azure.com"}, "retired"),
    ],
)
def test_a_connection_that_cannot_work_is_told_what_to_change(connect, extra, parts, said):
    works, told = connect(extra, **parts).test_connection()
    assert not works
    assert said in told


@pytest.mark.parametrize(
    ("cloud", "url", "scope"),
    [
        (None, "https://login.microsoftonline.com/t-1/oauth2/v2.0/token", "https://monitor.azure.com/.default"),
        ("usgov", "https://login.microsoftonline.us/t-1/oauth2/v2.0/token", "https://monitor.azure.us/.default"),
        ("china", "https://login.chinacloudapi.cn/t-1/oauth2/v2.0/token", "https://monitor.azure.cn/.default"),
    ],
)
def test_each_cloud_has_its_own_place_and_scope(connect, monkeypatch, cloud, url, scope):
    asked = []

    def request(session, method, address, **arguments):
        asked.append((address, arguments["data"].decode()))
        raise requests.exceptions.InvalidURL("no network here")

    monkeypatch.setattr("requests.Session.request", request)
    extra = {"tenant_id": "t-1", "token_url": None, "cloud": cloud, "rule_id": None, "stream": None}
    assert not connect(extra).test_connection()[0]
    assert asked[0][0] == url
    assert scope.replace(":", "%3A").replace("/", "%2F") in asked[0][1]
    connect(extra | {"scope": "https://other//.default"}).test_connection()
    assert "other%2F%2F.default" in asked[-1][1]


def test_events_arrive(connect, azure):
    destination = connect().destination(SentinelOptions(azure.rule_id, azure.stream), ORIGIN)
    Desk().ship(destination, [[event("a"), event("b")]])
    assert azure.ids() == ["a", "b"]
    azure.faults.add("status", path="/dataCollectionRules", status=403, body="the secret is hush, said the proxy")
    with pytest.raises(CredentialError, match=r"the secret is \*\*\*, said"):
        Desk().ship(destination, [[event("c")]])


class MachineIdentity(Service):
    """What App Service answers its own machines, and hands on to an ingestion endpoint as a token it knows."""

    name = "machine_identity"

    def __init__(self, azure, status=200):
        super().__init__()
        self.azure = azure
        self.status = status
        self.asked = []

    def answer(self, request):
        assert request.headers["X-IDENTITY-HEADER"] == "local-secret"
        self.asked.append(dict(request.params))
        if self.status != 200:
            return Reply.json(self.status, {"error": "invalid_request", "message": "No such identity"})
        token = f"machine-token-{len(self.asked)}"
        self.azure.accept_token(token)
        return Reply.json(
            200,
            {"access_token": token, "expires_on": "32472144000", "resource": "monitor", "token_type": "Bearer"},
        )


@pytest.fixture
def machine(azure, monkeypatch):
    with MachineIdentity(azure) as service:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{service.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "local-secret")
        yield service


def test_a_managed_identity_needs_no_secret(connect, azure, machine):
    hook = connect({"auth": "managed_identity", "token_url": None, "tenant_id": None}, login=None, password=None)
    works, said = hook.test_connection()
    assert works, said
    assert "monitor.azure.com" in machine.asked[0]["resource"]
    destination = hook.destination(SentinelOptions(azure.rule_id, azure.stream), ORIGIN)
    Desk().ship(destination, [[event("a")]])
    assert len(machine.asked) == 1, "the token is kept"
    azure.revoke_tokens()
    Desk().ship(destination, [[event("b")]])
    assert len(machine.asked) == 2, "a refused token is not taken from a cache"
    assert azure.ids() == ["a", "b"]
    azure.faults.add("status", path="/dataCollectionRules", status=403, body="machine-token-2 has no access")
    with pytest.raises(CredentialError, match=r"\*\*\* has no access"):
        Desk().ship(destination, [[event("c")]])


def test_a_managed_identity_that_is_not_there_is_named(connect, machine):
    machine.status = 400
    works, said = connect({"auth": "managed_identity"}, login="an-id", password=None).test_connection()
    assert not works
    assert "'auth: managed_identity'" in said
    assert machine.asked[0].get("client_id") == "an-id"


def test_a_workload_identity_says_what_its_pod_lacks(connect, monkeypatch, tmp_path):
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    hook = connect({"auth": "workload_identity", "tenant_id": None}, login=None, password=None)
    works, said = hook.test_connection()
    assert not works
    assert "tenant_id" in said
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "gone"))
    works, said = connect({"auth": "workload_identity"}, password=None).test_connection()
    assert not works
    assert "gone" in said


@pytest.mark.parametrize("auth", ["managed_identity", "workload_identity", "default"])
def test_what_is_not_installed_is_named(connect, monkeypatch, auth):
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    works, said = connect({"auth": auth}, password=None).test_connection()
    assert not works
    assert "airflow-provider-audit-logs[sentinel]" in said


def test_a_client_secret_needs_nothing_installed(connect, monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    assert connect().test_connection()[0]


def test_the_operator_names_endpoint_rule_and_stream(connect, azure):
    connect()
    entry = {"type": "sentinel", "conn_id": "c", "rule_id": azure.rule_id, "stream": azure.stream, "raw_data": "string"}
    delivery = delivery_from("siem", entry, "p.destinations.siem")
    operator = SHIP_OPERATORS["sentinel"]
    assert operator.endpoint(delivery) == f"{azure.url}/{azure.rule_id}/{azure.stream}"
    task = operator.of_delivery(delivery, task_id="t", pipeline="p")
    assert (task.rule_id, task.stream, task.options) == (azure.rule_id, azure.stream, {"raw_data": "string"})
