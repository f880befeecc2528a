"""Examples, as hypothesis makes them: what fits together is drawn, most of it plain and some of it strange."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fuzz.vendors.files import WRITTEN
from tests.fuzz.vendors.service import BROKEN, LATER, LINKS
from tests.fuzz.vendors.vendor import ENDS, Row, Run, Vendor
from tests.fuzz.vendors.written import NO_TIMES, ODD, TIMES

LISTS = ("none", "cursor", "next_url", "link", "page", "offset", "object_id")
PAIRS = [
    *(("closed_windows", paging) for paging in LISTS),
    *(("tail_cursor", paging) for paging in ("cursor", "next_url", "link")),
    ("id_keyset", "object_id"),
    *(("since_scan", paging) for paging in LISTS),
    *(("head_scan", paging) for paging in LISTS),
    *(("measured_list", paging) for paging in ("cursor", "next_url", "link", "page", "object_id")),
    *(("file_export", paging) for paging in ("job", "none", "cursor", "link", "page")),
]
"""Every reading strategy with every style of paging that fits it."""

WAYS = ("next", "meta.next", "@odata\\.nextLink", "links.a\\.b.next", "header: X-Next-Page")
VALUE_ENDS = ("null", "empty text", "absent", "false", "parent null")
URLS = ("absolute", "path", "query", "relative", "fragment", "scheme in capitals", "no scheme", "semicolon")
PROXIED = ("other scheme", "no port")
"""URLs as an API behind a proxy gives them: of the same host, and yet not of its address."""

KINDS = (
    "application/json",
    "application/json; charset=utf-8",
    "application/vnd.api+json",
    "text/plain",
    "text/json;charset=UTF-8",
    "",
)
EMPTIES = ("list", "null", "absent", "204", "nothing")


def seldom(*plain: Any, strange: Any) -> st.SearchStrategy[Any]:
    """Return the plain values half of the time."""
    return st.sampled_from(plain) | st.sampled_from(list(strange))


@st.composite
def vendors(draw: st.DrawFn, reading: str, paging: str) -> Vendor:
    """Return an example of one reading strategy and one style of paging."""
    of: dict[str, Any] = {"reading": reading, "paging": paging}
    of |= draw(descriptions(reading, paging))
    of |= draw(habits(reading, paging, of))
    rows = draw(logs(of))
    return Vendor(**of, rows=tuple(rows), runs=tuple(draw(st.lists(runs(), min_size=1, max_size=3))))


@st.composite
def descriptions(draw: st.DrawFn, reading: str, paging: str) -> dict[str, Any]:
    """Return what the description of a source says."""
    files = reading == "file_export"
    by_id = paging == "object_id"
    of: dict[str, Any] = {
        "size": draw(st.integers(1, 5)),
        "method": "GET" if files else draw(seldom("GET", strange=["GET", "POST"])),
        "id_at": "id" if files else draw(st.sampled_from(["id", "id", "meta.uid", *([] if by_id else [""])])),
        "time_at": "at" if files else draw(st.sampled_from(["at", "event.time", "when | meta.at"])),
        "times": draw(st.sampled_from(["rfc3339", "rfc3339_ms", "rfc3339_no_zone", "datetime", "epoch", "epoch_ms"])),
        "absent_ok": draw(st.booleans()),
        "way_at": draw(st.sampled_from(WAYS)),
    }
    if reading in ("closed_windows", "since_scan", "head_scan"):
        of["sweeps"] = draw(st.sampled_from([True, False, False]))
    if reading == "closed_windows":
        of["times"] = draw(st.sampled_from([of["times"], of["times"], of["times"], "date", "rfc3339_hour"]))
        of["order"] = draw(st.sampled_from(["newest", "oldest", "shuffled"]))
        of["bounds"] = draw(st.sampled_from(["[]", "[)", "(]", "()"]))
        of["strict"] = of["times"] not in ("date", "rfc3339_hour") and draw(st.sampled_from([False, False, True]))
        of["behind"] = 120 if of["strict"] else draw(st.sampled_from([0, 0, 300]))
    if reading in ("since_scan", "head_scan"):
        of["order"] = draw(st.sampled_from(["newest", "newest", "oldest", "shuffled"]))
        of["bounds"] = draw(st.sampled_from(["[]", "(]"]))
    if reading == "id_keyset":
        of["recovery"] = draw(st.booleans())
        of["order"] = draw(st.sampled_from(["oldest", "oldest", "newest"])) if of["recovery"] else "oldest"
    if reading == "measured_list":
        of["recovery"] = True
        of["order"] = draw(st.sampled_from(["newest", "oldest", "shuffled"]))
    if reading == "tail_cursor":
        of["recovery"] = draw(st.booleans())
    places = ["data", "data", "result.items"]
    of["records_at"] = draw(st.sampled_from(places))
    match paging:
        case "cursor":
            of["flag"] = draw(st.booleans())
            of["end"] = draw(seldom("null", strange=[*VALUE_ENDS, *ENDS, "same", *(["always"] if of["flag"] else [])]))
            of["goes_on"] = reading == "tail_cursor" and not of["flag"] and draw(st.booleans())
        case "next_url":
            of["end"] = draw(st.sampled_from(VALUE_ENDS))
        case "link":
            of["goes_on"] = reading == "tail_cursor" and draw(st.booleans())
            of["flag"] = not of["goes_on"] and draw(st.booleans())
        case "page":
            again = () if reading == "measured_list" else ("last again",)  # refused, where records have no id
            of["end"] = draw(st.sampled_from(["empty page", "empty page", "pages", *again, *VALUE_ENDS]))
            of["flag"] = of["end"] == "empty page" and draw(st.booleans())
            of["total"] = draw(st.booleans())
        case "offset":
            of["total"] = draw(st.booleans())
        case "object_id":
            of["flag"] = draw(st.booleans())
            of["end"] = draw(st.sampled_from(VALUE_ENDS))
    # An answer that is the list itself has room for nothing else.
    beside = [of.get("total"), of.get("flag") and paging != "link", of.get("end") == "pages"]
    beside += [paging in ("cursor", "next_url", "object_id") and not of["way_at"].startswith("header:")]
    beside += [paging == "page" and of["end"] in VALUE_ENDS and not of["way_at"].startswith("header:")]
    if not any(beside) and draw(st.booleans()):
        of["records_at"] = ""
    if of.get("end") in (*ENDS, "same", "last again"):
        of["declared"] = draw(st.sampled_from([True, True, True, False]))
    return of


@st.composite
def habits(draw: st.DrawFn, reading: str, paging: str, of: dict[str, Any]) -> dict[str, Any]:
    """Return what HTTP, JSON and common sense leave open."""
    habit: dict[str, Any] = {
        "seed": draw(st.integers(0, 9)),
        "skew": 0 if reading == "file_export" else draw(st.sampled_from([0, 0, 0, -40, 40])),
        "time_form": draw(seldom("rfc3339", strange=[*TIMES, *NO_TIMES])),
        "empty": draw(st.sampled_from(EMPTIES if of["absent_ok"] else ("list",) * 12 + EMPTIES)),
        "keys": draw(seldom("as is", strange=["as is", "shuffled", "each time"])),
        "space": draw(st.sampled_from(["none", "spaces", "lines"])),
        "bom": draw(st.sampled_from([False, False, True])),
        "escapes": draw(st.sampled_from(["few", "all", "slashes", "none"])),
        "packed": draw(st.booleans()),
        "chunked": draw(st.booleans()),
        "kind": draw(seldom("application/json", strange=KINDS)),
        "case": draw(st.sampled_from(["Usual", "small", "CAPITALS", "mIxEd"])),
    }
    if paging in ("cursor", "next_url", "link"):
        habit["cursors"] = draw(st.sampled_from(["row", "row", "count"]))
        habit["numbers"] = paging == "cursor" and habit["cursors"] == "count" and draw(st.booleans())
    if paging in ("next_url", "link"):
        objects = ["href"] if paging == "next_url" and not of["way_at"].startswith("header:") else []
        habit["url"] = draw(seldom("absolute", strange=[*URLS, *PROXIED, *objects]))
    if paging == "link":
        habit["link"] = draw(seldom("plain", strange=LINKS))
    if reading == "file_export":
        habit["file"] = draw(seldom("plain", strange=WRITTEN))
        # A file is text: nothing in it is a number.
        habit["time_form"] = draw(seldom("rfc3339", strange=["offset", "milliseconds", "space", "epoch text"]))
    return habit


@st.composite
def logs(draw: st.DrawFn, of: dict[str, Any]) -> list[Row]:
    """Return the rows of a log: some at the beginning, some later, some of them alike."""
    files = of["reading"] == "file_export"
    named = of["paging"] == "object_id" or (files and of["paging"] != "job")
    shifts = of["paging"] in ("page", "offset") or of.get("cursors") == "count"
    rows: list[Row] = []
    for number in range(draw(st.integers(2, 11))):
        kind = "new" if not rows else draw(st.sampled_from(["new", "new", "new", "twin", "same id", "no id", "later"]))
        late = draw(st.integers(1, 7200))
        run, request = 0, 0
        if kind == "later" or draw(st.integers(0, 3)) == 0:
            run, request = draw(st.integers(0, 3)), draw(st.sampled_from([0, 0, 1, 2, 3]))
            late = 0 if files else draw(st.integers(0, 500))
        name: str | int | None = f"e{number}" if draw(st.integers(0, 9)) else number + 1000
        mark = f"m{number}"
        if kind == "twin" and not named:
            rows.append(rows[draw(st.integers(0, len(rows) - 1))])
            continue
        if kind == "same id" and not named:
            name = rows[draw(st.integers(0, len(rows) - 1))].name
        if (kind == "no id" or not of["id_at"]) and not named:
            name = None if draw(st.booleans()) or not of["id_at"] else ""
        odd = "" if files or draw(st.integers(0, 11)) else draw(st.sampled_from(list(ODD)))
        gone = 0
        if run == 0 and not shifts and not files and draw(st.integers(0, 7)) == 0:
            gone = draw(st.integers(1, 3))
        rows.append(Row(late=late, run=run, request=request, name=name, mark=mark, odd=odd, gone=gone))
    nameless = any(not of["id_at"] or each.name in (None, "") for each in rows)
    return [_calm(each, of) for each in rows] if shifts and nameless else rows


def _calm(row: Row, of: dict[str, Any]) -> Row:
    """Return a row that comes in only where it does no harm to a list of records without an id, read by their number.

    It pushes them to the next page, where nobody can tell them from others that are alike. Only windows bear that, for
    they end where no row comes in any more.
    """
    if not row.request:
        return row
    settled = of["reading"] == "closed_windows" and not of["id_at"] and of["paging"] in ("page", "offset")
    settled = settled and of["times"] not in ("date", "rfc3339_hour")
    return replace(row, late=min(row.late, 60)) if settled else replace(row, request=0)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Return a run: quiet, in trouble, or killed."""
    troubles = st.sampled_from(list(LATER)) | st.sampled_from(BROKEN)
    trouble = draw(st.dictionaries(st.integers(0, 6), troubles, max_size=3))
    kill = draw(st.sampled_from(["", "", "request", "before", "after"]))
    wait = draw(st.sampled_from([30, 60, 300, 1000, 4000]))
    return Run(wait=wait, trouble=trouble, kill=kill, kill_at=draw(st.integers(0, 5)) if kill else 0)
