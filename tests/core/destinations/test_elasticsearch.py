"""Elasticsearch and OpenSearch: every item of an answer is judged, and a repeat is stored once."""

from __future__ import annotations

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
import requests
from pydantic import TypeAdapter, ValidationError

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.destinations.elasticsearch_documents import Documents, stream_name
from audit_provider.core.destinations.elasticsearch_templates import template_for
from audit_provider.core.errors import (
    UNREADABLE,
    AuditError,
    ConfigurationError,
    CredentialError,
    ProtocolError,
    StopError,
    UnavailableError,
)
from audit_provider.core.formats import FORMATS, Envelope, Raw
from audit_provider.core.model import Event, Fields, Offset, Origin
from audit_provider.core.verification.arrival import digest_of
from audit_provider.core.verification.documents import DocumentSearch, records_of
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, batch_of, client_of, event

KEY = "key-id:s3cret"
STREAM = "logs-saas_audit.slack-default"
PAGE = b"<html><head><title>Gateway</title></head></html>"
FORMS = sorted(FORMATS)


def cluster_client(service, key=KEY, sleeps=None):
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = "ApiKey " + base64.b64encode(key.encode()).decode()
    sleep = (lambda seconds: None) if sleeps is None else sleeps.append
    secrets = (key.partition(":")[2],)
    return HttpClient(session, service.url, service="the store", secrets=secrets, tries=2, sleep=sleep, now=lambda: NOW)


def tcp_client_of(service, origin=ORIGIN, key=KEY, form=None, **options):
    options = TypeAdapter(ElasticsearchOptions).validate_python(options)
    return ElasticsearchDestination(options, origin, cluster_client(service, key), form=form or Envelope(origin))


@pytest.fixture(params=["elasticsearch", "opensearch"])
def product(request):
    return request.param


@pytest.fixture
def cluster():
    started = []

    def start(**arguments):
        service = ElasticsearchService(api_keys=[KEY], **{"streams": [STREAM], **arguments}).start()
        started.append(service)
        return service

    yield start
    for service in started:
        service.stop()


def line_of(raw=b"{}", *, name="e1", form=None, origin=ORIGIN, **options):
    destination = ElasticsearchDestination(ElasticsearchOptions(**options), origin, None, form=form or Raw(origin))
    encoded = destination.encode(Event(name, NOW.replace(microsecond=120000), msgspec.Raw(raw)), restamp=False)
    action, document = encoded.split(b"\n")
    return json.loads(action), json.loads(document), encoded


def items(*said):
    """Return the answer where each item is a status, or a status and the type of its error."""
    told = []
    for each in said:
        status, kind = each if isinstance(each, tuple) else (each, "")
        error = {"error": {"type": kind, "reason": f"because of {kind}"}} if kind else {}
        told.append({"create": {"_index": ".ds-logs", "status": status, **error}})
    return 200, {}, {"errors": any("error" in each["create"] for each in told), "items": told}


# What travels


def test_a_document_has_time_id_and_stream_and_the_vendors_bytes():
    raw = b'{"z":1,  "a":1.10, "big":12345678901234567890}'
    action, document, encoded = line_of(raw)
    assert action == {"create": {"_id": "slack:payroll:e1"}}
    assert raw[1:] in encoded
    assert document["@timestamp"] == "2026-03-01T12:00:00.120000Z"
    assert document["event"] == {"id": "e1", "dataset": "saas_audit.slack"}
    assert document["data_stream"] == {"type": "logs", "dataset": "saas_audit.slack", "namespace": "default"}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gets_what_a_stream_needs_exactly_once(name):
    form = FORMATS[name](ORIGIN, "1.1")
    raw = b'{"id":"e1","date":1772366400,"action":"user_login","actor":{"user":{"email":"ada@x.org"}}}'
    _, document, encoded = line_of(raw, form=form)
    assert document["event"]["id"] == "e1"
    assert document["@timestamp"].startswith("2026-03-01T12:00:00.12")
    assert document["data_stream"]["dataset"] == "saas_audit.slack"
    assert encoded.count(b'"@timestamp"') == encoded.count(b'"data_stream"') == 1


def test_a_form_that_is_text_stands_in_the_message():
    assert line_of(b'{"action":"a"}', form=FORMATS["cef"](ORIGIN, ""))[1]["message"].startswith("CEF:")


