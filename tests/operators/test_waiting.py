"""A destination that asks for long waits again and again: it may not hold up the DAG run, and nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from audit_provider.core.model import text_of, utc_now
from audit_provider.core.spool import Stream
from audit_provider.host.versions import TryAgainError
from audit_provider.operators import AuditLogsToSplunkHecOperator
from audit_provider.sandbox.events import generate
from tests.core.simulation import Crash
from tests.operators.conftest import context


def shipping(world, **arguments):
    arguments = {"index": "audit", "options": {"batch_events": 200}, "run_minutes": 30, **arguments}
    return AuditLogsToSplunkHecOperator(task_id="s", pipeline="p", spool=f"file://{world.spool}", **arguments)


def asks_to_wait(world, seconds, *, after=0):
    world.splunk.faults.clear()
    world.splunk.faults.add("status", status=503, headers={"Retry-After": str(seconds)}, after=after, count=None)


def resumed(operator, *, minutes, **entries):
    """Go on as after a wait, in a try that began so many minutes ago."""
    return operator.execute_again(context(**entries), begun=(utc_now() - timedelta(minutes=minutes)).isoformat())


def offset(world):
    (key,) = (each for each in world.variables.all() if each.endswith(".to.splunk_hec"))
    return json.loads(world.variables.get(key))


@pytest.fixture
def window(world):
    window = {"start": text_of(world.now - timedelta(days=61)), "end": text_of(world.now + timedelta(seconds=1))}
    assert world.pull(window=window)["spooled"] == 700
    return window


def test_a_destination_that_goes_on_saying_later_ends_the_task_red_and_the_next_run_goes_on(world):
    world.pull()
    asks_to_wait(world, 120)
    with pytest.raises(TaskDeferred) as deferred:
        shipping(world).execute(context())
    begun = deferred.value.kwargs["begun"]
    with pytest.raises(TaskDeferred) as deferred:
        resumed(shipping(world), minutes=20)
    assert deferred.value.kwargs["begun"] < begun, "the time of a try goes on while it waits"
    for failures in (1, 2):
        with pytest.raises(TryAgainError, match="splunk_hec asks for a pause until"):
            resumed(shipping(world), minutes=29)
        assert offset(world)["failures_in_a_row"] == failures
        assert "splunk_hec asks for a pause until" in offset(world)["last_error"]
    world.splunk.faults.clear()
    assert shipping(world).execute(context())["delivered"] == 700
    assert offset(world)["failures_in_a_row"] == 0


def test_a_run_that_has_delivered_something_ends_well_before_a_wait_beyond_its_end(world):
    world.pull()
    asks_to_wait(world, 3600, after=2)
    counts = shipping(world).execute(context())
    assert (counts["delivered"], counts["pending"]) == (400, 300)
    assert offset(world)["failures_in_a_row"] == 0
    # What an earlier part of the try has delivered is recorded, and counts as well.
    asks_to_wait(world, 3600)
    assert resumed(shipping(world), minutes=1)["pending"] == 300
    with pytest.raises(TryAgainError):
        shipping(world).execute(context())


def test_a_try_that_comes_back_after_its_end_ships_no_more(world):
    world.pull()
    assert resumed(shipping(world), minutes=31)["pending"] == 700


def test_a_window_waits_for_as_long_as_something_is_taken_in_between(world, window):
    asks_to_wait(world, 3600, after=1)
    for delivered in (200, 400):
        with pytest.raises(TaskDeferred) as deferred:
            resumed(shipping(world, windows=[window]), minutes=300)
        assert offset(world)["counts"]["delivered"] == delivered
        assert deferred.value.kwargs["begun"] > utc_now().isoformat(), "its time begins anew when the wait ends"
        asks_to_wait(world, 3600, after=1)
    asks_to_wait(world, 120)
    with pytest.raises(TaskDeferred):
        resumed(shipping(world, windows=[window]), minutes=5)
    (key,) = (each for each in world.variables.all() if each.endswith(".to.splunk_hec"))
    world.variables.set(key, json.dumps(offset(world) | {"last_success": text_of(utc_now() - timedelta(hours=1))}))
    with pytest.raises(TryAgainError, match="asks for a pause until"):
        resumed(shipping(world, windows=[window]), minutes=29)
    assert (offset(world)["failures_in_a_row"], offset(world)["counts"]["delivered"]) == (1, 400)


def test_a_replay_waits_and_fails_likewise(world):
    world.pull()
    entries = {"params": {"start": None, "end": None}, "dag_run": SimpleNamespace(run_id="r")}
    asks_to_wait(world, 3600, after=1)
    with pytest.raises(TaskDeferred):
        resumed(shipping(world, replay=True), minutes=300, **entries)
    asks_to_wait(world, 120)
    with pytest.raises(TryAgainError, match="asks for a pause until"):
        resumed(shipping(world, replay=True), minutes=29, **entries)
    world.splunk.faults.clear()
    assert shipping(world, replay=True).execute(context(**entries))["delivered"] == 700
    assert len(world.splunk.ids()) == 700


def test_dead_letters_that_are_to_be_sent_again_do_not_wait_for_ever_either(world):
    from audit_provider.core.destinations.base import DeadLetter, Item
    from audit_provider.core.spool import LocalStore
    from audit_provider.core.streams.dead_letters import DeadLetters
    from audit_provider.core.streams.open_stream import open_stream
    from audit_provider.state import StreamName, Variables

    world.pull()
    assert shipping(world).execute(context())["delivered"] == 700
    (chain,) = LocalStore(world.spool).folders("p/live/")
    letters = DeadLetters(Stream(LocalStore(world.spool), "p/live", chain), "splunk_hec")
    opened = open_stream(Variables(), LocalStore(world.spool), StreamName("p"))
    ((number, events),) = opened.stream.read(opened.head, 1)
    letters.keep([DeadLetter(Item(events[0], b"", number, 0), "too large")], utc_now())
    asks_to_wait(world, 120)
    entries = {"params": {"redrive": ["splunk_hec"]}}
    with pytest.raises(TaskDeferred):
        shipping(world, source="pylon").execute(context(**entries))
    with pytest.raises(TryAgainError, match="asks for a pause until"):
        resumed(shipping(world, source="pylon"), minutes=29, **entries)
    assert letters.count().open == 1


def test_a_window_is_shipped_whole_however_long_that_takes(world, window):
    """No later run would ship the rest."""
    counts = shipping(world, windows=[window], run_minutes=0).execute(context())
    assert (counts["delivered"], counts["pending"]) == (700, 0)


def test_what_was_set_aside_before_a_death_and_a_wait_still_fails_the_task(world, monkeypatch):
    (huge,) = generate(1, world.now - timedelta(days=31), world.now - timedelta(days=30), seed=99)
    huge["metadata"] = {"huge": "x" * 2_100_000}
    world.pylon.add([huge])
    world.pull()
    put = world.variables.set

    def set_and_die(cls, key, value, description=None):
        put(key, value, description)
        if json.loads(value)["counts"]["dead_lettered"]:
            raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(world.variables, "set", classmethod(set_and_die))
        with pytest.raises(Crash):
            shipping(world).execute(context())
    assert offset(world)["counts"]["dead_lettered"] == 1
    asks_to_wait(world, 120)
    with pytest.raises(TaskDeferred):
        shipping(world).execute(context())
    world.splunk.faults.clear()
    with pytest.raises(AirflowFailException, match="^1 event was set aside and kept as dead letters of splunk_hec"):
        shipping(world).execute(context())
    assert offset(world)["counts"]["delivered"] == 700
    assert shipping(world).execute(context())["dead_lettered"] == 0, "it is told once"


def test_the_result_counts_what_was_done_before_a_wait(world):
    world.pull()
    asks_to_wait(world, 120, after=1)
    with pytest.raises(TaskDeferred) as deferred:
        shipping(world).execute(context())
    assert deferred.value.kwargs["done"]["delivered"] == 200
    world.splunk.faults.clear()
    task = shipping(world)
    assert task.execute_again(context(), **deferred.value.kwargs)["delivered"] == 700
    # All was done before the wait: the asset has its event all the same.
    task = shipping(world)
    counts = task.execute_again(context(), begun=deferred.value.kwargs["begun"], done={"delivered": 700})
    assert counts["delivered"] == 700
    assert task.asset in task.outlets
    assert shipping(world).execute(context())["delivered"] == 0


@pytest.mark.parametrize("pages", [0, 3])
def test_the_requests_before_a_wait_are_counted_also_where_nothing_was_read(world, pages):
    world.pylon.faults.add("status", status=429, headers={"X-Retry-After": "600"}, after=pages, count=1)
    with pytest.raises(TaskDeferred) as deferred:
        world.pull(page_size=50)
    done = deferred.value.kwargs["done"]
    assert (done["read"], done["requests"]) == (pages * 50, pages + 1)


@pytest.mark.parametrize("pages", [0, 3])
def test_a_source_that_goes_on_saying_later_holds_nobody_up(world, pages):
    world.pylon.faults.add("status", status=429, headers={"X-Retry-After": "3600"}, after=pages, count=None)
    if pages == 0:
        with pytest.raises(TryAgainError, match="allows no reading before .* after the 30 minutes of this task"):
            world.pull(page_size=50)
    else:
        counts = world.pull(page_size=50)
        assert (counts["spooled"], counts["complete"]) == (150, False)
    world.pylon.faults.clear()
    world.pull(page_size=50)
    assert world.ship("splunk")["delivered"] == 700
