"""Converts the SIEM settings of a SaaS product to a destination of the pipelines file.

AuthOS and similar products have ``name``, ``provider_type``, ``endpoint_url``, ``api_key``, ``auth_header`` and
``batch_size``.
https://authos.dev/docs/api/reference/enterprise/siem/
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.text.validation import near

_KEYS = ("name", "provider_type", "endpoint_url", "api_key", "auth_header", "batch_size")
_SWITCHES = ("enabled", "is_active")
_CREDENTIALS = ("api_key", "auth_header")
_IGNORED = (
    "id",
    "org_id",
    "organization_id",
    "created_at",
    "updated_at",
    "last_successful_batch_at",
    "last_sync_at",
    "failure_count",
    "status",
)
_LIST, _TOTAL = "siem_configs", "total"
PLACEHOLDER = "<api_key>"
"""Placeholder in a connection for a credential that the product does not show."""

_PROVIDERS = ("datadog", "splunk", "elastic", "custom")
_SPLUNK_SCHEME = re.compile(r"Splunk\s+", re.IGNORECASE)
_ELASTIC_SCHEME = re.compile(r"(ApiKey|Basic)\s+", re.IGNORECASE)
_SPLUNK_PATH = re.compile(r"(.*?)/services/collector(?:/(?:event|raw)(?:/1\.0)?)?/*")
_DATADOG_PATH = re.compile(r"(.*?)/(?:api/v2/logs|v1/input)/*")
_DATADOG_HOST = re.compile(r"http-intake\.logs\.(.+)")
_SUMO_LOGIC = ".sumologic.com"
_SPLUNK_QUERY = {key: key for key in ("index", "source", "sourcetype", "host")}
_DATADOG_QUERY = {"ddsource": "source", "service": "service", "hostname": "hostname"}


@dataclass(frozen=True, slots=True)
class Converted:
    """A destination, and the connection it needs.

    :ivar name: of the destination. :ivar entry: its keys in the pipelines file.
    :ivar conn_id: of the connection. :ivar connection: Airflow's JSON form of it, secrets included.
    :ivar lacks_credential: the product does not show the credential, so the connection has :data:`PLACEHOLDER` instead.
    """

    name: str
    entry: dict[str, Any]
    conn_id: str
    connection: dict[str, Any]
    lacks_credential: bool = False


def destinations_from(answer: Mapping[str, Any]) -> list[Converted]:
    """Return the destinations of a product's answer, which is one SIEM configuration or a list of them.

    If two have the same name, a number is added to the later one.

    :raises ConfigurationError: as by :func:`destination_from`; or the list is empty or incomplete.
    """
    if _LIST not in answer:
        return [destination_from(answer)]
    unknown = [key for key in answer if key not in (_LIST, _TOTAL)]
    if unknown:
        raise ConfigurationError(
            f"the list of SIEM configurations has an unknown key {unknown[0]!r} beside {_LIST!r}: remove it."
        )
    listed, total = answer[_LIST], answer.get(_TOTAL)
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise ConfigurationError(f"the SIEM configurations at {_LIST!r} must be a list of JSON objects.")
    if total is not None and total != len(listed):
        raise ConfigurationError(
            f"the list has {len(listed)} SIEM configurations, but its {_TOTAL!r} is {total!r}: fetch all of them."
        )
    if not listed:
        raise ConfigurationError("the list contains no SIEM configuration.")
    found: dict[str, Converted] = {}
    for number, each in enumerate(listed):
        try:
            converted = destination_from(each)
        except ConfigurationError as error:
            raise ConfigurationError(f"{_LIST}[{number}]: {error}") from None
        unique = _numbered(converted, found)
        found[unique.name] = unique
    return list(found.values())


def _numbered(converted: Converted, others: Mapping[str, Converted]) -> Converted:
    """Return a destination with a name that no other has."""
    name, number = converted.name, 1
    while name in others:
        number += 1
        name = f"{converted.name}_{number}"
    conn_id = f"{name}_default"
    return replace(converted, name=name, conn_id=conn_id, entry={**converted.entry, "conn_id": conn_id})


def destination_from(config: Mapping[str, Any]) -> Converted:
    """Return the destination that a product's SIEM configuration describes.

    A product's API does not show the credential. If the configuration has no credential, but has a key that only an
    API's answer has, such as ``id``, the connection gets a placeholder.

    :raises ConfigurationError: a key is missing or unknown, or requires something that no destination supports.
    """
    unknown = [key for key in config if key not in (*_KEYS, *_SWITCHES, *_IGNORED)]
    if unknown:
        raise ConfigurationError(
            f"the SIEM configuration has an unknown key {unknown[0]!r}{near(str(unknown[0]), _KEYS)}."
        )
    for key in ("name", "provider_type", "endpoint_url"):
        if not config.get(key):
            raise ConfigurationError(f"the SIEM configuration has no {key!r}.")
    provider = str(config["provider_type"]).lower()
    if provider not in _PROVIDERS:
        raise ConfigurationError(
            f"the SIEM configuration has the unknown provider {config['provider_type']!r}{near(provider, _PROVIDERS)}."
        )
    name = re.sub(r"[^a-z0-9_-]+", "_", str(config["name"]).lower()).strip("_") or provider
    conn_id = f"{name}_default"
    parts = _address(config)
    hidden = all(config.get(key) is None for key in _CREDENTIALS) and any(key in config for key in _IGNORED)
    if provider == "custom" and _is_secret(parts):
        hidden = False
    entry, connection = _CONVERT[provider]({**config, "api_key": PLACEHOLDER} if hidden else config, parts)
    entry |= _enabled(config)
    size = config.get("batch_size")
    if size is not None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ConfigurationError("the SIEM configuration's 'batch_size' must be a number of at least 1.")
        entry["batch_events"] = size
    return Converted(name, {**entry, "conn_id": conn_id}, conn_id, connection, hidden)


def _address(config: Mapping[str, Any]) -> SplitResult:
    """Return the parts of the endpoint's URL."""
    url = str(config["endpoint_url"]).strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError("the SIEM configuration's 'endpoint_url' is not an http(s) address.")
    if parts.username is not None or "#" in url:
        raise ConfigurationError(
            "the SIEM configuration's 'endpoint_url' contains a user or a fragment, which is not allowed in a "
            "connection's host: put the credential into 'auth_header'."
        )
    return parts


