"""The sandbox's stand-ins beside the servers that they stand for: the same requests to both, the same answers.

What a test finds here is corrected in the stand-in. Part of ``make real``.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import ssl
import time
from contextlib import suppress

import pytest
import requests

from audit_provider.core.destinations.elasticsearch_templates import template_for
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from audit_provider.sandbox.s3 import S3Service
from audit_provider.sandbox.syslog import SyslogService
from tests.real.clients import s3_client
from tests.real.obtaining import UnobtainableError
from tests.real.servers import opensearch, s3_stores, syslog_receivers
from tests.real.servers.base import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

KEY = "id:key"
STREAM = "logs-saas_audit.slack-default"
TIME = "2026-03-01T12:00:00Z"


def obtained(server):
    try:
        return server.obtain(server.version)
    except UnobtainableError as error:
        pytest.skip(f"{server.name} {server.version} cannot be had here: {error}")


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


@pytest.fixture(scope="module", params=["rsyslog", "syslog-ng"])
def receivers(request, tmp_path_factory):
    """A real receiver and the stand-in, over TLS; each with a way to see what it holds."""
    kind = {"rsyslog": syslog_receivers.RSYSLOG, "syslog-ng": syslog_receivers.SYSLOG_NG}[request.param]
    server = next(each for each in syslog_receivers.SERVERS if each.name == request.param)
    place = Place(obtained(server), tmp_path_factory.mktemp("receiver"))
    with kind.receiving(place) as real, SyslogService() as stand_in:
        yield (
            (real.port, real.ca, lambda: len(real.held(1, 2.0))),
            (
                stand_in.port,
                stand_in.authority.ca,
                lambda: len(stand_in.messages),
            ),
        )


MESSAGE = b'<110>1 2026-03-01T12:00:00.000000Z - slack - login [audit@32473 event_id="a"] CEF:0|x'


@pytest.mark.parametrize(
    "content",
    [
        MESSAGE,
        b"<110>1 - - slack - - - text",
        b"<0>1 2026-03-01T12:00:00Z - a - b - \xef\xbb\xbftext",
        MESSAGE + b"x" * 7000,
    ],
)
def test_a_message_is_taken_alike(receivers, content):
    took = []
    for port, ca, held in receivers:
        before = held()
        context = ssl.create_default_context(cafile=str(ca))
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(b"%d %b" % (len(content), content))
            with suppress(OSError):  # not every receiver says goodbye
                secure.unwrap()
        end = time.monotonic() + 5
        while held() == before and time.monotonic() < end:
            time.sleep(0.05)
        took.append(held() - before)
    assert took[1] == took[0] == 1


@pytest.fixture(scope="module")
def buckets(tmp_path_factory):
    """Clients of a real store and of the stand-in, which both have the bucket ``audit``."""
    server = s3_stores.SERVERS[0]
    with s3_stores.seaweed(Place(obtained(server), tmp_path_factory.mktemp("bucket"))) as store:
        service = S3Service("audit").start()
        try:
            yield store.client(), s3_client(service.url, service.access_key, service.secret_key)
        finally:
            service.stop()


S3_CALLS = {
    "a new object": ("put_object", {"Key": "a", "Body": b"1", "IfNoneMatch": "*"}),
    "one of that name again": ("put_object", {"Key": "a", "Body": b"1", "IfNoneMatch": "*"}),
    "another under that name": ("put_object", {"Key": "a", "Body": b"2", "IfNoneMatch": "*"}),
    "its head": ("head_object", {"Key": "a"}),
    "no object": ("head_object", {"Key": "none"}),
    "an odd name": ("put_object", {"Key": "p 1/ü+&=/~", "Body": b"1", "IfNoneMatch": "*"}),
    "no bucket's head": ("head_bucket", {"Bucket": "no-such-bucket"}),
}


@pytest.mark.parametrize("name", S3_CALLS)
def test_s3_answers_alike(buckets, name):
    from botocore.exceptions import ClientError

    method, arguments = S3_CALLS[name]
    answers = []
    for client in buckets:
        try:
            answer = getattr(client, method)(**{"Bucket": "audit", **arguments})
            answers.append(answer["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as error:
            answers.append((error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]))
    assert answers[1] == answers[0]
