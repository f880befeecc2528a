"""What Airflow asks a provider about itself."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": ["string", "null"]}
_FLAG = {"type": ["boolean", "null"]}
_SESSION_FIELDS: dict[str, Any] = {
    "verify": {
        "label": "Verify TLS",
        "description": "true, false, or the path of a CA bundle",
        "schema": _TEXT,
    },
    "allow_http": {
        "label": "Allow plain http",
        "description": "Plain http to a host other than loopback: the token travels readable",
        "schema": _FLAG,
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-audit-logs",
        "name": "Audit logs",
        "description": "Pulls SaaS audit logs and ships them to SIEMs without losing one event.",
        "integrations": [
            {
                "integration-name": "Audit logs",
                "external-doc-url": "https://docs.usepylon.com/pylon-docs/developer/api/api-reference/audit-logs",
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
                    "audit_provider.operators.report",
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
                ],
            }
        ],
        "connection-types": [
            {
                "connection-type": "audit_logs",
                "hook-class-name": "audit_provider.hooks.audit_logs.AuditLogsHook",
                "hook-name": "Audit logs (SaaS API)",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema"],
                    "relabeling": {
                        "host": "Base URL",
                        "login": "User or client id (where the source needs one)",
                        "password": "API token, key or secret",
                    },
                    "placeholders": {"host": "https://api.usepylon.com (empty: the source's own)"},
                },
                "conn-fields": {
                    "source": {
                        "label": "Source",
                        "description": "Which API this is, for instance pylon; needed for Test",
                        "schema": _TEXT,
                    },
                    "token_url": {
                        "label": "Token URL",
                        "description": "Where the source's token is fetched, if not at the vendor's usual place",
                        "schema": _TEXT,
                    },
                    **_SESSION_FIELDS,
                },
            },
            {
                "connection-type": "splunk_hec",
                "hook-class-name": "audit_provider.hooks.splunk_hec.SplunkHecHook",
                "hook-name": "Splunk HTTP Event Collector",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "port", "schema"],
                    "relabeling": {"host": "Collector URL", "password": "HEC token"},
                    "placeholders": {"host": "https://splunk.example.com:8088"},
                },
                "conn-fields": {
                    "channel": {
                        "label": "Channel",
                        "description": "A GUID of your choice; needed for acknowledgement",
                        "schema": _TEXT,
                    },
                    "ack": {
                        "label": "Indexer acknowledgement",
                        "description": "Wait until the indexers have the events; the token must be made for it",
                        "schema": _FLAG,
                    },
                    **_SESSION_FIELDS,
                },
            },
            {
                "connection-type": "datadog_logs",
                "hook-class-name": "audit_provider.hooks.datadog_logs.DatadogLogsHook",
                "hook-name": "Datadog Logs",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "port", "schema"],
                    "relabeling": {"host": "Intake URL", "password": "API key"},
                    "placeholders": {"host": "empty: the site's own intake"},
                },
                "conn-fields": {
                    "site": {
                        "label": "Site",
                        "description": "datadoghq.com by default; a key works on its own site only",
                        "schema": _TEXT,
                    },
                    **_SESSION_FIELDS,
                },
            },
        ],
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
