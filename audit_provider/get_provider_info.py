"""What Airflow asks a provider about itself."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from audit_provider.connection_forms import CONNECTION_FORMS


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-audit-logs",
        "name": "Audit logs",
        "description": "Pulls SaaS audit logs and ships them to SIEMs without losing one event.",
        "integrations": [
            {
                "integration-name": "Audit logs",
                "tags": ["service"],
            }
        ],
        "operators": [
            {
                "integration-name": "Audit logs",
                "python-modules": [
                    "audit_provider.operators.pull",
                    "audit_provider.operators.s3",
                    "audit_provider.operators.splunk_hec",
                    "audit_provider.operators.datadog",
                    "audit_provider.operators.http",
                    "audit_provider.operators.elasticsearch",
                    "audit_provider.operators.sentinel",
                    "audit_provider.operators.syslog",
                    "audit_provider.operators.sftp",
                    "audit_provider.operators.report",
                    "audit_provider.operators.reconcile",
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": "Audit logs",
                "python-modules": [
                    "audit_provider.hooks.audit_logs",
                    "audit_provider.hooks.splunk_hec",
                    "audit_provider.hooks.datadog_logs",
                    "audit_provider.hooks.http_siem",
                    "audit_provider.hooks.elasticsearch_logs",
                    "audit_provider.hooks.azure_logs_ingestion",
                    "audit_provider.hooks.syslog_tls",
                ],
            }
        ],
        "extra-links": [
            "audit_provider.operators.links.AuditLogLink",
            "audit_provider.operators.links.S3PrefixLink",
            "audit_provider.operators.links.SplunkSearchLink",
            "audit_provider.operators.links.DatadogExplorerLink",
            "audit_provider.operators.links.DiscoverLink",
            "audit_provider.operators.links.LogAnalyticsLink",
            "audit_provider.operators.links.ReceiverLink",
        ],
        "connection-types": deepcopy(list(CONNECTION_FORMS)),
        "config": {
            "audit_logs": {
                "description": "Settings of the audit-log provider.",
                "options": {
                    "pipelines_file": {
                        "description": "The pipelines file; empty: audit_pipelines.yaml beside the DAG files.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/etc/airflow/audit_pipelines.yaml",
                        "default": "",
                    },
                    "spool": {
                        "description": "Where events are kept between reading and shipping: a file:// folder, "
                        "s3://[conn_id@]bucket/prefix, or another scheme of ObjectStoragePath; empty: "
                        "file://<AIRFLOW_HOME>/audit_spool.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@my-bucket/audit_spool",
                        "default": "",
                    },
                },
            }
        },
    }
