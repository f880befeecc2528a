"""One event in two streams, and once at each destination, whichever of polling and backfill came first."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.model import text_of, utc_now
from audit_provider.core.pull import pull
from audit_provider.operators import PullAuditLogsOperator, ReportAuditLogsOperator
from tests.operators.conftest import DAYS, context

DAY = timedelta(days=1)
KINDS = ("s3", "splunk")


@pytest.fixture
def past(world):
    """All of the past, as one window."""
    return {"start": text_of(world.now - (DAYS + 1) * DAY), "end": text_of(world.now + timedelta(seconds=1))}


def poll(world):
    return world.pull(start=(world.now - 30 * DAY).isoformat(), page_size=50)


def expect_once(world):
    for ids in (world.s3_ids(), world.splunk.ids()):
        assert Counter(ids) == Counter(world.pylon.ids())


ORDERS = {
    "backfill, then polling": ["load", "ship past", "poll", "ship"],
    "polling, then backfill": ["poll", "ship", "load", "ship past"],
    "both are read, then polling is shipped": ["load", "poll", "ship", "ship past"],
    "both are read, then the backfill is shipped": ["load", "poll", "ship past", "ship"],
    "polling is read before and shipped after": ["poll", "load", "ship past", "ship"],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_each_event_arrives_once_in_any_order(world, past, order, monkeypatch):
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 8_000)
    steps = {
        "load": lambda: world.pull(window=past, page_size=50),
        "poll": lambda: poll(world),
        "ship": lambda: [world.ship(kind) for kind in KINDS],
        "ship past": lambda: [world.ship(kind, windows=[past]) for kind in KINDS],
    }
    for step in order:
        steps[step]()
    expect_once(world)
    # All of it is spooled and counted in the live stream, whatever the window holds.
    live = ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=["s3", "splunk_hec"], spool=f"file://{world.spool}"
    ).execute(context())
    assert all(each["spooled"] == each["read"] > 300 for each in live)
    assert [each["pending"] for each in live] == [0, 0]


def test_a_destination_that_is_added_gets_all_of_the_live_stream(world, past):
    world.pull(window=past)
    world.ship("splunk", windows=[past])
    live = poll(world)
    world.ship("splunk")
    assert world.ship("datadog")["delivered"] == live["spooled"] > 0


def test_a_longer_window_for_another_destination_gives_it_all_and_the_first_nothing_twice(world, past):
    world.pull(window=past)
    world.ship("splunk", windows=[past])
    longer = past | {"start": text_of(world.now - (DAYS + 2) * DAY)}
    world.pull(window=longer)
    assert world.ship("datadog", windows=[longer])["delivered"] == 700
    assert world.ship("splunk", windows=[longer])["already_there"] == 700
    assert Counter(world.splunk.ids()) == Counter(world.datadog.ids()) == Counter(world.pylon.ids())


def load(world, window, *destinations):
    return PullAuditLogsOperator(
        task_id="pull",
        pipeline="p",
        source="pylon",
        window=window,
        spool=f"file://{world.spool}",
        rate_limit={"requests": 10_000, "per": 1},
    ).execute(context(params={"destinations": list(destinations)}))


def test_a_window_that_left_events_to_another_is_read_again_for_a_destination_that_lacks_those(world, past):
    load(world, past, "splunk_hec")
    world.ship("splunk", windows=[past])
    longer = past | {"start": text_of(world.now - (DAYS + 2) * DAY)}
    assert load(world, longer, "splunk_hec")["spooled"] == 0
    assert load(world, longer, "splunk_hec")["read"] == 0
    assert load(world, longer, "datadog_logs")["spooled"] == 700
    assert world.ship("datadog", windows=[longer], destination="datadog_logs")["delivered"] == 700
    assert load(world, longer, "datadog_logs")["read"] == 0, "it is whole now"


def test_a_window_whose_events_wait_for_a_destination_is_not_left_out(world, past):
    """What is pending in a window that nobody ships any more would be lacking, and all green."""
    load(world, past, "splunk_hec")
    world.splunk.faults.add("status", status=403, count=None)
    with pytest.raises(AirflowFailException):
        world.ship("splunk", windows=[past])
    world.splunk.faults.clear()
    longer = past | {"start": text_of(world.now - (DAYS + 2) * DAY)}
    assert load(world, longer, "splunk_hec")["spooled"] == 700


def test_a_new_destination_of_a_window_that_lacks_what_another_holds_is_red(world, past):
    world.pull(window=past)
    longer = past | {"start": text_of(world.now - (DAYS + 2) * DAY)}
    assert world.pull(window=longer)["duplicates"] == 700
    with pytest.raises(AirflowFailException, match="has not received those"):
        world.ship("datadog", windows=[longer])
    world.ship("datadog", windows=[past, longer])
    assert Counter(world.datadog.ids()) == Counter(world.pylon.ids())


def test_a_window_is_read_again_where_the_live_stream_no_longer_holds_what_it_left_out(world, past, monkeypatch):
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 8_000)
    live = poll(world)
    world.ship("splunk")
    load(world, past, "splunk_hec")
    world.ship("splunk", windows=[past])
    moment = utc_now() + 31 * DAY
    with monkeypatch.context() as patched:
        for module in ("report", "pull", "task"):
            patched.setattr(f"audit_provider.operators.{module}.utc_now", lambda: moment)
        poll(world)
        ReportAuditLogsOperator(
            task_id="report", pipeline="p", destinations=["splunk_hec"], spool=f"file://{world.spool}"
        ).execute(context())
    assert list(world.spool.glob("p/live/*/oldest.json"))
    load(world, past, "datadog_logs")
    world.ship("datadog", windows=[past], destination="datadog_logs")
    world.ship("datadog", destination="datadog_logs")
    assert live["spooled"] > 0
    assert Counter(world.datadog.ids()) == Counter(world.pylon.ids())
