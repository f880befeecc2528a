"""What is wrong with a pipeline, as the page tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from audit_provider.core.ledger.health import Notice, Noticed, SourceHealth
from audit_provider.core.ledger.position import POSITIONS, with_segment
from audit_provider.core.model import Gap, ShipCounts, utc_now
from audit_provider.core.monitoring.summary import SUMMARIES, Finding
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.sources.watched import LOOKS, LastLook
from audit_provider.plugin.dag_facts import DagFacts, retry_at
from audit_provider.plugin.incidents import incidents_of
from audit_provider.plugin.looks import look_of, with_look
from audit_provider.plugin.overview import view_of
from audit_provider.plugin.progress import Records, progress_of
from tests.plugin.conftest import offset, position, summary

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FAILED = {"ended_id": "r", "ended_state": "failed", "ended_at": NOW}
"""A run that has just ended."""


LEFT = {"ended_id": "r", "ended_state": "success", "ended_began": NOW - HOUR, "ended_at": NOW - 50 * MINUTE}
"""A run that has ended well."""

GOES_WELL = {"run_state": "success", "next_run": NOW + MINUTE, **LEFT}


def view(dag=GOES_WELL, *, cursor=None, shipped=None, noted=None, more=(), look=None, **entry):
    """Return how a pipeline fares, by its records; unless told otherwise, read two minutes ago and delivered."""
    destinations = {"splunk": {"type": "splunk_hec"}}
    pipeline = pipeline_from("p", {"source": "pylon", "destinations": destinations, **entry})
    records = Records()
    if cursor is not False:
        records.add("audit_logs.p.cursor", POSITIONS.pack(cursor or position(now=NOW)))
    records.add("audit_logs.p.to.splunk", msgspec.json.encode(shipped or offset(delivered=1000)).decode())
    if noted:
        records.add("audit_logs.p.summary", SUMMARIES.pack(noted))
    for key, text in dict(more).items():
        records.add(key, text)
    progress = progress_of(pipeline, records.of("p"))
    kept = look_of(pipeline, LOOKS.pack(look)) if look else None
    return with_look(
        view_of(pipeline, progress, DagFacts(**dag) if dag else None, kept, root="/airflow", now=NOW), kept
    )


def shown(seen):
    return [(each.level, each.text) for each in seen.problems]


@pytest.mark.parametrize("monitoring", [True, False])
def test_what_reading_has_noticed_is_told_as_the_position_has_it(monitoring):
    notices = (Notice("paging next", "no answer has had it.", NOW), Notice("fields.ip ip", "no ip.", NOW, "info"))
    kept = replace(
        position(now=NOW), noticed={"source": Noticed(notices=notices), "recovery": Noticed(notices=notices)}
    )
    old = Finding("f", "notice", "warning", "of an earlier report", NOW)
    seen = view(cursor=kept, noted=summary(findings=(old,)), monitoring=monitoring)
    assert shown(seen) == [("warning", "no answer has had it.")]
    assert seen.state == "warning"
    assert shown(view(cursor=position(now=NOW), noted=summary(findings=(old,)), monitoring=monitoring)) == []


@pytest.mark.parametrize(
    ("dag", "state", "words"),
    [
        ({"next_run": 3 * MINUTE, "run_id": "r", "run_state": "success"}, "ok", None),
        ({"next_run": -14 * MINUTE, "run_state": "success"}, "ok", None),
        ({"next_run": -16 * MINUTE, "run_state": "success"}, "critical", "was not begun"),
        ({"next_run": -60 * MINUTE, "run_state": "running"}, "ok", None),
        ({"run_state": "failed", "run_id": "r", **FAILED}, "critical", "The last run failed: see its log."),
        ({"run_state": "failed", **FAILED, "failed": ("report",)}, "critical", "failed at report: see"),
        ({"run_state": "running", **FAILED, "failed": ("report",)}, "critical", "failed at report: see"),
        (
            {"run_state": "running", **FAILED, "failed": ("pull",)},
            "critical",
            "failed at the task pull, and",
        ),
        ({"paused": True, "next_run": -5 * HOUR, **FAILED}, "warning", "is paused"),
        ({"stale": True}, "critical", "import errors"),
    ],
)
def test_a_dag_that_does_not_run_is_told(dag, state, words):
    if "next_run" in dag:
        dag = {**dag, "next_run": NOW + dag["next_run"]}
    seen = view(dag)
    assert seen.state == state
    assert words is None or words in seen.problems[0].text
    if dag.get("run_id"):
        assert seen.run.link == "/airflow/dags/audit_incremental_p/runs/r"


@pytest.mark.parametrize("state", ["running", "queued"])
@pytest.mark.parametrize("monitoring", [True, False])
@pytest.mark.parametrize(
    ("hours", "level"), [(0.9, None), (1.1, "warning"), (3.9, "warning"), (4.1, "critical"), (48, "critical")]
)
def test_a_run_that_stands_still_is_told_though_it_makes_no_report(state, monitoring, hours, level):
    since = NOW - hours * HOUR
    read = replace(position(now=since), updated_at=since)
    noted = summary(made_at=since, findings=())
    seen = view({"run_state": state, "run_at": since}, cursor=read, noted=noted, monitoring=monitoring)
    assert seen.state == (level or "ok")
    assert [(each.level, "behind, where 60 minutes is the target" in each.text) for each in seen.problems] == (
        [(level, True)] if level else []
    )


def test_a_first_run_that_stands_still_is_told():
    assert view({"run_state": "running", "run_at": NOW - 2 * HOUR}, cursor=False).state == "warning"
    assert view({"run_state": "running", "run_at": NOW - 30 * MINUTE}, cursor=False).state == "new"


@pytest.mark.parametrize("state", ["success", "running"])
def test_a_pipeline_that_runs_once_a_day_is_fine_in_between(state):
    """Also in its run's first minutes, when what was read is no whole reading yet."""
    yesterday = NOW - timedelta(days=1)
    run = {"success": {"next_run": NOW + 5 * MINUTE}, "running": {"run_at": NOW - 5 * MINUTE}}[state]
    read = replace(position(now=yesterday), complete=state == "success")
    assert shown(view({**run, "run_state": state}, cursor=read, schedule="@daily")) == []


