"""Checks in Airflow's database, outside of tasks, whether a Variable or connection is really missing.

Airflow looks in several places, one of them the database, and skips those that fail and values that it cannot decrypt.
During an outage of the database it therefore reports "missing".
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session


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
    """Return what is wanted of a row, None where there is none. What belongs to a team is not there for others."""
    from sqlalchemy import inspect, select

    table = model.__table__
    # A database that was never set up holds no record, such as beside the copy of a spool.
    if not inspect(session.connection()).has_table(table.name, schema=table.schema):
        return None
    asked = select(wanted).where(is_meant)
    if "team_name" in table.columns:  # since Airflow 3.2
        asked = asked.where(model.team_name.is_(None))
    return session.scalar(asked.limit(1))
