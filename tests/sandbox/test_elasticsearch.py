"""The stand-in for Elasticsearch and OpenSearch refuses what the real ones refuse."""

from __future__ import annotations

import gzip
import json

import pytest
import requests

from audit_provider.core.destinations.elasticsearch_templates import template_for
from audit_provider.sandbox.elasticsearch import ElasticsearchService

STREAM = "logs-x-default"
AUTH = ("ada", "pw")
AT = "2026-03-01T00:00:00Z"


@pytest.fixture
def cluster():
    started = []

    def start(**arguments):
        service = ElasticsearchService(logins=dict([AUTH]), **{"streams": [STREAM], "indexes": ["plain"], **arguments})
        started.append(service.start())
        return service

    yield start
    for service in started:
        service.stop()


def bulk(service, *lines, path=f"/{STREAM}/_bulk", end="\n", auth=AUTH, **headers):
    body = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines) + end
    headers = {"Content-Type": "application/x-ndjson", **headers}
    data = gzip.compress(body.encode()) if headers.get("Content-Encoding") == "gzip" else body.encode()
    return requests.post(service.url + path, data=data, headers=headers, auth=auth, timeout=10)


def said_of(answer):
    """Return what the answer says of its one item."""
    (item,) = answer.json()["items"]
    (said,) = item.values()
    return said


def doc(name="1", **rest):
    return {"@timestamp": AT, "event": {"id": name}, **rest}


CREATE = {"create": {"_id": "1"}}


def test_a_document_is_stored_once(cluster):
    service = cluster()
    assert said_of(bulk(service, CREATE, doc()))["status"] == 201
    again = bulk(service, CREATE, doc())
    assert again.json()["errors"] is True
    assert said_of(again)["error"]["type"] == "version_conflict_engine_exception"
    assert service.ids() == ["1"]


def test_ids_are_known_in_the_current_backing_index_only(cluster):
    service = cluster()
    first = said_of(bulk(service, CREATE, doc()))
    service.targets[STREAM].roll_over()
    second = said_of(bulk(service, CREATE, doc()))
    assert (first["_index"][-6:], second["_index"][-6:]) == ("000001", "000002")
    assert service.duplicates() == 1


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ((CREATE, doc()), ""),
        ((), ""),
        (("{", doc()), "\n"),
        (({"make": {}}, doc()), "\n"),
        (({"create": {"_type": "_doc"}}, doc()), "\n"),
        (({"create": {"_id": "x" * 513}}, doc()), "\n"),
        ((CREATE, doc(), CREATE), "\n"),
        ((CREATE, json.dumps(doc(), indent=1)), "\n"),
    ],
)
def test_a_malformed_body_is_refused_whole(cluster, lines, end):
    service = cluster()
    assert bulk(service, *lines, end=end).status_code == 400
    assert service.ids() == []


@pytest.mark.parametrize(
    ("path", "action", "document", "status", "kind"),
    [
        (STREAM, "index", doc(), 400, "illegal_argument_exception"),
        ("plain", "index", doc(), 201, None),
        ("plain", "create", {"a": 1}, 201, None),
        (STREAM, "create", {"a": 1}, 400, "document_parsing_exception"),
        (STREAM, "create", {"@timestamp": "soon"}, 400, "document_parsing_exception"),
        (STREAM, "create", '{"@timestamp":1,"a":1,"a":2}', 400, "document_parsing_exception"),
        (STREAM, "create", "[]", 400, "document_parsing_exception"),
        (STREAM, "create", doc(a={f"k{n}": n for n in range(1000)}), 400, "illegal_argument_exception"),
        ("missing", "create", doc(), 404, "index_not_found_exception"),
        ("Bad", "create", doc(), 400, "invalid_index_name_exception"),
    ],
)
def test_items_are_judged_one_by_one(cluster, path, action, document, status, kind):
    said = said_of(bulk(cluster(auto_create=False), {action: {"_id": "1"}}, document, path=f"/{path}/_bulk"))
    assert said["status"] == status
    assert said.get("error", {}).get("type") == kind


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({"a": 1}, {"a": {"b": 1}}, 400),
        ({"a": {"b": 1}}, {"a": 1}, 400),
        ({"a": {"b": 1}}, {"a.b": "x"}, 400),
        ({"a": 1}, {"a": "x"}, 400),
        ({"a": 1}, {"a": "2"}, 201),
        ({"a": True}, {"a": 1}, 400),
        ({"a": "x"}, {"a": 1}, 201),
        ({"a": [1, 2]}, {"a": 3}, 201),
        ({"a": None}, {"a": {"b": 1}}, 201),
    ],
)
def test_types_stay_as_they_were_first_met(cluster, first, second, status):
    service = cluster()
    assert said_of(bulk(service, {"create": {}}, doc(**first)))["status"] == 201
    assert said_of(bulk(service, {"create": {}}, doc(**second)))["status"] == status


