"""The base of every stand-in: an HTTP/1.1 server on this machine, with a log of requests and faults on demand.

A stand-in subclasses :class:`Service` for a source, and :class:`DestinationService` for a destination.
Bodies are read, and malformed ones refused, as https://www.rfc-editor.org/rfc/rfc9112#section-6 says.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from requests.structures import CaseInsensitiveDict

from audit_provider.core.model import utc_now
from audit_provider.testing.connection import PlainConnection
from audit_provider.testing.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import Message
    from io import BufferedIOBase

    from audit_provider.core.destinations.spec import DestinationSpec
    from audit_provider.testing.faults import Fault

CONTROL = "/_sandbox/"
"""Beginning of the paths of control requests, which no vendor uses."""

_LOGGED = 10_000
_LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Corporate Proxy Login</title></head>"
    b"<body><form>Please sign in.</form></body></html>"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came in. :ivar params: query, as pairs in order. :ivar body: as sent, still compressed."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def param(self, name: str) -> str | None:
        """Return a query parameter, or None."""
        return dict(self.params).get(name)

    def plain_body(self) -> bytes | None:
        """Return the body, decompressed as its header says; None if that is not possible."""
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding in ("", "identity"):
            return self.body
        try:
            return gzip.decompress(self.body) if encoding == "gzip" else None
        except (OSError, EOFError, zlib.error):
            return None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to send."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"

    @classmethod
    def json(cls, status: int, content: Any, **headers: str) -> Reply:
        """Return a JSON reply; underscores in header names become hyphens."""
        return cls(status, json.dumps(content).encode(), {k.replace("_", "-"): v for k, v in headers.items()})

    @classmethod
    def html(cls, status: int, text: str) -> Reply:
        """Return a web page."""
        return cls(status, f"<!doctype html><html><body><h1>{text}</h1></body></html>".encode(), kind="text/html")


@dataclass(frozen=True, slots=True)
class Seen:
    """A line of the request log."""

    at: datetime
    method: str
    path: str
    params: tuple[tuple[str, str], ...]
    status: int


class Service:
    """A stand-in. Used as a context manager, or by :meth:`start` and :meth:`stop`.

    :param port: 0 takes a free one.
    :cvar host: address on which stand-ins listen: loopback, unless they run in a container of their own.
    """

    name = "service"
    host: ClassVar[str] = "127.0.0.1"

    def __init__(self, *, port: int = 0) -> None:
        self.faults = Faults()
        self.seen: deque[Seen] = deque(maxlen=_LOGGED)
        self._server: _Server | None = _Server((self.host, port), _handler_of(self))
        self._port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def start(self) -> Service:
        """Serve in a thread; after :meth:`stop`, on the same port and with the same content."""
        if self._server is None:
            self._server = _Server((self.host, self._port), _handler_of(self))
        # The interval only bounds how long stop() takes.
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name=self.name
        ).start()
        return self

    def stop(self) -> None:
        """Stop serving. The content stays."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, request: Request) -> Reply:
        """Answer as the vendor would."""
        raise NotImplementedError

    def keep(self, request: Request, reply: Reply) -> None:
        """Keep a request's content if it is needed later. Called with each request and its answer."""

    def ids(self) -> list[str]:
        """Return the id of every event that the service holds, repeats included."""
        return []

    def duplicates(self) -> int:
        """Return how many of these ids repeat another."""
        ids = self.ids()
        return len(ids) - len(set(ids))

    def state(self) -> dict[str, Any]:
        """Return what the service holds, as the answer to a control request."""
        return {}

    def control(self, request: Request) -> Reply:
        """Answer a control request: ``GET state``, ``POST faults``, ``DELETE faults``."""
        what = request.path.removeprefix(CONTROL)
        if what == "state" and request.method == "GET":
            return Reply.json(200, self.state())
        if what == "faults" and request.method == "POST":
            self.faults.add(**json.loads(request.body))
            return Reply.json(201, {})
        if what == "faults" and request.method == "DELETE":
            self.faults.clear()
            return Reply.json(200, {})
        return Reply.json(404, {"error": "no such control"})


