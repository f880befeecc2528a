"""The service of a vendor: answers requests from its log, in its own ways, over real HTTP on this machine."""

from __future__ import annotations

import atexit
import base64
import functools
import gzip
import json
import socket
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from tests.fuzz.vendors import files
from tests.fuzz.vendors.log import Held, Log, key_in
from tests.fuzz.vendors.vendor import ENDS, FLAG_AT, PAGES_AT, PATH, TOTAL_AT, Vendor
from tests.fuzz.vendors.written import ODD, Writer, moment_from, put, time_of


@dataclass
class Reply:
    """What goes out. :ivar rows: that it holds. :ivar cut: half of the body is sent, then the connection ends."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Held] = field(default_factory=list)
    kind: str = "application/json"
    cut: bool = False


@dataclass(frozen=True)
class Asked:
    """A request. :ivar given: its parameters, of query and body."""

    method: str
    path: str
    given: dict[str, str]
    headers: Any

    @property
    def cursor(self) -> str:
        return self.given.get("cursor") or self.given.get("page") or ""


WAIT = 17
"""Seconds that an answer to too many requests asks for."""

LATER: dict[str, Callable[[datetime], Reply]] = {
    **{str(status): lambda _, status=status: Reply(status, b"busy") for status in (500, 502, 503, 504, 507, 508, 520)},
    **{str(status): lambda _, status=status: Reply(status, b"") for status in (521, 522, 523, 524, 529, 530, 599)},
    "408": lambda _: Reply(408, b""),
    "400 code": lambda _: Reply(400, b'{"code":"QUOTA_USED_UP","error":"no"}'),
    "403 words": lambda _: Reply(403, b'{"error":"You are fast: come back LATER."}'),
    "200 code": lambda _: Reply(200, b'{"code":"out_to_lunch","error":"no"}'),
    "503 page": lambda _: Reply(503, b"<html>Down for maintenance</html>", kind="text/html"),
    "429": lambda _: Reply(429, b'{"error":"slow down"}'),
    "429 seconds": lambda _: _limit(429, ("Retry-After", f"{WAIT}")),
    "429 fraction": lambda _: _limit(429, ("Retry-After", f"{WAIT}.5")),
    "429 unit": lambda _: _limit(429, ("Retry-After", f"{WAIT}s")),
    "429 date": lambda now: _limit(429, ("Retry-After", format_datetime(_until(now), usegmt=True))),
    "429 iso": lambda now: _limit(429, ("X-RateLimit-Reset", f"{_until(now):%Y-%m-%dT%H:%M:%SZ}")),
    "429 epoch": lambda now: _limit(429, ("X-RateLimit-Reset", str(int(_until(now).timestamp())))),
    "429 epoch ms": lambda now: _limit(429, ("X-RateLimit-Reset", str(int(_until(now).timestamp()) * 1000))),
    "429 twice": lambda _: _limit(429, ("Retry-After", f"{WAIT}"), ("Retry-After", f"{WAIT}")),
    "429 list": lambda _: _limit(429, ("Retry-After", f"3, {WAIT}")),
    "429 milliseconds": lambda _: _limit(429, ("Retry-After-Ms", f"{WAIT}000")),
    "429 structured": lambda _: _limit(429, ("RateLimit", f'"default";r=0;t={WAIT}')),
    "429 own name": lambda _: _limit(429, ("X-RateLimit-Requests-Reset", f"{WAIT}")),
    "403 wait": lambda _: _limit(403, ("Retry-After", f"{WAIT}")),
    "403 budget": lambda now: _limit(
        403, ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", str(int(_until(now).timestamp())))
    ),
}
"""Answers that mean "later"."""

BROKEN = ("cut", "reset", "page", "half", "refused", "empty object", "error inside", "hollow")
"""What else goes wrong: the body is cut, the connection ends, a login page comes, JSON is cut but whole by its length,
a cursor is refused, records are missing, an error stands in a 200, a page is empty though there is more."""


def _until(now: datetime) -> datetime:
    return now + timedelta(seconds=WAIT + 1)


def _limit(status: int, *headers: tuple[str, str]) -> Reply:
    return Reply(status, b'{"error":"too many requests"}', list(headers))


class GoneError(Exception):
    """What a cursor names is gone."""


class VendorService:
    """One vendor's service, while an example runs.

    :param now: the clock that it shares with the product.
    :ivar served: by run, the rows that whole answers held. :ivar met: what happened, by name.
    :ivar not_before: when the next request may come, since the last answer asked to wait.
    :ivar hurried: what was asked too early.
    """

    def __init__(self, vendor: Vendor, now: Callable[[], datetime]) -> None:
        self.vendor = vendor
        self.now = now
        self.log = Log(vendor)
        self.served: dict[int, list[Held]] = {}
        self.met: Counter[str] = Counter()
        self.not_before: tuple[datetime, str] | None = None
        self.hurried: list[str] = []
        self.wrong: list[str] = []
        self.url = ""
        self._run = 0
        self._requests = 0
        self._trouble: dict[int, str] = {}
        self._lock = threading.Lock()
        self.jobs: list[tuple[str, str]] = []
        self._looks: Counter[str] = Counter()

    def looked(self, job: str) -> int:
        """Count a look at an export, and return how many there were."""
        self._looks[job] += 1
        return self._looks[job]

    def time(self) -> datetime:
        """Return what the service's own clock shows."""
        return self.now() + timedelta(seconds=self.vendor.skew)

    def begin(self, run: int, trouble: dict[int, str]) -> None:
        """Begin another run."""
        self._run, self._requests, self._trouble = run, 0, trouble
        self.served[run] = []
        self.log.advance(run, 0, self.time())

    def answer(self, asked: Asked) -> Reply:
        """Answer as the vendor does."""
        with self._lock:
            number = self._requests
            self._requests += 1
            before = len(self.log.held)
            self.log.advance(self._run, number, self.time())
            if number and len(self.log.held) > before:
                self.met["rows arrive while the list is read"] += 1
            if self.not_before and self.now() < self.not_before[0]:
                self.hurried.append(self.not_before[1])
            self.not_before = None
            reply = self._spoiled(asked, self._trouble.get(number, ""))
            if not reply.cut:
                self.served[self._run] += reply.rows
            return reply

    def _spoiled(self, asked: Asked, trouble: str) -> Reply:
        if trouble in LATER:
            self.met[f"later: {trouble}"] += 1
            reply = LATER[trouble](self.now())
            if any(str(WAIT) in value or "Reset" in name for name, value in reply.headers):
                self.not_before = self.now() + timedelta(seconds=WAIT - 1), trouble
            return reply
        if trouble == "refused" and not asked.cursor:
            trouble = ""
        if trouble == "half" and asked.path.startswith("/files/"):
            trouble = ""  # nobody can tell half of a CSV file from a whole one
        if trouble == "empty object" and (self.vendor.absent_ok or not self.vendor.records_at):
            trouble = ""
        if trouble:
            self.met[f"broken: {trouble}"] += 1
        match trouble:
            case "reset":
                return Reply(0, cut=True)
            case "page":
                return Reply(200, b"<!DOCTYPE html><html>Please sign in</html>", kind="text/html")
            case "refused":
                return Reply(400, b'{"error":"the cursor is no longer valid"}')
            case "empty object":
                return Reply(200, b"{}")
            case "error inside":
                return Reply(200, b'{"error":"internal error"}')
        reply = self._answered(asked, hollow=trouble == "hollow")
        if trouble == "cut":
            reply.cut = True
        if trouble == "half" and reply.body:
            reply.body, reply.rows = reply.body[: len(reply.body) // 2], []
            reply.headers = [pair for pair in reply.headers if pair[0].lower() != "content-encoding"]
        return reply

    def _answered(self, asked: Asked, *, hollow: bool) -> Reply:
        vendor = self.vendor
        try:
            if vendor.reading == "file_export" and (reply := files.answer(self, asked)):
                return reply
            if asked.path not in (PATH, f"{PATH}/search"):
                return self._refused(f"there is no {asked.path}", 404)
            return self._page(asked, hollow=hollow)
        except GoneError:
            return Reply(400, b'{"error":"there is no such object"}')
        except (ValueError, KeyError) as error:
            return self._refused(f"{type(error).__name__}: {error}", 400)

    def _refused(self, why: str, status: int) -> Reply:
        self.wrong.append(why)
        return Reply(status, json.dumps({"error": why}).encode())

    # A page of the list

    def _page(self, asked: Asked, *, hollow: bool) -> Reply:
        vendor, given = self.vendor, asked.given
        by_time = asked.path.endswith("/search")
        start, end = (moment_from(given[key], vendor.times) if key in given else None for key in ("from", "to"))
        if vendor.strict and end and end > self.time():
            return Reply(400, b'{"error":"the end must not be in the future"}')
        style = "page" if by_time else vendor.paging
        tail = vendor.reading == "tail_cursor" and not by_time
        order = "arrival" if tail else "oldest" if by_time else vendor.order
        rows: list[Any] = self.log.asked(start, end, order)
        if vendor.lists_files and not by_time:
            rows = files.listed(self, start, end)
        size = len(rows) if style == "none" else vendor.size
        begin = self._begin(style, asked.cursor, rows, order, size)
        if style == "page" and not by_time and vendor.end == "last again" and rows and begin >= len(rows):
            begin = (len(rows) - 1) // size * size
            self.met["end: last again"] += 1
        # Where an empty page is the end, one that is not would be a lie.
        hollow = hollow and (style in ("cursor", "next_url", "link") or (style == "object_id" and vendor.flag))
        page = [] if hollow else rows[begin : begin + size]
        more = len(rows) > begin + len(page) and bool(page or hollow)
        reached = begin + len(page)
        content: dict[str, Any] = {}
        headers: list[tuple[str, str]] = []
        if not by_time:
            self._lead_on(asked, content, headers, rows, page, reached, more, order)
        reply = self._written_page(page, content, headers, more=more)
        self.met[f"paging: {style}"] += 1
        return reply

    def _begin(self, style: str, cursor: str, rows: list[Any], order: str, size: int) -> int:
        """Return how many rows lie before the page."""
        if not cursor or style == "none":
            return 0
        if style == "page":
            return (int(cursor) - 1) * size
        if style == "offset":
            return int(cursor)
        if style == "object_id":
            at = next((n for n, each in enumerate(rows) if str(each.row.name) == cursor), None)
            if at is None:
                raise GoneError
            return at + 1
        if self.vendor.numbers:
            return int(cursor) - 1
        kind, where = json.loads(base64.b64decode(cursor))[:2]
        if kind == "count":
            return int(where)
        last = next(each for each in self.log.held if each.number == where)
        key = key_in(order)
        return sum(1 for each in rows if key(each) <= key(last))

    def _cursor(self, rows: list[Any], reached: int, order: str) -> Any:
        if self.vendor.numbers:
            return reached + 1
        nonce = self._requests
        if self.vendor.cursors == "count" or self.vendor.lists_files or not reached:
            made = json.dumps(["count", reached, nonce])
        else:
            made = json.dumps(["row", rows[reached - 1].number, nonce])
        return base64.b64encode(made.encode()).decode()

    def _lead_on(
        self,
        asked: Asked,
        content: dict[str, Any],
        headers: list[tuple[str, str]],
        rows: list[Any],
        page: list[Any],
        reached: int,
        more: bool,
        order: str,
    ) -> None:
        """Put the way to the next page where the vendor puts it."""
        vendor = self.vendor
        if vendor.total:
            put(content, TOTAL_AT, len(rows))
        if vendor.flag and vendor.paging != "link":
            put(content, FLAG_AT, more)
        given = more or vendor.goes_on or (vendor.flag and vendor.end == "always")
        match vendor.paging:
            case "cursor" | "next_url":
                cursor = self._cursor(rows, reached, order)
                if vendor.goes_on and not page and asked.cursor:
                    cursor = int(asked.cursor) if vendor.numbers else asked.cursor
                value = cursor if vendor.paging == "cursor" else self._url(asked, cursor)
                if given:
                    self._put_way(content, headers, value)
                else:
                    self._put_end(content, headers, asked)
            case "link":
                if given or vendor.flag:
                    cursor = asked.cursor if not page and asked.cursor else self._cursor(rows, reached, order)
                    self._put_link(headers, self._url(asked, cursor), more=more)
                else:
                    self.met["end: no link"] += 1
                    if vendor.seed % 2:
                        headers.append(("Link", f'<{self.url}{PATH}>; rel="first"'))
            case "page":
                here = int(asked.given.get("page") or 1)
                if vendor.end == "pages":
                    put(content, PAGES_AT, -(-len(rows) // vendor.size))
                    self.met["end: pages"] += 1
                elif vendor.end == "empty page":
                    self.met["end: empty page"] += 1
                elif vendor.end != "last again":
                    if more:
                        self._put_way(content, headers, here + 1)
                    else:
                        self._put_end(content, headers, asked)
            case "object_id":
                if vendor.flag:
                    return
                if more:
                    self._put_way(content, headers, str(page[-1].row.name) if page else asked.cursor)
                else:
                    self._put_end(content, headers, asked)

    def _put_way(self, content: dict[str, Any], headers: list[tuple[str, str]], value: Any) -> None:
        place, name = self.vendor.way_at, self.vendor.way_at.partition("header:")[2].strip()
        if name:
            self.met["way on in a header"] += 1
            headers.append((name, str(value)))
        elif self.vendor.url == "href":
            put(content, place, {"href": value})
        else:
            put(content, place, value)

    def _put_end(self, content: dict[str, Any], headers: list[tuple[str, str]], asked: Asked) -> None:
        end = self.vendor.end
        self.met[f"end: {end}"] += 1
        if end == "same" and asked.cursor:
            self._put_way(content, headers, int(asked.cursor) if self.vendor.numbers else asked.cursor)
        elif end in ENDS:
            self._put_way(content, headers, ENDS[end])
        elif end == "empty text":
            self._put_way(content, headers, "")
        elif end == "false" and not self.vendor.way_at.startswith("header:"):
            put(content, self.vendor.way_at, False)
        elif end in ("null", "same") and not self.vendor.way_at.startswith("header:"):
            put(content, self.vendor.way_at, None)
        elif end == "parent null" and "." in self.vendor.way_at.replace("\\.", ""):
            put(content, self.vendor.way_at.replace("\\.", "\0").rpartition(".")[0].replace("\0", "\\."), None)

    def _url(self, asked: Asked, cursor: Any) -> str:
        query = {key: value for key, value in asked.given.items() if asked.method == "GET"} | {"cursor": str(cursor)}
        text = urlencode(query, quote_via=quote) if self.vendor.seed % 2 else urlencode(query)
        port = urlsplit(self.url).port
        match self.vendor.url:
            case "path":
                return f"{PATH}?{text}"
            case "query":
                return f"?{text}"
            case "relative":
                return f"events?{text}"
            case "fragment":
                return f"{self.url}{PATH}?{text}#top"
            case "scheme in capitals":
                return f"HTTP://127.0.0.1:{port}{PATH}?{text}"
            case "other scheme":
                return f"https://127.0.0.1:{port}{PATH}?{text}"
            case "no port":
                return f"http://127.0.0.1{PATH}?{text}"
            case "no scheme":
                return f"//127.0.0.1:{port}{PATH}?{text}"
            case "semicolon":
                return f"{self.url}{PATH}?f=a;b,c&{text}"
        return f"{self.url}{PATH}?{text}"

    def _put_link(self, headers: list[tuple[str, str]], url: str, *, more: bool) -> None:
        results = f'; results="{"true" if more else "false"}"' if self.vendor.flag else ""
        self.met[f"link: {self.vendor.link}"] += 1
        headers += [("Link", each.replace(f"<{url}>", f"<{url}>{results}")) for each in links(self.vendor.link, url)]

    def _written_page(
        self, page: list[Any], content: dict[str, Any], headers: list[tuple[str, str]], *, more: bool
    ) -> Reply:
        vendor = self.vendor
        writer = Writer(vendor, Random(f"{vendor.seed} {self._run} {self._requests}"))
        records = [self.record(each, writer) for each in page]
        rows = [] if vendor.lists_files else page
        if not page:
            self.met[f"empty: {vendor.empty}"] += 1
            if not more and not headers and vendor.empty in ("204", "nothing"):
                return Reply(204 if vendor.empty == "204" else 200, b"", headers)
        if vendor.records_at == "":
            return self._reply(writer.json(records), headers, rows)
        if page or vendor.empty not in ("null", "absent"):
            put(content, vendor.records_at, records)
        elif vendor.empty == "null":
            put(content, vendor.records_at, None)
        content["took"] = 3
        return self._reply(writer.json(content), headers, rows)

    def record(self, each: Any, writer: Writer) -> bytes:
        """Return a record as it is written; always the same bytes, unless the vendor orders keys anew each time."""
        if isinstance(each, files.Listed):
            return writer.json({"file": each.name, "made": f"{each.made:%Y-%m-%dT%H:%M:%SZ}", "url": each.url})
        vendor, row = self.vendor, each.row
        if vendor.keys != "each time":
            writer = Writer(vendor, Random(f"{vendor.seed} {row.name} {row.mark}"))
        record: dict[str, Any] = {
            "mark": row.mark,
            "action": "user/login é",
            "ip": "203.0.113.9",
            "by": {"who": ["z", 1]},
        }
        if row.name is not None:
            put(record, vendor.id_at or "id", row.name)
        paths = [path.strip() for path in vendor.time_at.split("|")]
        put(record, paths[zlib.crc32(row.mark.encode()) % len(paths)], time_of(each.time, vendor.time_form))
        if row.odd:
            self.met[f"odd: {row.odd}"] += 1
            record["odd"] = ODD[row.odd]
        return writer.json(record)

    def _reply(self, body: bytes, headers: list[tuple[str, str]], rows: list[Held]) -> Reply:
        if self.vendor.bom:
            body = b"\xef\xbb\xbf" + body
        return Reply(200, body, headers, rows, self.vendor.kind)


LINKS = {
    "plain": lambda u: [f'<{u}>; rel="next"'],
    "unquoted": lambda u: [f"<{u}>; rel=next"],
    "capitals": lambda u: [f'<{u}>; REL="Next"'],
    "no space": lambda u: [f'<{u}>;rel="next"'],
    "parameter before": lambda u: [f'<{u}>; title="a=b"; rel="next"'],
    "parameter behind": lambda u: [f'<{u}>; rel="next"; title="a=b"; cursor="YWJj=="'],
    "no value": lambda u: [f'<{u}>; crossorigin; rel="next"'],
    "words": lambda u: [f'<{u}>; rel="next last"'],
    "more words": lambda u: [f'<{u}>; rel="last  next"'],
    "quoted": lambda u: [rf'<{u}>; title="a, <b>; rel=\"prev\""; rel="next"'],
    "comma in title": lambda u: [f'<{u}>; title="a, b"; rel="next", <{u}x>; title="<c>"; rel="last"'],
    "star": lambda u: [f"<{u}>; title*=UTF-8''n%C3%A9xt; rel=next"],
    "spaces": lambda u: [f'<{u}> ; rel = "next"'],
    "several": lambda u: [f'<{u}x>; rel="prev", <{u}>; rel="next", <{u}x>; rel="last"'],
    "two headers": lambda u: [f'<{u}x>; rel="first"', f'<{u}>; rel="next"'],
    "empty elements": lambda u: [f', ,<{u}>; rel="next", ,'],
    "rel twice": lambda u: [f'<{u}>; rel="next"; rel="prev"'],
    "trailing semicolon": lambda u: [f'<{u}>; rel="next";'],
}
"""Forms of a ``Link`` header that RFC 8288 allows."""


def links(form: str, url: str) -> list[str]:
    """Return the values of ``Link`` headers that lead on to ``url``."""
    return LINKS[form](url)


def written_as(name: str, case: str) -> str:
    """Return a header's name as a vendor writes it."""
    match case:
        case "small":
            return name.lower()
        case "CAPITALS":
            return name.upper()
        case "mIxEd":
            return "".join(c.upper() if n % 2 else c.lower() for n, c in enumerate(name))
    return name


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        service: VendorService = self.server.service  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        if body and "json" in self.headers.get("Content-Type", ""):
            given |= {key: str(value) for key, value in json.loads(body).items()}
        reply = service.answer(Asked(self.command, parts.path, given, self.headers))
        if not reply.status:
            self.close_connection = True
            return
        vendor, content = service.vendor, reply.body
        headers = [("Content-Type", reply.kind)] if reply.kind else []
        headers += reply.headers
        if vendor.packed and content and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content, mtime=0)
            headers.append(("Content-Encoding", "gzip"))
            service.met["packed"] += 1
        if reply.status != 204:
            if vendor.chunked and not reply.cut:
                headers.append(("Transfer-Encoding", "chunked"))
                content = chunks(content)
                service.met["chunked"] += 1
            else:
                headers.append(("Content-Length", str(len(content))))
        lines = [f"HTTP/1.1 {reply.status} Reply"]
        lines += [f"{written_as(name, vendor.case)}: {value}" for name, value in headers]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + (content[: len(content) // 2] if reply.cut else content))
        if reply.cut:
            self.close_connection = True

    do_GET = _serve  # noqa: N815
    do_POST = _serve  # noqa: N815


def chunks(content: bytes) -> bytes:
    """Return a body in chunks."""
    parts = [content[at : at + 40] for at in range(0, len(content), 40)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no news."""


@functools.cache
def server() -> _Server:
    """Return the one server of this process; its ``service`` is the vendor that it stands for."""
    made = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    atexit.register(made.server_close)
    atexit.register(made.shutdown)
    return made
