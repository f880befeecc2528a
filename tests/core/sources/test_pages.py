"""Reading one page over real HTTP: the request as documented, the answer judged."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
import requests

from audit_provider.core.errors import ConfigurationError, ProtocolError, RefusedError, UnavailableError
from audit_provider.core.model import Window
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.times import time_from
from audit_provider.core.sources import PYLON, PageReader
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.server import Reply, Service
from tests.core.sources.scripted import Scripted, walk
from tests.core.sources.scripted import reader as reader_of

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAY = Window(NOW - timedelta(days=1), NOW)


class Fixed(Service):
    """Answers every request with one body."""

    def __init__(self, body: bytes, status: int = 200, **headers):
        super().__init__()
        self.reply = Reply(status, body, {key.replace("_", "-"): value for key, value in headers.items()})
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        return self.reply


def reader(service, spec=PYLON, token="t", **options):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    session.trust_env = False
    options = {"sleep": lambda _: None, "secrets": (token,), **options}
    return PageReader(spec, HttpClient(session, service.url, service="Pylon", **options))


def test_the_request_is_the_documented_one():
    with Fixed(b'{"data": []}') as service:
        reader(service).fetch(DAY, "")
        reader(service).fetch(DAY, "c1")
    first, second, *_ = service.requests
    assert (first.method, first.path) == ("POST", "/audit-logs/search")
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Accept"] == "application/json"
    assert first.body == (
        b'{"filter":{"field":"action_happened_at","operator":"time_range",'
        b'"values":["2026-02-28T00:00:00Z","2026-03-01T00:00:00Z"]},"limit":999}'
    )
    assert second.body.endswith(b'"limit":999,"cursor":"c1"}')


def test_the_vendors_bytes_are_kept_as_they_came():
    record = (
        b'{"id":"a","action_happened_at":"2026-03-01T00:00:00.5Z","n":123456789012345678901234567890,"f":1.10,"n":1}'
    )
    with Fixed(b'{"data": [ ' + record + b" ]}") as service:
        (event,) = reader(service).fetch(DAY, "").events
    assert bytes(event.raw) == record
    assert event.time == NOW + timedelta(milliseconds=500)


def test_a_record_over_many_lines_becomes_one_line():
    with Fixed(
        b'{"data": [{\n "id": "a",\n "action_happened_at": "2026-03-01T00:00:00Z",\n "t": "x\\ny"\n}]}'
    ) as service:
        (event,) = reader(service).fetch(DAY, "").events
    assert bytes(event.raw) == b'{"id":"a","action_happened_at":"2026-03-01T00:00:00Z","t":"x\\ny"}'


@pytest.mark.parametrize(
    "body", [b'{"request_id": "r"}', b'{"data": null}', b'{"data": [], "pagination": null}', b"{}"]
)
def test_an_empty_answer_of_pylon_is_an_empty_last_page(body):
    with Fixed(body) as service:
        page = reader(service).fetch(DAY, "")
    assert (page.events, page.cursor, page.more) == ((), "", False)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a page in JSON"),
        (b"[]", "not with a page"),
        (b'"x"', "not with a page"),
        (b'{"data": {}}', "not with a page"),
        (b'{"data": [], "errors": ["boom"]}', "error inside.*boom"),
        (b'{"errors": ["boom"], "code": "c"}', "error inside"),
        (b'{"data": [], "pagination": {"has_next_page": true, "cursor": ""}}', "no cursor"),
        (b'{"data": [], "pagination": {"has_next_page": true, "cursor": "c1"}}', "returned the cursor of the request"),
        (b"<html><title>Sign in</title></html>", "web page titled 'Sign in'"),
    ],
)
def test_what_is_no_page_is_a_protocol_error(body, said):
    with Fixed(body) as service, pytest.raises(ProtocolError, match=said):
        reader(service).fetch(DAY, "c1")


def test_one_byte_that_is_no_text_does_not_hold_up_the_log():
    with Fixed(b'{"data": [{"id":"a","action_happened_at":"2026-03-01T00:00:00Z","t":"\xff"}]}') as service:
        (event,) = reader(service).fetch(DAY, "").events
    assert "\N{REPLACEMENT CHARACTER}" in bytes(event.raw).decode()


def test_a_refused_time_range_falls_back_to_the_other_shape():
    class NoRange(PylonService):
        def _filtered(self, wanted):
            if wanted["operator"] == "time_range":
                raise ValueError("unknown operator")
            return super()._filtered(wanted)

    with NoRange("t", generate(9, DAY.start, DAY.end)) as service:
        pages = reader(service)
        assert len(pages.fetch(DAY, "").events) == 9
        assert len(service.seen) == 2
        pages.fetch(DAY, "")
        assert len(service.seen) == 3


def test_a_request_refused_in_both_shapes_says_so():
    with Fixed(b'{"errors": ["no such field"], "request_id": "r-9"}', 400) as service:
        with pytest.raises(RefusedError, match="no such field.*r-9"):
            reader(service).fetch(DAY, "")
        assert len(service.requests) == 2


def test_a_redirect_is_not_followed():
    with Fixed(b"", 302, Location="http://127.0.0.1:9/") as service:
        with pytest.raises(ConfigurationError, match="redirect"):
            reader(service).fetch(DAY, "")
        assert len(service.requests) == 1


def test_no_secret_is_quoted():
    body = b'{"errors": ["the token s3cr3t-t0ken is bad"]}'
    with Fixed(body, 422) as service, pytest.raises(RefusedError) as caught:
        reader(service, token="s3cr3t-t0ken").fetch(DAY, "")
    assert "s3cr3t" not in str(caught.value)
    assert "the token *** is bad" in str(caught.value)


def test_an_answer_without_end_is_refused():
    with Fixed(b'{"data": ["' + b"x" * 3_000_000 + b'"]}') as service, pytest.raises(ProtocolError, match="more than"):
        reader(service, max_answer_bytes=1_000_000).fetch(DAY, "")


def test_waits_are_those_the_service_names():
    slept = []
    with Fixed(b"", 429, X_Retry_After="17") as service, pytest.raises(UnavailableError, match="429 3 times"):
        reader(service, sleep=slept.append, tries=3).fetch(DAY, "")
    assert [int(each) for each in slept] == [17, 17]


def test_records_without_an_id_are_named_by_content_and_equal_ones_counted():
    time = b'"action_happened_at":"2026-03-01T00:00:00Z"'
    body = b'{"data": [{"x":1,%b},{%b,"x":1}]}' % (time, time)
    with Fixed(body) as service:
        first = [event.id for event in reader(service).fetch(DAY, "").events]
        second = [event.id for event in reader(service).fetch(DAY, "").events]
    assert first == second
    assert len(set(first)) == 2


def test_a_record_without_a_time_is_kept_and_counted():
    with Fixed(b'{"data": [{"id":"a"},{"id":"b","created_at":"2026-03-01T00:00:00Z"}]}') as service:
        pages = reader(service, now=lambda: NOW)
        times = [event.time for event in pages.fetch(DAY, "").events]
    assert times == [NOW, NOW]
    assert pages.records.undated == 1


def test_what_is_no_object_is_kept_and_holds_up_nothing():
    body = (
        b'{"data": [null, {"id":"a","action_happened_at":"2026-02-28T05:00:00Z"}, 7, null,\n ["x",\n "y"],'
        b'{"id":"b","action_happened_at":"2026-02-28T04:00:00Z"}]}'
    )
    with Fixed(body) as service:
        pages = reader(service)
        first, second = pages.fetch(DAY, ""), pages.fetch(DAY, "")
    raws = [bytes(event.raw) for event in first.events]
    assert [raws[place] for place in (0, 2, 3, 4)] == [
        b'{"record":null}',
        b'{"record":7}',
        b'{"record":null}',
        b'{"record":["x","y"]}',
    ]
    ids = [event.id for event in first.events]
    assert ids == [event.id for event in second.events], "named by content, so that it is spooled once"
    assert len(set(ids)) == 6
    assert [event.time.hour for event in first.events] == [5, 5, 5, 5, 5, 4], "in the page's order of time"
    assert list(first.recorded) == [event.time for event in first.events]
    assert (pages.records.odd, pages.records.undated) == (8, 0)


def test_a_page_of_nothing_but_null_carries_the_time_of_receipt():
    with Fixed(b'{"data": [null]}') as service:
        (event,) = reader(service, now=lambda: NOW).fetch(DAY, "").events
    assert event.time == NOW


def test_how_late_events_are_recorded_is_measured():
    body = b'{"data": [{"id":"a","action_happened_at":"2026-03-01T00:00:00Z","created_at":"2026-03-01T01:00:00Z"}]}'
    with Fixed(body) as service:
        pages = reader(service)
        pages.fetch(DAY, "")
    assert pages.records.longest_lag == timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01T00:00:00Z", NOW),
        ("2026-03-01T01:00:00+01:00", NOW),
        ("2026-03-01T00:00:00", NOW),
        (1772323200, NOW),
        (1772323200000, NOW),
        (1772323200000000, NOW),
        ("1772323200", NOW),
        ("never", None),
        (True, None),
        (None, None),
        (10**30, None),
        ({}, None),
        ("9999-12-31T23:59:59-05:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=timezone.utc)),
        (10**400, None),
        (float("inf"), None),
        ("nan", None),
    ],
)
def test_times_in_every_form(value, expected):
    assert time_from(value) == expected


def test_the_token_is_proven_by_the_organisations_name():
    with PylonService("t", organization="org-sandbox") as service:
        assert reader(service).probe() == "Pylon audit logs accepts the token (Sandbox Inc., org-sandbox)."


def test_a_reader_of_records_needs_no_recorded_time():
    from audit_provider.core.model import Fields

    events, times = RecordReader(Fields(id="id", time="at")).events([b'{"id":7,"at":1772323200}'], NOW, "x")
    assert (events[0].id, times) == ("7", [NOW])


def test_equal_records_without_an_id_are_told_apart_through_a_whole_window_and_only_there():
    class Twice(Service):
        """Two pages that hold one record each, and the same."""

        def answer(self, request):
            more = b"cursor" not in request.body
            page = {"data": [{"action_happened_at": "2026-02-28T10:00:00Z"}], "pagination": {"has_next_page": more}}
            if more:
                page["pagination"]["cursor"] = "c1"
            return Reply.json(200, page)

    with Twice() as service:
        pages, same = reader(service), Counter()
        first, second = (pages.fetch(DAY, cursor, same).events[0].id for cursor in ("", "c1"))
        again, moved = (pages.fetch(DAY, cursor).events[0].id for cursor in ("", "c1"))
        assert not pages.fetch(DAY, "").named
    assert second == f"{first}-2"
    assert again == moved == first


def test_half_a_surrogate_pair_does_not_hold_up_a_page():
    """A text cut in two by some program; escaped backslashes and whole pairs stay as they are."""
    body = (
        rb'{"data": [{"id": "a", "action_happened_at": "2026-02-28T10:00:00Z", "t": "cut \ud83d", "w": "\ud83d\ude00",'
        rb' "e": "\\ud83d", "l": "\ude00x"}, {"id": "b", "action_happened_at": "2026-02-28T10:00:00Z"}]}'
    )
    with Fixed(body) as service:
        first, second = reader(service).fetch(DAY, "").events
    assert (first.id, second.id) == ("a", "b")
    assert json.loads(bytes(first.raw)) | {"action_happened_at": ""} == {
        "id": "a",
        "action_happened_at": "",
        "t": "cut \ufffd",
        "w": "\U0001f600",
        "e": "\\ud83d",
        "l": "\ufffdx",
    }


@pytest.mark.parametrize(
    "moment",
    ['"2026-02-28T10:00:00Z"', '"2026-02-28T11:00:00+01:00"', '"2026-02-28 10:00:00"', "1772272800", "1772272800000"],
)
@pytest.mark.parametrize("other", ["", ', "created_at": "2026-02-28T10:00:05Z"', ', "created_at": null'])
def test_a_page_is_read_alike_whole_and_record_by_record(moment, other):
    """One record without a time makes the reader go through the page one by one: the rest must come out the same."""
    record = f'{{"id": "a", "action_happened_at": {moment}{other}}}'.encode()
    odd = b'{"id": "z"}'
    plain, slow = RecordReader(PYLON.fields), RecordReader(PYLON.fields)
    (event,), (recorded,) = plain.events([msgspec.Raw(record)], NOW, "x")
    (same, _), (again, _) = slow.events([msgspec.Raw(record), msgspec.Raw(odd)], NOW, "x")
    assert (event, recorded, plain.longest_lag) == (same, again, slow.longest_lag)
    assert event.time == datetime(2026, 2, 28, 10, tzinfo=timezone.utc)
    assert (plain.undated, slow.undated) == (0, 1)


def test_records_that_are_the_values_of_an_object_are_read():
    def entries(*names):
        return {"data": {f"Event{n}": {"id": name, "t": "2026-03-01T00:00:00Z"} for n, name in enumerate(names, 1)}}

    with Scripted(entries("a", "b", "c"), {"data": {}}, {"data": [{"id": "a"}]}, {"other": {}}) as service:
        pages = reader_of(service, records_at="data", records_by_key=True)
        assert walk(pages) == ["a", "b", "c"]
        assert walk(pages) == []
        for _ in range(2):
            with pytest.raises(ProtocolError):
                walk(pages)
