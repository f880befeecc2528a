"""The forms of this provider's connection types, as Airflow asks for them."""

from __future__ import annotations

from typing import Any


def _text(label: str, description: str, **schema: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _secret(label: str, description: str) -> dict[str, Any]:
    return _text(label, description, format="password")


def _flag(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"]}}


_ALLOW_LINK_LOCAL = {
    "allow_link_local": _flag(
        "Allow link-local addresses", "The service has one; a cloud's metadata service is refused all the same"
    )
}
_SESSION_FIELDS: dict[str, Any] = {
    "verify": _text("Verify TLS", "true, false, or the path of a CA bundle"),
    "allow_http": _flag("Allow plain http", "Plain http to a host other than loopback: the token travels readable"),
    **_ALLOW_LINK_LOCAL,
    "ssh_conn_id": _text("SSH tunnel", "A connection of type ssh, to reach the service through its server"),
}

CONNECTION_FORMS: tuple[dict[str, Any], ...] = (
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
            "source": _text("Source", "Which API this is, for instance pylon; needed for Test"),
            "token_url": _text("Token URL", "Where the source's token is fetched, if not at the vendor's usual place"),
            "same_account": _text("Same account", "What an error says, where host or login changed, the account not"),
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
            "channel": _text("Channel", "A GUID of your choice; needed for acknowledgement"),
            "ack": _flag(
                "Indexer acknowledgement", "Wait until the indexers have the events; the token must be made for it"
            ),
            "search_url": _text(
                "Search app URL", "For links from tasks: https://splunk.example.com/en-US/app/search/search"
            ),
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
            "site": _text("Site", "datadoghq.com by default; a key works on its own site only"),
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
            "auth": _text(
                "Authentication", "api_key, basic or aws; by default basic with a user and api_key without one"
            ),
            "aws_conn_id": _text("AWS connection", "Whose keys or role sign requests; aws_default by default"),
            "region": _text("AWS region", "Of the domain or collection, if the URL does not say it"),
            "service": _text("AWS service", "es, or aoss for OpenSearch Serverless"),
            "discover_url": _text("Discover URL", "For links from tasks: https://kibana.example.com/app/discover"),
            **_SESSION_FIELDS,
        },
    },
    {
        "connection-type": "azure_logs_ingestion",
        "hook-class-name": "audit_provider.hooks.azure_logs_ingestion.AzureLogsIngestionHook",
        "hook-name": "Azure Monitor Logs Ingestion (Microsoft Sentinel)",
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema"],
            "relabeling": {"host": "Logs ingestion endpoint", "login": "Client id", "password": "Client secret"},
            "placeholders": {"host": "https://my-rule-ab12.westeurope-1.ingest.monitor.azure.com"},
        },
        "conn-fields": {
            "tenant_id": _text("Tenant id", "The directory's id; needed for a client secret"),
            "auth": _text(
                "Authentication", "client_secret by default, or managed_identity, workload_identity, default"
            ),
            "cloud": _text("Cloud", "public by default, or usgov, china"),
            "scope": _text("Scope", "Of the token, if not the cloud's own"),
            "token_url": _text("Token URL", "Where tokens are fetched, if not at the cloud's own place"),
            "rule_id": _text("Rule id", "Immutable id of a data collection rule, dcr-…, for Test"),
            "stream": _text("Stream", "A stream of that rule, Custom-…, for Test"),
            "workspace": _text("Workspace", "For links from tasks: the workspace's resource id, /subscriptions/…"),
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
            "auth": _text("Authentication", "header, bearer, basic, signature (Standard Webhooks) or none"),
            "auth_header": _secret("Header", "For header: Name: value, instead of the password"),
            "secret_url": _flag(
                "The URL is secret", "The URL is the credential, as Sumo Logic's: messages show its host alone"
            ),
            "page_url": _text("Page", "For links from tasks: where people look at what arrives"),
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
            "ca": _text("CA bundle", "Path of the certificates to trust; empty: the system's"),
            "cert": _text("Client certificate", "Path of a PEM file, where the receiver asks for one"),
            "key": _text("Client key", "Path of a PEM file; empty: it stands in the certificate's"),
            "server_hostname": _text("Server name", "Name in the receiver's certificate, if it is not the host"),
            "verify": _flag("Verify TLS", "false takes any certificate: anybody in between can read"),
            "transport": _text("Transport", "tls, or tcp for plain text"),
            "allow_plain": _flag(
                "Allow plain text", "Transport tcp to a host other than loopback: the events travel readable"
            ),
            **_ALLOW_LINK_LOCAL,
        },
    },
)
"""One per connection type, in the form of ``connection-types`` in Airflow's ``provider_info.schema.json``."""
