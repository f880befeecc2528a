"""A local API that serves pages as fast as possible, and a collector that accepts anything. Neither is the limit."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from audit_provider.sandbox.events import generate

PAGE = 1000
EVENT_BYTES = 700
DAYS = 29
_TAG = b"@@@@@@@@"
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def page_body(day: int = 0) -> bytes:
    """Return a page of one day's sandbox records, of about ``EVENT_BYTES`` each, with a placeholder in their ids."""
    begin = _START + timedelta(days=day)
    records = generate(PAGE, begin, begin + timedelta(days=1), seed=day)
    for record in records:
        record["id"] = f"{record['id'][:-8]}{_TAG.decode()}"
    body = [json.dumps(record, ensure_ascii=False) for record in records]
    lacking = EVENT_BYTES - sum(len(each.encode()) for each in body) // PAGE
    if not -60 < lacking < 60:
        raise SystemExit(f"the sandbox's events are {EVENT_BYTES - lacking} bytes on average")
    return ",".join(body).encode()


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def reply(self, *parts: bytes, status: int = 200, etag: str = "") -> None:
        """Answer with JSON, in parts: joining them would cost as much CPU as the measured work."""
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(sum(map(len, parts))))
        self.end_headers()
        for part in parts:
            self.wfile.write(part)


def api(pages: int) -> ThreadingHTTPServer:
    """Return a server of ``pages`` pages over ``DAYS`` days, oldest first; with 0, of one empty page.

    The cursor is the page's number.
    """
    bodies = [page_body(day) for day in range(DAYS)]

    class Handler(_Quiet):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            number = int(asked.get("cursor") or 0)
            more = number + 1 < pages
            tail = json.dumps({"cursor": str(number + 1) if more else "", "has_next_page": more}).encode()
            data = bodies[number * DAYS // pages].replace(_TAG, b"%08d" % number) if pages else b""
            self.reply(b'{"data":[', data, b'],"pagination":' + tail + b',"request_id":"r"}')

    return _started(Handler)


def collector(delay: float = 0.0) -> ThreadingHTTPServer:
    """Return a server that accepts any batch and any object, and answers like each intake.

    :param delay: seconds until an answer, as over a slow network.
    """

    class Handler(_Quiet):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(delay)
            if "/_bulk" in self.path:
                count = gzip.decompress(body).count(b"\n") // 2
                items = b",".join([b'{"create":{"_index":"i","status":201}}'] * count)
                self.reply(b'{"errors":false,"items":[' + items + b"]}")
            elif "/dataCollectionRules/" in self.path:
                self.reply(b"", status=204)
            elif self.path.startswith("/api/v2/logs"):
                self.reply(b"{}", status=202)
            else:
                self.reply(b'{"text":"Success","code":0}')

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            # Each store returns an ETag for what it has stored; without it, the client would fetch it again.
            self.reply(b"", etag='"0"')

    return _started(Handler)


def _started(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
