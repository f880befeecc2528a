"""Shipping to a syslog receiver."""

from __future__ import annotations

from audit_provider.hooks.syslog_tls import SyslogTlsHook
from audit_provider.operators.ship import ShipAuditLogsOperator


class AuditLogsToSyslogOperator(ShipAuditLogsOperator):
    """Ship to a syslog receiver over TLS. Best effort: syslog confirms nothing.

    The parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`; ``options`` holds facility,
    severity and the rest.
    """

    destination_type = "syslog"
    hook = SyslogTlsHook
