"""Writes what is made from the code: reference, sources, destinations, the JSON schema, what Airflow lists."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

from audit_provider.core.delivery import Delivery
from audit_provider.core.destinations.athena import athena_ddl
from audit_provider.core.destinations.registry import REGISTRY as DESTINATIONS
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.core.pipeline import Pipeline
from audit_provider.core.reconciliation import Reconcile
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.core.sources import SourceSpec
from audit_provider.core.sources.inline import TYPES
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.spec import Errors, PageSize, Probe, Setting

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
from destination_pages import pages as destination_pages  # noqa: E402
from integrations import integrations  # noqa: E402
from pipelines_schema import schema  # noqa: E402
from source_pages import pages as source_pages  # noqa: E402

_COLUMNS = {
    "pylon": [
        "id",
        "action",
        "action_happened_at",
        "created_at",
        "actor_user_id",
        "actor_contact_id",
        "object_type",
        "object_id",
        "link",
        "attributes",
        "metadata",
    ],
}
_OPERATORS_KEYS = {"name", "options", "source", "destinations"}
_WRITTEN = {"omit": "except"}
"""Keys whose name is a word of Python, and how they are written in the file."""


def athena() -> str:
    """Return the page about the S3 layout."""
    parts = [
        "# The S3 layout, and Athena over it\n",
        "One object per segment and event day, in a backfill per four segments and event day, named by its content, so "
        "that a second try stores nothing twice:\n",
        "```text\n<prefix>/source=<source>/dt=YYYY-MM-DD/<first 32 digits of the content's SHA-256>.ndjson.gz\n```\n",
        "Each line is the vendor's record, untouched. The object's metadata holds `sha256` (of the lines before "
        "compression), `events` and `pipeline`. `dt` is the day the event happened, so a late event lands in its own "
        "day's partition, also one that a wrong clock has dated tomorrow. The table has every day there can be, "
        "also the year 1, with which some programs date what has no time: what lies outside is found by no query.\n",
        "**Name the days in every query** (`WHERE dt >= '2026-03-01' AND dt <= '2026-03-31'`): without a `dt` Athena "
        "would look into each day of the range, and gives up. Where queries should work without days, and dates that "
        "are far off do not matter, narrow the range: `'2024-01-01,NOW+1DAYS'`.\n",
        "The key pair needs `s3:PutObject` on the prefix, and `s3:GetObject` to compare an object that is there. "
        "The record's own `source` field is left out of the table, because the partition has that name.\n",
    ]
    for name, columns in _COLUMNS.items():
        ddl = athena_ddl(f"audit_{name}", f"s3://audit-logs/{name}", [name], columns)
        parts.append(f"## {SOURCES[name].title}\n\n```sql\n{ddl}\n```\n")
    return "\n".join(parts)


def reference() -> str:
    """Return the page of keys: the pipelines file, sources, destinations."""
    parts = ["# Reference\n\nMade from the code by `make docs`.\n\n## Keys of a pipeline\n"]
    parts.append(_keys(Pipeline, skip=_OPERATORS_KEYS))
    parts.append("\n`source` names a source below, `destinations` maps names of your choice to destinations.\n")
    parts.append("\n### Keys of `monitoring`\n")
    parts.append(_keys(Monitoring, skip=set()))
    parts.append("\n### Keys of `reconcile`\n")
    parts.append(_keys(Reconcile, skip=set()))
    parts.append("\n## Keys of every destination\n")
    parts.append(_keys(Delivery, skip={"name", "options"}))
    for name, options in DESTINATIONS.items():
        parts.append(f"\n## Destination `{name}`\n")
        parts.append(_keys(options, skip=set()))
    parts.append("\n## Reading strategies\n\nWhich one a source uses is on [its page](sources/README.md).\n")
    for name, strategy in TYPES["reading"].items():
        first = " ".join((strategy.__doc__ or "").strip().split("\n\n")[0].split()).replace("``", "`")
        parts.append(
            f"\n### `{strategy.__name__}` (`type: {name}`)\n\n{first}\n\n| key | default | meaning |\n|---|---|---|"
        )
        meanings = _meanings(strategy)
        parts += [
            f"| `{each.name}` | {_shown(each.default)} | {meanings.get(each.name, '')} |"
            for each in dataclasses.fields(strategy)
        ]
    parts.append("\n## Keys of a source\n\nFor a source written in the pipelines file.\n")
    parts.append(_keys(SourceSpec, skip=set()))
    for key, kinds in TYPES.items():
        for name, kind in kinds.items():
            if key != "reading" and dataclasses.fields(kind):
                parts.append(f"\n### `{key}: {{type: {name}}}`\n")
                parts.append(_keys(kind, skip=set()))
    for kind in (Request, Errors, PageSize, Setting, Probe):
        parts.append(f"\n### {kind.__name__}\n")
        parts.append(_keys(kind, skip=set()))
    return "\n".join(parts) + "\n"


def _keys(kind: Any, *, skip: set[str]) -> str:
    meanings = _meanings(kind)
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for each in dataclasses.fields(kind):
        if each.name in skip:
            continue
        default = "required" if each.default is dataclasses.MISSING else _shown(each.default)
        if each.name == "conn_id":
            default = "by type"
        if each.default_factory is not dataclasses.MISSING:
            default = "none"
        name = _WRITTEN.get(each.name, each.name)
        rows.append(f"| `{name}` | {default} | {meanings.get(each.name, '')} |")
    return "\n".join(rows)


def _meanings(kind: Any) -> dict[str, str]:
    """Return what the docstring says of each attribute."""
    text = " ".join((kind.__doc__ or "").split())
    found = re.findall(r":ivar (\w+): (.*?)(?= :ivar |$)", text)
    said = {name: text.strip().replace("``", "`").replace("|", "\\|") for name, text in found}
    # Several keys may share a sentence of the docstring; each of them ends here.
    return {name: re.sub(r",?( and)?$", "", text) for name, text in said.items()}


def _shown(value: Any) -> str:
    if value is None or value in ("", ()):
        return "none"
    if hasattr(value, "total_seconds"):
        return f"{value.total_seconds():.0f} s"
    return f"`{value}`"


PAGES = {
    "athena.md": athena,
    "reference.md": reference,
    "pipelines.schema.json": lambda: schema(_meanings),
    "../audit_provider/integrations.json": integrations,
    **destination_pages(),
    **source_pages(),
}

if __name__ == "__main__":
    (FOLDER / "sources").mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
