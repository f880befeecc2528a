"""The files of a vendor: made to order, or listed, and how a CSV may be written."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fuzz.vendors.log import Held
from tests.fuzz.vendors.written import moment_from, time_of

if TYPE_CHECKING:
    from tests.fuzz.vendors.service import Asked, Reply, VendorService


@dataclass(frozen=True)
class Listed:
    """A file of a list."""

    name: str
    made: datetime
    url: str
    rows: tuple[Held, ...]
    number: int


WRITTEN = {
    "plain": lambda text: text.encode(),
    "BOM": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode(), mtime=0),
    "zip": lambda text: _zipped(text.encode()),
    "sep": lambda text: b"sep=,\r\n" + text.encode(),
    "semicolons": lambda text: _again(text, delimiter=";").encode(),
    "quoted": lambda text: _again(text, quoting=csv.QUOTE_ALL).encode(),
    "line feeds": lambda text: text.replace("\r\n", "\n").encode(),
    "no last line end": lambda text: text.rstrip("\r\n").encode(),
}
"""Forms of a file."""


def _zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("audit.csv"), content)
    return sink.getvalue()


def _again(text: str, **form: Any) -> str:
    sink = io.StringIO()
    csv.writer(sink, **form).writerows(csv.reader(io.StringIO(text)))
    return sink.getvalue()


def content(service: VendorService, rows: list[Held]) -> bytes:
    """Return a file of some rows."""
    sink, vendor = io.StringIO(), service.vendor
    writer = csv.writer(sink)
    writer.writerow(["id", "mark", "at", "action", "note"])
    for each in rows:
        note = 'says "hi", and\r\nleaves' if zlib.crc32(each.row.mark.encode()) % 2 else ""
        name = "" if each.row.name is None else each.row.name
        writer.writerow([name, each.row.mark, time_of(each.time, vendor.time_form), "login", note])
    service.met[f"file: {vendor.file}"] += 1
    return WRITTEN[vendor.file](sink.getvalue())


def listed(service: VendorService, start: datetime | None, end: datetime | None) -> list[Listed]:
    """Return the files that were made between two times, the oldest first: one for each span of ten minutes.

    A file is made once its span is over, and never changes.
    """
    spans: dict[int, list[Held]] = {}
    for each in service.log.rows:
        spans.setdefault(int(each.time.timestamp()) // 600, []).append(each)
    found = []
    for number, rows in sorted(spans.items()):
        made = datetime.fromtimestamp((number + 2) * 600, tz=service.now().tzinfo)
        if made > service.now() or (start and made < start) or (end and made > end):
            continue
        name = f"f{number}"
        rows = [each for each in rows if each.born <= made]
        found.append(Listed(name, made, f"{service.url}/files/{name}.csv", tuple(rows), number))
    return found


def answer(service: VendorService, asked: Asked) -> Reply | None:
    """Return the answer to a request for an export or a file; None to any other."""
    from tests.fuzz.vendors.service import Reply

    if asked.path == "/v1/exports" and asked.method == "POST":
        service.jobs.append((asked.given["from"], asked.given["to"]))
        return Reply(201, json.dumps({"id": f"j{len(service.jobs) - 1}", "state": "pending"}).encode())
    if asked.path.startswith("/v1/exports/"):
        name = asked.path.rpartition("/")[2]
        ready = service.looked(name) > service.vendor.seed % 3
        where = f"{service.url}/files/{name}.csv"
        state = {"id": name, "state": "ready", "url": where} if ready else {"id": name, "state": "pending", "url": None}
        return Reply(200, json.dumps(state).encode())
    if not asked.path.startswith("/files/"):
        return None
    name = asked.path.rpartition("/")[2].removesuffix(".csv")
    if name.startswith("j"):
        start, end = (moment_from(text, service.vendor.times) for text in service.jobs[int(name[1:])])
        rows = service.log.asked(start, end, "oldest")
    else:
        rows = list(next(each for each in listed(service, None, None) if each.name == name).rows)
    kind = "text/csv" if service.vendor.file not in ("gzip", "zip") else "application/octet-stream"
    return Reply(200, content(service, rows), [], rows, kind)
