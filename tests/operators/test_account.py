"""A connection that comes to lead to another account."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.model import text_of
from audit_provider.core.stream_name import StreamName
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from tests.operators.conftest import DAYS, PYLON_TOKEN

CURSOR = StreamName("p").cursor_key


@pytest.fixture
def other(world):
    """The service of another company: 50 events in as many days, under ids of its own numbering."""
    events = generate(50, world.now - timedelta(days=DAYS), world.now, seed=77)
    with PylonService(PYLON_TOKEN, events, rate_limits={}) as service:
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
