"""Addresses of the pages on which people look at events, at the vendor and at the destinations.

An address contains no secret, because everybody who may see the task sees it.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import text_of

if TYPE_CHECKING:
    from audit_provider.core.model import Window

_SPLUNK_CLOUD = ".splunkcloud.com"
_SPLUNK_CLOUD_COLLECTORS = ("http-inputs-", "http-inputs.")
_AWS_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
_AZURE_PORTALS = {
    "public": "https://portal.azure.com",
    "usgov": "https://portal.azure.us",
    "china": "https://portal.azure.cn",
}


def checked_page(url: str, where: str) -> str:
    """Return the address of a page from a setting, without a slash at its end.

    :param where: the setting, for the message.
    :raises ConfigurationError: it is not an address, or has a part that may contain a credential.
    """
    try:
        parts = urlsplit(url.strip())
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        right = False
    if not right or parts.query:
        raise ConfigurationError(
            f"{where} must be the address of a page that begins with https:// and has neither login nor query."
        )
    return url.strip().rstrip("/")


def s3_prefix(bucket: str, prefix: str, region: str) -> str:
    """Return the AWS console's page of a prefix.

    :param region: "" if it is not known; the console finds it.
    """
    console = next((host for start, host in _AWS_CONSOLES.items() if region.startswith(start)), "")
    console = console or "console.aws.amazon.com"
    query = {"region": region, "prefix": f"{prefix.strip('/')}/" if prefix.strip("/") else ""}
    shown = urlencode({key: value for key, value in query.items() if value})
    host = f"{region}.{console}" if region else f"s3.{console}"
    return f"https://{host}/s3/buckets/{quote(bucket, safe='')}" + (f"?{shown}" if shown else "")


def splunk_search_page(collector: str) -> str:
    """Return the address of the Search app that belongs to a collector of Splunk Cloud; "" for any other."""
    host = urlsplit(collector).hostname or ""
    for start in _SPLUNK_CLOUD_COLLECTORS:
        if host.startswith(start) and host.endswith(_SPLUNK_CLOUD):
            return f"https://{host.removeprefix(start)}/en-US/app/search/search"
    return ""


def splunk_search(page: str, index: str | None, source: str, times: Window) -> str:
    """Return a search over an index and a source. :param page: address of the Search app. :param times: of events."""
    terms = {"index": index, "source": source}
    query = " ".join(f"{key}={_quoted(value)}" for key, value in terms.items() if value)
    bounds = {"earliest": int(times.start.timestamp()), "latest": int(times.end.timestamp()) + 1}
    return f"{page}?{urlencode({'q': f'search {query}', **bounds}, quote_via=quote)}"


def datadog_explorer(site: str, service: str, source: str, times: Window) -> str:
    """Return the log explorer of a site, showing a service and source."""
    app = f"app.{site}" if site.count(".") == 1 else site
    bounds = {"from_ts": int(times.start.timestamp() * 1000), "to_ts": int(times.end.timestamp() * 1000) + 1000}
    query = f"service:{_quoted(service)} source:{_quoted(source)}"
    return f"https://{app}/logs?{urlencode({'query': query, **bounds, 'live': 'false'}, quote_via=quote)}"


def discover(page: str, target: str, times: Window) -> str:
    """Return Discover of Kibana or OpenSearch Dashboards, showing a data stream or index.

    :param page: address of Discover itself, such as ``https://kibana.example.com/app/discover``.
    """
    bounds = f"(time:(from:'{text_of(times.start)}',to:'{text_of(times.end)}'))"
    # The documents of a data stream are in indices whose names contain the stream's name.
    query = f"(query:(language:kuery,query:'_index : *{target}*'))"
    return f"{page}#/?_g={quote(bounds, safe=_RISON)}&_a={quote(query, safe=_RISON)}"


def log_analytics(cloud: str, workspace: str, stream: str, times: Window, *, pipeline: str = "") -> str:
    """Return Log Analytics in the Azure portal with the rows of a rule's stream; or the list of workspaces.

    :param workspace: its resource id, ``/subscriptions/…``; "" if it is not known.
    :param stream: stream of the data collection rule; the table is assumed to have the stream's name.
    :param pipeline: whose rows; "" for all, if the table has no such column.
    """
    portal = _AZURE_PORTALS.get(cloud, _AZURE_PORTALS["public"])
    if not workspace:
        return f"{portal}/#browse/{quote('Microsoft.OperationalInsights/workspaces', safe='')}"
    own = f"\n| where Pipeline == {_quoted(pipeline)}" if pipeline else ""
    query = f"{stream.removeprefix('Custom-')}{own}\n| sort by EventTime desc"
    packed = b64encode(gzip.compress(query.encode(), mtime=0)).decode()
    # The portal decodes the query once more than a browser does.
    twice = quote(quote(packed, safe=""), safe="")
    span = quote(f"{text_of(times.start)}/{text_of(times.end)}", safe="")
    return (
        f"{portal}/#blade/Microsoft_OperationsManagementSuite_Workspace/Logs.ReactView/resourceId/"
        f"{quote(workspace, safe='')}/source/LogsBlade.AnalyticsShareLinkToQuery/q/{twice}/timespan/{span}"
    )


_RISON = "(),:'!*_-.~"
"""Characters that stay unquoted in the state part of a Discover address."""


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
