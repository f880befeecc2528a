"""The stand-in of Elasticsearch beside OpenSearch: the same requests to both, the same answers.

What a test finds here is corrected in the stand-in. Part of ``make real``.
"""

from __future__ import annotations

import base64
import gzip
import json

import pytest
import requests

from audit_provider.core.destinations.elasticsearch_templates import template_for
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from tests.real.beside import obtained
from tests.real.servers import opensearch
from tests.real.servers.base import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

KEY = "id:key"
STREAM = "logs-saas_audit.slack-default"
TIME = "2026-03-01T12:00:00Z"


@pytest.fixture(scope="module", params=opensearch.SERVERS, ids=lambda server: server.name)
def real_store(request, tmp_path_factory):
    place = Place(obtained(request.param), tmp_path_factory.mktemp("store"))
    with opensearch.cluster(place) as node:
        yield node.url


@pytest.fixture(scope="module")
def stand_in_store(real_store):  # a new one beside each
    with ElasticsearchService(api_keys=[KEY], product="opensearch") as service:
        yield service


@pytest.fixture(scope="module")
def stores(real_store, stand_in_store):
    """The addresses of a real store and of the stand-in, both with this package's template."""
    for url in (real_store, stand_in_store.url):
        name, template = template_for("opensearch")
        put = asked(url, "PUT", f"/_index_template/{name}", json.dumps(template), kind="application/json")
        assert put.status_code == 200, put.text
    return real_store, stand_in_store.url


def asked(url, method, path, body, *, kind="application/x-ndjson", **headers):
    key = base64.b64encode(KEY.encode()).decode()
    headers = {"Authorization": f"ApiKey {key}", **({"Content-Type": kind} if kind else {}), **headers}
    session = requests.Session()
    session.trust_env = False
    return session.request(method, url + path, data=body, headers=headers, timeout=60)


def shape(answer):
    """What of an answer the product judges by: its status, and of each item the status and the kind of error."""
    try:
        content = answer.json()
    except ValueError:
        return answer.status_code, "no JSON"
    if "items" not in content:
        return answer.status_code, (content.get("error") or {}).get("type")
    items = [
        (name, said["status"], (said.get("error") or {}).get("type"))
        for each in content["items"]
        for name, said in each.items()
    ]
    return answer.status_code, content["errors"], items


def lines(*each):
    return "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in each)


def document(**more):
    return {"@timestamp": TIME, "event": {"id": "x"}, **more}


BULKS = {
    "a document": lines({"create": {"_id": "a"}}, document()),
    "the same id again": lines({"create": {"_id": "a"}}, document(), {"create": {"_id": "b"}}, document()),
    "one id twice in one body": lines(*[{"create": {"_id": "twice"}}, document()] * 2),
    "no id": lines({"create": {}}, document()),
    "index into a stream": lines({"index": {"_id": "i"}}, document()),
    "no time": lines({"create": {"_id": "no time"}}, {"event": {"id": "x"}}),
    "a time that is a word": lines({"create": {"_id": "word"}}, {**document(), "@timestamp": "yesterday"}),
    "the year 1": lines({"create": {"_id": "y1"}}, {**document(), "@timestamp": "0001-01-01T00:00:00Z"}),
    "the year 9999": lines({"create": {"_id": "y9999"}}, {**document(), "@timestamp": "9999-12-31T23:59:59Z"}),
    "a time that is null": lines({"create": {"_id": "null"}}, {**document(), "@timestamp": None}),
    "two times": lines({"create": {"_id": "two"}}, {**document(), "@timestamp": [TIME, TIME]}),
    "an id of 512 bytes": lines({"create": {"_id": "i" * 512}}, document()),
    "an id of 513 bytes": lines({"create": {"_id": "i" * 513}}, document()),
    "an empty id": lines({"create": {"_id": ""}}, document()),
    "a document that is no object": lines({"create": {"_id": "list"}}, [1]),
    "a document that is no JSON": lines({"create": {"_id": "broken"}}, '{"@timestamp": '),
    "one that is no JSON among good ones": lines(
        {"create": {"_id": "g1"}}, document(), {"create": {"_id": "g2"}}, "{", {"create": {"_id": "g3"}}, document()
    ),
    "keys that repeat": lines({"create": {"_id": "keys"}}, f'{{"@timestamp":"{TIME}","raw":{{"k":1,"k":2}}}}'),
    "keys that repeat at the root": lines({"create": {"_id": "root"}}, f'{{"@timestamp":"{TIME}","a":1,"a":2}}'),
    "a value of 40,000 bytes": lines({"create": {"_id": "long"}}, document(raw={"a": "x" * 40_000})),
    "half a pair": lines({"create": {"_id": "half"}}, f'{{"@timestamp":"{TIME}","raw":{{"a":"\\ud800"}}}}'),
    **{
        f"the name {name}, which one of the products keeps": lines({"create": {"_id": name}}, document(**{name: "x"}))
        for name in ("_id", "_index", "_type", "_source", "_routing", "_field_names", "_ignored", "_seq_no", "_version")
    },
    "a text where an object is": lines({"create": {"_id": "clash"}}, document(event="text")),
    "an object where a text is": lines({"create": {"_id": "clash2"}}, document(message={"a": 1})),
    "raw that is no object": lines({"create": {"_id": "raw"}}, document(raw="text")),
    "nested 30 deep": lines({"create": {"_id": "30"}}, document(other=json.loads('{"a":' * 30 + "1" + "}" * 30))),
    "nested 30 deep in raw": lines({"create": {"_id": "r30"}}, document(raw=json.loads('{"a":' * 30 + "1" + "}" * 30))),
    "an empty name": lines({"create": {"_id": "empty"}}, document(**{"": 1})),
    "dots in a name": lines({"create": {"_id": "dots"}}, document(**{"a..b": 1})),
    "an unknown operation": lines({"make": {"_id": "x"}}, document()),
    "an unknown key beside the id": lines({"create": {"_id": "x", "_colour": "red"}}, document()),
    "an action that is no object": lines([1], document()),
    "an action without a document": lines({"create": {"_id": "alone"}}),
    "an action without a document at the end": lines({"create": {}}, document(), {"create": {"_id": "alone"}}),
    "an empty line between": lines({"create": {}}, document(), "", {"create": {}}, document()),
    "no newline at the end": lines({"create": {"_id": "x"}}, document())[:-1],
    "nothing": "",
    "an empty line": "\n",
}


