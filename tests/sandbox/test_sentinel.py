"""The stand-in for the Logs Ingestion API refuses, drops, cuts and restamps what the real one does."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.sandbox.sentinel import SCOPE, SentinelService

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
FORM = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "hush", "scope": SCOPE}


class Clock:
    now = NOW


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def azure(clock):
    columns = {"TimeGenerated": "datetime", "EventId": "string", "RawData": "dynamic", "RawDataTruncated": "boolean"}
    with SentinelService("app", "hush", columns=columns, now=lambda: clock.now) as service:
        yield service


def token_of(service):
    return requests.post(service.token_url, data=FORM, timeout=10).json()["access_token"]


@pytest.fixture
def post(azure):
    token = token_of(azure)

    def post(body, *, rule=azure.rule_id, stream=azure.stream, version="2023-01-01", **headers):
        known = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "x-ms-client-request-id": str(uuid.uuid4()),
        }
        given = {name: value for name, value in (known | headers).items() if value}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{azure.url}/dataCollectionRules/{rule}/streams/{stream}"
        return requests.post(url, params={"api-version": version}, data=body, headers=given, timeout=10)

    return post


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "x"}, 400, "unauthorized_client"),
        ({"client_secret": "x"}, 401, "invalid_client"),
        ({"scope": "https://management.azure.com/.default"}, 400, "invalid_scope"),
    ],
)
def test_entra_gives_no_token_for_anything_else(azure, change, status, error):
    answer = requests.post(azure.token_url, data=FORM | change, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert requests.post(azure.token_url, json=FORM, timeout=10).status_code == 400
    assert requests.post(f"{azure.url}/other/oauth2/v2.0/token", data=FORM, timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"Authorization": ""}, 401, "InvalidToken"),
        ({"Authorization": "Bearer x"}, 401, "InvalidToken"),
        ({"version": ""}, 400, "InvalidApiVersion"),
        ({"version": "2016-04-01"}, 400, "InvalidApiVersion"),
        ({"rule": "dcr-2"}, 404, "NotFound"),
        ({"stream": "Custom-Other"}, 404, "InvalidStream"),
        ({"x-ms-client-request-id": ""}, 400, "InvalidRequestId"),
        ({"x-ms-client-request-id": "1"}, 400, "InvalidRequestId"),
        ({"Content-Type": "text/plain"}, 415, "UnsupportedMediaType"),
        ({"Content-Encoding": "gzip"}, 400, "InvalidContentEncoding"),
    ],
)
def test_a_wrong_request_is_refused(azure, post, change, status, code):
    answer = post([{"EventId": "1"}], **change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert azure.rows == []


def test_a_token_ends_and_a_role_can_be_missing(azure, clock, post):
    assert post([]).status_code == 204
    azure.granted = False
    assert post([]).status_code == 403
    azure.granted = True
    clock.now = NOW + timedelta(hours=1)
    assert post([]).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{broken", {"EventId": "1"}, [1], [{"EventId": "1"}, None], "text"])
def test_the_body_must_be_an_array_of_objects(azure, post, body):
    assert post(body).status_code == 400
    assert azure.rows == []


def test_one_megabyte_holds_before_and_after_compression(azure, post):
    frame = len(b'[{"RawData":""}]')
    fits = b'[{"RawData":"%b"}]' % (b"x" * (1_048_576 - frame))
    over = b'[{"RawData":"%b"}]' % (b"x" * (1_048_577 - frame))
    assert post(fits).status_code == 204
    assert post(over).status_code == 413
    assert post(gzip.compress(fits), **{"Content-Encoding": "gzip"}).status_code == 204
    assert post(gzip.compress(over), **{"Content-Encoding": "gzip"}).status_code == 413
    assert post(gzip.compress(os.urandom(1_048_577)), **{"Content-Encoding": "gzip"}).status_code == 413


def test_what_is_done_behind_a_204_is_counted(azure, post):
    rows = [
        {"EventId": "1", "TimeGenerated": NOW.isoformat(), "Unknown": 1, "RawData": {"a": [1]}},
        {"EventId": "2", "TimeGenerated": (NOW - timedelta(hours=49)).isoformat(), "Unknown": 2},
        {"EventId": "3", "TimeGenerated": (NOW + timedelta(hours=25)).isoformat(), "RawDataTruncated": "yes"},
        {"EventId": "4", "TimeGenerated": (NOW - timedelta(hours=47)).isoformat(), "RawData": "é" * 32_768},
        {"EventId": "5", "TimeGenerated": NOW.isoformat(), "RawData": "é" * 32_769},
        {"EventId": "5"},
    ]
    answer = post(rows)
    assert (answer.status_code, answer.content) == (204, b"")
    assert azure.state() == {
        "events": 6,
        "duplicates": 1,
        "dropped_columns": {"Unknown": 2},
        "lost_values": {"RawDataTruncated": 1},
        "restamped": 3,
        "truncated": 1,
        "ids": ["1", "2", "3", "4", "5", "5"],
    }
    assert azure.rows[0]["RawData"] == {"a": [1]}
    assert azure.rows[1]["TimeGenerated"] == NOW.isoformat()
    assert len(azure.rows[4]["RawData"]) == 32_768


def test_faults_on_demand(azure, post):
    azure.faults.add("status", path="/dataCollectionRules", status=429, headers={"Retry-After": "3"})
    assert [post([]).status_code for _ in range(2)] == [429, 204]
    assert len(azure.request_ids) == 1
    assert requests.get(f"{azure.url}/dataCollectionRules/x", timeout=10).status_code == 405
