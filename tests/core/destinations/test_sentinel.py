"""The Logs Ingestion API: rows of declared columns, bodies under one megabyte, and what a 204 does not tell."""

from __future__ import annotations

import json
import logging
import os
import random
import string
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
import requests
from pydantic import TypeAdapter, ValidationError

from audit_provider.core.destinations.base import Batch, Item, Verdict
from audit_provider.core.destinations.sentinel import MAX_AGE, SentinelDestination, SentinelOptions
from audit_provider.core.destinations.sentinel_options import COLUMNS, table_definition
from audit_provider.core.errors import (
    ConfigurationError,
    CredentialError,
    ProtocolError,
    StopError,
    UnavailableError,
)
from audit_provider.core.formats import Envelope
from audit_provider.core.model import Event
from audit_provider.core.wire.auth import filler
from audit_provider.core.wire.entra import CLOUDS, client_secret
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.sentinel import SentinelService
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, batch_of, client_of, event

RULE, STREAM = "dcr-00000000000000000000000000000001", "Custom-AuditLogs_CL"
PAGE = b"<html><head><title>Gateway</title></head></html>"
OPTIONS = {"rule_id": RULE, "stream": STREAM}


class Line:
    """A form that is a line of text."""

    is_json = False

    def write(self, event):
        return f'CEF:0|"{event.id}"|é'.encode()


def sentinel(server, sleeps=None, form=None, origin=ORIGIN, **options):
    return SentinelDestination(SentinelOptions(**OPTIONS, **options), origin, client_of(server, sleeps), form=form)


def signed_in(service, **options):
    """Return a destination that fetches its tokens from the stand-in."""

    def plain(base_url=""):
        session = requests.Session()
        session.trust_env = False
        return HttpClient(
            session, base_url or service.url, service="Azure Monitor", sleep=lambda seconds: None, now=lambda: NOW
        )

    parts = {"login": service.client_id, "password": service.client_secret, "tenant_id": service.tenant_id}
    auth = client_secret(CLOUDS["public"]).at(service.token_url).bind(filler(parts, "here"), plain)
    client = plain()
    client._session.auth = auth
    auth.hides.append(client.hide)
    return SentinelDestination(SentinelOptions(**OPTIONS, **options), ORIGIN, client)


@pytest.fixture
def azure():
    with SentinelService("app", "hush", now=lambda: NOW) as service:
        yield service


def names_in(request):
    return [row["EventId"] for row in json.loads(request.body)]


def fault(status, code="Fault", message="said", **headers):
    return status, headers, {"error": {"code": code, "message": message}}


def test_a_row_holds_what_is_known_and_the_record_untouched(serve):
    origin = replace(
        ORIGIN,
        fields=replace(
            ORIGIN.fields, actor_id="actor.user.id", outcome="result", object_type="to.kind", object_id="to.id"
        ),
        actions={"user_login": "authentication.login"},
    )
    raw = (
        b'{"id":"7","action":"user_login","cost":1.10,"result":"OK","actor":{"user":{"id":"U1","email":"a@b.c"}},'
        b'"context":{"ip":"192.0.2.7"},"to":{"kind":"session","id":"S1"},"big":12345678901234567890}'
    )
    time = NOW.replace(microsecond=123456)
    encoded = sentinel(serve(lambda _: fault(500)), origin=origin).encode(
        Event("7", time, msgspec.Raw(raw)), restamp=False
    )
    assert raw in encoded
    row = json.loads(encoded)
    assert {name: value for name, value in row.items() if name != "RawData"} == {
        "TimeGenerated": "2026-03-01T12:00:00.123456Z",
        "EventTime": "2026-03-01T12:00:00.123456Z",
        "EventId": "7",
        "Source": "slack",
        "Pipeline": "payroll",
        "Action": "user_login",
        "Actor": "a@b.c",
        "ActorId": "U1",
        "SourceIp": "192.0.2.7",
        "ObjectType": "session",
        "ObjectId": "S1",
        "Category": "authentication",
        "Outcome": "success",
    }
    assert set(row) <= set(COLUMNS)


def test_an_actor_without_an_address_is_named_by_id_and_the_unsaid_is_left_out(serve):
    origin = replace(ORIGIN, fields=replace(ORIGIN.fields, actor_id="who"))
    row = json.loads(sentinel(serve(lambda _: fault(500)), origin=origin).encode(event("1", who="U9"), restamp=False))
    assert (row["Actor"], row["ActorId"]) == ("U9", "U9")
    assert not {"Action", "SourceIp", "ObjectType", "ObjectId", "Outcome", "RawDataTruncated"} & set(row)


