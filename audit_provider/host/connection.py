"""Gets a connection by its id, without treating one that Airflow could not look up as missing."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from audit_provider.core.account import check_value
from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.host.missing import confirm_missing_connection
from audit_provider.host.settings import has_secrets_backend


def connection_of(conn_id: str, conn_type: str) -> Any:
    """Return a connection.

    :param conn_type: what it should be of, for the message: in quotes, and several joined by "or".
    :raises ConfigurationError: there is none. :raises UnavailableError: Airflow does not say.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        confirm_missing_connection(conn_id)
    # Airflow passes over a secrets backend that fails, and says why at the level DEBUG alone.
    beside = ", or check that its secrets backend is up" if has_secrets_backend() else ""
    raise ConfigurationError(f"there is no connection {conn_id!r}: create one of type {conn_type} in Airflow{beside}.")


def connection_check(conn_id: str) -> str:
    """Return what tells what a connection leads to from what it led to before: 16 bits of all that it holds.

    So few, because a digest of it all would prove a guess of its credential.

    :return: "" where there is no such connection, or Airflow does not say.
    """
    try:
        found = connection_of(conn_id, "its destination")
    except AuditError:
        return ""
    names = ("conn_type", "host", "schema", "login", "password", "port", "extra")
    return check_value([str(getattr(found, name) or "") for name in names], "")
