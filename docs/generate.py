"""Writes everything that is generated from the code: reference, sources, destinations, JSON schema, integrations."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

from audit_provider.core.delivery import Delivery
from audit_provider.core.destinations.athena import athena_ddl
from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.model import Fields
from audit_provider.core.monitoring.settings import Monitoring, Notification
from audit_provider.core.pipeline import Pipeline
from audit_provider.core.records.selection import Redaction
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.core.sources import SourceSpec
from audit_provider.core.sources.inline import TYPES
from audit_provider.core.sources.reading.reconciliation import Reconcile
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.spec import Errors, KeptShorter, PageSize, Preparation, Probe, Setting
from audit_provider.core.sources.statement import Columns, Polling
from audit_provider.core.wire.rate_limit import RateLimit

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
from destination_pages import connections, formats  # noqa: E402
from destination_pages import pages as destination_pages  # noqa: E402
from pipelines_schema import schema  # noqa: E402
from provider_parts import provider_parts  # noqa: E402
from public_names import operator_types, public_names  # noqa: E402
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
_PARTS = (Request, Fields, RateLimit, Errors, PageSize, KeptShorter, Preparation, Columns, Polling, Setting, Probe)
"""What keys of a source consist of."""

_OPERATORS_KEYS = {"name", "options", "source", "destinations"}
_DEFAULTS = {"conn_id": "by type", "name": "the pipeline's name", "title": "`name`", "docs": "not set"}
"""Defaults that the loader sets."""

_WRITTEN = {"omit": "except"}
"""Keys whose name is a reserved word of Python, and how they are written in the file."""


def athena() -> str:
    """Return the page about the S3 layout."""
    parts = [
        "# The S3 layout, and Athena over it\n",
        "There is one object per segment and event day; in a backfill, one per four segments and event day. The name "
        "is derived from the content, so a second try stores nothing twice:\n",
        "```text\n<prefix>/source=<source>/dt=YYYY-MM-DD/<first 32 digits of the content's SHA-256>.ndjson.gz\n```\n",
        "Where equal lines are several events, `-` and eight digits of a digest of their ids follow.\n",
        "Each line is the vendor's record, unchanged. The object's metadata holds `sha256` (of the lines before "
        "compression), `events` and `pipeline`. `dt` is the day when the event happened, so a late event is in the "
        "partition of its own day, and so is an event that a wrong clock has dated tomorrow. The table covers every "
        "possible day, including the year 1, which some programs use for a missing time: days outside the range would "
        "be in no query.\n",
        "**Restrict the days in every query** (`WHERE dt >= '2026-03-01' AND dt <= '2026-03-31'`): without `dt`, "
        "Athena would read each day of the range, and give up. If queries must work without days, and dates that are "
        "far off do not matter, narrow the range: `'2024-01-01,NOW+1DAYS'`.\n",
        "The key pair needs `s3:PutObject` on the prefix, and `s3:GetObject` to compare an existing object. The "
        "record's own `source` field is not in the table, because the partition has that name.\n",
    ]
    for name, columns in _COLUMNS.items():
        ddl = athena_ddl(f"audit_{name}", f"s3://audit-logs/{name}", [name], columns)
        parts.append(f"## {SOURCES[name].title}\n\n```sql\n{ddl}\n```\n")
    return "\n".join(parts)


def reference() -> str:
    """Return the page of keys: the pipelines file, sources, destinations."""
    parts = [
        "# Reference\n\nGenerated from the code by `make docs`.\n\nDurations are written in seconds (`900`) or in ISO "
        "8601 (`PT15M`). A path leads into an answer or a record, with dots between keys (`meta.next_cursor`). A "
        "default of *not set* means that the key may be left out; its meaning then says what applies.\n",
        "## Keys of a pipeline\n",
    ]
    parts.append(_keys(Pipeline, skip=_OPERATORS_KEYS))
    parts.append(
        "\n`source` is the name of a [source](sources/README.md) or a description with the [keys "
        "below](#keys-of-a-source). `destinations` maps names of your choice to destinations.\n"
    )
    parts.append("\n### Keys of `monitoring`\n")
    parts.append(_keys(Monitoring, skip=set()))
    parts.append("\n### Keys of an entry of `notify`\n")
    parts.append(_keys(Notification, skip={"arguments"}))
    parts.append(
        "\nAll other keys are passed to the class; texts may be Airflow templates. Example: `to: soc@example.com`.\n"
    )
    parts.append("\n### Keys of `reconcile`\n")
    parts.append(_keys(Reconcile, skip=set()))
    parts.append("\n## Keys of every destination\n")
    parts.append(_keys(Delivery, skip={"name", "options"}))
    parts.append("\n### Keys of `redact`\n")
    parts.append(_keys(Redaction, skip=set()))
    for name, spec in DESTINATIONS.items():
        parts.append(f"\n## Destination `{name}`\n")
        parts.append(_keys(spec.options, skip=set()))
    parts.append("\n## Reading strategies\n\nThe [page of each source](sources/README.md) says which one it uses.\n")
    for name, strategy in TYPES["reading"].items():
        first = " ".join((strategy.__doc__ or "").strip().split("\n\n")[0].split()).replace("``", "`")
        parts.append(
            f"\n### `{strategy.__name__}` (`type: {name}`)\n\n{first}\n\n| key | default | meaning |\n|---|---|---|"
        )
        meanings = _meanings(strategy)
        parts += [
            f"| `{each.name}` | {_shown(each.default)} | {meanings[each.name]} |"
            for each in dataclasses.fields(strategy)
        ]
    parts.append("\n## Keys of a source\n\nFor a source that is described in the pipelines file.\n")
    parts.append(_keys(SourceSpec, skip=set()))
    for key, kinds in TYPES.items():
        for name, kind in kinds.items():
            if key != "reading" and dataclasses.fields(kind):
                parts.append(f"\n### `{key}: {{type: {name}}}`\n")
                parts.append(_keys(kind, skip=set()))
    for kind in _PARTS:
        parts.append(f"\n### {kind.__name__}\n")
        parts.append(_keys(kind, skip=set()))
    return "\n".join(parts) + "\n"


def readme() -> str:
    """Return the project's first page with the number of sources as it is."""
    return re.sub(r"\d+(?= sources\]\()", str(len(SOURCES)), (FOLDER.parent / "README.md").read_text(encoding="utf-8"))