@pytest.mark.parametrize(
    ("raw", "event_", "rest"),
    [
        (b"{}", {"id": "e1", "dataset": "saas_audit.slack"}, {}),
        (b" { } ", {"id": "e1", "dataset": "saas_audit.slack"}, {}),
        (b'{"event":{}}', {"id": "e1"}, {}),
        (b'{"event": {"id":"e1","a":1},"b":2}', {"id": "e1", "a": 1}, {"b": 2}),
        (b'{"event":{"a":1}, "b":1.10}', {"id": "e1", "a": 1}, {"b": 1.1}),
        (b'{"event.id":"e1"}', None, {"event.id": "e1"}),
        (b'{"@timestamp":"2026-03-01T12:00:00Z"}', {"id": "e1", "dataset": "saas_audit.slack"}, {}),
        (b'{"@timestamp":"2026-03-01T12:00:00.5+00:00"}', {"id": "e1", "dataset": "saas_audit.slack"}, {}),
        (b'{"@timestamp":"2026-03-01T12:00:00"}', {"id": "e1", "dataset": "saas_audit.slack"}, {}),
        (b'{\n  "a": 1\n}', {"id": "e1", "dataset": "saas_audit.slack"}, {"a": 1}),
    ],
)
def test_what_a_record_says_already_is_not_said_twice(raw, event_, rest):
    _, document, encoded = line_of(raw)
    assert document.pop("event", None) == event_
    assert document.pop("@timestamp").startswith("2026-03-01T12:00:00")
    assert document.pop("data_stream")
    assert document == rest
    assert encoded.count(b'"@timestamp"') == 1


@pytest.mark.parametrize(
    "raw",
    [
        b'{"event":"login"}',
        b'{"event":null}',
        b'{"event":{"id":"another"}}',
        b'{"event.id":7}',
        b'{"@timestamp":"yesterday"}',
        b'{"@timestamp":1772366400}',
        b'{"@timestamp":1772366400.5}',
        b'{"@timestamp":"1772366400"}',
        b'{"@timestamp":1772366400123456}',
        b'{"@timestamp":true}',
        b'{"@timestamp":"2026-03-01 12:00:00"}',
        b'{"data_stream":"x"}',
    ],
)
def test_a_record_that_uses_the_names_for_something_else_travels_whole_under_raw(raw):
    _, document, encoded = line_of(raw)
    assert b'"raw":' + raw in encoded
    assert document["event"]["id"] == "e1"
    assert document["@timestamp"] == "2026-03-01T12:00:00.120000Z"
    assert set(document) == {"@timestamp", "data_stream", "event", "raw"}


def test_milliseconds_since_the_epoch_stay_as_they_are():
    assert line_of(b'{"@timestamp":1772366400123}')[1]["@timestamp"] == 1772366400123


def test_a_record_whose_time_a_date_field_cannot_read_is_stored(cluster):
    service, desk = cluster(), Desk()
    odd = event("a", **{"@timestamp": "2026-03-01 10:00:00"})
    desk.ship(tcp_client_of(service, form=Raw(ORIGIN)), [[odd]])
    assert (service.ids(), desk.letters) == (["a"], {})


@pytest.mark.parametrize("form", ["raw", "envelope"])
def test_a_record_with_half_a_surrogate_pair_travels_whole_under_raw(form):
    raw = rb'{"id":"e1","text":"\ud83d cut off","event":{"id":"other"}}'
    _, document, encoded = line_of(raw, form=FORMATS[form](ORIGIN, "1.3"))
    assert document["event"]["id"] == "e1"
    assert document["@timestamp"].startswith("2026-03-01T12:00:00.12")
    assert raw in encoded
    held = document["raw"] if form == "raw" else document["raw"]["raw"]
    assert held["text"] == "\ud83d cut off"


@pytest.mark.parametrize("name", ["_id", "_index", "_source", "_routing", "_ignored", "_type", "_field_names"])
@pytest.mark.parametrize("written", ["{}", "\\u005f{}"])
def test_a_record_with_a_name_that_the_store_keeps_for_itself_travels_whole_under_raw(cluster, name, written):
    raw = b'{"%b":"x","a":1}' % (written.format(name) if written == "{}" else written.format(name[1:])).encode()
    _, document, encoded = line_of(raw)
    assert b'"raw":' + raw in encoded
    service, desk = cluster(), Desk()
    destination = tcp_client_of(service, form=Raw(ORIGIN))
    desk.ship(destination, [[Event("e1", NOW, msgspec.Raw(raw)), Event("e2", NOW, msgspec.Raw(b'{"_links":1}'))]])
    assert (desk.offset.counts.delivered, desk.letters) == (2, {})
    assert document["raw"] == {name: "x", "a": 1}


def test_the_stand_in_refuses_what_the_store_keeps_for_itself(cluster):
    service = cluster()
    body = b'{"create":{"_id":"1"}}\n{"@timestamp":"2026-03-01T12:00:00Z","_id":"900"}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    answer = cluster_client(service).send("POST", f"/{STREAM}/_bulk", headers=headers, body=body)
    assert answer.json()["items"][0]["create"]["status"] == 400
    assert service.ids() == []


