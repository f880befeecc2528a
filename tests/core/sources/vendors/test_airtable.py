"""Where Airtable's list ends."""

from __future__ import annotations

from audit_provider.core.sources import REGISTRY
from tests.core.sources.scripted import DAY, Scripted, reader, walk

AIRTABLE = REGISTRY["airtable"]


def read(*answers):
    """Return the ids that were read, and the requests."""
    with Scripted(*answers) as service:
        pages = reader(service, paging=AIRTABLE.paging, records_at=AIRTABLE.records_at, fields=AIRTABLE.fields)
        return walk(pages, DAY), service.sent()


def page(*names, pagination):
    events = [{"id": name, "timestamp": "2026-02-28T10:00:00.000Z"} for name in names]
    return {"events": events, "pagination": pagination}


def test_a_cursor_that_never_ends_is_followed_to_the_empty_page():
    found, sent = read(
        page("a", "b", pagination={"next": "1"}),
        page("c", pagination={"next": "2"}),
        page(pagination={"next": "2", "previous": "1"}),
    )
    assert found == ["a", "b", "c"]
    assert [each.rpartition("next=")[2] for each in sent[1:]] == ["1", "2"]


def test_a_page_without_pagination_is_the_last():
    assert read(page("a", pagination=None))[0] == ["a"]
    assert read(page("a", pagination={"next": "1"}), page(pagination=None))[0] == ["a"]