def _keys(kind: Any, *, skip: set[str]) -> str:
    meanings = _meanings(kind)
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for each in dataclasses.fields(kind):
        if each.name in skip:
            continue
        name = _WRITTEN.get(each.name, each.name)
        rows.append(f"| `{name}` | {_default(each)} | {meanings[each.name]} |")
    return "\n".join(rows)


def _default(key: Any) -> str:
    """Return what a key is where the file does not have it."""
    if key.name in _DEFAULTS:
        return _DEFAULTS[key.name]
    if key.default_factory is not dataclasses.MISSING:
        made = key.default_factory()
        named = {kind: name for kinds in TYPES.values() for name, kind in kinds.items()}
        if type(made) in named:
            return f"`{{type: {named[type(made)]}}}`"
        if isinstance(made, dict):
            return f"`{{{', '.join(f'{name}: {value}' for name, value in made.items())}}}`"
        return "its own defaults"
    return "required" if key.default is dataclasses.MISSING else _shown(key.default)


def _meanings(kind: Any) -> dict[str, str]:
    """Return the meaning of each attribute, from the docstring."""
    text = " ".join((kind.__doc__ or "").split())
    found = re.findall(r":ivar (\w+): (.*?)(?= :ivar |$)", text)
    return {name: text.strip().replace("``", "`").replace("|", "\\|") for name, text in found}


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "not set"
    if value in ((), frozenset()):
        return "`[]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if hasattr(value, "total_seconds"):
        return f"{value.total_seconds():.0f} s"
    return f"`{value}`"


def with_parts(name: str, parts: dict[str, str]) -> str:
    """Return a page that is written by hand, with its generated parts as they must be.

    :param parts: text of each part, by its name in the two comments around it.
    """
    text = (FOLDER / name).read_text(encoding="utf-8")
    for part, made in parts.items():
        start, end = re.escape(f"{part}: begin"), re.escape(f"{part}: end")
        pattern = rf"(^[^\n]*{start}[^\n]*\n).*?(^[^\n]*{end}[^\n]*$)"
        found = re.search(pattern, text, re.DOTALL | re.MULTILINE)
        if found is None:
            raise ValueError(f"{name} needs the comments '{part}: begin' and '{part}: end'")
        text = text[: found.start()] + f"{found[1]}{made}\n{found[2]}" + text[found.end() :]
    return text


PAGES = {
    "../README.md": readme,
    "athena.md": athena,
    "reference.md": reference,
    "pipelines.schema.json": lambda: schema(_meanings),
    "../audit_provider/provider_parts.json": provider_parts,
    "../audit_provider/operators/__init__.pyi": operator_types,
    "../audit_provider/__init__.py": lambda: with_parts("../audit_provider/__init__.py", public_names()),
    "connections.md": lambda: with_parts("connections.md", {"connections": connections()}),
    "formats.md": lambda: with_parts("formats.md", {"formats": formats()}),
    **destination_pages(),
    **source_pages(),
}

if __name__ == "__main__":
    (FOLDER / "sources").mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
