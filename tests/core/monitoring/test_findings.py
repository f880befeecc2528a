"""What is new or wrong, told once; and what is remembered for that."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.ledger.event_account import Account
from audit_provider.core.ledger.gaps import GapRecord
from audit_provider.core.ledger.health import Notice
from audit_provider.core.monitoring.activity import Day
from audit_provider.core.monitoring.baseline import figures_of
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.conditions import conditions
from audit_provider.core.monitoring.findings import MOST_AT_ONCE, noteworthy
from audit_provider.core.monitoring.memory import Memory
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.core.monitoring.summary import Finding

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=timezone.utc)
KEY = "01" * 16
CLASSIFIER = Classifier({"login": "authentication.login", "drop": "user.delete"}, {}, ["drop", "login"])


def hours(count, hour=9):
    return [count if each == hour else 0 for each in range(24)]


def days(count=20, **today):
    """Return days of which every one is alike, but for the last."""
    found = [
        Day(day=(NOW - timedelta(days=count - 1 - each)).date(), actions={"read": hours(5)}, watched={})
        for each in range(count)
    ]
    for each in found[:-1]:
        each.actions["drop"] = hours(1)
        each.watched["drop"] = {"root": 1}
    for key, value in today.items():
        setattr(found[-1], key, value)
    return found


def told(days, memory=None, **settings):
    memory = memory or Memory(key=KEY)
    found = noteworthy(figures_of(days, CLASSIFIER), CLASSIFIER, memory, Monitoring(**settings), NOW)
    return [each for each in found if each.at.date() == NOW.date()]


def test_an_action_is_new_once():
    memory = Memory(key=KEY)
    today = days(actions={"read": hours(5), "wipe": hours(2, hour=7)})
    (found,) = told(today, memory)
    assert (found.kind, found.subject, found.count, found.at.hour) == ("new_action", "wipe", 2, 7)
    kept = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
    assert [each.kind for each in told(today, kept)] == []


def test_nothing_is_new_to_a_short_history():
    assert told(days(5, actions={"wipe": hours(1)})) == []
    assert [each.kind for each in told(days(9, actions={"wipe": hours(1)}))] == ["new_action"]


def test_an_actor_is_new_to_what_matters_to_security_alone():
    today = {"drop": {"root": 1, "eve": 2}, "login": {"mallory": 3}}
    found = {(each.kind, each.subject) for each in told(days(watched=today))}
    assert found == {
        ("new_actor", "eve"),
        ("security_action", "drop"),
        ("security_action", "login"),
    }


def test_names_of_actors_are_not_kept_beyond_the_days():
    memory = Memory(key=KEY)
    told(days(watched={"drop": {"eve@example.com": 1}}), memory)
    assert b"eve" not in msgspec.json.encode(memory)
    assert memory.digest("eve@example.com") in memory.actors
    assert Memory(key="02" * 16).digest("eve@example.com") not in memory.actors


def test_bursts_of_failed_logins_lie_above_what_a_name_has_had():
    burst = {9: {"victim": 30, "clumsy": 4}}
    (found,) = told(days(failed_by_actor=burst))
    assert (found.subject, found.count) == ("victim", 30)
    assert told(days(failed_by_address={9: {"192.0.2.1": 19}})) == []
    assert told(days(failed_by_address={9: {"192.0.2.1": 20}}))[0].subject == "192.0.2.1"
    failing = days(failed_by_actor=burst)
    for each in failing[:-1]:
        each.failed_by_actor = {3: {"victim": 12}}
    assert told(failing) == [], "a job with an old password fails every day"
    assert told(days(failed_by_actor=burst), failed_logins_per_actor=31) == []


def found_of(days, memory, now=NOW):
    found = noteworthy(figures_of(days, CLASSIFIER), CLASSIFIER, memory, Monitoring(), now)
    return sorted((each.kind, each.subject, (now.date() - each.at.date()).days) for each in found)


def watched_memory(found):
    """Return the memory of a pipeline that has been watched for longer than the days that are kept."""
    memory = Memory(key=KEY, since=(NOW - timedelta(days=99)).date())
    for each in found:
        each.live = 6
    found_of(found, memory)
    return memory


@pytest.mark.parametrize("ago", [3, 5, 11])
def test_what_is_read_late_is_found_on_its_day(ago):
    """After an outage, a pause, a late export, or by the reconciliation."""
    history = days()
    memory = watched_memory(history)
    late = history[-1 - ago]
    late.live += 60
    late.actions |= {"wipe": hours(4), "login": hours(56)}
    late.watched |= {"login": {"victim": 50}}
    late.watched["drop"] |= {"eve": 2}
    late.failed_by_actor = {9: {"victim": 50}}
    found = [
        ("failed_logins", "victim", ago),
        ("new_action", "login", ago),
        ("new_action", "wipe", ago),
        ("new_actor", "eve", ago),
        ("security_action", "drop", ago),
        ("security_action", "login", ago),
    ]
    assert [each for each in found_of(history, memory) if each[2] > 2] == found
    assert [each for each in found_of(history, memory) if each[2] > 2] == [], "nothing new is counted of it"
    kept = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
    late.live += 1
    assert ("failed_logins", "victim", ago) in found_of(history, kept), "and it has the id of the one before"


def test_a_day_that_a_backfill_has_filled_is_not_looked_at():
    history = days()
    memory = watched_memory(history)
    for day in history[:-1]:
        day.actions["wipe"] = hours(9)
        day.backfilled_only = ["wipe"]
        day.backfilled.watched = {"drop": {"eve": 9}, "login": {"victim": 50}}
        day.backfilled.failed_by_actor = {9: {"victim": 50}}
    assert not [each for each in found_of(history, memory) if each[2] > 2 or each[1] in ("wipe", "eve", "victim")]
    history[-1].live, history[-1].watched = 9, {"drop": {"eve": 1}}
    history[-1].failed_by_actor = {9: {"victim": 50}}
    history[-1].actions["wipe"] = hours(1)
    found = [each for each in found_of(history, memory) if each[2] == 0]
    assert found == [("security_action", "drop", 0)], (
        "the backfill has made the action, the actor and the failures known"
    )


def test_the_past_that_a_pipeline_begins_with_is_told_in_short():
    history = days(30)
    for day in history:
        day.live = 6
        day.actions["login"] = hours(50)
        day.watched["login"] = {"victim": 50}
    history[5].failed_by_actor = {9: {"victim": 50}}
    history[6].actions["wipe"] = hours(1)
    history[10].watched["drop"] = {"eve": 2}
    memory = Memory(key=KEY, since=NOW.date())
    found = noteworthy(figures_of(history, CLASSIFIER), CLASSIFIER, memory, Monitoring(), NOW)
    past = [each for each in found if each.at.date() < NOW.date() - timedelta(days=2)]
    assert sorted(each.kind for each in past) == ["failed_logins", *["security_action"] * 27]
    (noted,) = [each for each in past if "eve" in each.title]
    assert noted.title == (
        f"On {history[10].day}, before monitoring began: victim performed login 50 times; eve performed drop 2 times."
    )
    assert noted.count == 52
    assert found_of(history, memory) == found_of(history, memory)


def test_many_at_once_are_told_as_few():
    new = {f"action {each}": hours(1) for each in range(200)}
    found = told(days(actions=new))
    assert len(found) == MOST_AT_ONCE + 1
    assert "180 more findings" in found[-1].title
    assert len({each.id for each in found}) == len(found)


def account(**changes):
    figures = {"pending": 7, "failures_in_a_row": 1, "last_error": "splunk answered 503."} | changes
    numbers = dict.fromkeys(
        ("read", "spooled", "duplicates", "before", "delivered", "already_there", "too_old", "dead_lettered"), 0
    )
    return Account(stream="p/live", destination="splunk", **numbers, **figures)


def wrong(now=NOW, **changes):
    state = {"lag": 60.0, "accounts": [], "dead_letters": {}, "gaps": [], "settings": Monitoring(), **changes}
    return conditions(now=now, **state)


def test_nothing_is_wrong_where_all_is_well():
    assert wrong(accounts=[account(failures_in_a_row=0, last_error="")], dead_letters={"splunk": 0}) == []
    assert wrong(lag=None) == []


def test_what_reading_has_noticed_lasts_as_long_as_it_holds():
    notices = [
        Notice("paging next", "no answer has had anything at 'next'.", NOW),
        Notice("fields.ip ip", "no record has anything at 'ip'.", NOW, "info"),
    ]
    first, second = wrong(notices=notices)
    assert (first.kind, first.severity, first.at) == ("notice", "warning", NOW)
    assert first.title == "No answer has had anything at 'next'."
    assert second.severity == "info"
    again = wrong(notices=[Notice("paging next", "no answer had it; did you mean 'meta.next'?", NOW)])
    assert again[0].id == first.id != second.id, "it is told once"


def test_lag_beyond_the_target_and_far_beyond():
    assert [each.severity for each in wrong(lag=3601)] == ["warning"]
    (found,) = wrong(lag=20_000)
    assert found.severity == "critical"
    assert found.title == "Reading is 6 hours behind, where 60 minutes is the target."


def test_undelivered_events_are_graver_the_longer_it_lasts():
    (found,) = wrong(accounts=[account()])
    assert found.title == "splunk has 7 undelivered events: its last run failed (splunk answered 503)."
    (worse,) = wrong(accounts=[account(failures_in_a_row=3)])
    assert (found.severity, worse.severity) == ("warning", "critical")
    assert found.id != worse.id
    assert worse.id == wrong(accounts=[account(failures_in_a_row=9, pending=800)])[0].id


def test_refused_events_and_gaps():
    (few,), (more,), (many,) = (wrong(dead_letters={"splunk": count}) for count in (2, 9, 40))
    assert few.id == more.id != many.id
    gap = GapRecord("abc", "p", "p/live", "look_back", NOW - timedelta(days=2), NOW - timedelta(days=1), "too far back")
    (found,) = wrong(gaps=[gap])
    assert (found.kind, found.severity) == ("gap", "critical")
    assert "too far back" in found.title


def finding(name, at=NOW):
    return Finding(id=name, kind="surge", severity="warning", title=name, at=at)


def test_a_finding_is_new_once_and_a_state_is_new_again_when_it_comes_back():
    memory = Memory(key=KEY)
    assert memory.settle([finding("a")], [finding("b")], NOW) == [finding("a"), finding("b")]
    later = NOW + timedelta(hours=1)
    assert memory.settle([finding("a", later)], [finding("b", later)], later) == []
    assert [each.finding.at for each in memory.findings] == [NOW, NOW]
    memory.settle([], [], later)
    assert [each.finding.id for each in memory.findings] == ["a"], "what was stays known, what is not any more does not"
    assert memory.settle([], [finding("b", later)], later) == [finding("b", later)]
    memory.settle([], [], later + timedelta(days=40))
    assert memory.findings == []


def test_what_was_told_is_not_told_again_and_the_past_is_left_alone():
    memory = Memory(key=KEY)
    memory.settle([finding("a")], [], NOW)
    (due,) = memory.untold("mail", NOW)
    due.told.append("mail")
    assert memory.untold("mail", NOW) == []
    assert memory.untold("chat", NOW) == [due]
    assert memory.untold("chat", NOW + timedelta(days=2)) == []


def test_whoever_tells_findings_is_owed_them_for_as_long_as_it_cannot():
    memory = Memory(key=KEY)
    memory.settle([finding("old")], [], NOW - timedelta(days=3))
    memory.settle([finding("a")], [], NOW)
    memory.meet(["mail"], NOW)
    later = NOW + timedelta(days=20)
    memory = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
    memory.meet(["mail", "chat"], later)
    assert [each.finding.id for each in memory.untold("mail", later)] == ["a"]
    assert memory.untold("chat", later) == [], "a new one is not told all of the past"
    memory.meet(["chat"], later)
    memory.meet(["chat", "mail"], later)
    assert memory.untold("mail", later) == [], "nor is one that comes back"


@pytest.mark.parametrize("count", [100, 20_000])
def test_memory_is_bounded(count):
    memory = Memory(key=KEY)
    memory.learn((f"a{each}" for each in range(count)), ((f"u{each}", NOW.date()) for each in range(count)))
    memory.settle([finding(f"f{each}") for each in range(count)], [], NOW)
    assert len(msgspec.json.encode(memory)) < 1_000_000
    assert memory.full == (count > 5000)


def test_an_hour_has_what_its_reports_saw():
    memory = Memory(key=KEY)
    begin = NOW.replace(minute=0)
    memory.note(NOW, 30.0, {"siem": 1000})
    assert memory.hours[begin].delivered == {}, "nobody knows when what was given before the first report was given"
    memory.note(NOW + timedelta(minutes=5), 90.0, {"siem": 1010, "late": 7})
    memory.note(NOW + timedelta(minutes=10), 20.0, {"siem": 1015, "late": 9})
    assert memory.hours[begin].delivered == {"siem": 15, "late": 2}
    assert memory.hours[begin].lag == 90.0
    memory.note(NOW + timedelta(hours=1), None, {"siem": 3, "late": 9})
    memory.note(NOW + timedelta(hours=1), None, {"siem": 4, "late": 9})
    assert memory.hours[begin + timedelta(hours=1)].delivered == {"siem": 1}, "where counting began anew"
    memory.note(NOW + timedelta(days=7, minutes=20), 0.0, {"siem": 5})
    assert sorted(memory.hours) == [begin + timedelta(hours=1), begin + timedelta(days=7)]
    kept = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
    assert kept.hours == memory.hours