def test_the_target_is_the_pipelines_own():
    stuck = {"run_state": "queued", "run_at": NOW - 2 * HOUR}
    read = position(now=NOW - 2 * HOUR)
    assert view(stuck, cursor=read, monitoring={"lag_target": 3 * 3600}).state == "ok"
    assert view(stuck, cursor=read, monitoring={"lag_target": 600}).state == "critical"


def test_lag_is_told_where_the_dag_may_not_be_read_but_not_of_what_runs_by_hand():
    read = position(now=NOW - 48 * HOUR)
    withheld = {"withheld": True}
    assert shown(view(withheld, cursor=read)) == [
        ("critical", "Reading is 2 days behind, where 60 minutes is the target.")
    ]
    assert shown(view(withheld, cursor=read, schedule=None)) == []
    assert view(withheld, schedule=None).state == "unknown", "nobody can say how its runs end"


def test_the_lag_of_a_report_is_told_once():
    behind = replace(position(now=NOW), complete=False, watermark=NOW - 5 * HOUR)
    noted = summary(findings=(Finding("f", "lag", "warning", "Reading is 3 h behind.", NOW - 2 * HOUR),))
    between = {"run_state": "success", "next_run": NOW + MINUTE, "ended_id": "r", "ended_state": "success"}
    now = [("critical", "Reading is 5 hours behind, where 60 minutes is the target.")]
    assert shown(view(between, cursor=behind, noted=noted)) == now
    assert shown(view({"run_state": "running", "run_at": NOW - 2 * HOUR}, cursor=behind, noted=noted)) == now
    assert shown(view(between, noted=noted)) == [], "it has been made up for since"


def test_reading_that_did_not_finish_lags_since_its_watermark():
    behind = replace(position(now=NOW), complete=False, watermark=NOW - 5 * HOUR)
    assert view(cursor=behind).lag == pytest.approx(5 * 3600)
    assert view(cursor=replace(behind, watermark=None)).lag is None, "nothing says how far it is"


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize(("hours", "state"), [(0.9, "ok"), (1.5, "warning"), (5, "critical")])
def test_a_source_that_is_read_too_slowly_is_not_fine_though_every_run_ends_well(active, hours, state):
    run = {"run_state": "running", "run_at": NOW} if active else {"run_state": "success", "next_run": NOW + MINUTE}
    slow = replace(position(now=NOW), complete=False, completed_at=NOW - 9 * HOUR, watermark=NOW - hours * HOUR)
    seen = view({**run, **LEFT}, cursor=slow, schedule="@hourly")
    assert (seen.state, seen.reading.state) == (state, state)


