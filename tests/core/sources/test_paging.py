"""Every style of paging over real HTTP: it leads to every record, and never to another host."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.core.errors import ConfigurationError, ProtocolError, RefusedError, UnavailableError
from audit_provider.core.http import HttpClient
from audit_provider.core.model import Fields, Window
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources import PageReader, SourceSpec
from audit_provider.core.sources.paging import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    NoPaging,
    ObjectIdPaging,
    OffsetPaging,
    PagePaging,
)
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request
from audit_provider.core.templates import bounds_of, filled, names_in, unbounded
from audit_provider.sandbox.server import Reply, Service

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAY = Window(NOW - timedelta(days=1), NOW)
SPEC = SourceSpec(
    name="s",
    title="Some API",
    docs="https://example.com",
    base_url="https://api.example.com",
    request=Request("GET", "/log", params={"from": "{start}", "to": "{end}", "kind": "all"}),
    reading=ClosedWindows(),
    records_at="items",
    fields=Fields("id", "t"),
    rate_limit=RateLimit(100),
)


class Scripted(Service):
    """Answers one scripted reply after the other and keeps the requests."""

    def __init__(self, *replies):
        super().__init__()
        self.replies = list(replies)
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
        reply = reply(self) if callable(reply) else reply
        return reply if isinstance(reply, Reply) else Reply.json(200, reply)

    def sent(self):
        return [f"{each.path}?{'&'.join(f'{k}={v}' for k, v in each.params)}" for each in self.requests]


def items(*names, **more):
    return {"items": [{"id": name, "t": "2026-03-01T00:00:00Z"} for name in names], **more}


def reader(service, prefix="", **changes):
    session = requests.Session()
    session.trust_env = False
    client = HttpClient(session, service.url + prefix, service="Some API", sleep=lambda _: None, tries=2)
    return PageReader(replace(SPEC, **changes), client)


def walk(pages, window=DAY):
    """Read to the end; return the ids."""
    found, cursor = [], ""
    while True:
        page = pages.fetch(window, cursor)
        found += [event.id for event in page.events]
        if not page.more:
            return found
        cursor = page.cursor


FILTERS = "from=2026-02-28T00:00:00Z&to=2026-03-01T00:00:00Z&kind=all"


def test_a_cursor_in_the_query_goes_with_the_same_filters():
    with Scripted(items("a", next="c 1&x"), items("b", next=None)) as service:
        assert walk(reader(service, paging=CursorPaging("cursor", "next"))) == ["a", "b"]
    assert service.sent() == [f"/log?{FILTERS}", f"/log?{FILTERS}&cursor=c 1&x"]


@pytest.mark.parametrize("last", [{"next": ""}, {"next": None}, {}, {"page": None}])
def test_every_form_of_no_cursor_is_the_end(last):
    with Scripted(items("a", **last)) as service:
        assert walk(reader(service, paging=CursorPaging("cursor", "next"))) == ["a"]


def test_a_cursor_may_be_a_number_and_zero_is_one():
    with Scripted(items("a", next=0), items("b", next=7), items("c")) as service:
        assert walk(reader(service, paging=CursorPaging("cursor", "next"))) == ["a", "b", "c"]


def test_a_cursor_in_a_body_may_lie_deep():
    request = Request("POST", "/graphql", body={"query": "q", "variables": {"first": 2, "from": "{start}"}})
    paging = CursorPaging("variables.after", "page.end", more_at="page.more", sent_in="body")
    with Scripted(items("a", page={"end": "x", "more": True}), items("b", page={"end": "y", "more": False})) as service:
        assert walk(reader(service, request=request, paging=paging)) == ["a", "b"]
    bodies = [json.loads(each.body)["variables"] for each in service.requests]
    assert bodies == [
        {"first": 2, "from": "2026-02-28T00:00:00Z"},
        {"first": 2, "from": "2026-02-28T00:00:00Z", "after": "x"},
    ]


def test_following_pages_may_be_another_request():
    follow = Request("POST", "/log/continue", body={})
    request = Request("POST", "/log", body={"limit": 1, "time": {"from": "{start}"}})
    paging = CursorPaging("cursor", "cursor", more_at="has_more", sent_in="body")
    with Scripted(items("a", cursor="1", has_more=True), items(cursor="2", has_more=False)) as service:
        assert walk(reader(service, request=request, follow=follow, paging=paging)) == ["a"]
    assert [(each.path, each.body) for each in service.requests][1] == ("/log/continue", b'{"cursor":"1"}')


def test_a_cursor_that_goes_on_for_ever_ends_with_an_empty_page():
    with Scripted(items("a", next="1"), items(next="2")) as service:
        pages = reader(service, paging=CursorPaging("cursor", "next", ends_when_empty=True))
        assert pages.fetch(DAY, "").more
        last = pages.fetch(DAY, "1")
    assert (last.more, last.cursor) == (False, "2"), "it is kept for the next poll"


@pytest.mark.parametrize("prefix", ["", "/gateway/v1"])
@pytest.mark.parametrize("form", ["absolute", "rooted", "relative"])
def test_a_next_url_may_be_absolute_or_relative(prefix, form):
    def first(service):
        forms = {
            "absolute": f"{service.url}{prefix}/log?page=2&sig=a%2Fb%20c",
            "rooted": f"{prefix}/log?page=2&sig=a%2Fb%20c",
            "relative": "?page=2&sig=a%2Fb%20c",
        }
        return items("a", links={"next": forms[form]})

    if prefix and form == "relative":
        pytest.skip("relative to what was asked: the same with and without a prefix")
    with Scripted(first, items("b")) as service:
        pages = reader(service, prefix, paging=NextUrlPaging("links.next"))
        page = pages.fetch(DAY, "")
        if form == "relative":
            assert page.cursor == "/?page=2&sig=a%2Fb%20c"
            return
        assert walk(reader(service, prefix, paging=NextUrlPaging("links.next"))) == ["b"]
        pages.fetch(DAY, page.cursor)
    assert service.sent()[-1] == f"{prefix}/log?page=2&sig=a/b c"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/log?page=2",
        "http://127.0.0.1:1/log",
        "//evil.example/log",
        "http://user@127.0.0.1:{port}/log",
        "ftp://127.0.0.1:{port}/log",
        "https://127.0.0.1:{port}/log",
        "http://127.0.0.1.evil.example:{port}/log",
    ],
)
@pytest.mark.parametrize("style", ["body", "link"])
def test_a_next_page_elsewhere_is_refused(url, style):
    def first(service):
        target = url.replace("{port}", service.url.rpartition(":")[2])
        if style == "link":
            return Reply(200, json.dumps(items("a")).encode(), {"Link": f'<{target}>; rel="next"'})
        return items("a", next=target)

    with Scripted(first) as service:
        paging = LinkPaging() if style == "link" else NextUrlPaging("next")
        with pytest.raises(ProtocolError, match="another host"):
            reader(service, paging=paging).fetch(DAY, "")
    assert len(service.requests) == 1


def test_the_link_header_leads_on():
    def first(service):
        link = f'<{service.url}/log?after=MQ%3D%3D>; rel="next", <{service.url}/log?before=>; rel="prev"'
        return Reply(200, json.dumps([{"id": "a", "t": 1}]).encode(), {"link": link})

    with Scripted(first, Reply(200, b'[{"id":"b","t":2}]')) as service:
        assert walk(reader(service, paging=LinkPaging(), records_at="")) == ["a", "b"]
    assert service.sent()[1] == "/log?after=MQ=="


@pytest.mark.parametrize(("results", "more"), [("true", True), ("false", False)])
def test_sentrys_link_says_whether_it_leads_anywhere(results, more):
    def first(service):
        link = (
            f'<{service.url}/log?cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1", '
            f'<{service.url}/log?cursor=0:100:0>; rel="next"; results="{results}"; cursor="0:100:0"'
        )
        return Reply(200, json.dumps(items("a")).encode(), {"Link": link})

    with Scripted(first) as service:
        page = reader(service, paging=LinkPaging(results=True)).fetch(DAY, "")
    assert page.more is more
    assert page.cursor == "/log?cursor=0:100:0"


def test_a_link_that_goes_on_for_ever_ends_with_an_empty_page():
    def forever(service):
        number = len(service.requests)
        body = items("a") if number == 1 else items()
        return Reply(200, json.dumps(body).encode(), {"Link": f'<{service.url}/log?after={number}>; rel="next"'})

    with Scripted(forever) as service:
        pages = reader(service, paging=LinkPaging(ends_when_empty=True))
        assert walk(pages) == ["a"]
        assert pages.fetch(DAY, "/log?after=2").cursor == "/log?after=3"


def test_pages_have_numbers():
    by_flag = PagePaging("page", more_at="p.has_next", total_at="p.total")
    with Scripted(items("a", p={"has_next": True, "total": 9}), items("b", p={"has_next": False})) as service:
        pages = reader(service, paging=by_flag)
        assert pages.fetch(DAY, "").total == 9
        assert walk(pages) == ["b"]
        pages.fetch(DAY, "2")
    assert service.sent()[-1].endswith("&page=2")
    with Scripted(items("a", next_page=2), items("b", next_page=None)) as service:
        assert walk(reader(service, paging=PagePaging("page[number]", next_at="next_page"))) == ["a", "b"]
    with Scripted(items("a"), items("b"), items()) as service:
        assert walk(reader(service, paging=PagePaging("page", first=0))) == ["a", "b"]
    assert [each.param("page") for each in service.requests] == [None, "1", "2"]


def test_offsets_count_records():
    with Scripted(items("a", "b", total=3), items("c", total=3)) as service:
        assert walk(reader(service, paging=OffsetPaging("offset", total_at="total"))) == ["a", "b", "c"]
    assert [each.param("offset") for each in service.requests] == [None, "2"]
    with Scripted(items("a", "b"), items("c"), items()) as service:
        assert walk(reader(service, paging=OffsetPaging("offset"))) == ["a", "b", "c"]


def test_the_last_id_is_the_cursor():
    with Scripted(items("a", "b", has_more=True), items("c", has_more=False)) as service:
        pages = reader(service, paging=ObjectIdPaging("after", "has_more"))
        assert walk(pages) == ["a", "b", "c"]
    assert [each.param("after") for each in service.requests] == [None, "b"]


def test_without_paging_every_answer_is_whole():
    with Scripted(items("a", next="x")) as service:
        assert walk(reader(service, paging=NoPaging())) == ["a"]


def test_more_without_a_way_is_refused():
    with Scripted(items("a", more=True)) as service, pytest.raises(ProtocolError, match="no cursor"):
        reader(service, paging=CursorPaging("c", "next", more_at="more")).fetch(DAY, "")


# Errors inside 200, partial pages, codes that mean "later"


def test_an_error_inside_a_good_answer_is_one():
    errors = Errors(code_at="error", ok_at="ok", hints={"missing_scope": "add the scope."})
    refused = pytest.raises(ProtocolError, match=r"\(missing_scope\): add the scope")
    with Scripted(items("a", ok=False, error="missing_scope")) as service, refused:
        reader(service, errors=errors).fetch(DAY, "")
    with Scripted(items("a", ok=True)) as service:
        assert walk(reader(service, errors=errors)) == ["a"]


def test_graphql_errors_beside_data_are_refused():
    refused = pytest.raises(ProtocolError, match="field x failed")
    with Scripted(items("a", errors=[{"message": "field x failed"}])) as service, refused:
        reader(service, errors=Errors(message_at="errors")).fetch(DAY, "")


def test_a_part_of_a_page_is_not_a_page():
    with Scripted(items("a", meta={"warnings": ["timed out"]})) as service, pytest.raises(UnavailableError):
        reader(service, errors=Errors(partial_at="meta.warnings")).fetch(DAY, "")


def test_a_code_that_means_later_is_waited_out():
    limited = Reply.json(400, {"errors": [{"message": "slow"}], "code": "RATELIMITED"})
    with Scripted(limited, items("a")) as service:
        assert walk(reader(service, errors=Errors(code_at="code", slow_codes=("RATELIMITED",)))) == ["a"]


def test_a_code_may_stand_in_a_list_or_under_a_name_with_a_dot():
    limited = Reply.json(400, {"errors": [{"message": "slow", "extensions": {"code": "RATELIMITED"}}]})
    errors = Errors(message_at="errors", code_at="errors.0.extensions.code", slow_codes=("RATELIMITED",))
    with Scripted(limited, items("a")) as service:
        assert walk(reader(service, errors=errors)) == ["a"]
    tagged = Reply.json(409, {"error_summary": "bad_cursor/..", "error": {".tag": "bad_cursor"}})
    errors = Errors(message_at="error_summary", code_at=r"error.\.tag", hints={"bad_cursor": "it is gone."})
    with Scripted(tagged, items("a")) as service:
        with pytest.raises(RefusedError, match="409 .bad_cursor.: bad_cursor/..: it is gone."):
            reader(service, errors=errors).fetch(DAY, "")
        assert walk(reader(service, errors=errors)) == ["a"]


def test_a_403_that_means_429_is_waited_out():
    limited = Reply(403, b"{}", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"})
    with Scripted(limited, items("a")) as service:
        assert walk(reader(service)) == ["a"]


def test_a_refused_cursor_may_say_where_to_begin_again():
    body = {"error_summary": "reset/", "error": {".tag": "reset", "reset": "2026-02-20T00:00:00Z"}}
    errors = Errors(message_at="error_summary", resume_at="error.reset")
    with Scripted(Reply.json(409, body)) as service, pytest.raises(RefusedError) as raised:
        reader(service, errors=errors, paging=CursorPaging("c", "next")).fetch(DAY, "old")
    assert raised.value.resume_at == datetime(2026, 2, 20, tzinfo=timezone.utc)
    assert raised.value.status == 409


def test_a_404_of_a_cursor_is_a_refused_cursor_and_of_a_path_a_wrong_host():
    with Scripted(Reply.json(404, {})) as service:
        pages = reader(service, paging=CursorPaging("c", "next"))
        with pytest.raises(RefusedError):
            pages.fetch(DAY, "old")
        with pytest.raises(ConfigurationError):
            pages.fetch(DAY, "")


# Templates


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        ("rfc3339", "2026-02-28T10:00:00Z", "2026-03-01T10:00:02Z"),
        ("rfc3339_ms", "2026-02-28T10:00:00.500Z", "2026-03-01T10:00:01.501Z"),
        ("epoch", "1772272800", "1772359202"),
        ("epoch_ms", "1772272800500", "1772359201501"),
        ("date", "2026-02-28", "2026-03-01"),
    ],
)
def test_bounds_are_rounded_outwards(times, start, end):
    window = Window(
        NOW.replace(day=1, hour=10, microsecond=500_300) - timedelta(days=1),
        NOW.replace(hour=10) + timedelta(seconds=1, microseconds=500_001),
    )
    assert bounds_of(window, times) == {"start": start, "end": end}


def test_templates_fill_what_they_know_and_quote_paths():
    assert filled("/orgs/{org}/x/{job}", {"org": "a/../b c"}, quoted=True) == "/orgs/a%2F..%2Fb%20c/x/{job}"
    assert filled({"a": ["{x}", 1], "b": {"c": "{x}-{y}"}}, {"x": "1"}) == {"a": ["1", 1], "b": {"c": "1-{y}"}}
    assert names_in({"a": ["{x}"], "b": {"c": "{start}..{end}"}, "d": 3}) == {"x", "start", "end"}
    body = {"limit": 1, "filter": {"at": {"gte": "{start}"}, "kind": "k"}, "from": "{start}"}
    assert unbounded(body) == {"limit": 1, "filter": {"kind": "k"}}
