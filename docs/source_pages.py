"""The pages about sources: one page each, and the catalogue."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, timedelta
from typing import Any

from audit_provider.core.sources import REGISTRY, SourceSpec
from audit_provider.core.sources.export import ExportJob
from audit_provider.core.sources.inline import TYPES
from audit_provider.core.sources.reading.reconciliation import looks_back
from audit_provider.core.wire.assertion import Assertion
from audit_provider.core.wire.auth import Basic, Bearer, Header, Token
from audit_provider.core.wire.signatures import SignedRequest

LEFT_OUT = {
    "Notion": "no public API that lists events: its page describes kinds of events, and other products receive them by "
    "webhook.",
    "Okta users": "a list of people as they are, not of what happened; changes of them are in the System Log.",
    "Atlassian's audit log of a workspace": "announced as generally available from 30 November 2026. Its pages, last "
    "read on 29 November 2026, said that it was not supported for production and could change, and showed the request "
    "but no answer that we could read: where the times and the cursor stand would be guessed. `jira` and `confluence` "
    "read the same events.",
    "Jamf Pro": "no single API for all events; history per object, or pushed by syslog.",
    "Vercel": "no paging: the client has to lower the upper bound step by step, which no paging style here does.",
    "Lacework": "no vendor documentation was available.",
    "Mimecast": "the paging of the current API is unconfirmed.",
    "Cloudflare v1": "replaced by v2.",
    "Duo administrator log": "a lower bound of time only, no ids, an unconfirmed order. Duo's own Log Sync dropped it "
    "in 2.4.0 and reads the activity log, as `duo_activity` does.",
    "LastPass": "the form of times and of answers is unconfirmed; `records_by_key` reads such answers.",
}
"""APIs that were examined and are not sources, and why. Users can describe any of them in the pipelines file."""

_SHORT_LIST = 10
"""A default with more names than this is shown below its table."""

_WAYS = {
    "ClosedWindows": "by time windows with start and end",
    "TailCursor": "by a cursor that stays valid",
    "IdKeyset": "by the id of the last event",
    "SinceScan": "newest first, since the last watermark",
    "HeadScan": "newest first, back to known events",
    "FileExport": "from files",
    "EventFeed": "from feeds, each opened behind the last event and closed once nothing comes",
    "MeasuredList": "in an order that it measures",
}


def pages() -> dict[str, Any]:
    """Return a function per page, by the page's path below ``docs``."""
    made: dict[str, Any] = {"sources/README.md": catalogue}
    for name in REGISTRY:
        made[f"sources/{name}.md"] = lambda name=name: page(REGISTRY[name])
    return made


def catalogue() -> str:
    """Return the page with every source in a table."""
    rows = [
        f"| [{spec.title}]({name}.md) | `{name}` | `{type(spec.reading).__name__}` | {_budget(spec)} | {_size(spec)} "
        f"| {_reach(spec.lookback)} | {_backfill(spec)} | {spec.confidence} |"
        for name, spec in REGISTRY.items()
    ]
    left_out = [f"- **{name}**: {why}" for name, why in LEFT_OUT.items()]
    head = [
        f"# Sources\n\n{len(REGISTRY)} sources, each a description that the same loop reads. The "
        "[reference page](../reference.md#reading-strategies) explains the strategies and their settings.\n",
        "| source | name | strategy | budget | page | look-back | backfill | confidence |",
        "|---|---|---|---|---|---|---|---|",
    ]
    tail = [
        "\nYou can [describe another source in the pipelines file](../pipelines.md#a-source-of-your-own).\n",
        "## Examined and left out\n\nToo few facts about these APIs are documented, or they work differently, so "
        "nothing is guessed:\n",
        *left_out,
    ]
    return "\n".join([*head, *rows, *tail]) + "\n"


def page(spec: SourceSpec) -> str:
    """Return the page of one source."""
    facts = spec.confidence[0].lower() + spec.confidence[1:]
    parts = [f"# {spec.title}\n\n[The vendor's page]({spec.docs}). Based on: {facts}{_checked(spec)}\n"]
    parts.append(f"## At the vendor\n\n{spec.access}" + (f" {spec.limits}" if spec.limits else "") + "\n")
    parts += [_connection(spec), *filter(None, [_long_lists(spec)]), _pipeline(spec), _reading(spec)]
    if spec.unconfirmed:
        parts.append(_unconfirmed(spec))
    return "\n".join(parts)


