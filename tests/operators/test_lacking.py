"""A window that left out what another one holds: who was not given that one receives it, or is not green."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from audit_provider.core.model import text_of
from tests.operators.conftest import DAYS

DAY = timedelta(days=1)


@pytest.fixture
def past(world):
    return {"start": text_of(world.now - (DAYS + 1) * DAY), "end": text_of(world.now)}


@pytest.fixture
def longer(world, past):
    return past | {"start": text_of(world.now - (DAYS + 2) * DAY)}


def test_what_a_window_within_holds_is_shipped_as_well(world, past, longer):
    whole = world.pull(window=past)["spooled"]
    world.ship("splunk", windows=[past])
    world.pull(window=longer)
    assert world.ship("datadog", windows=[longer])["delivered"] == whole
    assert world.ship("splunk", windows=[longer])["delivered"] == 0, "it has them"
    assert world.ship("datadog", windows=[longer]) == world.ship("datadog", windows=[past])
    assert Counter(world.datadog.ids()) == Counter(world.splunk.ids())


def test_a_window_within_that_was_not_shipped_to_its_end_is_shipped_on(world, past, longer, no_pause):
    whole = world.pull(window=past)["spooled"]
    world.pull(window=longer)
    world.datadog.faults.add("status", status=503, after=3, count=None)
    batches = {"options": {"batch_events": 100}}
    with pytest.raises(AirflowException, match="503"):
        world.ship("datadog", windows=[longer], **batches)
    world.datadog.faults.clear()
    assert len(world.datadog.ids()) == 300
    assert world.ship("datadog", windows=[longer], **batches)["pending"] == 0
    assert len(set(world.datadog.ids())) == len(world.datadog.ids()) == whole


def test_a_destination_that_lacks_what_a_window_across_the_border_holds_is_not_green(world, past):
    whole = world.pull(window=past)["spooled"]
    world.ship("splunk", windows=[past])
    across = {"start": text_of(world.now - (DAYS + 2) * DAY), "end": text_of(world.now - DAY)}
    world.pull(window=across)
    with pytest.raises(AirflowFailException, match=r"it lacks \d+ that only p/backfill-.* holds: trigger"):
        world.ship("datadog", windows=[across])
    assert world.datadog.ids() == [], "more was not asked for"
    world.ship("datadog", windows=[past])
    assert world.ship("datadog", windows=[across])["pending"] == 0
    assert len(world.datadog.ids()) == whole


def test_what_lies_outside_of_the_window_or_in_the_live_stream_is_not_lacking(world, past):
    live = world.pull(start=(world.now - 30 * DAY).isoformat())
    world.pull(window=past)
    world.ship("splunk", windows=[past])
    recent = {"start": text_of(world.now - 29 * DAY), "end": text_of(world.now)}
    assert world.pull(window=recent)["spooled"] == 0
    assert live["spooled"] > 0
    assert world.ship("datadog", windows=[recent])["delivered"] == 0


def test_a_window_that_shares_only_a_moment_is_not_looked_at(world, past):
    middle = text_of(world.now - 30 * DAY)
    first, second = past | {"end": middle}, past | {"start": middle}
    for window in (first, second):
        world.pull(window=window)
    assert world.ship("datadog", windows=[second])["pending"] == 0


def test_a_damaged_window_or_a_foreign_folder_holds_nothing_up(world, past, longer):
    world.pull(window=past)
    world.pull(window=longer)
    (folder,) = [each for each in world.spool.glob("p/backfill-*") if list(each.rglob("*.ndjson.gz"))]
    folder.with_name(f"{folder.name}.bak").mkdir()
    for manifest in folder.rglob("*.manifest.json.gz"):
        manifest.write_bytes(b"other")
    assert world.ship("datadog", windows=[longer])["pending"] == 0