class DestinationService(Service):
    """A stand-in for a destination that is reached over HTTP, see
    :class:`~audit_provider.testing.destinations.StandIn`.

    :cvar destination: Name of the destination type.
    :ivar options: The options that the destination needs to reach it.
    :ivar extras: The extra of its connection.
    :ivar login: Login of its connection. :ivar password: Password of its connection.
    """

    destination: ClassVar[str] = ""
    options: Mapping[str, Any] = MappingProxyType({})
    extras: Mapping[str, Any] = MappingProxyType({})
    login: str = ""
    password: str = ""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._clock: Callable[[], datetime] = utc_now
        self._bodies: list[bytes] | None = None

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> Any:
        """Return a stand-in that accepts events up to the destination's own limits, and keeps what it receives."""
        return cls().kept(now)

    def kept(self, now: Callable[[], datetime]) -> Any:
        """Keep each body from now on, and return the stand-in. :param now: the time of its clients."""
        self._clock, self._bodies = now, []
        return self

    def headers(self, *, right: bool) -> dict[str, str]:
        """Return the headers of the credential, if a hook makes them; by default, the description makes them."""
        return {}

    def access(self, spec: DestinationSpec, *, right: bool = True) -> Any:
        """Return the connection to this server. :param right: whether the credential is right."""
        if spec.connection is None:
            raise ValueError(f"the destination {spec.name!r} has no connection type: override 'access'")
        return PlainConnection(
            spec.connection,
            self.url,
            login=self.login,
            password=self.password if right else "wrong",
            extras=self.extras,
            headers=self.headers(right=right),
            now=self._clock,
            sleep=lambda seconds: None,
        )

    def is_delivery(self, request: Request) -> bool:
        """Whether a request brings events."""
        return request.method in ("POST", "PUT")

    def keep(self, request: Request, reply: Reply) -> None:
        """Keep the body of a batch that was accepted."""
        if self._bodies is not None and 200 <= reply.status < 300 and self.is_delivery(request):
            self._bodies.append(request.plain_body() or b"")

    def bodies(self) -> list[bytes]:
        """Return the bodies of the batches that were accepted, decompressed, in order."""
        return list(self._bodies or ())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler_of(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def do_GET(self) -> None:
            self._serve()

        do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_GET

        def log_message(self, *_: object) -> None:
            """Keep the terminal quiet; ``seen`` is the log."""

        def _serve(self) -> None:
            if not service.is_up:  # a connection that was kept open ends with the service
                self.close_connection = True
                return
            parts = urlsplit(self.path)
            try:
                if self.request_version == "HTTP/1.1" and "Host" not in self.headers:
                    raise MalformedRequestError(400, "no host")
                body = read_body(self.headers, self.rfile)
            except MalformedRequestError as error:
                self.close_connection = True
                self._send(Reply.json(error.status, {"error": str(error)}))
                return
            if body is None:  # the client died while it sent, and a part must not count as the whole
                self.close_connection = True
                return
            request = Request(
                self.command,
                parts.path,
                tuple(parse_qsl(parts.query, keep_blank_values=True)),
                CaseInsensitiveDict(self.headers.items()),
                body,
            )
            if request.path.startswith(CONTROL):
                self._send(service.control(request))
                return
            fault = service.faults.next_for(request.path, request.method)
            reply = self._spoiled(fault, request) if fault else service.answer(request)
            service.keep(request, reply)
            service.seen.append(Seen(utc_now(), request.method, request.path, request.params, reply.status))
            self._send(reply, cut=fault is not None and fault.kind == "cut")

        def _spoiled(self, fault: Fault, request: Request) -> Reply:
            if fault.kind == "status":
                return Reply(fault.status, fault.body.encode(), fault.headers)
            if fault.kind == "html":
                return Reply(200, _LOGIN_PAGE, kind="text/html")
            if fault.kind == "garbage":
                return Reply(200, b"\x00\xffnot json", kind="application/octet-stream")
            if fault.kind == "error_in_200":
                return Reply.json(200, {"ok": False, "error": "internal", "errors": ["internal"], "code": "internal"})
            if fault.kind == "refuse_cursor" and (request.param("cursor") or b'"cursor"' in request.body):
                return Reply.json(400, {"errors": ["invalid cursor"], "request_id": "r-fault"})
            if fault.kind == "slow":
                time.sleep(fault.seconds)
            return service.answer(request)

        def _send(self, reply: Reply, *, cut: bool = False) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            if reply.status == 413:  # like servers, which do not read a body that they refuse for its size
                self.send_header("Connection", "close")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
            if cut:
                self.close_connection = True

    return Handler


_LONGEST_LINE = 65_536


class MalformedRequestError(Exception):
    """A request whose end is not known. :ivar status: of the answer, after which the connection is closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read_body(headers: Message, stream: BufferedIOBase) -> bytes | None:
    """Return the body of a request, or None if the client ends in the middle of it.

    :param headers: of the request. :param stream: the bytes that follow them.
    :raises MalformedRequestError: its length is not known.
    """
    lengths, coding = headers.get_all("Content-Length", []), headers.get("Transfer-Encoding")
    if coding is not None:
        if lengths:
            raise MalformedRequestError(400, "both a length and a transfer coding")
        if coding.lower() != "chunked":
            raise MalformedRequestError(501, "an unknown transfer coding")
        return _chunks(stream)
    if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]+", each) for each in lengths):
        raise MalformedRequestError(400, "not one length")
    length = int(lengths[0]) if lengths else 0
    body = stream.read(length)
    return body if len(body) == length else None


def _chunks(stream: BufferedIOBase) -> bytes | None:
    content = bytearray()
    while True:
        line = stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            return None
        digits = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]+", digits):
            raise MalformedRequestError(400, "the size of a chunk is none")
        size = int(digits, 16)
        if size == 0:
            break
        piece = stream.read(size + 2)
        if len(piece) < size + 2:
            return None
        if not piece.endswith(b"\r\n"):
            raise MalformedRequestError(400, "a chunk is longer than its size")
        content += piece[:-2]
    while stream.readline(_LONGEST_LINE) not in (b"\r\n", b"\n", b""):
        pass  # trailers say nothing about events
    return bytes(content)
