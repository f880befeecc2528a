"""One event in the spool and once at each destination, whichever of live stream and windows came first."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from audit_provider.core.model import text_of, utc_now
from audit_provider.core.runs.elsewhere import with_windows_elsewhere
from audit_provider.core.stream_name import StreamName
from audit_provider.state import Variables
from tests.operators.conftest import DAYS
from tests.operators.test_reconcile import insert

DAY = timedelta(days=1)


@pytest.fixture
def past(world):
    """All of the past, as one window."""
    return {"start": text_of(world.now - (DAYS + 1) * DAY), "end": text_of(world.now + timedelta(seconds=1))}


def recent(world):
    """Return where the live stream begins, a month before now."""
    return (world.now - 30 * DAY).isoformat()


def expect_once(world, *arrived):
    for ids in arrived:
        assert Counter(ids) == Counter(world.pylon.ids())


def test_the_past_first_and_then_the_live_stream(world, past):
    world.pull(window=past)
    world.ship("s3", windows=[past])
    world.ship("splunk", windows=[past])
    live = world.pull(start=recent(world))
    assert live["read"] == live["duplicates"] > 0
    world.ship("s3")
    world.ship("splunk")
    expect_once(world, world.s3_ids(), world.splunk.ids())
    assert world.ship("datadog")["delivered"] == 700, "which is shipped the live stream alone"
    assert world.ship("datadog")["delivered"] == 0
    expect_once(world, world.datadog.ids())


def test_the_live_stream_first_and_then_the_past(world, past):
    live = world.pull(start=recent(world))
    world.ship("s3")
    world.ship("splunk")
    window = world.pull(window=past)
    assert window["spooled"] == 700 - live["spooled"]
    world.ship("s3", windows=[past])
    world.ship("splunk", windows=[past])
    expect_once(world, world.s3_ids(), world.splunk.ids())


def test_a_window_that_one_of_the_destinations_is_not_given_is_not_left_out(world, past):
    """They are named, so it is known that the window was loaded for one of them alone."""
    world.pull(window=past, destinations=["splunk_hec"])
    world.ship("splunk", windows=[past])
    assert world.pull(start=recent(world), destinations=["splunk_hec"])["spooled"] == 0
    world.variables.delete("audit_logs.p.cursor")
    live = world.pull(start=recent(world), destinations=["splunk_hec", "datadog_logs"])
    assert live["spooled"] == live["read"] > 0
    assert world.ship("datadog", destination="datadog_logs")["delivered"] == live["spooled"], "and no more of the past"


def test_another_window_for_another_destination_gives_it_all(world, past):
    world.pull(window=past)
    world.ship("splunk", windows=[past])
    longer = past | {"start": text_of(world.now - (DAYS + 2) * DAY)}
    assert world.pull(window=longer)["spooled"] == 0
    assert world.ship("datadog", windows=[longer])["delivered"] == 700
    expect_once(world, world.datadog.ids())
    assert world.ship("splunk", windows=[longer])["delivered"] == 0
    assert world.ship("datadog", windows=[past])["delivered"] == 0
    expect_once(world, world.splunk.ids(), world.datadog.ids())


def test_a_window_that_its_own_task_is_shipping_is_left_to_that(world, past):
    world.pull(window=past)
    world.ship("s3", windows=[past])
    world.pull(start=recent(world))
    live, ledger = StreamName("p"), Variables()
    names = with_windows_elsewhere(ledger, [live], "splunk_hec", utc_now())
    assert [name.is_live for name in names] == [True, False]
    world.ship("splunk", windows=[past])
    assert with_windows_elsewhere(ledger, [live], "splunk_hec", utc_now()) == [live]
    assert with_windows_elsewhere(ledger, [live], "splunk_hec", utc_now() + 2 * timedelta(hours=1)) == names


@pytest.mark.parametrize(("destinations", "late"), [(["splunk_hec", "datadog_logs"], 3), (["splunk_hec"], 0)])
def test_a_reconciliation_spools_what_only_a_window_holds_that_not_all_are_given(
    world, compare, ending, destinations, late
):
    world.pull(start=(ending - 3 * DAY).isoformat())
    insert(world, 3, ending - timedelta(hours=5))
    window = {"start": text_of(ending - DAY), "end": text_of(ending)}
    assert world.pull(window=window)["spooled"] == 3
    world.ship("splunk", windows=[window])
    assert compare(destinations=destinations)["late"] == late
