"""What is counted of a spool, and that it stays small."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Event, Fields
from audit_provider.core.monitoring.activity import MOST_ACTIONS, MOST_NAMES, REST, Activity
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.counting import count
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

    def write(self, records, at=NOW, *, now=NOW, first=None):
        """Write a segment. :param first: number in the id of its first event."""
        segment = SegmentWriter(now)
        place = self.position.head.total if first is None else first
        segment.add(
            [
                Event(f"e{place + each}", at, msgspec.Raw(msgspec.json.encode(record)))
                for each, record in enumerate(records)
            ]
        )
        head = self.stream.append(segment, self.position.head, now)
        self.position = replace(self.position, head=head)

    def begin_anew(self, chain):
        """Read on after the position was deleted."""
        self.position = Position(source="s", chain=chain, fields=FIELDS)
        self.stream = Stream(self.store, "p/live", chain)

    def count(self, deadline=None, *, now=NOW, **more):
        streams, end = [(self.stream, self.position)], deadline or now + timedelta(hours=1)
        return count(self.activity, streams, CLASSIFIER, now=lambda: now, deadline=end, **more)

    def totals(self, first=-34, last=0):
        """Return how many events are counted, by days from today."""
        days = self.activity.days(NOW.date() + timedelta(days=first), NOW.date() + timedelta(days=last))
        found = {(each.day - NOW.date()).days: sum(map(sum, each.actions.values())) for each in days}
        return {day: total for day, total in found.items() if total}

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


def test_an_event_dated_ahead_counts_once_its_day_has_come(spool):
    """At 23:58, by a vendor whose clock is five minutes ahead; and one that takes local times for UTC."""
    night = NOW.replace(hour=23, minute=58)
    spool.write([{"action": "drop", "actor": "mallory"}] * 20, at=night + timedelta(minutes=5), now=night)
    spool.write([{"action": "a"}] * 3, at=night + timedelta(hours=11), now=night)
    assert spool.count(now=night).events == 0
    assert spool.totals() == {}
    morning = night + timedelta(hours=3)
    spool.write([{"action": "a"}], at=morning, now=morning)
    assert spool.count(now=morning).events == 1
    assert spool.totals(last=1) == {1: 24}
    day = spool.activity.day(morning.date())
    assert day.watched == {"drop": {"mallory": 20}}
    assert spool.count(now=morning).segments == 0
    spool.activity.prune(morning.date())
    assert spool.totals(last=1) == {1: 24}


def test_a_day_that_comes_without_an_event_of_its_own_is_there(spool):
    spool.write([{"action": "a"}] * 2, at=NOW + timedelta(days=1))
    spool.count()
    later = NOW + timedelta(days=1, hours=1)
    assert spool.count(now=later).segments == 0
    assert spool.totals(last=1) == {1: 2}


@pytest.mark.parametrize("ahead", [timedelta(days=36), timedelta(days=900), timedelta(days=2_900_000)])
def test_an_event_dated_far_ahead_counts_on_the_day_of_its_writing(spool, ahead):
    """Its own day would be kept for as long, and there may be one for every event."""
    spool.write([{"action": "drop", "actor": "mallory"}, {"action": "a"}], at=NOW + ahead)
    assert spool.count(now=NOW + timedelta(days=1)).events == 2
    assert spool.totals() == {0: 2}
    assert spool.today().watched == {"drop": {"mallory": 1}}


def test_a_backfill_counts_and_names_nobody(spool):
    spool.write([{"action": "drop", "actor": "old"}, {"action": "fail", "actor": "job", "ip": "192.0.2.1"}])
    spool.count(backfills=["p/live"])
    day = spool.today()
    assert (spool.totals(), day.live, day.watched, day.failed_by_actor) == ({0: 2}, 0, {}, {})
    assert day.backfilled.watched == {"drop": {"old": 1}}
    assert day.backfilled.failed_by_address == {12: {"192.0.2.1": 1}}
    assert day.backfilled_only == ["drop", "fail"]
    spool.write([{"action": "drop", "actor": "eve"}])
    spool.count()
    day = spool.today()
    assert (spool.totals(), day.live, day.watched) == ({0: 3}, 1, {"drop": {"eve": 1}})
    assert day.backfilled_only == ["fail"]


DAILY = range(-40, 1)


def read_daily(spool, days=DAILY):
    """Write a segment for each day, with two events that have the same ids whenever they are read."""
    for day in days:
        at = NOW + timedelta(days=day)
        spool.write([{"action": "drop", "actor": f"a{day}"}] * 2, at=at, now=at, first=1000 + 2 * day)


WHOLE = dict.fromkeys(range(-34, 1), 2)


@pytest.mark.parametrize("first", [-40, -20, -1])
def test_a_position_that_is_deleted_and_read_again_counts_nothing_twice(spool, first):
    read_daily(spool)
    spool.count()
    assert spool.totals() == WHOLE
    names = spool.today().watched
    spool.begin_anew("d")
    read_daily(spool, range(first, 1))
    assert spool.count().events == 0
    assert (spool.totals(), spool.today().watched, spool.today().live) == (WHOLE, names, 2)
    spool.write([{"action": "a"}], first=5000)
    spool.write([{"action": "late"}], at=NOW - timedelta(days=3), first=6000)
    assert spool.count().events == 2
    assert spool.totals() == WHOLE | {0: 3, -3: 3}


def test_what_the_old_chain_had_not_read_is_counted(spool):
    read_daily(spool, range(-9, 1))
    spool.count()
    spool.begin_anew("d")
    read_daily(spool, range(-20, 1))
    assert spool.count().events == 2 * 11
    assert spool.totals() == dict.fromkeys(range(-20, 1), 2)


def test_a_position_that_is_restored_counts_nothing_twice_either(spool):
    read_daily(spool, range(-9, -1))
    spool.count()
    before = spool.stream, spool.position
    spool.begin_anew("d")
    read_daily(spool, range(-9, 1))
    spool.count()
    spool.stream, spool.position = before
    read_daily(spool, range(-1, 1))
    spool.write([{"action": "a"}], first=5000)
    assert spool.count().events == 1
    assert spool.totals() == dict.fromkeys(range(-9, 0), 2) | {0: 3}
    spool.begin_anew("e")
    read_daily(spool, range(-9, 1))
    assert spool.count().events == 0


def test_what_retention_has_removed_of_the_old_chain_was_counted(spool):
    read_daily(spool)
    spool.count()
    spool.stream.prune(finished=30, written_before=NOW, now=NOW)
    spool.begin_anew("d")
    read_daily(spool)
    assert spool.count().events == 0
    assert spool.totals() == WHOLE


def test_an_old_chain_costs_nothing_once_what_is_read_is_newer(spool, monkeypatch):
    read_daily(spool)
    spool.count()
    spool.begin_anew("d")
    read_daily(spool)
    spool.count()
    spool.write([{"action": "a"}], at=NOW + timedelta(hours=1), first=5000)
    read = []
    get = LocalStore.get
    monkeypatch.setattr(LocalStore, "get", lambda store, key: read.append(key) or get(store, key))
    assert spool.count().events == 1
    assert not [key for key in read if "/c/" in key]


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
