"""What the tests of the destinations share: events, a tiny HTTP server, and a run of the ship loop that remembers."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import requests
from isal import igzip

from audit_provider.core.destinations.base import Batch, Item, Limits, Outcome, Verdict
from audit_provider.core.model import UTC, Event, Fields, Offset, Origin
from audit_provider.core.shipping.ship import ship
from audit_provider.core.wire.http import HttpClient

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = Origin(
    "payroll", "slack", Fields("id", "date", action="action", actor_email="actor.user.email", ip="context.ip")
)


class Crash(BaseException):
    """The process is gone."""


def event(name, *, time=NOW, **record):
    return Event(str(name), time, msgspec.Raw(msgspec.json.encode({"id": str(name), **record})))


def padded(name, size, encode):
    """Return an event that ``encode`` turns into exactly ``size`` bytes."""
    missing = size - len(encode(event(name, pad=""), restamp=False))
    assert missing >= 0
    result = event(name, pad="x" * missing)
    assert len(encode(result, restamp=False)) == size
    return result


def batch_of(destination, events):
    """Return a batch as the ship loop makes it. :param events: or the names of some."""
    events = [each if isinstance(each, Event) else event(each) for each in events]
    items = [Item(each, destination.encode(each, restamp=False), 1, index) for index, each in enumerate(events)]
    return Batch(tuple(items))


def objects(bucket):
    """Return what is in a bucket, by key. :param bucket: a client, and its name."""
    client, name = bucket
    found = client.list_objects_v2(Bucket=name).get("Contents", [])
    return {each["Key"]: client.get_object(Bucket=name, Key=each["Key"]) for each in found}


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict
    raw: bytes

    @property
    def body(self):
        return igzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw


@dataclass
class Server:
    """Answers by ``app(request) -> (status, headers, body)``; body may be anything JSON, or bytes."""

    app: object
    url: str = ""
    requests: list[Request] = field(default_factory=list)


@contextmanager
def serving(app):
    server = Server(app)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or the body, written behind the head, waits 40 ms for the other side's word

        def answer(self):
            path, _, query = self.path.partition("?")
            size = int(self.headers.get("Content-Length") or 0)
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, path, query, headers, self.rfile.read(size))
            server.requests.append(request)
            status, extra, body = server.app(request)
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
            self.send_response(status)
            # One without a body has no kind to speak of, and a page is what most tests mean by bytes.
            kind = "text/html" if isinstance(body, bytes) and body else "application/json"
            for key, value in {"Content-Type": kind, "Content-Length": str(len(content)), **extra}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

        def log_message(self, *args):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{httpd.server_port}"
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def client_of(server, sleeps=None, service="the service"):
    session = requests.Session()
    session.trust_env = False
    sleep = (lambda seconds: None) if sleeps is None else sleeps.append
    return HttpClient(session, server.url, service=service, secrets=("s3cret",), sleep=sleep, now=lambda: NOW)


@dataclass
class Desk:
    """Ships, and keeps what is durable: the offset, the dead letters, what was slept."""

    offset: Offset = field(default_factory=Offset)
    commits: list[Offset] = field(default_factory=list)
    letters: dict[str, object] = field(default_factory=dict)
    sleeps: list[float] = field(default_factory=list)

    def commit(self, offset):
        moved = (offset.segment, offset.index), (self.offset.segment, self.offset.index)
        assert moved[0] > moved[1] or (moved[0] == moved[1] and offset.ahead != self.offset.ahead)
        self.offset = offset
        self.commits.append(offset)

    def set_aside(self, letters):
        places = [(letter.item.segment, letter.item.index) for letter in letters]
        assert places == sorted(places)
        assert places[0] >= (self.offset.segment, self.offset.index), "set aside before the commit that passes it"
        self.letters |= {letter.item.event.id: letter for letter in letters}

    def ship(self, destination, segments, **options):
        options = {"too_old": "arrival_time", "sleep": self.sleeps.append, "now": lambda: NOW, **options}
        start = self.offset.segment
        pending = ((number, events) for number, events in enumerate(segments, 1) if number >= start)
        commit = options.pop("commit", self.commit)
        return ship(destination, pending, self.offset, commit=commit, set_aside=self.set_aside, **options)


class Listed:
    """A destination in memory. ``plan`` holds, per send, a function from batch to outcome; then it takes all."""

    def __init__(self, *plan, limits=None, encode=None):
        self.limits = limits or Limits(events=4, batch_bytes=10_000, event_bytes=1000)
        self.plan = list(plan)
        self.sends: list[list[str]] = []
        self.stored: list[str] = []
        self._encode = encode

    def encode(self, event, *, restamp):
        return self._encode(event) if self._encode else bytes(event.raw)

    def send(self, batch):
        names = [item.event.id for item in batch.items]
        self.sends.append(names)
        step = self.plan.pop(0) if self.plan else Verdict.DELIVERED
        outcome = step(batch) if callable(step) else step
        if isinstance(outcome, Verdict):
            outcome = Outcome.all(outcome, len(batch))
        if isinstance(outcome, str):  # one letter per event
            outcome = Outcome(tuple(VERDICTS[letter] for letter in outcome), said="its own words")
        self.stored += [
            name for name, verdict in zip(names, outcome.verdicts, strict=True) if verdict is Verdict.DELIVERED
        ]
        return outcome

    def check(self):
        return "here"


VERDICTS = {
    "d": Verdict.DELIVERED,
    "a": Verdict.ALREADY_THERE,
    "r": Verdict.RETRY,
    "s": Verdict.SPLIT,
    "x": Verdict.REFUSED,
}
