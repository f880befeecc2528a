"""The tasks: one pulls, one per destination type ships, one reports, one compares the past."""

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

SHIP_OPERATORS: dict[str, type[ShipAuditLogsOperator]] = {
    operator.destination_type: operator
    for operator in (
        AuditLogsToS3Operator,
        AuditLogsToSplunkHecOperator,
        AuditLogsToDatadogOperator,
        AuditLogsToHttpOperator,
        AuditLogsToElasticsearchOperator,
        AuditLogsToSentinelOperator,
        AuditLogsToSyslogOperator,
        AuditLogsToSftpOperator,
    )
}
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