def _is_secret(parts: SplitResult) -> bool:
    """Return whether an address is itself a credential."""
    return bool(parts.query) or f".{parts.hostname}".endswith(_SUMO_LOGIC)


def _enabled(config: Mapping[str, Any]) -> dict[str, bool]:
    """Return the key ``enabled``, if the product says whether events are sent; else nothing."""
    given = [key for key in _SWITCHES if config.get(key) is not None]
    for key in given:
        if not isinstance(config[key], bool):
            raise ConfigurationError(f"the SIEM configuration's {key!r} must be true or false.")
    return {"enabled": all(config[key] for key in given)} if given else {}


def _secret(config: Mapping[str, Any], header: str) -> str:
    """Return the credential: the API key, or the value of the header with this name.

    :raises ConfigurationError: there is none, or it is in another header.
    """
    name, value = _credential(config)
    if not value or (name and name.lower() != header.lower()):
        raise ConfigurationError(f"the SIEM configuration has neither 'api_key' nor an 'auth_header' {header}.")
    return value


def _credential(config: Mapping[str, Any]) -> tuple[str, str]:
    """Return the header's name and value, or "" and the API key; "" and "" if there is neither.

    :raises ConfigurationError: there are both, or the credential cannot be sent as a header.
    """
    key, header = (str(config.get(each) or "").strip() for each in ("api_key", "auth_header"))
    for name, text in (("api_key", key), ("auth_header", header)):
        if not text.isprintable():
            raise ConfigurationError(
                f"the SIEM configuration's {name!r} contains a line break or another control character: remove it."
            )
    if key and header:
        raise ConfigurationError(
            "the SIEM configuration has an 'api_key' and an 'auth_header', but a connection has only one credential: "
            "keep the one that the receiver needs."
        )
    if not header:
        return "", key
    name, _, value = (each.strip() for each in header.partition(":"))
    if not name or not value:
        raise ConfigurationError("the SIEM configuration's 'auth_header' must be written as 'Name: value'.")
    return name, value


def _prefix(parts: SplitResult, known: re.Pattern[str], example: str) -> str:
    """Return the part of an address's path before the service's own path: "" or a proxy's path.

    :raises ConfigurationError: the path does not end with the service's own path.
    """
    if not parts.path.strip("/"):
        return ""
    match = known.fullmatch(parts.path)
    if not match:
        raise ConfigurationError(
            "the SIEM configuration's 'endpoint_url' has a path that does not belong to the service: let it end with "
            f"{example}, or with the host."
        )
    return match[1].rstrip("/")


