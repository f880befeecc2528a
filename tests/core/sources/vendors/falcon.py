"""A stand-in of the event streams of CrowdStrike Falcon, over real HTTP: answers that do not end."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

FEED = "/sensors/entities/datafeed/v1"


class Falcon:
    """A customer's streams.

    :ivar lines: by partition, what each holds: bytes of a line with its offset. :ivar kept_from: by partition, the
        first offset that is still kept. :ivar inclusive: the event at the offset that is asked for comes again.
    :ivar cut_after: lines after which a connection is cut, None for never. :ivar tail: what is sent behind the last
        line. :ivar ends: the service ends its answer itself. :ivar status: of the feeds. :ivar page: a web page that
        comes in their place. :ivar errors: beside the list of feeds. :ivar opened: offsets that were asked for.
        :ivar tokens: that were given for feeds.
    """

    def __init__(self):
        self.lines = {"0": []}
        self.kept_from = {}
        self.inclusive = False
        self.cut_after = None
        self.tail = b"\r\n"
        self.ends = False
        self.status = 200
        self.page = None
        self.errors = []
        self.busy = False
        self.opened = []
        self.tokens = 0
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.falcon = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def add(self, moment, partition="0", offset=None, **event):
        """Let an event happen."""
        lines = self.lines.setdefault(partition, [])
        offset = offset or len(lines) + 1
        meta = {"customerIDString": "c1", "offset": offset, "eventType": "AuthActivityAuditEvent"}
        meta["eventCreationTime"] = int(moment.timestamp() * 1000)
        shown = {"UserId": "zoë@example.com", "UserIp": "203.0.113.9", "OperationName": "userAuthenticate", **event}
        line = json.dumps({"metadata": meta, "event": {**shown, "Success": True, "n": f"{partition}-{offset}"}})
        lines.append((offset, line.encode()))

    def all(self):
        return sorted(line for lines in self.lines.values() for _, line in lines)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Keep quiet."""

    def do_POST(self):
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if sent.get("client_secret") != ["secret-1"]:
            return self._json(403, {"errors": [{"code": 403, "message": "access denied, invalid client"}]})
        return self._json(201, {"access_token": "token-1", "token_type": "bearer", "expires_in": 1799})

    def do_GET(self):
        falcon, parts = self.server.falcon, urlsplit(self.path)
        if parts.path == "/sensors/entities/datafeed/v2":
            return self._list(falcon, parse_qs(parts.query))
        if not parts.path.startswith(FEED):
            return self._json(404, {})
        if self.headers["Authorization"] != f"Token feed-{falcon.tokens}":
            return self._json(401, {"errors": [{"code": 401, "message": "authorization failed"}]})
        if falcon.status != 200:
            return self._json(falcon.status, {"errors": [{"code": falcon.status, "message": "no"}]})
        return self._feed(falcon, parts.path.rpartition("/")[2], int(parse_qs(parts.query)["offset"][0]))

    def _list(self, falcon, asked):
        if self.headers["Authorization"] != "Bearer token-1":
            return self._json(401, {"errors": [{"code": 401, "message": "access denied"}]})
        assert asked == {"appId": ["auditlogs"]}
        falcon.tokens += 1
        found = [
            {
                "dataFeedURL": f"{falcon.url}{FEED}/{name}?appId=auditlogs",
                "sessionToken": {"token": f"feed-{falcon.tokens}", "expiration": "2026-11-30T12:00:00Z"},
                "refreshActiveSessionInterval": 1800,
            }
            for name in falcon.lines
        ]
        return self._json(200, {"resources": None if falcon.busy else found, "errors": falcon.errors})

    def _feed(self, falcon, partition, offset):
        falcon.opened.append((partition, offset))
        self.send_response(200)
        if falcon.page is not None:
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(falcon.page)))
            self.end_headers()
            self.wfile.write(falcon.page)
            return
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        least = max(offset if falcon.inclusive else offset + 1, falcon.kept_from.get(partition, 0))
        found = [line for number, line in falcon.lines[partition] if number >= least]
        for number, line in enumerate(found):
            if falcon.cut_after == number:
                self._chunk(line[: len(line) // 2])
                self.close_connection = True
                return
            # Lines come in parts, as the network has them.
            self._chunk(line[:20])
            self._chunk(line[20:] + (b"\r\n" if number + 1 < len(found) else falcon.tail))
        if falcon.ends:
            self.wfile.write(b"0\r\n\r\n")
        else:
            falcon.stopping.wait(5)
            self.close_connection = True

    def _chunk(self, content):
        if content:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
            self.wfile.flush()

    def _json(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
