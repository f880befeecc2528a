"""The pages about destinations: one page each, and an overview."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import yaml

from audit_provider.core.delivery import delivery_from
from audit_provider.core.destinations.about import ABOUT, About
from audit_provider.core.destinations.base import Limits
from audit_provider.core.destinations.datadog import DatadogDestination
from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination
from audit_provider.core.destinations.http import HttpDestination
from audit_provider.core.destinations.http_presets import PRESETS
from audit_provider.core.destinations.registry import REGISTRY
from audit_provider.core.destinations.s3 import S3Destination
from audit_provider.core.destinations.sentinel import SentinelDestination
from audit_provider.core.destinations.sentinel_table import table_definition
from audit_provider.core.destinations.sftp import SftpDestination
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination
from audit_provider.core.destinations.syslog import SyslogDestination
from audit_provider.core.model import Fields, Origin, utc_now

_ORIGIN = Origin("pylon", "pylon", Fields("id", "time"))
# No request is made: what they would be made with is not needed to ask for limits.
_NOTHING: Any = None
_HOUR = timedelta(hours=1)
_BUILD: dict[str, Any] = {
    "s3": lambda options: S3Destination(options, _ORIGIN, _NOTHING, now=utc_now),
    "splunk_hec": lambda options: SplunkHecDestination(options, _ORIGIN, _NOTHING, None),
    "datadog": lambda options: DatadogDestination(options, _ORIGIN, _NOTHING, _NOTHING),
    "elasticsearch": lambda options: ElasticsearchDestination(options, _ORIGIN, _NOTHING),
    "sentinel": lambda options: SentinelDestination(options, _ORIGIN, _NOTHING),
    "http": lambda options: HttpDestination(options, _ORIGIN, _NOTHING),
    "syslog": lambda options: SyslogDestination(options, _ORIGIN, _NOTHING),
    "sftp": lambda options: SftpDestination(options, _ORIGIN, _NOTHING),
}


def pages() -> dict[str, Any]:
    """Return a function per page, by the page's path below ``docs``."""
    made: dict[str, Any] = {"destinations/README.md": overview}
    for name in REGISTRY:
        made[f"destinations/{name}.md"] = lambda name=name: page(name, ABOUT[name])
    return made


def overview() -> str:
    """Return the page with every destination in a table."""
    rows = [
        f"| [{about.title}]({name}.md) | `{name}` | {_first(about.guarantee)} | {_first(about.duplicates)} "
        f"| {_first(about.old_events)} |"
        for name, about in ABOUT.items()
    ]
    return (
        "# Destinations\n\nThe same loop serves every destination. It sends batches and retries them. It halves a "
        "refused batch until the refused event is alone, and sets that event aside with the destination's error "
        "message. It moves its offset only past finished events. Each page describes what differs.\n\n| destination | "
        "type | delivered means | duplicates | old events |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\n[`format`](../formats.md) sets the format of events on arrival. [`only`, `except` and "
        "`redact`](../formats.md#filters-and-redaction) select the events and fields that are sent.\n"
    )


def page(name: str, about: About) -> str:
    """Return the page of one destination."""
    delivery = delivery_from(name, {"type": name, **about.example}, name)
    limits: Limits = _BUILD[name](delivery.options).limits
    entry = {"type": name, "conn_id": REGISTRY[name].default_conn_id, **about.example}
    example = yaml.safe_dump({"pylon": {"source": "pylon", "destinations": {name: entry}}}, sort_keys=False)
    parts = [
        f"# {about.title}\n\n[The vendor's page]({about.docs}).\n",
        f"```yaml\n{example}```\n",
        f"## At the destination\n\n{about.create}\n",
        f"## The connection\n\n{about.connection}\n",
        "## Guarantees\n",
        f"- **Delivered.** {about.guarantee}",
        f"- **Duplicates.** {about.duplicates}",
        f"- **Old events.** {about.old_events}",
        f"- **Not visible from outside.** {about.unseen}\n",
        "## Limits\n",
        f"- a request: {_most(limits)}, {limits.batch_bytes:,} bytes before compression",
        f"- an event: {limits.event_bytes:,} bytes as it is sent; a larger one is set aside before it is sent",
        f"- age: {_age(limits)}\n",
        f"Its default format is `{delivery.options.default_format}`. Every key is on the "
        f"[reference page](../reference.md#destination-{name}).\n",
    ]
    return "\n".join([*parts, *_losing(about), *_more(name)])


def _losing(about: About) -> list[str]:
    rows = "".join(f"| {receiver} | {what} | {setting} |\n" for receiver, what, setting in about.losing)
    head = "## Receivers' defaults that lose events\n\n| receiver | by default | setting |\n|---|---|---|\n"
    return [head + rows] if rows else []


def _more(name: str) -> list[str]:
    if name == "http":
        rows = [
            f"| `{key}` | {each.title} | {each.hosts or 'your own'} | "
            f"{f'{each.max_age / _HOUR:g} hours' if each.max_age else ''} | {each.unseen} |"
            for key, each in PRESETS.items()
        ]
        head = (
            "## Presets\n\n| `preset` | product | host | sent with the current time, if older than |"
            " what its 2xx does not prove |\n|---|---|---|---|---|\n"
        )
        return [head + "\n".join(rows) + "\n"]
    if name == "sentinel":
        options = delivery_from(name, {"type": name, **ABOUT[name].example}, name).options
        table = json.dumps(table_definition(options, table="AuditLogs_CL"), indent=2)
        return [
            "## The table and the rule\n\nThe table's schema, the stream's declaration and the data flow for the data "
            f"collection rule:\n\n```json\n{table}\n```\n",
            _DATA_COLLECTOR,
        ]
    return []


_DATA_COLLECTOR = """\
## Moving from the HTTP Data Collector API

That API (`<workspace>.ods.opinsights.azure.com`, a shared key in the `Authorization` header) is retired, and a
connection that names it is refused. To move:

1. Create a new custom table with the schema above. You can keep a table of the old API after you migrate it to the type
   *DCR-based*; its columns have suffixes such as `_s` that the new table does not have.
2. Create a data collection rule (the kind *Direct* has its own endpoint) with the stream above, and an application in
   Microsoft Entra with the role *Monitoring Metrics Publisher* on the rule. A new role assignment takes up to half an
   hour.
3. Change the connection to `azure_logs_ingestion`, and the destination to `sentinel`. Its offset stays as long as its
   name stays the same, so nothing is sent twice.
"""


def _first(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."


def _most(limits: Limits) -> str:
    return "any number of events" if limits.events >= 1_000_000 else f"{limits.events:,} events"


def _age(limits: Limits) -> str:
    return f"{limits.max_age.total_seconds() / 3600:.0f} hours" if limits.max_age else "no limit"
