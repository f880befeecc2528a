"""The stand-in for receivers refuses, and loses, what real ones refuse and lose."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.sandbox.http_receiver import HttpReceiverService

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
KEY = b"k" * 32
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
A = {"id": "a"}


def post(service, body, method="POST", path=None, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    return requests.request(method, service.url + (path or service.path), data=body, headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("kind", "body", "status", "ids"),
    [
        ("array", [A, {"id": "b"}], 200, ["a", "b"]),
        ("array", A, 400, []),
        ("array", [], 400, []),
        ("array", [1], 400, []),
        ("array", b"[{]", 400, []),
        ("array", b"", 406, []),
        ("wrapped", {"events": [A]}, 200, ["a"]),
        ("wrapped", {"logs": [A]}, 400, []),
        ("wrapped", {"events": [A], "more": 1}, 400, []),
        ("single", A, 200, ["a"]),
        ("single", [A], 400, []),
        ("new_relic", [{"timestamp": 1772323200000, "message": "m", "attributes": {"event_id": "a"}}], 202, ["a"]),
        ("new_relic", [{"timestamp": 1, "message": "m", "attributes": {"event_id": "a"}}], 202, []),
        ("new_relic", [{"timestamp": "1", "message": "m"}], 400, []),
        ("new_relic", [{"timestamp": 1}], 400, []),
        ("logscale", {"time": 1.5, "event": {}, "fields": {"event_id": "a"}}, 200, ["a"]),
        ("logscale", {"time": 1772323200000, "event": {}, "fields": {"event_id": "a"}}, 400, []),
        ("logscale", {"time": 1.5, "event": {}}, 400, []),
        ("google_secops", {"inlineSource": {"logs": [{"data": "eyJpZCI6ImEifQ=="}]}}, 200, ["a"]),
        ("google_secops", {"inlineSource": {"logs": [{"data": "{}"}]}}, 400, []),
        ("google_secops", {"logs": []}, 400, []),
    ],
)
def test_shapes(kind, body, status, ids):
    with HttpReceiverService(kind, now=lambda: NOW) as service:
        assert post(service, body).status_code == status
        assert service.ids() == ids


def test_lines():
    with HttpReceiverService("ndjson") as service:
        assert post(service, b'{"id":"a"}\n{"id":"b"}\n', **{"Content-Type": "application/x-ndjson"}).status_code == 200
        assert post(service, b"[1]", **{"Content-Type": "application/x-ndjson"}).status_code == 400
        assert service.ids() == ["a", "b"]


def test_way_size_and_encoding():
    with HttpReceiverService(method="PUT", most_bytes=100, gzip=False) as service:
        assert post(service, [A]).status_code == 405
        assert post(service, [A], "PUT", "/other").status_code == 404
        assert post(service, [{"id": "x" * 100}], "PUT").status_code == 413
        assert post(service, [A], "PUT", **{"Content-Type": "text/plain"}).status_code == 415
        assert post(service, gzip.compress(b"[]"), "PUT", **{"Content-Encoding": "gzip"}).status_code == 415
        assert service.ids() == []
    with HttpReceiverService() as service:
        assert post(service, gzip.compress(b'[{"id":"a"}]'), **{"Content-Encoding": "gzip"}).status_code == 200
        assert post(service, b"plain", **{"Content-Encoding": "gzip"}).status_code == 400
        assert service.state()["ids"] == ["a"]


def test_the_credential_is_asked_for():
    with HttpReceiverService(headers={"Authorization": "Bearer t"}) as service:
        assert post(service, [A]).status_code == 401
        assert post(service, [A], Authorization="Bearer x").status_code == 403
        assert post(service, [A], Authorization="Bearer t").status_code == 200


def signed(body, name="m", seconds=0, key=KEY):
    timestamp = str(int((NOW + timedelta(seconds=seconds)).timestamp()))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    value = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": name, "webhook-timestamp": timestamp, "webhook-signature": value}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (signed(b'[{"id":"a"}]'), 200),
        (signed(b'[{"id":"a"}]', seconds=300), 200),
        (signed(b'[{"id":"a"}]', seconds=301), 401),
        (signed(b'[{"id":"a"}]', seconds=-301), 401),
        (signed(b'[{"id": "a"}]'), 401),
        (signed(b'[{"id":"a"}]', key=b"o" * 32), 401),
        (signed(b'[{"id":"a"}]') | {"webhook-id": "n"}, 401),
        (
            signed(b'[{"id":"a"}]') | {"webhook-signature": "v1,eA== " + signed(b'[{"id":"a"}]')["webhook-signature"]},
            200,
        ),
        ({}, 401),
    ],
)
def test_signatures(headers, status):
    with HttpReceiverService(secrets=[SECRET], now=lambda: NOW) as service:
        assert post(service, b'[{"id":"a"}]', **headers).status_code == status
        assert service.ids() == (["a"] if status == 200 else [])


def test_an_id_that_comes_again_stores_nothing_again():
    with HttpReceiverService() as service:
        for name in ("1", "1", "2"):
            assert post(service, [A], **{"Idempotency-Key": name}).status_code == 200
        assert service.ids() == ["a", "a"]
        assert (service.repeats, service.duplicates()) == (1, 1)


def test_a_refused_event_refuses_the_body():
    with HttpReceiverService(reject="b") as service:
        assert post(service, [A, {"id": "b"}]).status_code == 400
        assert service.ids() == []


def test_a_budget_that_is_used_up_drops_behind_a_200():
    with HttpReceiverService("sumo_logic", budget=1) as service:
        assert post(service, b'{"id":"a"}\n{"id":"b"}').status_code == 200
        assert (service.ids(), service.dropped) == (["a"], 1)


def push(*values, labels=None):
    return {"streams": [{"stream": {"source": "slack"} if labels is None else labels, "values": list(values)}]}


def at(name, **delta):
    return [str(int((NOW + timedelta(**delta)).timestamp()) * 10**9), "line", {"event_id": name}]


@pytest.mark.parametrize(
    ("body", "status", "ids"),
    [
        (push(at("a"), at("b", minutes=9)), 204, ["a", "b"]),
        (push(at("a"), at("old", days=-8)), 400, ["a"]),
        (push(at("new", minutes=11), at("a")), 400, ["a"]),
        (push([at("a")[0], "x" * 270_000, {"event_id": "long"}], at("a")), 400, ["a"]),
        (push(at("a"), [at("a")[0], "line", {"event_id": "again"}]), 204, ["a", "again"]),
        (push(at("a"), labels={}), 400, []),
        (push(at("a"), labels={"a.b": "c"}), 400, []),
        (push(at("a"), labels={"a": 1}), 400, []),
        (push(at("a"), labels={f"l{n}": "x" for n in range(16)}), 400, []),
        (push([1, "line"]), 400, []),
        (push([at("a")[0], "line", {"event_id": 1}]), 400, []),
    ],
)
def test_loki(body, status, ids):
    with HttpReceiverService("loki", now=lambda: NOW) as service:
        assert post(service, body).status_code == status
        assert service.ids() == ids


def test_loki_keeps_an_entry_once_and_may_be_blocked():
    with HttpReceiverService("loki", now=lambda: NOW) as service:
        for _ in range(2):
            assert post(service, push(at("a"))).status_code == 204
        assert (service.ids(), service.repeats) == (["a"], 1)
    with HttpReceiverService("loki", blocked=True) as service:
        assert post(service, push(at("a"))).status_code == 260
        assert service.stored == []


def record(name, time="1"):
    attributes = [{"key": "event.id", "value": {"stringValue": name}}]
    return {"timeUnixNano": time, "observedTimeUnixNano": "1", "attributes": attributes}


def logs(*records):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


@pytest.mark.parametrize(
    ("body", "status", "rejected", "ids"),
    [
        (logs(record("a"), record("b")), 200, None, ["a", "b"]),
        (logs(record("a"), record("bad")), 200, "1", ["a"]),
        (logs(record("a", 1)), 200, None, ["a"]),
        (logs(record("a", "yesterday")), 400, None, []),
        (logs(record("a", str(2**64))), 400, None, []),
        ({"colour": "red"}, 200, None, []),
        ([], 400, None, []),
        (logs({}), 400, None, []),
    ],
)
def test_otlp(body, status, rejected, ids):
    with HttpReceiverService("otlp", reject=["bad"]) as service:
        answer = post(service, body)
        assert answer.status_code == status
        assert answer.json().get("partialSuccess", {}).get("rejectedLogRecords") == rejected
        assert service.ids() == ids
