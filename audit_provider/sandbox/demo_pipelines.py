"""The pipelines and connections of ``make run``: each source of the sandbox to the stand-ins of SIEMs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

SOURCES = ("pylon", "slack", "pigment", "workos", "authos", "google_workspace", "microsoft365")
EVERYWHERE = ("s3", "splunk", "datadog", "opensearch", "sentinel", "webhook")
DESTINATIONS = {name: EVERYWHERE if name == "pylon" else EVERYWHERE[:3] for name in SOURCES}
"""Where each source's events go."""

Sandbox = Mapping[str, Mapping[str, Any]]
"""Addresses, logins and tokens of the services, by name."""


def pipelines_of(sandbox: Sandbox, *, start: str, schedule: str | None) -> str:
    """Return the pipelines file.

    :param start: where the incremental DAGs begin.
    """
    return yaml.safe_dump(
        {
            name: {
                "source": name,
                "conn_id": f"{name}_default",
                "schedule": schedule,
                "start": sandbox[name].get("start", start),
                "settings": sandbox[name].get("settings", {}),
                "destinations": {each: _delivery(each, name, sandbox) for each in DESTINATIONS[name]},
            }
            for name in SOURCES
        },
        sort_keys=False,
    )


def _delivery(destination: str, source: str, sandbox: Sandbox) -> dict[str, Any]:
    own: dict[str, dict[str, Any]] = {
        "s3": {"type": "s3", "bucket": sandbox["s3"]["bucket"], "prefix": source},
        "splunk": {"type": "splunk_hec", "index": "audit"},
        "datadog": {"type": "datadog", "service": source},
        "opensearch": {"type": "elasticsearch", "template": "install", "concurrency": 2},
        "sentinel": {"type": "sentinel", **{key: sandbox["sentinel"][key] for key in ("rule_id", "stream")}},
        "webhook": {"type": "http", "batch_events": 500},
    }
    return own[destination]


def connections_of(sandbox: Sandbox) -> dict[str, str]:
    """Return Airflow's connections as environment variables."""
    s3, opensearch, sentinel, webhook = (sandbox[name] for name in ("s3", "opensearch", "sentinel", "webhook"))
    connections: dict[str, dict[str, Any]] = {
        f"{name}_default": _source_connection(name, sandbox[name]) for name in SOURCES
    }
    connections |= {
        "splunk_hec_default": _connection("splunk_hec", sandbox["splunk"]),
        "datadog_logs_default": _connection("datadog_logs", sandbox["datadog"]),
        "elasticsearch_logs_default": _connection(
            "elasticsearch_logs", opensearch, login=opensearch["login"], extra={"auth": "basic"}
        ),
        "azure_logs_ingestion_default": _connection(
            "azure_logs_ingestion",
            sentinel,
            login=sentinel["login"],
            extra={key: sentinel[key] for key in ("tenant_id", "token_url", "rule_id", "stream")},
        ),
        "http_siem_default": _connection(
            "http_siem", {**webhook, "url": webhook["url"] + webhook["path"]}, extra={"auth": "signature"}
        ),
        "aws_default": {
            "conn_type": "aws",
            "login": s3["access_key"],
            "password": s3["secret_key"],
            "extra": {"endpoint_url": s3["url"], "region_name": "us-east-1"},
        },
    }
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(each) for name, each in connections.items()}


def _source_connection(name: str, service: Mapping[str, Any]) -> dict[str, Any]:
    extra = {"source": name}
    if "token_path" in service:
        extra["token_url"] = service["url"] + service["token_path"]
    login = service.get("connection", {}).get("login")
    return _connection("audit_logs", service, extra=extra, **({"login": login} if login else {}))


def _connection(conn_type: str, service: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"conn_type": conn_type, "host": service["url"], "password": service["token"], **more}