@pytest.mark.parametrize("target", [None, "logs-audit-prod", "audit"])
def test_the_data_set_is_that_of_the_stream(target):
    _, document, _ = line_of(form=FORMATS["ecs"](ORIGIN, ""), target=target)
    assert document["event"]["dataset"] == document.get("data_stream", {"dataset": "saas_audit.slack"})["dataset"]


@pytest.mark.parametrize("raw", [b"[1]", b"1", b'{"a"'])
def test_what_is_no_object_cannot_be_encoded(raw):
    with pytest.raises(UNREADABLE):
        line_of(raw)


def test_ids_differ_by_source_and_pipeline_and_long_ones_are_hashed():
    def id_of(name, origin=ORIGIN, **options):
        return line_of(name=name, origin=origin, **options)[0]["create"].get("_id")

    other = Origin("other", "slack", Fields("id", "date"))
    assert id_of("1", other) != id_of("1")
    assert id_of("1", other, document_id="source") == id_of("1", document_id="source") == "slack:1"
    assert id_of("1", document_id="none") is None
    room = 512 - len("slack:payroll:")
    assert id_of("x" * room) == "slack:payroll:" + "x" * room
    long = [id_of("x" * (room + 1)), id_of("x" * (room + 2)), id_of("é" * 300)]
    assert len(set(long)) == 3
    assert all(len(each) == len("slack:payroll:sha256:") + 64 for each in long)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("slack", "logs-saas_audit.slack-prod"),
        ("My-Source", "logs-saas_audit.my_source-prod"),
        ("a/b c", "logs-saas_audit.a_b_c-prod"),
        ("x" * 200, f"logs-saas_audit.{'x' * 89}-prod"),
    ],
)
def test_the_stream_is_named_by_the_rules(source, expected):
    assert stream_name(source, "prod") == expected


@pytest.mark.parametrize(
    "options",
    [
        {"namespace": "a-b"},
        {"namespace": "A"},
        {"namespace": ""},
        {"namespace": "x" * 101},
        {"target": "Logs"},
        {"target": "a,b"},
        {"target": "a*"},
        {"target": "_all"},
        {"target": "-a"},
        {"target": ".ds-a"},
        {"target": "a/b"},
        {"target": "other:a"},
        {"target": "É"},
        {"target": ""},
        {"target": "é" * 128},
        {"document_id": "event"},
        {"failure_store": "ignore"},
    ],
)
def test_options_that_cannot_be(options):
    with pytest.raises(ValidationError):
        TypeAdapter(ElasticsearchOptions).validate_python(options)


def test_a_target_of_ones_own_is_written_to_and_says_no_stream_that_it_is_not(cluster):
    service = cluster(indexes=["audit+2026"])
    destination = tcp_client_of(service, target="audit+2026")
    assert set(destination.send(batch_of(destination, "ab")).verdicts) == {Verdict.DELIVERED}
    (first, _) = service.targets["audit+2026"].documents()
    assert "data_stream" not in first


# Against the store


def test_a_batch_is_one_compressed_request_and_asks_for_a_small_answer(serve):
    server = serve(lambda request: items(201, 201, 201))
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(server))
    assert destination.send(batch_of(destination, "abc")).verdicts == (Verdict.DELIVERED,) * 3
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", f"/{STREAM}/_bulk")
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"] == "application/x-ndjson"
    assert "filter_path=errors" in request.query
    assert request.body.endswith(b"}\n")
    assert request.body.count(b"\n") == 6


def test_events_are_stored_once_however_often_they_are_sent(cluster, product):
    service, desk = cluster(product=product), Desk()
    segments = [[event(name) for name in "abc"], [event(name) for name in "de"]]
    desk.ship(tcp_client_of(service), segments)
    assert sorted(service.ids()) == list("abcde")
    assert desk.offset.counts.delivered == 5
    again = Desk()
    again.ship(tcp_client_of(service), segments)
    assert again.offset.counts.already_there == 5
    assert again.letters == {}
    assert service.duplicates() == 0


def test_a_lost_answer_repeats_nothing(cluster):
    service, desk = cluster(), Desk()
    service.faults.add("cut", path=f"/{STREAM}")
    desk.ship(tcp_client_of(service), [[event(name) for name in "abc"]])
    assert sorted(service.ids()) == list("abc")
    assert desk.offset.counts.already_there == 3


