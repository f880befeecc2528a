"""What ends a list: absent, null, false, an empty text and what the source names; anything else is an error."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ProtocolError
from audit_provider.core.model import Fields
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


# Ends that a source names


def paged(*lists):
    """One page of events for each text of letters, and the last one again for whatever is asked for behind it."""
    return [items(*names) for names in lists]


@pytest.mark.parametrize("end", [0, "0", -1, "-1", "END"])
@pytest.mark.parametrize(
    "paging",
    [
        CursorPaging("c", "next", ends_at=(0, -1, "END")),
        NextUrlPaging("next", ends_at=("0", "-1", "END")),
        PagePaging("page", next_at="next", ends_at=(0, -1, "END")),
        ObjectIdPaging("after", "next", ends_at=(0, "-1", "END")),
    ],
)
def test_a_value_that_the_source_names_ends_a_list(paging, end):
    with Scripted(items("a", next="/log?p=2"), items("b", next=end)) as service:
        assert walk(reader(service, paging=paging)) == ["a", "b"]


def test_what_the_source_does_not_name_is_a_cursor_still():
    with Scripted(items("a", next=0), items("b", next=-1)) as service:
        assert walk(reader(service, paging=CursorPaging("c", "next", ends_at=(-1,)))) == ["a", "b"]
    with Scripted(items("a", next=True)) as service, pytest.raises(ProtocolError, match="has true"):
        reader(service, paging=CursorPaging("c", "next", ends_at=(1, "true"))).fetch(DAY, "")


@pytest.mark.parametrize(
    "paging",
    [
        CursorPaging("c", "next", ends_when_same=True),
        CursorPaging("c", "next", more_at="more", ends_when_same=True),
        NextUrlPaging("next", ends_when_same=True),
        PagePaging("page", next_at="next", ends_when_same=True),
    ],
)
def test_the_cursor_that_was_asked_with_may_be_the_end(paging):
    with Scripted(items("a", next="/log?p=2"), items("b", next="/log?p=2")) as service:
        pages = reader(service, paging=paging)
        assert walk(pages) == ["a", "b"]
    assert len(service.requests) == 2


def test_the_same_cursor_is_no_end_where_the_answer_says_that_there_is_more():
    paging = CursorPaging("c", "next", more_at="more", ends_when_same=True)
    with (
        Scripted(items("a", next="x", more=True)) as service,
        pytest.raises(ProtocolError, match="returned the cursor"),
    ):
        walk(reader(service, paging=paging))


def test_a_tail_keeps_the_cursor_that_ends_it():
    with Scripted(items("a", next="t1"), items(next="t1")) as service:
        pages = reader(service, paging=CursorPaging("c", "next", ends_when_same=True))
        pages.fetch(DAY, "")
        page = pages.fetch(DAY, "t1")
    assert (page.more, page.cursor) == (False, "t1")


def test_the_error_of_a_repeated_cursor_names_the_setting():
    with Scripted(items("a", next="x")) as service, pytest.raises(ProtocolError, match="paging.ends_when_same"):
        walk(reader(service, paging=CursorPaging("c", "next")))


@pytest.mark.parametrize("paging", [PagePaging("p", ends_when_same=True), OffsetPaging("o", ends_when_same=True)])
@pytest.mark.parametrize("fields", [Fields("id", "t"), Fields("", "t")])
def test_the_last_page_again_may_be_the_end(paging, fields):
    with Scripted(*paged("ab", "cd", "e")) as service:
        found = walk(reader(service, paging=paging, fields=fields))
    assert len(found) == len(set(found)) == 5
    assert len(service.requests) == 5, "it is asked for twice"


def test_a_page_that_is_there_again_does_not_end_a_list_that_goes_on():
    # Between the two requests as many rows came in as a page has.
    with Scripted(*paged("ab", "ab", "cd", "e", "e", "e")) as service:
        assert sorted(walk(reader(service, paging=PagePaging("p", ends_when_same=True)))) == list("abcde")
    with (
        Scripted(*paged("ab", "ab", "cd")) as service,
        pytest.raises(ProtocolError, match="unset paging.ends_when_same"),
    ):
        walk(reader(service, paging=PagePaging("p", ends_when_same=True), fields=Fields("", "t")))


def test_every_list_is_measured_by_itself():
    with Scripted(*paged("a", "a", "a")) as service:
        pages = reader(service, paging=PagePaging("p", ends_when_same=True))
        assert [walk(pages), walk(pages)] == [["a"], ["a"]]


@pytest.mark.parametrize("first", [0, 1])
def test_the_number_of_pages_ends_a_list(first):
    with Scripted(*[items(name, meta={"pages": "3"}) for name in "abcd"]) as service:
        assert walk(reader(service, paging=PagePaging("p", first=first, pages_at="meta.pages"))) == ["a", "b", "c"]
    with Scripted(items(pages=0)) as service:
        assert walk(reader(service, paging=PagePaging("p", first=first, pages_at="pages"))) == []


@pytest.mark.parametrize("unknown", [{}, {"pages": None}, {"pages": -1}])
def test_without_a_number_of_pages_an_empty_page_is_the_end(unknown):
    with Scripted(items("a", **unknown), items("b", **unknown), items(**unknown)) as service:
        assert walk(reader(service, paging=PagePaging("p", pages_at="pages"))) == ["a", "b"]


def test_a_number_of_the_last_page_is_not_taken_for_their_number():
    with Scripted(items("a", last=0)) as service, pytest.raises(ProtocolError, match="paging.pages_at"):
        reader(service, paging=PagePaging("p", first=0, pages_at="last")).fetch(DAY, "")


@pytest.mark.parametrize("total", [-1, 1])
def test_a_total_that_cannot_be_one_does_not_end_a_list(total):
    with Scripted(items("a", "b", total=total), items("c", total=total), items(total=total)) as service:
        assert walk(reader(service, paging=OffsetPaging("o", total_at="total"))) == ["a", "b", "c"]


def test_without_a_flag_an_empty_page_ends_a_list_that_is_read_by_ids():
    with Scripted(items("a", "b"), items("c"), items()) as service:
        assert walk(reader(service, paging=ObjectIdPaging("after"))) == ["a", "b", "c"]
    assert [each.param("after") for each in service.requests] == [None, "b", "c"]
    with Scripted(items("a"), items("a")) as service:
        assert walk(reader(service, paging=ObjectIdPaging("from", ends_when_same=True))) == ["a", "a"]
    with Scripted({"items": [{"t": 1}]}) as service, pytest.raises(ProtocolError, match=r"fields.id"):
        reader(service, paging=ObjectIdPaging("after")).fetch(DAY, "")


def test_settings_of_the_end_leave_kept_cursors_valid():
    with Scripted(items()) as service:
        keys = {
            reader(service, paging=each).request_key
            for each in (CursorPaging("c", "next"), CursorPaging("c", "next", ends_at=(0,), ends_when_same=True))
        }
        other = reader(service, paging=CursorPaging("c", "after")).request_key
    assert len(keys) == 1
    assert other not in keys
