"""What the report removes from the spool: old segments that no destination waits for."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.ledger.records import removal_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import text_of, utc_now
from audit_provider.core.pull import pull
from audit_provider.core.spool import LocalStore
from audit_provider.core.spool.stream import Removal
from audit_provider.core.streams.open_stream import open_stream
from audit_provider.operators import PullAuditLogsOperator, ReportAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.state import Variables
from tests.operators.conftest import context, set_clock
from tests.operators.test_reconcile import DAY, insert


@pytest.fixture
def later(world, monkeypatch):
    """Run the report as it will run when every segment of today is too old."""
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 8_000)

    def run(*destinations, params=None, **arguments):
        task = ReportAuditLogsOperator(
            task_id="report", pipeline="p", destinations=destinations, spool=f"file://{world.spool}", **arguments
        )
        moment = utc_now() + timedelta(days=31)
        task.now = lambda: moment
        task.execute(context(params=params or {}))

    return run


@pytest.fixture
def window(world):
    return {"start": text_of(world.now - timedelta(days=61)), "end": text_of(world.now + timedelta(seconds=1))}


def kept(world, stream):
    return len(list(world.spool.glob(f"p/{stream}/*/*.manifest.json.gz")))


def remove_all_but_the_head(world):
    """Remove more of the live stream than the next read looks back to: months later, that is what retention removes."""
    name, ledger = StreamName("p"), Variables()
    opened = open_stream(ledger, LocalStore(world.spool), name)
    month = utc_now() + timedelta(days=31)
    removed = opened.stream.prune(
        finished=opened.head.number - 1,
        written_before=month,
        now=month,
        mark=lambda number: removal_record(ledger, name).commit(Removal(opened.chain, number)),
    )
    assert removed == opened.head.number - 1


def test_what_every_destination_has_goes_and_the_head_stays(world, later, monkeypatch):
    world.pull(page_size=50)
    segments = kept(world, "live")
    for kind in ("splunk", "datadog"):
        assert segments > 10
        later("splunk_hec", "datadog")
        assert kept(world, "live") == segments, "datadog has nothing yet"
        world.ship(kind)
    later("splunk_hec", "datadog")
    assert kept(world, "live") == segments, "it looks once a day"
    for expected in (segments, 1):
        for mark in world.spool.rglob("pruned.json"):
            mark.unlink()
        later("splunk_hec", "datadog")
        assert kept(world, "live") == expected, "what the next read looks back to stays until it has ended"
        set_clock(monkeypatch, utc_now() + timedelta(days=31))
        world.pull(page_size=50)


def test_a_window_that_is_run_again_for_another_destination_waits_for_the_first(world, later, window):
    world.pull(window=window, page_size=50)
    segments = kept(world, "backfill-*")
    world.splunk.faults.add("status", status=403, count=None)
    with pytest.raises(AirflowFailException, match="403"):
        world.ship("splunk", windows=[window])
    world.splunk.faults.clear()
    world.ship("datadog", windows=[window])
    later("splunk_hec", "datadog", windows=[window], params={"destinations": ["datadog"]})
    assert kept(world, "backfill-*") == segments > 10
    assert world.ship("splunk", windows=[window])["delivered"] == 700


def test_segments_of_a_window_go_in_those_that_share_files(world, later, window):
    world.pull(window=window, page_size=50)
    segments = kept(world, "backfill-*")
    world.ship("splunk", windows=[window])
    later("splunk_hec", "datadog", windows=[window])
    assert kept(world, "backfill-*") == segments - (segments - 1) // 4 * 4 > 0


def test_late_events_wait_for_a_destination_that_has_not_begun(world, later, compare, ending):
    """Such as one that is not enabled, whose ship tasks are skipped."""
    world.pull()
    insert(world, 400, ending - timedelta(hours=9))
    assert compare(page_size=50)["late"] == 400
    segments = kept(world, "reconcile")
    world.ship("datadog", late=True)
    later("datadog", "splunk_hec")
    assert kept(world, "reconcile") == segments > 5
    assert world.ship("splunk", late=True)["delivered"] == 400


def test_a_comparison_that_broke_off_is_dropped_where_segments_may_be_gone(
    world, compare, ending, later, monkeypatch, capsys
):
    insert(world, 20, ending - timedelta(hours=9))
    world.pull()
    world.ship("splunk")
    world.pylon.faults.add("status", status=401, after=2, count=None)
    with pytest.raises(AirflowFailException, match="401"):
        compare(page_size=5, retention_days=7)
    world.pylon.faults.clear()
    live, late = (json.loads(world.variables.get(f"audit_logs.p{each}.cursor")) for each in ("", ".reconcile"))
    assert late["reading"]["open"]["comparison"]["start"] == text_of(ending - DAY)

    moment = world.now + 8 * DAY
    live |= {"updated_at": text_of(moment), "complete": True}
    world.variables.set("audit_logs.p.cursor", json.dumps(live))
    later("splunk_hec", retention_days=7)
    set_clock(monkeypatch, moment)
    found = compare(retention_days=7)

    bound = text_of(moment - 7 * DAY + timedelta(hours=2))
    assert found["windows"][0]["start"] == bound
    assert found["late"] == 0
    assert f"{text_of(ending - DAY)} to {bound} cannot be compared any more" in capsys.readouterr().out


def test_a_backfill_without_a_plan_leaves_the_live_stream_alone(world, capsys):
    """Where the plan fails, its windows are None at the task, which elsewhere means the live stream."""
    world.pull()
    world.ship("splunk")
    capsys.readouterr()
    task = ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=["splunk_hec"], spool=f"file://{world.spool}", windows=[]
    )
    task.windows = None
    with pytest.raises(AirflowFailException, match="plan did not succeed"):
        task.execute(context({"plan": "failed"}))
    assert "p/live" not in capsys.readouterr().out
    assert not list(world.spool.rglob("pruned.json"))


def test_a_source_that_was_down_for_longer_than_segments_are_kept_repeats_nothing(world, later, monkeypatch):
    insert(world, 300, world.now - timedelta(hours=20))
    first = world.pull(page_size=50)
    world.ship("splunk")
    later("splunk_hec")
    assert kept(world, "live") > 5, "the next read begins where the last one ended"
    set_clock(monkeypatch, utc_now() + timedelta(days=31))
    again = world.pull(page_size=50)
    assert (first["spooled"], again["spooled"]) == (1000, 0)
    assert again["duplicates"] > 300
    assert world.ship("splunk")["delivered"] == 0


def test_what_came_late_is_known_as_long(world, later, compare, ending, monkeypatch):
    """The live reading knows what the reconciliation has spooled, by the ids of that stream."""
    world.pull(page_size=50)
    insert(world, 40, ending - timedelta(hours=9))
    assert compare(page_size=5)["late"] == 40
    for late in (False, True):
        world.ship("splunk", late=late)
    later("splunk_hec")
    assert kept(world, "reconcile") > 1
    set_clock(monkeypatch, utc_now() + timedelta(days=31))
    assert world.pull(page_size=50, reading={"sweep_reach": 4 * 86_400})["spooled"] == 0


def test_a_reach_that_the_operators_were_given_counts(world, later, monkeypatch):
    """Without a pipelines file nobody has compared it with the retention."""
    reading = {"sweep_reach": 7 * 86_400}
    assert world.pull(page_size=50, reading=reading)["spooled"] == 700
    world.ship("splunk")
    later("splunk_hec", retention_days=1)
    set_clock(monkeypatch, utc_now() + timedelta(days=31))
    assert world.pull(page_size=50, reading=reading)["spooled"] == 0


def test_a_database_restored_from_before_the_retention_loses_nothing(world, later, monkeypatch):
    world.pull(page_size=50)
    world.ship("splunk")
    saved = world.variables.all()
    world.pylon.add(generate(60, world.now - timedelta(minutes=10), world.now, seed=2))
    set_clock(monkeypatch, utc_now() + timedelta(minutes=5))
    assert world.pull(page_size=50)["spooled"] == 60
    world.ship("splunk")
    remove_all_but_the_head(world)
    for key, value in saved.items():
        world.variables.set(key, value)
    more = generate(30, world.now - timedelta(minutes=9), world.now, seed=3)
    world.pylon.add(more)
    assert world.pull(page_size=50)["spooled"] >= 90, "a new chain, from where the restored position stands"
    assert world.ship("splunk")["pending"] == 0
    for mark in world.spool.rglob("pruned.json"):
        mark.unlink()
    later("splunk_hec")
    assert {event["id"] for event in more} <= set(world.splunk.ids())
    assert world.pull(page_size=50)["spooled"] == 0, "it goes on in the new chain"


@pytest.mark.parametrize("chosen", [None, ["datadog"]])
def test_a_destination_that_is_added_later_gets_what_retention_has_removed_of_a_window(world, later, window, chosen):
    entries = context(params={"destinations": chosen} if chosen else {})
    world.pull(window=window, page_size=50)
    world.ship("splunk", windows=[window])
    later("splunk_hec", windows=[window])
    again = PullAuditLogsOperator(
        task_id="pull",
        pipeline="p",
        source="pylon",
        window=window,
        spool=f"file://{world.spool}",
        rate_limit={"requests": 10_000, "per": 1},
    )
    assert again.execute(entries)["spooled"] > 0
    assert world.ship("datadog", windows=[window], too_old="arrival_time")["delivered"] == 700
    assert sorted(world.datadog.ids()) == sorted(world.pylon.ids())
    if chosen:
        assert again.execute(entries)["read"] == 0, "it has got all of it"


def test_what_another_window_holds_is_known_only_for_destinations_that_are_given_it(world, window):
    world.pull(window=window)
    world.ship("splunk", windows=[window])
    longer = window | {"start": text_of(world.now - timedelta(days=62))}
    pulling = PullAuditLogsOperator(
        task_id="pull",
        pipeline="p",
        source="pylon",
        window=longer,
        spool=f"file://{world.spool}",
        rate_limit={"requests": 10_000, "per": 1},
    )
    assert pulling.execute(context(params={"destinations": ["datadog"]}))["spooled"] == 700
    assert world.ship("datadog", windows=[longer], too_old="arrival_time")["delivered"] == 700
