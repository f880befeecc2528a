"""Auth0 by checkpoint: from the id of the last event on, in the order in which events were recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from audit_provider.core.errors import ProtocolError
from audit_provider.core.sources import REGISTRY
from tests.core.sources.pulled import Pulled
from tests.core.sources.scripted import NOW

AUTH0 = REGISTRY["auth0"]
KEYS = ("request", "follow", "reading", "paging", "records_at", "fields", "errors", "page_size")


class Tenant:
    """The log of a tenant: ids in the order of recording, whatever the time of the event."""

    def __init__(self, events, *, second=timedelta(seconds=1)):
        self.searches = 0
        begin = NOW - timedelta(hours=3)
        self.rows = [event(number, begin + second * number) for number in range(events)]

    def add(self, happened):
        self.rows.append(event(len(self.rows), happened))

    def answer(self, service):
        asked = dict(service.requests[-1].params)
        if "from" in asked:
            place = next(n for n, row in enumerate(self.rows) if row["log_id"] == asked["from"])
            return self.rows[place + 1 :][: int(asked["take"])]
        self.searches += 1
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
        # The page that the search gives comes again, because it is continued from its smallest id.
        assert len(pulled.service.requests) == 2500 // 100 + 2
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


def test_an_event_that_is_recorded_hours_late_is_read_and_ids_are_followed_all_the_same():
    """https://auth0.com/docs/deploy-monitor/logs/retrieve-log-events-using-mgmt-api

    By checkpoint, logs are ordered by their id and not by their time, so that delays of Auth0 skip none.
    """
    tenant = Tenant(10)
    with pulling(tenant) as pulled:
        pulled.run()
        for hours in (2, 7, 20):
            tenant.add(NOW - timedelta(hours=hours))
        for _ in range(3):
            pulled.now += timedelta(hours=2)
            pulled.run()
        assert ids(pulled) == [row["log_id"] for row in tenant.rows]
    assert tenant.searches == 1
    assert not any("oldest first" in each for each in pulled.told)


def test_the_first_run_reads_what_was_recorded_before_a_late_event_at_the_end_of_the_search():
    """As above: the last event of a page in the order of time may have a higher id than events of later pages."""
    tenant = Tenant(150)
    # It happened just before the hundredth event, so the search gives it as the hundredth.
    tenant.add(NOW - timedelta(hours=3) + timedelta(seconds=98.5))
    with pulling(tenant) as pulled:
        pulled.run()
        assert ids(pulled) == sorted(row["log_id"] for row in tenant.rows)


def test_ids_that_do_not_rise_are_no_way_to_read_on():
    tenant = Tenant(10)
    with pulling(tenant) as pulled:
        pulled.run()
        for number in (12, 11):
            tenant.rows.append(event(number, NOW))
        with pytest.raises(ProtocolError, match="not oldest first"):
            pulled.run()
