"""The DAG files, as Airflow's DAG processor reads them."""

from __future__ import annotations

import json
import math
import runpy
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from audit_provider.core.errors import ConfigurationError
from audit_provider.dags.backfill import plan_windows, windows_of_lane
from tests.airflow_names import ParamValidationError

DAGS = Path(__file__).resolve().parents[2] / "dags"
TWO = """
pylon: {source: pylon, destinations: {s3: {type: s3, bucket: b}, splunk: {type: splunk_hec}, datadog: {type: datadog}}}
other: {source: pylon_list, schedule: null, destinations: {s3: {type: s3, bucket: b}}}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    def load(name, text=None):
        if text is not None:
            path = tmp_path / "pipelines.yaml"
            path.write_text(text)
            monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(path))
        found = runpy.run_path(str(DAGS / f"{name}.py"))
        return {key: value for key, value in found.items() if isinstance(value, DAG) and key != "dag"}

    return load


def test_the_shipped_pipelines_file_gives_both_dags(load):
    assert list(load("audit_logs_incremental")) == ["audit_incremental_pylon"]
    assert list(load("audit_logs_backfill")) == ["audit_backfill_pylon"]
    load("audit_pipelines_check")


def test_the_incremental_dag_reads_then_ships_then_reports(load):
    dags = load("audit_logs_incremental", TWO)
    dag = dags["audit_incremental_pylon"]
    assert set(dag.task_ids) == {"pull", "ship_s3", "ship_splunk", "ship_datadog", "report"}
    assert dag.get_task("pull").downstream_task_ids == {"ship_s3", "ship_splunk", "ship_datadog"}
    assert dag.get_task("report").upstream_task_ids == {"ship_s3", "ship_splunk", "ship_datadog"}
    assert dag.get_task("ship_s3").trigger_rule == "all_done"
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert dags["audit_incremental_other"].schedule is None


FIRST = {
    "audit_logs_incremental": "pull",
    "audit_logs_backfill": "plan",
    "audit_logs_replay": "ship_s3",
    "audit_logs_reconcile": "compare",
}


@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("key", ["destination", "replay"])
def test_a_key_that_the_form_has_not_ends_a_run_before_it_begins(load, name, key):
    dag = next(iter(load(name, TWO).values()))
    guesses = key == "destination" and "destinations" in dag.params
    said = "did you mean 'destinations'" if guesses else f"{key!r}, which is not a field"
    with pytest.raises(AirflowFailException, match=said):
        begin(dag, FIRST[name], {key: ["s3"]})


@pytest.mark.parametrize("name", FIRST)
def test_what_the_form_has_may_be_given(load, name):
    dag = next(iter(load(name, TWO).values()))
    begin(dag, FIRST[name], dict.fromkeys(dag.params))
    begin(dag, FIRST[name], None)
    begin(dag, FIRST[name], {"openlineage": {"parent": "as Airflow adds it"}})


def begin(dag, first, conf):
    """Do what Airflow does before the first task of a run."""
    dag.get_task(first)._pre_execute_hook({"dag": dag, "dag_run": SimpleNamespace(conf=conf)})


def test_the_backfill_dag_maps_one_pull_per_window(load):
    dag = load("audit_logs_backfill", TWO)["audit_backfill_pylon"]
    assert dag.get_task("pull").is_mapped
    assert dag.get_task("pull").max_active_tis_per_dag == 1
    assert dag.get_task("report").upstream_task_ids >= {"ship_s3", "ship_splunk", "ship_datadog"}
    assert dag.schedule is None
    assert dag.params["destinations"] == ["s3", "splunk", "datadog"]


def test_a_run_by_hand_may_name_destinations_whose_dead_letters_are_sent_again(load):
    dag = load("audit_logs_incremental", TWO)["audit_incremental_pylon"]
    assert dag.params["redrive"] == [], "a scheduled run sends none again"
    dag.params["redrive"] = ["splunk"]
    with pytest.raises(ParamValidationError):
        dag.params["redrive"] = ["splnk"]


def test_a_replay_has_a_form_of_its_own_without_bounds_and_goes_nowhere_unasked(load):
    dag = load("audit_logs_replay", TWO)["audit_replay_pylon"]
    assert set(dag.task_ids) == {"ship_s3", "ship_splunk", "ship_datadog", "report"}, "nothing is read"
    assert (dag.params["start"], dag.params["end"], dag.schedule) == (None, None, None)
    with pytest.raises(ParamValidationError):
        dag.params.validate()
    dag.params["destinations"] = ["splunk"]
    dag.params.validate()


def test_a_source_that_cannot_be_backfilled_can_be_replayed(load):
    assert "audit_replay_tail" in load("audit_logs_replay", SHAPES)


@pytest.mark.parametrize("days", [0, 181, "x"])
def test_the_form_refuses_windows_of_other_sizes(load, days):
    dag = load("audit_logs_backfill", TWO)["audit_backfill_pylon"]
    with pytest.raises(ParamValidationError):
        dag.params["window_days"] = days


def test_a_mistake_shows_in_the_file_for_it_and_the_others_go_on(load):
    text = TWO + "\nbad: {source: pylon, destinations: {s3: {type: s3, buket: b}}}\n"
    assert set(load("audit_logs_incremental", text)) == {"audit_incremental_pylon", "audit_incremental_other"}
    with pytest.raises(ConfigurationError, match=r"bad\.destinations\.s3\.buket.*did you mean 'bucket'"):
        load("audit_pipelines_check")


@pytest.mark.parametrize("text", ["bad: {source: pylon}", "a: [", "x: 1"])
def test_where_nothing_is_right_every_file_says_so(load, text):
    for name in ("audit_logs_incremental", "audit_logs_backfill", "audit_pipelines_check"):
        with pytest.raises(ConfigurationError, match="pipelines"):
            load(name, text)


def test_a_missing_file_is_named(load, monkeypatch):
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", "/nowhere/p.yaml")
    with pytest.raises(ConfigurationError, match=r"/nowhere/p\.yaml cannot be read"):
        load("audit_logs_incremental")


def test_windows_touch_and_none_is_longer_than_allowed():
    form = {"start": "2024-01-01T00:00:00Z", "end": "2025-02-04T12:00:00+02:00", "window_days": 180}
    windows = plan_windows("p", form)
    assert [window["start"] for window in windows] == [
        "2024-01-01T00:00:00Z",
        "2024-06-29T00:00:00Z",
        "2024-12-26T00:00:00Z",
    ]
    assert [window["end"] for window in windows[:-1]] == [window["start"] for window in windows[1:]]
    assert windows[-1]["end"] == "2025-02-04T10:00:00Z"


def test_an_open_end_is_now():
    start = datetime.now(timezone.utc) - timedelta(days=3)
    (window,) = plan_windows("p", {"start": start.isoformat(), "end": None, "window_days": 180})
    end = datetime.fromisoformat(window["end"].replace("Z", "+00:00"))
    assert timedelta(0) <= datetime.now(timezone.utc) - end < timedelta(minutes=1)


LONG = {"start": "2022-01-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("lanes", "most", "days", "said"),
    [
        (
            1,
            None,
            1,
            r"1,765 windows, Airflow maps 1,024 \(.core. max_map_length\): set 'Days per window' to 2 or more",
        ),
        (4, 100, 1, r"1,765 windows, Airflow maps 100 for each of 4 lanes .*: set 'Days per window' to 5 or more"),
        (1, 5, 100, r"18 windows, Airflow maps 5 .*: set a later 'From', or raise the limit"),
    ],
)
def test_more_windows_than_airflow_maps_are_refused_at_once(monkeypatch, lanes, most, days, said):
    if most:
        monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", str(most))
    with pytest.raises(AirflowFailException, match=said):
        plan_windows("p", {**LONG, "window_days": days}, lanes=lanes)


@pytest.mark.parametrize(("lanes", "days"), [(1, 2), (2, 1), (4, 1)])
def test_as_many_windows_as_airflow_maps_in_all_lanes_are_planned(lanes, days):
    windows = plan_windows("p", {**LONG, "window_days": days}, lanes=lanes)
    assert max(len(windows_of_lane(windows, lane + 1, lanes)) for lane in range(lanes)) <= 1024


@pytest.mark.parametrize("width", [2, 5, 177])
def test_the_width_that_a_refusal_names_is_planned(monkeypatch, width):
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", str(math.ceil(1765 / width)))
    with pytest.raises(AirflowFailException, match=f"to {width} or more"):
        plan_windows("p", {**LONG, "window_days": 1})
    assert plan_windows("p", {**LONG, "window_days": width})


@pytest.mark.parametrize("start", ["2999-01-01T00:00:00Z", "yesterday", None])
def test_a_span_that_is_none_is_refused(start):
    with pytest.raises(AirflowFailException, match="cannot be planned"):
        plan_windows("p", {"start": start, "end": None, "window_days": 180})


SHAPES = """
slack: {source: slack, destinations: {s3: {type: s3, bucket: b}}}
pigment: {source: pigment, destinations: {s3: {type: s3, bucket: b}}}
okta: {source: okta, destinations: {s3: {type: s3, bucket: b}}}
tail: {source: {like: okta, recovery: null}, destinations: {s3: {type: s3, bucket: b}}}
mine:
  source: {like: slack, name: ours, page_size: {key: limit, most: 100}}
  conn_id: my_slack
  destinations: {s3: {type: s3, bucket: b}}
