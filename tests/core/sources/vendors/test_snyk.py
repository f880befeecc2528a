"""What Snyk may answer where nothing has happened, and what is not that."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ProtocolError
from audit_provider.core.sources import REGISTRY
from tests.core.sources.scripted import DAY, Scripted, reader, walk

SNYK = REGISTRY["snyk"]
EVENT = {"created": "2026-02-28T10:00:00Z", "event": "org.user.add"}


def read(*answers):
    """Return the number of events that were read."""
    keys = ("paging", "records_at", "records_may_be_absent", "fields", "errors")
    with Scripted(*answers) as service:
        return len(walk(reader(service, **{key: getattr(SNYK, key) for key in keys}), DAY))


@pytest.mark.parametrize("data", [{}, {"items": []}, {"items": None}, None])
def test_a_quiet_window_is_an_empty_page(data):
    assert read({"data": data, "links": {}}) == 0


def test_the_next_page_is_at_a_url_without_a_host():
    pages = {"data": {"items": [EVENT]}, "links": {"next": "/rest/orgs/o/audit_logs/search?cursor=2"}}
    assert read(pages, {"data": {}, "links": {}}) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": {"entries": [EVENT]}, "links": {}}, "records at 'data.entries'"),
        ({"items": [EVENT]}, "records at 'items'"),
        ({"errors": [{"detail": "something broke"}]}, "something broke"),
    ],
)
def test_records_elsewhere_and_errors_are_no_empty_page(answer, said):
    with pytest.raises(ProtocolError, match=said):
        read(answer)
