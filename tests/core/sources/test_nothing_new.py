"""Every form in which an API says that there is nothing new, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError, ProtocolError
from audit_provider.core.sources.answers import AnswerJudge
from audit_provider.core.sources.paging import CursorPaging, PagePaging
from audit_provider.core.sources.spec import Errors
from audit_provider.core.wire.answer import Answer
from audit_provider.sandbox.server import Reply
from tests.core.sources.pulled import Pulled, page, record
from tests.core.sources.scripted import DAY, SPEC, Scripted, reader

PAGE = b'{"items":[' + record("a", more=',"name":"J\\u00fcrg J\u00fcrg"') + b"]}"


def fetch(reply, cursor="", **changes):
    with Scripted(reply) as service:
        return reader(service, **changes).fetch(DAY, cursor)


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("cursor", ["", "c1"])
def test_204_is_an_empty_last_page(absent, cursor):
    paging = CursorPaging("cursor", "next", more_at="more")
    found = fetch(Reply(204, b""), cursor, records_may_be_absent=absent, paging=paging)
    assert (found.events, found.more, found.cursor) == ((), False, "")


@pytest.mark.parametrize("records_at", ["items", "a.b", ""])
@pytest.mark.parametrize("body", [b"", b"  \n", b"null", b" null\n"])
def test_an_empty_body_is_an_empty_page_where_records_may_be_absent(records_at, body):
    found = fetch(Reply(200, body), records_at=records_at, records_may_be_absent=True)
    assert (found.events, found.more) == ((), False)
    with pytest.raises(ProtocolError):
        fetch(Reply(200, body), records_at=records_at)


@pytest.mark.parametrize("body", [b'{"items":null}', b'{"items":[]}'])
@pytest.mark.parametrize("absent", [False, True])
def test_a_list_that_is_null_is_an_empty_one(body, absent):
    assert fetch(Reply(200, body), records_may_be_absent=absent).events == ()


def test_an_empty_body_does_not_take_back_that_there_is_more():
    paging = CursorPaging("cursor", "next", more_at="more")
    first = page(record("a"), around=b'{"items":[%b],"next":"c1","more":true}')
    with Pulled(first, Reply(200, b""), records_may_be_absent=True, paging=paging) as pulled:
        with pytest.raises(ProtocolError):
            pulled.run()
        assert not pulled.position.complete
        pulled.run(Reply(204, b""))
    assert pulled.position.complete
    assert [event.id for event in pulled.events()] == ["a"]


@pytest.mark.parametrize("empty", [Reply(204, b""), Reply(200, b""), Reply(200, b"null")], ids=["204", "none", "null"])
def test_a_cursor_that_leads_to_no_content_is_followed_again(empty):
    first, second = page(record("a"), around=b'{"items":[%b],"next":"c1"}'), page(record("b"))
    paging = CursorPaging("cursor", "next")
    with Pulled(first, empty, empty, second, records_may_be_absent=True, paging=paging) as pulled:
        pulled.run()
        assert [event.id for event in pulled.events()] == ["a", "b"]


@pytest.mark.parametrize("empty", [b'{"items":[]}', b'{"items":null}', b"{}"])
def test_a_cursor_that_leads_to_a_page_without_records_is_followed_again(empty):
    first, second = page(record("a"), around=b'{"items":[%b],"next":"c1"}'), page(record("b"))
    paging = CursorPaging("cursor", "next")
    with Pulled(first, Reply(200, empty), second, records_may_be_absent=True, paging=paging) as pulled:
        pulled.run()
        assert [event.id for event in pulled.events()] == ["a", "b"]


@pytest.mark.parametrize(
    ("paging", "end"),
    [
        (CursorPaging("cursor", "next", more_at="more"), b'{"items":[],"more":false}'),
        (CursorPaging("cursor", "next", ends_at=("end",)), b'{"items":[],"next":"end"}'),
        (CursorPaging("cursor", "next", ends_when_empty=True), b'{"items":[],"next":"c2"}'),
    ],
    ids=["flag", "value", "empty"],
)
def test_an_end_that_the_vendor_says_is_believed_at_once(paging, end):
    first = page(record("a"), around=b'{"items":[%b],"next":"c1","more":true}')
    with Pulled(first, Reply(200, end), paging=paging) as pulled:
        pulled.run()
        assert len(pulled.service.requests) == 2


def test_a_cursor_that_always_leads_to_no_content_is_the_end_of_the_list():
    first = page(record("a"), around=b'{"items":[%b],"next":"c1"}')
    with Pulled(first, Reply(204, b""), paging=CursorPaging("cursor", "next")) as pulled:
        pulled.run()
        assert len(pulled.service.requests) == 4
    assert pulled.position.complete


def test_where_a_page_was_lost_with_its_rows_the_window_is_read_again():
    """A run that broke off keeps the cursor of a page that is gone by the next one."""
    paging = CursorPaging("cursor", "next", more_at="more")
    first = page(record("a"), around=b'{"items":[%b],"next":"c1","more":true}')
    whole = page(record("a"), around=b'{"items":[%b],"more":false}')
    broken = Reply(200, b'{"items":[{"id":"b')
    with Pulled(first, broken, records_may_be_absent=True, paging=paging) as pulled:
        with pytest.raises(AuditError):
            pulled.run()
        pulled.run(Reply(200, b""), whole)
    assert pulled.position.complete
    assert [event.id for event in pulled.events()] == ["a"]


def test_a_service_that_has_lost_every_page_is_believed_in_no_run():
    paging = CursorPaging("cursor", "next", more_at="more")
    first = page(record("a"), around=b'{"items":[%b],"next":"c1","more":true}')
    with Pulled(first, Reply(200, b""), records_may_be_absent=True, paging=paging) as pulled:
        for _ in range(3):
            with pytest.raises(ProtocolError):
                pulled.run()
    assert not pulled.position.complete


def test_pages_by_number_may_end_with_an_empty_body():
    with Pulled(page(record("a")), Reply(200, b""), records_may_be_absent=True, paging=PagePaging("page")) as pulled:
        pulled.run()
    assert pulled.position.complete


def test_an_empty_body_that_does_not_say_where_it_ends_may_have_been_cut_off():
    judge = AnswerJudge(replace(SPEC, records_may_be_absent=True), str)
    for headers, is_one in (({}, False), ({"Content-Length": "0"}, True), ({"Transfer-Encoding": "chunked"}, True)):
        assert judge.says_nothing_new(Answer(200, headers, b"", "here"), promised=False) is is_one


NONE = {"error": {"code": "NO_EVENTS", "message": "No events found"}}
DECLARED = Errors(code_at="error.code", message_at="error.message", empty_codes=("NO_EVENTS",))


@pytest.mark.parametrize("status", [404, 400, 410, 200])
def test_a_code_that_is_declared_means_an_empty_page(status):
    found = fetch(Reply.json(status, NONE), errors=DECLARED)
    assert (found.events, found.more) == ((), False)


@pytest.mark.parametrize(
    ("errors", "reply"),
    [
        (Errors(empty_codes=("404",)), Reply.json(404, {"message": "nothing"})),
        (Errors(empty_codes=("404",)), Reply(404, b"")),
        (Errors(empty_codes=("404",), empty_words=("no events",)), Reply.json(404, {"message": "No Events found"})),
        (Errors(empty_words=("no events",)), Reply(404, b"No events found")),
        (Errors(empty_words=("no events",), message_at="m"), Reply.json(200, {"m": "no events found"})),
    ],
    ids=range(5),
)
def test_a_status_or_words_that_are_declared_mean_an_empty_page(errors, reply):
    assert fetch(reply, errors=errors).events == ()


@pytest.mark.parametrize(
    ("errors", "reply", "refused"),
    [
        (Errors(), Reply.json(404, {"message": "No events found"}), ConfigurationError),
        (Errors(empty_codes=("404",)), Reply(404, b"<html><title>Not found</title></html>"), ConfigurationError),
        (Errors(empty_codes=("404",)), Reply.json(401, {}), CredentialError),
        (Errors(empty_codes=("401", "404")), Reply.json(401, {}), CredentialError),
        (
            Errors(empty_codes=("404",), empty_words=("no events",)),
            Reply.json(404, {"m": "no path"}),
            ConfigurationError,
        ),
        (DECLARED, Reply.json(404, {"error": {"code": "NO_PATH", "message": "NO_EVENTS"}}), ConfigurationError),
        (DECLARED, Reply.json(500, NONE), AuditError),
    ],
    ids=range(7),
)
def test_what_is_not_declared_so_is_refused(errors, reply, refused):
    with pytest.raises(refused):
        fetch(reply, errors=errors)


def test_an_event_that_holds_the_words_is_no_empty_page():
    errors = Errors(empty_words=("no events",), empty_codes=("404",), message_at="message", code_at="code")
    told = record("a", more=',"message":"no events","code":"404"')
    assert len(fetch(page(told), errors=errors).events) == 1
    assert len(fetch(page(told, around=b"[%b]"), errors=errors, records_at="").events) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_before_a_page_is_passed_over(encoding):
    found = fetch(Reply(200, PAGE.decode().encode(encoding)))
    assert [bytes(event.raw) for event in found.events] == [PAGE[len(b'{"items":[') : -2]]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_the_mark_says_in_which_order_the_bytes_are(encoding):
    found = fetch(Reply(200, ("\ufeff" + PAGE.decode()).encode(encoding)))
    assert [bytes(event.raw) for event in found.events] == [PAGE[len(b'{"items":[') : -2]]


@pytest.mark.parametrize("records_at", ["items", "data.items"])
@pytest.mark.parametrize(
    "said",
    [
        {"error": "backend unavailable"},
        {"errors": [{"title": "no"}]},
        {"errorMessage": "quota"},
        {"message": "Endpoint request timed out"},
        {"stat": "FAIL", "code": 40002},
        {"success": False},
    ],
)
def test_an_answer_that_speaks_of_a_fault_is_not_empty_where_records_may_be_absent(said, records_at):
    name = next(iter(said))
    for answer in (said, {"data": said} if records_at == "data.items" else said):
        with pytest.raises(ProtocolError, match=f"'{name}'.*errors.empty_words"):
            fetch(Reply.json(200, answer), records_at=records_at, records_may_be_absent=True)


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "list", "etag": "x"},
        {"error": None, "errors": [], "message": "", "success": True, "status": "ok"},
        {"message": "OK", "errorCode": 0},
        {"data": None, "next": None},
        {"status": {"state": "SUCCEEDED"}},
    ],
)
def test_what_speaks_of_no_fault_is_empty_where_records_may_be_absent(said):
    assert fetch(Reply.json(200, said), records_at="items", records_may_be_absent=True).events == ()


def test_words_that_mean_no_events_are_declared():
    answer = Reply.json(200, {"message": "No events found."})
    errors = Errors(message_at="message", empty_words=("no events found",))
    assert fetch(answer, records_may_be_absent=True, errors=errors).events == ()