def test_a_repeat_from_before_a_rollover_is_stored_again_under_the_same_event_id(cluster):
    service = cluster()
    Desk().ship(tcp_client_of(service), [[event("a")]])
    service.targets[STREAM].roll_over()
    Desk().ship(tcp_client_of(service), [[event("a")]])
    assert service.ids() == ["a", "a"]


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("form", ["raw", "envelope"])
def test_a_poison_event_is_set_aside_with_its_own_reason_and_no_other(cluster, place, form):
    names = list("abcde")
    bad = names[{"first": 0, "middle": 2, "last": 4}[place]]
    service, desk = cluster(), Desk()
    # A type clash with what is there: in the raw form at the top, in the envelope under "raw".
    Desk().ship(tcp_client_of(service, form=FORMATS[form](ORIGIN, "")), [[event("before", size=1)]])
    events = [event(name, size={"x": 1}) if name == bad else event(name, size=2) for name in names]
    desk.ship(tcp_client_of(service, form=FORMATS[form](ORIGIN, "")), [events])
    assert sorted(service.ids()) == sorted({"before", *names} - {bad})
    assert list(desk.letters) == [bad]
    assert "document_parsing_exception" in desk.letters[bad].reason
    assert desk.offset.counts.finished == 5
    assert sum(1 for each in service.seen if each.path.endswith("_bulk")) == 2


def test_each_dead_letter_has_its_own_reason(serve):
    server = serve(lambda request: items((400, "mapper_parsing_exception"), 201, (400, "illegal_argument_exception")))
    desk = Desk()
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(server))
    desk.ship(destination, [[event(name) for name in "abc"]])
    assert "because of mapper_parsing_exception" in desk.letters["a"].reason
    assert "because of illegal_argument_exception" in desk.letters["c"].reason
    assert desk.offset.counts.delivered == 1


def test_the_cause_is_told_and_no_secret_is(serve):
    error = {"type": "mapper_parsing_exception", "reason": "failed", "caused_by": {"type": "x", "reason": "s3cret why"}}
    answer = 200, {}, {"errors": True, "items": [{"create": {"status": 400, "error": error}}]}
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: answer)))
    outcome = destination.send(batch_of(destination, "a"))
    assert "*** why" in outcome.reasons[0]


HALF = rb'"Preview of field\'s value: \uD800 alone"'
"""As OpenSearch 2.19.6 and 3.9.0 quote what they were sent: strict JSON holds no half of a surrogate pair."""


def test_an_answer_that_quotes_half_a_surrogate_pair_holds_up_no_other_event(serve):
    said = b'{"type": "mapper_parsing_exception", "reason": %s}' % HALF
    body = b'{"errors": true, "items": [{"create": {"status": 400, "error": %s}}, {"create": {"status": 201}}]}' % said
    desk = Desk()
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(serve(lambda _: (200, {}, body))))
    desk.ship(destination, [[event("a"), event("b")]])
    assert "value: \ufffd alone" in desk.letters["a"].reason
    assert desk.offset.counts.delivered == 1


def test_a_document_with_half_a_surrogate_pair_is_found_and_compared(serve):
    document = b'{"id": "e1", "said": %s}' % HALF
    hit = b'{"_id": "slack:p:e1", "_source": %s}' % document
    body = b'{"timed_out": false, "_shards": {"failed": 0}, "hits": {"total": {"value": 1}, "hits": [%s]}}' % hit
    server = serve(lambda _: (200, {}, body))

    def contents(folder, segment, event):
        yield bytes(event.raw)

    origin = Origin("p", "slack", Fields("id", "date"))
    asked = DocumentSearch(client_of(server), "audit", origin, sleep=lambda _: None, contents=contents)
    assert asked.count(["e1"]) == {"e1": 1}
    records = records_of(contents)
    same, other = (Event("e1", NOW, msgspec.Raw(each)) for each in (document, document.replace(b"alone", b"altered")))
    assert asked.said("e1")
    assert set(asked.said("e1")) <= {digest_of(each) for each in records("p/live", 1, same)}
    assert not set(asked.said("e1")) & {digest_of(each) for each in records("p/live", 1, other)}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_busy_items_alone_are_sent_again(cluster, status):
    service, desk = cluster(), Desk()
    service.refuse_items(status, "es_rejected_execution_exception", count=2, after=1)
    desk.ship(tcp_client_of(service), [[event(name) for name in "abcd"]])
    assert sorted(service.ids()) == list("abcd")
    assert desk.offset.counts.delivered == 4
    assert len(desk.sleeps) == 1


def test_items_that_stay_busy_keep_everything_that_is_open(cluster):
    service, desk = cluster(), Desk()
    service.refuse_items(429, "es_rejected_execution_exception", count=100, after=2)
    with pytest.raises(UnavailableError, match="es_rejected_execution_exception"):
        desk.ship(tcp_client_of(service), [[event(name) for name in "abcd"]], tries=3)
    assert (desk.offset.segment, desk.offset.index) == (1, 2)
    assert desk.letters == {}


