"""LaunchDarkly continues a page with what happened before its last entry."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_provider.sandbox.server import Reply, Service
from tests.core.sources.vendors.vendor_desk import NOW, VendorDesk

PAGE = 20


class AuditLog(Service):
    """Serves entries newest first; all of them happened before the time in ``before``, as the next link's have too.

    https://launchdarkly.com/docs/api/audit-log/get-audit-log-entries
    """

    def __init__(self):
        super().__init__()
        self.dates = []

    def answer(self, request):
        after, before = (int(request.param(name)) for name in ("after", "before"))
        rows = sorted(((date, number) for number, date in enumerate(self.dates) if after < date < before), reverse=True)
        page, links = rows[:PAGE], {}
        if len(rows) > PAGE:
            links["next"] = {"href": f"/api/v2/auditlog?after={after}&before={page[-1][0]}&limit={PAGE}"}
        items = [{"_id": f"e{number}", "date": date, "kind": "flag"} for date, number in page]
        return Reply.json(200, {"_links": links, "items": items})


@pytest.fixture
def log():
    with AuditLog() as service:
        yield service


@pytest.mark.parametrize("ties", [2, 7, 19])
def test_entries_of_one_millisecond_on_both_sides_of_a_page_are_read(log, monkeypatch, ties):
    begin = int((NOW - timedelta(hours=5)).timestamp() * 1000)
    log.dates = [begin + 1000 * (number // ties) for number in range(150)]
    desk = VendorDesk("launchdarkly", log, {"password": "api-1"}, monkeypatch)
    assert desk.run().complete
    assert desk.ids() == sorted(f"e{number}" for number in range(150))


def test_a_page_of_entries_of_one_millisecond_does_not_stop_the_reading(log, monkeypatch):
    begin = int((NOW - timedelta(hours=5)).timestamp() * 1000)
    log.dates = [begin] * 10 + [begin + 5000] * PAGE + [begin + 9000]
    desk = VendorDesk("launchdarkly", log, {"password": "api-1"}, monkeypatch)
    assert desk.run().complete
    assert desk.ids() == sorted(f"e{number}" for number in range(31))
