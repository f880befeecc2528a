"""The pages about destinations: one page each, and an overview."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import yaml

from audit_provider.core.destinations.http_presets import PRESETS
from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.destinations.sentinel_options import table_definition
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import Fields, Origin

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Limits
    from audit_provider.core.destinations.spec import About, ConnectionType, DestinationSpec

_ORIGIN = Origin("pylon", "pylon", Fields("id", "time"))
_HOUR = timedelta(hours=1)


class _NoConnection:
    """Stands for a connection, or for a client: a destination says its limits without using it."""

    conn_id = host = ""

    def address(self) -> str:
        return ""

    def client(self, base_url: str = "") -> Any:
        return None

    def extra(self, key: str, default: Any = None) -> Any:
        return default

    def flag(self, key: str, *, default: bool = False) -> bool:
        return default

    def page_extra(self, key: str) -> str:
        return ""


def pages() -> dict[str, Any]:
    """Return a function per page, by the page's path below ``docs``."""
    made: dict[str, Any] = {"destinations/README.md": overview}
    for name, spec in DESTINATIONS.items():
        made[f"destinations/{name}.md"] = lambda spec=spec: page(spec)
    return made


def overview() -> str:
    """Return the page with every destination in a table."""
    rows = [
        f"| [{about.title}]({name}.md) | `{name}` | {_first(about.guarantee)} | {_first(about.duplicates)} "
        f"| {_first(about.old_events)} |"
        for name, about in ((name, spec.about) for name, spec in DESTINATIONS.items())
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


def page(spec: DestinationSpec) -> str:
    """Return the page of one destination."""
    name, about, options = spec.name, spec.about, spec.example()
    limits = spec.connect(options, _ORIGIN, _NoConnection(), None).limits
    entry = {"type": name, "conn_id": options.default_conn_id, **about.example}
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
        f"Its default format is `{options.default_format}`. Every key is on the "
        f"[reference page](../reference.md#destination-{name}).\n",
    ]
    return "\n".join([*parts, *_losing(about), *_more(name)])


_AUDIT_LOGS = (
    "| `audit_logs` | base URL; default: the source's own. `https` is assumed; plain `http` only to loopback unless "
    "`allow_http` | API token, key or secret; `login` if the source needs one | `source`, its settings, `token_url`, "
    "`same_account`, `verify`, `ca`, `proxies`, `cert`, `allow_http`, `allow_link_local`, `trust_env`, `ssh_conn_id` |"
)
_CHECKPOINT_KEY = (
    "| `audit_checkpoint_key` | first part of the [logs' names](evidence.md#the-key), such as `logs.example.com` | "
    "private key (Ed25519, base64 or PEM) | `previous_key`, `witness`, `witness_key` |"
)
_OTHERS = "| `aws`, `sftp`, `ssh` | as those providers document them | | |"


def connections() -> str:
    """Return the table of connection types: the sources', those that destinations bring, those of other providers."""
    found = [each.connection for each in DESTINATIONS.values() if each.connection is not None]
    rows = [_AUDIT_LOGS, *(_connection(each) for each in found), _CHECKPOINT_KEY, _OTHERS]
    head = "\n| connection type | host | password | extra |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _connection(kind: ConnectionType) -> str:
    meanings = {name: kind.fields[name].meaning for name in ("password", "login") if name in kind.fields}
    secret = "; ".join(said if name == "password" else f"`{name}`: {said}" for name, said in meanings.items())
    extras = [
        f"`{name}`" + (f" ({', '.join(f'`{value}`' for value in each.values)})" if each.values else "")
        for name, each in kind.extras.items()
    ]
    own = ", ".join([*extras, "and as above" if kind.is_http else "`allow_link_local`"])
    return f"| `{kind.name}` | {kind.fields['host'].meaning} | {secret} | {own} |"


def formats() -> str:
    """Return the table of formats."""
    rows = "".join(f"| `{name}` | {each.about} |\n" for name, each in FORMATS.items())
    return "\n| `format` | what is sent |\n|---|---|\n" + rows


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
        table = json.dumps(table_definition(DESTINATIONS[name].example(), table="AuditLogs_CL"), indent=2)
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