def test_the_wait_that_a_store_asks_for_is_taken(serve):
    status, _, body = items(201, (429, "es_rejected_execution_exception"))
    destination = ElasticsearchDestination(
        ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: (status, {"Retry-After": "7"}, body)))
    )
    outcome = destination.send(batch_of(destination, "ab"))
    assert outcome.verdicts == (Verdict.DELIVERED, Verdict.RETRY)
    assert outcome.wait == 7.0


@pytest.mark.parametrize(
    ("status", "kind", "verdict"),
    [
        (200, "", Verdict.DELIVERED),
        (201, "", Verdict.DELIVERED),
        (409, "version_conflict_engine_exception", Verdict.ALREADY_THERE),
        (409, "something_else", Verdict.RETRY),
        (409, "", Verdict.RETRY),
        (400, "resource_already_exists_exception", Verdict.RETRY),
        (429, "cluster_block_exception", Verdict.RETRY),
        (400, "strict_dynamic_mapping_exception", Verdict.REFUSED),
        (413, "", Verdict.REFUSED),
    ],
)
def test_verdicts(serve, status, kind, verdict):
    server = serve(lambda request: items(201, (status, kind)))
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(server))
    assert destination.send(batch_of(destination, "ab")).verdicts == (Verdict.DELIVERED, verdict)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "security_exception", CredentialError),
        (403, "security_exception", CredentialError),
        (403, "cluster_block_exception", StopError),
        (404, "index_not_found_exception", ConfigurationError),
        (400, "index_closed_exception", ConfigurationError),
        (400, "validation_exception", ConfigurationError),
        (302, "", ProtocolError),
        (405, "", ProtocolError),
    ],
)
def test_a_target_that_refuses_holds_everything_and_passes_what_it_took(serve, status, kind, error):
    answers = [items(201, (status, kind), (status, kind)), items((status, kind), (status, kind))]
    server, desk = serve(lambda request: answers.pop(0)), Desk()
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(server))
    with pytest.raises(error) as caught:
        desk.ship(destination, [[event(name) for name in "abc"]])
    assert (desk.offset.segment, desk.offset.index) == (1, 1)
    assert desk.offset.counts.delivered == 1
    assert desk.letters == {}
    assert sum(desk.sleeps) == 0
    assert "everything is kept" in str(caught.value)


@pytest.mark.parametrize(
    "reason", ["no write index is defined for alias [audit]", "pipeline with id [p] does not exist"]
)
def test_a_target_at_fault_behind_a_400_is_told_by_its_words(serve, reason):
    error = {"type": "illegal_argument_exception", "reason": reason}
    answer = 200, {}, {"errors": True, "items": [{"create": {"status": 400, "error": error}}]}
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: answer)))
    with pytest.raises(ConfigurationError):
        destination.send(batch_of(destination, "a"))


def test_a_collection_that_takes_no_ids_says_what_to_set(cluster):
    service, desk = cluster(product="opensearch", takes_ids=False), Desk()
    segments = [[event(name) for name in "abc"]]
    with pytest.raises(ConfigurationError, match="document_id: none"):
        desk.ship(tcp_client_of(service), segments)
    assert (desk.commits, desk.letters) == ([], {})
    desk.ship(tcp_client_of(service, document_id="none"), segments)
    assert sorted(service.ids()) == list("abc")


QUOTED = "Preview of field's value: 'pipeline with id [x]'"


@pytest.mark.parametrize(
    "error",
    [
        {"type": "document_parsing_exception", "reason": f"failed to parse field [n]. {QUOTED}"},
        {"type": "mapper_parsing_exception", "reason": "pipeline with id [x] is no number"},
        {"type": "illegal_argument_exception", "reason": f"Limit of total fields exceeded. {QUOTED}"},
        {
            "type": "document_parsing_exception",
            "reason": "failed to parse",
            "caused_by": {"type": "illegal_argument_exception", "reason": "pipeline with id [x]"},
        },
    ],
)
def test_what_an_event_says_is_not_taken_for_a_target_at_fault(serve, error):
    answer = 200, {}, {"errors": True, "items": [{"create": {"status": 400, "error": error}}]}
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: answer)))
    assert destination.send(batch_of(destination, "a")).verdicts == (Verdict.REFUSED,)


@pytest.mark.parametrize(
    ("block", "error", "words"),
    [
        ("is_read_only", StopError, "free space on the cluster, or lift the block"),
        ("is_full", UnavailableError, "Free space on the cluster: it then lifts the block by itself"),
    ],
)
def test_a_block_holds_and_the_next_run_goes_on(cluster, block, error, words):
    service, desk = cluster(), Desk()
    segments = [[event("a"), event("b")]]
    setattr(service.targets[STREAM], block, True)
    with pytest.raises(error, match=words):
        desk.ship(tcp_client_of(service), segments)
    assert desk.offset == Offset()
    setattr(service.targets[STREAM], block, False)
    desk.ship(tcp_client_of(service), segments)
    assert sorted(service.ids()) == ["a", "b"]