def test_a_run_that_goes_on_where_the_one_before_read_to_the_end_is_not_slow():
    reading = replace(position(now=NOW), complete=False, completed_at=NOW - 50 * MINUTE, watermark=NOW - 9 * HOUR)
    assert view({"run_state": "running", "run_at": NOW, **LEFT}, cursor=reading).state == "ok"


def spooled(*ages, **more):
    """Return a position whose segments were written so long ago, the first one first."""
    times = ()
    for number, age in enumerate(ages, 1):
        times = with_segment(times, number, NOW - age)
    return position(now=NOW, spooled_at=times, **more)


@pytest.mark.parametrize(
    ("age", "level"), [(50 * MINUTE, "ok"), (61 * MINUTE, "warning"), (3 * HOUR, "warning"), (72 * HOUR, "critical")]
)
def test_a_destination_that_is_behind_is_not_fine_though_nothing_failed(age, level):
    where = spooled(100 * HOUR, age, spooled=900_000)
    shipped = replace(offset(delivered=10), segment=2)
    seen = view(GOES_WELL, cursor=where, shipped=shipped)
    (splunk,) = seen.destinations
    assert (seen.state, splunk.state, splunk.waiting_since) == (level, level, NOW - age)
    if level == "ok":
        assert seen.problems == ()
    else:
        (told,) = seen.problems
        assert (told.level, told.destination, told.since) == (level, "splunk", NOW - age)
        assert "where 60 minutes is the target: 899,990 events wait, though no run has failed." in told.text
        assert told.next_try == NOW + MINUTE


def test_an_event_that_has_just_come_after_a_quiet_day_is_not_late():
    where = spooled(30 * HOUR, MINUTE)
    seen = view(GOES_WELL, cursor=where, shipped=replace(offset(), segment=2, last_success=NOW - 30 * HOUR))
    assert (seen.state, seen.destinations[0].waiting_since) == ("ok", NOW - MINUTE)


def test_a_destination_has_everything_as_of_the_last_read_whether_its_task_ran_or_was_skipped():
    read = NOW - MINUTE
    where = spooled(30 * HOUR, spooled=10, completed_at=read)
    served = replace(offset(delivered=10), segment=2, last_success=NOW - 30 * HOUR)
    seen = view(GOES_WELL, cursor=where, shipped=served)
    assert (seen.state, seen.destinations[0].current_at) == ("ok", read)
    behind = replace(offset(delivered=9), segment=2, last_success=NOW - 30 * HOUR)
    assert view(GOES_WELL, cursor=where, shipped=behind).destinations[0].current_at is None
    failed = replace(served, failures_in_a_row=1, last_error="down")
    assert view(GOES_WELL, cursor=where, shipped=failed).destinations[0].current_at is None
    assert view(GOES_WELL, cursor=where, more={"audit_logs.p.to.splunk": "{"}).destinations[0].current_at is None


def test_what_an_earlier_version_has_spooled_waits_since_nobody_knows_and_is_late_once_that_is_certain():
    shipped = replace(offset(), segment=2)
    assert view(GOES_WELL, cursor=position(now=NOW, spooled_at=()), shipped=shipped).state == "unknown"
    since = with_segment((), 3, NOW - 30 * MINUTE)
    assert view(GOES_WELL, cursor=position(now=NOW, spooled_at=since), shipped=shipped).state == "unknown"
    since = with_segment((), 3, NOW - 2 * HOUR)
    seen = view(GOES_WELL, cursor=position(now=NOW, spooled_at=since), shipped=shipped)
    assert (seen.state, seen.destinations[0].waiting_since) == ("warning", None)


def test_how_far_a_destination_is_behind_costs_no_look_into_the_spool():
    """Records are all that a view is given, however long the backlog is."""
    where = spooled(*(hours * HOUR for hours in range(500, 0, -1)))
    seen = view(GOES_WELL, cursor=where, shipped=replace(offset(), segment=1))
    assert seen.destinations[0].state == "critical"
    assert len(where.spooled_at) < 40


