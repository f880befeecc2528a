"""Auth0 by checkpoint: from the id of the last event on, in the order in which events were recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit_provider.core.sources import REGISTRY
from tests.core.sources.pulled import Pulled
from tests.core.sources.scripted import NOW

AUTH0 = REGISTRY["auth0"]
KEYS = ("request", "follow", "reading", "paging", "records_at", "fields", "errors", "page_size")


class Tenant:
    """The log of a tenant: ids in the order of recording, whatever the time of the event."""

    def __init__(self, events, *, second=timedelta(seconds=1)):
        begin = NOW - timedelta(hours=3)
        self.rows = [event(number, begin + second * number) for number in range(events)]

    def add(self, happened):
        self.rows.append(event(len(self.rows), happened))

    def answer(self, service):
        asked = dict(service.requests[-1].params)
        if "from" in asked:
            place = next(n for n, row in enumerate(self.rows) if row["log_id"] == asked["from"])
            return self.rows[place + 1 :][: int(asked["take"])]
        start = datetime.fromisoformat(asked["q"][6:].partition(" ")[0].replace("Z", "+00:00"))
        found = [row for row in self.rows if datetime.fromisoformat(row["date"]) >= start]
        return sorted(found, key=lambda row: row["date"])[: int(asked["per_page"])]


def event(number, happened):
    return {"log_id": f"9002{number:08}", "date": happened.isoformat(), "type": "s"}


def pulling(tenant):
    return Pulled(tenant.answer, **{key: getattr(AUTH0, key) for key in KEYS})


def ids(pulled):
    return sorted(each.id for _, events in pulled.stream.read(pulled.position.head, 1) for each in events)


def test_a_burst_beyond_what_a_search_gives_is_read_whole_and_with_a_request_per_page():
    tenant = Tenant(2500, second=timedelta(milliseconds=2))
    with pulling(tenant) as pulled:
        pulled.run()
        assert ids(pulled) == [row["log_id"] for row in tenant.rows]
        assert len(pulled.service.requests) == 2500 // 100 + 1
    assert pulled.gaps == []


def test_a_late_event_comes_after_the_last_id_and_costs_no_search():
    tenant = Tenant(10)
    with pulling(tenant) as pulled:
        pulled.run()
        tenant.add(NOW - timedelta(hours=3, minutes=-1))
        pulled.service.requests.clear()
        pulled.now += timedelta(hours=2)
        pulled.run()
        assert [dict(each.params).get("from") for each in pulled.service.requests] == ["900200000009", "900200000010"]
    assert ids(pulled) == [row["log_id"] for row in tenant.rows]
