"""A stand-in for Datadog's log intake and key validation, with its limits and its silent losses.

https://docs.datadoghq.com/api/latest/logs/send-logs/
"""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.model import utc_now
from audit_provider.core.records.times import time_from
from audit_provider.testing.server import DestinationService, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.testing.server import Service

_DATES = ("timestamp", "date", "_timestamp", "Timestamp", "eventTime", "published_date")
_MOST_ENTRIES = 1000
_MOST_BYTES = 5_000_000
_MOST_ENTRY_BYTES = 1_000_000
_OLDEST = timedelta(hours=18)
_FARTHEST = timedelta(hours=2)


class DatadogService(DestinationService):
    """The intake and the API of one site.

    Logs over 18 hours old are dropped despite a 202, and too large ones cut, as the real intake does; both are counted.
    """

    name = "datadog"
    destination = "datadog"
    sandbox_name = "datadog"

    def __init__(self, api_key: str, *, now: Callable[[], datetime] = utc_now, port: int = 0) -> None:
        super().__init__(port=port)
        self.api_key = self.password = api_key
        self.logs: list[dict[str, Any]] = []
        self.dropped_for_age = 0
        self.truncated = 0
        self._now = now
        self._lock = threading.Lock()

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> Any:
        """Return an intake whose clock is that of its clients."""
        return cls("k3y", now=now).kept(now)

    @classmethod
    def of_sandbox(cls, token: str, port: int) -> tuple[Service, dict[str, Any]]:
        """Return an intake of the sandbox, and what a client must know about it."""
        return cls(token, port=port), {"token": token}

    def ids(self) -> list[str]:
        """Return the event id of every log kept, repeats included."""
        return [str(log.get("evt", {}).get("id", "")) for log in self.logs]

    def state(self) -> dict[str, Any]:
        """Return counts and ids."""
        return {
            "events": len(self.logs),
            "duplicates": self.duplicates(),
            "dropped_for_age": self.dropped_for_age,
            "truncated": self.truncated,
            "ids": self.ids(),
        }

    def answer(self, request: Request) -> Reply:
        """Answer as Datadog does."""
        key = request.headers.get("DD-API-KEY")
        if request.path == "/api/v1/validate" and request.method == "GET":
            return Reply.json(200, {"valid": True}) if key == self.api_key else _error(403, "Forbidden")
        if request.path != "/api/v2/logs":
            return _error(404, "Not found")
        if request.method != "POST":
            return _error(405, "Method not allowed")
        if not key:
            return _error(401, "Unauthorized")
        if key != self.api_key:
            return _error(403, "Forbidden")
        if request.headers.get("Content-Type", "").split(";")[0] != "application/json":
            return _error(415, "Unsupported media type")
        body = request.plain_body()
        if body is None:
            return _error(400, "the body cannot be decompressed")
        if len(body) > _MOST_BYTES:
            return _error(413, "Payload too large")
        return self._take(body)

    def _take(self, body: bytes) -> Reply:
        try:
            logs = json.loads(body)
        except ValueError:
            return _error(400, "Invalid JSON")
        logs = logs if isinstance(logs, list) else [logs]
        if len(logs) > _MOST_ENTRIES:
            return _error(400, "too many entries")
        if not all(isinstance(log, dict) for log in logs):
            return _error(400, "an entry is not an object")
        with self._lock:
            for log in logs:
                self._keep(log)
        return Reply.json(202, {})

    def _keep(self, log: dict[str, Any]) -> None:
        moment = next((time for name in _DATES if (time := time_from(log.get(name)))), None)
        now = self._now()
        if moment is not None and not now - _OLDEST <= moment <= now + _FARTHEST:
            self.dropped_for_age += 1
            return
        if len(json.dumps(log, ensure_ascii=False).encode()) > _MOST_ENTRY_BYTES:
            self.truncated += 1
        self.logs.append(log)


def _error(status: int, title: str) -> Reply:
    return Reply.json(status, {"errors": [{"status": str(status), "title": title}]})
