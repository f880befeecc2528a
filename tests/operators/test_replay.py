"""The spool sent again through real operators: by range, to old and new destinations, the live offset untouched."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.model import text_of
from audit_provider.core.pull import pull
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.operators import (
    AuditLogsToDatadogOperator,
    AuditLogsToS3Operator,
    AuditLogsToSplunkHecOperator,
    ReportAuditLogsOperator,
)
from audit_provider.sandbox.events import generate
from tests.core.simulation import Crash
from tests.operators.conftest import DAYS, context, crash_at_commit, stored_ids

RUN = "manual__2026-01-01T00:00:00+00:00"


@pytest.fixture
def form(world, monkeypatch, moto):
    """Replays as their form starts them, over a spool of many segments."""
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 40_000)
    world.again = f"again-{world.bucket}"[:60].strip("-")
    moto.client().create_bucket(Bucket=world.again)
    own = {
        "s3": (AuditLogsToS3Operator, {"bucket": world.bucket}),
        "again": (AuditLogsToS3Operator, {"bucket": world.again, "destination": "again"}),
        "splunk_hec": (AuditLogsToSplunkHecOperator, {"index": "audit"}),
        "datadog": (AuditLogsToDatadogOperator, {}),
    }

    def params(start=None, end=None, **rest):
        start, end = (text_of(each) if each else None for each in (start, end))
        return {"start": start, "end": end, **rest}

    def replay(name, start=None, end=None, *, run=RUN, chosen=None, **arguments):
        kind, options = own[name]
        operator = kind(
            task_id="s", pipeline="p", spool=f"file://{world.spool}", replay=True, **{**options, **arguments}
        )
        wanted = params(start, end, destinations=chosen or [name])
        return operator.execute(context(params=wanted, dag_run=SimpleNamespace(run_id=run)))

    def report(run=RUN, failed=()):
        operator = ReportAuditLogsOperator(
            task_id="report", pipeline="p", destinations=[*own], replay=True, spool=f"file://{world.spool}"
        )
        return operator.work(
            context(dict.fromkeys(failed, "failed"), params=params(), dag_run=SimpleNamespace(run_id=run))
        )

    return SimpleNamespace(
        params=params,
        replay=replay,
        report=report,
        again_ids=lambda: stored_ids(world.again),
        offsets=lambda: sorted(key for key in world.variables.all() if ".replay." in key),
        kept=lambda: {key: text for key, text in world.variables.all().items() if ".replay." not in key},
    )


def events_of(world, start=None, end=None):
    """Return the records that the source serves of a range, by the time that they happened."""
    found = []
    for each in generate(700, world.now - timedelta(days=DAYS), world.now):
        happened = datetime.fromisoformat(each["action_happened_at"].replace("Z", "+00:00"))
        if (start is None or happened >= start) and (end is None or happened < end):
            found.append(each)
    return found


def served(world, start=None, end=None):
    return sorted(each["id"] for each in events_of(world, start, end))


def midnight(world, days):
    return (world.now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def read_in_two_streams(world):
    cut = world.now - timedelta(days=30)
    window = {"start": text_of(world.now - timedelta(days=DAYS + 1)), "end": text_of(cut)}
    world.pull(start=text_of(cut), page_size=40)
    world.pull(window=window, page_size=40)
    return window


def test_everything_kept_goes_to_a_destination_that_was_added_later(world, form):
    read_in_two_streams(world)
    result = form.replay("again")
    assert (result["in_range"], result["delivered"]) == (700, 700)
    assert form.again_ids() == sorted(world.pylon.ids())
    assert len(form.offsets()) == 2, "one for each stream"
    assert not any("again" in key for key in form.kept())
    form.report()
    assert form.offsets() == []


@pytest.mark.parametrize("name", ["splunk_hec", "s3", "datadog"])
def test_a_range_goes_again_and_the_live_offset_stays_byte_for_byte(world, form, name):
    world.pull(page_size=40)
    world.ship(name.partition("_")[0])
    before = form.kept()
    start, end = midnight(world, 40), midnight(world, 20)
    wanted = served(world, start, end)
    assert 100 < len(wanted) < 400
    result = form.replay(name, start, end)
    assert form.kept() == before
    assert (result["in_range"], result["filtered"], result["dead_lettered"]) == (len(wanted), 0, 0)
    assert result["delivered"] + result["already_there"] == len(wanted)
    arrived = {"splunk_hec": world.splunk.ids, "datadog": world.datadog.ids, "s3": world.s3_ids}[name]()
    repeated = sorted(each for each, times in Counter(arrived).items() if times == 2)
    assert set(arrived) == set(world.pylon.ids())
    if name == "s3":
        assert repeated == [], "whole days are the same objects"
        assert result["already_there"] == len(wanted)
    else:
        assert repeated == wanted
    form.report()
    assert world.variables.all() == before


def test_segments_outside_the_range_are_not_read_and_all_is_in_the_table(world, form, monkeypatch, capsys):
    world.pull(page_size=40)
    opened = []
    events = Stream.events
    monkeypatch.setattr(Stream, "events", lambda stream, manifest: opened.append(manifest) or events(stream, manifest))
    start, end = midnight(world, 10), midnight(world, 5)
    assert form.replay("again", start, end)["in_range"] == len(served(world, start, end))
    segments = json.loads(world.variables.get("audit_logs.p.cursor"))["head"]["number"]
    assert 0 < len(opened) < segments / 2
    assert all(each.last_time >= start and each.first_time < end for each in opened)
    told = capsys.readouterr().out.rpartition(f"Replay of {text_of(start)} to {text_of(end)}.")[2]
    head, _, row = [line for line in told.splitlines() if line.strip()][:3]
    assert head.split("  ")[-1].strip() == "outside"
    numbers = [int(each) for each in row.split()[2:9]]
    assert numbers[0] + numbers[-1] == 700
    assert numbers[0] == sum(numbers[1:-1]) == len(served(world, start, end))
    assert form.again_ids() == served(world, start, end)


def test_a_filter_counts_as_filtered_and_the_range_as_outside(world, form):
    world.pull(page_size=40)
    start = midnight(world, 10)
    wanted = events_of(world, start)
    action = wanted[-1]["action"]
    mine = [each["id"] for each in wanted if each["action"] == action]
    result = form.replay("again", start, None, options={"only": [action]})
    assert result["in_range"] == len(wanted)
    assert result["filtered"] == len(wanted) - len(mine)
    assert form.again_ids() == sorted(mine)


@pytest.mark.parametrize("name", ["splunk_hec", "again"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_commit_loses_nothing_and_the_retry_goes_on(world, form, monkeypatch, name, after):
    read_in_two_streams(world)
    options = {"options": {"batch_events": 200}} if name == "splunk_hec" else {}
    arrived = {"splunk_hec": world.splunk.ids, "again": form.again_ids}[name]
    before = form.kept()
    deaths = 0
    # Each try dies at the first commit that is new to it: without an offset of its own it would never end.
    while True:
        known = len(arrived())
        with monkeypatch.context() as patched:
            crash_at_commit(patched, world.variables, 1 if after else 2, after=after)
            try:
                result = form.replay(name, **options)
            except Crash:
                deaths += 1
                assert len(arrived()) >= known
                continue
            break
    assert deaths >= 3
    assert result["in_range"] == 700
    found = Counter(arrived())
    assert set(found) == set(world.pylon.ids())
    repeats = sum(found.values()) - len(found)
    assert repeats == 0 if after or name == "again" else repeats <= 200 * deaths
    assert form.kept() == before
    assert form.replay(name, **options)["in_range"] == 700, "the end was reached, so a retry sends nothing"
    assert Counter(arrived()) == found


def test_a_destination_that_breaks_off_is_resumed_by_the_retry(world, form, no_pause):
    world.pull(page_size=40)
    world.splunk.faults.add("status", status=503, after=2, count=None)
    options = {"options": {"batch_events": 200}}
    with pytest.raises(AirflowException, match="503"):
        form.replay("splunk_hec", **options)
    assert len(world.splunk.ids()) == 400
    with pytest.raises(StopError, match="did not succeed"):
        form.report(failed=["ship_splunk_hec"])
    assert len(form.offsets()) == 1, "kept for the task to be cleared"
    world.splunk.faults.clear()
    assert form.replay("splunk_hec", **options)["delivered"] == 700
    assert sorted(world.splunk.ids()) == sorted(world.pylon.ids())
    assert "audit_logs.p.to.splunk_hec" not in world.variables.all(), "no failure is told of a delivery that is not"


def test_what_is_refused_is_a_dead_letter_and_the_offsets_go(world, form):
    (poison,) = generate(1, world.now - timedelta(minutes=3), world.now, seed=99)
    poison["metadata"] = {"huge": "x" * 1_100_000}
    world.pylon.add([poison])
    world.pull(page_size=40)
    with pytest.raises(AirflowFailException, match="1 event was set aside"):
        form.replay("datadog")
    assert len(world.datadog.ids()) == 700
    (path,) = world.spool.glob("p/live/*/dead/datadog/*")
    assert json.loads(path.read_text())["event"] == poison
    assert form.offsets() == []
    assert form.replay("datadog", dead_letters="succeed", run="another")["dead_lettered"] == 1


def test_another_run_begins_from_the_start(world, form):
    world.pull(page_size=40)
    form.replay("splunk_hec")
    form.replay("splunk_hec", run="manual__2026-01-02")
    assert set(Counter(world.splunk.ids()).values()) == {2}
    assert len(form.offsets()) == 2
    form.report()
    assert len(form.offsets()) == 1


def test_a_destination_that_was_not_chosen_is_skipped(world, form):
    world.pull(page_size=40)
    with pytest.raises(AirflowSkipException):
        form.replay("splunk_hec", chosen=["s3"])
    assert world.splunk.ids() == []


def test_a_range_that_is_none_is_refused_and_nothing_is_sent(world, form):
    world.pull(page_size=40)
    with pytest.raises(AirflowFailException, match="must end after it starts.*: correct 'start' or 'end' in the form"):
        form.replay("splunk_hec", world.now, world.now - timedelta(days=1))
    assert world.splunk.ids() == []


def test_findings_that_were_spooled_go_again_with_the_rest(world, form):
    world.pull(page_size=40)
    watched = ReportAuditLogsOperator(
        task_id="report",
        pipeline="p",
        destinations=["splunk_hec"],
        source="pylon",
        monitoring={"ship_findings": True, "watch": ["*"]},
        spool=f"file://{world.spool}",
    )
    watched.execute(context())
    store = LocalStore(world.spool)
    position = POSITIONS.unpack(world.variables.get("audit_logs.p.findings.cursor"), "it")
    stream = Stream(store, "p/findings", position.chain)
    found = sorted(event.id for _, events in stream.read(position.head, 1) for event in events)
    assert found
    result = form.replay("again")
    assert result["in_range"] == result["delivered"] == 700 + len(found)
    assert form.again_ids() == sorted([*world.pylon.ids(), *found])
    form.report()
    assert form.offsets() == []
    result = form.replay("splunk_hec", midnight(world, 40), midnight(world, 20), run=f"{RUN}-2")
    assert result["delivered"] == len(served(world, midnight(world, 40), midnight(world, 20))), "they are of today"
