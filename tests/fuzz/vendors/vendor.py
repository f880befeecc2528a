"""One example as plain data, and the source that it describes."""

from __future__ import annotations

from typing import Any

import msgspec

from audit_provider.core.sources import REGISTRY, SourceSpec
from audit_provider.core.sources.inline import source_of


class Row(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A record of the log. Rows with the same id, mark and moment have the same bytes.

    :ivar late: seconds between its time and the moment at which it appears.
    :ivar run: it appears in this run, from 0, or in the first one after them all, :ivar request: before this request
        of it, from 0.
    :ivar name: the vendor's id; None for none. :ivar mark: what else tells it apart.
    :ivar odd: a value in it that JSON decoders trip over, see ``written.ODD``.
    :ivar gone: run at whose beginning it leaves the log; 0 for never.
    """

    late: int = 0
    run: int = 0
    request: int = 0
    name: str | int | None = None
    mark: str = "m"
    odd: str = ""
    gone: int = 0


class Run(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One run of the product.

    :ivar wait: seconds since the last one. :ivar trouble: request of the run to what goes wrong with it.
    :ivar kill: where the process dies: before a ``request``, or ``before`` or ``after`` a position is committed; and
    :ivar kill_at: which of them, from 0.
    """

    wait: int = 60
    trouble: dict[int, str] = {}
    kill: str = ""
    kill_at: int = 0


class Vendor(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A service, its log, and how it is read.

    What the source's description says:

    :ivar reading: its strategy, :ivar paging: its style, by their words in the pipelines file.
    :ivar size: of a page. :ivar method: of a request. :ivar records_at, id_at, time_at: dotted paths; of
        two with ``|`` between them a record has either.
    :ivar times: how bounds are written in requests, :ivar time_form: how records write their time, see ``written``.
    :ivar order: newest, oldest or shuffled. :ivar bounds: ``[`` and ``]`` are inclusive.
    :ivar way_at: where the way on stands: dotted path, or name of a header behind ``header:``.
    :ivar end: how the last page says that it is. :ivar declared: the description says that such an end is one.
    :ivar flag: a flag says whether there is more. :ivar total: the number of all records is given.
    :ivar goes_on: a cursor is given always, and an empty page is the end for now.
    :ivar sweeps: late events are looked for now and then, so that what was missed may be found by and by.
    :ivar behind: seconds by which reads end before now, :ivar strict: for an end in the future is refused.
    :ivar absent_ok: an answer without records is an empty page. :ivar recovery: another source reads by time.

    What HTTP, JSON and common sense leave open:

    :ivar skew: seconds by which the service's clock is ahead of the product's.
    :ivar empty: the form of a page without records. :ivar cursors: a cursor names a ``row``, or ``count`` rows.
    :ivar numbers: cursors are JSON numbers. :ivar keys: order of keys; ``each time`` differs within one record too.
    :ivar space, bom, escapes, packed, chunked, kind: of the body. :ivar case: of header names.
    :ivar link: form of the ``Link`` header, :ivar url: of URLs. :ivar file: of files.
    """

    reading: str = "closed_windows"
    paging: str = "cursor"
    seed: int = 0
    size: int = 3
    method: str = "GET"
    records_at: str = "data"
    id_at: str = "id"
    time_at: str = "at"
    times: str = "rfc3339"
    time_form: str = "rfc3339"
    order: str = "newest"
    bounds: str = "[]"
    way_at: str = "next"
    end: str = "null"
    declared: bool = True
    flag: bool = False
    total: bool = False
    goes_on: bool = False
    absent_ok: bool = False
    recovery: bool = False
    sweeps: bool = True
    behind: int = 0
    strict: bool = False

    skew: int = 0
    empty: str = "list"
    cursors: str = "row"
    numbers: bool = False
    keys: str = "as is"
    space: str = "none"
    bom: bool = False
    escapes: str = "few"
    packed: bool = False
    chunked: bool = False
    kind: str = "application/json"
    case: str = "Usual"
    link: str = "plain"
    url: str = "absolute"
    file: str = "plain"

    rows: tuple[Row, ...] = ()
    runs: tuple[Run, ...] = (Run(),)

    @property
    def lists_files(self) -> bool:
        """Whether the records of its list are files."""
        return self.reading == "file_export" and self.paging != "job"

    def as_json(self) -> str:
        """Return the example as a line."""
        return msgspec.json.encode(self).decode()


def read_vendor(line: str) -> Vendor:
    """Return the example of a line."""
    return msgspec.json.decode(line, type=Vendor)


ENDS = {"zero": 0, "zero text": "0", "minus": -1, "minus text": "-1", "word": "end"}
"""Ends of a list by a value in the place of the cursor."""

FLAG_AT, TOTAL_AT, PAGES_AT = "paging.more", "total", "page_count"
PATH = "/v1/events"


def source(vendor: Vendor) -> SourceSpec:
    """Return the source that describes the vendor.

    :raises ConfigurationError: its parts do not fit together.
    """
    return source_of(entry_of(vendor), "acme.source", dict(REGISTRY), "acme")


def entry_of(vendor: Vendor) -> dict[str, Any]:
    """Return the source as it stands in a pipelines file."""
    asked: dict[str, Any] = {"limit": vendor.size}
    by_time = {"from": "{start}", "to": "{end}"}
    if vendor.reading in ("closed_windows", "file_export"):
        asked |= by_time
    elif vendor.reading in ("tail_cursor", "id_keyset", "since_scan"):
        asked["from"] = "{start}"
    behind: dict[str, Any] = {"behind": vendor.behind} if vendor.behind else {}
    if not vendor.sweeps:
        behind |= {"sweep_reach": 0, "overlap": 900}
    entry: dict[str, Any] = {
        "base_url": "http://127.0.0.1",
        "request": _request(vendor, asked),
        "reading": {"type": vendor.reading, **READING.get(vendor.reading, {}), **behind},
        "times": vendor.times,
        "paging": paging_of(vendor),
        "records_at": vendor.records_at,
        "records_may_be_absent": vendor.absent_ok,
        "fields": {"id": vendor.id_at, "time": vendor.time_at, "action": "action"},
        "errors": ERRORS,
        "rate_limit": {"requests": 100_000, "per": 1},
    }
    if vendor.recovery:
        entry["recovery"] = {
            "request": _request(vendor, {"limit": vendor.size, **by_time}, path=f"{PATH}/search"),
            "reading": {"type": "closed_windows"},
            "paging": {"type": "page", "param": "page"},
        }
    if vendor.reading == "file_export":
        entry |= export_of(vendor)
    return entry


ERRORS = {
    "message_at": "error",
    "code_at": "code",
    "slow_codes": ["QUOTA_USED_UP"],
    "slow_texts": ["come back later"],
    "slow_wait": 17,
    "passing_codes": ["out_to_lunch"],
}
READING: dict[str, dict[str, Any]] = {"file_export": {"settle": 60, "min_width": 1, "overlap": 900}}


def _request(vendor: Vendor, asked: dict[str, Any], path: str = PATH) -> dict[str, Any]:
    if vendor.method == "GET":
        return {"method": "GET", "path": path, "params": asked}
    return {"method": "POST", "path": path, "body": asked}


def paging_of(vendor: Vendor) -> dict[str, Any]:
    """Return the description of its paging."""
    style, sent = vendor.paging, {"sent_in": "body"} if vendor.method == "POST" else {}
    ends: dict[str, Any] = {}
    if vendor.declared and vendor.end in ENDS:
        ends["ends_at"] = [ENDS[vendor.end]]
    if vendor.declared and vendor.end == "same":
        ends["ends_when_same"] = True
    flag = {"more_at": FLAG_AT} if vendor.flag else {}
    match style:
        case "cursor":
            on = {"ends_when_empty": True} if vendor.goes_on else {}
            return {"type": style, "param": "cursor", "cursor_at": vendor.way_at, **sent, **flag, **on, **ends}
        case "next_url":
            return {"type": style, "url_at": vendor.way_at, **ends}
        case "link":
            on = {"ends_when_empty": True} if vendor.goes_on else {}
            return {"type": style, **on, **({"results": True} if vendor.flag else {})}
        case "page":
            on = {"next_at": vendor.way_at} if vendor.end not in ("empty page", "last again", "pages") else {}
            if vendor.end == "pages":
                on["pages_at"] = PAGES_AT
            if vendor.end == "last again" and vendor.declared:
                on["ends_when_same"] = True
            return {
                "type": style,
                "param": "page",
                **sent,
                **flag,
                **on,
                **({"total_at": TOTAL_AT} if vendor.total else {}),
                **ends,
            }
        case "offset":
            return {"type": style, "param": "cursor", **sent, **({"total_at": TOTAL_AT} if vendor.total else {})}
        case "object_id":
            return {"type": style, "param": "cursor", "more_at": FLAG_AT if vendor.flag else vendor.way_at}
    return {"type": "none"}


def export_of(vendor: Vendor) -> dict[str, Any]:
    """Return what a source of files says beside the rest."""
    if vendor.lists_files:
        return {"export": {"type": "files", "id_at": "file", "created_at": "made", "url_at": "url"}}
    asked = {"from": "{start}", "to": "{end}"}
    return {
        "paging": {"type": "none"},
        "export": {
            "type": "job",
            "create": {"method": "POST", "path": "/v1/exports", "body": asked},
            "status": {"method": "GET", "path": "/v1/exports/{job}"},
            "id_at": "id",
            "state_at": "state",
            "url_at": "url",
            "ready": "ready",
            "pending": ["pending"],
        },
    }
