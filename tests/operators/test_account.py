"""A connection that comes to lead to another account."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from audit_provider.core.model import text_of
from audit_provider.core.stream_name import StreamName
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from tests.operators.conftest import DAYS, PYLON_TOKEN

CURSOR = StreamName("p").cursor_key

pytestmark = pytest.mark.usefixtures("asks_account")


@pytest.fixture
def other(world, request):
    """Another host: of another company, if the test does not say otherwise. It has 50 events in as many days."""
    organization = getattr(request, "param", "org-other")
    events = generate(50, world.now - timedelta(days=DAYS), world.now, seed=77)
    with PylonService(PYLON_TOKEN, events, rate_limits={}, organization=organization) as service:
        yield service


def account(world):
    return json.loads(world.variables.get(CURSOR))["account"]


def test_another_account_stops_the_pull_before_anything_is_read(world, other):
    world.pull()
    before = world.variables.get(CURSOR)
    world.connect("PYLON_DEFAULT", host=other.url)
    with pytest.raises(AirflowFailException, match="was read from another account") as refused:
        world.pull()
    assert account(world) in str(refused.value)
    assert PYLON_TOKEN not in before + str(refused.value)
    window = {"start": text_of(world.now - timedelta(days=9)), "end": text_of(world.now - timedelta(days=1))}
    with pytest.raises(AirflowFailException, match="was read from another account"):
        world.pull(window=window)
    assert world.variables.get(CURSOR) == before


def test_a_deleted_position_begins_anew_with_the_other_account(world, other):
    world.pull()
    world.connect("PYLON_DEFAULT", host=other.url)
    world.variables.delete(CURSOR)
    assert world.pull()["spooled"] == 50


def exchange(world):
    """Let the token of the connection be another organisation's, with events of its own."""
    world.pylon.organization = "org-other"
    world.pylon.drop_before(world.now + timedelta(days=1))
    world.pylon.add(generate(50, world.now - timedelta(days=DAYS), world.now, seed=77))


def test_a_token_of_another_account_with_the_same_host_stops_the_pull(world):
    world.pull()
    before = world.variables.get(CURSOR)
    exchange(world)
    with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
        world.pull()
    window = {"start": text_of(world.now - timedelta(days=9)), "end": text_of(world.now - timedelta(days=1))}
    with pytest.raises(AirflowFailException, match="the vendor gives another account id"):
        world.pull(window=window)
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
    kept = account(world)
    world.pylon.faults.add("status", path="/me", status=status, count=None)
    world.pull()
    assert account(world) == kept, "and what it gave before is kept"


def test_a_vendor_that_cannot_be_asked_for_the_known_account_is_not_read(world):
    world.pull()
    before = world.variables.get(CURSOR)
    exchange(world)
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    with pytest.raises(AirflowException, match="cannot be asked now, so nothing was read") as refused:
        world.pull()
    assert not isinstance(refused.value, AirflowFailException), "the next try may succeed"
    assert world.variables.get(CURSOR) == before


def test_the_connection_can_say_that_it_is_the_same_account_where_the_vendor_cannot_be_asked(world):
    world.pull()
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    world.connect("PYLON_DEFAULT", extra={"same_account": account(world)})
    world.pylon.add(generate(3, world.now - timedelta(minutes=2), world.now, seed=78))
    assert world.pull()["spooled"] == 3


def test_a_vendor_that_cannot_be_asked_yet_is_read(world):
    world.pylon.faults.add("status", path="/me", status=503, count=None)
    assert world.pull()["spooled"]
    assert "/" not in account(world)


def test_what_an_earlier_version_kept_is_no_other_account(world):
    world.pull()
    kept = json.loads(world.variables.get(CURSOR))
    with_id = kept["account"]
    kept["account"] = with_id.partition("/")[0]
    world.variables.set(CURSOR, json.dumps(kept))
    world.pull()
    assert account(world) == with_id


def test_the_same_account_under_another_host_is_accepted(world, other):
    world.pull()
    kept = account(world)
    world.connect("PYLON_DEFAULT", host=other.url, extra={"same_account": kept})
    world.pull()
    assert account(world) == kept


def test_a_new_token_is_no_other_account(world):
    world.pull()
    world.pylon.token = "renewed"
    world.connect("PYLON_DEFAULT", password="renewed")
    world.pull()


def test_a_position_of_an_earlier_version_takes_the_account_over(world, other):
    world.pull()
    kept = json.loads(world.variables.get(CURSOR))
    of_now = kept.pop("account")
    world.variables.set(CURSOR, json.dumps(kept))
    world.pull()
    assert account(world) == of_now != ""