def test_what_is_in_the_failure_store_is_delivered_and_said_loudly(cluster, caplog):
    service, desk = cluster(failure_store=True), Desk()
    destination = tcp_client_of(service, form=Raw(ORIGIN))
    events = [event("a", size=1), event("b", size={"x": 1}), event("c", size=2)]
    with caplog.at_level(logging.WARNING):
        desk.ship(destination, [events])
    assert sorted(service.ids()) == ["a", "c"]
    assert len(service.failed) == 1
    assert desk.offset.counts.delivered == 3
    assert "1 of 3 events into its failure store" in caplog.text
    assert f"{STREAM}::failures" in caplog.text


def test_what_is_in_the_failure_store_may_be_set_aside_as_well(cluster):
    service, desk = cluster(failure_store=True), Desk()
    events = [event("a", size=1), event("b", size={"x": 1}), event("c", size=2)]
    desk.ship(tcp_client_of(service, form=Raw(ORIGIN), failure_store="dead_letter"), [events])
    assert list(desk.letters) == ["b"]
    assert f"failure store .fs-{STREAM}" in desk.letters["b"].reason
    assert desk.offset.counts.delivered == 2


@pytest.mark.parametrize(
    "said", [{"failure_store": "used"}, {"_index": ".fs-logs-2026.03.01-000001"}], ids=["by word", "by index"]
)
def test_the_failure_store_is_known_by_word_and_by_index(serve, said):
    answer = 200, {}, {"errors": False, "items": [{"create": {"status": 201, "_index": ".ds-x", **said}}]}
    options = ElasticsearchOptions(failure_store="dead_letter")
    destination = ElasticsearchDestination(options, ORIGIN, client_of(serve(lambda request: answer)))
    assert destination.send(batch_of(destination, "a")).verdicts == (Verdict.REFUSED,)


def test_a_failure_store_that_failed_is_no_delivery(serve):
    told = {"status": 400, "failure_store": "failed", "error": {"type": "document_parsing_exception", "reason": "x"}}
    answer = 200, {}, {"errors": True, "items": [{"create": told}]}
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: answer)))
    assert destination.send(batch_of(destination, "a")).verdicts == (Verdict.REFUSED,)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"errors": False},
        {"errors": False, "items": []},
        items(201)[2],
        items(201, 201, 201)[2],
        {"errors": False, "items": [{"index": {"status": 201}}] * 2},
        {"errors": False, "items": [{"create": {}}] * 2},
        {"errors": False, "items": [{"create": {"status": "201"}}] * 2},
        {"errors": False, "items": [{}, {}]},
        [],
        PAGE,
        b"",
    ],
)
def test_200_is_not_delivered_unless_it_answers_for_every_event(serve, body):
    destination = ElasticsearchDestination(
        ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: (200, {}, body)))
    )
    with pytest.raises(ProtocolError):
        destination.send(batch_of(destination, "ab"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_whole_answer_of_later_means_later(serve, status):
    destination = ElasticsearchDestination(
        ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: (status, {"Retry-After": "3"}, PAGE)))
    )
    outcome = destination.send(batch_of(destination, "ab"))
    assert outcome.verdicts == (Verdict.RETRY,) * 2
    assert outcome.wait == 3.0


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": {"type": "security_exception"}}, CredentialError),
        (403, {"message": "The request signature does not match"}, CredentialError),
        (403, {"error": {"type": "cluster_block_exception", "reason": "read-only"}}, StopError),
        (404, {}, ConfigurationError),
        (405, {}, ConfigurationError),
        (301, {}, ConfigurationError),
        (400, PAGE, ProtocolError),
        (406, {}, ProtocolError),
        (201, {}, ProtocolError),
    ],
)
def test_a_refused_sender_stops_and_nothing_is_set_aside(serve, status, body, error):
    desk = Desk()
    destination = ElasticsearchDestination(
        ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: (status, {}, body)))
    )
    with pytest.raises(error) as caught:
        desk.ship(destination, [[event(name) for name in "abc"]])
    assert desk.commits == []
    assert desk.letters == {}
    assert "s3cret" not in str(caught.value)


def test_a_body_too_large_is_halved(cluster):
    service, desk = cluster(max_content_length=2000), Desk()
    events = [event(name, pad="x" * 300) for name in "abcdefgh"]
    desk.ship(tcp_client_of(service), [[*events, event("big", pad="x" * 3000)]])
    assert sorted(service.ids()) == list("abcdefgh")
    assert list(desk.letters) == ["big"]
    assert "413" in desk.letters["big"].reason


def test_a_wrong_key_holds(cluster):
    desk = Desk()
    with pytest.raises(CredentialError):
        desk.ship(tcp_client_of(cluster(), key="key-id:wrong"), [[event("a")]])
    assert desk.commits == []


