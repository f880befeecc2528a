"""A connection that comes to lead to another account."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from audit_provider.core.ledger.account import check_value
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import text_of
from audit_provider.core.streams.open_stream import PositionWriter
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from tests.operators.conftest import DAYS, PYLON_TOKEN, set_clock

CURSOR = StreamName("p").cursor_key


@pytest.fixture
def other(world, request):
    """Another host: of another company, if the test does not say otherwise. It has 50 events in as many days."""
    organization = getattr(request, "param", "org-other")
    events = generate(50, world.now - timedelta(days=DAYS), world.now, seed=77)
    with PylonService(PYLON_TOKEN, events, rate_limits={}, organization=organization) as service:
        yield service


def kept(world, key=CURSOR):
    return json.loads(world.variables.get(key))


def account(world):
    return kept(world)["account"]


def asked(world):
    """Return how often the vendor was asked whose account it is."""
    return sum(seen.path == "/me" for seen in world.pylon.seen)


def happen(world, count=3, service=None):
    """Let events happen, and return how many."""
    (service or world.pylon).add(generate(count, world.now - timedelta(minutes=2), world.now, seed=78))
    return count


def renew(world, token="renewed"):
    """Let the connection have another token of the same account."""
    world.pylon.token = token
    world.connect("PYLON_DEFAULT", password=token)


def a_window(world, days=9):
    return {"start": text_of(world.now - timedelta(days=days)), "end": text_of(world.now - timedelta(days=1))}


def test_another_account_stops_the_pull_before_anything_is_read(world, other):
    world.pull()
    before = world.variables.get(CURSOR)
    world.connect("PYLON_DEFAULT", host=other.url)
    with pytest.raises(AirflowFailException, match="was read from another account") as refused:
        world.pull()
    assert account(world) in str(refused.value)
    assert PYLON_TOKEN not in before + str(refused.value)
    with pytest.raises(AirflowFailException, match="was read from another account"):
        world.pull(window=a_window(world))
    assert world.variables.get(CURSOR) == before


def test_a_deleted_position_begins_anew_with_the_other_account(world, other):
    world.pull()
    world.connect("PYLON_DEFAULT", host=other.url)
    world.variables.delete(CURSOR)
    assert world.pull()["spooled"] == 50


def exchange(world):
    """Let the token of the connection be another one, of another organisation with events of its own."""
    world.pylon.organization = "org-other"
    renew(world, "foreign")
    world.pylon.drop_before(world.now + timedelta(days=1))
    world.pylon.add(generate(50, world.now - timedelta(days=DAYS), world.now, seed=77))


def test_a_token_of_another_account_with_the_same_host_stops_the_pull(world):
    world.pull()
    before = world.variables.get(CURSOR)
    exchange(world)
    with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
        world.pull()
    with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
        world.pull(window=a_window(world))
    assert world.variables.get(CURSOR) == before
    assert "org-" not in before


@pytest.mark.parametrize("other", ["org-same"], indirect=True)
def test_another_host_of_the_same_organisation_needs_no_hand(world, other):
    world.pylon.organization = "org-same"
    world.pull()
    world.connect("PYLON_DEFAULT", host=other.url)
    other.add(generate(3, world.now - timedelta(minutes=2), world.now, seed=78))
    assert world.pull()["spooled"] == 3


@pytest.mark.parametrize("status", [403, 404])
def test_a_vendor_that_does_not_give_the_account_is_read_all_the_same(world, status):
    world.pull()
    before = account(world)
    world.pylon.faults.add("status", path="/me", status=status, count=None)
    world.pull()
    assert account(world) == before, "and what it gave before is kept"


def test_a_vendor_that_cannot_be_asked_for_the_known_account_is_not_read(world):
    world.pull()
    before = world.variables.get(CURSOR)
    exchange(world)
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    with pytest.raises(AirflowException, match="cannot be asked now, so nothing was read") as refused:
        world.pull()
    assert not isinstance(refused.value, AirflowFailException), "the next try may succeed"
    assert world.variables.get(CURSOR) == before


@pytest.mark.parametrize("status", [403, 503])
def test_the_connection_can_say_that_it_is_the_same_account_where_the_vendor_cannot_be_asked(world, status):
    world.pull()
    renew(world)
    world.pylon.faults.add("status", path="/me", status=status, count=None)
    with pytest.raises(AirflowException, match="set 'same_account'"):
        world.pull()
    world.connect("PYLON_DEFAULT", extra={"same_account": account(world)})
    assert world.pull()["spooled"] == happen(world) - 3
    happen(world)
    world.connect("PYLON_DEFAULT", extra={})
    with pytest.raises(AirflowException, match="set 'same_account'"):
        world.pull()
    world.pylon.faults.clear()
    assert world.pull()["spooled"] == 3, "the vendor has given the id for this token itself"


def test_what_a_person_has_said_proves_nothing_of_the_token(world):
    world.pull()
    world.connect("PYLON_DEFAULT", extra={"same_account": account(world)})
    exchange(world)
    world.pull()
    before = world.variables.get(CURSOR)
    world.connect("PYLON_DEFAULT", extra={})
    with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
        world.pull()
    assert world.variables.get(CURSOR) == before


class Killed(BaseException):
    """What ends a process."""


def first_run_is_killed(world, monkeypatch):
    """Let the first run end just after its first commit, as a worker that is killed."""

    def commit(self, position):
        kept_as(self, position)
        raise Killed

    kept_as = PositionWriter.commit
    with monkeypatch.context() as killing:
        killing.setattr(PositionWriter, "commit", commit)
        with pytest.raises(Killed):
            world.pull()


def first_run_waits(world, monkeypatch):
    """Let the source ask the first run, after some pages, for a longer wait than a run lasts."""
    asked_to_wait = {"status": 429, "headers": {"X-Retry-After": "3600"}}
    world.pylon.faults.add("status", path="/audit-logs/search", **asked_to_wait, after=3, count=None)
    assert world.pull(page_size=50)["complete"] is False
    world.pylon.faults.clear()


def first_run_fails(world, monkeypatch):
    """Let the source fail after some pages of the first run."""
    world.pylon.faults.add("status", path="/audit-logs/search", status=403, after=3, count=None)
    with pytest.raises(AirflowFailException):
        world.pull(page_size=50)
    world.pylon.faults.clear()


ENDS = [first_run_is_killed, first_run_waits, first_run_fails]


@pytest.mark.parametrize("end", ENDS)
def test_a_first_run_that_did_not_finish_has_noted_whose_account_it_read(world, monkeypatch, end):
    end(world, monkeypatch)
    before = world.variables.get(CURSOR)
    assert "/" in account(world)
    exchange(world)
    with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
        world.pull()
    assert world.variables.get(CURSOR) == before


@pytest.mark.parametrize("then", [None, 403, 503])
def test_a_first_run_that_could_not_ask_is_read_on_with_its_own_credential_alone(world, monkeypatch, then):
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    first_run_is_killed(world, monkeypatch)
    world.pylon.faults.clear()
    before, own = world.variables.get(CURSOR), kept(world)
    assert "/" not in own["account"]
    if then:
        world.pylon.faults.add("status", path="/me", status=then, count=None)
    renew(world)
    with pytest.raises(AirflowFailException, match="read with another credential than .* nothing was read") as refused:
        world.pull()
    assert world.variables.get(CURSOR) == before
    assert CURSOR in str(refused.value)
    confirmed = own["account"] + "/"
    assert f"'same_account' in the connection's extra to '{confirmed}' for one run" in str(refused.value)
    world.connect("PYLON_DEFAULT", extra={"same_account": confirmed})
    world.pull()
    world.connect("PYLON_DEFAULT", extra={})
    happen(world)
    assert world.pull()["spooled"] == 3
    assert ("/" in account(world)) is (then is None)


def test_the_credential_of_before_goes_on_and_asks_before_it_reads(world):
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    world.pull()
    count = asked(world)
    for _ in range(2):
        world.pull()
    assert asked(world) == count * 3, "each run asks once, as often as it tries a request"
    world.pylon.faults.clear()
    before = len(world.pylon.seen)
    world.pull()
    assert [seen.path for seen in world.pylon.seen][before:] == ["/me", "/audit-logs/search"]
    renew(world)
    world.pull()


def test_a_vendor_that_cannot_be_asked_yet_is_read(world):
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    assert world.pull()["spooled"]
    assert "/" not in account(world)


@pytest.mark.parametrize("lost", ["id", "check", "both"])
def test_what_an_earlier_version_kept_is_no_other_account(world, lost):
    world.pull()
    before = kept(world)
    older = dict(before)
    if lost != "check":
        older["account"] = before["account"].partition("/")[0]
    if lost != "id":
        del older["credential_check"]
    world.variables.set(CURSOR, json.dumps(older))
    world.pull()
    assert [kept(world)[each] for each in ("account", "credential_check")] == [
        before[each] for each in ("account", "credential_check")
    ]
    assert asked(world) == 2
    world.pull()
    assert asked(world) == 2


def test_the_same_account_under_another_host_is_accepted(world, other):
    world.pull()
    before = account(world)
    world.connect("PYLON_DEFAULT", host=other.url, extra={"same_account": before})
    world.pull()
    assert account(world) == before


def test_a_new_token_of_the_same_account_costs_one_question(world):
    world.pull()
    first = kept(world)
    renew(world)
    for _ in range(3):
        world.pull()
    assert asked(world) == 2
    assert kept(world)["account"] == first["account"]
    assert kept(world)["credential_check"] != first["credential_check"]


def test_a_quiet_run_asks_for_no_account(world):
    world.pull()
    before = len(world.pylon.seen)
    for _ in range(3):
        world.pull()
    assert [seen.path for seen in world.pylon.seen][before:] == ["/audit-logs/search"] * 3


def a_day_later(world, monkeypatch, *, days=1):
    set_clock(monkeypatch, world.now + timedelta(days=days, hours=1))


def test_a_credential_that_the_vendor_moves_to_another_account_is_noticed_within_a_day(world, monkeypatch):
    world.pull()
    world.pylon.organization = "org-other"
    assert world.pull()["spooled"] == 0, "the same credential is believed for a day"
    before = world.variables.get(CURSOR)
    a_day_later(world, monkeypatch)
    happen(world)
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
            world.pull()
    assert world.variables.get(CURSOR) == before


def test_the_same_credential_is_asked_for_its_account_once_a_day(world, monkeypatch):
    world.pull()
    for day in (1, 2):
        a_day_later(world, monkeypatch, days=day)
        for _ in range(3):
            world.pull()
        world.pull(window=a_window(world, days=9 + day))
    assert asked(world) == 3


@pytest.mark.parametrize(("status", "questions"), [(403, 1), (503, 2)])
def test_a_vendor_that_does_not_answer_after_a_day_holds_nothing_up(world, monkeypatch, status, questions):
    world.pull()
    first = kept(world)
    a_day_later(world, monkeypatch)
    world.pylon.faults.add("status", path="/me", status=status, count=None)
    times = []
    for _ in range(2):
        before = asked(world)
        world.pull()
        times.append(asked(world) - before)
    assert kept(world)["account"] == first["account"]
    assert [bool(each) for each in times] == [True, questions == 2], "one that cannot be asked is asked by each run"


def test_a_position_of_an_earlier_version_is_checked_by_the_next_run(world):
    world.pull()
    older = kept(world)
    del older["account_checked_at"]
    world.variables.set(CURSOR, json.dumps(older))
    for _ in range(2):
        world.pull()
    assert asked(world) == 2


def test_the_first_run_asks_once_before_it_keeps_anything(world):
    world.pull()
    assert [seen.path for seen in world.pylon.seen][-1] == "/me"
    assert asked(world) == 1


def test_a_window_and_a_comparison_ask_for_no_account_that_the_live_stream_knows(world, compare):
    world.pull()
    world.pull(window=a_window(world))
    compare()
    assert asked(world) == 1


def test_a_window_that_is_read_first_asks_once(world):
    window = a_window(world)
    for _ in range(2):
        world.pull(window=window)
    assert asked(world) == 1
    world.pull(window=a_window(world, days=20))
    world.pull()
    assert asked(world) == 3


def test_a_comparison_does_not_read_another_account(world, compare):
    world.pull()
    compare()
    late = kept(world, "audit_logs.p.reconcile.cursor")
    world.variables.set("audit_logs.p.reconcile.cursor", json.dumps(late | {"reading": {}}))
    exchange(world)
    with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
        compare()
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    with pytest.raises(AirflowException, match="cannot be asked now, so nothing was read"):
        compare()


@pytest.mark.parametrize("status", [403, 404])
def test_a_new_token_whose_account_the_vendor_refuses_to_say_reads_nothing(world, status):
    world.pull()
    before = world.variables.get(CURSOR)
    exchange(world)
    world.pylon.faults.add("status", path="/me", status=status, count=None)
    with pytest.raises(AirflowFailException, match="does not say whether this is still the same account"):
        world.pull()
    assert world.variables.get(CURSOR) == before


def test_a_vendor_that_refuses_the_id_is_asked_once_for_each_token(world):
    world.pylon.faults.add("status", path="/me", status=403, count=None)
    for _ in range(3):
        world.pull()
    assert asked(world) == 1
    assert "/" not in account(world)
    world.pylon.faults.clear()
    renew(world)
    for _ in range(3):
        world.pull()
    assert asked(world) == 2
    assert "/" in account(world)


def test_a_vendor_that_could_not_be_asked_is_asked_by_the_next_run(world):
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    world.pull()
    assert "/" not in account(world)
    world.pylon.faults.clear()
    world.pull()
    assert "/" in account(world)


def test_events_of_the_account_before_are_not_known_after_the_position_is_deleted(world, compare):
    """The late events of the account before stay in the spool, and an id of the new one may be theirs."""
    world.pull()
    late = generate(20, world.now - timedelta(days=5), world.now - timedelta(days=4), seed=5)
    world.pylon.add(late)
    assert compare(width=20 * 86_400)["late"] == len(late)
    exchange(world)
    world.pylon.add(late)
    world.variables.delete(CURSOR)
    assert world.pull()["duplicates"] == 0


def test_no_part_of_the_token_is_kept(world):
    world.pull()
    check = kept(world)["credential_check"]
    assert len(check) == 4
    assert check not in PYLON_TOKEN


def test_where_tokens_come_from_is_part_of_the_credential():
    assert (
        len({check_value(["a", "b"], ""), check_value(["ab", ""], ""), check_value(["a", "b"], "https://t.example")})
        == 3
    )


def test_a_position_of_an_earlier_version_takes_the_account_over(world, other):
    world.pull()
    older = kept(world)
    of_now = older.pop("account")
    del older["credential_check"]
    world.variables.set(CURSOR, json.dumps(older))
    world.pull()
    assert account(world) == of_now != ""
