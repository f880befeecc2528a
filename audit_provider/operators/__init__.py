"""The tasks: one pulls, one per destination type ships, one reports, one compares the past.

Each is imported when it is first used: the process of a task imports what this task does, and no other destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.late_imports import LateMapping, imported_late

if TYPE_CHECKING:
    from audit_provider.operators.datadog import AuditLogsToDatadogOperator
    from audit_provider.operators.elasticsearch import AuditLogsToElasticsearchOperator
    from audit_provider.operators.http import AuditLogsToHttpOperator
    from audit_provider.operators.pull import PullAuditLogsOperator
    from audit_provider.operators.reconcile import ReconcileAuditLogsOperator
    from audit_provider.operators.report import ReportAuditLogsOperator
    from audit_provider.operators.s3 import AuditLogsToS3Operator
    from audit_provider.operators.sentinel import AuditLogsToSentinelOperator
    from audit_provider.operators.sftp import AuditLogsToSftpOperator
    from audit_provider.operators.ship import ShipAuditLogsOperator
    from audit_provider.operators.splunk_hec import AuditLogsToSplunkHecOperator
    from audit_provider.operators.syslog import AuditLogsToSyslogOperator

_HOMES = {
    "audit_provider.operators.datadog": ("AuditLogsToDatadogOperator",),
    "audit_provider.operators.elasticsearch": ("AuditLogsToElasticsearchOperator",),
    "audit_provider.operators.http": ("AuditLogsToHttpOperator",),
    "audit_provider.operators.pull": ("PullAuditLogsOperator",),
    "audit_provider.operators.reconcile": ("ReconcileAuditLogsOperator",),
    "audit_provider.operators.report": ("ReportAuditLogsOperator",),
    "audit_provider.operators.s3": ("AuditLogsToS3Operator",),
    "audit_provider.operators.sentinel": ("AuditLogsToSentinelOperator",),
    "audit_provider.operators.sftp": ("AuditLogsToSftpOperator",),
    "audit_provider.operators.ship": ("ShipAuditLogsOperator",),
    "audit_provider.operators.splunk_hec": ("AuditLogsToSplunkHecOperator",),
    "audit_provider.operators.syslog": ("AuditLogsToSyslogOperator",),
}
"""The module of each operator."""

SHIP_OPERATORS: LateMapping[type[ShipAuditLogsOperator]] = LateMapping(
    {
        "s3": ("audit_provider.operators.s3", "AuditLogsToS3Operator"),
        "splunk_hec": ("audit_provider.operators.splunk_hec", "AuditLogsToSplunkHecOperator"),
        "datadog": ("audit_provider.operators.datadog", "AuditLogsToDatadogOperator"),
        "http": ("audit_provider.operators.http", "AuditLogsToHttpOperator"),
        "elasticsearch": ("audit_provider.operators.elasticsearch", "AuditLogsToElasticsearchOperator"),
        "sentinel": ("audit_provider.operators.sentinel", "AuditLogsToSentinelOperator"),
        "syslog": ("audit_provider.operators.syslog", "AuditLogsToSyslogOperator"),
        "sftp": ("audit_provider.operators.sftp", "AuditLogsToSftpOperator"),
    }
)
"""The operator of each destination type."""

__all__ = [
    "SHIP_OPERATORS",
    "AuditLogsToDatadogOperator",
    "AuditLogsToElasticsearchOperator",
    "AuditLogsToHttpOperator",
    "AuditLogsToS3Operator",
    "AuditLogsToSentinelOperator",
    "AuditLogsToSftpOperator",
    "AuditLogsToSplunkHecOperator",
    "AuditLogsToSyslogOperator",
    "PullAuditLogsOperator",
    "ReconcileAuditLogsOperator",
    "ReportAuditLogsOperator",
    "ShipAuditLogsOperator",
]

__getattr__ = imported_late(__name__, _HOMES)