"""
FORM = {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z", "window_days": 180}


def planned(dag, **form):
    plan = dag.get_task("plan")
    return plan.python_callable(**plan.op_kwargs, params=FORM | form)


def test_a_source_is_backfilled_in_the_way_that_its_strategy_allows(load):
    dags = load("audit_logs_backfill", SHAPES)
    assert len(planned(dags["audit_backfill_slack"])) == 3
    assert len(planned(dags["audit_backfill_okta"])) == 3, "by time, with its recovery source"
    (window,) = planned(dags["audit_backfill_pigment"])
    assert window == {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "one scan from the head"
    with pytest.raises(AirflowFailException, match="the backfill of tail is refused: Okta .* cannot be read by time"):
        planned(dags["audit_backfill_tail"])


def test_a_source_written_in_the_file_has_dags_like_any_other(load):
    pull = load("audit_logs_incremental", SHAPES)["audit_incremental_mine"].get_task("pull")
    assert pull.conn_id == "my_slack"
    assert pull.source == {"like": "slack", "name": "ours", "page_size": {"key": "limit", "most": 100}}


RECONCILED = """
daily: {source: pylon, destinations: {s3: {type: s3, bucket: b}, splunk: {type: splunk_hec}}}
weekly:
  source: okta
  reconcile: {schedule: "@weekly", after: 400000, width: 604800, fail_on_missed: true, verify: false}
  destinations: {s3: {type: s3, bucket: b}}
