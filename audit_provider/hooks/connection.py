"""A connection by its id, where one that Airflow could not ask for is not taken for one that does not exist."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
from airflow.sdk.exceptions import ErrorType

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.supervisor import answer_of, supervisor


def connection_of(conn_id: str, conn_type: str) -> Any:
    """Return a connection.

    :param conn_type: what it should be of, for the message: in quotes, and several joined by "or".
    :raises ConfigurationError: there is none. :raises UnavailableError: Airflow does not say.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        comms = supervisor()
    if comms is not None:
        from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection

        answer = answer_of(comms, GetConnection(conn_id=conn_id))
        if not (isinstance(answer, ErrorResponse) and answer.error is ErrorType.CONNECTION_NOT_FOUND):
            raise UnavailableError(
                f"Airflow does not say whether there is a connection {conn_id!r}: see that its API server and database "
                f"are up; nothing is lost, the next run goes on from what is recorded."
            )
    raise ConfigurationError(f"there is no connection {conn_id!r}: make one of type {conn_type} in Airflow.")
