"""What is noticed of a source that is described wrongly: told once per run, and kept while it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from audit_provider.core.ledger.health import notices_in
from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.model import Fields
from audit_provider.core.pull import pull
from audit_provider.core.sources import PageReader, Reader
from audit_provider.core.sources.paging import CursorPaging, LinkPaging, NoPaging, OffsetPaging, PagePaging
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.spec import PageSize
from audit_provider.core.spool import Stream
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.server import Reply
from tests.core.simulation import MemoryStore
from tests.core.sources.scripted import NOW, SPEC, Scripted, items

NEXT = CursorPaging("c", "meta.next_cursor")
SIZED = Request("GET", "/log", params={"from": "{start}", "to": "{end}", "limit": 2})


class Runs:
    """Runs of the pull loop over one position, as the operator makes them."""

    def __init__(self, service, **changes):
        self.service, self.changes = service, changes
        self.position, self.told, self.now = Position("s"), [], NOW
        self.stream = Stream(MemoryStore(), "p/live")

    def go(self, **changes):
        self.changes |= changes
        session = requests.Session()
        session.trust_env = False
        client = HttpClient(session, self.service.url, service="Some API", sleep=lambda _: None, now=lambda: self.now)
        pages = PageReader(replace(SPEC, **self.changes), client)
        read = Reader(pages, None, NOW - timedelta(days=1), None, lambda: self.now, print, self.told.append)

        def keep(position):
            self.position = POSITIONS.unpack(POSITIONS.pack(position), "the record")

        self.told.clear()
        pull(pages.spec.reading, read, self.stream, self.position, commit=keep)
        self.now += timedelta(minutes=5)
        return [line for line in self.told if "so far" in line or "full page" in line]

    def kept(self):
        return [each.text for each in notices_in(self.position.noticed)]


def test_a_full_page_that_leads_nowhere_is_told_and_kept_until_a_page_leads_on():
    with Scripted(items("a", "b", meta={"next_cursor": None})) as service:
        runs = Runs(service, request=SIZED, paging=NEXT)
        (told,) = runs.go()
        assert "a full page (2 records)" in told
        service.replies = [items(meta={})]
        assert runs.go() == []
        assert runs.kept() == [told], "a quiet run proves nothing"
        service.replies = [items("c", "d", meta={"next_cursor": "x"}), items("e", meta={})]
        service.requests = []
        assert runs.go() == []
        assert runs.kept() == []
        service.replies, service.requests = [items("f", "g", meta={"next_cursor": None})], []
        assert runs.go() == [], "this paging is known to lead on"


def test_a_full_page_is_forgotten_after_a_week():
    with Scripted(items("a", "b", meta={"next_cursor": None}), items("c", meta={"next_cursor": None})) as service:
        runs = Runs(service, request=SIZED, paging=NEXT)
        runs.go()
        runs.now += timedelta(days=6)
        runs.go()
        assert len(runs.kept()) == 1
        runs.now += timedelta(days=1)
        runs.go()
    assert runs.kept() == []


def test_a_source_without_paging_tells_of_its_full_pages():
    with Scripted(items("a", "b")) as service:
        (told,) = Runs(service, request=SIZED, paging=NoPaging()).go()
    assert "has no paging" in told


@pytest.mark.parametrize(
    ("changes", "page"),
    [
        ({"paging": NEXT}, items("a", meta={"next_cursor": None})),
        ({"paging": NEXT}, items("a")),
        ({"paging": NEXT}, items()),
        ({"paging": LinkPaging()}, items("a")),
        ({"paging": PagePaging("page", more_at="more")}, items("a", "b", more=False)),
        ({"paging": PagePaging("page", pages_at="pages")}, items("a", "b", pages=1)),
        ({"paging": CursorPaging("c", "next", ends_at=(0,))}, items("a", "b", next=0)),
        ({"paging": NoPaging()}, items("a")),
    ],
)
def test_a_short_list_or_one_whose_end_is_said_is_nothing_to_notice(changes, page):
    with Scripted(page) as service:
        runs = Runs(service, request=SIZED, **changes)
        assert runs.go() == []
        assert runs.go() == []
    assert runs.kept() == []


@pytest.mark.parametrize(
    ("request_", "size"),
    [
        (Request("GET", "/log", params={"from": "{start}", "to": "{end}", "page[size]": "2"}), None),
        (Request("POST", "/log", body={"from": "{start}", "to": "{end}", "paging": {"perPage": 2}}), None),
        (Request("GET", "/log", params={"from": "{start}", "to": "{end}", "n": 2}), PageSize("n", 10)),
    ],
)
def test_the_size_that_was_asked_for_is_found_wherever_it_stands(request_, size):
    with Scripted(items("a", "b")) as service:
        assert len(Runs(service, request=request_, page_size=size, paging=NoPaging()).go()) == 1


@pytest.mark.parametrize(
    ("path", "page", "meant"),
    [
        ("meta.next_cursor", items("a", meta={"nextCursor": "x"}), "meta.nextCursor"),
        ("meta.next_cursor", items("a", meta={"nextCursor": None}), "meta.nextCursor"),
        ("next", items("a", paging={"cursors": {"after": "x", "before": "y"}}), "paging.cursors.after"),
        ("next", items("a", links={"prev": "/log?p=0", "next": "/log?p=2"}), "links.next"),
        ("nextLink", items("a", **{"@odata.nextLink": "/log?p=2"}), "@odata\\\\.nextLink"),
    ],
)
def test_a_path_that_no_answer_has_had_is_told_with_what_was_probably_meant(path, page, meant):
    with Scripted(page) as service:
        runs = Runs(service, paging=CursorPaging("c", path))
        (told,) = runs.go()
        assert f"anything at {path!r} so far" in told
        assert f"did you mean '{meant}'?" in told
        assert runs.go() == [told], "each run tells it once"


def test_a_header_may_have_been_meant():
    reply = Reply.json(200, items("a"))
    reply.headers["NextPageToken"] = "x"
    for path in ("headers.NextPageToken", "header: NextPagToken"):
        with Scripted(reply) as service:
            (told,) = Runs(service, paging=CursorPaging("c", path)).go()
        assert "did you mean 'header: NextPageToken'?" in told


def test_a_page_of_a_usual_size_speaks_for_more_where_no_size_was_asked_for():
    with Scripted(items(*map(str, range(50)))) as service:
        (told,) = Runs(service, paging=NEXT).go()
    assert "'meta.next_cursor'" in told
    with Scripted(items(*map(str, range(49)))) as service:
        assert Runs(service, paging=NEXT).go() == []


def test_a_path_is_met_once_and_for_all_and_a_corrected_one_is_another():
    with Scripted(items("a", meta={"nextCursor": None})) as service:
        runs = Runs(service, paging=NEXT)
        assert len(runs.go()) == 1
        assert runs.go(paging=CursorPaging("c", "meta.nextCursor")) == []
        assert runs.kept() == []
        service.replies = [items("a")]
        assert runs.go() == []


def test_the_total_of_a_list_may_never_have_been_there():
    with Scripted(items("a", "b", count=7), items()) as service:
        (told,) = Runs(service, request=SIZED, paging=OffsetPaging("o", total_at="total")).go()
    assert "'total'" in told


@pytest.mark.parametrize(
    "odd",
    [
        {"": {"": "x", "next": "y"}, "next": 0},
        {"a" * 500: 1, "b": {"c": {"d": {"e": {"f": {"next": "deep"}}}}}},
        {"next\\": "x", "é.next": None, "list": [{"next": "x"}], "number": 10**40},
        {str(number): number for number in range(1000)},
    ],
)
def test_whatever_else_an_answer_holds_does_not_stop_reading(odd):
    with Scripted(items("a", **odd)) as service:
        runs = Runs(service, paging=CursorPaging("c", "way.on"))
        runs.go()
    assert runs.position.counts.spooled == 1


# Fields


def records(*found):
    return {"items": [{"id": str(number), "t": "2026-03-01T00:00:00Z", **each} for number, each in enumerate(found)]}


@pytest.mark.parametrize(
    ("fields", "page", "said"),
    [
        (Fields("id", "t", action="event.action"), records({"event": {}}, {}), "(fields.action) so far: correct it"),
        (Fields("id", "t", action="acton"), records({"action": 1}, {"action": 2}), "did you mean 'action'?"),
        (Fields("id", "t", action="name | kind"), records({}, {}), "'name | kind' (fields.action)"),
        (Fields("uid", "t"), records({}, {}), "'uid' (fields.id)"),
        (
            Fields("id", "t", actor_email="actr.email"),
            records(*[{"actor": {"email": 1}}] * 2),
            "did you mean 'actor.email'?",
        ),
    ],
)
def test_a_field_that_no_record_has_had_is_told(fields, page, said):
    with Scripted(page) as service:
        runs = Runs(service, fields=fields)
        (told,) = runs.go()
        assert runs.go() == [told]
    assert said in told
    assert runs.kept() == [told]


def test_a_field_that_not_every_event_has_is_told_after_many_without_it():
    with Scripted(records(*[{}] * 9)) as service:
        runs = Runs(service, fields=Fields("id", "t", ip="client.ip"))
        told = [runs.go() for _ in range(30)]
    assert told[0] == []
    assert "'client.ip' (fields.ip)" in told[-1][0]
    assert [each.severity for each in notices_in(runs.position.noticed)] == ["info"]


def test_fields_that_only_some_records_have_are_nothing_to_notice():
    fields = Fields("id", "t", action="action", actor_email="actor.email", ip="client.ip", user_agent="client.agent")
    page = records({"action": "x", "actor": {"email": None}}, {"action": "y", "client": {"ip": "1.2.3.4"}})
    with Scripted(page) as service:
        runs = Runs(service, fields=fields)
        assert runs.go() == []
        assert runs.go() == []
    assert runs.kept() == []


def test_a_field_that_is_met_later_is_told_no_more():
    with Scripted(records({}, {})) as service:
        runs = Runs(service, fields=Fields("id", "t", action="action"))
        assert len(runs.go()) == 1
        service.replies = [records({"action": "x"})]
        assert runs.go() == []
    assert runs.kept() == []


def test_a_file_of_positions_without_notices_is_read():
    old = POSITIONS.pack(Position("s")).replace('"noticed":{},', "")
    assert "noticed" not in old
    assert POSITIONS.unpack(old, "the record").noticed == {}


def test_a_name_alone_does_not_speak_against_what_rests_on_the_vendors_word():
    with Scripted(items("a", links={"next": "/log?p=2"})) as service:
        assert Runs(service, paging=CursorPaging("c", "after"), confidence="Vendor documentation.").go() == []
        assert len(Runs(service, paging=CursorPaging("c", "after")).go()) == 1