BACKFILL = "audit_logs.p.backfill.20250101T000000Z_20250301T000000Z"


@pytest.mark.parametrize("stream", [BACKFILL, "audit_logs.p.reconcile", "audit_logs.p.findings"])
@pytest.mark.parametrize(("age", "state"), [(30 * MINUTE, "ok"), (5 * HOUR, "warning")])
def test_what_waits_beside_the_live_stream_is_told(stream, age, state):
    times = {"spooled_at": with_segment((), 4, NOW - age), "updated_at": NOW - age}
    other = replace(position(spooled=100, now=NOW), **times)
    more = {f"{stream}.cursor": POSITIONS.pack(other), f"{stream}.to.splunk": as_text(offset(delivered=70))}
    entry = {"monitoring": {"ship_findings": True}}
    seen = view(GOES_WELL, more=more, **entry)
    assert (seen.state, seen.destinations[0].elsewhere_since) == (state, NOW - age)
    if state == "warning":
        assert "30 events of backfills, reconciliations or findings wait for splunk" in seen.problems[0].text
        going = {"loading": frozenset({"backfill", "reconcile"}), "ended_began": NOW - 6 * HOUR}
        assert view({**GOES_WELL, **going}, more=more, **entry).state == "ok", "what loads it has not ended"


def as_text(record):
    return msgspec.json.encode(record).decode()


def test_without_monitoring_the_last_report_that_was_made_says_nothing():
    long_ago = NOW - timedelta(days=200)
    finding = Finding("f", "silence", "critical", "No event at all for 9 hours.", long_ago, "all events")
    noted = summary(made_at=long_ago, dead_letters={"splunk": 7}, findings=(finding,))
    seen = view({"run_state": "success"}, noted=noted, monitoring=False)
    assert (seen.state, shown(seen), seen.findings, seen.reported_at, seen.hours) == ("ok", [], (), None, ())
    assert seen.destinations[0].dead_letters == 0
    assert view({"run_state": "success"}, noted=noted).state == "critical"


def test_letters_that_nobody_counts_are_set_aside_so_far_and_may_be_redriven_long_since():
    shipped = replace(offset(), counts=ShipCounts(delivered=985, dead_lettered=5))
    seen = view({"run_state": "success"}, shipped=shipped, monitoring=False)
    unknown = "splunk: 5 dead letters in all; how many are still open is unknown, as no report has counted them."
    assert shown(seen) == [("warning", unknown)]
    assert (seen.state, seen.destinations[0].state, seen.destinations[0].letters_counted) == (
        "warning",
        "warning",
        False,
    )
    counted = view(shipped=shipped, noted=summary(findings=(), dead_letters={"splunk": 2}), cursor=position())
    assert ("critical", "splunk has 2 dead letters.") in shown(counted)
    assert view(shipped=shipped, noted=summary(findings=()), cursor=position(now=utc_now())).state == "ok"


@pytest.mark.parametrize("monitoring", [True, False])
def test_dead_letters_are_critical_before_the_first_report_too(monitoring):
    """Where none was sent again or discarded, all that was set aside is open: nobody need count them."""
    shipped = replace(offset(), counts=ShipCounts(delivered=985, dead_lettered=5), redriven="")
    dag = {**GOES_WELL, **FAILED, "failed": ("ship_splunk",)}
    seen = view(dag, shipped=shipped, monitoring=monitoring)
    assert shown(seen) == [("critical", "splunk has 5 dead letters.")]
    (splunk,) = seen.destinations
    assert (seen.state, splunk.state, splunk.dead_letters, splunk.letters_counted) == ("critical", "critical", 5, True)
    assert incidents_of([seen])[0][0].text == "splunk has 5 dead letters (connection splunk_hec_default)"
    for changed in (replace(shipped, redriven="ab"), replace(shipped, again=1), replace(shipped, redriven=None)):
        assert view(shipped=changed, monitoring=monitoring).state == "warning"


def test_what_arrived_in_all_is_one_figure_after_a_resend():
    shipped = replace(offset(), counts=ShipCounts(delivered=985, already_there=5, dead_lettered=10), redriven="ab")
    noted = summary(findings=(), redriven={"splunk": 12}, redriven_live={"splunk": 8}, dead_letters={"splunk": 2})
    assert view(shipped=shipped, noted=noted).destinations[0].arrived == 998, "without those of other streams"
    assert view(shipped=shipped, noted=summary(findings=())).destinations[0].arrived == 0


