"""The trigger that watches a source, over the stand-ins: what it starts, and what it asks Airflow for."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from audit_provider.core.model import utc_now
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.sources.watched import LOOKS, LastLook, budget_of_looks
from audit_provider.dags.incremental import described
from audit_provider.sandbox.events import generate
from audit_provider.triggers.watch import WatchTrigger, turns_of
from tests.operators.conftest import moto, variables, world  # noqa: F401 - fixtures

LOOK = "audit_logs.p.look"


@pytest.fixture
def watched(world, monkeypatch):  # noqa: F811
    """A pipeline that has been read and shipped, and its watch."""
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    entry = {"source": "pylon", "watch": True, "rate_limit": {"requests": 10_000, "per": 1}}
    pipeline = pipeline_from("p", {**entry, "destinations": {"splunk": {"type": "splunk_hec"}}})
    description = json.loads(json.dumps(described(pipeline), default=str))
    world.pull()
    world.ship("splunk")
    asked = []
    kept = world.variables
    get = kept.get.__func__
    monkeypatch.setattr(
        kept, "get", classmethod(lambda cls, key, default=None: asked.append(key) or get(cls, key, default))
    )
    return SimpleNamespace(
        world=world, description=description, turns=turns_of(description), asked=asked, spec=pipeline.spec
    )


def happen(watched, count):
    now = utc_now()
    watched.world.pylon.add(generate(count, now - timedelta(seconds=9), now - timedelta(seconds=5), seed=count))


def test_a_look_that_finds_nothing_asks_airflow_for_nothing(watched):
    assert watched.turns.take().start == ""
    watched.asked.clear()
    for _ in range(3):
        turn = watched.turns.take()
        assert (turn.start, turn.pause) == ("", timedelta(seconds=5))
    assert watched.asked == []


def test_what_has_happened_starts_a_run_that_reads_it(watched):
    assert watched.turns.take().start == ""
    position = watched.world.variables.get("audit_logs.p.cursor")
    happen(watched, 7)
    assert watched.turns.take().start == "7 new"
    assert watched.world.variables.get("audit_logs.p.cursor") == position
    assert watched.world.pull()["spooled"] == 7
    assert watched.turns.take().start == ""


def test_a_token_that_is_refused_starts_a_run_and_appears_nowhere(watched, caplog):
    watched.turns.take()
    watched.world.connect("PYLON_DEFAULT", password="canary-other-token")
    watched.turns.close()
    watched = SimpleNamespace(**{**vars(watched), "turns": turns_of(watched.description)})
    assert watched.turns.take().start == "a look failed"
    watched.turns.take()
    kept = watched.world.variables.get(LOOK)
    assert LOOKS.unpack(kept, LOOK).last_error
    assert "canary" not in f"{kept}{caplog.text}{json.dumps(watched.description)}"


def test_a_process_that_takes_over_waits_as_if_the_last_one_had_used_its_part(watched, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    now = utc_now()
    watched.description["rate_limit"] = {"requests": 40, "per": 60}
    watched.world.variables.set(LOOK, LOOKS.pack(LastLook(now - timedelta(seconds=30))))
    turns_of(watched.description).take()
    assert sum(slept) == pytest.approx(60, abs=5)
    slept.clear()
    watched.world.variables.set(LOOK, LOOKS.pack(LastLook(now - timedelta(minutes=3))))
    turns_of(watched.description).take()
    assert slept == []
    assert budget_of_looks(watched.spec.rate_limit).requests >= 1


def test_the_trigger_yields_an_event_for_each_run_that_is_to_be_started(watched):
    happen(watched, 3)
    trigger = WatchTrigger(json.dumps(watched.description))
    classpath, kwargs = trigger.serialize()
    assert classpath.rpartition(".")[2] == "WatchTrigger"

    async def first_event():
        events = WatchTrigger(**kwargs).run()
        try:
            return await asyncio.wait_for(anext(events), 60)
        finally:
            await events.aclose()

    assert asyncio.run(first_event()).payload == {"pipeline": "p", "why": "3 new"}


def test_a_pipeline_that_was_never_read_is_read_first(watched):
    watched.description["name"] = "other"
    assert turns_of(watched.description).take().start == "the source was not read yet"
