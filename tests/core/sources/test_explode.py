"""Records that hold several events: which bytes become which event."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec
import pytest

from audit_provider.core.model import Event
from audit_provider.core.sources.page_records import Exploder
from tests.core.sources.scripted import DAY, Scripted, reader

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)


def separated(raw, path="events"):
    events, times = Exploder(path).separate([Event("i", AT, msgspec.Raw(raw.encode()))], [AT])
    assert len(events) == len(times)
    return [(event.id, bytes(event.raw).decode()) for event in events]


def test_bytes_of_elements_and_of_what_is_around_them_stay():
    raw = '{"a" : 1.50, "events": [ {"n":"é"} ,  {"n":"\\u00e9","p":[1,[2]]},"x" ], "z":null}'
    assert separated(raw) == [
        ("i", '{"a" : 1.50, "events": [{"n":"é"}], "z":null}'),
        ("i/2", '{"a" : 1.50, "events": [{"n":"\\u00e9","p":[1,[2]]}], "z":null}'),
        ("i/3", '{"a" : 1.50, "events": ["x"], "z":null}'),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        '{"a":1}',
        '{"a":1,"events":[]}',
        '{"a":1,"events":null}',
        '{"a":1,"events":{"n":1}}',
        '{"a":1,"events":[ {"n":1} ]}',
        '{"a":1,"events":"[1,2]"}',
    ],
)
def test_a_record_without_several_elements_is_not_touched(raw):
    assert separated(raw) == [("i", raw)]


def test_an_equal_list_elsewhere_is_left_alone():
    raw = '{"other":[1,2],"in":{"events":[1,2]},"events":[1,2]}'
    assert [text for _, text in separated(raw)] == [
        '{"other":[1,2],"in":{"events":[1,2]},"events":[1]}',
        '{"other":[1,2],"in":{"events":[1,2]},"events":[2]}',
    ]
    assert [text for _, text in separated(raw, "in.events")] == [
        '{"other":[1,2],"in":{"events":[1]},"events":[1,2]}',
        '{"other":[1,2],"in":{"events":[2]},"events":[1,2]}',
    ]


def test_a_record_without_an_id_stays_one_event_so_that_equal_ones_are_counted():
    entry = {"t": "2026-03-01T00:00:00Z", "events": [1, 2]}
    with Scripted({"items": [entry, {"id": "a", **entry}, entry]}) as service:
        page = reader(service, explode_at="events").fetch(DAY, "")
    first, second, third, fourth = (event.id for event in page.events)
    assert (second, third) == ("a", "a/2")
    assert fourth == f"{first}-2"