def _connection(spec: SourceSpec) -> str:
    host = f"the default is `{spec.base_url}`" if spec.base_url else f"your own, such as `{spec.host_example}`"
    others = {url for url in spec.regions.values() if url != spec.base_url}
    host += f"; others are {', '.join(f'`{url}`' for url in sorted(others))}" if others else ""
    rows = [f"| host | {host} |", *(f"| {name} | {said} |" for name, said in spec.credential.items())]
    if isinstance(spec.auth, Assertion | Token) and spec.auth.url:
        where = f"`{spec.auth.url}`" + (" on the same host" if spec.auth.url.startswith("/") else "")
        rows.append(f"| extra `token_url` | where the token is fetched, if not from {where} |")
    for name, setting in spec.settings.items():
        default = "" if setting.default is None else f"; {_default(setting.default)} by default"
        place = "" if setting.secret else "; or under `settings` in the pipelines file"
        rows.append(f"| extra `{name}` | {setting.meaning}{default}{place} |")
    connection: dict[str, Any] = {"conn_type": "audit_logs"}
    if not spec.base_url:
        connection["host"] = spec.host_example
    connection |= {name: f"<{said.split(' (')[0]}>".replace("`", "") for name, said in spec.credential.items()}
    secret = {name: f"<{name}>" for name, setting in spec.settings.items() if setting.secret}
    connection["extra"] = {"source": spec.name, **secret}
    # It stands between the shell's single quotes.
    shown = json.dumps(connection, ensure_ascii=False).replace("'", "’")
    return (
        f"## The connection\n\nType `audit_logs`; {_carried(spec)}.\n\n| field | value |\n|---|---|\n"
        + "\n".join(rows)
        + f"\n\n```bash\nexport AIRFLOW_CONN_{spec.name.upper()}_DEFAULT='{shown}'\n```\n\n"
        "The *Test* button sends a request to the vendor, and says which permission or plan is missing.\n"
    )


def _default(value: str) -> str:
    """Return a setting's default for a cell of a table; a long list of names is shown by its length."""
    names = value.split(",")
    return f"all {len(names)} listed below" if len(names) > _SHORT_LIST else f"`{value}`"


def _long_lists(spec: SourceSpec) -> str:
    """Return the defaults that are too long for a table."""
    found = {name: each.default.split(",") for name, each in spec.settings.items() if each.default}
    return "\n".join(
        f"By default, `{name}` is:\n\n```text\n" + "\n".join(values) + "\n```\n"
        for name, values in found.items()
        if len(values) > _SHORT_LIST
    )


def _checked(spec: SourceSpec) -> str:
    """Return the sentence that says when the facts were read."""
    if not spec.checked:
        return ""
    day = date.fromisoformat(spec.checked)
    return f" Last compared with the vendor's documents on {day.day} {day:%B %Y}."


def _carried(spec: SourceSpec) -> str:
    auth = spec.auth
    if isinstance(auth, Assertion) and auth.takes_token:
        return "a token is sent as a bearer token; with a private key, an assertion is signed and sent instead"
    if isinstance(auth, Assertion):
        return "an assertion is signed with the private key, and the token that it gives is kept in memory and renewed"
    if isinstance(auth, SignedRequest):
        return f"each request is signed with the password (HMAC-{auth.digest.upper()})"
    if isinstance(auth, Token):
        return "a token is fetched with login and password, kept in memory and renewed"
    if isinstance(auth, Basic):
        return "HTTP basic authentication"
    if isinstance(auth, Header):
        return "the credential is sent as " + " and ".join(f"`{k}: {v}`" for k, v in auth.headers.items())
    assert isinstance(auth, Bearer)
    return "the password is sent as a bearer token"


def _pipeline(spec: SourceSpec) -> str:
    lines = [f"{spec.name}:", f"  source: {spec.name}"]
    needed = {name: each for name, each in spec.settings.items() if each.default is None and not each.secret}
    if needed:
        lines.append("  settings:")
        lines += [f"    {name}: …  # {each.meaning}" for name, each in needed.items()]
    if spec.each:
        some = (spec.settings[spec.each].default or "").split(",")[:2]
        lines += [] if needed else ["  settings:"]
        lines.append(f"    {spec.each}: [{', '.join(some)}]  # some of the logs, in one pipeline")
    lines += ["  destinations:", f"    s3: {{type: s3, bucket: audit-logs, prefix: {spec.name}}}"]
    return "## In the pipelines file\n\n```yaml\n" + "\n".join(lines) + "\n```\n"


