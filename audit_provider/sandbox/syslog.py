"""A stand-in for a syslog receiver: RFC 5424 messages over TLS, read strictly.

https://www.rfc-editor.org/rfc/rfc5425, https://www.rfc-editor.org/rfc/rfc6587
"""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import struct
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from audit_provider.core.wire.tcp import TcpClient
from audit_provider.sandbox.certificates import Authority
from audit_provider.testing.server import Reply, Request, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from audit_provider.core.destinations.spec import DestinationSpec

_MESSAGES = "/messages"
_ACCEPT_SECONDS = 0.02
_MOST_PRIORITY = 191
_HEADER = re.compile(
    rb"<(?P<priority>0|[1-9]\d{0,2})>1 "
    rb"(?P<time>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    rb"(?P<hostname>[!-~]{1,255}) (?P<app_name>[!-~]{1,48}) (?P<procid>[!-~]{1,128}) (?P<msgid>[!-~]{1,32}) "
)
_NAME = rb"[!#-<>-\\^-~]{1,32}"
_PARAM = re.compile(rb' (%b)="((?:[^"\\\]]|\\["\\\]])*)"' % _NAME)
_ELEMENT = re.compile(rb'\[(?P<id>%b)(?P<params>(?: %b="(?:[^"\\\]]|\\["\\\]])*")*)\]' % (_NAME, _NAME))


@dataclass(frozen=True, slots=True)
class Message:
    """One message. :ivar data: structured data, by id. :ivar text: the text after it."""

    facility: int
    severity: int
    time: datetime | None
    hostname: str
    app_name: str
    procid: str
    msgid: str
    data: dict[str, dict[str, str]]
    text: bytes


def message_from(content: bytes) -> Message:
    """Return the message in ``content``.

    :raises ValueError: it is not a valid message.
    """
    header = _HEADER.match(content)
    if header is None or int(header["priority"]) > _MOST_PRIORITY:
        raise ValueError("the header is not RFC 5424's")
    data: dict[str, dict[str, str]] = {}
    place = header.end()
    if content[place : place + 1] == b"-":
        place += 1
    else:
        while element := _ELEMENT.match(content, place):
            name = element["id"].decode()
            if name in data:
                raise ValueError("an element of the structured data stands twice")
            data[name] = {
                key.decode(): re.sub(rb'\\(["\\\]])', rb"\1", value).decode()
                for key, value in _PARAM.findall(element["params"])
            }
            place = element.end()
        if not data:
            raise ValueError("the structured data is not RFC 5424's")
    if place < len(content) and content[place : place + 1] != b" ":
        raise ValueError("no space stands before the text")
    priority = int(header["priority"])
    time_ = header["time"].decode().replace("Z", "+00:00")
    names = {key: header[key].decode() for key in ("hostname", "app_name", "procid", "msgid")}
    return Message(
        facility=priority // 8,
        severity=priority % 8,
        time=None if time_ == "-" else datetime.fromisoformat(time_),
        **names,
        data=data,
        text=content[place + 1 :],
    )


class OneConnectionPerBatch(TcpClient):
    """Ends its connection after every batch, so that the receiver can distinguish batches.

    :ivar batches: how many it has written.
    """

    batches = 0

    def write(self, content: bytes, settle: float) -> None:
        """Write a batch, and end the connection."""
        super().write(content, settle)
        self.close()
        self.batches += 1


