"""Results of statements in parts: what one answer promises, no other one can take back."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import AuditError, UnavailableError
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.statement import Columns, Polling, StatementPaging
from audit_provider.sandbox.server import Reply
from tests.core.sources.pulled import Pulled, page, record

SPEC = {
    "paging": StatementPaging(
        path="/jobs/{statement}/parts/{part}", id_at="job", parts_at="parts", rows_at="rows", cut_at="cut", most=4
    ),
    "polling": Polling(Request("GET", "/jobs/{job}"), id_at="job"),
    "columns": Columns("columns"),
    "records_at": "data",
    "records_may_be_absent": True,
}
COLUMNS = [{"name": "id"}, {"name": "at"}]


def rows(*names):
    return [[name, "2026-02-28T23:00:00Z"] for name in names]


def first(*names, of=4, parts=2, **more):
    return Reply.json(200, {"job": "j", "rows": of, "parts": parts, "columns": COLUMNS, "data": rows(*names), **more})


def part(*names):
    return Reply.json(200, {"data": rows(*names)})


def test_all_parts_make_the_result():
    with Pulled(first("a", "b"), part("c", "d"), **SPEC) as pulled:
        pulled.run()
    assert [event.id for event in pulled.events()] == ["a", "b", "c", "d"]
    assert pulled.position.complete


@pytest.mark.parametrize(
    "lost",
    [Reply(204, b""), Reply(200, b""), Reply(200, b"null"), Reply(200, b"{}"), Reply.json(200, {"data": []})],
    ids=["204", "no body", "null", "object", "list"],
)
def test_a_part_without_rows_is_a_lost_one(lost):
    with Pulled(first("a", "b"), lost, **SPEC) as pulled:
        with pytest.raises(AuditError):
            pulled.run()
        assert not pulled.position.complete
        # The kept part does not name the columns, so the statement is run again.
        pulled.run(part("c", "d"), first("a", "b"), part("c", "d"), first(of=0, parts=0))
    assert sorted(event.id for event in pulled.events()) == ["a", "b", "c", "d"]


def test_a_part_that_is_not_ready_is_asked_for_again_and_not_the_job():
    waiting = Reply.json(202, {"job": "j"})
    with Pulled(first("a", "b"), waiting, waiting, part("c", "d"), **SPEC) as pulled:
        pulled.run()
        asked = [request.path for request in pulled.service.requests]
    assert asked[1:] == ["/jobs/j/parts/1"] * 3
    assert [event.id for event in pulled.events()] == ["a", "b", "c", "d"]


def test_a_result_that_was_cut_off_below_what_was_asked_for_is_read_in_parts():
    cut = first("a", "b", of=2, parts=1, cut=True)
    with Pulled(cut, first("a", "b", of=2, parts=1), first("c", "d", of=2, parts=1), **SPEC) as pulled:
        pulled.run()
    assert sorted(event.id for event in pulled.events()) == ["a", "b", "c", "d"]
    assert pulled.position.complete
    assert any("halved" in line for line in pulled.told)
    assert pulled.gaps == []


def test_a_result_of_as_many_rows_as_were_asked_for_says_that_it_is_cut_off():
    with Pulled(first(*"abcd", of=4, parts=1, cut=True), **SPEC) as pulled:
        pulled.run()
    assert pulled.position.complete


@pytest.mark.parametrize("body", [b"{}", b'{"items":[]}', b""])
def test_202_without_records_is_a_result_that_is_not_ready(body):
    with Pulled(Reply(202, body), records_may_be_absent=True) as pulled:
        with pytest.raises((UnavailableError, AuditError)):
            pulled.run()
        assert not pulled.position.complete
        pulled.run(page(record("a")))
    assert pulled.position.complete