@pytest.mark.parametrize(
    ("options", "form", "raw_data"),
    [
        ({}, None, {"id": "1"}),
        ({"raw_data": "string"}, None, '{"id":"1"}'),
        ({}, Line(), 'CEF:0|"1"|é'),
        ({"raw_data": "string"}, Line(), 'CEF:0|"1"|é'),
    ],
)
def test_raw_data_is_the_form_as_the_column_is_declared(serve, options, form, raw_data):
    row = json.loads(sentinel(serve(lambda _: fault(500)), form=form, **options).encode(event("1"), restamp=False))
    assert row["RawData"] == raw_data


def test_the_envelope_can_be_searched_by_path(serve):
    destination = sentinel(serve(lambda _: fault(500)), form=Envelope(ORIGIN))
    row = json.loads(destination.encode(event("1", action="a"), restamp=False))
    assert row["RawData"]["raw"] == {"id": "1", "action": "a"}


def test_only_the_columns_listed_are_sent(serve):
    columns = ("EventId", "EventTime", "Action")
    row = json.loads(
        sentinel(serve(lambda _: fault(500)), columns=columns).encode(event("1", action="a"), restamp=False)
    )
    assert row == {"EventId": "1", "EventTime": "2026-03-01T12:00:00.000000Z", "Action": "a"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rule_id": "/subscriptions/1"}, "dcr-"),
        ({"stream": "AuditLogs_CL"}, "Custom-"),
        ({"columns": ["EventId", "EventTime", "Acton"]}, "did you mean 'Action'"),
        ({"columns": ["EventTime"]}, "EventId"),
        ({"columns": ["EventId"]}, "EventTime"),
        ({"columns": ["EventId", "EventTime", "RawData"]}, "RawDataTruncated"),
        ({"column_bytes": 10}, "column_bytes"),
        ({"raw_data": "text"}, "raw_data"),
    ],
)
def test_options_that_would_lose_something_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(SentinelOptions).validate_python({**OPTIONS, **options})


@pytest.mark.parametrize(
    ("age", "restamp", "kept"),
    [
        (timedelta(hours=46), False, True),
        (timedelta(days=9), True, False),
        (-timedelta(hours=22), False, True),
        (-timedelta(hours=30), False, False),
    ],
)
def test_the_true_time_always_travels(serve, age, restamp, kept):
    """Out of the service's bounds, the row says itself what the service would make of it."""
    destination = sentinel(serve(lambda _: fault(500)))
    row = json.loads(destination.encode(event("1", time=NOW - age), restamp=restamp))
    assert msgspec.convert(row["EventTime"], type(NOW)) == NOW - age
    assert msgspec.convert(row["TimeGenerated"], type(NOW)) == (NOW - age if kept else NOW)


def test_old_events_are_restamped_by_us_and_never_by_the_service(azure):
    desk, ages = Desk(), [timedelta(days=3), MAX_AGE + timedelta(seconds=1), MAX_AGE, timedelta(0)]
    desk.ship(signed_in(azure), [[event(str(number), time=NOW - age) for number, age in enumerate(ages)]])
    assert desk.offset.counts.restamped == 2
    assert azure.restamped == 0
    assert [row["TimeGenerated"] == row["EventTime"] for row in azure.rows] == [False, False, True, True]


def test_old_events_are_set_aside_where_that_is_wanted(azure):
    desk = Desk()
    desk.ship(signed_in(azure), [[event("old", time=NOW - timedelta(days=3)), event("new")]], too_old="dead_letter")
    assert azure.ids() == ["new"]
    assert desk.letters["old"].too_old


@pytest.mark.parametrize(
    ("pad", "cut"), [("x" * (1000 - 19), False), ("x" * (1000 - 18), True), ("é" * 600, True), ("x" + "é" * 600, True)]
)
def test_a_long_record_is_cut_at_a_letter_and_marked(serve, caplog, pad, cut):
    server = serve(lambda _: (204, {}, b""))
    destination, long = sentinel(server, column_bytes=1000), event("1", pad=pad)
    assert (len(long.raw) > 1000) is cut
    Desk().ship(destination, [[event("0"), long]])
    (request,) = server.requests
    short, row = json.loads(request.body)
    assert "RawDataTruncated" not in short
    if not cut:
        assert row["RawData"] == json.loads(bytes(long.raw))
        assert "RawDataTruncated" not in row
        assert "longer" not in caplog.text
        return
    assert row["RawDataTruncated"] is True
    assert 998 <= len(row["RawData"].encode()) <= 1000
    assert bytes(long.raw).decode().startswith(row["RawData"])
    assert "1 events were too large" in caplog.text


