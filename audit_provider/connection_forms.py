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
        "Allow link-local addresses",
        "Only if the service has such an address; a cloud's metadata service is always refused",
    )
}
_SESSION_FIELDS: dict[str, Any] = {
    "verify": _text("Verify TLS", "true, false, or the path of a CA bundle"),
    "allow_http": _flag(
        "Allow plain http", "Allow plain http to hosts other than loopback; the token is then sent unencrypted"
    ),
    **_ALLOW_LINK_LOCAL,
    "ssh_conn_id": _text("SSH tunnel", "Id of a connection of type ssh; requests go through its server"),
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
                "login": "User or client id (if the source needs one)",
                "password": "API token, key or secret",
            },
            "placeholders": {"host": "https://api.usepylon.com (empty: the source's own)"},
        },
        "conn-fields": {
            "source": _text("Source", "Name of the source, for example pylon; needed for Test"),
            "token_url": _text(
                "Token URL", "Where the source's token is fetched, if not at the vendor's default address"
            ),
            "same_account": _text(
                "Same account", "The text from the error, if host or login have changed but the account has not"
            ),
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
                "Indexer acknowledgement", "Wait until the indexers have the events; the token must have it enabled"
            ),
            "search_url": _text(
                "Search app URL", "For links in tasks, for example https://splunk.example.com/en-US/app/search/search"
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
            "site": _text("Site", "Default: datadoghq.com; a key works only on its own site"),
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
                "Authentication", "api_key, basic or aws; default: basic if there is a user, otherwise api_key"
            ),
            "aws_conn_id": _text("AWS connection", "Connection whose keys or role sign requests; default: aws_default"),
            "region": _text("AWS region", "Region of the domain or collection, if the URL does not contain it"),
            "service": _text("AWS service", "es, or aoss for OpenSearch Serverless"),
            "discover_url": _text(
                "Discover URL", "For links in tasks, for example https://kibana.example.com/app/discover"
            ),
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
            "tenant_id": _text("Tenant id", "Directory (tenant) ID in Microsoft Entra; needed with a client secret"),
            "auth": _text("Authentication", "client_secret (default), managed_identity, workload_identity or default"),
            "cloud": _text("Cloud", "public (default), usgov or china"),
            "scope": _text("Scope", "Scope of the token, if not the cloud's default"),
            "token_url": _text("Token URL", "Where tokens are fetched, if not at the cloud's default address"),
            "rule_id": _text("Rule id", "Immutable id of a data collection rule, dcr-…, for Test"),
            "stream": _text("Stream", "A stream of that rule, Custom-…, for Test"),
            "workspace": _text("Workspace", "For links in tasks: the workspace's resource id, /subscriptions/…"),
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
                "password": "Token, password, 'Name: value', signing secret or key file",
            },
            "placeholders": {"host": "https://siem.example.com/events"},
        },
        "conn-fields": {
            "auth": _text(
                "Authentication", "header, bearer, basic, signature (Standard Webhooks), google_service_account or none"
            ),
            "scope": _text("Scope", "For 'google_service_account': the token's scope, if not Google Cloud's"),
            "token_url": _text("Token URL", "For 'google_service_account': where tokens are fetched, if not at Google"),
            "auth_header": _secret("Header", "For 'header': 'Name: value', instead of the password"),
            "secret_url": _flag(
                "The URL is secret", "The URL is the credential, as for Sumo Logic: messages show only its host"
            ),
            "page_url": _text("Page", "For links in tasks: the page that shows the events"),
            **_SESSION_FIELDS,
        },
    },
    {
        "connection-type": "syslog_tls",
        "hook-class-name": "audit_provider.hooks.syslog_tls.SyslogTlsHook",
        "hook-name": "Syslog over TLS (RFC 5425)",
        "ui-field-behaviour": {
            "hidden-fields": ["login", "schema"],
            "relabeling": {"host": "Receiver", "password": "Passphrase of the key (if it has one)"},
            "placeholders": {"host": "syslog.example.com", "port": "6514"},
        },
        "conn-fields": {
            "ca": _text("CA bundle", "Path of the certificates to trust; empty: the system's"),
            "cert": _text("Client certificate", "Path of a PEM file, if the receiver requires one"),
            "key": _text("Client key", "Path of a PEM file; empty: the key is in the certificate's file"),
            "server_hostname": _text("Server name", "Name in the receiver's certificate, if it is not the host"),
            "verify": _flag("Verify TLS", "false accepts any certificate, so others can read the events"),
            "transport": _text("Transport", "tls, or tcp for plain text"),
            "allow_plain": _flag(
                "Allow plain text",
                "Allow the transport tcp to hosts other than loopback; the events are then sent unencrypted",
            ),
            **_ALLOW_LINK_LOCAL,
        },
    },
    {
        "connection-type": "audit_checkpoint_key",
        "hook-class-name": "audit_provider.hooks.checkpoint_key.CheckpointKeyHook",
        "hook-name": "Audit checkpoint key (Ed25519)",
        "ui-field-behaviour": {
            "hidden-fields": ["login", "port", "schema"],
            "relabeling": {"host": "Name of the logs", "password": "Private key"},
            "placeholders": {"host": "logs.example.com"},
        },
        "conn-fields": {
            "previous_key": _secret(
                "Private key before", "Only while the key is exchanged: both keys sign, until you remove it"
            ),
        },
    },
)
"""One per connection type, in the form of ``connection-types`` in Airflow's ``provider_info.schema.json``."""
