"""A stand-in for any API that has a contract: it accepts only documented requests, and answers as the vendor does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from audit_provider.core.model import UTC, utc_now
from audit_provider.testing.contract import Contract, TokenCall, at, put, remove, written
from audit_provider.testing.documented_call import BadRequestError, Call, Cursors, Links, ObjectIds, Offsets, Pages
from audit_provider.testing.server import CONTROL, Reply, Request, Service
from audit_provider.testing.signing_keys import fault_in

if TYPE_CHECKING:
    from collections.abc import Iterable

TOKEN = "fetched-token-1"  # noqa: S105 - what the sandbox gives out


@dataclass(frozen=True, slots=True)
class Row:
    """A record and the time by which it is filtered and sorted."""

    record: dict[str, Any]
    moment: datetime
    number: int


class ContractService(Service):
    """Serves the records of one contract.

    :param rate_limit: requests per seconds that are not refused; None for no limit.
    :param page_size: instead of the vendor's fixed one.
    """

    def __init__(
        self,
        contract: Contract,
        *,
        port: int = 0,
        rate_limit: tuple[int, float] | None = None,
        page_size: int | None = None,
    ) -> None:
        super().__init__(port=port)
        self._page_size = page_size or contract.page_size
        self.contract = contract
        self.rows: list[Row] = []
        self.refused: list[str] = []
        self.refused_for_rate = 0
        self._rate_limit = rate_limit
        self._met: deque[datetime] = deque()
        self._lock = threading.Lock()
        self._happened = 0

    def add(self, moments: Iterable[datetime]) -> None:
        """Add an event at each of these times, cut to milliseconds, or to seconds if the vendor writes seconds."""
        for moment in moments:
            whole = moment.replace(
                microsecond=0 if self.contract.time_kind in ("epoch", "datetime") else moment.microsecond // 1000 * 1000
            )
            self.rows.append(Row(self.contract.record(self._happened, whole), whole, self._happened))
            self._happened += 1

    def drop_before(self, moment: datetime) -> None:
        """Drop all older events, as a vendor does."""
        self.rows = [row for row in self.rows if row.moment >= moment]

    def ids(self) -> list[str]:
        """Return the ids of all records."""
        return [self.contract.id_of(row.record) for row in self.rows]

    def state(self) -> dict[str, Any]:
        """Return ids, and what was refused."""
        return {"ids": self.ids(), "refused_for_rate": self.refused_for_rate, "refused": self.refused[-20:]}

    def control(self, request: Request) -> Reply:
        """Answer ``POST events`` too: ``{"count": n, "span_seconds": s}`` happened in the last s seconds."""
        if request.path == f"{CONTROL}events" and request.method == "POST":
            wanted = json.loads(request.body)
            step, now = wanted["span_seconds"] / wanted["count"], utc_now()
            self.add(now - timedelta(seconds=step * number) for number in range(wanted["count"]))
            return Reply.json(201, {})
        return super().control(request)

    def answer(self, request: Request) -> Reply:
        """Answer as the vendor would."""
        contract = self.contract
        if contract.token and request.path == contract.token["path"]:
            return self._token(contract.token, request)
        if contract.account and (request.method, request.path) == ("GET", contract.account["path"]):
            return self._fault(contract, {}, request) or Reply.json(200, contract.account["answer"])
        known, reply = len(self.refused), None
        for each in filter(None, (contract, contract.by_time)):
            for call in filter(None, (each.request, each.follow)):
                if request.path == self._path(call):
                    del self.refused[known:]  # another call with the same path may accept the request
                    reply = self._page(each, call, request)
                    if reply.status != 400:
                        return reply
        return reply or self._refuse(404, f"there is no {request.path}")

    def _page(self, contract: Contract, call: Call, request: Request) -> Reply:
        if request.method != call.method:
            return self._refuse(405, f"{call.path} takes {call.method}")
        if fault := self._fault(contract, call.headers, request):
            return fault
        try:
            body = json.loads(request.body) if request.body else None
            asked = call.read(list(request.params), body)
            if self._is_too_fast():
                self.refused_for_rate += 1
                return self._slow_down()
            return self._serve(contract, call, request, asked)
        except (BadRequestError, ValueError) as error:
            return self._refuse(400, str(error))

    def _fault(self, contract: Contract, headers: Mapping[str, str], request: Request) -> Reply | None:
        """Return the answer to a request with a wrong credential, or without the headers of its call."""
        if contract.signed and not self._is_signed(contract, request):
            return self._refuse_credential()
        expected = {**contract.auth, **headers}
        for name, value in expected.items():
            value = value.replace("{token}", TOKEN)
            if name in contract.auth and request.headers.get(name) != value:
                return self._refuse_credential()
            if value not in request.headers.get(name, ""):
                return self._refuse(400, f"the header {name} must be {value!r}")
        return None

    def _serve(self, contract: Contract, call: Call, request: Request, asked: Mapping[str, Any]) -> Reply:
        if contract.lookback and "start" in asked and asked["start"] < utc_now() - timedelta(days=contract.lookback):
            raise BadRequestError("the start is too far back")
        style, cursor = contract.paging.style, asked.get("cursor", "")
        if isinstance(contract.paging, Cursors) and cursor == contract.paging.begin:
            cursor = ""
        kept = dict(asked)
        if style in ("cursor", "next_url", "link") and cursor:
            if isinstance(contract.paging, Cursors) and contract.paging.listed:
                cursor = cursor.replace(",", "")
            kept = self._opened(cursor, asked)
        rows = self._selected(contract, kept)
        size = asked.get("size") or kept.get("size") or self._page_size or call.size.default
        if style == "none":
            size = asked.get("size") or len(rows)
        start = self._start(contract, rows, kept, cursor, size)
        page, more = rows[start : start + size], len(rows) > start + size
        content = contract.page_of([row.record for row in page])
        headers: dict[str, str] = {}
        self._lead_on(contract, call, request, content, headers, kept, rows, start + len(page), more)
        return Reply(200, json.dumps(content).encode(), headers)

    def _selected(self, contract: Contract, asked: Mapping[str, Any]) -> list[Row]:
        start, end = asked.get("start"), asked.get("end")
        rows = list(self.rows)
        if start is not None:
            rows = [r for r in rows if r.moment > start or (r.moment == start and contract.bounds[0] == "inclusive")]
        if end is not None:
            rows = [r for r in rows if r.moment < end or (r.moment == end and contract.bounds[1] == "inclusive")]
        if getattr(contract.paging, "tail", False):
            return rows  # in the order in which they came
        if contract.order == "shuffled":
            return sorted(rows, key=lambda r: hashlib.sha256(str(r.number).encode()).digest())
        return sorted(rows, key=lambda r: (r.moment, r.number), reverse=contract.order == "newest")

    def _start(self, contract: Contract, rows: list[Row], kept: Mapping[str, Any], cursor: str, size: int) -> int:
        style = contract.paging.style
        if not cursor or style == "none":
            return 0
        if isinstance(contract.paging, Pages):
            return (int(cursor) - contract.paging.first) * size
        if style == "offset":
            return int(cursor)
        if style == "object_id":
            places = [n for n, row in enumerate(rows) if str(at(row.record, contract.id_at)) == cursor]
            if not places:
                raise BadRequestError(f"there is no object {cursor!r}")
            return places[0] + 1
        if getattr(contract.paging, "tail", False):
            # Such a cursor is kept for a long time, so rows that were dropped before it must not move it.
            return sum(row.number < int(kept["position"]) for row in rows)
        return int(kept["position"])

    def _lead_on(
        self,
        contract: Contract,
        call: Call,
        request: Request,
        content: Any,
        headers: dict[str, str],
        kept: Mapping[str, Any],
        rows: list[Row],
        reached: int,
        more: bool,
    ) -> None:
        """Put the cursor or the URL of the next page where the vendor puts it."""
        paging = contract.paging
        if isinstance(paging, Pages | Offsets) and paging.total_at:
            put(content, paging.total_at, len(rows))
        if isinstance(paging, ObjectIds) and paging.more_at:
            yes, no = paging.flags
            last = str(at(rows[reached - 1].record, contract.id_at)) if more else None
            put(content, paging.more_at, (last if yes == "id" else yes) if more else no)
        if isinstance(paging, Pages | Cursors) and paging.more_at:
            put(content, paging.more_at, more)
        if isinstance(paging, Pages) and paging.next_at:
            here = int(request.param(call.cursor_name) or paging.first)
            put(content, paging.next_at, here + 1 if more else None)
        if not isinstance(paging, Cursors | Links):
            return
        place = reached
        if paging.tail:
            place = rows[reached - 1].number + 1 if reached else 0
        cursor = self._cursor(kept, place)
        query = {**dict(request.params), (contract.follow or call).cursor_name: cursor}
        if isinstance(paging, Cursors) and paging.by_time and more:
            name = next(name for name, each in call.named.items() if each.role == "end")
            query = {**dict(request.params), name: str(written(rows[reached - 1].moment, contract.time_kind))}
        url = f"{self._path(contract.follow or call)}?{urlencode(query, quote_via=quote)}"
        if isinstance(paging, Links):
            flag = f'; results="{"true" if more else "false"}"; cursor="{cursor}"' if paging.results else ""
            if more or paging.tail or paging.results:
                headers["Link"] = f'<{self.url}{request.path}>; rel="self", <{self.url}{url}>; rel="next"{flag}'
            return
        if paging.count_at:
            put(content, paging.count_at, len(at(content, contract.records_at) or ()))
        if more or paging.tail:
            value = url if paging.relative else f"{self.url}{url}"
            halves = [cursor[: len(cursor) // 2], cursor[len(cursor) // 2 :]]
            put(content, paging.at, (halves if paging.listed else cursor) if paging.style == "cursor" else value)
        elif paging.last == "absent":
            remove(content, paging.gone or paging.at)
        else:
            put(content, paging.at, paging.last)

    def _cursor(self, kept: Mapping[str, Any], reached: int) -> str:
        held = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in kept.items()}
        held.pop("cursor", None)
        return base64.urlsafe_b64encode(json.dumps({**held, "position": reached}).encode()).decode().rstrip("=")

    def _opened(self, cursor: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the content of a cursor. Filters that are sent with it must be those it was made with."""
        try:
            held: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except ValueError:
            raise BadRequestError("the cursor is not one of ours") from None
        for key in ("start", "end"):
            if key in held:
                held[key] = datetime.fromisoformat(held[key]).astimezone(UTC)
                if key in asked and asked[key] != held[key]:
                    raise BadRequestError(f"the {key} differs from the one that the cursor was made with")
        return held

    def _is_signed(self, contract: Contract, request: Request) -> bool:
        """Whether the signature is that of date, method, host, path and sorted parameters."""
        pairs = sorted(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in request.params)
        host = request.headers.get("Host", "").partition(":")[0]
        text = "\n".join((request.headers.get("Date", ""), request.method, host, request.path, "&".join(pairs)))
        key = contract.connection["password"].encode()
        signed = hmac.new(key, text.encode(), contract.signed).hexdigest()
        login = f"{contract.connection['login']}:{signed}"
        return request.headers.get("Authorization") == f"Basic {base64.b64encode(login.encode()).decode()}"

    def _token(self, wanted: TokenCall, request: Request) -> Reply:
        for name, value in wanted.get("headers", {}).items():
            if request.headers.get(name) != value:
                return self._refuse(401, f"the header {name} of the token request is wrong")
        kind = request.headers.get("Content-Type", "")
        sent = json.loads(request.body) if "json" in kind else dict(parse_qsl(request.body.decode()))
        sent |= dict(request.params)
        if "assertion" in wanted and (wrong := fault_in(sent.pop("assertion", ""), wanted["assertion"])):
            return self._refuse(400, wrong)
        if request.method != "POST" or sent != wanted.get("fields", {}):
            return self._refuse(400, f"the token request holds {sorted(sent)}, not {sorted(wanted.get('fields', {}))}")
        return Reply.json(200, {**wanted["answer"], wanted.get("token_at", "access_token"): TOKEN})

    def _path(self, call: Call) -> str:
        path = call.path
        for name, value in self.contract.settings.items():
            path = path.replace("{" + name + "}", quote(str(value), safe=""))
        return path

    def _is_too_fast(self) -> bool:
        if self._rate_limit is None:
            return False
        requests, per = self._rate_limit
        with self._lock:
            now = utc_now()
            while self._met and self._met[0] <= now - timedelta(seconds=per):
                self._met.popleft()
            if len(self._met) >= requests:
                return True
            self._met.append(now)
        return False

    def _slow_down(self) -> Reply:
        wait = self.contract.slow_down
        headers = self.contract.wait_headers(1, utc_now())
        return Reply(wait.get("status", 429), json.dumps(wait.get("body", {})).encode(), headers)

    def _refuse_credential(self) -> Reply:
        refusal = self.contract.refusal
        return Reply.json(refusal["status"], refusal.get("body", {}))

    def _refuse(self, status: int, why: str) -> Reply:
        self.refused.append(why)
        return Reply.json(status, {"error": why, "message": why})
