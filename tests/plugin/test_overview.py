"""What the page says of pipelines, read from the records of progress and the last report."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.destinations.base import DeadLetter, Item
from audit_provider.core.ledger.health import SourceHealth
from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.model import Event, Outage, ShipCounts, utc_now
from audit_provider.core.monitoring.summary import SUMMARIES
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.core.streams.dead_letters import DeadLetters
from tests.airflow_names import new_task_id
from tests.plugin.conftest import GAP, gap_id, keep_pipeline, offset, position, summary


@pytest.fixture(autouse=True)
def known(world):
    """Airflow knows the DAG of the pipeline p."""
    world.know("p")


def text(value):
    return msgspec.json.encode(value).decode()


def part(whole, of):
    """Return of some values those that a row has."""
    if isinstance(of, dict):
        return {key: part(whole[key], value) for key, value in of.items()}
    if isinstance(of, list):
        return [part(one, each) for one, each in zip(whole, of, strict=True)]
    return whole


def only(world):
    answer = world.get("admin", "/api/overview?opened=p").json()
    whole = world.get("admin", "/api/pipelines/p").json()
    pipeline = whole["pipeline"] | {"lag": 0}
    (short,) = answer["pipelines"]
    assert part(pipeline, short) == short, "both say the same"
    opened = answer["opened"]["pipeline"] | {"lag": 0}
    assert answer["opened"] | {"pipeline": opened} == whole | {"pipeline": pipeline}
    return answer, whole["pipeline"], {each["name"]: each for each in pipeline["destinations"]}


def test_a_pipeline_that_never_ran_has_not_begun(world):
    answer, pipeline, destinations = only(world)
    assert (pipeline["state"], pipeline["last_read"], pipeline["lag"], pipeline["reported_at"]) == (
        "new",
        None,
        None,
        None,
    )
    assert destinations["splunk"]["state"] == "new"
    assert (answer["critical"], answer["warning"]) == (0, 0)
    assert answer["verdict"] == {"state": "new", "text": "1 of 1 have not run yet"}
    assert world.get("admin", "/api/pipelines/p").json()["activity"] is None


def test_the_figures_are_those_of_the_records(world):
    counts = ShipCounts(delivered=900, already_there=20, too_old=3, dead_lettered=2, filtered=5, restamped=4)
    keep_pipeline(world, splunk=offset(started_at=10, again=2))
    world.keep("audit_logs.p.to.splunk", text(replace(offset(started_at=10, again=2), counts=counts)))
    answer, pipeline, destinations = only(world)
    assert pipeline["source"] == "Pylon audit logs"
    assert pipeline["spooled"] == 1000
    assert 100 < pipeline["lag"] < 180
    splunk = destinations["splunk"]
    assert splunk["delivered"] == 920
    assert splunk["pending"] == 1000 + 2 - 10 - 930
    assert (splunk["too_old"], splunk["restamped"]) == (3, 4), "not delivered, and delivered at another time"
    assert len(pipeline["hours"]) == 48
    assert pipeline["findings"][0]["title"] == "Ada failed to log in 40 times."
    assert answer["critical"] == 1


@pytest.mark.parametrize("enabled", [True, False])
def test_a_destination_that_fails_is_red_and_says_why_first(enabled, world):
    entry = {"type": "splunk_hec", "enabled": enabled}
    world.pipelines(p={"source": "pylon", "destinations": {"splunk": entry, "s3": {"type": "s3", "bucket": "b"}}})
    keep_pipeline(world, splunk=offset(delivered=10, failures_in_a_row=3, last_error="it says no"))
    world.keep("audit_logs.p.summary", SUMMARIES.pack(summary(findings=())))
    answer, pipeline, destinations = only(world)
    if not enabled:
        assert (pipeline["state"], pipeline["problems"]) == ("off", [])
        assert destinations["splunk"]["state"] == "off"
        assert answer["verdict"] == {"state": "off", "text": "1 off of 1 pipeline"}
        return
    assert pipeline["state"] == destinations["splunk"]["state"] == "critical"
    assert pipeline["problems"][0]["text"] == "splunk failed in 3 runs in a row, 990 events are pending: it says no"
    assert destinations["s3"]["state"] == "ok"


def test_what_backfills_and_reconciliations_have_pending_is_told_apart(world):
    keep_pipeline(world)
    for stream in ("backfill.20250101T000000Z_20250301T000000Z", "reconcile"):
        world.keep(f"audit_logs.p.{stream}.cursor", POSITIONS.pack(position(spooled=100)))
        world.keep(f"audit_logs.p.{stream}.to.splunk", text(offset(delivered=70)))
    _, _, destinations = only(world)
    assert (destinations["splunk"]["pending"], destinations["splunk"]["pending_elsewhere"]) == (10, 60)
    assert destinations["s3"]["pending_elsewhere"] == 0


def test_an_offset_of_another_chain_counts_for_nothing(world):
    keep_pipeline(world, splunk=replace(offset(), chain="before"))
    assert only(world)[2]["splunk"]["pending"] == 1000


def test_gaps_are_shown_until_somebody_acknowledges_them(world):
    where = position(gaps=[GAP])
    keep_pipeline(world)
    world.keep("audit_logs.p.cursor", POSITIONS.pack(where))
    _, pipeline, _ = only(world)
    assert [(each["id"], each["kind"]) for each in pipeline["gaps"]] == [(gap_id(where), "look_back")]
    assert any("the vendor keeps 30 days" in each["text"] for each in pipeline["problems"])
    answer = world.post("op", f"/api/pipelines/p/gaps/{gap_id(where)}/acknowledge", {"note": "asked the vendor"})
    assert answer.json()["ok"], answer.text
    _, pipeline, _ = only(world)
    assert pipeline["gaps"] == []
    from airflow.models import Variable

    (record,) = json.loads(Variable.get("audit_logs.p.gaps.acknowledged")).values()
    assert (record["by"], record["note"]) == ("op", "asked the vendor")


def test_a_gap_that_is_none_is_refused_in_words(world):
    keep_pipeline(world)
    answer = world.post("op", "/api/pipelines/p/gaps/0123456789ab/acknowledge").json()
    assert answer == {"ok": False, "message": "p has no gap '0123456789ab': it has none.", "link": ""}


@pytest.mark.parametrize("key", ["cursor", "to.splunk", "summary", "gaps.acknowledged"])
def test_a_variable_that_cannot_be_read_is_told_and_the_rest_is_shown(key, world):
    keep_pipeline(world)
    world.keep(f"audit_logs.p.{key}", "nonsense")
    _, pipeline, destinations = only(world)
    assert pipeline["state"] == "critical"
    assert f"audit_logs.p.{key}" in pipeline["problems"][0]["text"]
    assert destinations["s3"]["type"] == "s3"


def test_variables_of_others_are_no_business_of_the_page(world):
    world.keep("audit_logsXp.cursor", "nonsense")
    world.keep("other.audit_logs.p.cursor", "nonsense")
    world.keep("audit_logs.p.backfill.pace", "nonsense")
    assert only(world)[1]["state"] == "new"


def test_a_mistake_in_the_pipelines_file_is_told(world):
    world.pipelines(
        p={"source": "pylon", "destinations": {"s3": {"type": "s3", "bucket": "b"}}}, bad={"source": "pilon"}
    )
    answer, pipeline, _ = only(world)
    assert "bad" in answer["mistakes"]
    assert pipeline["name"] == "p"
    (world.home / "pipelines.yaml").unlink()
    answer = world.get("admin", "/api/overview").json()
    assert "cannot be read" in answer["mistakes"]
    assert answer["pipelines"] == []
    assert answer["opened"] is None, "nobody asked for one"
    assert world.get("admin", "/api/overview?opened=p").json()["opened"] is None, "there is none"


def test_variables_of_another_key_are_told_and_not_hidden(world):
    from airflow.models import Variable
    from airflow.utils.session import create_session

    keep_pipeline(world)
    with create_session() as session:
        for each in session.query(Variable).all():
            each._val, each.is_encrypted = "gAAAAABmnot-of-this-key", True
    answer, pipeline, destinations = only(world)
    assert (answer["hidden"], answer["critical"]) == (0, 1)
    assert [each["text"] for each in pipeline["problems"]] == [
        "the Variable audit_logs.p.cursor and 3 more cannot be decrypted: give the API server the [core] fernet_key "
        "that they were written with."
    ]
    assert (pipeline["reading"]["state"], destinations["splunk"]["state"]) == ("unknown", "unknown")


def test_open_dead_letters_are_listed_with_the_destinations_words(world):
    keep_pipeline(world)
    event = Event("e1", utc_now(), msgspec.Raw(b'{"id":"e1","who":"ada"}'))
    letters = DeadLetters(Stream(LocalStore(world.home / "spool"), "p/live", "c"), "splunk")
    letters.keep([DeadLetter(Item(event, b"", 1, 0), "refused", answer="index is disabled <b>")], utc_now())
    path = "/api/pipelines/p/destinations/splunk/dead-letters"
    (letter,) = world.get("op", path).json()["letters"]
    assert (letter["id"], letter["answer"], letter["event"]) == ("e1", "index is disabled <b>", "")
    (letter,) = world.get("op", f"{path}?events=true").json()["letters"]
    assert json.loads(letter["event"])["who"] == "ada"
    none = {"letters": [], "more": False, "first": 0, "total": 0, "reasons": [], "matched": 0}
    assert world.get("op", path.replace("splunk", "s3")).json() == none


def test_dead_letters_are_counted_by_reason_and_listed_by_page(world):
    world.pipelines(paged={"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}})
    keep_pipeline(world, "paged", ["splunk"])
    from audit_provider.plugin.letters import MOST_LETTERS, MOST_REASONS

    few = [f"reason {number}" for number in range(MOST_REASONS + 2)]
    reasons = ["refused" if place % 2 else few[place // 2 % len(few)] for place in range(2 * MOST_LETTERS + 3)]
    found = [
        DeadLetter(Item(Event(f"e{place}", utc_now(), msgspec.Raw(b"{}")), b"", 1, place), reason)
        for place, reason in enumerate(reasons)
    ]
    DeadLetters(Stream(LocalStore(world.home / "spool"), "paged/live", "c"), "splunk").keep(found, utc_now())
    path = "/api/pipelines/paged/destinations/splunk/dead-letters"
    seen = []
    for first, more in ((0, True), (MOST_LETTERS, True), (2 * MOST_LETTERS, False)):
        page = world.get("op", f"{path}?first={first}").json()
        seen += [each["id"] for each in page["letters"]]
        assert (page["first"], page["total"], page["more"]) == (first, len(reasons), more)
        named, rest = page["reasons"][:-1], page["reasons"][-1]
        assert named[0] == {"reason": "refused", "count": MOST_LETTERS + 1}
        assert len(named) == MOST_REASONS
        assert rest == {"reason": "", "count": len(reasons) - sum(each["count"] for each in named)}
    assert seen == [f"e{place}" for place in range(len(reasons))]
    for reason, first in (("refused", 0), ("refused", MOST_LETTERS), ("reason 3", 0), ("no such reason", 0)):
        page = world.get("op", f"{path}?first={first}&reason={reason}").json()
        ids = [f"e{place}" for place, each in enumerate(reasons) if each == reason][first:]
        shown = (ids[:MOST_LETTERS], len(ids) > MOST_LETTERS)
        assert ([each["id"] for each in page["letters"]], page["more"]) == shown
        assert (page["matched"], page["total"]) == (reasons.count(reason), len(reasons)), "all are counted all the same"


def test_the_account_of_a_destination_adds_up(world):
    counts = ShipCounts(delivered=900, already_there=20, too_old=3, dead_lettered=2, filtered=5, restamped=4)
    kept = replace(offset(started_at=10, again=2), counts=counts)
    keep_pipeline(world)
    world.keep("audit_logs.p.to.splunk", text(kept))
    splunk = only(world)[2]["splunk"]
    parts = ("before", "delivered", "filtered", "too_old", "refused", "pending")
    assert [splunk[each] for each in parts] == [10, 920, 5, 3, 2, 62]
    assert sum(splunk[each] for each in parts) == 1000 + splunk["again"]


def test_the_last_runs_are_listed_with_what_has_failed_in_them(world, server, monkeypatch):
    from airflow.models import DagModel, DagRun, TaskInstance
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import insert, select

    at = utc_now() - timedelta(hours=1)
    kinds = {"backfill": ("running", {"window_days": 7}), "incremental": ("failed", None)}
    with create_session() as session:
        session.merge(DagBundleModel(name="b"))
        session.merge(DagModel(dag_id="audit_backfill_p", bundle_name="b", is_stale=False, is_paused=False))
        for place, (kind, (state, conf)) in enumerate(kinds.items()):
            moment = at + timedelta(minutes=place)
            entries = {"state": state, "run_after": moment, "start_date": moment, "run_type": "manual"}
            run = DagRun(dag_id=f"audit_{kind}_p", run_id=f"r{place}", logical_date=None, conf=conf, **entries)
            run.end_date = None if state == "running" else moment
            session.add(run)
        session.flush()
        tasks = {
            "incremental": {"pull": "success", "ship_splunk": "failed"},
            "backfill": {"plan": "success", "load": "running"},
        }
        for kind, states in tasks.items():
            for task, state in states.items():
                named = {
                    "id": new_task_id(),
                    "dag_id": f"audit_{kind}_p",
                    "run_id": "r1" if kind == "incremental" else "r0",
                }
                kept = {"try_number": 1, "max_tries": 2, "pool": "default_pool", "pool_slots": 1, "map_index": -1}
                session.execute(insert(TaskInstance).values(**named, **kept, task_id=task, state=state))
        session.flush()
        returned = {
            "pull": {"read": 12, "spooled": 10, "requests": 3, "budget": {"requests": 60, "per": 30.0}},
            "ship_splunk": {"delivered": 7, "redriven": 1},
        }
        run = session.scalar(select(DagRun).where(DagRun.dag_id == "audit_incremental_p", DagRun.run_id == "r1"))
        for task, value in returned.items():
            session.add(
                XComModel(
                    dag_run_id=run.id,
                    dag_id=run.dag_id,
                    run_id=run.run_id,
                    task_id=task,
                    map_index=-1,
                    key="return_value",
                    value=value,
                )
            )
    monkeypatch.setattr(
        server.app.state.auth_manager,
        "get_authorized_dag_ids",
        lambda **_: {"audit_incremental_p", "audit_backfill_p"},
    )
    first, second = world.get("op", "/api/pipelines/p/runs").json()["runs"]
    assert (first["kind"], first["state"], first["done"], first["tasks"]) == ("incremental", "failed", 2, 2)
    (failed,) = first["failed"]
    assert failed == {"id": "ship_splunk", "log": "/dags/audit_incremental_p/runs/r1/tasks/ship_splunk"}
    assert (first["read"], first["spooled"], first["delivered"]) == (12, 10, 8)
    assert (first["requests"], first["budget"]) == (3, {"requests": 60, "per": 30.0})
    said = [second[each] for each in ("read", "delivered", "requests", "budget")]
    assert said == [None] * 4, "nothing has been said yet"
    assert [each["id"] for each in second["active"]] == ["load"]
    assert (second["kind"], second["ended"], second["done"], second["tasks"]) == ("backfill", None, 1, 2)
    assert json.loads(second["asked"]) == {"window_days": 7}
    monkeypatch.setattr(server.app.state.auth_manager, "get_authorized_dag_ids", lambda **_: {"audit_backfill_p"})
    assert [each["kind"] for each in world.get("op", "/api/pipelines/p/runs").json()["runs"]] == ["backfill"]
    assert world.get("op", "/api/pipelines/gone/runs").status_code == 404


@pytest.mark.parametrize("recorded", [True, False])
def test_the_events_of_dead_letters_are_shown_as_the_destination_would_get_them(world, recorded):
    redact = {"drop": ["secret"], "hash": ["who"]}
    world.pipelines(p={"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec", "redact": redact}}})
    if recorded:
        keep_pipeline(world, "p", ["splunk"])
    at = utc_now()
    event = Event("e1", at, msgspec.Raw(b'{"id":"e1","who":"ada","secret":"x"}'))
    letters = DeadLetters(Stream(LocalStore(world.home / "spool"), "p/reconcile", "c"), "splunk")
    letters.keep([DeadLetter(Item(event, b"", 1, 0), "refused")], at)
    found = world.get("op", "/api/pipelines/p/destinations/splunk/dead-letters?events=true").json()["letters"]
    shown = [json.loads(each["event"]) for each in found if each["stream"] == "p/reconcile"]
    assert [each.keys() for each in shown] == [{"id", "who"}]
    assert shown[0]["who"].startswith("sha256:")


def test_a_dag_that_airflow_does_not_know_is_critical_whether_or_not_the_user_may_read_dags(world, server, monkeypatch):
    entry = {"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}}
    world.pipelines(p=entry, q=entry)
    for name in ("p", "q"):
        keep_pipeline(world, name, ["splunk"], splunk=offset(delivered=1000))
        world.keep(f"audit_logs.{name}.summary", SUMMARIES.pack(summary(name, findings=())))
    answer = world.get("admin", "/api/overview").json()
    states = {each["name"]: each["state"] for each in answer["pipelines"]}
    assert states == {"p": "ok", "q": "critical"}
    assert answer["verdict"] == {"state": "critical", "text": "1 critical of 2 pipelines"}
    monkeypatch.setattr(server.app.state.auth_manager, "get_authorized_dag_ids", lambda **_: set())
    answer = world.get("admin", "/api/overview").json()
    assert {each["name"]: each["state"] for each in answer["pipelines"]} == {"p": "unknown", "q": "critical"}
    world.know("q")
    answer = world.get("admin", "/api/overview").json()
    assert answer["verdict"] == {"state": "unknown", "text": "2 unknown of 2 pipelines"}


def test_the_last_run_that_ended_is_the_one_that_counts(world):
    """Airflow's own records of runs and tasks, as the page asks for them."""
    from airflow.models import DagRun, TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import insert

    from audit_provider.plugin.reading import read_dags

    dag_id, at = "audit_incremental_p", utc_now() - timedelta(minutes=30)
    rows = []
    for place, state in enumerate(("success", "failed", "running")):
        moment = at + timedelta(minutes=10 * place)
        rows.append(
            {
                "dag_id": dag_id,
                "run_id": f"r{place}",
                "state": state,
                "run_after": moment,
                "start_date": moment,
                "end_date": None if state == "running" else moment + timedelta(minutes=1),
            }
        )
    with create_session() as session:
        facts = read_dags(session, ["p", "q"], {dag_id})["p"]
        assert (facts.run_id, facts.ended_id, facts.failed) == ("", "", ())
        for row in rows:
            ended = row.pop("end_date")
            run = DagRun(**row, run_type="manual", logical_date=None)
            run.end_date = ended
            session.add(run)
        session.flush()
        facts = read_dags(session, ["p", "q"], {dag_id})
        assert set(facts) == {"p"}, "nobody knows q"
        found = facts["p"]
        assert (found.run_id, found.run_state, found.is_active) == ("r2", "running", True)
        assert (found.ended_id, found.ended_state) == ("r1", "failed")
        assert found.ended_at == found.ended_began + timedelta(minutes=1)
        assert read_dags(session, ["p"], set())["p"].withheld
        tasks = (("r1", "ship_splunk", "failed", 2), ("r1", "pull", "success", 1), ("r2", "pull", "up_for_retry", 2))
        for run_id, task_id, state, tries in tasks:
            ended = {"try_number": tries, "max_tries": 2, "pool": "default_pool", "pool_slots": 1, "end_date": at}
            named = {"id": new_task_id(), "dag_id": dag_id, "run_id": run_id, "task_id": task_id, "state": state}
            session.execute(insert(TaskInstance).values(**named, **ended, map_index=-1))
        found = read_dags(session, ["p"], {dag_id})["p"]
        assert found.failed == ("ship_splunk",)
        assert found.retrying == {"pull": at + timedelta(minutes=1)}, "a second time, after twice half a minute"
        session.query(TaskInstance).delete()
        session.query(DagRun).delete()


