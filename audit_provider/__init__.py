"""Pull SaaS audit logs, keep them in a spool, ship them to SIEMs: an Apache Airflow provider.

The public names can be imported from here, for example ``from audit_provider import PullAuditLogsOperator``. A name's
module is imported when the name is first used, so that ``import audit_provider`` alone does not load Airflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from audit_provider.version import __version__

if TYPE_CHECKING:
    # imports: begin (written by make docs)
    from audit_provider.dags import (
        build_backfill,
        build_incremental,
        build_reconcile,
        build_replay,
        load_pipelines,
        mistakes_in_pipelines,
    )
    from audit_provider.hooks.audit_logs import AuditLogsHook
    from audit_provider.hooks.azure_logs_ingestion import AzureLogsIngestionHook
    from audit_provider.hooks.checkpoint_key import CheckpointKeyHook
    from audit_provider.hooks.datadog_logs import DatadogLogsHook
    from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook
    from audit_provider.hooks.http_siem import HttpSiemHook
    from audit_provider.hooks.splunk_hec import SplunkHecHook
    from audit_provider.hooks.syslog_tls import SyslogTlsHook
    from audit_provider.operators import (
        AuditLogsToDatadogOperator,
        AuditLogsToElasticsearchOperator,
        AuditLogsToHttpOperator,
        AuditLogsToS3Operator,
        AuditLogsToSentinelOperator,
        AuditLogsToSftpOperator,
        AuditLogsToSplunkHecOperator,
        AuditLogsToSyslogOperator,
        PullAuditLogsOperator,
        ReconcileAuditLogsOperator,
        ReportAuditLogsOperator,
        ShipAuditLogsOperator,
        VerifyAuditLogsOperator,
    )
    # imports: end

_HOMES: dict[str, str] = {
    # homes: begin (written by make docs)
    "AuditLogsHook": "audit_provider.hooks.audit_logs",
    "AuditLogsToDatadogOperator": "audit_provider.operators",
    "AuditLogsToElasticsearchOperator": "audit_provider.operators",
    "AuditLogsToHttpOperator": "audit_provider.operators",
    "AuditLogsToS3Operator": "audit_provider.operators",
    "AuditLogsToSentinelOperator": "audit_provider.operators",
    "AuditLogsToSftpOperator": "audit_provider.operators",
    "AuditLogsToSplunkHecOperator": "audit_provider.operators",
    "AuditLogsToSyslogOperator": "audit_provider.operators",
    "AzureLogsIngestionHook": "audit_provider.hooks.azure_logs_ingestion",
    "CheckpointKeyHook": "audit_provider.hooks.checkpoint_key",
    "DatadogLogsHook": "audit_provider.hooks.datadog_logs",
    "ElasticsearchLogsHook": "audit_provider.hooks.elasticsearch_logs",
    "HttpSiemHook": "audit_provider.hooks.http_siem",
    "PullAuditLogsOperator": "audit_provider.operators",
    "ReconcileAuditLogsOperator": "audit_provider.operators",
    "ReportAuditLogsOperator": "audit_provider.operators",
    "ShipAuditLogsOperator": "audit_provider.operators",
    "SplunkHecHook": "audit_provider.hooks.splunk_hec",
    "SyslogTlsHook": "audit_provider.hooks.syslog_tls",
    "VerifyAuditLogsOperator": "audit_provider.operators",
    "build_backfill": "audit_provider.dags",
    "build_incremental": "audit_provider.dags",
    "build_reconcile": "audit_provider.dags",
    "build_replay": "audit_provider.dags",
    "load_pipelines": "audit_provider.dags",
    "mistakes_in_pipelines": "audit_provider.dags",
    # homes: end
}
"""The module of each public name."""

__all__ = [
    # names: begin (written by make docs)
    "AuditLogsHook",
    "AuditLogsToDatadogOperator",
    "AuditLogsToElasticsearchOperator",
    "AuditLogsToHttpOperator",
    "AuditLogsToS3Operator",
    "AuditLogsToSentinelOperator",
    "AuditLogsToSftpOperator",
    "AuditLogsToSplunkHecOperator",
    "AuditLogsToSyslogOperator",
    "AzureLogsIngestionHook",
    "CheckpointKeyHook",
    "DatadogLogsHook",
    "ElasticsearchLogsHook",
    "HttpSiemHook",
    "PullAuditLogsOperator",
    "ReconcileAuditLogsOperator",
    "ReportAuditLogsOperator",
    "ShipAuditLogsOperator",
    "SplunkHecHook",
    "SyslogTlsHook",
    "VerifyAuditLogsOperator",
    "__version__",
    "build_backfill",
    "build_incremental",
    "build_reconcile",
    "build_replay",
    "load_pipelines",
    "mistakes_in_pipelines",
    # names: end
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
