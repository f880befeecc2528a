"""From the SIEM settings of a SaaS product to a destination of the pipelines file.

AuthOS and its like keep ``name``, ``provider_type``, ``endpoint_url``, ``api_key``, ``auth_header`` and ``batch_size``.
https://authos.dev/docs/api/reference/enterprise/siem/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.validation import near

_KEYS = ("name", "provider_type", "endpoint_url", "api_key", "auth_header", "batch_size")
_IGNORED = ("id", "organization_id", "enabled", "created_at", "updated_at", "last_sync_at", "status", "is_active")
_PROVIDERS = ("datadog", "splunk", "elastic", "custom")
_SPLUNK_SCHEME = re.compile(r"^\s*Splunk\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Converted:
    """A destination, and the connection it needs.

    :ivar name: of the destination. :ivar entry: what stands under it in the pipelines file.
    :ivar conn_id: of the connection. :ivar connection: Airflow's JSON form of it, secrets included.
    """

    name: str
    entry: dict[str, Any]
    conn_id: str
    connection: dict[str, Any]


def destination_from(config: Mapping[str, Any]) -> Converted:
    """Return the destination that a product's SIEM configuration means.

    :raises ConfigurationError: a key is missing, not known, or cannot be used.
    """
    unknown = [key for key in config if key not in (*_KEYS, *_IGNORED)]
    if unknown:
        raise ConfigurationError(f"the SIEM configuration has a key {unknown[0]!r}{near(unknown[0], _KEYS)}.")
    for key in ("name", "provider_type", "endpoint_url"):
        if not config.get(key):
            raise ConfigurationError(f"the SIEM configuration has no {key!r}.")
    provider = str(config["provider_type"]).lower()
    if provider not in _PROVIDERS:
        raise ConfigurationError(
            f"the SIEM configuration is of the provider {config['provider_type']!r}{near(provider, _PROVIDERS)}."
        )
    url = str(config["endpoint_url"])
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ConfigurationError("the SIEM configuration's 'endpoint_url' is no http(s) address.")
    name = re.sub(r"[^a-z0-9_-]+", "_", str(config["name"]).lower()).strip("_") or provider
    conn_id = f"{name}_default"
    entry, connection = _CONVERT[provider](config, url)
    size = config.get("batch_size")
    if size is not None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ConfigurationError("the SIEM configuration's 'batch_size' must be a number from 1 on.")
        entry["batch_events"] = size
    return Converted(name, {**entry, "conn_id": conn_id}, conn_id, connection)


def _secret(config: Mapping[str, Any], header: str = "") -> str:
    """Return the credential: the API key, or what follows the colon of the one header.

    :raises ConfigurationError: there is none.
    """
    if config.get("api_key"):
        return str(config["api_key"])
    name, colon, value = _header(config)
    if not colon or (header and name.lower() != header.lower()):
        raise ConfigurationError(
            f"the SIEM configuration has neither 'api_key' nor an 'auth_header' {header}".strip() + "."
        )
    return value


def _header(config: Mapping[str, Any]) -> tuple[str, str, str]:
    text = str(config.get("auth_header") or "")
    if "\r" in text or "\n" in text:
        raise ConfigurationError("the SIEM configuration's 'auth_header' holds a line break.")
    name, colon, value = text.partition(":")
    return name.strip(), colon, value.strip()


def _datadog(config: Mapping[str, Any], url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    host = urlsplit(url).hostname or ""
    match = re.fullmatch(r"http-intake\.logs\.(.+)", host)
    connection: dict[str, Any] = {"conn_type": "datadog_logs", "password": _secret(config, "DD-API-KEY")}
    if match:
        connection["extra"] = {"site": match[1]}
    else:
        connection["host"] = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    return {"type": "datadog"}, connection


def _splunk(config: Mapping[str, Any], url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    base = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    token = _SPLUNK_SCHEME.sub("", _secret(config, "Authorization"))
    return {"type": "splunk_hec"}, {"conn_type": "splunk_hec", "host": base, "password": token}


def _elastic(config: Mapping[str, Any], url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = urlsplit(url)
    target, _, bulk = parts.path.strip("/").rpartition("/")
    entry: dict[str, Any] = {"type": "elasticsearch"}
    if bulk == "_bulk" and target:
        entry["target"] = target
    key = re.sub(r"^\s*ApiKey\s+", "", _secret(config, "Authorization"), flags=re.IGNORECASE)
    base = f"{parts.scheme}://{parts.netloc}"
    return entry, {
        "conn_type": "elasticsearch_logs",
        "host": base,
        "password": key,
        "extra": {"auth": "api_key"},
    }


def _custom(config: Mapping[str, Any], url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    connection: dict[str, Any] = {"conn_type": "http_siem", "host": url}
    name, colon, value = _header(config)
    if colon:
        connection |= {"password": f"{name}: {value}", "extra": {"auth": "header"}}
    elif config.get("api_key"):
        connection |= {"password": str(config["api_key"]), "extra": {"auth": "bearer"}}
    return {"type": "http"}, connection


_CONVERT = {"datadog": _datadog, "splunk": _splunk, "elastic": _elastic, "custom": _custom}