def _reading(spec: SourceSpec) -> str:
    kind = type(spec.reading).__name__
    request = spec.export.create if isinstance(spec.export, ExportJob) else spec.request
    first = spec.preparation.request if spec.preparation else None
    rows = [
        *([f"| first of all | `{first.method} {first.path}` |"] if first else []),
        f"| request | `{request.method} {request.path}` |",
        f"| strategy | [`{kind}`](../reference.md#reading-strategies): {_WAYS[kind]} |",
        f"| next page | {_paging(spec)} |",
        *([f"| logs | one for each of `{spec.each}`, read one after the other |"] if spec.each else []),
        f"| events per page | {_size(spec)} |",
        f"| budget | {_budget(spec)} |",
        f"| look-back | {_reach(spec.lookback)} |",
        f"| backfill | {_backfill(spec)} |",
        f"| reconciliation | {_reconciliation(spec)} |",
        f"| id | {f'`{spec.fields.id}`' if spec.fields.id else 'none: a digest of the record is the id'} |",
        f"| time | `{spec.fields.time}`"
        + (f", recorded `{spec.fields.recorded}`" if spec.fields.recorded else "")
        + " |",
    ]
    if spec.explode_at:
        rows.append(f"| events in a record | each element of `{spec.explode_at}` is an event |")
    own = [
        f"`{each.name}: {_shown(value)}`"
        for each in dataclasses.fields(spec.reading)  # type: ignore[arg-type]
        if (value := getattr(spec.reading, each.name)) != each.default
    ]
    if own:
        rows.append(f"| settings of the strategy | {', '.join(own)} |")
    return "## How it is read\n\n| | |\n|---|---|\n" + "\n".join(rows) + "\n"


def _unconfirmed(spec: SourceSpec) -> str:
    rows = [f"- `{path}`: {said}" for path, said in spec.unconfirmed.items()]
    return (
        "## What is unconfirmed\n\nYou can change every key of a source in the pipelines file, with "
        f"`source: {{like: {spec.name}, …}}`:\n\n" + "\n".join(rows) + "\n"
    )


def _paging(spec: SourceSpec) -> str:
    if isinstance(spec.export, ExportJob):
        return "none: a file is ordered and downloaded when it is ready"
    kind = next(name for name, each in TYPES["paging"].items() if isinstance(spec.paging, each))
    said = {
        "none": "none",
        "cursor": "a cursor in the answer",
        "next_url": "a URL in the answer, followed on the same host only",
        "link": "the `Link` header, followed on the same host only",
        "page": "page numbers",
        "offset": "offsets",
        "object_id": "the id of the page's last event",
        "statement": "the parts of a statement's result",
    }[kind]
    param = getattr(spec.paging, "param", "")
    return said + (f", sent as `{param}`" if param else "")


def _budget(spec: SourceSpec) -> str:
    return f"{spec.rate_limit.requests:,} per {spec.rate_limit.per:.0f} s"


def _size(spec: SourceSpec) -> str:
    return f"up to {spec.page_size.most:,}" if spec.page_size else "the vendor's"


def _reach(lookback: timedelta | None) -> str:
    return f"{lookback.days} days" if lookback else "no limit known"


def _backfill(spec: SourceSpec) -> str:
    if spec.reading.backfill == "recovery":
        return "in windows, by time" if spec.recovery else "none: it cannot be read by time"
    return {"windows": "in windows", "scan": "one window, scanned from the newest event back"}[spec.reading.backfill]


def _reconciliation(spec: SourceSpec) -> str:
    if spec.reading.backfill == "recovery" and not spec.recovery:
        return "none: it cannot be read by time, so it is not possible to look for late and missed events"
    return f"daily, for events more than {looks_back(spec) // timedelta(hours=1)} hours old"


def _shown(value: Any) -> str:
    return f"{value.total_seconds():.0f} s" if isinstance(value, timedelta) else str(value)