def test_a_long_record_is_set_aside_where_that_is_wanted(serve):
    server, desk = serve(lambda _: (204, {}, b"")), Desk()
    destination = sentinel(server, column_bytes=1000, too_large="dead_letter")
    desk.ship(destination, [[event("a"), event("long", pad="x" * 2000), event("b")]])
    assert names_in(server.requests[0]) == ["a", "b"]
    assert "RawData has 2,0" in desk.letters["long"].reason


def test_another_column_that_is_too_long_sets_the_event_aside(serve):
    server, desk = serve(lambda _: (204, {}, b"")), Desk()
    desk.ship(sentinel(server, column_bytes=1000), [[event("a", action="x" * 1001), event("b", action="x" * 999)]])
    assert "Action has 1,001 bytes" in desk.letters["a"].reason
    assert names_in(server.requests[0]) == ["b"]


def test_nothing_is_cut_or_dropped_by_the_service_at_the_default_limits(azure):
    desk = Desk()
    desk.ship(signed_in(azure), [[event("a", pad="é" * 40_000), event("b", action="a", context={"ip": "192.0.2.1"})]])
    assert azure.ids() == ["a", "b"]
    assert (azure.truncated, azure.dropped_columns, azure.lost_values) == (0, {}, {})
    assert azure.rows[0]["RawDataTruncated"] is True


def test_a_request_is_as_documented(serve):
    server = serve(lambda _: (204, {}, b""))
    destination = sentinel(server)
    outcomes = [destination.send(batch_of(destination, names)) for names in ("abc", "de")]
    first, second = server.requests
    assert (first.method, first.path) == ("POST", f"/dataCollectionRules/{RULE}/streams/{STREAM}")
    assert first.query == "api-version=2023-01-01"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["content-encoding"] == "gzip"
    ids = [request.headers["x-ms-client-request-id"] for request in (first, second)]
    assert len({uuid.UUID(each) for each in ids}) == 2
    assert [each in outcome.said for each, outcome in zip(ids, outcomes, strict=True)] == [True, True]
    assert outcomes[0].verdicts == (Verdict.DELIVERED,) * 3


def test_each_request_is_logged_with_its_id(serve, caplog):
    caplog.set_level(logging.INFO)
    server = serve(lambda _: (204, {}, b""))
    destination = sentinel(server)
    destination.send(batch_of(destination, "abc"))
    (request,) = server.requests
    (record,) = caplog.records
    assert request.headers["x-ms-client-request-id"] in record.getMessage()
    assert "3 events" in record.getMessage()


def test_a_body_is_measured_to_the_byte_before_and_after_compression(serve):
    server, desk = serve(lambda _: (204, {}, b"")), Desk()
    letters = random.Random(4)
    events = [event(n, pad="".join(letters.choices(string.printable, k=letters.randrange(3000)))) for n in range(2200)]
    destination = sentinel(server, batch_events=100_000)
    desk.ship(destination, [events])
    assert [name for request in server.requests for name in names_in(request)] == [each.id for each in events]
    sizes = [len(request.body) for request in server.requests]
    assert len(sizes) > 2
    assert all(len(request.raw) <= 950_000 and len(request.body) <= 950_000 for request in server.requests)
    following = [len(destination.encode(each, restamp=False)) for each in events]
    place = 0
    for request, size in zip(server.requests[:-1], sizes, strict=False):
        place += len(names_in(request))
        assert size + 1 + following[place] > 950_000, "one more event would not have fitted"


def test_what_does_not_shrink_is_sent_plain(serve):
    server = serve(lambda _: (204, {}, b""))
    destination = sentinel(server)
    noise = Event("1", NOW, msgspec.Raw(b"1"))
    destination.send(Batch((Item(noise, os.urandom(3000), 1, 0),)))
    (request,) = server.requests
    assert "content-encoding" not in request.headers
    assert len(request.raw) == 3002


