"""SSH through an ``ssh`` or ``sftp`` connection: Airflow's connection types and hook, with the host key checked."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.ssh import SshConnection
from audit_provider.host.connection import connection_of

_CONN_TYPES = ("ssh", "sftp")
_CONNECT_SECONDS = 10
_LOGIN_SECONDS = 30


def load_ssh() -> None:
    """Import what an SSH connection needs, if it is installed. Sends no request."""
    with suppress(ImportError):
        import airflow.providers.ssh.hooks.ssh  # noqa: F401


def ssh_connection(conn_id: str) -> SshConnection:
    """Return an SSH connection, which connects when it is used.

    The host key is checked unless the connection's extra says ``no_host_key_check``. Older SSH providers would not
    check it.

    :param conn_id: of type ``ssh`` or ``sftp``, with the extras of Airflow's SSH provider.
    :raises ConfigurationError: there is no such connection, it cannot be used, or the SSH provider is not installed.
    """
    connection = _connection(conn_id)
    hook = _hook(conn_id)
    extra = connection.extra_dejson
    unchecked = extra.get("no_host_key_check", extra.get("ignore_hostkey_verification"))
    hook.no_host_key_check = str(unchecked).lower() == "true"
    # The caller decides about retries and the waits between them.
    hook.conn_retry_attempts = 1
    hook.conn_timeout = hook.conn_timeout or _CONNECT_SECONDS
    hook.auth_timeout = hook.auth_timeout or _LOGIN_SECONDS

    def connect() -> Any:
        # The command of a jump host is started again, because the hook would reuse one that has ended.
        vars(hook).pop("host_proxy", None)
        return hook.get_conn()

    return SshConnection(connect, f"ssh://{hook.remote_host}:{hook.port}")


def ssh_address(conn_id: str) -> str:
    """Return the server of a connection, without secrets: ``host`` or ``host:port``.

    :raises ConfigurationError: there is no such connection.
    """
    connection = _connection(conn_id)
    return f"{connection.host or ''}{f':{connection.port}' if connection.port else ''}"


def _connection(conn_id: str) -> Any:
    connection = connection_of(conn_id, "'sftp' or 'ssh'")
    if connection.conn_type not in _CONN_TYPES:
        raise ConfigurationError(
            f"the connection {conn_id!r} is of type {connection.conn_type!r}, not 'sftp' or 'ssh'."
        )
    return connection


def _hook(conn_id: str) -> Any:
    try:
        from airflow.providers.ssh.hooks.ssh import SSHHook
        from paramiko import SSHException
    except ImportError:
        raise ConfigurationError(
            f"the connection {conn_id!r} needs Airflow's SSH provider: pip install 'airflow-provider-audit-logs[ssh]'."
        ) from None
    try:
        return SSHHook(ssh_conn_id=conn_id)
    except (AirflowException, SSHException, ValueError) as error:
        raise ConfigurationError(f"the connection {conn_id!r} cannot be used for SSH: {error}") from None