def too_old(events=5, gaps=(), **more):
    """Return the view of a pipeline whose destination finds events too old, and sets them aside."""
    counts = ShipCounts(delivered=1000 - events, too_old=events)
    shipped = replace(offset(), counts=counts, too_old_from=NOW - 9 * HOUR, too_old_to=NOW - 8 * HOUR, **more)
    return view(shipped=shipped, cursor=position(now=NOW, gaps=gaps))


def test_what_was_too_old_for_a_destination_is_told_once():
    assert shown(too_old(redriven="")) == [("critical", "splunk has 5 dead letters.")]
    kinds = [text.partition(" ")[0] for _, text in shown(too_old(redriven="ab"))]
    assert kinds == ["Gap", "splunk:"], "nobody knows whether a letter of it is open"


def test_a_gap_is_told_with_its_time_and_the_number_of_its_events():
    at = "Gap from 2026-05-01 03:00 to 2026-05-01 04:00 UTC"
    unread = Gap(NOW - 10 * HOUR, NOW - 9 * HOUR, "it keeps no more", "look_back")
    before = "Gap from 2026-05-01 02:00 to 2026-05-01 03:00 UTC"
    seen = view(cursor=position(now=NOW, gaps=[unread]))
    assert shown(seen) == [("critical", f"{before}, an unknown number of events: it keeps no more")]
    assert shown(too_old(1200, redriven="ab"))[0][1].startswith(f"{at}, 1,200 events: ")
    assert shown(too_old(1, redriven="ab"))[0][1].startswith(f"{at}, 1 event: ")
    both = shown(too_old(7, gaps=[unread], redriven="ab"))[0][1]
    assert both == f"{before} and 1 more, 7 or more events: it keeps no more"


def kept_findings(view, *, offset_of=None, ship_findings=True):
    """Return the view of a pipeline whose stream of findings holds 100 events."""
    findings = {"audit_logs.p.findings.cursor": POSITIONS.pack(position(spooled=100, now=NOW))}
    if offset_of:
        findings["audit_logs.p.findings.to.splunk"] = msgspec.json.encode(offset_of).decode()
    return view(more=findings, monitoring={"ship_findings": ship_findings})


def test_findings_that_a_destination_has_yet_to_get_are_pending():
    (splunk,) = kept_findings(view, offset_of=offset(delivered=70)).destinations
    assert splunk.pending_elsewhere == 30
    (splunk,) = kept_findings(view).destinations
    assert splunk.pending_elsewhere == 100, "it was down since before the first finding"
    (splunk,) = kept_findings(view, ship_findings=False).destinations
    assert splunk.pending_elsewhere == 0, "nobody ships them"


@pytest.mark.parametrize("stream", ["", "findings.", "reconcile.", "backfill.20250101T000000Z_20250301T000000Z."])
@pytest.mark.parametrize("record", ["cursor", "to.splunk"])
def test_a_record_of_a_newer_version_is_not_believed(stream, record):
    kept = position(now=NOW) if record == "cursor" else offset()
    key = f"audit_logs.p.{stream}{record}"
    seen = view(more={key: msgspec.json.encode(replace(kept, version=3)).decode()})
    assert seen.state == "critical"
    assert f"the Variable {key} was written by a newer version of this package" in seen.problems[0].text
    if record == "to.splunk" and not stream:
        assert seen.destinations[0].delivered == 0


def health(**more):
    """Return the record of a source that has failed, as its Variable."""
    kept = SourceHealth(1, NOW - 20 * MINUTE, NOW - MINUTE, "r7", "Pylon refuses the key (401).")
    return {"audit_logs.p.source": msgspec.json.encode(replace(kept, **more)).decode()}


@pytest.mark.parametrize("state", ["running", "queued", "success", "failed"])
@pytest.mark.parametrize("cursor", [None, False])
def test_a_source_that_fails_is_red_whatever_run_goes_on(state, cursor):
    dag = {"run_state": state, "run_at": NOW, "next_run": NOW + 5 * MINUTE}
    seen = view(dag, cursor=cursor, more=health())
    assert (seen.state, seen.reading.state) == ("critical", "critical")
    (told,) = seen.problems
    assert told.text == "The source cannot be read: Pylon refuses the key (401)."
    assert (told.since, told.next_try) == (NOW - 20 * MINUTE, NOW + 5 * MINUTE)
    assert told.log == seen.reading.log == "/airflow/dags/audit_incremental_p/runs/r7/tasks/pull"


