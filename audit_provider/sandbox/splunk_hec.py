"""A stand-in for Splunk's HTTP Event Collector, with its real reply codes and its partial failures.

https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from audit_provider.testing.server import CONTROL, DestinationService, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from audit_provider.testing.server import Service

_EVENT_PATHS = frozenset({"/services/collector", "/services/collector/event", "/services/collector/event/1.0"})
_KEYS = frozenset({"time", "host", "source", "sourcetype", "index", "event", "fields"})
_TEXTS = {
    0: "Success",
    1: "Token disabled",
    2: "Token is required",
    3: "Invalid authorization",
    4: "Invalid token",
    5: "No data",
    6: "Invalid data format",
    7: "Incorrect index",
    9: "Server is busy",
    10: "Data channel is missing",
    11: "Invalid data channel",
    12: "Event field is required",
    13: "Event field cannot be blank",
    14: "ACK is disabled",
    15: "Error in handling indexed fields",
    17: "HEC is healthy",
}


class SplunkHecService(DestinationService):
    """A collector.

    :param indexes: indexes that the token may write to; None for all. :param ack: the token has acknowledgements.
    :param disabled: the token is disabled. :param ack_after: polls that say "not yet" before an acknowledgement.
    :param max_content_length: most bytes of a body, decompressed. :param max_event_bytes: most bytes of one event.
    """

    name = "splunk_hec"
    destination = "splunk_hec"
    sandbox_name = "splunk"

    def __init__(
        self,
        token: str,
        *,
        indexes: Iterable[str] | None = None,
        ack: bool = False,
        ack_after: int = 0,
        disabled: bool = False,
        max_content_length: int = 1_000_000,
        max_event_bytes: int = 5_000_000,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.token = self.password = token
        self.indexed: list[dict[str, Any]] = []
        self.silently_dropped = 0
        self._indexes = None if indexes is None else frozenset(indexes)
        self._ack = ack
        self._ack_after = ack_after
        self._disabled = disabled
        self._max_content_length = max_content_length
        self._max_event_bytes = max_event_bytes
        self._lock = threading.Lock()
        self._next_ack: Counter[str] = Counter()
        self._pending: dict[str, dict[int, int]] = defaultdict(dict)

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> Any:
        """Return a collector that accepts bodies as large as an event may be."""
        return cls("t0k3n", max_content_length=20_000_000).kept(now)

    @classmethod
    def of_sandbox(cls, token: str, port: int) -> tuple[Service, dict[str, Any]]:
        """Return a collector of the sandbox, and what a client must know about it."""
        return cls(token, indexes=["audit", "main"], port=port), {"token": token}

    def is_delivery(self, request: Request) -> bool:
        """Whether a request brings events, and is not one for acknowledgements."""
        return request.path in _EVENT_PATHS

    def ids(self) -> list[str]:
        """Return the event id of everything indexed, repeats included."""
        return [str(each.get("fields", {}).get("event_id", "")) for each in self.indexed]

    def state(self) -> dict[str, Any]:
        """Return counts and ids."""
        return {
            "events": len(self.indexed),
            "duplicates": self.duplicates(),
            "silently_dropped": self.silently_dropped,
            "ids": self.ids(),
        }

    def control(self, request: Request) -> Reply:
        """Answer ``POST limits`` too: ``{"max_event_bytes": n}``, as an administrator sets it."""
        if request.path == f"{CONTROL}limits" and request.method == "POST":
            self._max_event_bytes = int(json.loads(request.body)["max_event_bytes"])
            return Reply.json(200, {})
        return super().control(request)

    def answer(self, request: Request) -> Reply:
        """Answer as a collector does."""
        if request.path.startswith("/services/collector/health"):
            return _coded(200, 17) if request.method == "GET" else Reply.html(405, "Method Not Allowed")
        if request.path not in (*_EVENT_PATHS, "/services/collector/ack"):
            return Reply.html(404, "Not Found")
        if request.method != "POST":
            return Reply.html(405, "Method Not Allowed")
        refusal = self._refusal(request)
        if refusal:
            return refusal
        if request.path == "/services/collector/ack":
            return self._acknowledge(request)
        if request.headers.get("Content-Encoding", "").lower() == "deflate":
            return Reply.html(415, "Unsupported Media Type")
        channel = _channel(request)
        if self._ack and not channel:
            return _coded(400, 10)
        if self._ack and not _is_guid(channel):
            return _coded(400, 11)
        body = request.plain_body()
        if body is None:
            return _coded(400, 6)
        if len(body) > self._max_content_length:
            return Reply.html(413, "Content-Length too large")
        return self._index(body, channel)

    def _refusal(self, request: Request) -> Reply | None:
        given = request.headers.get("Authorization")
        if not given:
            return _coded(401, 2)
        scheme, _, token = given.partition(" ")
        if scheme != "Splunk":
            return _coded(401, 3)
        if token != self.token:
            return _coded(403, 4)
        return _coded(403, 1) if self._disabled else None

    def _index(self, body: bytes, channel: str) -> Reply:
        """Index the envelopes before the first bad one; neither that one nor any after it is indexed."""
        if not body.strip():
            return _coded(400, 5)
        taken: list[dict[str, Any]] = []
        for number, envelope in enumerate(_envelopes(body)):
            if isinstance(envelope, dict) and set(envelope) - _KEYS:
                # The real collector silently drops this one and all after it, unless there is none before it.
                if not taken:
                    return _coded(400, 5)
                self.silently_dropped += 1
                break
            code = self._fault(envelope)
            if code:
                self._keep(taken)
                # For a wrong index the real collector's number is one too high.
                return _coded(400, code, number + 1 if code == 7 else number)
            if "event" in envelope:
                taken.append(envelope)
            else:
                self.silently_dropped += 1
        self._keep(taken)
        if not self._ack:
            return _coded(200, 0)
        with self._lock:
            ack_id = self._next_ack[channel]
            self._next_ack[channel] += 1
            self._pending[channel][ack_id] = self._ack_after
        return Reply.json(200, {"text": _TEXTS[0], "code": 0, "ackId": ack_id})

    def _fault(self, envelope: Any) -> int | None:
        if not isinstance(envelope, dict):
            return 6
        fields = envelope.get("fields", {})
        if not isinstance(fields, dict) or any(isinstance(value, dict) for value in fields.values()):
            return 15
        if "event" not in envelope:
            return None if fields else 12
        event = envelope["event"]
        if event is None or isinstance(event, bool):
            return 6
        if isinstance(event, str) and not event.strip():
            return 13
        if len(json.dumps(event, ensure_ascii=False).encode()) > self._max_event_bytes:
            return 6
        if not _is_time(envelope.get("time", 0)):
            return 6
        index = envelope.get("index")
        return 7 if index is not None and self._indexes is not None and index not in self._indexes else None

    def _keep(self, envelopes: list[dict[str, Any]]) -> None:
        with self._lock:
            self.indexed += envelopes

    def _acknowledge(self, request: Request) -> Reply:
        if not self._ack:
            return _coded(400, 14)
        channel = _channel(request)
        if not channel:
            return _coded(400, 10)
        try:
            asked = json.loads(request.plain_body() or b"")["acks"]
        except (ValueError, KeyError, TypeError):
            return _coded(400, 6)
        told: dict[str, bool] = {}
        with self._lock:
            pending = self._pending[channel]
            for ack_id in asked:
                left = pending.get(ack_id)
                told[str(ack_id)] = left == 0
                if left == 0:
                    del pending[ack_id]
                elif left:
                    pending[ack_id] = left - 1
        return Reply.json(200, {"acks": told})


def _envelopes(body: bytes) -> Iterable[Any]:
    """Yield concatenated JSON values; content that is not JSON is yielded as None, and ends them."""
    text, place, decoder = body.decode(errors="replace"), 0, json.JSONDecoder()
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text):
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError:
            yield None
            return
        yield value


def _coded(status: int, code: int, number: int | None = None) -> Reply:
    content: dict[str, Any] = {"text": _TEXTS[code], "code": code}
    if number is not None:
        content["invalid-event-number"] = number
    return Reply.json(status, content)


def _channel(request: Request) -> str:
    return request.headers.get("X-Splunk-Request-Channel") or request.param("channel") or ""


def _is_guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _is_time(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)
