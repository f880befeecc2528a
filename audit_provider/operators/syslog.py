"""Shipping to a syslog receiver."""

from __future__ import annotations

from audit_provider.hooks.syslog_tls import SyslogTlsHook
from audit_provider.operators.ship import ShipAuditLogsOperator


class AuditLogsToSyslogOperator(ShipAuditLogsOperator):
    """Ship events to a syslog receiver over TLS. Delivery is best effort, because syslog has no confirmation.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`; ``options`` contains
    facility, severity and the other options. Example::

        AuditLogsToSyslogOperator(
            task_id="ship_syslog", pipeline="pylon", conn_id="syslog_tls_default", options={"facility": "local0"}
        )
    """

    destination_type = "syslog"
    hook = SyslogTlsHook