def test_the_next_try_is_the_task_s_own_before_that_of_the_next_run():
    dag = {"run_state": "running", "next_run": NOW + HOUR, "retrying": {"pull": NOW + MINUTE}}
    assert view(dag, more=health()).reading.next_try == NOW + MINUTE
    assert view({**dag, "retrying": {"ship_splunk": NOW}}, more=health()).reading.next_try == NOW + HOUR
    assert view({**dag, "paused": True}, more=health()).reading.next_try is None
    assert retry_at(NOW, 1, MINUTE) == NOW + MINUTE
    assert retry_at(NOW, 3, MINUTE) == NOW + 4 * MINUTE


def test_runs_in_a_row_are_counted_and_a_recovery_ends_them():
    assert view(more=health(failures_in_a_row=3)).problems[0].text.startswith("The source cannot be read, 3 runs in a")
    seen = view(more={"audit_logs.p.source": msgspec.json.encode(SourceHealth()).decode()})
    assert (seen.reading.state, seen.reading.last_complete) == ("ok", NOW - 2 * MINUTE)


@pytest.mark.parametrize(("ended", "state"), [(-MINUTE, "critical"), (-3 * MINUTE, "ok")])
def test_a_task_that_was_killed_left_no_record_and_is_red_until_the_source_is_read_again(ended, state):
    """The position of :func:`position` says that the source was read to its end two minutes ago."""
    dag = {"run_state": "running", "run_at": NOW, **FAILED, "failed": ("pull",), "ended_at": NOW + ended}
    seen = view(dag)
    assert seen.reading.state == state
    assert seen.reading.log == ("/airflow/dags/audit_incremental_p/runs/r/tasks/pull" if state == "critical" else "")


def test_a_ship_task_that_was_killed_is_red_with_the_way_to_its_log():
    dag = {"run_state": "running", "run_at": NOW, **FAILED, "failed": ("ship_splunk",)}
    seen = view(dag, shipped=replace(offset(), last_success=NOW - HOUR))
    (splunk,) = seen.destinations
    assert (seen.state, splunk.state) == ("critical", "critical")
    assert splunk.log == "/airflow/dags/audit_incremental_p/runs/r/tasks/ship_splunk"
    assert [each.text for each in seen.problems] == [
        "The last run failed at ship_splunk, and recorded no reason: see its log."
    ]
    healed = view(dag, shipped=replace(offset(), last_success=NOW + MINUTE))
    assert healed.destinations[0].state == "ok"


def test_one_failure_of_a_destination_is_told_once():
    failing = replace(offset(), failures_in_a_row=2, last_error="no", failing_since=NOW - HOUR, failed_run="r3")
    dag = {"run_state": "failed", **FAILED, "failed": ("ship_splunk",), "next_run": NOW + MINUTE}
    (told,) = view(dag, shipped=failing).problems
    assert told.text == "splunk failed in 2 runs in a row, 10 events are pending: no"
    assert (told.since, told.next_try) == (NOW - HOUR, NOW + MINUTE)
    assert told.log == "/airflow/dags/audit_incremental_p/runs/r3/tasks/ship_splunk"


def test_a_dag_that_airflow_does_not_know_is_critical():
    seen = view(None)
    assert seen.state == "critical"
    assert seen.problems[0].text.startswith("Airflow knows no DAG audit_incremental_p: see its import errors")
    assert view(None, cursor=False).state == "critical", "also where nothing was ever read"


def test_a_schedule_for_which_airflow_plans_no_run_leaves_reading_behind():
    idle = {"run_state": "success", **LEFT}
    assert view(idle, cursor=position(now=NOW - 2 * HOUR)).state == "warning"
    assert view(idle, cursor=position(now=NOW - 2 * HOUR), schedule=None).state == "ok"


