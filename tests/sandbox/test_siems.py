"""The SIEM stand-ins refuse, and lose, what the real ones refuse and lose."""

from __future__ import annotations

import gzip
import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.sandbox.datadog import DatadogService
from audit_provider.sandbox.splunk_hec import SplunkHecService

EVENT = "/services/collector/event"
NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


def post(service, path, body, **headers):
    return requests.post(service.url + path, data=body, headers=headers, timeout=10)


def envelopes(*events):
    return "\n".join(json.dumps(each) for each in events)


@pytest.fixture
def hec():
    with SplunkHecService("t", indexes=["audit"], max_content_length=2000) as service:
        yield lambda body, **headers: post(service, EVENT, body, Authorization="Splunk t", **headers), service


GOOD = {"event": {"a": 1}, "index": "audit", "time": 1.5, "fields": {"event_id": "1"}}


@pytest.mark.parametrize(
    ("body", "status", "code", "number", "indexed"),
    [
        (envelopes(GOOD, GOOD), 200, 0, None, 2),
        ("", 400, 5, None, 0),
        (envelopes(GOOD, {"event": " "}, GOOD), 400, 13, 1, 1),
        (envelopes(GOOD, {"event": None}), 400, 6, 1, 1),
        (envelopes(GOOD, {"time": 1}), 400, 12, 1, 1),
        (envelopes(GOOD, {"event": 1, "fields": {"a": {"b": 1}}}, GOOD), 400, 15, 1, 1),
        (envelopes(GOOD) + "{broken", 400, 6, 1, 1),
        (envelopes(GOOD, {"event": 1, "index": "other"}, GOOD), 400, 7, 2, 1),
        (envelopes({"event": 1, "unknown": 2}), 400, 5, None, 0),
        (envelopes(GOOD, {"event": 1, "unknown": 2}, GOOD), 200, 0, None, 1),
        (envelopes(GOOD, {"fields": {"only": "fields"}}, GOOD), 200, 0, None, 2),
    ],
)
def test_replies_and_what_is_indexed(hec, body, status, code, number, indexed):
    send, service = hec
    answer = send(body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json().get("invalid-event-number") == number
    assert len(service.indexed) == indexed


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [({}, 401, 2), ({"Authorization": "Bearer t"}, 401, 3), ({"Authorization": "Splunk x"}, 403, 4)],
)
def test_the_token_is_asked_for(hec, headers, status, code):
    answer = requests.post(hec[1].url + EVENT, data=envelopes(GOOD), headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_sizes_encodings_and_paths(hec):
    send, service = hec
    assert send(envelopes({"event": "x" * 3000})).status_code == 413
    assert send(gzip.compress(envelopes(GOOD).encode()), **{"Content-Encoding": "gzip"}).status_code == 200
    assert send(b"x", **{"Content-Encoding": "deflate"}).status_code == 415
    assert requests.get(service.url + EVENT, timeout=10).status_code == 405
    assert requests.post(service.url + "/other", timeout=10).status_code == 404
    assert requests.get(service.url + "/services/collector/health", timeout=10).json()["code"] == 17


def test_acknowledgement_is_told_once_per_channel():
    channel = str(uuid.uuid4())
    with SplunkHecService("t", ack=True, ack_after=1) as service:
        auth = {"Authorization": "Splunk t"}
        assert post(service, EVENT, envelopes(GOOD), **auth).json()["code"] == 10
        assert post(service, EVENT, envelopes(GOOD), **auth, **{"X-Splunk-Request-Channel": "x"}).json()["code"] == 11
        auth["X-Splunk-Request-Channel"] = channel
        assert post(service, EVENT, envelopes(GOOD), **auth).json()["ackId"] == 0
        asked = [
            post(service, "/services/collector/ack", '{"acks": [0]}', **auth).json()["acks"]["0"] for _ in range(3)
        ]
        assert asked == [False, True, False]


@pytest.fixture
def datadog():
    with DatadogService("k", now=lambda: NOW) as service:
        headers = {"DD-API-KEY": "k", "Content-Type": "application/json"}
        yield lambda logs, **more: post(service, "/api/v2/logs", json.dumps(logs), **(headers | more)), service


@pytest.mark.parametrize(("hours", "kept"), [(-19, 0), (-17, 1), (1, 1), (3, 0)])
def test_old_and_future_logs_vanish_behind_a_202(datadog, hours, kept):
    send, service = datadog
    assert send([{"timestamp": (NOW + timedelta(hours=hours)).isoformat()}]).status_code == 202
    assert (len(service.logs), service.dropped_for_age) == (kept, 1 - kept)


def test_a_log_without_a_date_is_kept(datadog):
    send, service = datadog
    assert send([{"evt": {"id": "1", "time": "2020-01-01T00:00:00Z"}}]).status_code == 202
    assert service.ids() == ["1"]


def test_limits_of_the_intake(datadog):
    send, service = datadog
    assert send([{}] * 1000).status_code == 202
    assert send([{}] * 1001).status_code == 400
    assert send([{"m": "x" * 1_100_000}]).status_code == 202
    assert service.truncated == 1
    assert send([{"m": "x" * 5_100_000}]).status_code == 413
    assert send([], **{"DD-API-KEY": "x"}).status_code == 403
    assert send([], **{"Content-Type": "text/plain"}).status_code == 415
    assert requests.post(service.url + "/api/v2/logs", data="[]", timeout=10).status_code == 401


def test_faults_on_demand_over_the_wire(datadog):
    send, service = datadog
    control = f"{service.url}/_sandbox/faults"
    requests.post(control, json={"kind": "status", "status": 503, "after": 1, "count": 1}, timeout=10)
    assert [send([]).status_code for _ in range(3)] == [202, 503, 202]
    requests.post(control, json={"kind": "cut", "count": None}, timeout=10)
    with pytest.raises(requests.exceptions.RequestException):
        send([])
    requests.delete(control, timeout=10)
    assert send([]).status_code == 202
