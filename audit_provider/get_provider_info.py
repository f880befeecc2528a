"""What Airflow asks a provider about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from audit_provider.connection_forms import CONNECTION_FORMS

_AUDIT_LOGS = {
    "integration-name": "Audit logs",
    "how-to-guide": ["/docs/quick_start.md", "/docs/pipelines.md"],
    "tags": ["service"],
}
_OPERATORS = {
    "Audit logs": ("pull", "report", "reconcile"),
    "Amazon S3": ("s3",),
    "Splunk HTTP Event Collector": ("splunk_hec",),
    "Datadog logs": ("datadog",),
    "Elasticsearch and OpenSearch": ("elasticsearch",),
    "Microsoft Sentinel": ("sentinel",),
    "Any HTTP receiver": ("http",),
    "Syslog over TLS": ("syslog",),
    "Files over SFTP": ("sftp",),
}
_HOOKS = {
    "Audit logs": ("audit_logs", "checkpoint_key"),
    "Splunk HTTP Event Collector": ("splunk_hec",),
    "Datadog logs": ("datadog_logs",),
    "Elasticsearch and OpenSearch": ("elasticsearch_logs",),
    "Microsoft Sentinel": ("azure_logs_ingestion",),
    "Any HTTP receiver": ("http_siem",),
    "Syslog over TLS": ("syslog_tls",),
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-audit-logs",
        "name": "Audit logs",
        "description": "Pulls SaaS audit logs and ships them to SIEMs without losing one event.",
        "integrations": [deepcopy(_AUDIT_LOGS), *_services()],
        "operators": _groups(_OPERATORS, "audit_provider.operators"),
        "hooks": _groups(_HOOKS, "audit_provider.hooks"),
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
                    "checkpoint_conn_id": {
                        "description": "Connection of type audit_checkpoint_key that signs checkpoints; empty: they "
                        "are not signed.",
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "audit_checkpoint_key_default",
                        "default": "",
                    },
                },
            }
        },
    }


def _services() -> list[dict[str, Any]]:
    """Return the integration of each source and destination, as ``make docs`` has written them.

    Airflow asks at each start, and to import every source would hold it up.
    """
    found: list[dict[str, Any]] = json.loads(Path(__file__).with_name("integrations.json").read_text(encoding="utf-8"))
    return found


def _groups(modules: Mapping[str, tuple[str, ...]], package: str) -> list[dict[str, Any]]:
    return [
        {"integration-name": name, "python-modules": [f"{package}.{module}" for module in found]}
        for name, found in modules.items()
    ]