def test_a_missing_target_is_for_a_person(cluster):
    desk = Desk()
    with pytest.raises(ConfigurationError, match="index_not_found_exception"):
        desk.ship(tcp_client_of(cluster(streams=[], auto_create=False)), [[event("a")]])
    assert desk.commits == []


def test_several_batches_at_once_stay_in_order(cluster):
    service, desk = cluster(), Desk()
    events = [event(f"n{number:02}") for number in range(40)]
    desk.ship(tcp_client_of(service, batch_events=3), [events], concurrency=4)
    assert sorted(service.ids()) == [each.id for each in events]
    assert desk.offset.counts.delivered == 40


# Templates


def test_without_being_told_to_no_template_is_installed(cluster, product):
    service = cluster(product=product, streams=[])
    Desk().ship(tcp_client_of(service), [[event("a")]])
    assert service.templates == {}


@pytest.mark.parametrize("name", FORMS)
def test_the_template_is_installed_once_and_takes_what_else_would_clash(cluster, product, name):
    service, desk = cluster(product=product, streams=[]), Desk()
    form = FORMATS[name](ORIGIN, "1.1")
    destination = tcp_client_of(service, template="install", form=form)
    kinds = [1, {"x": 1}, "text", [1, "a"], True]
    if name == "raw":
        events = [event(f"n{number}", event="clash", size=kind) for number, kind in enumerate(kinds)]
    else:
        events = [event(f"n{number}", size=kind, context={"ip": "not an address"}) for number, kind in enumerate(kinds)]
    wide = event("wide", event="clash", many={f"k{number}": number for number in range(1100)})
    batch = [[*events, wide]]
    desk.ship(destination, batch)
    assert list(service.templates) == ["saas_audit"]
    assert service.targets[STREAM].is_stream
    assert desk.letters == {}
    assert sorted(service.ids()) == sorted(each.id for each in batch[0])
    assert sum(1 for each in service.seen if each.method == "PUT") == 1


def test_threads_install_one_template(cluster):
    service = cluster(streams=[])
    destination = tcp_client_of(service, template="install")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: destination.send(batch_of(destination, [name])), "abcdefgh"))
    assert sum(1 for each in service.seen if each.method == "PUT") == 1


def test_an_older_template_of_ours_is_replaced_and_any_other_is_left(cluster, product):
    service = cluster(product=product)
    destination = tcp_client_of(service)
    name, ours = template_for(product)
    service.templates[name] = {**ours, "version": 0}
    assert "was installed" in destination.install_template()
    assert service.templates[name]["version"] == ours["version"]
    for left in ({**ours, "version": 99}, {"index_patterns": ["x"], "version": 0}, {"index_patterns": ["x"]}):
        service.templates[name] = left
        assert "there already" in destination.install_template()
        assert service.templates[name] is left


def test_a_tcp_client_of_ones_own_gets_a_template_of_its_own(cluster):
    service = cluster(streams=[])
    tcp_client_of(service, target="audit-slack").install_template()
    assert list(service.templates) == ["saas_audit-audit-slack"]
    assert service.templates["saas_audit-audit-slack"]["index_patterns"] == ["audit-slack"]


def test_the_wrong_product_is_refused_with_the_products_words(cluster, product):
    other = {"elasticsearch": "opensearch", "opensearch": "elasticsearch"}[product]
    with pytest.raises(ConfigurationError, match="No handler for type"):
        tcp_client_of(cluster(product=product), product=other).install_template()


def test_who_may_not_manage_templates_is_told_and_nothing_is_sent(cluster):
    service, desk = cluster(monitor=False), Desk()
    with pytest.raises(CredentialError, match="manage_index_templates"):
        desk.ship(tcp_client_of(service, template="install"), [[event("a")]])
    assert service.ids() == []
    desk.ship(tcp_client_of(service), [[event("a")]])
    assert service.ids() == ["a"]


@pytest.mark.parametrize("answer", [(200, {}, {}), (404, {}, {}), (200, {}, {"version": {"distribution": "other"}})])
def test_a_product_that_cannot_be_told_must_be_named(serve, answer):
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(serve(lambda request: answer)))
    with pytest.raises(ConfigurationError, match="'product'"):
        destination.install_template()


@pytest.mark.parametrize("product", ["elasticsearch", "opensearch"])
def test_both_templates_say_the_same_but_for_the_opaque_type(product):
    text = json.dumps(template_for(product)[1])
    opaque = {"elasticsearch": "flattened", "opensearch": "flat_object"}
    assert opaque.pop(product) in text
    assert next(iter(opaque.values())) not in text


