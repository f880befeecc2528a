"""Writes the pages that are made from the code: ``athena.md`` and ``reference.md``. A test keeps them fresh."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from audit_provider.core.destinations import REGISTRY as DESTINATIONS
from audit_provider.core.destinations.s3 import athena_ddl
from audit_provider.core.pipeline import Delivery, Pipeline
from audit_provider.core.sources import REGISTRY as SOURCES

FOLDER = Path(__file__).parent
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


def athena() -> str:
    """Return the page about the S3 layout."""
    parts = [
        "# The S3 layout, and Athena over it\n",
        "One object per segment and event day, named by its content, so that a second try stores nothing twice:\n",
        "```\n<prefix>/source=<source>/dt=YYYY-MM-DD/<first 32 digits of the content's SHA-256>.ndjson.gz\n```\n",
        "Each line is the vendor's record, untouched. The object's metadata holds `sha256` (of the lines before "
        "compression), `events` and `pipeline`. `dt` is the day the event happened, so a late event lands in its own "
        "day's partition.\n",
        "The key pair needs `s3:PutObject` on the prefix, and `s3:GetObject` to compare an object that is there. "
        "The record's own `source` field is left out of the table, because the partition has that name.\n",
    ]
    for name, columns in _COLUMNS.items():
        ddl = athena_ddl(f"audit_{name}", f"s3://audit-logs/{name}", [name], columns)
        parts.append(f"## {SOURCES[name].title}\n\n```sql\n{ddl}\n```\n")
    return "\n".join(parts)


def reference() -> str:
    """Return the page of keys: the pipelines file, sources, destinations."""
    parts = ["# Reference\n\nMade from the code by `python docs/generate.py`.\n\n## Keys of a pipeline\n"]
    parts.append(_keys(Pipeline, skip=_OPERATORS_KEYS))
    parts.append("\n`source` names a source below, `destinations` maps names of your choice to destinations.\n")
    parts.append("\n## Keys of every destination\n")
    parts.append(_keys(Delivery, skip={"name", "options"}))
    for name, options in DESTINATIONS.items():
        parts.append(f"\n## Destination `{name}`\n")
        parts.append(_keys(options, skip=set()))
    parts.append("\n## Sources\n")
    parts.append("| name | reads | budget | page | host |\n|---|---|---|---|---|")
    for name, spec in SOURCES.items():
        page = {**spec.request.params, **(spec.request.body or {})}.get(spec.page_size_key)
        limit = spec.rate_limit
        parts.append(
            f"| `{name}` | [{spec.title}]({spec.docs}) by `{type(spec.reading).__name__}` "
            f"| {limit.requests} per {limit.per:.0f} s | {page} | {', '.join(spec.regions.values()) or spec.base_url} |"
        )
    for name, spec in SOURCES.items():
        parts.append(f"\n### Reading settings of `{name}` (`reading:`)\n")
        parts.append("| key | default | meaning |\n|---|---|---|")
        meanings = _meanings(type(spec.reading))
        for each in dataclasses.fields(spec.reading):  # type: ignore[arg-type]
            value = getattr(spec.reading, each.name)
            parts.append(f"| `{each.name}` | {_shown(value)} | {meanings.get(each.name, '')} |")
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
        rows.append(f"| `{each.name}` | {default} | {meanings.get(each.name, '')} |")
    return "\n".join(rows)


def _meanings(kind: Any) -> dict[str, str]:
    """Return what the docstring says of each attribute."""
    text = " ".join((kind.__doc__ or "").split())
    found = re.findall(r":ivar (\w+): (.*?)(?= :ivar |$)", text)
    return {name: said.strip().replace("``", "`").replace("|", "\\|") for name, said in found}


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if hasattr(value, "total_seconds"):
        return f"{value.total_seconds():.0f} s"
    return f"`{value}`"


PAGES = {"athena.md": athena, "reference.md": reference}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
