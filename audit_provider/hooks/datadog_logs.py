"""The connection type ``datadog_logs``: Datadog's log intake."""

from __future__ import annotations

from audit_provider.core.destinations.datadog import DATADOG
from audit_provider.hooks.destinations import DestinationHook


class DatadogLogsHook(DestinationHook):
    """Session and credential for Datadog's log intake, from a connection of type ``datadog_logs``.

    Example::

        hook = DatadogLogsHook("datadog_logs_default")
        ok, message = hook.test_connection()

    :param datadog_logs_conn_id: Connection: password (API key), host (only to override the intake: private link,
        proxy), extras ``site`` (default ``datadoghq.com``), ``verify``, ``proxies``, ``cert``, ``allow_http``,
        ``ssh_conn_id``.
    """

    spec = DATADOG
    conn_name_attr = "datadog_logs_conn_id"

    def __init__(self, datadog_logs_conn_id: str = DATADOG.options.default_conn_id) -> None:
        super().__init__(datadog_logs_conn_id)
