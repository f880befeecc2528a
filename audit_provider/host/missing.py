"""Checks whether a Variable or connection that Airflow reports as missing is really missing.

Airflow reports "missing" during an outage, for two reasons. Its client does so if it cannot reach the API server. The
API server does so if its database fails: it looks in several places, one of them the database, and skips those that
fail and values that it cannot decrypt.

So if Airflow reports a Variable as missing, we look it up in the list of keys, which only the database can provide.
Airflow before 3.3 has no such list; there we ask again, between two queries that only the database can answer. Outside
of tasks, the database is asked directly, see :mod:`~audit_provider.host.database`.
"""

from __future__ import annotations

import sys
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from audit_provider.core.errors import UnavailableError
from audit_provider.host import database
from audit_provider.host.versions import question_for_keys


def confirmed_variable(key: str) -> str | None:
    """Return a Variable that Airflow reported as missing; None if it really is.

    :raises UnavailableError: it is not known whether it exists.
    :raises ConfigurationError: it exists, but cannot be read.
    """
    if (comms := _comms()) is None:
        return database.find_variable(key) if database.is_at_hand() else None
    from airflow.sdk.execution_time.comms import ErrorResponse, GetVariable

    listing = question_for_keys(key)
    if listing is not None:
        if not _is_listed(comms, listing, key):
            return None
        answer = _answer_of(comms, GetVariable(key=key))
        if not isinstance(answer, ErrorResponse):
            return str(answer.value)
        if answer.error is ErrorType.VARIABLE_NOT_FOUND and _is_listed(comms, listing, key):
            raise database.undecryptable(f"Variable {key}")
        raise _unsaid(f"Variable {key}")
    answer = _confirmed(comms, GetVariable(key=key), ErrorType.VARIABLE_NOT_FOUND, f"Variable {key}")
    return None if answer is None else str(answer.value)


def confirm_missing_connection(conn_id: str) -> None:
    """Make sure that a connection is really missing, as Airflow reported.

    :raises UnavailableError: it is not known whether it exists, or it exists now.
    """
    what = f"connection {conn_id!r}"
    if (comms := _comms()) is None:
        if database.is_at_hand() and database.has_connection(conn_id):
            raise _unsaid(what)
        return
    from airflow.sdk.execution_time.comms import GetConnection

    if _confirmed(comms, GetConnection(conn_id=conn_id), ErrorType.CONNECTION_NOT_FOUND, what) is not None:
        raise _unsaid(what)


def _comms() -> Any | None:
    """Return the channel from a task to the API server; None outside of tasks, where there is none."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")  # takes seconds to import, and is there in tasks
    return getattr(runner, "SUPERVISOR_COMMS", None)


def _confirmed(comms: Any, question: object, absent: ErrorType, what: str) -> Any | None:
    from airflow.sdk.execution_time.comms import ErrorResponse

    if _has_database(comms):
        answer = _answer_of(comms, question)
        if not isinstance(answer, ErrorResponse):
            return answer
        if answer.error is absent and _has_database(comms):
            return None
    raise _unsaid(what)


def _has_database(comms: Any) -> bool:
    from airflow.sdk.execution_time.comms import DRCount, GetDRCount

    return isinstance(_answer_of(comms, GetDRCount(dag_id="none", run_ids=["none"])), DRCount)


def _is_listed(comms: Any, listing: object, key: str) -> bool:
    keys = getattr(_answer_of(comms, listing), "keys", None)
    if not isinstance(keys, list):
        raise _unsaid(f"Variable {key}")
    return key in keys


def _answer_of(comms: Any, question: object) -> Any:
    """Return the API server's answer to a request, or the error that it returned instead."""
    try:
        return comms.send(question)
    except AirflowRuntimeError as error:
        return error.error


def _unsaid(what: str) -> UnavailableError:
    return UnavailableError(
        f"Airflow does not say whether there is a {what}: check that its API server and database are up; nothing is "
        "lost, the next run continues from what is recorded."
    )
