"""What is counted of a spool, and that it stays small."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.model import Event, Fields
from audit_provider.core.monitoring.activity import MOST_ACTIONS, MOST_NAMES, REST, Activity
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.counting import count
from audit_provider.core.position import Position
from audit_provider.core.spool import LocalStore, SegmentWriter, Stream

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=timezone.utc)
FIELDS = Fields(id="id", time="time", action="action", actor_email="actor", ip="ip", outcome="outcome")
CLASSIFIER = Classifier(
    {"login": "authentication.login", "fail": "authentication.login.failure", "drop": "user.delete"}, {}, ["drop"]
)


class Spool:
    """A stream that is written to, and the counts beside it."""

    def __init__(self, folder):
        self.store = LocalStore(folder)
        self.position = Position(source="s", chain="c", fields=FIELDS)
        self.stream = Stream(self.store, "p/live", "c")
        self.activity = Activity(self.store, "p")

    def write(self, records, at=NOW):
        segment = SegmentWriter(NOW)
        place = self.position.head.total
        segment.add(
            [
                Event(f"e{place + each}", at, msgspec.Raw(msgspec.json.encode(record)))
                for each, record in enumerate(records)
            ]
        )
        head = self.stream.append(segment, self.position.head, NOW)
        self.position = replace(self.position, head=head)

    def count(self, deadline=NOW + timedelta(hours=1)):
        return count(self.activity, [(self.stream, self.position)], CLASSIFIER, now=lambda: NOW, deadline=deadline)

    def today(self):
        return self.activity.day(NOW.date())


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path)


def test_only_new_segments_are_read(spool):
    spool.write([{"action": "a"}] * 3)
    assert spool.count().events == 3
    assert spool.count().segments == 0
    spool.write([{"action": "a"}, {"action": "b"}])
    assert spool.count().segments == 1
    assert {action: hours[12] for action, hours in spool.today().actions.items()} == {"a": 4, "b": 1}


def test_failed_logins_are_known_by_the_action_or_by_the_record(spool):
    spool.write(
        [
            {"action": "fail", "actor": "a@x", "ip": "192.0.2.1"},
            {"action": "login", "actor": "a@x", "ip": "192.0.2.1", "outcome": "FAILURE"},
            {"action": "login", "actor": "a@x", "ip": "192.0.2.1", "outcome": "SUCCESS"},
            {"action": "login", "actor": "b@x"},
        ]
    )
    spool.count()
    assert spool.today().failed_by_actor == {12: {"a@x": 2}}
    assert spool.today().failed_by_address == {12: {"192.0.2.1": 2}}


def test_names_without_end_do_not_fill_the_spool(spool):
    many = [{"action": f"action {each}" * 50, "actor": f"a{each}"} for each in range(2 * MOST_ACTIONS)]
    actors = [{"action": "drop", "actor": f"a{each % 200}" * 100} for each in range(500)]
    logins = [{"action": "fail", "actor": f"a{each}", "ip": f"i{each}"} for each in range(500)]
    burst = [{"action": "fail", "actor": "victim", "ip": "192.0.2.9"}] * 20
    spool.write([*actors, *logins, *burst, *many])
    spool.count()
    day = spool.today()
    assert len(day.actions) == MOST_ACTIONS
    assert sum(map(sum, day.actions.values())) + sum(map(sum, day.rest.values())) == len(many) + 1020
    assert len(day.watched["drop"]) == MOST_NAMES + 1
    assert sum(day.watched["drop"].values()) == 500
    assert REST in day.watched["drop"]
    assert len(day.failed_by_actor[12]) == MOST_NAMES
    assert day.failed_by_actor[12]["victim"] == 20
    (path,) = spool.store._root.glob("p/activity/2026-*.json")
    assert path.stat().st_size < 200_000


def test_what_is_older_than_the_days_that_are_kept_is_not_counted(spool):
    spool.write([{"action": "old"}], at=NOW - timedelta(days=40))
    spool.write([{"action": "future"}], at=NOW + timedelta(days=3))
    counted = spool.count()
    assert (counted.segments, counted.complete) == (0, True)
    assert spool.count().segments == 0
    assert list(spool.store._root.glob("p/activity/2026-*.json")) == []


def test_counting_stops_in_good_order_and_goes_on(spool):
    for _ in range(3):
        spool.write([{"action": "a"}])
    assert not spool.count(deadline=NOW).complete
    assert sum(spool.today().actions["a"]) == 1
    assert not spool.count(deadline=NOW).complete
    assert spool.count().complete
    assert sum(spool.today().actions["a"]) == 3


@pytest.mark.parametrize("content", [b"{", b'{"day":"2026-03-02","actions":{"Log\xffin":[1]}}'])
def test_counts_that_cannot_be_read_are_named(spool, content):
    spool.write([{"action": "a"}])
    spool.count()
    path = spool.store._root / "p/activity/2026-03-02.json"
    path.write_bytes(content)
    with pytest.raises(SpoolDamagedError, match="p/activity/2026-03-02.json cannot be read.*delete the folder"):
        spool.today()


def test_a_record_that_is_none_of_the_kind_is_counted_without_a_name(spool):
    spool.write([{"record": None}, {"action": 7}, {"action": {"deep": 1}}])
    spool.count()
    assert {action: sum(hours) for action, hours in spool.today().actions.items()} == {"": 2, "7": 1}
