"""Figma gives 1,000 events for a time range and no way to the rest: busy ranges are read in parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from audit_provider.core.sources import REGISTRY
from tests.core.sources.pulled import Pulled
from tests.core.sources.scripted import NOW

FIGMA = REGISTRY["figma"]
BEGIN = NOW - timedelta(hours=12)


class Organisation:
    """Its activity log, of which an answer holds ``limit`` events at most."""

    def __init__(self, moments, limit):
        self.rows = [{"id": str(n), "timestamp": int(each.timestamp())} for n, each in enumerate(moments)]
        self.limit = limit

    def answer(self, service):
        asked = {name: int(value) for name, value in service.requests[-1].params if name.endswith("_time")}
        found = [row for row in self.rows if asked["start_time"] <= row["timestamp"] <= asked["end_time"]]
        page, more = found[: self.limit], len(found) > self.limit
        return {"meta": {"activity_logs": page, "cursor": "c", "next_page": more}}


def read(moments, limit=10, most=10):
    organisation = Organisation(moments, limit)
    keys = ("request", "times", "paging", "records_at", "fields", "errors")
    changes = {key: getattr(FIGMA, key) for key in keys}
    with Pulled(organisation.answer, **changes, reading=replace(FIGMA.reading, most=most)) as pulled:
        pulled.run()
    return sorted(int(each.id) for each in pulled.events()), pulled


def test_a_burst_is_read_whole_in_parts():
    found, pulled = read([BEGIN + timedelta(seconds=20 * n) for n in range(300)])
    assert found == list(range(300))
    assert pulled.gaps == []


def test_a_lower_limit_than_was_asked_for_is_no_end():
    """The answer itself says that there is more."""
    found, pulled = read([BEGIN + timedelta(seconds=20 * n) for n in range(300)], limit=10, most=1000)
    assert found == list(range(300))
    assert pulled.gaps == []


def test_more_events_in_a_moment_than_an_answer_holds_are_a_gap():
    found, pulled = read([BEGIN] * 25)
    assert len(found) == 10
    assert [each.kind for each in pulled.gaps][:1] == ["cap"]
    assert pulled.gaps[0].wanted <= datetime.fromtimestamp(int(BEGIN.timestamp()), timezone.utc)