def _query(parts: SplitResult, known: Mapping[str, str]) -> dict[str, Any]:
    """Return the options of the destination that the query of an address contains.

    :param known: option for each key of the query.
    :raises ConfigurationError: the query has another key, or one key twice.
    """
    pairs = parse_qsl(parts.query, keep_blank_values=True) if parts.query else []
    found = {known[key]: value for key, value in pairs if key in known and value}
    if len(found) < len(pairs):
        # The query may contain a credential, so the message does not quote it.
        allowed = f": it may contain {', '.join(known)}, once each" if known else ""
        raise ConfigurationError(
            "the SIEM configuration's 'endpoint_url' has a query that this type of destination does not "
            f"support{allowed}; remove the rest."
        )
    return found


def _datadog(config: Mapping[str, Any], parts: SplitResult) -> tuple[dict[str, Any], dict[str, Any]]:
    prefix = _prefix(parts, _DATADOG_PATH, "/api/v2/logs")
    connection: dict[str, Any] = {"conn_type": "datadog_logs", "password": _secret(config, "DD-API-KEY")}
    site = _DATADOG_HOST.fullmatch(parts.hostname or "")
    if site and not prefix and parts.port in (None, 443):
        connection["extra"] = {"site": site[1]}
    else:
        connection["host"] = f"{parts.scheme}://{parts.netloc}{prefix}"
    return {"type": "datadog", **_query(parts, _DATADOG_QUERY)}, connection


def _splunk(config: Mapping[str, Any], parts: SplitResult) -> tuple[dict[str, Any], dict[str, Any]]:
    prefix = _prefix(parts, _SPLUNK_PATH, "/services/collector/event")
    token = _SPLUNK_SCHEME.sub("", _secret(config, "Authorization"), count=1)
    if " " in token:
        raise ConfigurationError(
            "the SIEM configuration's credential is not a HEC token: write 'Authorization: Splunk <token>', or the "
            "token as 'api_key'."
        )
    host = f"{parts.scheme}://{parts.netloc}{prefix}"
    entry = {"type": "splunk_hec", **_query(parts, _SPLUNK_QUERY)}
    return entry, {"conn_type": "splunk_hec", "host": host, "password": token}


def _elastic(config: Mapping[str, Any], parts: SplitResult) -> tuple[dict[str, Any], dict[str, Any]]:
    *above, last = [each for each in parts.path.split("/") if each] or [""]
    if last not in ("", "_bulk"):
        raise ConfigurationError(
            "the SIEM configuration's 'endpoint_url' has a path other than the bulk API's: let it end with /<data "
            "stream>/_bulk, or with the host."
        )
    entry: dict[str, Any] = {"type": "elasticsearch", **_query(parts, {})}
    if above:
        entry["target"] = above.pop()
    host = "/".join((f"{parts.scheme}://{parts.netloc}", *above))
    return entry, {"conn_type": "elasticsearch_logs", "host": host, **_elastic_login(config)}


def _elastic_login(config: Mapping[str, Any]) -> dict[str, Any]:
    text = _secret(config, "Authorization")
    scheme = _ELASTIC_SCHEME.match(text)
    value = text[scheme.end() :] if scheme else text
    if scheme and scheme[1].lower() == "basic":
        try:
            login, colon, password = b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            colon = ""
        if colon and login and password:
            return {"login": login, "password": password, "extra": {"auth": "basic"}}
    elif " " not in value:
        return {"password": value, "extra": {"auth": "api_key"}}
    raise ConfigurationError(
        "the SIEM configuration's credential is not supported for Elasticsearch or OpenSearch: write 'Authorization: "
        "ApiKey <key>' or 'Authorization: Basic <login and password in base64>'."
    )


def _custom(config: Mapping[str, Any], parts: SplitResult) -> tuple[dict[str, Any], dict[str, Any]]:
    connection: dict[str, Any] = {"conn_type": "http_siem", "host": parts.geturl()}
    extra: dict[str, Any] = {}
    name, value = _credential(config)
    if value:
        connection["password"] = f"{name}: {value}" if name else value
        extra["auth"] = "header" if name else "bearer"
    if _is_secret(parts):
        extra["secret_url"] = True
    return {"type": "http"}, {**connection, **({"extra": extra} if extra else {})}


_CONVERT = {"datadog": _datadog, "splunk": _splunk, "elastic": _elastic, "custom": _custom}
