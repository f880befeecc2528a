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
    "ssh_conn_id": {
        "label": "SSH tunnel",
        "description": "A connection of type ssh, to reach the service through its server",
        "schema": _TEXT,
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
                    "audit_provider.operators.http",
                    "audit_provider.operators.elasticsearch",
                    "audit_provider.operators.sentinel",
                    "audit_provider.operators.syslog",
                    "audit_provider.operators.sftp",
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
                    "audit_provider.hooks.http_siem",
                    "audit_provider.hooks.elasticsearch_logs",
                    "audit_provider.hooks.azure_logs_ingestion",
                    "audit_provider.hooks.syslog_tls",
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
            {
                "connection-type": "elasticsearch_logs",
                "hook-class-name": "audit_provider.hooks.elasticsearch_logs.ElasticsearchLogsHook",
                "hook-name": "Elasticsearch / OpenSearch Logs",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema"],
                    "relabeling": {
                        "host": "Cluster URL",
                        "login": "User (basic authentication)",
                        "password": "API key or password",
                    },
                    "placeholders": {"host": "https://search.example.com:9200"},
                },
                "conn-fields": {
                    "auth": {
                        "label": "Authentication",
                        "description": "api_key, basic or aws; by default basic with a user and api_key without one",
                        "schema": _TEXT,
                    },
                    "aws_conn_id": {
                        "label": "AWS connection",
                        "description": "Whose keys or role sign requests; aws_default by default",
                        "schema": _TEXT,
                    },
                    "region": {
                        "label": "AWS region",
                        "description": "Of the domain or collection, if the URL does not say it",
                        "schema": _TEXT,
                    },
                    "service": {
                        "label": "AWS service",
                        "description": "es, or aoss for OpenSearch Serverless",
                        "schema": _TEXT,
                    },
                    **_SESSION_FIELDS,
                },
            },
            {
                "connection-type": "azure_logs_ingestion",
                "hook-class-name": "audit_provider.hooks.azure_logs_ingestion.AzureLogsIngestionHook",
                "hook-name": "Azure Monitor Logs Ingestion (Microsoft Sentinel)",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema"],
                    "relabeling": {
                        "host": "Logs ingestion endpoint",
                        "login": "Client id",
                        "password": "Client secret",
                    },
                    "placeholders": {"host": "https://my-rule-ab12.westeurope-1.ingest.monitor.azure.com"},
                },
                "conn-fields": {
                    "tenant_id": {
                        "label": "Tenant id",
                        "description": "The directory's id; needed for a client secret",
                        "schema": _TEXT,
                    },
                    "auth": {
                        "label": "Authentication",
                        "description": "client_secret by default, or managed_identity, workload_identity, default",
                        "schema": _TEXT,
                    },
                    "cloud": {
                        "label": "Cloud",
                        "description": "public by default, or usgov, china",
                        "schema": _TEXT,
                    },
                    "scope": {
                        "label": "Scope",
                        "description": "Of the token, if not the cloud's own",
                        "schema": _TEXT,
                    },
                    "token_url": {
                        "label": "Token URL",
                        "description": "Where tokens are fetched, if not at the cloud's own place",
                        "schema": _TEXT,
                    },
                    "rule_id": {
                        "label": "Rule id",
                        "description": "Immutable id of a data collection rule, dcr-…, for Test",
                        "schema": _TEXT,
                    },
                    "stream": {
                        "label": "Stream",
                        "description": "A stream of that rule, Custom-…, for Test",
                        "schema": _TEXT,
                    },
                    **_SESSION_FIELDS,
                },
            },
            {
                "connection-type": "http_siem",
                "hook-class-name": "audit_provider.hooks.http_siem.HttpSiemHook",
                "hook-name": "SIEM over HTTP",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema"],
                    "relabeling": {
                        "host": "Receiver URL",
                        "login": "User (for basic)",
                        "password": "Token, password, 'Name: value' or signing secret",
                    },
                    "placeholders": {"host": "https://siem.example.com/events"},
                },
                "conn-fields": {
                    "auth": {
                        "label": "Authentication",
                        "description": "header, bearer, basic, signature (Standard Webhooks) or none",
                        "schema": _TEXT,
                    },
                    "auth_header": {
                        "label": "Header",
                        "description": "For header: Name: value, instead of the password",
                        "schema": {**_TEXT, "format": "password"},
                    },
                    "secret_url": {
                        "label": "The URL is secret",
                        "description": "The URL is the credential, as Sumo Logic's: messages show its host alone",
                        "schema": _FLAG,
                    },
                    "allow_link_local": {
                        "label": "Allow link-local addresses",
                        "description": "The receiver has one; a cloud's metadata service is refused all the same",
                        "schema": _FLAG,
                    },
                    **_SESSION_FIELDS,
                },
            },
            {
                "connection-type": "syslog_tls",
                "hook-class-name": "audit_provider.hooks.syslog_tls.SyslogTlsHook",
                "hook-name": "Syslog over TLS (RFC 5425)",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "schema"],
                    "relabeling": {"host": "Receiver", "password": "Passphrase of the key (where it has one)"},
                    "placeholders": {"host": "syslog.example.com", "port": "6514"},
                },
                "conn-fields": {
                    "ca": {
                        "label": "CA bundle",
                        "description": "Path of the certificates to trust; empty: the system's",
                        "schema": _TEXT,
                    },
                    "cert": {
                        "label": "Client certificate",
                        "description": "Path of a PEM file, where the receiver asks for one",
                        "schema": _TEXT,
                    },
                    "key": {
                        "label": "Client key",
                        "description": "Path of a PEM file; empty: it stands in the certificate's",
                        "schema": _TEXT,
                    },
                    "server_hostname": {
                        "label": "Server name",
                        "description": "Name in the receiver's certificate, if it is not the host",
                        "schema": _TEXT,
                    },
                    "verify": {
                        "label": "Verify TLS",
                        "description": "false takes any certificate: anybody in between can read",
                        "schema": _FLAG,
                    },
                    "transport": {
                        "label": "Transport",
                        "description": "tls, or tcp for plain text",
                        "schema": _TEXT,
                    },
                    "allow_plain": {
                        "label": "Allow plain text",
                        "description": "Transport tcp to a host other than loopback: the events travel readable",
                        "schema": _FLAG,
                    },
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
