"""The connection type ``splunk_hec``: a Splunk HTTP Event Collector."""

from __future__ import annotations

from audit_provider.core.destinations.splunk_hec import SPLUNK_HEC
from audit_provider.hooks.destinations import DestinationHook


class SplunkHecHook(DestinationHook):
    """Session and credential for a Splunk HTTP Event Collector, from a connection of type ``splunk_hec``.

    Example::

        hook = SplunkHecHook("splunk_hec_default")
        ok, message = hook.test_connection()

    :param splunk_hec_conn_id: Connection: host (base URL, for example ``https://splunk.example.com:8088``), password
        (HEC token), extras ``channel`` (a GUID), ``ack``, ``search_url`` (address of the Search app, for links),
        ``verify``, ``proxies``, ``cert``, ``allow_http``, ``ssh_conn_id``.
    """

    spec = SPLUNK_HEC
    conn_name_attr = "splunk_hec_conn_id"

    def __init__(self, splunk_hec_conn_id: str = SPLUNK_HEC.options.default_conn_id) -> None:
        super().__init__(splunk_hec_conn_id)
