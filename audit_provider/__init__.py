"""Pull SaaS audit logs, keep them in a spool, ship them to SIEMs: an Apache Airflow provider.

The public names can be imported from here, for example ``from audit_provider import PullAuditLogsOperator``. A name's
module is imported when the name is first used, so that ``import audit_provider`` alone does not load Airflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from audit_provider.version import __version__

if TYPE_CHECKING:
    from audit_provider.dags import (
        build_backfill,
        build_incremental,
        build_reconcile,
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
    )

_HOMES = {
    "audit_provider.dags": (
        "build_backfill",
        "build_incremental",
        "build_reconcile",
        "load_pipelines",
        "mistakes_in_pipelines",
    ),
    "audit_provider.hooks.audit_logs": ("AuditLogsHook",),
    "audit_provider.hooks.azure_logs_ingestion": ("AzureLogsIngestionHook",),
    "audit_provider.hooks.checkpoint_key": ("CheckpointKeyHook",),
    "audit_provider.hooks.datadog_logs": ("DatadogLogsHook",),
    "audit_provider.hooks.elasticsearch_logs": ("ElasticsearchLogsHook",),
    "audit_provider.hooks.http_siem": ("HttpSiemHook",),
    "audit_provider.hooks.splunk_hec": ("SplunkHecHook",),
    "audit_provider.hooks.syslog_tls": ("SyslogTlsHook",),
    "audit_provider.operators": (
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
    ),
}
"""The module of each public name."""

__all__ = [
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
    "__version__",
    "build_backfill",
    "build_incremental",
    "build_reconcile",
    "load_pipelines",
    "mistakes_in_pipelines",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
