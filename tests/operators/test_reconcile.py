"""Reconciliation over real operators: late and missed events are found, named, spooled and shipped once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from audit_provider.core.model import text_of
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.gap_records import acknowledge_gap, all_gaps
from audit_provider.core.runs.own_streams import evidence_event, spool_evidence
from audit_provider.core.spool import LocalStore
from audit_provider.host.spool_location import open_store
from audit_provider.operators import ReportAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.state import Variables
from tests.core.simulation import Crash
from tests.operators.conftest import DAYS, context, set_clock

DAY = timedelta(days=1)
PIPELINE = pipeline_from(
    "p",
    {"source": "pylon", "destinations": {"s3": {"type": "s3", "bucket": "b"}, "splunk_hec": {"type": "splunk_hec"}}},
)


def open_gaps(pipelines, *, spool):
    """Return the gaps that somebody has to look at."""
    return [gap for gap in all_gaps(Variables(), open_store(spool), pipelines) if gap.is_open]


def insert(world, count, start, *, seed=5):
    """Let the source show events of the past that it has not shown so far; return their ids."""
    events = generate(count, start, start + timedelta(minutes=1), seed=seed)
    world.pylon.add(events)
    return [each["id"] for each in events]


def test_what_this_package_adds_itself_is_not_expected_of_the_source(world, compare, ending):
    world.pull()
    made = ending - timedelta(hours=3)
    spool_evidence(
        Variables(), LocalStore(world.spool), "p", [evidence_event("checkpoint-x", made, {"action": "a"})], made
    )
    assert compare()["gone"] == 0


def ship_late(world, kind="splunk"):
    return world.ship(kind, late=True)


def test_late_events_are_found_named_spooled_and_shipped_once(world, compare, ending, capsys):
    world.pull()
    world.ship("splunk")
    late = insert(world, 30, ending - timedelta(hours=9))
    assert world.pull()["spooled"] == 0, "they lie beyond what the live reading looks at again"
    cursor = world.variables.get("audit_logs.p.cursor")

    found = compare()

    assert found["windows"] == [{"start": text_of(ending - DAY), "end": text_of(ending)}]
    assert (found["late"], found["served"], found["gone"]) == (30, found["in_spool"] + 30, 0)
    assert set(found["late_ids"]) < set(late)
    assert len(found["late_ids"]) == 20
    assert sum(found["late_by_action"].values()) == 30
    assert found["watermark_lag"] >= 0
    (line,) = [each for each in capsys.readouterr().out.splitlines() if "Compared " in each]
    assert "[warning" in line
    assert all(name in line for name in found["late_ids"])
    assert world.variables.get("audit_logs.p.cursor") == cursor

    for kind in ("splunk", "s3"):
        assert ship_late(world, kind)["delivered"] == 30
        assert ship_late(world, kind)["delivered"] == 0
    world.ship("s3")
    assert sorted(world.splunk.ids()) == world.s3_ids() == sorted(world.pylon.ids())


def test_a_second_reconciliation_finds_nothing(world, compare, ending):
    world.pull()
    insert(world, 3, ending - timedelta(hours=9))
    assert compare()["late"] == 3
    requests = len(world.pylon.seen)
    assert compare()["windows"] == []
    assert len(world.pylon.seen) == requests, "what is compared is not read again"
    again = json.loads(world.variables.get("audit_logs.p.reconcile.cursor")) | {"reading": {}}
    world.variables.set("audit_logs.p.reconcile.cursor", json.dumps(again))
    found = compare()
    assert (found["late"], found["gone"], found["events"]) == (0, 0, 3), "read again, and known"
    assert found["served"] == found["in_spool"] > 3


def test_what_the_source_no_longer_shows_is_counted(world, compare, ending):
    insert(world, 4, ending - timedelta(hours=5), seed=8)
    world.pull()
    within = [row for row in world.pylon._rows if ending - DAY <= row[0] < ending]
    outside = next(row for row in world.pylon._rows if row[0] < ending - 2 * DAY)
    world.pylon._rows = [row for row in world.pylon._rows if row not in (*within[:3], outside)]
    found = compare()
    assert (found["gone"], found["late"], found["served"]) == (3, 0, len(within) - 3)


def test_windows_of_consecutive_and_of_missed_days_leave_no_hole(world, compare, ending, monkeypatch):
    world.pull()
    set_clock(monkeypatch, world.now)
    windows = compare()["windows"]
    for days in (1, 2, 5):
        insert(world, 2, ending + timedelta(days=days - 1, hours=-3), seed=days)
        live = json.loads(world.variables.get("audit_logs.p.cursor"))
        live |= {"updated_at": text_of(world.now + days * DAY)}
        world.variables.set("audit_logs.p.cursor", json.dumps(live))
        set_clock(monkeypatch, world.now + timedelta(days=days, hours=2))
        windows += compare()["windows"]
    assert windows[0]["start"] == text_of(ending - DAY)
    assert [each["end"] for each in windows[:-1]] == [each["start"] for each in windows[1:]]
    assert windows[-1]["end"] == text_of(ending + 5 * DAY)
    assert len(windows) == 6


def test_what_the_live_reading_has_not_reached_is_not_missed(world, compare, ending):
    assert compare()["windows"] == [], "nothing is read yet"
    world.pull()
    insert(world, 5, ending - timedelta(hours=9))
    live = json.loads(world.variables.get("audit_logs.p.cursor"))
    for changes in ({"updated_at": text_of(ending)}, {"complete": False, "watermark": text_of(ending)}):
        world.variables.set("audit_logs.p.cursor", json.dumps(live | changes))
        found = compare()
        assert found["late"] == 0
        assert all(each["end"] <= text_of(ending - DAY) for each in found["windows"])
    world.variables.set("audit_logs.p.cursor", json.dumps(live))
    assert compare()["late"] == 5


def test_what_nobody_asked_for_is_not_missed(world, compare, ending):
    began = ending - timedelta(hours=10)
    world.pull(start=began.isoformat())
    insert(world, 4, began - timedelta(hours=2))
    late = insert(world, 2, began + timedelta(hours=1), seed=6)
    found = compare()
    assert found["windows"] == [{"start": text_of(began), "end": text_of(ending)}]
    assert sorted(found["late_ids"]) == sorted(late)


def test_what_a_backfill_has_loaded_is_known(world, compare, ending):
    world.pull()
    late = insert(world, 6, ending - timedelta(hours=9))
    window = {"start": text_of(ending - DAY), "end": text_of(ending)}
    assert world.pull(window=window)["spooled"] == 6
    assert compare()["late"] == 0
    assert set(late) <= set(world.pylon.ids())


def test_what_a_reconciliation_has_found_is_not_read_twice_by_others(world, compare, ending):
    world.pull()
    insert(world, 6, ending - timedelta(hours=9))
    assert compare()["late"] == 6
    window = {"start": text_of(ending - DAY), "end": text_of(ending)}
    assert world.pull(window=window)["spooled"] == 0
    live = json.loads(world.variables.get("audit_logs.p.cursor"))
    reading = live["reading"] | {"window_end": text_of(ending - DAY)}
    live |= {"reading": reading, "watermark": text_of(ending - DAY)}
    world.variables.set("audit_logs.p.cursor", json.dumps(live))
    assert world.pull()["spooled"] == 0, "a live reading that goes back meets them, and knows them"


def test_what_was_spooled_under_another_time_is_not_named_as_late(world, compare, ending):
    moved = insert(world, 3, ending + timedelta(hours=2))
    world.pull()
    world.pylon._rows = [row for row in world.pylon._rows if row[1] not in moved]
    assert insert(world, 3, ending - timedelta(hours=9)) == moved
    found = compare()
    assert (found["late"], found["late_ids"], found["late_by_action"]) == (0, [], {})
    assert found["changed"] == 3, "their times are part of what the records say, so they are newer states"


@pytest.mark.parametrize("page", range(1, 5))
def test_a_comparison_that_breaks_off_goes_on_and_loses_nothing(world, compare, ending, no_pause, page):
    world.pull()
    late = insert(world, 40, ending - timedelta(hours=9))
    world.pylon.faults.add("status", status=503, after=page, count=None)
    with pytest.raises(AirflowException):
        compare(page_size=10)
    world.pylon.faults.clear()
    found = compare(page_size=10)
    assert found["late"] == 40, "also those that were spooled before it broke off"
    assert found["gone"] is None, "which is not known of a window that was read in parts"
    ship_late(world)
    assert sorted(world.splunk.ids()) == sorted(late)


def test_late_events_are_a_gap_until_they_are_shipped(world, compare, ending):
    world.pull()
    insert(world, 3, ending - timedelta(hours=9))
    compare()
    spool = f"file://{world.spool}"
    (gap,) = open_gaps([PIPELINE], spool=spool)
    assert (gap.kind, gap.wanted, gap.possible) == ("late", ending - DAY, ending)
    ship_late(world, "s3")
    assert open_gaps([PIPELINE], spool=spool) == [gap]
    ship_late(world)
    assert open_gaps([PIPELINE], spool=spool) == []
    (closed,) = all_gaps(Variables(), open_store(spool), [PIPELINE])
    assert closed.closed


def test_a_run_may_end_failed_where_that_is_wanted(world, compare, ending):
    world.pull()
    insert(world, 3, ending - timedelta(hours=9))
    with pytest.raises(AirflowFailException, match="3 events of p came late or were missed"):
        compare(fail_on_missed=True)
    assert ship_late(world)["delivered"] == 3
    assert compare(fail_on_missed=True)["late"] == 0


def test_what_was_found_before_a_run_broke_off_still_fails_the_next(world, compare, ending, no_pause, monkeypatch):
    world.pull()
    insert(world, 3, ending - timedelta(hours=9))
    put, reached = world.variables.set, []

    def set_and_break(cls, key, value, description=None):
        put(key, value, description)
        if key.endswith(".reconcile.cursor") and json.loads(value)["reading"].get("last"):
            reached.append(value)
            raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(world.variables, "set", classmethod(set_and_break))
        with pytest.raises(Crash):
            compare(fail_on_missed=True)
    assert json.loads(reached[0])["reading"]["untold"] == 3
    with pytest.raises(AirflowFailException, match="3 events of p came late or were missed"):
        compare(fail_on_missed=True)
    assert compare(fail_on_missed=True)["late"] == 0


def test_what_may_have_been_removed_is_not_compared(world, compare, ending):
    world.pull()
    insert(world, 3, ending - timedelta(hours=23, minutes=50))
    assert compare(retention_days=1)["windows"] == []


def test_a_gap_is_acknowledged_and_a_new_one_is_open_again(world):
    spool = f"file://{world.spool}"
    world.pull()
    live = json.loads(world.variables.get("audit_logs.p.cursor"))
    gap = {"wanted": "2026-01-01T00:00:00Z", "possible": "2026-01-02T00:00:00Z", "reason": "r", "kind": "cursor"}
    world.variables.set("audit_logs.p.cursor", json.dumps(live | {"gaps": [gap]}))
    (found,) = open_gaps([PIPELINE], spool=spool)
    with pytest.raises(Exception, match="p has no gap 'nope'"):
        acknowledge_gap(Variables(), open_store(spool), PIPELINE, "nope", by="ann")
    with pytest.raises(Exception, match="say who"):
        acknowledge_gap(Variables(), open_store(spool), PIPELINE, found.id, by=" ")
    cursor = world.variables.get("audit_logs.p.cursor")
    acknowledge_gap(Variables(), open_store(spool), PIPELINE, found.id, by="ann", note="the vendor's outage")
    assert open_gaps([PIPELINE], spool=spool) == []
    assert world.variables.get("audit_logs.p.cursor") == cursor, "the pull task's record has no second writer"
    (kept,) = all_gaps(Variables(), open_store(spool), [PIPELINE])
    assert (kept.acknowledged.by, kept.acknowledged.note) == ("ann", "the vendor's outage")
    other = gap | {"possible": "2026-01-03T00:00:00Z"}
    world.variables.set("audit_logs.p.cursor", json.dumps(live | {"gaps": [gap, other]}))
    assert [each.possible.day for each in open_gaps([PIPELINE], spool=spool)] == [3]


def test_a_window_of_which_nothing_can_be_read_is_a_gap(world):
    window = {"start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z"}
    source = {"like": "pylon", "lookback": 90 * 86_400}
    world.pull(source=source, conn_id="pylon_default", window=window)
    (gap,) = open_gaps([PIPELINE], spool=f"file://{world.spool}")
    assert (gap.kind, gap.wanted) == ("look_back", datetime(2020, 1, 1, tzinfo=timezone.utc))
    assert gap.found_at is not None


def test_events_that_were_too_old_are_a_gap_of_their_destination(world):
    world.pull()
    with pytest.raises(AirflowFailException, match="too old"):
        world.ship("datadog", too_old="dead_letter")
    pipeline = pipeline_from("p", {"source": "pylon", "destinations": {"datadog": {"type": "datadog"}}})
    (gap,) = open_gaps([pipeline], spool=f"file://{world.spool}")
    assert (gap.kind, gap.destination) == ("too_old", "datadog")
    offset = json.loads(world.variables.get("audit_logs.p.to.datadog"))
    assert gap.events == offset["counts"]["too_old"] > 600
    old = sorted(row[0] for row in world.pylon._rows)[: gap.events]
    assert (gap.wanted, gap.possible) == (old[0], old[-1])
    assert gap.wanted < world.now - timedelta(days=DAYS - 5)


def test_the_report_says_how_many_gaps_are_open(world, compare, ending, capsys):
    world.pull()
    insert(world, 3, ending - timedelta(hours=9))
    compare()

    def report(**arguments):
        capsys.readouterr()
        task = ReportAuditLogsOperator(
            task_id="report", pipeline="p", destinations=["splunk_hec"], spool=f"file://{world.spool}", **arguments
        )
        accounts = task.execute(context())
        return accounts, capsys.readouterr().out

    _, told = report()
    assert "p has 1 open gaps (1 late)" in told
    accounts, told = report(late=True)
    assert (accounts[0]["spooled"], accounts[0]["pending"]) == (3, 3)
    ship_late(world)
    accounts, told = report(late=True)
    assert (accounts[0]["delivered"], accounts[0]["pending"]) == (3, 0)
    assert "open gaps" not in told
