"""Every style of paging over real HTTP: it leads to every record, and never to another host."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from audit_provider.core.errors import LostPageError, ProtocolError
from audit_provider.core.model import Window
from audit_provider.core.sources.paging import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    NoPaging,
    ObjectIdPaging,
    OffsetPaging,
    PagePaging,
)
from audit_provider.core.sources.request import Request
from audit_provider.core.text.templates import bounds_of, filled, names_in, unbounded
from audit_provider.sandbox.server import Reply
from tests.core.sources.scripted import DAY, NOW, Scripted, items, reader, walk

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


@pytest.mark.parametrize(
    ("paging", "numbers"),
    [
        (PagePaging("variables.page", more_at="more", sent_in="body"), [1, 2]),
        (OffsetPaging("variables.page", total_at="total", sent_in="body"), [1, 1]),
    ],
)
def test_a_number_in_a_body_is_a_number(paging, numbers):
    request = Request("POST", "/graphql", body={"query": "q", "variables": {"page": 1, "from": "{start}"}})
    answers = items("a", more=True, total=2), items("b", more=False, total=2)
    with Scripted(*answers) as service:
        assert walk(reader(service, request=request, paging=paging)) == ["a", "b"]
    assert [json.loads(each.body)["variables"]["page"] for each in service.requests] == numbers


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

    with Scripted(first, items("b")) as service:
        pages = reader(service, prefix, paging=NextUrlPaging("links.next"))
        page = pages.fetch(DAY, "")
        assert walk(reader(service, prefix, paging=NextUrlPaging("links.next"))) == ["b"]
        pages.fetch(DAY, page.cursor)
    assert service.sent()[-1] == f"{prefix}/log?page=2&sig=a/b c"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/log?page=2",
        "//evil.example/log",
        "http://user@127.0.0.1:{port}/log",
        "ftp://127.0.0.1:{port}/log",
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


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/log?page=2",
        "http://127.0.0.1/log?page=2",
        "https://127.0.0.1/log?page=2",
        "http://127.0.0.1:1/log?page=2",
        "http://127.0.0.1.:{port}/log?page=2",
        "//127.0.0.1/log?page=2",
    ],
)
@pytest.mark.parametrize("style", ["body", "link"])
def test_a_next_page_on_the_same_host_is_followed_however_it_is_written(url, style):
    def first(service):
        target = url.replace("{port}", service.url.rpartition(":")[2])
        if style == "link":
            return Reply(200, json.dumps(items("a")).encode(), {"Link": f'<{target}>; rel="next"'})
        return items("a", next=target)

    with Scripted(first, items("b")) as service:
        assert walk(reader(service, paging=LinkPaging() if style == "link" else NextUrlPaging("next"))) == ["a", "b"]
    assert service.sent()[1] == "/log?page=2", "it is asked for at the connection's own address"


@pytest.mark.parametrize(
    "paging", [NextUrlPaging("next", hosts=("Inner.example.",)), LinkPaging(hosts=("inner.example",))]
)
def test_another_name_of_the_host_is_followed_where_the_source_lists_it(paging):
    def at(host):
        link = f"http://{host}:8080/log?page=2"
        return Reply(200, json.dumps(items("a", next=link)).encode(), {"Link": f"<{link}>; rel=next"})

    with Scripted(at("INNER.example"), items("b")) as service:
        assert walk(reader(service, paging=paging)) == ["a", "b"]
    with Scripted(at("other.example")) as service, pytest.raises(ProtocolError, match="paging.hosts"):
        reader(service, paging=paging).fetch(DAY, "")


@pytest.mark.parametrize(
    "link",
    [
        '<{url}>; crossorigin; rel="next"',
        '<{url}>; title="k=v, <x>"; Rel="NEXT last"',
        '</log?p=1>; rel="prev", <{url}>; title="\\"; rel=\\"prev"; rel="next"',
        '<{url}>; rel="next"; anchor=""',
        '<{url}>; rel="next"; anchor="https://inner.example/log?p=1"',
        '</v2/log?p=9>; rel="next"; anchor="/v2/log", <{url}>; rel="next"',
    ],
)
def test_a_link_is_read_in_every_form_that_the_standard_allows(link):
    url = "/log?f=a;after=x,y"
    reply = Reply(200, json.dumps(items("a")).encode(), {"Link": link.replace("{url}", url)})
    with Scripted(reply, items("b")) as service:
        assert walk(reader(service, paging=LinkPaging())) == ["a", "b"]
        pages = reader(service, paging=LinkPaging())
    assert service.requests[1].path == "/log"
    assert pages.spec.paging.paths == ()


@pytest.mark.parametrize("link", ['</log?p=2>; rel="next"; anchor="/users"', '</log?p=2>; rel="next"; anchor="#part"'])
def test_the_next_page_of_another_resource_is_not_this_list_s(link):
    with Scripted(Reply(200, json.dumps(items("a")).encode(), {"Link": link})) as service:
        assert walk(reader(service, paging=LinkPaging())) == ["a"]


@pytest.mark.parametrize(
    "link", ["</log?after=S3cret; rel=next", '</log?after=S3cret>; rel="next', "next: /log", "<>; rel=next"]
)
def test_a_link_header_that_cannot_be_read_is_not_the_end(link):
    reply = Reply(200, json.dumps(items("a")).encode(), {"Link": link})
    with (
        Scripted(reply) as service,
        pytest.raises(ProtocolError, match=r"/log .*(Link header|without an address)") as caught,
    ):
        reader(service, paging=LinkPaging()).fetch(DAY, "")
    assert "S3cret" not in str(caught.value)


def test_several_link_headers_are_one():
    headers = {"Link": '</log?p=1>; rel="prev"; title="a, b"', "link": '</log?p=2>; rel="next"'}
    with Scripted(Reply(200, json.dumps(items("a")).encode(), headers), items("b")) as service:
        assert walk(reader(service, paging=LinkPaging())) == ["a", "b"]


# Cursors in headers, and keys with dots of their own


def in_header(name, value, *names):
    """A page that is the list itself, with a header."""
    return Reply(200, json.dumps(items(*names)["items"]).encode(), {name: value} if value is not None else {})


@pytest.mark.parametrize("last", [None, "", " ", ","])
@pytest.mark.parametrize(
    ("paging", "values", "asked"),
    [
        (CursorPaging("c", "header: X-Next-Token"), ["t1", "t2"], ["c=t1", "c=t2"]),
        (PagePaging("page", next_at="HEADER:x-next-token"), ["2", "3"], ["page=2", "page=3"]),
        (NextUrlPaging("header: x-next-token"), ["/log?s=1", "https://127.0.0.1/log?s=2"], ["s=1", "s=2"]),
        (ObjectIdPaging("after", "header: x-next-token"), ["true", "b9"], ["after=a", "after=b"]),
    ],
)
def test_the_way_on_may_stand_in_a_header(paging, values, asked, last):
    pages = [in_header("x-next-token", value, name) for value, name in zip([*values, last], "abc", strict=True)]
    with Scripted(*pages) as service:
        assert walk(reader(service, paging=paging, records_at="")) == ["a", "b", "c"]
    assert [each.rpartition("?")[2].rpartition("&")[2] for each in service.sent()[1:]] == asked


def test_flags_and_numbers_may_stand_in_headers_too():
    pages = [in_header("x-more", value, name) for value, name in zip(["true", "True", "false"], "abc", strict=True)]
    with Scripted(*pages) as service:
        assert walk(reader(service, paging=PagePaging("page", more_at="header: X-More"), records_at="")) == [
            "a",
            "b",
            "c",
        ]
    pages = [in_header("X-Pages", "3", name) for name in "abcd"]
    with Scripted(*pages) as service:
        assert walk(reader(service, paging=PagePaging("p", pages_at="header: x-pages"), records_at="")) == [
            "a",
            "b",
            "c",
        ]
    pages = [in_header("X-Total", "3", name) for name in "abcd"]
    with Scripted(*pages) as service:
        assert walk(reader(service, paging=OffsetPaging("o", total_at="header: x-total"), records_at="")) == [
            "a",
            "b",
            "c",
        ]
    with Scripted(in_header("x-more", "maybe", "a")) as service, pytest.raises(ProtocolError, match="header: X-More"):
        reader(service, paging=PagePaging("page", more_at="header: X-More"), records_at="").fetch(DAY, "")


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("@odata.nextLink", {"@odata.nextLink": "/log?skip=1", "@odata.count": 2}),
        ("meta.@odata.nextLink", {"meta": {"@odata.nextLink": "/log?skip=1"}}),
        ("@odata\\.nextLink", {"@odata.nextLink": "/log?skip=1"}),
        ("a.b.c", {"a": {"b.c": "/log?skip=1"}}),
        ("a.b.c", {"a.b": {"c": "/log?skip=1"}, "a": {"b": {"c": None}}}),
        ("a.b.c", {"a.b.c": "/log?skip=1", "a": {"b": 7}}),
    ],
)
def test_a_key_with_a_dot_of_its_own_is_found_as_it_stands(path, first):
    with Scripted(items("a", **first), items("b")) as service:
        assert walk(reader(service, paging=NextUrlPaging(path))) == ["a", "b"]
    assert service.sent()[1] == "/log?skip=1"


def test_records_may_stand_behind_such_a_key():
    page = {"hits.list": [{"id": "a", "t": 1}], "@odata.count": 1}
    with Scripted(page) as service:
        assert walk(reader(service, records_at="hits.list", paging=OffsetPaging("skip", "@odata.count"))) == ["a"]
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


@pytest.mark.parametrize("more", [{"more": "evt_9"}, {"more": 9}])
def test_an_empty_page_leads_on_by_the_vendors_own_cursor(more):
    with Scripted(items(**more), items("c", more=None)) as service:
        assert walk(reader(service, paging=ObjectIdPaging("after", "more"))) == ["c"]
    assert service.requests[1].param("after") == str(more["more"])


def test_an_empty_page_that_says_there_is_more_and_leads_nowhere_is_refused():
    with Scripted(items(more=True)) as service, pytest.raises(ProtocolError, match="at 'more' that there is more"):
        reader(service, paging=ObjectIdPaging("after", "more")).fetch(DAY, "")


def test_the_cursor_is_an_id_of_the_vendors_and_not_one_made_here():
    page = {"items": [{"id": "a", "t": 1}, None], "more": True}
    with Scripted(page, items("b", more=False)) as service:
        assert len(walk(reader(service, paging=ObjectIdPaging("after", "more")))) == 3
    assert service.requests[1].param("after") == "a"


def test_without_paging_every_answer_is_whole():
    with Scripted(items("a", next="x")) as service:
        assert walk(reader(service, paging=NoPaging())) == ["a"]


def test_more_without_a_way_is_refused():
    with Scripted(items("a", more=True)) as service, pytest.raises(ProtocolError, match="no cursor"):
        reader(service, paging=CursorPaging("c", "next", more_at="more")).fetch(DAY, "")


# Templates


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        ("rfc3339", "2026-02-28T10:00:00Z", "2026-03-01T10:00:02Z"),
        ("rfc3339_ms", "2026-02-28T10:00:00.500Z", "2026-03-01T10:00:01.501Z"),
        ("datetime", "2026-02-28 10:00:00", "2026-03-01 10:00:02"),
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


def test_the_values_of_a_cursor_that_is_a_list_are_joined():
    paging = CursorPaging(param="next", cursor_at="meta.next", joined_by=",")
    pages = [items("a", meta={"next": ["17", "x-1"]}), items("b", meta={"next": None})]
    with Scripted(*pages) as service:
        assert walk(reader(service, paging=paging)) == ["a", "b"]
        assert service.sent()[1].endswith("&next=17,x-1")


@pytest.mark.parametrize("found", [["17", None], [{"a": 1}], {"a": 1}])
def test_a_list_that_is_no_cursor_is_refused(found):
    paging = CursorPaging(param="next", cursor_at="meta.next", joined_by=",")
    with Scripted(items("a", meta={"next": found})) as service, pytest.raises(ProtocolError, match="a cursor"):
        walk(reader(service, paging=paging))


def test_an_empty_page_before_the_last_record_is_not_the_end():
    paging = OffsetPaging("offset", total_at="total")
    said = "behind the first 2, although there are 3 in all"
    with Scripted(items("a", "b", total=3), items(total=3)) as service, pytest.raises(LostPageError, match=said):
        walk(reader(service, paging=paging))
    with Scripted(items(total=3)) as service, pytest.raises(LostPageError):
        reader(service, paging=paging).fetch(DAY, "")
    with Scripted(items("a", "b", total=3), Reply(204, b""), Reply(204, b""), items("c", total=3)) as service:
        assert walk(reader(service, paging=paging)) == ["a", "b", "c"]
    with Scripted(items("a", "b", total=3), items(total=2)) as service:
        assert walk(reader(service, paging=paging)) == ["a", "b"], "a record was removed meanwhile"