@pytest.mark.parametrize("name", BULKS)
def test_a_bulk_request_is_answered_alike(stores, name):
    real, stand_in = (shape(asked(url, "POST", f"/{STREAM}/_bulk", BULKS[name])) for url in stores)
    assert stand_in == real


def test_the_body_of_a_bulk_request_is_taken_alike(stores):
    body = BULKS["no id"].encode()
    for kind, headers, content in [
        ("application/json", {}, body),
        ("text/plain", {}, body),
        (None, {}, body),
        ("application/x-ndjson", {"Content-Encoding": "gzip"}, gzip.compress(body)),
    ]:
        real, stand_in = (asked(url, "POST", f"/{STREAM}/_bulk", content, kind=kind, **headers) for url in stores)
        assert stand_in.status_code == real.status_code, (kind, headers, real.text)


@pytest.mark.parametrize("target", ["Upper", "with,comma", "-dash", "new-index", "x" * 256])
def test_a_target_is_taken_or_refused_alike(stores, target):
    real, stand_in = (shape(asked(url, "POST", f"/{target}/_bulk", BULKS["no id"])) for url in stores)
    assert stand_in == real


@pytest.mark.parametrize(
    ("setting", "attribute"), [("read_only", "is_read_only"), ("read_only_allow_delete", "is_full")]
)
def test_a_block_is_answered_alike(stores, stand_in_store, setting, attribute):
    target = f"block-{setting.replace('_', '-')}"
    for url in stores:
        assert asked(url, "POST", f"/{target}/_bulk", BULKS["no id"]).json()["errors"] is False
    body = json.dumps({f"index.blocks.{setting}": True})
    assert asked(stores[0], "PUT", f"/{target}/_settings", body, kind="application/json").status_code == 200
    setattr(stand_in_store.targets[target], attribute, True)
    real, stand_in = (shape(asked(url, "POST", f"/{target}/_bulk", BULKS["no id"])) for url in stores)
    assert stand_in == real


@pytest.mark.parametrize("filter_path", ["", "?filter_path=hits.hits._source"])
def test_a_source_is_written_alike(stores, filter_path):
    numbers = '"a":1e400,"b":1e-400,"c":-0.0,"d":0.12345678901234567890,"e":1000000000000000000000000000000'
    name = f"numbers{bool(filter_path)}"
    query = json.dumps({"query": {"ids": {"values": [name]}}})
    sources = []
    for url in stores:
        body = lines({"create": {"_id": name}}, f'{{"@timestamp":"{TIME}","raw":{{{numbers},"f":"\\ud800"}}}}')
        assert asked(url, "POST", f"/{STREAM}/_bulk?refresh=true", body).json()["errors"] is False
        answer = asked(url, "POST", f"/{STREAM}/_search{filter_path}", query, kind="application/json")
        found = json.loads(answer.content, parse_float=str, parse_int=str)
        sources.append(found["hits"]["hits"][0]["_source"]["raw"])
    real, stand_in = sources
    assert {name: as_double(each) for name, each in stand_in.items()} == {
        name: as_double(each) for name, each in real.items()
    }
    assert real["a"] == ("Infinity" if filter_path else "1e400")


def as_double(written):
    """Return a number that was written anew, which each language does in its way; others as they are written."""
    return float(written) if written in ("0.0", "-0.0", "0.12345678901234568") else written
