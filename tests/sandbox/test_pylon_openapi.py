"""The Pylon stand-in is held to the vendor's OpenAPI text: what it takes, what it answers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import jsonschema
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.sources import PYLON, PYLON_LIST
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService

SPEC = json.loads((Path(__file__).parents[1] / "fixtures/pylon/audit-logs.openapi.json").read_text())
NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
RECORDS = generate(300, NOW - timedelta(days=10), NOW)


def schema(name):
    """Return a component as JSON Schema, closed: what the vendor does not describe may not appear."""

    def closed(part):
        if isinstance(part, dict):
            part = {key: closed(value) for key, value in part.items()}
            if part.get("properties") and "additionalProperties" not in part:
                part["additionalProperties"] = False
        return [closed(each) for each in part] if isinstance(part, list) else part

    components = closed(SPEC["components"]["schemas"])
    # Later vendor documents add a stable code to errors.
    components["ErrorApiResponseBody"]["properties"]["code"] = {"type": "string"}
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": components}}


@pytest.fixture(scope="module")
def service():
    with PylonService("t", RECORDS, rate_limits={}) as service:
        yield service


@pytest.fixture(scope="module")
def call(service):
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = "Bearer t"

    def call(method, path, **options):
        answer = session.request(method, service.url + path, **options)
        kind = "GetAuditLogsResponseBody" if answer.status_code == 200 else "ErrorApiResponseBody"
        jsonschema.validate(answer.json(), schema(kind))
        return answer

    return call


def search(call, happened_at=None, **body):
    if happened_at:
        body["filter"] = {"field": "action_happened_at", **happened_at}
    return call("POST", "/audit-logs/search", json=body)


@pytest.mark.parametrize("spec", [PYLON, PYLON_LIST], ids=lambda spec: spec.name)
def test_the_source_asks_as_the_vendor_describes(spec):
    described = SPEC["paths"][spec.request.path][spec.request.method.lower()]
    if spec.request.body is None:
        names = {each["name"] for each in described["parameters"]}
        assert {*spec.request.params, spec.paging.param} <= names
    else:
        body = {**spec.request.body, spec.paging.param: "c"}
        jsonschema.validate(body, schema("SearchAuditLogsRequest"))
        jsonschema.validate(spec.fallback.body, schema("SearchAuditLogsRequest"))
    assert f"{spec.rate_limit.requests} requests per minute" in described["description"]
    answer = SPEC["components"]["schemas"]
    assert spec.records_at in answer["GetAuditLogsResponseBody"]["properties"]
    for path in (spec.paging.cursor_at, spec.paging.more_at):
        assert path.partition(".")[2] in answer["Pagination"]["properties"]
    fields = spec.fields
    for paths in (fields.id, fields.time, fields.recorded, fields.action, fields.actor_id, fields.object_id):
        assert {*paths.split(" | ")} <= {*answer["AuditLog"]["properties"]}


def test_records_are_as_described():
    for record in RECORDS:
        jsonschema.validate({"data": [record]}, schema("GetAuditLogsResponseBody"))


@settings(max_examples=40)
@given(
    limit=st.one_of(
        st.integers(-3, 1100), st.text(max_size=4), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_the_limit_is_an_integer_from_1_to_999(call, limit):
    good = isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit < 1000
    assert search(call, limit=limit).status_code == (200 if good else 400)


@settings(max_examples=60)
@given(
    field=st.sampled_from(["action", "action_happened_at", "created_at", "id"]),
    operator=st.sampled_from(SPEC["components"]["schemas"]["Filter"]["properties"]["operator"]["enum"]),
    shape=st.sampled_from(["value", "values"]),
)
def test_fields_take_the_operators_of_the_description(call, field, operator, shape):
    allowed = {
        "action": ["equals", "in", "not_in", "string_contains", "string_does_not_contain"],
        "action_happened_at": ["time_is_after", "time_is_before", "time_range"],
    }.get(field, [])
    several = operator in ("in", "not_in", "time_range")
    value = "2026-02-25T00:00:00Z" if field == "action_happened_at" else "LoginFailed"
    given_as = {"values": [value, value]} if shape == "values" else {"value": value}
    good = operator in allowed and several == (shape == "values")
    answer = call("POST", "/audit-logs/search", json={"filter": {"field": field, "operator": operator, **given_as}})
    assert answer.status_code == (200 if good else 400)


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_paging_reaches_every_record_once(order):
    with PylonService("t", RECORDS, rate_limits={}, order=order) as service:
        ids, cursor = [], None
        while True:
            params = {"limit": 70, **({"cursor": cursor} if cursor else {})}
            headers = {"Authorization": "Bearer t"}
            page = requests.get(f"{service.url}/audit-logs", params=params, headers=headers, timeout=10).json()
            ids += [each["id"] for each in page["data"]]
            cursor = page["pagination"]["cursor"]
            if not page["pagination"]["has_next_page"]:
                break
    assert sorted(ids) == sorted(each["id"] for each in RECORDS)


def test_a_search_cursor_in_the_query_is_ignored_and_a_foreign_one_refused(call):
    happened_at = {"operator": "time_is_after", "value": "2026-02-20T00:00:00Z"}
    first = search(call, happened_at, limit=5).json()
    cursor = first["pagination"]["cursor"]
    body = {"filter": {"field": "action_happened_at", **happened_at}, "limit": 5}
    again = call("POST", "/audit-logs/search", params={"cursor": cursor}, json=body).json()
    assert again["data"] == first["data"]
    assert search(call, {**happened_at, "value": "2026-02-21T00:00:00Z"}, cursor=cursor).status_code == 400
    assert call("GET", "/audit-logs", params={"cursor": cursor}).status_code == 400
    assert call("GET", "/audit-logs", params={"cursor": "forged"}).status_code == 400


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "path": "/audit-logs", "params": {"page": 2}},
        {"method": "GET", "path": "/audit-logs", "params": {"limit": "many"}},
        {"method": "POST", "path": "/audit-logs/search", "json": {"limits": 3}},
        {"method": "POST", "path": "/audit-logs/search", "data": "{"},
        {"method": "POST", "path": "/audit-logs/search", "json": {"filter": {"operator": "and", "subfilters": []}}},
    ],
)
def test_what_is_not_described_is_refused(call, request_):
    assert call(**request_).status_code == 400


def test_the_token_is_asked_for():
    with PylonService("t", other_region_tokens=["eu"]) as service:
        for headers, code in (({}, "unauthorized"), ({"Authorization": "Bearer eu"}, "wrong_region_token")):
            answer = requests.get(f"{service.url}/audit-logs", headers=headers, timeout=10)
            assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_the_budget_is_kept_and_its_headers_are_sent():
    clock = [NOW]
    with PylonService("t", now=lambda: clock[0]) as service:
        headers = {"Authorization": "Bearer t"}
        answers = [requests.post(f"{service.url}/audit-logs/search", headers=headers, timeout=10) for _ in range(11)]
        assert [each.status_code for each in answers] == [200] * 10 + [429]
        assert answers[0].headers["X-Rate-Limit-Remaining"] == "9"
        assert int(answers[-1].headers["X-Retry-After"]) == 61
        clock[0] += timedelta(seconds=61)
        assert requests.post(f"{service.url}/audit-logs/search", headers=headers, timeout=10).status_code == 200
