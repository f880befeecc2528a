"""Looks up a connection by its id. A connection that Airflow could not look up is not reported as missing."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.ledger.account import check_value
from audit_provider.host.missing import confirm_missing_connection
from audit_provider.host.settings import has_secrets_backend


def connection_of(conn_id: str, conn_type: str) -> Any:
    """Return a connection.

    :param conn_type: the expected type, for the message: in quotes, several joined by "or".
    :raises ConfigurationError: there is no such connection. :raises UnavailableError: Airflow does not say.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        confirm_missing_connection(conn_id)
    # Airflow skips a secrets backend that fails, and logs the reason only at level DEBUG.
    beside = ", or check that its secrets backend is up" if has_secrets_backend() else ""
    raise ConfigurationError(f"there is no connection {conn_id!r}: create one of type {conn_type} in Airflow{beside}.")


def connection_check(conn_id: str) -> str:
    """Return 16 bits of a digest of a connection, by which a change of the connection is noticed.

    There are so few bits because a full digest could confirm a guess of the credential.

    :return: "" if there is no such connection, or Airflow does not say.
    """
    try:
        found = connection_of(conn_id, "its destination")
    except AuditError:
        return ""
    names = ("conn_type", "host", "schema", "login", "password", "port", "extra")
    return check_value([str(getattr(found, name) or "") for name in names], "")