def test_an_empty_array_tells_bad_events_from_a_bad_request(serve):
    """Only where the service takes an empty array are the events to blame: then the culprit is found by halving."""

    def app(request):
        return fault(400, "InvalidRequest") if "bad" in names_in(request) else (204, {}, b"")

    server, desk = serve(app), Desk()
    desk.ship(sentinel(server), [[event(name) for name in ("a", "b", "bad", "c")]])
    assert list(desk.letters) == ["bad"]
    assert "InvalidRequest" in desk.letters["bad"].reason
    assert desk.offset.counts.delivered == 3


@pytest.mark.parametrize(
    ("status", "error"), [(400, ConfigurationError), (404, ConfigurationError), (401, CredentialError)]
)
def test_a_request_refused_whatever_it_holds_sets_nothing_aside(serve, status, error):
    desk = Desk()
    with pytest.raises(error, match=RULE):
        desk.ship(sentinel(serve(lambda _: fault(status))), [[event(name) for name in "abc"]])
    assert (desk.commits, desk.letters) == ([], {})


def test_whoever_breaks_gzip_on_the_way_sets_nothing_aside(serve):
    def app(request):
        return fault(400, "InvalidJson") if request.headers.get("content-encoding") == "gzip" else (204, {}, b"")

    desk = Desk()
    with pytest.raises(ConfigurationError, match="gzip"):
        desk.ship(sentinel(serve(app)), [[event(name, pad="y" * 300) for name in range(5)]])
    assert (desk.commits, desk.letters) == ([], {})


@pytest.mark.parametrize("status", [413, 404])
def test_too_large_is_halved_also_where_it_is_called_not_found(serve, status):
    def app(request):
        return fault(status, "ContentLengthLimitExceeded") if len(names_in(request)) > 2 else (204, {}, b"")

    server, desk = serve(app), Desk()
    desk.ship(sentinel(server), [[event(name) for name in "abcde"]])
    taken = [name for request in server.requests if 0 < len(names_in(request)) <= 2 for name in names_in(request)]
    assert taken == list("abcde")
    assert desk.letters == {}


def test_too_large_alone_is_set_aside(serve):
    desk = Desk()
    desk.ship(sentinel(serve(lambda r: (413, {}, PAGE) if b"long" in r.body else (204, {}, b""))), [[event("long")]])
    assert "413" in desk.letters["long"].reason


def test_an_empty_array_that_meets_a_busy_service_decides_nothing(serve):
    def app(request):
        return fault(400) if names_in(request) else fault(429, **{"Retry-After": "7"})

    destination = sentinel(serve(app))
    outcome = destination.send(batch_of(destination, "ab"))
    assert (outcome.verdicts, outcome.wait) == ((Verdict.RETRY,) * 2, 7.0)


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (fault(429, **{"Retry-After": "7"}), 7.0),
        (fault(429, **{"Retry-After": "Sun, 01 Mar 2026 12:00:09 GMT"}), 9.0),
        (fault(429), None),
        (fault(408), None),
        (fault(500), None),
        ((502, {}, PAGE), None),
        ((503, {"Retry-After": "2"}, PAGE), 2.0),
        (fault(504), None),
        ((520, {}, PAGE), None),
    ],
)
def test_later_means_later(serve, answer, wait):
    destination = sentinel(serve(lambda _: answer))
    outcome = destination.send(batch_of(destination, "ab"))
    assert (outcome.verdicts, outcome.wait) == ((Verdict.RETRY,) * 2, wait)


@pytest.mark.parametrize("status", [200, 202, 206, 422])
def test_only_204_means_accepted(serve, status):
    destination = sentinel(serve(lambda _: (status, {}, {})))
    with pytest.raises(ProtocolError, match="everything is kept"):
        destination.send(batch_of(destination, "ab"))


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (fault(403, message="s3cret"), CredentialError, "Monitoring Metrics Publisher.*minutes"),
        ((301, {"Location": "https://elsewhere/"}, {}), ConfigurationError, "host"),
        ((400, {}, PAGE), StopError, "400"),
        ((404, {}, PAGE), ConfigurationError, STREAM),
    ],
)
def test_a_refused_sender_stops_and_is_told_what_to_do(serve, answer, error, said):
    server, desk = serve(lambda _: answer), Desk()
    with pytest.raises(error, match=said) as caught:
        desk.ship(sentinel(server), [[event(name) for name in "abc"]])
    assert (desk.commits, desk.letters) == ([], {})
    assert server.requests[-1].headers["x-ms-client-request-id"] in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_lost_answer_is_left_to_the_loop_and_can_be_looked_for(serve):
    server = serve(lambda _: (204, {}, b""))
    server.url = "http://127.0.0.1:9"  # nothing listens there
    destination = sentinel(server)
    with pytest.raises(UnavailableError, match=r"x-ms-client-request-id [0-9a-f-]{36}"):
        destination.send(batch_of(destination, "ab"))