# The test of the connection


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, f"Elasticsearch accepts the credential of key-id, which may create documents in {STREAM}."),
        (
            {"monitor": False},
            f"Elasticsearch accepts the credential of key-id, which may create documents in {STREAM}.",
        ),
        ({"product": "opensearch"}, "OpenSearch 3.1.0 accepts the credential."),
        ({"product": "opensearch", "monitor": False}, "The service accepts the credential, which may only write"),
    ],
)
def test_the_check_needs_no_right_of_the_cluster_and_writes_nothing(cluster, arguments, said):
    service = cluster(**arguments)
    assert tcp_client_of(service).check().startswith(said)
    assert service.ids() == []


@pytest.mark.parametrize(
    "answer",
    [(400, {}, "unsupported path requested"), (404, {}, PAGE), (200, {}, ""), (404, {}, {}), (405, {}, [])],
    ids=["words", "page", "nothing", "object", "array"],
)
def test_the_check_finds_that_bulk_is_at_another_path(serve, answer):
    """As of services that speak ``_bulk`` at a fixed path and present themselves as Elasticsearch."""
    root = {"version": {"number": "8.9.0"}}
    server = serve(lambda request: answer if request.path.endswith("/_bulk") else (200, {}, root))
    with pytest.raises(ProtocolError, match=f"/{STREAM}/_bulk answered {answer[0]}.*below which /<target>/_bulk"):
        ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client_of(server)).check()


def test_the_check_installs_the_template_where_it_is_asked_for(cluster):
    service = cluster()
    assert "index template saas_audit was installed" in tcp_client_of(service, template="install").check()


def test_the_check_says_who_may_not_write(cluster):
    with pytest.raises(CredentialError, match="may not create documents"):
        tcp_client_of(cluster(may_create=False)).check()


def test_the_check_refuses_a_wrong_key(cluster, product):
    with pytest.raises(CredentialError) as caught:
        tcp_client_of(cluster(product=product), key="key-id:s3cret2").check()
    assert "s3cret2" not in str(caught.value)


def test_a_service_without_a_root_is_asked_for_the_target(serve):
    """As OpenSearch Serverless does, which answers for no path of the cluster."""

    def serverless(known):
        return lambda request: (known, {}, {}) if request.path == f"/{STREAM}" else (404, {}, {"message": "no"})

    for status, said in ((200, "can be reached"), (404, "does not exist yet")):
        client = client_of(serve(serverless(status)))
        assert said in ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client).check()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {}, {}), CredentialError),
        ((403, {}, {"Message": "User is not authorized"}), CredentialError),
        ((302, {"Location": "/login"}, {}), ConfigurationError),
        ((200, {}, PAGE), ProtocolError),
        ((200, {}, {"hello": "world"}), ProtocolError),
        ((404, {}, PAGE), ProtocolError),
        ((418, {}, {}), ProtocolError),
        ((503, {}, {}), UnavailableError),
    ],
)
def test_a_check_that_fails(serve, answer, error):
    client = client_of(serve(lambda request: answer))
    with pytest.raises(error) as caught:
        ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client).check()
    assert isinstance(caught.value, AuditError)


OCSF_OF_A_VENDOR = {"class_uid": 3002, "raw_data": "{}", "metadata": {"uid": "e1", "product": {"name": "x"}}}


@pytest.mark.parametrize(
    ("form", "record"),
    [
        ("envelope", OCSF_OF_A_VENDOR),
        ("envelope", {"event": {"original": "{}"}}),
        ("raw", OCSF_OF_A_VENDOR),
        ("raw", {"event": "login", **OCSF_OF_A_VENDOR}),
    ],
)
def test_a_record_that_is_itself_of_a_common_schema_is_compared_whole(serve, form, record):
    origin = Origin("p", "slack", Fields("id", "date"))
    documents = Documents(FORMATS[form].make(origin, None), origin, "audit", "pipeline")
    sent, altered = (
        Event("e1", NOW, msgspec.Raw(msgspec.json.encode({"id": "e1", "actor": actor, **record})))
        for actor in ("alice", "eve")
    )
    source = documents.lines(altered).partition(b"\n")[2]
    hit = b'{"_id": "slack:p:e1", "_source": %s}' % source
    body = b'{"timed_out": false, "_shards": {"failed": 0}, "hits": {"total": {"value": 1}, "hits": [%s]}}' % hit
    server = serve(lambda _: (200, {}, body))

    def contents(folder, segment, event):
        yield bytes(event.raw)
        yield documents.lines(event).partition(b"\n")[2]

    asked = DocumentSearch(client_of(server), "audit", origin, sleep=lambda _: None, contents=contents)
    asked.count(["e1"])
    said, records = set(asked.said("e1")), records_of(contents)
    assert said
    assert said <= {digest_of(each) for each in records("p/live", 1, altered)}
    assert not said & {digest_of(each) for each in records("p/live", 1, sent)}
