"""A Variable is missing only where Airflow's database says so; an outage and a wrong Fernet key are told as such."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import DRCount, ErrorResponse, VariableResult

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.host import missing
from audit_provider.host.missing import confirm_missing_connection, confirmed_variable
from audit_provider.host.versions import question_for_keys

OUTAGE = ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 500})
NONE = {
    "GetVariable": ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"key": "k"}),
    "GetConnection": ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": "c"}),
}
FOUND = VariableResult(key="k", value="text")


class Keys:
    """An answer to the question for keys."""

    def __init__(self, *keys):
        self.keys = list(keys)


UP = DRCount(count=0)


@pytest.fixture
def answers(monkeypatch):
    """Let Airflow give these answers, in turn, each to a question of the kind that is named with it."""

    def prepare(*answers):
        left = list(answers)

        class Comms:
            def send(self, msg):
                kind, answer = left.pop(0)
                assert type(msg).__name__ == kind
                if answer is OUTAGE:
                    raise AirflowRuntimeError(answer)
                return answer

        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(), raising=False)
        return left

    return prepare


def asked(kind, answer):
    return kind, NONE[kind] if answer is None else answer


class GetVariableKeys:
    """Stands for the question that Airflow before 3.3 does not have."""


@pytest.fixture
def keys_are_listed(monkeypatch):
    question = question_for_keys("k") or GetVariableKeys()
    monkeypatch.setattr(missing, "question_for_keys", lambda prefix: question)


@pytest.mark.usefixtures("keys_are_listed")
def test_what_is_not_listed_is_not_there(answers):
    left = answers(("GetVariableKeys", Keys("k.longer")))
    assert confirmed_variable("k") is None
    assert left == []


@pytest.mark.usefixtures("keys_are_listed")
def test_what_is_listed_is_asked_for_again(answers):
    answers(("GetVariableKeys", Keys("k")), ("GetVariable", FOUND))
    assert confirmed_variable("k") == "text"


@pytest.mark.usefixtures("keys_are_listed")
def test_what_is_listed_and_cannot_be_read_wants_its_fernet_key(answers):
    answers(("GetVariableKeys", Keys("k")), asked("GetVariable", None), ("GetVariableKeys", Keys("k")))
    with pytest.raises(ConfigurationError, match="has the Variable k but cannot decrypt it: add the Fernet key"):
        confirmed_variable("k")


@pytest.mark.usefixtures("keys_are_listed")
@pytest.mark.parametrize(
    "said",
    [
        [("GetVariableKeys", OUTAGE)],
        [("GetVariableKeys", Keys("k")), ("GetVariable", OUTAGE)],
        [("GetVariableKeys", Keys("k")), ("GetVariable", NONE["GetVariable"]), ("GetVariableKeys", OUTAGE)],
    ],
)
def test_an_outage_at_any_question_leaves_it_open(answers, said):
    left = answers(*said)
    with pytest.raises(UnavailableError, match="does not say whether there is a Variable k"):
        confirmed_variable("k")
    assert left == []


@pytest.mark.parametrize("kind", ["GetVariable", "GetConnection"])
@pytest.mark.parametrize(
    ("before", "answer", "after", "is_sure"),
    [(UP, None, UP, True), (OUTAGE, None, UP, False), (UP, None, OUTAGE, False), (UP, OUTAGE, UP, False)],
)
def test_where_no_keys_are_listed_the_database_must_answer_before_and_after(
    answers, monkeypatch, kind, before, answer, after, is_sure
):
    monkeypatch.setattr(missing, "question_for_keys", lambda prefix: None)
    answers(("GetDRCount", before), asked(kind, answer), ("GetDRCount", after))
    ask = {"GetVariable": confirmed_variable, "GetConnection": confirm_missing_connection}[kind]
    if is_sure:
        assert ask("k") is None
    else:
        with pytest.raises(UnavailableError, match="does not say whether there is a"):
            ask("k")