never: {source: slack, reconcile: false, destinations: {s3: {type: s3, bucket: b}}}
tail: {source: {like: okta, recovery: null}, destinations: {s3: {type: s3, bucket: b}}}
"""


def test_the_reconciliation_dag_compares_then_ships_then_verifies_then_reports(load):
    dags = load("audit_logs_reconcile", RECONCILED)
    assert set(dags) == {"audit_reconcile_daily", "audit_reconcile_weekly"}, "none by hand, and none by no time"
    dag = dags["audit_reconcile_daily"]
    assert (dag.schedule, dag.catchup, dag.max_active_runs) == ("@daily", False, 1)
    assert set(dag.task_ids) == {"compare", "ship_s3", "ship_splunk", "verify", "report"}
    assert dag.get_task("compare").downstream_task_ids == {"ship_s3", "ship_splunk"}
    assert dag.get_task("verify").upstream_task_ids == {"ship_s3", "ship_splunk"}
    assert dag.get_task("report").upstream_task_ids == {"ship_s3", "ship_splunk", "verify"}
    assert dag.get_task("verify").trigger_rule == "all_done"
    assert dag.get_task("ship_s3").late
    assert dag.get_task("ship_s3").trigger_rule == dag.get_task("report").trigger_rule == "all_done"
    assert dag.get_task("report").late
    compare = dags["audit_reconcile_weekly"].get_task("compare")
    assert (compare.after, compare.width, compare.fail_on_missed) == (400_000, 604_800, True)
    assert dags["audit_reconcile_weekly"].schedule == "@weekly"
    assert "verify" not in dags["audit_reconcile_weekly"].task_ids


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("{after: 3600}", r"p\.reconcile\.after: must be at least 93600"),
        ("{width: 3600}", r"p\.reconcile\.width: must be whole days"),
        ("{widht: 86400}", r"p\.reconcile\.widht.*did you mean 'width'"),
        ("{width: 2592000}", r"p\.reconcile: .*raise retention_days"),
    ],
)
def test_a_reconciliation_that_cannot_work_is_refused(load, key, said):
    text = f"p: {{source: pylon, reconcile: {key}, destinations: {{s3: {{type: s3, bucket: b}}}}}}"
    with pytest.raises(ConfigurationError, match=said):
        load("audit_logs_reconcile", text)


WATCHED = """
pylon: {source: pylon, watch: true, destinations: {splunk: {type: splunk_hec}, second: {type: datadog, enabled: false}}}
"""


def test_a_watched_pipeline_runs_by_its_sweep_and_by_events_of_its_watch(load):
    dag = load("audit_logs_incremental", WATCHED)["audit_incremental_pylon"]
    (watched,) = dag.timetable.asset_condition.objects
    (watcher,) = watched.watchers
    classpath, kwargs = watcher.trigger.serialize()
    assert classpath == "audit_provider.triggers.watch.WatchTrigger"
    described = json.loads(kwargs["pipeline"])
    assert (described["name"], described["source"], described["destinations"]) == ("pylon", "pylon", ["splunk"])
    assert dag.timetable.timetable is not None
    # What changes at each parse would begin the watch again each time.
    again = load("audit_logs_incremental", WATCHED)["audit_incremental_pylon"]
    assert again.timetable.asset_condition.objects[0].watchers[0].trigger.serialize() == (classpath, kwargs)


def test_a_task_of_a_watched_pipeline_does_not_import_its_trigger(load, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "audit_incremental_pylon")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "pull")
    dag = load("audit_logs_incremental", WATCHED)["audit_incremental_pylon"]
    assert "Asset" not in type(dag.timetable).__name__
    assert dag.get_task("pull").watched