def test_the_failure_store_hides_what_does_not_fit_but_no_conflict_and_no_throttling(cluster):
    service = cluster(failure_store=True)
    answer = bulk(service, CREATE, {"a": 1})
    assert answer.json()["errors"] is False
    assert (said_of(answer)["status"], said_of(answer)["failure_store"]) == (201, "used")
    assert said_of(answer)["_index"].startswith(".fs-")
    bulk(service, CREATE, doc())
    assert said_of(bulk(service, CREATE, doc()))["status"] == 409
    service.refuse_items(429, "es_rejected_execution_exception")
    assert said_of(bulk(service, {"create": {}}, {"a": 1}))["status"] == 429
    assert service.state()["in_failure_store"] == 1
    assert service.state()["targets"] == {STREAM: 1, "plain": 0}


def test_items_are_refused_on_demand(cluster):
    service = cluster()
    service.refuse_items(429, "es_rejected_execution_exception", count=1, after=1)
    lines = [each for name in "abc" for each in ({"create": {"_id": name}}, doc(name))]
    told = bulk(service, *lines).json()["items"]
    assert [each["create"]["status"] for each in told] == [201, 429, 201]
    assert service.ids() == ["a", "c"]


@pytest.mark.parametrize("auth", [None, ("ada", "no"), ("eve", "pw")])
def test_the_credential_is_asked_for(cluster, auth):
    assert bulk(cluster(), CREATE, doc(), auth=auth).status_code == 401


def test_sizes_encodings_and_kinds(cluster):
    service = cluster(max_content_length=500)
    assert bulk(service, CREATE, doc(a="x" * 500)).status_code == 413
    assert bulk(service, CREATE, doc(a="x" * 500), **{"Content-Encoding": "gzip"}).status_code == 413
    assert bulk(service, CREATE, doc(), **{"Content-Encoding": "gzip"}).status_code == 200
    assert bulk(service, CREATE, doc(), **{"Content-Type": "text/plain"}).status_code == 406
    assert requests.get(f"{service.url}/_bulk", auth=AUTH, timeout=10).status_code == 405


def test_the_target_may_stand_in_the_action(cluster):
    service = cluster()
    assert said_of(bulk(service, {"create": {"_index": "plain"}}, {"a": 1}, path="/_bulk"))["status"] == 201
    assert said_of(bulk(service, {"create": {}}, {"a": 1}, path="/_bulk"))["status"] == 400


def test_the_answer_holds_what_is_asked_for(cluster):
    answer = bulk(cluster(), CREATE, doc(), path=f"/{STREAM}/_bulk?filter_path=errors,items.*.status")
    assert answer.json() == {"errors": False, "items": [{"create": {"status": 201}}]}


@pytest.mark.parametrize(
    ("product", "name", "stream"),
    [("elasticsearch", "logs-a-b", True), ("elasticsearch", "a", False), ("opensearch", "logs-a-b", False)],
)
def test_what_is_not_there_is_made_as_the_product_makes_it(cluster, product, name, stream):
    service = cluster(product=product)
    bulk(service, CREATE, doc(), path=f"/{name}/_bulk")
    assert service.targets[name].is_stream is stream


def put_template(service, template, name="t"):
    return requests.put(f"{service.url}/_index_template/{name}", json=template, auth=AUTH, timeout=10)


@pytest.mark.parametrize("product", ["elasticsearch", "opensearch"])
def test_each_product_has_its_own_type_for_opaque_objects(cluster, product):
    service = cluster(product=product)
    other = {"elasticsearch": "opensearch", "opensearch": "elasticsearch"}[product]
    refused = put_template(service, template_for(other)[1])
    assert refused.status_code == 400
    assert "No handler for type" in refused.text
    assert put_template(service, template_for(product)[1]).status_code == 200
    assert put_template(service, template_for(product)[1], "same").status_code == 400
    found = requests.get(f"{service.url}/_index_template/t", auth=AUTH, timeout=10).json()
    assert found["index_templates"][0]["index_template"]["version"] == 1
    path = "/logs-saas_audit.x-default/_bulk"
    for record in ({"a": 1}, {"a": {"b": 1}}, {f"k{n}": n for n in range(1100)}):
        assert said_of(bulk(service, {"create": {}}, doc(raw=record), path=path))["status"] == 201
    # OpenSearch lets that pass too where malformed values are ignored.
    expected = {"elasticsearch": 400, "opensearch": 201}[product]
    assert said_of(bulk(service, {"create": {}}, doc(raw="text"), path=path))["status"] == expected
    assert said_of(bulk(service, {"create": {}}, doc(source={"ip": "no address"}), path=path))["status"] == 201


