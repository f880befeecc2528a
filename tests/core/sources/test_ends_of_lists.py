"""What ends a list: only absent, null, false and an empty text; anything else that is not expected is an error."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ProtocolError
from audit_provider.core.sources.paging import (
    CursorPaging,
    NextUrlPaging,
    ObjectIdPaging,
    OffsetPaging,
    PagePaging,
)
from tests.core.sources.scripted import DAY, Scripted, items, reader, walk

ENDS = [{}, {"next": None}, {"next": ""}, {"next": False}]
BY_NEXT = [
    CursorPaging("c", "next"),
    CursorPaging("c", "next", ends_when_empty=True),
    NextUrlPaging("next"),
    PagePaging("page", next_at="next"),
    ObjectIdPaging("after", "next"),
]


@pytest.mark.parametrize("paging", BY_NEXT)
@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_list(paging, end):
    with Scripted(items("a", **end)) as service:
        assert walk(reader(service, paging=paging)) == ["a"]


@pytest.mark.parametrize("paging", BY_NEXT)
@pytest.mark.parametrize("wrong", [["c1"], [], {}, {"page": 2}, 1.5])
def test_a_way_on_of_an_unexpected_type_is_not_the_end(paging, wrong):
    with Scripted(items("a", next=wrong)) as service, pytest.raises(ProtocolError, match="'next'"):
        reader(service, paging=paging).fetch(DAY, "")


@pytest.mark.parametrize("paging", [paging for paging in BY_NEXT if not isinstance(paging, ObjectIdPaging)])
def test_true_is_no_way_on(paging):
    with Scripted(items("a", next=True)) as service, pytest.raises(ProtocolError, match="has true at 'next'"):
        reader(service, paging=paging).fetch(DAY, "")


@pytest.mark.parametrize(
    "paging",
    [
        CursorPaging("c", "p.next.after"),
        NextUrlPaging("p.next.after"),
        PagePaging("page", next_at="p.next.after"),
        PagePaging("page", more_at="p.next.after"),
        OffsetPaging("offset", total_at="p.next.after"),
        ObjectIdPaging("after", "p.next.after"),
    ],
)
@pytest.mark.parametrize(
    ("container", "named"), [([{"next": "x"}], "'p'"), ("x", "'p'"), (7, "'p'"), ({"next": ["x"]}, "'p.next'")]
)
def test_a_container_of_the_wrong_type_does_not_hide_the_way_on(paging, container, named):
    with Scripted(items("a", p=container)) as service, pytest.raises(ProtocolError, match=named):
        reader(service, paging=paging).fetch(DAY, "")


@pytest.mark.parametrize("container", [{}, {"p": None}, {"p": {}}, {"p": {"next": None}}, {"p": {"next": ""}}])
def test_an_absent_container_is_the_end(container):
    with Scripted(items("a", **container)) as service:
        assert walk(reader(service, paging=CursorPaging("c", "p.next.after"))) == ["a"]


def test_a_container_of_the_wrong_type_does_not_hide_the_records():
    with (
        Scripted({"data": [{"items": []}]}) as service,
        pytest.raises(ProtocolError, match="at 'data', so 'data.items'"),
    ):
        reader(service, records_at="data.items", records_may_be_absent=True).fetch(DAY, "")


@pytest.mark.parametrize("flag", ["true", 1, 0, [True], {"x": 1}])
@pytest.mark.parametrize("paging", [CursorPaging("c", "next", more_at="more"), PagePaging("page", more_at="more")])
def test_a_flag_of_an_unexpected_type_is_not_the_end(paging, flag):
    with (
        Scripted(items("a", more=flag, next="")) as service,
        pytest.raises(ProtocolError, match="'more'.*true or false"),
    ):
        reader(service, paging=paging).fetch(DAY, "")


def test_a_total_may_be_a_text_and_nothing_else():
    with Scripted(items("a", total="2"), items("b", total="2")) as service:
        assert walk(reader(service, paging=OffsetPaging("offset", total_at="total"))) == ["a", "b"]
        assert len(service.requests) == 2
    with Scripted(items("a", total={"value": 2})) as service, pytest.raises(ProtocolError, match="'total'"):
        reader(service, paging=OffsetPaging("offset", total_at="total")).fetch(DAY, "")


def test_a_link_may_be_an_object_with_a_reference():
    with Scripted(items("a", next={"href": "/log?page=2", "meta": {}}), items("b", next={"href": None})) as service:
        assert walk(reader(service, paging=NextUrlPaging("next"))) == ["a", "b"]
    assert service.sent()[1] == "/log?page=2"
    with Scripted(items("a", next={"href": ["/log"]})) as service, pytest.raises(ProtocolError, match="'next.href'"):
        reader(service, paging=NextUrlPaging("next")).fetch(DAY, "")
