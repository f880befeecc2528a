"""Stand-ins for logs that come in files: WorkOS audit-log exports and Salesforce event log files.

https://workos.com/docs/reference/audit-logs/export
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from audit_provider.core.model import utc_now
from audit_provider.core.records.times import time_from
from audit_provider.testing.server import Reply, Request, Service

_RANGE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_QUERY = re.compile(
    r"SELECT (?P<columns>[\w, ]+) FROM EventLogFile WHERE CreatedDate >= (?P<start>[\d:TZ.-]+) "
    r"AND CreatedDate < (?P<end>[\d:TZ.-]+) AND Interval = '(?P<interval>Hourly|Daily)' ORDER BY CreatedDate, Id"
)


class FileHost(Service):
    """Another host, with links that expire. No request to it may carry a credential."""

    name = "files"

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, tuple[bytes, datetime]] = {}
        self.credentials_seen = 0

    def put(self, content: bytes, life: timedelta) -> str:
        """Keep a file; return its URL, which is signed and expires."""
        path = f"/exports/{len(self.files)}.csv"
        self.files[path] = content, utc_now() + life
        return f"{self.url}{path}?X-Amz-Signature=abc%2Fdef"

    def answer(self, request: Request) -> Reply:
        """Answer as object storage would."""
        self.credentials_seen += "Authorization" in request.headers
        content, ends = self.files.get(request.path, (b"", utc_now()))
        if utc_now() >= ends or request.param("X-Amz-Signature") != "abc/def":
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>", kind="application/xml")
        return Reply(200, content, kind="text/csv")


class WorkosExportService(Service):
    """The export endpoints. :ivar rows: records of the log. :ivar looks: requests for a job until it is ready."""

    name = "workos_export"

    def __init__(self, token: str, organization: str, files: FileHost, *, looks: int = 2) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks = looks
        self.link_life = timedelta(minutes=10)
        self.refused: list[str] = []
        self._token = token
        self._organization = organization
        self._files = files
        self._numbers = itertools.count(1)

    def answer(self, request: Request) -> Reply:
        """Answer as WorkOS would."""
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return Reply.json(401, {"message": "Unauthorized", "code": "unauthorized"})
        if (request.method, request.path) == ("GET", f"/organizations/{self._organization}"):
            return Reply.json(200, {"object": "organization", "id": self._organization, "name": "Sandbox Inc."})
        if (request.method, request.path) == ("POST", "/audit_logs/exports"):
            return self._create(json.loads(request.body))
        name = request.path.removeprefix("/audit_logs/exports/")
        if request.method != "GET" or name not in self.jobs:
            self.refused.append(f"{request.method} {request.path}")
            return Reply.json(404, {"message": "Not Found", "code": "entity_not_found"})
        return Reply.json(200, self._look(self.jobs[name]))

    def _create(self, asked: dict[str, Any]) -> Reply:
        unknown = set(asked) - {"organization_id", "range_start", "range_end", "actions", "actor_names", "targets"}
        ranges = [asked.get("range_start", ""), asked.get("range_end", "")]
        start = time_from(ranges[0])
        if (
            unknown
            or asked.get("organization_id") != self._organization
            or not all(map(_RANGE.fullmatch, ranges))
            or start is None
            or start < utc_now() - timedelta(days=93)
        ):
            self.refused.append(json.dumps(asked))
            return Reply.json(422, {"message": "Validation failed", "code": "invalid_request", "errors": []})
        name = f"audit_log_export_{next(self._numbers):04}"
        self.jobs[name] = {
            "id": name,
            "object": "audit_log_export",
            "state": "pending",
            "url": None,
            "asked": asked,
            "looks": 0,
        }
        return Reply.json(201, {key: self.jobs[name][key] for key in ("id", "object", "state", "url")})

    def _look(self, job: dict[str, Any]) -> dict[str, Any]:
        job["looks"] += 1
        if job["state"] == "pending" and job["looks"] > self.looks:
            job["state"] = "ready"
        if job["state"] == "ready":
            start, end = job["asked"]["range_start"], job["asked"]["range_end"]
            rows = [row for row in self.rows if start <= row["occurred_at"] <= end]
            job["url"] = self._files.put(csv_of(rows), self.link_life)
        return {key: job[key] for key in ("id", "object", "state", "url")}


@dataclass
class LogFile:
    """One EventLogFile."""

    id: str
    kind: str
    created: datetime
    rows: list[dict[str, str]] = field(default_factory=list)


class EventLogFileService(Service):
    """The query endpoint, the files, and the token endpoint of an org."""

    name = "salesforce"

    def __init__(self, key: str, secret: str, *, page_size: int = 2) -> None:
        super().__init__()
        self.files: list[LogFile] = []
        self.downloads: list[str] = []
        self.refused: list[str] = []
        self.tokens = 0
        self._client = (key, secret)
        self._page_size = page_size

    def answer(self, request: Request) -> Reply:
        """Answer as Salesforce would."""
        if request.path == "/services/oauth2/token":
            return self._token(request)
        if request.headers.get("Authorization") != f"Bearer session-{self.tokens}":
            return Reply.json(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        if request.path == "/services/data/v60.0/query":
            match = _QUERY.fullmatch(request.param("q") or "")
            if match is None or set(dict(request.params)) != {"q"}:
                self.refused.append(str(request.params))
                return Reply.json(400, [{"message": "unexpected token", "errorCode": "MALFORMED_QUERY"}])
            return self._page(match["start"], match["end"], 0)
        if request.path.startswith("/services/data/v60.0/query/"):
            start, end, place = request.path.rpartition("/")[2].split("_")
            return self._page(start, end, int(place))
        for file in self.files:
            if request.path == f"/services/data/v60.0/sobjects/EventLogFile/{file.id}/LogFile":
                self.downloads.append(file.id)
                return Reply(200, csv_of(file.rows), kind="text/csv")
        self.refused.append(request.path)
        return Reply.json(404, [{"message": "not found", "errorCode": "NOT_FOUND"}])

    def _token(self, request: Request) -> Reply:
        key, secret = self._client
        expected = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}
        if request.method != "POST" or dict(parse_qsl(request.body.decode())) != expected:
            return Reply.json(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        self.tokens += 1
        return Reply.json(
            200, {"access_token": f"session-{self.tokens}", "token_type": "Bearer", "instance_url": self.url}
        )

    def _page(self, start: str, end: str, place: int) -> Reply:
        first, last = time_from(start), time_from(end)
        found = [file for file in self.files if first and last and first <= file.created < last]
        found.sort(key=lambda file: (file.created, file.id))
        page = found[place : place + self._page_size]
        done = place + len(page) >= len(found)
        content: dict[str, Any] = {
            "totalSize": len(found),
            "done": done,
            "records": [self._shown(each) for each in page],
        }
        if not done:
            content["nextRecordsUrl"] = f"/services/data/v60.0/query/{start}_{end}_{place + len(page)}"
        return Reply.json(200, content)

    def _shown(self, file: LogFile) -> dict[str, Any]:
        path = f"/services/data/v60.0/sobjects/EventLogFile/{file.id}"
        return {
            "attributes": {"type": "EventLogFile", "url": path},
            "Id": file.id,
            "EventType": file.kind,
            "LogDate": file.created.strftime("%Y-%m-%dT%H:00:00.000+0000"),
            "Interval": "Hourly",
            "CreatedDate": file.created.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "LogFile": f"{path}/LogFile",
        }


def csv_of(rows: list[dict[str, str]]) -> bytes:
    """Return rows as a CSV file."""
    content = io.StringIO()
    if rows:
        writer = csv.DictWriter(content, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    return content.getvalue().encode()
