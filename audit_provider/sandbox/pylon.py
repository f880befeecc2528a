"""A stand-in for Pylon's audit-log API that follows the vendor's OpenAPI document.

https://docs.usepylon.com/pylon-docs/developer/api/api-reference/audit-logs
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from audit_provider.core.model import utc_now
from audit_provider.core.records.times import time_from
from audit_provider.sandbox.events import generate
from audit_provider.testing.server import CONTROL, Reply, Request, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Order = Literal["newest", "oldest", "shuffled"]
Ending = Literal["empty", "null", "absent", "sentinel", "live"]

_FILTERS = {
    "action": {"equals", "in", "not_in", "string_contains", "string_does_not_contain"},
    "action_happened_at": {"time_is_after", "time_is_before", "time_range"},
}
_LIST, _SEARCH = "/audit-logs", "/audit-logs/search"


class PylonService(Service):
    """Both endpoints and ``GET /me``.

    :param records: the records that it holds; :meth:`add` adds more.
    :param other_region_tokens: tokens that belong to the other region.
    :param order: of the results. :param ending: what the last page has in place of a cursor.
    :param rate_limits: requests per ``per`` seconds, by endpoint; None for the vendor's own, empty for no limits.
    :param exclusive: the bounds of a time filter are not in it. :param organization: id of the token's organisation; by
        default each port has another one.
    """

    name = "pylon"

    def __init__(
        self,
        token: str,
        records: Iterable[Mapping[str, Any]] = (),
        *,
        other_region_tokens: Iterable[str] = (),
        order: Order = "newest",
        ending: Ending = "empty",
        rate_limits: Mapping[str, int] | None = None,
        per: float = 60.0,
        exclusive: bool = False,
        organization: str = "",
        now: Callable[[], datetime] = utc_now,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.token = token
        self.order = order
        self.ending = ending
        self.exclusive = exclusive
        self.organization = organization
        self.refused_for_rate = 0
        self._other_region_tokens = frozenset(other_region_tokens)
        self._limits = {_LIST: 60, _SEARCH: 10} if rate_limits is None else dict(rate_limits)
        self._per = timedelta(seconds=per)
        self._now = now
        self._lock = threading.Lock()
        self._sent: dict[str, deque[datetime]] = defaultdict(deque)
        self._rows: list[tuple[datetime, str, bytes, str]] = []
        self.add(records)

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add records."""
        rows = [
            (
                time_from(each["action_happened_at"]) or self._now(),
                each["id"],
                msgspec.json.encode(each),
                each["action"],
            )
            for each in records
        ]
        with self._lock:
            self._rows = sorted([*self._rows, *rows])

    def drop_before(self, moment: datetime) -> None:
        """Drop all older records, as a vendor does."""
        with self._lock:
            self._rows = [row for row in self._rows if row[0] >= moment]

    def records(self) -> list[bytes]:
        """Return all records, as JSON."""
        return [row[2] for row in self._rows]

    def ids(self) -> list[str]:
        """Return the ids of all records."""
        return [row[1] for row in self._rows]

    def state(self) -> dict[str, Any]:
        """Return counts and ids."""
        return {"events": len(self._rows), "refused_for_rate": self.refused_for_rate, "ids": self.ids()}

    def control(self, request: Request) -> Reply:
        """Answer ``POST events`` too: ``count`` and ``span_seconds`` make events up to now.

        ``fields`` replaces some of their keys.
        """
        if request.path == f"{CONTROL}events" and request.method == "POST":
            wanted = json.loads(request.body)
            now = self._now()
            made = generate(wanted["count"], now - timedelta(seconds=wanted["span_seconds"]), now, seed=len(self._rows))
            self.add(each | wanted.get("fields", {}) for each in made)
            return Reply.json(201, {"ids": [each["id"] for each in made]})
        return super().control(request)

    def answer(self, request: Request) -> Reply:
        """Answer as Pylon does."""
        refusal = self._refusal(request)
        if refusal:
            return refusal
        if (request.method, request.path) == ("GET", "/me"):
            organization = self.organization or f"org-{self.url.rpartition(':')[2]}"
            return Reply.json(200, {"data": {"id": organization, "name": "Sandbox Inc."}, "request_id": "r-me"})
        if (request.method, request.path) == ("GET", _LIST):
            return self._list(request)
        if (request.method, request.path) == ("POST", _SEARCH):
            return self._search(request)
        return _error(405 if request.path in (_LIST, _SEARCH, "/me") else 404, "no such endpoint")

    def _refusal(self, request: Request) -> Reply | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and token in self._other_region_tokens:
            return _error(401, "the token is of another region", code="wrong_region_token")
        if scheme != "Bearer" or token != self.token:
            return _error(401, "the token is not valid", code="unauthorized")
        limit = self._limits.get(request.path)
        if limit is None:
            return None
        with self._lock:
            now, sent = self._now(), self._sent[request.path]
            while sent and sent[0] <= now - self._per:
                sent.popleft()
            if len(sent) >= limit:
                self.refused_for_rate += 1
                wait = (sent[0] + self._per - now).total_seconds()
                reply = _error(429, "too many requests", code="rate_limited")
                reply.headers.update({"X-Retry-After": str(int(wait) + 1), "X-Rate-Limit-Remaining": "0"})
                return reply
            sent.append(now)
        return None

    def _list(self, request: Request) -> Reply:
        params = dict(request.params)
        unknown = set(params) - {"cursor", "limit"}
        if unknown or len(params) != len(request.params):
            return _error(400, f"unknown or repeated parameter {sorted(unknown)}")
        limit = params.get("limit", "100")
        if not limit.isdecimal():
            return _error(400, "limit must be an integer")
        return self._page(self._rows, "list", params.get("cursor", ""), int(limit), request.path)

    def _search(self, request: Request) -> Reply:
        body = request.body or b"{}"
        if request.body and request.headers.get("Content-Type", "").split(";")[0] != "application/json":
            return _error(400, "the body must be application/json")
        try:
            wanted = json.loads(body)
        except ValueError:
            return _error(400, "the body is not JSON")
        if not isinstance(wanted, dict) or set(wanted) - {"cursor", "filter", "limit"}:
            return _error(400, "unknown key in the body")
        limit, cursor = wanted.get("limit", 100), wanted.get("cursor", "")
        if isinstance(limit, bool) or not isinstance(limit, int) or not isinstance(cursor, str):
            return _error(400, "limit must be an integer and cursor a string")
        try:
            rows = self._filtered(wanted.get("filter"))
        except ValueError as error:
            return _error(400, str(error))
        # A cursor in the query is silently ignored, as users have seen: page one is served again.
        stream = hashlib.sha256(json.dumps(wanted.get("filter"), sort_keys=True).encode()).hexdigest()[:12]
        return self._page(rows, stream, cursor, limit, request.path)

    def _filtered(self, wanted: Any) -> list[tuple[datetime, str, bytes, str]]:
        if wanted is None:
            return self._rows
        if not isinstance(wanted, dict) or set(wanted) - {"field", "operator", "value", "values", "subfilters"}:
            raise ValueError("the filter has an unknown key")
        name, operator = str(wanted.get("field")), str(wanted.get("operator"))
        if operator in ("and", "or"):
            raise ValueError("audit logs take one flat filter")
        if operator not in _FILTERS.get(name, ()):
            raise ValueError(f"the field {name!r} does not take the operator {operator!r}")
        several = operator in ("in", "not_in", "time_range")
        given = wanted.get("values" if several else "value")
        fits = (
            isinstance(given, list) and all(isinstance(each, str) for each in given)
            if several
            else isinstance(given, str)
        )
        if not fits:
            raise ValueError(f"the operator {operator!r} takes {'values' if several else 'value'}")
        if name == "action":
            return [row for row in self._rows if _action_fits(operator, given, row[3])]
        return self._between(operator, given)

    def _between(self, operator: str, given: Any) -> list[tuple[datetime, str, bytes, str]]:
        texts = given if operator == "time_range" else [given]
        times = [_strict_time(text) for text in texts]
        if operator == "time_range" and len(times) != 2:
            raise ValueError("time_range takes two values")
        rows = self._rows
        after = times[0] if operator != "time_is_before" else None
        before = times[-1] if operator != "time_is_after" else None
        left, right = (bisect_right, bisect_left) if self.exclusive else (bisect_left, bisect_right)
        first = left(rows, after, key=lambda row: row[0]) if after else 0
        last = right(rows, before, key=lambda row: row[0]) if before else len(rows)
        return rows[first:last]

    def _page(
        self, rows: list[tuple[datetime, str, bytes, str]], stream: str, cursor: str, limit: int, path: str
    ) -> Reply:
        if not 1 <= limit <= 999:
            return _error(400, "limit must be greater than 0 and less than 1000")
        start = 0
        if cursor:
            try:
                made_for, _, place = base64.urlsafe_b64decode(cursor).decode().partition("|")
            except ValueError:
                return _error(400, "invalid cursor")
            if made_for != stream or not place.isdecimal():
                return _error(400, "invalid cursor")
            start = int(place)
        ordered = self._ordered(rows)
        page = ordered[start : start + limit]
        more = start + limit < len(ordered)
        head = b'{"data":[' + b",".join([row[2] for row in page]) + b"]"
        if not page and self.ending == "absent":
            head = b'{"x":0'
        tail = self._pagination(stream, start + len(page), more=more)
        body = (head + tail + b',"request_id":"r-page"}').replace(b'{"x":0,', b"{")
        limit_of_path = self._limits.get(path)
        left = {} if limit_of_path is None else {"X-Rate-Limit-Remaining": str(limit_of_path - len(self._sent[path]))}
        return Reply(200, body, left)

    def _pagination(self, stream: str, place: int, *, more: bool) -> bytes:
        ending = self.ending
        if more or (ending == "live" and self.order == "oldest"):
            cursor: str | None = base64.urlsafe_b64encode(f"{stream}|{place}".encode()).decode()
        elif ending == "absent":
            return b""
        elif ending == "sentinel":
            cursor = base64.urlsafe_b64encode(f"{stream}|{10**12}".encode()).decode()
        else:
            cursor = None if ending == "null" else ""
        return b',"pagination":' + json.dumps({"cursor": cursor, "has_next_page": more}).encode()

    def _ordered(self, rows: list[tuple[datetime, str, bytes, str]]) -> list[tuple[datetime, str, bytes, str]]:
        if self.order == "oldest":
            return rows
        if self.order == "newest":
            return rows[::-1]
        return sorted(rows, key=lambda row: hashlib.sha256(row[1].encode()).digest())


def _action_fits(operator: str, given: Any, action: str) -> bool:
    if operator == "equals":
        return bool(action == given)
    found = action in given if operator in ("in", "not_in") else given in action
    return found is not operator.endswith(("not_in", "not_contain"))


def _strict_time(text: str) -> datetime:
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise ValueError(f"{text!r} is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment


def _error(status: int, text: str, *, code: str = "") -> Reply:
    content: dict[str, Any] = {"errors": [text], "request_id": f"r-{status}"}
    if code:
        content["code"] = code
    return Reply.json(status, content)