def test_a_refused_token_is_fetched_anew_once(azure):
    destination = signed_in(azure)
    destination.send(batch_of(destination, "a"))
    azure.revoke_tokens()
    assert destination.send(batch_of(destination, "b")).verdicts == (Verdict.DELIVERED,)
    assert azure.ids() == ["a", "b"]
    assert azure.tokens_given == 2
    azure.faults.add("status", path="/dataCollectionRules", status=401, count=None)
    with pytest.raises(CredentialError, match="401"):
        destination.send(batch_of(destination, "c"))
    assert azure.tokens_given == 3


def test_tokens_refused_under_several_threads_stop_none_of_them(azure):
    destination = signed_in(azure)
    batches = [batch_of(destination, [f"{number}"]) for number in range(24)]
    destination.send(batches[0])
    azure.revoke_tokens()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(destination.send, batches[1:]))
    assert all(outcome.verdicts == (Verdict.DELIVERED,) for outcome in outcomes)
    assert sorted(azure.ids(), key=int) == [str(number) for number in range(24)]


def test_a_missing_role_holds_everything(azure):
    azure.granted, desk = False, Desk()
    with pytest.raises(CredentialError, match="Monitoring Metrics Publisher"):
        desk.ship(signed_in(azure), [[event("a")]])
    azure.granted = True
    desk.ship(signed_in(azure), [[event("a")]])
    assert azure.ids() == ["a"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client_secret": "other"}, "AADSTS7000215"),
        ({"client_id": "other"}, "AADSTS700016"),
        ({"rule_id": "dcr-2"}, RULE),
        ({"stream": "Custom-Other"}, STREAM),
        ({"granted": False}, "Monitoring Metrics Publisher"),
    ],
)
def test_check_proves_token_role_rule_and_stream(azure, change, said):
    destination = signed_in(azure)
    for name, value in change.items():
        setattr(azure, name, value)
    with pytest.raises(StopError, match=said) as caught:
        destination.check()
    assert "hush" not in str(caught.value)


def test_check_stores_nothing(azure):
    assert RULE in signed_in(azure).check()
    assert azure.rows == []
    azure.faults.add("html", path="/dataCollectionRules")
    with pytest.raises(ProtocolError):
        signed_in(azure).check()


def test_every_spool_event_arrives_once_under_faults_and_concurrency(azure):
    desk = Desk()
    azure.faults.add("status", path="/dataCollectionRules", status=503, every=3, count=None)
    names = [str(number) for number in range(500)]
    desk.ship(signed_in(azure, batch_events=20), [[event(name) for name in names]], concurrency=4)
    assert sorted(azure.ids(), key=int) == names
    assert desk.offset.counts.delivered == desk.offset.counts.finished == 500


@pytest.mark.parametrize("columns", [(), ("EventId", "EventTime", "RawData", "RawDataTruncated", "Action")])
def test_what_is_declared_is_what_is_sent(columns):
    options = SentinelOptions(**OPTIONS, columns=columns, raw_data="string", column_bytes=1000)
    found = table_definition(options)
    declared = {each["name"]: each["type"] for each in found["streamDeclarations"][STREAM]["columns"]}
    table = found["table"]["properties"]["schema"]
    assert [each["name"] for each in table["columns"]] == list(declared)
    assert (table["name"], found["dataFlows"][0]["outputStream"]) == ("AuditLogs_CL", "Custom-AuditLogs_CL")
    assert declared["RawData"] == "string"
    assert set(declared) == set(columns or COLUMNS)
    reserved = {"_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"}
    assert not reserved & set(declared)
    assert all(name.isalpha() and len(name) <= 45 for name in declared)
    with SentinelService("app", "hush", columns=declared, now=lambda: NOW) as azure:
        destination = signed_in(azure, columns=columns, raw_data="string", column_bytes=1000)
        Desk().ship(destination, [[event("a", action="x"), event("b", pad="x" * 2000)]])
        assert azure.ids() == ["a", "b"]
        assert (azure.dropped_columns, azure.lost_values) == ({}, {})


def test_a_table_without_its_ending_is_refused():
    with pytest.raises(ValueError, match="_CL"):
        table_definition(SentinelOptions(**OPTIONS), table="AuditLogs")
