"""What fails around two Celery workers, on the set-up of docker-compose.yaml: nothing is lost, accounts add up.

The tests use one set-up, in the order in which they stand here. What ends by itself is started again, as the restart
policies of docker-compose.yaml say.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.model import Offset, utc_now
from tests.compose.scenario import (
    AHEAD,
    ARCHIVE,
    INCREMENTAL,
    MAY_REPEAT,
    ROTATED,
    SIEMS,
    WAITING,
    Scenario,
    repeats,
    until,
)
from tests.sessions import session_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", autouse=True)
def restart_policies(scenario):
    with scenario.stack.restarting():
        yield


def test_a_siem_is_down_for_a_run_and_a_wait_loses_its_triggerer(scenario):
    """The others get everything, and the SIEM in the next run; the wait goes on in the next triggerer."""
    fault = {"kind": "status", "status": 429, "headers": {"Retry-After": "65"}, "path": "/audit-logs/search"}
    scenario.control("pylon", "POST", "faults", fault)
    waiting = scenario.run(WAITING)
    until(lambda: scenario.states(WAITING, waiting)["pull"] == "deferred")
    scenario.switch("stop", "splunk")
    down = scenario.run(INCREMENTAL)
    scenario.stack.signal("triggerer", signal.SIGKILL)
    scenario.finish(INCREMENTAL, down, "failed")
    scenario.switch("start", "splunk")
    ended = {task for task, state in scenario.states(INCREMENTAL, down).items() if state != "success"}
    assert ended == {"ship_splunk", "report"}
    assert scenario.missing() == {"splunk": scenario.served()}
    scenario.do(INCREMENTAL)
    _must_be_whole(scenario)
    scenario.finish(WAITING, waiting)
    _must_be_archived(scenario, "waiting")


def test_a_wrong_token_moves_nothing_until_the_connection_holds_the_right_one(scenario):
    scenario.connect("rotated", scenario.variables["AUDIT_SANDBOX_TOKEN"])
    scenario.do(ROTATED)
    position = _position(scenario, "rotated")
    scenario.add(40, 600)
    scenario.connect("rotated", "no-longer-valid")
    refused = scenario.run(ROTATED)
    scenario.finish(ROTATED, refused, "failed")
    told = scenario.log(ROTATED, refused, "pull")
    assert "make an API token in Pylon (Settings > Developer > API Tokens) and put it in the password." in told
    assert scenario.tries(ROTATED, refused)["pull"] == 1
    assert _position(scenario, "rotated") == position
    scenario.connect("rotated", scenario.variables["AUDIT_SANDBOX_TOKEN"])
    scenario.do(ROTATED)
    _must_be_archived(scenario, "rotated")


def test_a_source_that_fails_midway_is_read_whole_by_runs_that_begin_at_once(scenario):
    """Two runs of one pipeline, of which Airflow lets one be active, beside one of another."""
    scenario.add(200, 600)  # ten pages
    retry_after = {"status": 429, "headers": {"Retry-After": "2"}}
    for number, fault in enumerate(({"status": 500}, {"status": 503}, retry_after, {"kind": "cut"})):
        fault = {"kind": "status", **fault, "after": 3 + number}
        scenario.control("pylon", "POST", "faults", fault)
    runs = [scenario.run(INCREMENTAL), scenario.run(INCREMENTAL)]
    archived = scenario.run(ARCHIVE)
    for run_id in runs:
        scenario.finish(INCREMENTAL, run_id)
    scenario.finish(ARCHIVE, archived)
    (_, first_ended), (second_began, _) = sorted(scenario.times(INCREMENTAL, run_id) for run_id in runs)
    assert first_ended <= second_began
    _must_be_whole(scenario)
    _must_be_archived(scenario, "archive")


def test_the_spools_s3_fails_and_the_scheduler_is_killed(scenario):
    """S3 is down during a pull; it refuses the spool alone as ships begin, which a new scheduler starts."""
    scenario.add(200, 600)
    scenario.control("pylon", "POST", "faults", {"kind": "slow", "seconds": 1.0, "count": None})
    run_id = scenario.run(INCREMENTAL)
    until(lambda: "Reading Pylon" in scenario.log(INCREMENTAL, run_id, "pull"))
    scenario.stack.halt("minio")
    until(lambda: scenario.tries(INCREMENTAL, run_id)["pull"] == 2)
    scenario.stack.launch("minio")
    until(lambda: "Reading Pylon" in scenario.log(INCREMENTAL, run_id, "pull").rpartition("cannot be reached")[2])
    scenario.stack.signal("scheduler", signal.SIGSTOP)
    scenario.well()
    until(lambda: scenario.states(INCREMENTAL, run_id)["pull"] == "success")
    scenario.control(
        "minio", "POST", "faults", {"kind": "status", "status": 503, "path": "/audit-spool", "count": None}
    )
    scenario.stack.signal("scheduler", signal.SIGKILL)
    ships = ["ship_s3", *(f"ship_{name}" for name in SIEMS)]
    until(lambda: all("answered 503" in scenario.log(INCREMENTAL, run_id, name) for name in ships))
    scenario.well()
    scenario.finish(INCREMENTAL, run_id)
    _must_be_whole(scenario)


def test_a_spool_that_takes_no_writes_stops_reading_and_a_damaged_one_stops_what_would_skip_events(scenario):
    """The bucket may be full, or the right to write withdrawn; later a file in it is not what was written."""
    scenario.do(ARCHIVE)
    scenario.add(40, 600)
    position, offset = _position(scenario, "archive"), _offset(scenario, "archive", "s3")
    refusing = {"kind": "status", "status": 403, "method": "PUT", "count": None}
    scenario.control("minio", "POST", "faults", {**refusing, "path": "/audit-spool"})
    refused = scenario.run(ARCHIVE)
    scenario.finish(ARCHIVE, refused, "failed")
    told = scenario.log(ARCHIVE, refused, "pull")
    assert "refuses put_object" in told
    assert _position(scenario, "archive") == position
    scenario.control("minio", "DELETE", "faults")
    scenario.control("minio", "POST", "faults", {**refusing, "path": "/audit-logs"})
    scenario.do(ARCHIVE, state="failed")
    assert _position(scenario, "archive") != position
    scenario.well()
    name, whole = _newest_events(scenario, "archive")
    scenario.s3.put_object(Bucket="audit-spool", Key=name, Body=whole[:-20] + bytes(20))
    damaged = scenario.run(ARCHIVE)
    scenario.finish(ARCHIVE, damaged, "failed")
    assert f"{name.rpartition('/')[2]} is not what was written" in scenario.log(ARCHIVE, damaged, "ship_s3")
    assert _offset(scenario, "archive", "s3") == offset
    scenario.s3.put_object(Bucket="audit-spool", Key=name, Body=whole)
    scenario.do(ARCHIVE)
    _must_be_archived(scenario, "archive")


def test_postgresql_stops_while_tasks_run(scenario):
    shipping, reading = scenario.at_work()
    scenario.stack.halt("postgres")
    time.sleep(8)
    scenario.stack.launch("postgres")
    until(scenario.airflow.healthy)
    scenario.well()
    scenario.finish(INCREMENTAL, shipping)
    scenario.finish(ARCHIVE, reading)
    _must_be_whole(scenario, shipping)
    _must_be_archived(scenario, "archive")


def test_redis_stops_while_tasks_run_and_others_are_to_begin(scenario):
    """What Airflow cannot hand to a worker counts as a try, so the runs may end failed; the next ones do the rest."""
    shipping, reading = scenario.at_work()
    scenario.stack.halt("redis")
    scenario.well()
    until(lambda: "Error sending Celery workload" in scenario.stack.log("scheduler").read_text())
    scenario.stack.launch("redis")
    scenario.finish(INCREMENTAL, shipping, None)
    scenario.finish(ARCHIVE, reading, None)
    scenario.do(INCREMENTAL)
    scenario.do(ARCHIVE)
    _must_be_whole(scenario, shipping)
    _must_be_archived(scenario, "archive")


def test_a_worker_whose_clock_is_an_hour_ahead_hides_nothing_from_the_other(scenario):
    """First it does everything, then it shares the work with one whose clock is right, then its own is set right.

    The receiver of signed requests refuses a timestamp that is an hour off, so it gets everything in the end.
    """
    scenario.stack.kill("worker-2")
    _restart(scenario, "worker-1", **{AHEAD: "3600"})
    scenario.add(40, 600)
    assert _read_both(scenario) == {"ship_webhook", "report"}
    written_at = POSITIONS.unpack(_position(scenario, "archive"), "the archive's").updated_at
    assert written_at > utc_now() + timedelta(minutes=30)
    scenario.stack.launch("worker-2")
    scenario.add(40, 60)
    assert _read_both(scenario) <= {"ship_webhook", "report"}
    _restart(scenario, "worker-1")
    scenario.add(40, 60)
    assert _read_both(scenario) == set()
    _must_be_whole(scenario)
    _must_be_archived(scenario, "archive")


def test_a_frozen_worker_finds_its_tasks_done_by_the_other(scenario):
    """It freezes before its pull writes a position and after S3 has everything.

    A task that freezes just in a write may bring an old record back, since Variables have no compare-and-set: what was
    shipped since is then shipped again. Here that may meet the SIEMs.
    """
    shipping, reading = scenario.at_work()
    until(lambda: scenario.states(INCREMENTAL, shipping)["ship_s3"] == "success")
    at_work = {**scenario.workers(INCREMENTAL, shipping), **scenario.workers(ARCHIVE, reading)}
    frozen = at_work["pull"]
    hit = {task for task, worker in at_work.items() if worker == frozen}
    assert len(hit) > 1, at_work
    late = {task["pid"] for task in scenario.airflow.tasks(INCREMENTAL, shipping) if task["task_id"] in hit}
    late |= {task["pid"] for task in scenario.airflow.tasks(ARCHIVE, reading) if task["task_id"] == "pull"}
    scenario.stack.signal(frozen, signal.SIGSTOP)
    finished = _finished(scenario)
    scenario.well()
    scenario.finish(INCREMENTAL, shipping)
    scenario.finish(ARCHIVE, reading)
    tries = scenario.tries(INCREMENTAL, shipping) | {"pull": scenario.tries(ARCHIVE, reading)["pull"]}
    assert all(tries[task] > 1 for task in hit), tries
    since = _finished(scenario) - finished
    scenario.stack.signal(frozen, signal.SIGCONT)
    until(lambda: late.isdisjoint(session_of(scenario.stack.processes[frozen].pid)))
    scenario.add(40, 60)
    scenario.do(INCREMENTAL)
    scenario.do(ARCHIVE)
    _must_be_whole(scenario, shipping, again=Counter({name: since[name] for name in MAY_REPEAT}))
    _must_be_archived(scenario, "archive")


def _restart(scenario: Scenario, worker: str, **environment: str) -> None:
    """Start a worker again, with further environment."""
    scenario.stack.kill(worker)
    scenario.stack.further[worker] = environment
    scenario.stack.launch(worker)


def _read_both(scenario: Scenario) -> set[str]:
    """Run the two pipelines side by side, to their end; return what of the one with several destinations failed."""
    shipping, archiving = scenario.run(INCREMENTAL), scenario.run(ARCHIVE)
    scenario.finish(INCREMENTAL, shipping, None)
    scenario.finish(ARCHIVE, archiving)
    return {task for task, state in scenario.states(INCREMENTAL, shipping).items() if state != "success"}


def _must_be_whole(scenario: Scenario, *broken_off: str, again: Counter[str] | None = None) -> None:
    """Everything served is everywhere, and the accounts add up; S3 and OpenSearch have no event twice.

    :param broken_off: runs of which every try of a ship that broke off may have sent a batch that was sent again.
    :param again: how many more may be there twice, by destination.
    """
    allowed = scenario.may_repeat(*broken_off) + Counter(again or {})
    assert scenario.missing() == {}
    assert scenario.newly_repeated() <= allowed
    assert scenario.adds_up()


def _must_be_archived(scenario: Scenario, pipeline: str) -> None:
    """A pipeline that ships to S3 alone has shipped everything served once."""
    archived = scenario.archived(pipeline)
    assert (scenario.served() - set(archived), repeats(archived)) == (set(), 0)
    assert scenario.adds_up(pipeline, ["s3"])


def _position(scenario: Scenario, pipeline: str) -> str:
    return scenario.airflow.variables(f"audit_logs.{pipeline}.cursor")[f"audit_logs.{pipeline}.cursor"]


def _offset(scenario: Scenario, pipeline: str, destination: str) -> tuple[int, int]:
    """Return how far a destination is."""
    key = f"audit_logs.{pipeline}.to.{destination}"
    offset = msgspec.json.decode(scenario.airflow.variables(key)[key], type=Offset)
    return offset.segment, offset.index


def _newest_events(scenario: Scenario, pipeline: str) -> tuple[str, bytes]:
    """Return key and content of the last file of events in a pipeline's live stream."""
    pages = scenario.s3.get_paginator("list_objects_v2").paginate(Bucket="audit-spool", Prefix=f"{pipeline}/live/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    newest = max(each for each in keys if each.endswith(".ndjson.gz") and "/dead/" not in each)
    return newest, scenario.s3.get_object(Bucket="audit-spool", Key=newest)["Body"].read()


def _finished(scenario: Scenario) -> Counter[str]:
    """Return how many events each destination is done with."""
    prefix = "audit_logs.pylon.to."
    kept = scenario.airflow.variables(prefix)
    offsets = {key.removeprefix(prefix): msgspec.json.decode(text, type=Offset) for key, text in kept.items()}
    return Counter({name: offset.counts.finished for name, offset in offsets.items()})
