"""Airflow's Variables as the ledger: a write without an answer is looked up before anybody is told of it."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, OKResponse, VariableResult

from audit_provider.core.errors import FencedError, UnavailableError
from audit_provider.core.ledger.records import offset_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset
from audit_provider.state import Variables

OUTAGE = ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 500})
KEY = StreamName("p").offset_key("s3")


class ApiServer:
    """What stands behind a task. :ivar texts: of its Variables. :ivar answers: whether it answers to a write."""

    def __init__(self):
        self.texts = {KEY: '{"segment":1,"chain":"c"}'}
        self.answers = True
        self.writes = True

    def send(self, msg):
        kind = type(msg).__name__
        if kind == "PutVariable":
            if self.writes:
                self.texts[msg.key] = msg.value
            if not self.answers:
                raise AirflowRuntimeError(OUTAGE)
            return OKResponse(ok=True)
        if kind == "DeleteVariable":
            self.texts.pop(msg.key)
            return OKResponse(ok=True)
        assert kind == "GetVariable"
        return VariableResult(key=msg.key, value=self.texts[msg.key])


@pytest.fixture
def server(monkeypatch):
    found = ApiServer()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", found, raising=False)
    return found


@pytest.fixture
def record(server):
    found = offset_record(Variables(), StreamName("p"), "s3")
    assert found.load() == Offset(1, chain="c")
    return found


def test_a_record_is_a_variable(server, record):
    record.commit(Offset(2, chain="c"))
    assert '"segment":2' in server.texts[KEY]
    record.delete()
    assert server.texts == {}


def test_a_write_that_arrived_without_an_answer_is_a_write(server, record):
    server.answers = False
    record.commit(Offset(2, chain="c"))
    assert '"segment":2' in server.texts[KEY]


def test_a_write_that_did_not_arrive_is_told_and_may_be_repeated(server, record):
    server.answers = server.writes = False
    with pytest.raises(UnavailableError, match=f"Airflow did not write the Variable {KEY}"):
        record.commit(Offset(2, chain="c"))
    server.answers = server.writes = True
    record.commit(Offset(2, chain="c"))


def test_another_runs_record_stands(server, record):
    server.texts[KEY] = '{"segment":9,"chain":"c"}'
    with pytest.raises(FencedError, match=KEY):
        record.commit(Offset(2, chain="c"))
    assert server.texts[KEY] == '{"segment":9,"chain":"c"}'