class SyslogService(Service):
    """A receiver on 127.0.0.1; ``url`` is the address of control requests only.

    The fault ``cut`` at the path ``/messages`` resets the connection instead of accepting a message.

    :param tls: False reads plain TCP. :param client_certificate: require one of its own authority.
    :param hosts: names and addresses in its certificate. :param by_lines: messages end with a newline; otherwise each
        has its octet count before it. :param max_message_bytes: a longer one ends the connection.
    :ivar octets: those of accepted messages, by connection. :ivar refused: why connections were ended.
    """

    name = "syslog"
    destination = "syslog"
    options: Mapping[str, Any] = MappingProxyType({"settle": 0.0, "last_settle": 0.0})

    def __init__(
        self,
        *,
        tls: bool = True,
        client_certificate: bool = False,
        hosts: tuple[str, ...] = ("localhost", "127.0.0.1"),
        by_lines: bool = False,
        max_message_bytes: int = 8096,
        port: int = 0,
    ) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.octets: list[bytearray] = []
        self.refused: list[str] = []
        self.handshakes = 0
        self._folder = Path(tempfile.mkdtemp(prefix="sandbox-syslog-"))
        self.authority = Authority(self._folder)
        self._tls = self._context(hosts, client_certificate=client_certificate) if tls else None
        self._by_lines = by_lines
        self._max_message_bytes = max_message_bytes
        self._changed = threading.Condition()
        self._ended = 0
        self._client: OneConnectionPerBatch | None = None
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(_ACCEPT_SECONDS)
        self._acceptor = threading.Thread(target=self._accept, daemon=True, name=self.name)

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> SyslogService:
        """Return a receiver of plain TCP. :param now: not used, because it takes messages of any age."""
        return cls(tls=False)

    def access(self, spec: DestinationSpec, *, right: bool = True) -> OneConnectionPerBatch | None:
        """Return a client whose batches can be distinguished; None for a wrong credential, as there are none."""
        if not right:
            return None
        self._client = OneConnectionPerBatch("127.0.0.1", self.port, tls=None, service="syslog", settle=0.0)
        return self._client

    def bodies(self) -> list[bytes]:
        """Return the octets of each batch, once all are read."""
        written = self._client.batches if self._client else 0
        with self._changed:
            self._changed.wait_for(lambda: self._ended >= written, 10)
        return [bytes(each) for each in self.octets]

    @property
    def port(self) -> int:
        """The port that messages go to."""
        return int(self._listener.getsockname()[1])

    def start(self) -> Service:
        """Start receiving."""
        self._acceptor.start()
        return super().start()

    def stop(self) -> None:
        """Stop receiving."""
        self._stopped.set()
        self._acceptor.join()
        self._listener.close()
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait_for(self, count: int, seconds: float = 10.0) -> bool:
        """Wait until ``count`` messages have come, because nothing reports them; return whether they have come."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.messages) >= count, seconds)

    def ids(self) -> list[str]:
        """Return the event id of every message, repeats included."""
        return [params["event_id"] for each in self.messages for params in each.data.values() if "event_id" in params]

    def state(self) -> dict[str, Any]:
        """Return counts and ids."""
        return {
            "events": len(self.messages),
            "duplicates": self.duplicates(),
            "refused": list(self.refused),
            "ids": self.ids(),
        }

    def answer(self, request: Request) -> Reply:
        """Answer that messages are sent to another port."""
        return Reply.json(404, {"error": f"messages go to port {self.port}"})

    def _context(self, hosts: tuple[str, ...], *, client_certificate: bool) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authority.ca))
        context.load_cert_chain(self.authority.issue("receiver", hosts))
        if client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connected, _ = self._listener.accept()
            except TimeoutError:
                continue
            octets = bytearray()
            self.octets.append(octets)
            threading.Thread(target=self._serve, args=(connected, octets), daemon=True).start()

    def _serve(self, connected: socket.socket, octets: bytearray) -> None:
        connected.settimeout(None)
        try:
            if self._tls is not None:
                connected = self._tls.wrap_socket(connected, server_side=True)
                self.handshakes += 1
            with connected.makefile("rb") as reader:
                self._read(connected, reader, octets)
        except (OSError, ValueError) as error:
            with self._changed:
                self.refused.append(str(error))
        finally:
            with suppress(OSError):
                connected.close()
            with self._changed:
                self._ended += 1
                self._changed.notify_all()

    def _read(self, connected: socket.socket, reader: BinaryIO, octets: bytearray) -> None:
        while (frame := self._frame(reader)) is not None:
            fault = self.faults.next_for(_MESSAGES)
            if fault is not None and fault.kind == "cut":
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if fault is not None and fault.kind == "slow":
                time.sleep(fault.seconds)
            content = reader.read(frame) if isinstance(frame, int) else frame
            if isinstance(frame, int) and len(content) < frame:
                raise ValueError("the connection ended within a message")
            message = message_from(content)
            with self._changed:
                octets += b"%d %b" % (len(content), content)
                self.messages.append(message)
                self._changed.notify_all()

    def _frame(self, reader: BinaryIO) -> int | bytes | None:
        """Return the octet count before a message, or the message itself if lines are read, or None at the end."""
        if not self._by_lines:
            return self._size(reader)
        line = reader.readline(self._max_message_bytes + 1)
        if line and not line.endswith(b"\n"):
            raise ValueError("the connection ended within a message, or it is longer than is taken here")
        return line[:-1] if line else None

    def _size(self, reader: BinaryIO) -> int | None:
        """Return the octet count before a message, or None at the end."""
        digits = b""
        while (one := reader.read(1)) != b" ":
            if not one and not digits:
                return None
            digits += one
            if not re.fullmatch(rb"[1-9]\d{0,9}", digits) or not one:
                raise ValueError("no octet count stands before a message")
        if not digits or int(digits) > self._max_message_bytes:
            raise ValueError("a message is longer than is taken here")
        return int(digits)
