"""A stand-in for any receiver of events over HTTP: its credential, its shape, its limits, and what it loses.

https://github.com/standard-webhooks/standard-webhooks
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from typing import TYPE_CHECKING, Any

from audit_provider.core.model import utc_now
from audit_provider.sandbox.http_intakes import RefusedBodyError, intake_of
from audit_provider.testing.server import DestinationService, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from audit_provider.sandbox.http_intakes import Entry
    from audit_provider.testing.server import Service

_TOLERANCE = 300
_FAR_BEHIND = 3600 * 10**9  # ns: half of Loki's max_chunk_age


class HttpReceiverService(DestinationService):
    """A receiver of one kind.

    :param kind: a shape or a preset of the generic HTTP destination.
    :param headers: headers that every request must have; a wrong value gives a 403, a missing header a 401.
    :param secrets: signing secrets, ``whsec_…``; any of them may have signed.
    :param id_header: header by which repeats are recognised, beside ``webhook-id``.
    :param reject: event ids that are refused: by a partial success of OTLP, otherwise by a 400 for the whole body.
    :param budget: most events that are stored; more are dropped with the same answer, as Sumo Logic does.
    :param blocked: the tenant is blocked, as Loki reports it.
    :param most_bytes: limit of a body, decompressed. :param gzip: whether it reads compressed bodies.
    """

    name = "http_receiver"
    destination = "http"
    sandbox_name = "webhook"

    def __init__(
        self,
        kind: str = "array",
        *,
        path: str = "/events",
        method: str = "POST",
        wrapper: str = "events",
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        id_header: str = "Idempotency-Key",
        reject: Iterable[str] = (),
        budget: int | None = None,
        blocked: bool = False,
        most_bytes: int = 1_000_000,
        gzip: bool = True,
        now: Callable[[], datetime] = utc_now,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.kind = kind
        self.path = path
        self.stored: list[Entry] = []
        self.repeats = 0
        self.dropped = 0
        self._intake = intake_of(kind)
        self._method = method
        self._wrapper = wrapper
        self._headers = dict(headers or {})
        self._keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
        self._id_header = id_header
        self._reject = frozenset(reject)
        self._budget = budget
        self._blocked = blocked
        self._most_bytes = most_bytes
        self._gzip = gzip
        self._now = now
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._entries: set[Any] = set()
        self._newest: dict[Any, int] = {}

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> Any:
        """Return a receiver of arrays that requires one header."""
        service = cls("array", headers={"X-Key": "k3y"}, most_bytes=3_000_000, now=now).kept(now)
        service.options = {"path": service.path}
        return service

    @classmethod
    def of_sandbox(cls, token: str, port: int) -> tuple[Service, dict[str, Any]]:
        """Return a receiver of the sandbox that checks signatures, and what a client must know about it."""
        key = f"whsec_{token}"  # hexadecimal digits are base64 as well: 32 of them stand for 24 bytes
        webhook = cls(secrets=[key], port=port)
        return webhook, {"path": webhook.path, "token": key}

    def headers(self, *, right: bool) -> dict[str, str]:
        """Return the header that every request must have."""
        return {"X-Key": "k3y" if right else "wrong"}

    def ids(self) -> list[str]:
        """Return the event id of everything stored, repeats included."""
        return [name for name, _ in self.stored]

    def state(self) -> dict[str, Any]:
        """Return counts and ids."""
        return {
            "events": len(self.stored),
            "duplicates": self.duplicates(),
            "dropped": self.dropped,
            "repeats": self.repeats,
            "ids": self.ids(),
        }

    def answer(self, request: Request) -> Reply:
        """Answer as such a receiver does."""
        refusal = self._refusal(request)
        if refusal:
            return refusal
        body = request.plain_body()
        if body is None:
            return _error(400, "the body cannot be decompressed")
        if not body and self.kind != "otlp":  # OTLP refuses it like any other body that is not JSON
            return _error(406, "the body is empty")
        if len(body) > self._most_bytes:
            return _error(413, "the body is too large")
        with self._lock:
            return self._take(request, body)

    def _refusal(self, request: Request) -> Reply | None:
        if request.path != self.path:
            return _error(404, "not found")
        if request.method != self._method:
            return _error(405, "method not allowed")
        for name, value in self._headers.items():
            given = request.headers.get(name)
            if given != value:
                return _error(401 if given is None else 403, f"{name} is missing or wrong")
        if self._keys and not self._is_signed(request):
            return _error(401, "the signature is missing, wrong or old")
        if self._blocked:
            return Reply(260, b"ingestion is blocked for this tenant", kind="text/plain")
        if request.headers.get("Content-Encoding") and not self._gzip:
            return _error(415, "no compression is understood")
        if request.headers.get("Content-Type", "").split(";")[0] not in self._intake.types:
            return _error(415, "the content type is not understood")
        return None

    def _is_signed(self, request: Request) -> bool:
        name, timestamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        if not name or not timestamp.isdigit() or abs(int(timestamp) - self._now().timestamp()) > _TOLERANCE:
            return False
        signed = f"{name}.{timestamp}.".encode() + request.body
        given = request.headers.get("webhook-signature", "").split(" ")
        return any(
            hmac.compare_digest(f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}", each)
            for key in self._keys
            for each in given
        )

    def _take(self, request: Request, body: bytes) -> Reply:
        name = request.headers.get("webhook-id") or request.headers.get(self._id_header)
        if name in self._known:
            self.repeats += 1
            return self._accepted()
        try:
            entries = self._intake.read(body, self._now(), self._wrapper)
        except RefusedBodyError as error:
            self._keep(self._near(error.stored))
            return _error(error.status, str(error))
        except (AttributeError, KeyError, TypeError, ValueError):
            return _error(400, "the body is not of the shape expected")
        rejected = [each for each, _ in entries if each in self._reject]
        if rejected and self.kind != "otlp":
            return _error(400, "an event is refused")
        near = self._near(entries)
        self._keep(each for each in near if each[0] not in self._reject)
        if len(near) < len(entries):
            return _error(400, "entry too far behind")
        if name:
            self._known.add(name)
        if rejected:
            partial = {"rejectedLogRecords": str(len(rejected)), "errorMessage": "a record is refused"}
            return Reply.json(200, {"partialSuccess": partial})
        return self._accepted()

    def _near(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries that are near enough to the newest of their stream: Loki's ingesters accept no others."""
        if self.kind != "loki":
            return entries
        near = []
        for entry in entries:
            labels, time, _ = entry[1]
            if int(time) >= self._newest.get(labels, 0) - _FAR_BEHIND:
                self._newest[labels] = max(int(time), self._newest.get(labels, 0))
                near.append(entry)
        return near

    def _keep(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if self._budget is not None and len(self.stored) >= self._budget:
                self.dropped += 1
            elif self.kind == "loki" and entry in self._entries:
                self.repeats += 1  # the same stream, time and line
            else:
                if self.kind == "loki":
                    self._entries.add(entry)
                self.stored.append(entry)

    def _accepted(self) -> Reply:
        intake = self._intake
        return Reply(intake.accepted) if intake.reply is None else Reply.json(intake.accepted, intake.reply)


def _error(status: int, text: str) -> Reply:
    return Reply.json(status, {"error": text})