def test_one_siem_that_is_down_is_one_incident_of_all_its_pipelines(world, monkeypatch):
    entry = {"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}}
    names = ("p", "q", "r")
    world.pipelines(**dict.fromkeys(names, entry))
    world.know("q", "r")
    down = offset(delivered=990, failures_in_a_row=2, last_error="splunk hung up.", failed_run="r1")
    for name in names:
        keep_pipeline(world, name, ["splunk"], splunk=down if name != "r" else offset(delivered=1000))
        world.keep(f"audit_logs.{name}.summary", SUMMARIES.pack(summary(name, findings=())))
    answer = world.get("admin", "/api/overview").json()
    (incident,) = answer["incidents"]
    assert (incident["pipelines"], incident["waiting"], incident["error"]) == (["p", "q"], 20, "splunk hung up.")
    assert (incident["concerned"], incident["cause"]) == (2, "splunk_hec_default")
    assert incident["test"] == "pipelines/p/destinations/splunk/test-connection"
    assert world.post("admin", f"/api/{incident['test']}").status_code == 200
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Disabled")
    assert world.get("admin", "/api/overview").json()["incidents"][0]["test"] == "", "nobody may press it"
    assert incident["text"] == "splunk cannot be shipped to (connection splunk_hec_default)"
    assert incident["log"].endswith("/dags/audit_incremental_p/runs/r1/tasks/ship_splunk")
    assert answer["totals"] | {"waiting_since": None} == {
        "worst_source": "ok",
        "worst_destination": "critical",
        "sources": 3,
        "current": 3,
        "destinations": 3,
        "delivering": 1,
        "waiting": 20,
        "waiting_since": None,
    }


def test_an_outage_that_ended_is_in_the_overview_for_a_day_and_in_the_pipelines_own_view_for_longer(world):
    now = utc_now()
    lately = Outage(now - timedelta(hours=3), now - timedelta(hours=2), 4, "splunk hung up.", 70)
    before = Outage(now - timedelta(days=9), now - timedelta(days=8), 90, "the token was revoked.", 9000)
    refused = Outage(now - timedelta(hours=5), now - timedelta(hours=4), 2, "Pylon answers 401.")
    keep_pipeline(world, splunk=offset(delivered=1000, outages=(before, lately)), s3=offset(delivered=1000))
    world.keep("audit_logs.p.findings.cursor", POSITIONS.pack(position(spooled=1000)))
    world.keep("audit_logs.p.findings.to.splunk", text(offset(delivered=1000, outages=(lately,))))
    world.keep("audit_logs.p.source", text(SourceHealth(outages=(refused,))))
    world.keep("audit_logs.p.summary", SUMMARIES.pack(summary(findings=())))
    answer = world.get("admin", "/api/overview?opened=p").json()
    assert [(each["key"], each["times"], each["waited"]) for each in answer["ended"]] == [
        ("destination splunk_hec_default", 1, 70),
        ("source pylon_default", 1, None),
    ]
    (row,) = answer["pipelines"]
    assert row["state"] == "ok", "what ended makes nothing red"
    whole = answer["opened"]["pipeline"]
    splunk = next(each for each in whole["destinations"] if each["name"] == "splunk")
    assert [each["error"] for each in splunk["outages"]] == ["the token was revoked.", "splunk hung up."]
    assert [each["failures"] for each in whole["reading"]["outages"]] == [2]


def test_rows_are_found_sorted_and_paged_as_they_are_asked_for(world):
    entry = {"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}, "tags": ["emea"]}
    names = [f"p{number}" for number in range(7)]
    world.pipelines(**dict.fromkeys(names, entry), q=entry | {"tags": [], "source": "slack"})

    def rows(**asked):
        answer = world.get("admin", "/api/overview", params=asked).json()
        return [each["name"] for each in answer["pipelines"]], answer["matrix"]

    assert rows(size=3, page=2, sort="name") == (["p3", "p4", "p5"], rows(size=3, page=2, sort="name")[1])
    found, matrix = rows(size=3, page=9, sort="name", down=True)
    assert (found, matrix["page"], matrix["pages"], matrix["matched"]) == (["p1", "p0"], 3, 3, 8), "the last page"
    assert (matrix["tags"], matrix["states"]) == (["emea"], {"critical": 8})
    assert rows(tag="emea", find="P3")[0] == ["p3"]
    assert rows(find="slack")[0] == ["q"]
    assert rows(find="SPLUNK_HEC_DEFAULT")[1]["matched"] == 8
    assert rows(state="ok") == ([], rows(state="ok")[1])
    assert rows(group="source", sort="name")[0][-1] == "q"
    assert world.get("admin", "/api/overview", params={"size": 201}).status_code == 422


@pytest.mark.parametrize("encrypted", [True, False])
def test_an_answer_that_has_not_changed_is_not_sent_again(world, encrypted):
    keep_pipeline(world)
    if not encrypted:
        plain(world)
    first = world.get("admin", "/api/overview")
    tag = {"If-None-Match": first.headers["ETag"]}
    again = world.get("admin", "/api/overview", headers=tag)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert again.headers["Cache-Control"] == "no-store"
    assert world.get("admin", "/api/overview?opened=p", headers=tag).status_code == 200, "another question"
    world.keep("audit_logs.p.to.splunk", text(offset(delivered=991)))
    if not encrypted:
        plain(world)
    changed = world.get("admin", "/api/overview", headers=tag)
    assert (changed.status_code, changed.json()["totals"]["waiting"]) == (200, 19)
    world.pipelines(p={"source": "pylon", "destinations": {"s3": {"type": "s3", "bucket": "b"}}})
    fewer = world.get("admin", "/api/overview", headers={"If-None-Match": changed.headers["ETag"]})
    assert (fewer.status_code, fewer.json()["totals"]["destinations"]) == (200, 1)


def plain(world):
    """Keep all Variables as an Airflow without a key does, which has no random beginning."""
    from airflow.models import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        for each in session.query(Variable).all():
            value = each.get_val()
            each._val, each.is_encrypted = value, False


def test_a_change_of_one_letter_in_a_variable_that_is_not_encrypted_is_seen(world):
    keep_pipeline(world)
    plain(world)
    assert only(world)[2]["splunk"]["pending"] == 10
    world.keep("audit_logs.p.to.splunk", text(offset(delivered=991)))
    plain(world)
    assert only(world)[2]["splunk"]["pending"] == 9


def test_without_a_pipeline_the_paths_are_said_where_the_first_one_belongs(world):
    assert world.get("admin", "/api/overview").json()["setup"] is None
    path = world.home / "pipelines.yaml"
    path.write_text("{}")
    setup = world.get("admin", "/api/overview").json()["setup"]
    assert (setup["pipelines_file"], setup["found"]) == (str(path), True)
    assert setup["dags_folder"].startswith("/")
    path.unlink()
    assert world.get("admin", "/api/overview").json()["setup"]["found"] is False
    world.pipelines(bad={"source": "pilon"})
    assert world.get("admin", "/api/overview").json()["setup"] is None, "its mistakes say what to do"
