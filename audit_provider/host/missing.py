"""Checks whether a Variable or connection that Airflow reports as missing is really missing.

Airflow reports "missing" during an outage, for two reasons. Its client does so if it cannot reach the API server. The
API server does so if its database fails: it looks in several places, one of them the database, and skips those that
fail and values that it cannot decrypt.

So if Airflow reports a Variable as missing, we look it up in the list of keys, which only the database can provide.
Airflow before 3.3 has no such list; there we ask again, between two queries that only the database can answer. Outside
of tasks, the database is asked directly.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.host.versions import question_for_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session


def confirmed_variable(key: str) -> str | None:
    """Return a Variable that Airflow reported as missing; None if it really is.

    :raises UnavailableError: it is not known whether it exists.
    :raises ConfigurationError: it exists, but cannot be read.
    """
    if (comms := _comms()) is None:
        return find_variable(key) if is_at_hand() else None
    from airflow.sdk.execution_time.comms import ErrorResponse, GetVariable

    listing = question_for_keys(key)
    if listing is not None:
        if not _is_listed(comms, listing, key):
            return None
        answer = _answer_of(comms, GetVariable(key=key))
        if not isinstance(answer, ErrorResponse):
            return str(answer.value)
        if answer.error is ErrorType.VARIABLE_NOT_FOUND and _is_listed(comms, listing, key):
            raise undecryptable(f"Variable {key}")
        raise _unsaid(f"Variable {key}")
    answer = _confirmed(comms, GetVariable(key=key), ErrorType.VARIABLE_NOT_FOUND, f"Variable {key}")
    return None if answer is None else str(answer.value)


def confirm_missing_connection(conn_id: str) -> None:
    """Make sure that a connection is really missing, as Airflow reported.

    :raises UnavailableError: it is not known whether it exists, or it exists now.
    """
    what = f"connection {conn_id!r}"
    if (comms := _comms()) is None:
        if is_at_hand() and has_connection(conn_id):
            raise _unsaid(what)
        return
    from airflow.sdk.execution_time.comms import GetConnection

    if _confirmed(comms, GetConnection(conn_id=conn_id), ErrorType.CONNECTION_NOT_FOUND, what) is not None:
        raise _unsaid(what)


def _comms() -> Any | None:
    """Return the channel from a task to the API server; None outside of tasks."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")  # slow to import; tasks have loaded it
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


def is_at_hand() -> bool:
    """Whether this process may query the database itself: one of Airflow's servers, or a command in a terminal."""
    return os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == "server"


def find_variable(key: str) -> str | None:
    """Return a Variable that Airflow reported as missing; None if it really is.

    :raises UnavailableError: the database does not answer.
    :raises ConfigurationError: it exists, but cannot be read.
    """
    from airflow.models import Variable

    with _asked(f"Variable {key}") as session:
        found = _row_of(session, Variable, Variable, Variable.key == key)
        text: str | None = found.get_val() if found else None
    if found and text is None:
        raise undecryptable(f"Variable {key}")
    return text


def has_connection(conn_id: str) -> bool:
    """Whether a connection exists that Airflow reported as missing.

    :raises UnavailableError: the database does not answer.
    """
    from airflow.models import Connection

    with _asked(f"connection {conn_id!r}") as session:
        return _row_of(session, Connection, Connection.id, Connection.conn_id == conn_id) is not None


def connection_ids() -> set[str]:
    """Return the ids of the connections in the database, and of those in the environment.

    :raises UnavailableError: the database does not answer.
    """
    from airflow.models import Connection
    from sqlalchemy import inspect, select

    prefix = "AIRFLOW_CONN_"
    found = {key.removeprefix(prefix).lower() for key in os.environ if key.startswith(prefix)}
    with _asked("list of connections") as session:
        table = Connection.__table__
        if inspect(session.connection()).has_table(table.name, schema=table.schema):
            found |= set(session.scalars(select(Connection.conn_id)))
    return found


def undecryptable(what: str) -> ConfigurationError:
    """Return the error for something that exists and cannot be decrypted."""
    return ConfigurationError(
        f"Airflow has the {what} but cannot decrypt it: add the Fernet key that encrypted it ([core] fernet_key, the "
        "old key after the new one); nothing is lost."
    )


@contextmanager
def _asked(what: str) -> Iterator[Session]:
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            yield session
    except SQLAlchemyError as error:
        raise UnavailableError(
            f"Airflow's database does not say whether there is a {what} ({type(error).__name__}): check that it is up, "
            "and that [database] sql_alchemy_conn names it."
        ) from None


def _row_of(session: Session, model: Any, wanted: Any, is_meant: Any) -> Any | None:
    """Return a value from a row, None if there is no row. Rows that belong to a team are ignored."""
    from sqlalchemy import inspect, select

    table = model.__table__
    # A database without tables holds no record, for example on a machine that only has a copy of the spool.
    if not inspect(session.connection()).has_table(table.name, schema=table.schema):
        return None
    asked = select(wanted).where(is_meant)
    if "team_name" in table.columns:  # since Airflow 3.2
        asked = asked.where(model.team_name.is_(None))
    return session.scalar(asked.limit(1))