@pytest.mark.parametrize("waiting", [0, 900_000])
def test_a_destination_that_is_not_enabled_is_off_and_nothing_is_fine(waiting):
    off = {"splunk": {"type": "splunk_hec", "enabled": False}, "s3": {"type": "s3", "bucket": "b"}}
    where = position(spooled=1000 + waiting, now=NOW)
    s3 = {"audit_logs.p.to.s3": as_text(offset(delivered=1000 + waiting))}
    seen = view(cursor=where, destinations=off, more=s3)
    assert (seen.state, [each.state for each in seen.destinations]) == ("off", ["off", "ok"])
    assert seen.problems == ()


@pytest.mark.parametrize("key", ["source", "to.splunk"])
def test_a_record_that_the_user_may_not_read_is_unknown(key):
    pipeline = pipeline_from("p", {"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}})
    records = Records()
    records.add("audit_logs.p.cursor", POSITIONS.pack(position(now=NOW)))
    records.add("audit_logs.p.to.splunk", as_text(offset(delivered=1000)))
    records.add(f"audit_logs.p.{key}", None, readable=False)
    if key == "to.splunk":
        records.of("p").texts.pop("audit_logs.p.to.splunk")
    progress = progress_of(pipeline, records.of("p"))
    seen = view_of(pipeline, progress, DagFacts(**GOES_WELL), root="", now=NOW)
    part = seen.reading if key == "source" else seen.destinations[0]
    assert (seen.state, part.state) == ("unknown", "unknown")


def test_records_that_contradict_each_other_are_unknown():
    assert view(shipped=offset(delivered=1001)).destinations[0].state == "unknown"


def test_a_ship_task_that_fails_at_the_findings_is_red_with_its_error():
    failing = replace(offset(delivered=70), failures_in_a_row=1, last_error="no room", failed_run="r4")
    more = {
        "audit_logs.p.findings.cursor": POSITIONS.pack(position(spooled=100, now=NOW)),
        "audit_logs.p.findings.to.splunk": as_text(failing),
    }
    dag = {"run_state": "failed", **FAILED, "failed": ("ship_splunk",), "next_run": NOW + MINUTE}
    (told,) = view(dag, more=more, monitoring={"ship_findings": True}).problems
    assert told.text == "splunk failed in 1 run, 30 events are pending: no room"
    assert told.log == "/airflow/dags/audit_incremental_p/runs/r4/tasks/ship_splunk"


def test_a_report_that_failed_for_a_task_before_it_is_not_told_beside_that():
    failing = replace(offset(), failures_in_a_row=1, last_error="no", failed_run="r")
    dag = {"run_state": "failed", **FAILED, "failed": ("ship_splunk", "report"), "next_run": NOW + MINUTE}
    assert [each.kind for each in view(dag, shipped=failing).problems] == ["destination"]


def looked(age=timedelta(seconds=20), **changes):
    return LastLook(NOW - age, NOW - age, every=5.0, **changes)


def test_the_last_look_at_a_watched_source_is_shown():
    seen = view(look=looked(), watch=True)
    assert (seen.state, shown(seen)) == ("ok", [])
    assert (seen.reading.look.looked_at, seen.reading.look.every) == (NOW - timedelta(seconds=20), 5.0)
    assert view(look=looked()).reading.look is None


@pytest.mark.parametrize("look", [None, looked(6 * MINUTE), looked(5 * HOUR)])
def test_a_watched_source_that_nobody_looks_at_is_a_warning(look):
    seen = view(look=look, watch=True)
    assert seen.state == "warning"
    assert [level for level, text in shown(seen) if "Nobody looks at its source" in text] == ["warning"]
    paused = view({**GOES_WELL, "paused": True}, look=look, watch=True)
    assert not [text for _, text in shown(paused) if "Nobody looks" in text]


def test_a_watch_has_some_minutes_to_begin():
    assert shown(view({**GOES_WELL, "ended_at": NOW - 2 * MINUTE}, watch=True)) == []


@pytest.mark.parametrize(("age", "state"), [(MINUTE, "ok"), (6 * MINUTE, "warning")])
def test_looks_that_fail_for_long_are_told_with_their_error(age, state):
    seen = view(look=looked(failing_since=NOW - age, last_error="it is down."), watch=True)
    assert seen.state == state
    assert [text for _, text in shown(seen)] == (
        ["Looks at its source fail, so it is read by its schedule alone: it is down."] if state != "ok" else []
    )
