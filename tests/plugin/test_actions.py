"""The buttons, over the sandbox's receivers."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future

import pytest

from audit_provider.core.errors import StopError, UnavailableError
from audit_provider.plugin.within import within
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService
from tests.plugin.conftest import keep_pipeline

TOKEN = "canary-hec-token-91bb"
SPLUNK = "/api/pipelines/p/destinations/splunk"


@pytest.fixture
def splunk(world, monkeypatch):
    entry = {"type": "splunk_hec", "index": "audit"}
    world.pipelines(p={"source": "pylon", "destinations": {"splunk": entry}})
    keep_pipeline(world, destinations=["splunk"])
    with SplunkHecService(TOKEN, indexes=["audit"]) as service:

        def connect(password=TOKEN):
            connection = {"conn_type": "splunk_hec", "host": service.url, "password": password}
            monkeypatch.setenv("AIRFLOW_CONN_SPLUNK_HEC_DEFAULT", json.dumps(connection))

        connect()
        service.connect = connect
        yield service


def test_a_connection_is_proven_without_an_event(world, splunk):
    answer = world.post("op", f"{SPLUNK}/test-connection").json()
    assert answer["ok"], answer
    assert splunk.ids() == []


@pytest.fixture
def pylon(world, monkeypatch):
    keep_pipeline(world)
    with PylonService("canary-pylon-token-3c0e", []) as service:

        def connect(password="canary-pylon-token-3c0e"):
            connection = {"conn_type": "audit_logs", "host": service.url, "password": password}
            monkeypatch.setenv("AIRFLOW_CONN_PYLON_DEFAULT", json.dumps(connection))

        connect()
        service.connect = connect
        yield service


def test_the_connection_of_a_source_is_proven_at_the_vendor(world, pylon):
    answer = world.post("op", "/api/pipelines/p/test-connection").json()
    assert answer["ok"], answer
    assert [each.status for each in pylon.seen] == [200] * len(pylon.seen) != []
    pylon.connect("canary-wrong-token")
    answer = world.post("op", "/api/pipelines/p/test-connection")
    assert not answer.json()["ok"]
    assert "canary" not in answer.text
    assert pylon.seen[-1].status == 401
    pylon.stop()
    assert "the network is down" in world.post("op", "/api/pipelines/p/test-connection").json()["message"]


def test_a_test_event_arrives_marked_as_one(world, splunk):
    answer = world.post("op", f"{SPLUNK}/test-event").json()
    assert answer["ok"], answer
    (event,) = splunk.ids()
    assert event.startswith("test-")
    assert event in answer["message"]


@pytest.mark.parametrize("button", ["test-connection", "test-event"])
def test_a_refusal_is_told_without_the_token(button, world, splunk):
    splunk.connect("wrong-canary-token-2")
    answer = world.post("op", f"{SPLUNK}/{button}")
    assert answer.status_code == 200
    assert not answer.json()["ok"]
    assert "canary" not in answer.text


def test_a_connection_of_airflows_database_is_read_too(world, splunk, monkeypatch):
    from airflow.models import Connection
    from airflow.utils.session import create_session

    monkeypatch.delenv("AIRFLOW_CONN_SPLUNK_HEC_DEFAULT")
    assert "splunk_hec_default" in world.post("op", f"{SPLUNK}/test-connection").json()["message"]
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id == "splunk_hec_default").delete()
        session.add(Connection("splunk_hec_default", "splunk_hec", host=splunk.url, password=TOKEN))
    answer = world.post("op", f"{SPLUNK}/test-connection")
    assert answer.json()["ok"], answer.text
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id == "splunk_hec_default").delete()


@pytest.mark.parametrize("path", ["/api/pipelines/q/destinations/splunk", "/api/pipelines/p/destinations/splnk"])
def test_what_is_not_there_is_not_found(path, world, splunk):
    for button in ("test-connection", "test-event"):
        assert world.post("op", f"{path}/{button}").status_code == 404
    assert world.post("op", "/api/pipelines/q/test-connection").status_code == 404
    assert world.post("op", f"{path}/redrive").status_code == 404
    assert world.get("op", f"{path}/dead-letters").status_code == 404


@pytest.mark.parametrize("stale", [False, True])
def test_a_dag_that_airflow_has_not_stored_is_not_started(stale, world, splunk):
    from airflow.models import DagModel
    from airflow.utils.session import create_session

    world.know("p")
    with create_session() as session:
        session.get(DagModel, "audit_incremental_p").is_stale = stale
    discard = {"events": ["a"], "reason": "a test"}
    for answer in (world.post("op", f"{SPLUNK}/redrive"), world.post("op", f"{SPLUNK}/discard", discard)):
        assert answer.status_code == 409, answer.text
        assert "audit_incremental_p" in answer.json()["detail"]


def test_a_destination_that_is_not_enabled_gets_no_dead_letters_again(world, splunk):
    world.know("p")
    entry = {"type": "splunk_hec", "index": "audit", "enabled": False}
    world.pipelines(p={"source": "pylon", "destinations": {"splunk": entry}})
    answer = world.post("op", f"{SPLUNK}/redrive")
    assert (answer.status_code, "splunk is not enabled" in answer.text) == (409, True), answer.text


def test_a_pipeline_whose_entry_is_wrong_is_not_said_to_be_missing(world, splunk):
    world.pipelines(p={"source": "nosuch"}, other={"source": "pylon", "destinations": {"s3": {"type": "s3"}}})
    paths = ("/api/pipelines/p", "/api/pipelines/p/runs", f"{SPLUNK}/dead-letters")
    for answer in (*(world.get("op", path) for path in paths), world.post("op", f"{SPLUNK}/test-event")):
        assert (answer.status_code, "entry of p" in answer.text) == (409, True), answer.text
    assert world.get("op", "/api/pipelines/q").status_code == 404
    (world.home / "pipelines.yaml").write_text("[")
    answer = world.get("op", "/api/pipelines/p")
    assert (answer.status_code, "cannot be read" in answer.text) == (409, True)
    assert str(world.home) not in answer.text


def test_a_service_that_does_not_answer_does_not_hold_the_page():
    let_go = threading.Event()
    with pytest.raises(UnavailableError, match="no answer within"):
        within(0.01, let_go.wait)
    let_go.set()
    assert within(5, lambda: "done") == "done"


@pytest.mark.parametrize("error", [StopError, TimeoutError])
def test_what_the_work_raises_is_raised(error):
    def refuse():
        raise error("no")

    with pytest.raises(error, match="no"):
        within(5, refuse)


def test_work_that_ends_while_the_time_runs_out_keeps_its_answer():
    class EndsWhenLookedAt(Future):
        def done(self):
            if not super().done():
                self.set_result("took it")
            return super().done()

    class Pool:
        def submit(self, work):
            return EndsWhenLookedAt()

    assert within(0.01, lambda: "took it", Pool()) == "took it"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"events": [], "reason": "r"}, "names none"),
        ({"events": ["e1"], "reason": "  "}, "does not say why"),
        ({"events": ["e"] * 1001, "reason": "r"}, "1,000 at most"),
    ],
)
def test_letters_are_discarded_by_name_and_for_a_reason(body, said, world, splunk):
    answer = world.post("op", f"{SPLUNK}/discard", body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
