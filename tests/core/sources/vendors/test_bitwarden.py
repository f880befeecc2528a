"""Bitwarden on a server of one's own: a page is continued from the time of its last event."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.records import time_from
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.paging import NoPaging
from audit_provider.sandbox.server import Reply, Service
from tests.core.sources.vendors.vendor_desk import NOW, VendorDesk

PAGE = 50
OWN_SERVER = replace(REGISTRY["bitwarden"], paging=NoPaging(cut_at="continuationToken"))


class OwnServer(Service):
    """Serves the newest events before the token, which is the time of the last event of the page before.

    https://github.com/bitwarden/server : ``Event_ReadPageByOrganizationId`` and its ``BeforeDate``
    """

    def __init__(self):
        super().__init__()
        self.moments = []

    def answer(self, request):
        if request.path == "/connect/token":
            return Reply.json(200, {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
        start, end = (time_from(request.param(name)) for name in ("start", "end"))
        before = time_from(request.param("continuationToken") or "")
        rows = [
            (moment, number)
            for number, moment in enumerate(self.moments)
            if start <= moment and (moment < before if before else moment <= end)
        ]
        page = sorted(rows, reverse=True)[:PAGE]
        token = page[-1][0].isoformat() if len(page) == PAGE else None
        data = [{"object": "event", "type": 1100, "itemId": f"{n}", "date": t.isoformat()} for t, n in page]
        return Reply.json(200, {"object": "list", "data": data, "continuationToken": token})


@pytest.fixture
def server():
    with OwnServer() as service:
        yield service


def test_events_of_one_time_on_both_sides_of_a_page_are_read(server, monkeypatch):
    """The client sends what it collected with the time of each event, so many events may have the same time."""
    server.moments = [NOW - timedelta(minutes=10 * (number // 7 + 1)) for number in range(400)]
    connection = {"login": "organization.1", "password": "s", "extra": {"token_url": f"{server.url}/connect/token"}}
    desk = VendorDesk("bitwarden", server, connection, monkeypatch, spec=OWN_SERVER)
    assert desk.run().complete
    assert len(desk.events()) == 400
    assert desk.gaps == []
