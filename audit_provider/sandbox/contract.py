"""What a vendor documents of its audit-log API, as a file: the stand-ins of most sources are made from it.

A contract is written from the vendor's pages, not from this package's description of the source, so that a wrong
parameter name there is refused here.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import yaml

from audit_provider.core.model import UTC
from audit_provider.sandbox.documented_call import Call

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contract:
    """One API.

    :ivar page: an example page, as the vendor shows it. :ivar records_at: where its records are.
    :ivar id_at: of a record's id, :ivar vary_at: of something that differs in records without one.
    :ivar time_at: of the time that is filtered and sorted by, :ivar time_kind: how it is written.
    :ivar happened_at: of the time it happened, where that is another: half a minute earlier.
    :ivar order: ``newest``, ``oldest`` or ``shuffled``. :ivar bounds: whether start and end are in a window.
    :ivar paging: ``style`` and where things stand. :ivar auth: headers that a request must carry.
    :ivar token: how a token is fetched. :ivar connection: what the user fills in. :ivar settings: likewise.
    :ivar refusal: status and body of an answer to a wrong credential.
    :ivar slow_down: an answer to too many requests: status, body, ``headers`` with the form of the wait in each, and
        ``fixed`` headers with their values.
    :ivar rate: requests per seconds, None where the vendor names no budget.
    :ivar page_size: where the vendor has no parameter for it. :ivar lookback: days; an older start is refused.
    :ivar by_time: another call over the same records, for windows.
    """

    name: str
    request: Call
    follow: Call | None
    by_time: Contract | None
    page: Any
    records_at: str
    id_at: str
    vary_at: str
    time_at: str
    time_kind: str
    happened_at: str
    order: str
    bounds: tuple[str, str]
    paging: Mapping[str, Any]
    auth: Mapping[str, str]
    token: Mapping[str, Any]
    connection: Mapping[str, Any]
    settings: Mapping[str, Any]
    refusal: Mapping[str, Any]
    slow_down: Mapping[str, Any]
    rate: tuple[int, float] | None
    page_size: int | None
    lookback: int | None

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The records of the example page."""
        found = at(self.page, self.records_at)
        return list(found)

    def page_of(self, records: list[Any]) -> Any:
        """Return the example page with other records."""
        if not self.records_at:
            return records
        page = copy.deepcopy(self.page)
        put(page, self.records_at, records)
        return page

    def wait_headers(self, seconds: int, now: datetime) -> dict[str, str]:
        """Return the headers of an answer to too many requests, which ask to wait so long."""
        until = datetime.fromtimestamp(math.ceil(now.timestamp()) + seconds, UTC)
        forms = {
            "seconds": str(seconds),
            "fraction": f"{seconds}.0",
            "epoch": str(written(until, "epoch")),
            "epoch_ms": str(written(until, "epoch_ms")),
            "iso": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "http_date": format_datetime(until, usegmt=True),
        }
        asked = {name: forms[form] for name, form in self.slow_down.get("headers", {}).items()}
        return asked | dict(self.slow_down.get("fixed", {}))

    def record(self, number: int, moment: datetime) -> dict[str, Any]:
        """Return the record of an event, after the vendor's example."""
        examples = self.examples
        record: dict[str, Any] = copy.deepcopy(examples[number % len(examples)])
        if self.id_at:
            known = at(record, self.id_at)
            put(record, self.id_at, 100_000 + number if isinstance(known, int) else f"{known}-{number:06}")
        else:
            put(record, self.vary_at, f"{at(record, self.vary_at)} {number}")
        put(record, self.time_at, written(moment, self.time_kind, like=at(record, self.time_at)))
        if self.happened_at:
            happened = moment - timedelta(seconds=30)
            put(record, self.happened_at, written(happened, self.time_kind, like=at(record, self.happened_at)))
        return record


def read_contract(folder: Path) -> Contract:
    """Return the contract of a folder: ``contract.yaml`` and the example page beside it."""
    entry = yaml.safe_load((folder / "contract.yaml").read_text(encoding="utf-8"))
    return _contract(folder, entry)


def _contract(folder: Path, entry: dict[str, Any]) -> Contract:
    by_time = entry.get("by_time")
    base = {key: value for key, value in entry.items() if key not in ("by_time", "follow")}
    page = folder / entry.get("page", "page.json")
    return Contract(
        name=folder.name,
        request=Call.of(entry["request"]),
        follow=Call.of(entry["follow"]) if "follow" in entry else None,
        by_time=_contract(folder, {**base, **by_time}) if by_time else None,
        page=json.loads(page.read_text(encoding="utf-8")),
        records_at=entry["records_at"],
        id_at=entry["id_at"],
        vary_at=entry.get("vary_at", ""),
        time_at=entry["time_at"],
        time_kind=entry.get("time_kind", "rfc3339"),
        happened_at=entry.get("happened_at", ""),
        order=entry["order"],
        bounds=tuple(entry.get("bounds", ("inclusive", "inclusive"))),
        paging=entry["paging"],
        auth=entry["auth"],
        token=entry.get("token", {}),
        connection=entry["connection"],
        settings=entry.get("settings", {}),
        refusal=entry.get("refusal", {"status": 401, "body": {}}),
        slow_down=entry.get("slow_down", {"status": 429, "headers": {"Retry-After": "seconds"}}),
        rate=tuple(entry["rate"]) if "rate" in entry else None,
        page_size=entry.get("page_size"),
        lookback=entry.get("lookback"),
    )


def at(content: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where it is absent."""
    for key in path.split(".") if path else ():
        content = content.get(key) if isinstance(content, dict) else None
    return content


def put(content: Any, path: str, value: Any) -> None:
    """Set what stands at a dotted path, making objects on the way."""
    *keys, last = path.split(".")
    for key in keys:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[last] = value


def remove(content: Any, path: str) -> None:
    """Remove what stands at a dotted path."""
    *keys, last = path.split(".")
    for key in keys:
        content = content.get(key) or {}
    content.pop(last, None)


def written(moment: datetime, kind: str, *, like: Any = None) -> Any:
    """Return a time as the vendor writes it: a number as a number, a text in the form of the example."""
    if kind == "epoch":
        return int(moment.timestamp())
    if kind == "epoch_ms":
        return (moment - _EPOCH) // _MILLISECOND
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"
    if isinstance(like, str) and "." not in like:
        text = text[:19]
    tail = re.search(r"(Z|[+-]\d\d:?\d\d)$", like) if isinstance(like, str) else None
    return text + (tail[1] if tail and tail[1].strip("+-:0") in ("", "Z") else "Z")
