"""The tasks: one pulls, one per destination type ships, one reports."""

from audit_provider.operators.datadog import AuditLogsToDatadogOperator
from audit_provider.operators.pull import PullAuditLogsOperator
from audit_provider.operators.report import ReportAuditLogsOperator
from audit_provider.operators.s3 import AuditLogsToS3Operator
from audit_provider.operators.ship import ShipAuditLogsOperator
from audit_provider.operators.splunk_hec import AuditLogsToSplunkHecOperator

SHIP_OPERATORS: dict[str, type[ShipAuditLogsOperator]] = {
    operator.destination_type: operator
    for operator in (AuditLogsToS3Operator, AuditLogsToSplunkHecOperator, AuditLogsToDatadogOperator)
}
"""The operator of each destination type."""

__all__ = [
    "SHIP_OPERATORS",
    "AuditLogsToDatadogOperator",
    "AuditLogsToS3Operator",
    "AuditLogsToSplunkHecOperator",
    "PullAuditLogsOperator",
    "ReportAuditLogsOperator",
    "ShipAuditLogsOperator",
]
