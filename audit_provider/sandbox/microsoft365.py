"""A stand-in for the Office 365 Management Activity API: subscriptions, lists of blobs; blobs come late and expire.

https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from audit_provider.core.model import UTC, utc_now
from audit_provider.sandbox.server import CONTROL, Reply, Request, Service

CONTENT_TYPES = ("Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All")
SCOPE = "https://manage.office.com/.default"

_KEPT = timedelta(days=7)
_WIDEST = timedelta(hours=24)
_TIME = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of events. :ivar created: time by which lists select it. :ivar listed: time from which it is listed."""

    id: str
    kind: str
    created: datetime
    listed: datetime
    expires: datetime
    events: tuple[dict[str, Any], ...]


class Microsoft365Service(Service):
    """Serves one tenant.

    :param page_size: number of blobs on a page of the list. :param now: the service's clock.
    """

    name = "microsoft365"

    def __init__(  # nosec B107
        self,
        tenant: str = "11111111-0000-4000-8000-000000000365",
        client_id: str = "22222222-0000-4000-8000-000000000365",
        client_secret: str = "sandbox-secret",  # noqa: S107 - of the sandbox
        *,
        page_size: int = 10,
        now: Callable[[], datetime] = utc_now,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.tenant, self.client_id, self.client_secret = tenant, client_id, client_secret
        self.now = now
        self.started: list[str] = []
        self.blobs: dict[str, Blob] = {}
        self.refused: list[str] = []
        self.tokens = 0
        self._page_size = page_size
        self._events = 0

    @property
    def token_path(self) -> str:
        """Where tokens are fetched."""
        return f"/{self.tenant}/oauth2/v2.0/token"

    def event(self, moment: datetime) -> dict[str, Any]:
        """Return a new event that happened at a time."""
        self._events += 1
        return {
            "CreationTime": moment.astimezone(UTC).strftime(_TIME),  # without a zone
            "Id": f"00000000-0000-4000-8000-{self._events:012}",
            "Operation": "UserLoggedIn",
            "OrganizationId": self.tenant,
            "RecordType": 15,
            "ResultStatus": "Success",
            "UserKey": "10032001",
            "UserType": 0,
            "Workload": "AzureActiveDirectory",
            "ObjectId": "Unknown",
            "UserId": "zoe@example.com",
            "ClientIP": "203.0.113.9",
        }

    def add(
        self,
        kind: str,
        created: datetime,
        events: Iterable[dict[str, Any]],
        *,
        listed: datetime | None = None,
        expires: datetime | None = None,
    ) -> Blob:
        """Put a file of events onto the list of its kind."""
        number = len(self.blobs)
        name = f"{created:%Y%m%d%H%M%S}$${number:06}$audit_{kind.lower().replace('.', '_')}$sandbox0001"
        blob = Blob(name, kind, created, listed or created, expires or created + _KEPT, tuple(events))
        self.blobs[name] = blob
        return blob

    def ids(self) -> list[str]:
        """Return the ids of all events, each once."""
        return list(dict.fromkeys(each["Id"] for blob in self.blobs.values() for each in blob.events))

    def state(self) -> dict[str, Any]:
        """Return ids, and what was refused."""
        return {"ids": self.ids(), "refused_for_rate": 0, "refused": self.refused[-20:]}

    def control(self, request: Request) -> Reply:
        """Answer ``POST events`` too: ``{"count": n, "span_seconds": s}`` happened in the last s seconds."""
        if request.path == f"{CONTROL}events" and request.method == "POST":
            wanted = json.loads(request.body)
            step, now = wanted["span_seconds"] / wanted["count"], self.now()
            self.happen([now - timedelta(seconds=step * number) for number in range(wanted["count"])])
            return Reply.json(201, {})
        return super().control(request)

    def happen(self, moments: list[datetime], events: int = 50) -> None:
        """Add events, in files of ``events`` of them each, with each content type in turn."""
        for begin in range(0, len(moments), events):
            part = moments[begin : begin + events]
            kind = CONTENT_TYPES[len(self.blobs) % len(CONTENT_TYPES)]
            self.add(kind, max(part), [self.event(moment) for moment in part])

    def answer(self, request: Request) -> Reply:
        """Answer as Microsoft would."""
        if request.path == self.token_path:
            return self._token(request)
        if not self.tokens or request.headers.get("Authorization") != f"Bearer m365-{self.tokens}":
            return _error(401, "AF10001", "The access token is not accepted.")
        feed = f"/api/v1.0/{self.tenant}/activity/feed"
        if request.path.startswith(f"{feed}/audit/") and request.method == "GET":
            return self._blob(request.path.removeprefix(f"{feed}/audit/"))
        kind = request.param("contentType")
        if request.param("PublisherIdentifier") != self.tenant or kind not in CONTENT_TYPES:
            return self._refuse("AF20020", f"The content type {kind} or the publisher is not valid.")
        if request.path == f"{feed}/subscriptions/start" and request.method == "POST":
            if kind in self.started:
                return _error(400, "AF20024", "The subscription is already enabled.")
            self.started.append(kind)
            return Reply.json(200, {"contentType": kind, "status": "enabled", "webhook": None})
        if request.path == f"{feed}/subscriptions/content" and request.method == "GET":
            return self._list(feed, kind, request)
        return self._refuse("AF50000", f"there is no {request.method} {request.path}", status=404)

    def _list(self, feed: str, kind: str, request: Request) -> Reply:
        if kind not in self.started:
            return self._refuse("AF20022", "No subscription found for the specified content type.")
        try:
            texts = (request.param("startTime") or "", request.param("endTime") or "")
            start, end = (datetime.strptime(text, _TIME).replace(tzinfo=UTC) for text in texts)
        except ValueError:
            return self._refuse("AF20030", "Start time and end time must be YYYY-MM-DDTHH:MM:SS.")
        now = self.now()
        if not start < end or end - start > _WIDEST or start < now - _KEPT:
            return self._refuse("AF20030", "The times must be at most 24 hours apart and 7 days in the past.")
        found = [
            blob
            for blob in self.blobs.values()
            if blob.kind == kind and start <= blob.created < end and blob.listed <= now
        ]
        begin = int(request.param("nextPage") or 0)
        headers = {}
        if len(found) > begin + self._page_size:
            query = {**dict(request.params), "nextPage": begin + self._page_size}
            headers["NextPageUri"] = f"{self.url}{request.path}?{urlencode(query)}"
        shown = [
            {
                "contentType": blob.kind,
                "contentId": blob.id,
                "contentUri": f"{self.url}{feed}/audit/{blob.id}",
                "contentCreated": f"{blob.created:%Y-%m-%dT%H:%M:%S}.000Z",
                "contentExpiration": f"{blob.expires:%Y-%m-%dT%H:%M:%S}.000Z",
            }
            for blob in found[begin : begin + self._page_size]
        ]
        return Reply(200, json.dumps(shown).encode(), headers)

    def _blob(self, name: str) -> Reply:
        blob = self.blobs.get(name)
        if blob is None or blob.expires <= self.now():
            return _error(400, "AF20051", "Content requested with the key has already expired.")
        return Reply.json(200, list(blob.events))

    def _token(self, request: Request) -> Reply:
        wanted = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        if request.method != "POST" or dict(parse_qsl(request.body.decode())) != wanted:
            return Reply.json(401, {"error": "invalid_client", "error_description": "The client is not known."})
        self.tokens += 1
        return Reply.json(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": f"m365-{self.tokens}"})

    def _refuse(self, code: str, why: str, status: int = 400) -> Reply:
        self.refused.append(why)
        return _error(status, code, why)


def _error(status: int, code: str, why: str) -> Reply:
    return Reply.json(status, {"error": {"code": code, "message": why}})
