"""The set-up of docker-compose.yaml, run natively with two Celery workers, the spool on S3.

The tests use one set-up, in the order in which they stand here.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest
import requests

from tests.compose.scenario import (
    ARCHIVE,
    BACKFILL,
    BATCH,
    EVERYWHERE,
    INCREMENTAL,
    REPLAY,
    WAITING,
    WATCHED,
    repeats,
    until,
)

_SECRET = ("_PASSWORD", "_KEY", "_SECRET", "_TOKEN")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_the_page_asks_airflow_who_is_there(scenario):
    url = f"{scenario.airflow.url}/audit-logs/api/overview"
    assert requests.get(url, timeout=60).status_code == 401
    scenario.airflow.unpause(INCREMENTAL, patience=300)
    login = {"username": "admin", "password": scenario.airflow.password}
    token = requests.post(f"{scenario.airflow.url}/auth/token", json=login, timeout=60).json()["access_token"]
    seen = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert seen.status_code == 200, seen.text
    assert "pylon" in {each["name"] for each in seen.json()["pipelines"]}


def test_every_event_arrives_once(scenario):
    scenario.do(INCREMENTAL)
    served, held = scenario.served(), scenario.held()
    assert len(served) == 300
    assert {name: (served - set(ids), repeats(ids)) for name, ids in held.items()} == {
        name: (set(), 0) for name in EVERYWHERE
    }
    assert scenario.adds_up()


def test_a_worker_that_is_killed_loses_nothing(scenario):
    """It dies while it pulls for one pipeline and ships for another, as one more run waits in the triggerer."""
    fault = {"kind": "status", "status": 429, "headers": {"Retry-After": "65"}, "path": "/audit-logs/search"}
    scenario.control("pylon", "POST", "faults", fault)
    waiting = scenario.run(WAITING)
    until(lambda: scenario.states(WAITING, waiting)["pull"] == "deferred")
    shipping, reading = scenario.at_work()
    at_work = {**scenario.workers(INCREMENTAL, shipping), **scenario.workers(ARCHIVE, reading)}
    victim = at_work["pull"]
    hit = {task for task, worker in at_work.items() if worker == victim} - {"pull"}
    assert hit, at_work
    scenario.stack.kill(victim)
    scenario.well()
    scenario.finish(INCREMENTAL, shipping)
    scenario.finish(ARCHIVE, reading)
    scenario.finish(WAITING, waiting)
    scenario.stack.launch(victim)  # as its restart policy has it

    tries = scenario.tries(INCREMENTAL, shipping)
    assert all(tries[task] > 1 for task in hit), tries
    served, held = scenario.served(), scenario.held()
    assert {name: served - set(ids) for name, ids in held.items()} == {name: set() for name in EVERYWHERE}
    assert repeats(held["s3"]) == repeats(held["opensearch"]) == 0
    assert all(repeats(ids) <= BATCH for ids in held.values())
    archived = scenario.archived()
    assert (served - set(archived), repeats(archived)) == (set(), 0)
    assert scenario.adds_up()
    assert scenario.adds_up("archive", ["s3"])
    assert scenario.adds_up("waiting", ["s3"])


def test_a_backfill_of_several_windows_loads_what_came_too_late(scenario):
    before = {name: repeats(ids) for name, ids in scenario.held().items()}
    late = set(scenario.add(150, 30 * 86_400))
    oldest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 31 * 86_400))
    scenario.do(BACKFILL, {"start": oldest, "window_days": 8})
    served, held = scenario.served(), scenario.held()
    assert late < served
    assert {name: served - set(ids) for name, ids in held.items()} == {name: set() for name in EVERYWHERE}
    assert {name: repeats(ids) for name, ids in held.items()} == before
    assert scenario.adds_up()


def test_dead_letters_are_redriven_by_whichever_worker(scenario):
    added = set(scenario.add(2, 60))
    # The batch is refused, then the first of its halves.
    scenario.control("webhook", "POST", "faults", {"kind": "status", "status": 400, "body": "no", "count": 2})
    scenario.do(INCREMENTAL, state="failed")
    missing = scenario.served() - set(scenario.held()["webhook"])
    assert len(missing) == 1
    assert missing < added
    scenario.do(INCREMENTAL, {"redrive": ["webhook"]})
    assert scenario.served() == set(scenario.held()["webhook"])
    assert scenario.adds_up()


def test_replay_and_reconciliation_read_the_spool_of_other_workers(scenario):
    before = scenario.held()
    scenario.do(REPLAY, {"destinations": ["splunk", "opensearch"]})
    after = scenario.held()
    assert after["splunk"] == before["splunk"] + Counter(scenario.served())
    assert after["opensearch"] == before["opensearch"]
    scenario.do("audit_reconcile_pylon")
    assert "audit_logs.pylon.reconcile.cursor" in scenario.airflow.variables("audit_logs.pylon.")
    assert scenario.held() == after
    assert scenario.adds_up()


def test_a_watched_pipeline_delivers_by_itself(scenario):
    """The triggerer looks at the source, and workers do what it starts."""
    scenario.watch(WATCHED)
    until(lambda: scenario.served() == set(scenario.archived("watched")))
    until(lambda: scenario.airflow.variables("audit_logs.watched.look"))
    added = set(scenario.add(3, 2))
    until(lambda: added <= set(scenario.archived("watched")))
    until(lambda: "asset_triggered" in scenario.run_types(WATCHED))
    scenario.airflow.call("PATCH", f"/dags/{WATCHED}", body={"is_paused": True})
    until(lambda: scenario.adds_up("watched", ["s3"]))
    assert repeats(scenario.archived("watched")) == 0


def test_the_spool_is_whole(scenario):
    done = scenario.stack.execute("worker-1", ["python", "-m", "audit_provider", "verify"])
    assert done.returncode == 0, f"{done.stdout} {done.stderr}"


def test_workers_keep_nothing_and_no_secret_is_written(scenario):
    """What a worker leaves on its own disk are Airflow's settings; secrets are in no log, of a service or of a task."""
    homes = [scenario.stack.folder / "homes" / f"worker-{number}" for number in (1, 2)]
    kept = {path.relative_to(home).as_posix() for home in homes for path in home.rglob("*") if path.is_file()}
    assert "airflow.cfg" in kept
    assert not {name for name in kept if "spool" in name or name.endswith((".ndjson", ".gz", ".sqlite"))}
    secrets = {value for name, value in scenario.variables.items() if name.endswith(_SECRET)}
    assert len(secrets) == 11
    logs = [*scenario.stack.folder.glob("*.log"), *(scenario.stack.folder / "volumes/logs").rglob("attempt=*.log")]
    written = {str(path): path.read_text(errors="replace") for path in logs}
    assert {"init.log", "worker-1.log", "worker-2.log", "attempt=1.log"} <= {path.name for path in logs}
    written |= scenario.airflow.variables("")
    assert not [name for name, text in written.items() if any(secret in text for secret in secrets)]
