"""A stand-in for Azure Monitor's Logs Ingestion API and for the Entra endpoint that gives its tokens.

https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from audit_provider.core.destinations.sentinel_options import COLUMNS
from audit_provider.core.model import utc_now
from audit_provider.core.records.times import time_from
from audit_provider.testing.server import DestinationService, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_provider.testing.server import Service

SCOPE = "https://monitor.azure.com/.default"
_API_VERSIONS = frozenset({"2023-01-01"})
_MOST_BYTES = 1_048_576
_MOST_VALUE_BYTES = 65_536
_OLDEST = timedelta(days=2)
_FARTHEST = timedelta(days=1)
_TOKEN_LIFE = 3599  # seconds


class SentinelService(DestinationService):
    """One tenant with one application, and the logs ingestion endpoint of one data collection rule with one stream.

    It loses and changes what the real service does despite a 204, and counts that: a column that the stream does not
    declare is dropped, a ``TimeGenerated`` out of bounds is replaced, a long value is cut, a value of another type is
    lost.

    :param columns: those that the stream declares, with their types. :param granted: the application may use the rule.
    """

    name = "sentinel"
    destination = "sentinel"
    sandbox_name = "sentinel"

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        tenant_id: str = "72f988bf-0000-4000-8000-000000000001",
        rule_id: str = "dcr-00000000000000000000000000000001",
        stream: str = "Custom-AuditLogs_CL",
        columns: Mapping[str, str] = COLUMNS,
        granted: bool = True,
        now: Callable[[], datetime] = utc_now,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.client_id = client_id
        self.client_secret = client_secret
        self.tenant_id = tenant_id
        self.rule_id = rule_id
        self.stream = stream
        self.granted = granted
        self.rows: list[dict[str, Any]] = []
        self.dropped_columns: Counter[str] = Counter()
        self.lost_values: Counter[str] = Counter()
        self.restamped = 0
        self.truncated = 0
        self.request_ids: list[str] = []
        self.tokens_given = 0
        self._columns = dict(columns)
        self._now = now
        self._tokens: dict[str, datetime] = {}
        self._lock = threading.Lock()

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> Any:
        """Return an endpoint that accepts the token ``t0k3n``."""
        service = cls("client", "s3cret", now=now).kept(now)
        service.accept_token("t0k3n")
        # A column may hold as much as a body, so that the body's limit is reached first.
        service.options = {"rule_id": service.rule_id, "stream": service.stream, "column_bytes": 1_000_000}
        return service

    @classmethod
    def of_sandbox(cls, token: str, port: int) -> tuple[Service, dict[str, Any]]:
        """Return an endpoint of the sandbox, and what a client must know about it."""
        service = cls("11111111-0000-4000-8000-000000000002", token, port=port)
        known = {key: getattr(service, key) for key in ("tenant_id", "token_url", "rule_id", "stream")}
        return service, {"login": service.client_id, "token": service.client_secret, **known}

    def headers(self, *, right: bool) -> dict[str, str]:
        """Return the header of a token."""
        return {"Authorization": f"Bearer {'t0k3n' if right else 'wrong'}"}

    def is_delivery(self, request: Request) -> bool:
        """Whether a request brings rows, and is not one for a token."""
        return request.path.startswith("/dataCollectionRules/") and request.body != b"[]"

    @property
    def token_url(self) -> str:
        """Where tokens are given."""
        return f"{self.url}/{self.tenant_id}/oauth2/v2.0/token"

    def ids(self) -> list[str]:
        """Return the event id of every row, repeats included."""
        return [str(row.get("EventId", "")) for row in self.rows]

    def state(self) -> dict[str, Any]:
        """Return counts and ids."""
        return {
            "events": len(self.rows),
            "duplicates": self.duplicates(),
            "dropped_columns": dict(self.dropped_columns),
            "lost_values": dict(self.lost_values),
            "restamped": self.restamped,
            "truncated": self.truncated,
            "ids": self.ids(),
        }

    def accept_token(self, token: str) -> None:
        """Accept a token that was not given here, such as one of a machine's identity."""
        with self._lock:
            self._tokens[token] = self._now() + timedelta(seconds=_TOKEN_LIFE)

    def revoke_tokens(self) -> None:
        """Revoke all tokens that were given so far."""
        with self._lock:
            self._tokens.clear()

    def answer(self, request: Request) -> Reply:
        """Answer as Entra or as the endpoint does."""
        if request.path.endswith("/oauth2/v2.0/token"):
            return self._give_token(request)
        if request.method != "POST":
            return _error(405, "MethodNotAllowed", "Use POST")
        # The token is checked before anything else, and the body last.
        return self._refusal(request) or self._take(request)

    def _give_token(self, request: Request) -> Reply:
        if request.path != f"/{self.tenant_id}/oauth2/v2.0/token":
            return _no_token(400, "invalid_request", "AADSTS90002: Tenant not found.")
        if request.headers.get("Content-Type", "").split(";")[0] != "application/x-www-form-urlencoded":
            return _no_token(400, "invalid_request", "AADSTS900144: The request body must be a form.")
        asked = dict(parse_qsl(request.body.decode(errors="replace")))
        if asked.get("grant_type") != "client_credentials":
            return _no_token(400, "unsupported_grant_type", "AADSTS70003: The grant type is not supported.")
        if asked.get("client_id") != self.client_id:
            return _no_token(400, "unauthorized_client", "AADSTS700016: Application not found in the directory.")
        if asked.get("client_secret") != self.client_secret:
            return _no_token(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        if asked.get("scope") != SCOPE:
            return _no_token(400, "invalid_scope", "AADSTS70011: The provided value for 'scope' is not valid.")
        token = secrets.token_urlsafe(32)
        self.accept_token(token)
        with self._lock:
            self.tokens_given += 1
        return Reply.json(200, {"token_type": "Bearer", "expires_in": _TOKEN_LIFE, "access_token": token})

    def _refusal(self, request: Request) -> Reply | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        ends = self._tokens.get(token) if scheme == "Bearer" else None
        if ends is None or self._now() >= ends:
            return _error(401, "InvalidToken", "The access token is missing, invalid or expired.")
        if request.param("api-version") not in _API_VERSIONS:
            return _error(400, "InvalidApiVersion", "The api-version is missing or not supported.")
        rule, _, stream = request.path.removeprefix("/dataCollectionRules/").partition("/streams/")
        if rule != self.rule_id:
            return _error(404, "NotFound", f"Data collection rule with immutable id '{rule}' not found.")
        if not self.granted:
            return _error(403, "OperationFailed", "The authentication token has no access to the rule.")
        if stream != self.stream:
            return _error(404, "InvalidStream", f"Stream '{stream}' was not found in the rule.")
        if not _is_guid(request.headers.get("x-ms-client-request-id", "")):
            # The real service does not require one, but without it nobody finds a batch in DCRLogErrors.
            return _error(400, "InvalidRequestId", "x-ms-client-request-id must be a GUID.")
        if request.headers.get("Content-Type", "").split(";")[0] != "application/json":
            return _error(415, "UnsupportedMediaType", "Use application/json.")
        return None

    def _take(self, request: Request) -> Reply:
        body = request.plain_body()
        if body is None:
            return _error(400, "InvalidContentEncoding", "The body cannot be decompressed.")
        if max(len(body), len(request.body)) > _MOST_BYTES:
            return _error(
                413, "ContentLengthLimitExceeded", f"Maximum allowed content length: {_MOST_BYTES} bytes (1 MB)."
            )
        try:
            rows = json.loads(body)
        except ValueError:
            return _error(400, "InvalidRequest", "The body is not JSON.")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return _error(400, "InvalidRequest", "The body must be a JSON array of objects.")
        with self._lock:
            self.request_ids.append(request.headers["x-ms-client-request-id"])
            for row in rows:
                self._keep(row)
        return Reply(204)

    def _keep(self, row: dict[str, Any]) -> None:
        kept: dict[str, Any] = {}
        for name, value in row.items():
            kind = self._columns.get(name)
            if kind is None:
                self.dropped_columns[name] += 1
            elif not _is_of(kind, value):
                self.lost_values[name] += 1
            else:
                kept[name] = self._cut(value)
        now = self._now()
        moment = time_from(kept.get("TimeGenerated"))
        if moment is None or not now - _OLDEST <= moment <= now + _FARTHEST:
            self.restamped += 1
            kept["TimeGenerated"] = now.isoformat()
        self.rows.append(kept)

    def _cut(self, value: Any) -> Any:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode(errors="replace")) <= _MOST_VALUE_BYTES:
            return value
        self.truncated += 1
        return text.encode(errors="replace")[:_MOST_VALUE_BYTES].decode(errors="ignore")


def _is_of(kind: str, value: Any) -> bool:
    if kind == "datetime":
        return isinstance(value, str) and time_from(value) is not None
    if kind == "boolean":
        return isinstance(value, bool)
    return kind == "dynamic" or isinstance(value, str)


def _is_guid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _error(status: int, code: str, message: str) -> Reply:
    return Reply.json(status, {"error": {"code": code, "message": message}})


def _no_token(status: int, error: str, description: str) -> Reply:
    return Reply.json(status, {"error": error, "error_description": description})
