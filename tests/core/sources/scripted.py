"""A source read over real HTTP from scripted answers: what the tests of paging and of answers have in common."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import requests

from audit_provider.core.model import Fields, Window
from audit_provider.core.sources import PageReader, SourceSpec
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.request import Request
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.rate_limit import RateLimit
from audit_provider.sandbox.server import Reply, Service

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAY = Window(NOW - timedelta(days=1), NOW)
SPEC = SourceSpec(
    name="s",
    title="Some API",
    docs="https://example.com",
    base_url="https://api.example.com",
    request=Request("GET", "/log", params={"from": "{start}", "to": "{end}", "kind": "all"}),
    reading=ClosedWindows(),
    records_at="items",
    fields=Fields("id", "t"),
    rate_limit=RateLimit(100),
)


class Scripted(Service):
    """Answers one scripted reply after the other and keeps the requests."""

    def __init__(self, *replies):
        super().__init__()
        self.replies = list(replies)
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
        reply = reply(self) if callable(reply) else reply
        return reply if isinstance(reply, Reply) else Reply.json(200, reply)

    def sent(self):
        return [f"{each.path}?{'&'.join(f'{k}={v}' for k, v in each.params)}" for each in self.requests]


def items(*names, **more):
    return {"items": [{"id": name, "t": "2026-03-01T00:00:00Z"} for name in names], **more}


def reader(service, prefix="", **changes):
    session = requests.Session()
    session.trust_env = False
    client = HttpClient(session, service.url + prefix, service="Some API", sleep=lambda _: None, tries=2)
    return PageReader(replace(SPEC, **changes), client)


def walk(pages, window=DAY):
    """Read to the end; return the ids."""
    found, cursor = [], ""
    while True:
        page = pages.fetch(window, cursor)
        found += [event.id for event in page.events]
        if not page.more:
            return found
        cursor = page.cursor