def test_a_flat_object_takes_no_value_that_is_too_long_for_a_term(cluster):
    """As OpenSearch 2.19 and 3.9 do; Elasticsearch ignores it as the template says."""
    for product, status in (("elasticsearch", 201), ("opensearch", 400)):
        service = cluster(product=product)
        put_template(service, template_for(product)[1])
        path = "/logs-saas_audit.x-default/_bulk"
        for value, expected in (("x" * 32_766, 201), ("x" * 32_767, status), ({"a": [1, "é" * 20_000]}, status)):
            assert said_of(bulk(service, {"create": {}}, doc(raw={"a": value}), path=path))["status"] == expected


@pytest.mark.parametrize("template", [{}, {"index_patterns": ["a"], "template": {"aliases": {}}, "unknown": 1}, []])
def test_templates_that_cannot_be(cluster, template):
    assert put_template(cluster(), template).status_code == 400


def test_what_may_be_asked_about_oneself_differs_by_product(cluster):
    def status(service, path):
        return requests.get(service.url + path, auth=AUTH, timeout=10).status_code

    elastic, opensearch = cluster(monitor=False), cluster(product="opensearch", monitor=False)
    assert status(elastic, "/_security/_authenticate") == 200
    assert status(opensearch, "/_security/_authenticate") != 200
    for service in (elastic, opensearch):
        assert status(service, "/") == status(service, f"/{STREAM}") == 403
    assert status(cluster(), f"/{STREAM}") == 200
    assert status(cluster(), "/other") == 404
    headers = requests.get(cluster().url, auth=AUTH, timeout=10).headers
    assert headers["X-Elastic-Product"] == "Elasticsearch"
    assert "X-Elastic-Product" not in requests.get(cluster(product="opensearch").url, auth=AUTH, timeout=10).headers


def test_a_block_and_a_missing_right_are_told_by_name(cluster):
    service = cluster()
    service.targets[STREAM].is_full = True
    refused = said_of(bulk(service, CREATE, doc()))
    assert (refused["status"], refused["error"]["type"]) == (429, "cluster_block_exception")
    service.targets[STREAM].is_read_only = True
    refused = said_of(bulk(service, CREATE, doc()))
    assert (refused["status"], refused["error"]["type"]) == (403, "cluster_block_exception")
    service.may_create = False
    assert said_of(bulk(service, CREATE, doc()))["error"]["type"] == "security_exception"


def find(service, auth=AUTH, **body):
    return requests.post(f"{service.url}/{STREAM}/_search", json=body, auth=auth, timeout=10)


def test_documents_are_found_by_id_or_field_in_every_backing_index(cluster):
    service = cluster()
    bulk(service, CREATE, doc("a"))
    service.targets[STREAM].roll_over()
    bulk(service, CREATE, doc("b"), {"create": {"_id": "2"}}, doc("c"))
    found = find(service, query={"ids": {"values": ["1", "9"]}}, _source=False).json()
    assert (found["hits"]["total"], found["timed_out"]) == ({"value": 2, "relation": "eq"}, False)
    assert [(hit["_index"][-6:], hit["_id"], "_source" in hit) for hit in found["hits"]["hits"]] == [
        ("000001", "1", False),
        ("000002", "1", False),
    ]
    found = find(service, query={"terms": {"event.id": ["b", "c"]}}, size=1, fields=["event.id"]).json()
    assert (found["hits"]["total"]["value"], found["hits"]["hits"][0]["fields"]) == (2, {"event.id": ["b"]})


@pytest.mark.parametrize(
    "body",
    [
        {"query": {"ids": {"values": []}}, "size": 10_001},
        {"query": {"ids": {"id": "1"}}},
        {"query": {"terms": {"a": ["1"], "b": ["2"]}}},
        {"query": {"terms": {"a": ["1"] * 65_537}}},
        {"query": {"guess": {}}},
        {"query": {"prefix": {"a": "1"}}},
        {"query": {"ids": {"values": []}}, "sort": [{"_id": "asc"}]},
        {"query": {"ids": {"values": []}}, "search_after": [1]},
        {"search": {}},
    ],
)
def test_searches_that_cannot_be(cluster, body):
    assert find(cluster(), **body).status_code == 400


def test_who_may_search_and_where(cluster):
    assert find(cluster(), auth=("ada", "no")).status_code == 401
    assert find(cluster(may_read=False), query={"ids": {"values": []}}).status_code == 403
    assert find(cluster(streams=["logs-y-default"]), query={"ids": {"values": []}}).status_code == 404
