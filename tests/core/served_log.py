"""A log of records, many of them equal, served over real HTTP while rows come in; and runs that read it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import requests

from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.model import UTC, Fields, text_of
from audit_provider.core.pull import pull
from audit_provider.core.sources import PageReader, Reader, SourceSpec
from audit_provider.core.sources.paging import CursorPaging, NextUrlPaging, ObjectIdPaging, OffsetPaging, PagePaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.reading.id_keyset import IdKeyset
from audit_provider.core.sources.reading.measured_list import MeasuredList
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.sources.request import Request
from audit_provider.core.spool import Stream
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.rate_limit import RateLimit
from audit_provider.sandbox.server import Reply, Service
from tests.core.destinations.stand_ins import Crash
from tests.core.simulation import MemoryStore

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)

PAGINGS = {
    "count": CursorPaging("cursor", "next"),
    "keyset": CursorPaging("cursor", "next"),
    "offset": OffsetPaging("offset"),
    "page": PagePaging("page"),
    "next_url": NextUrlPaging("next"),
    "object_id": ObjectIdPaging("after", "more"),
}
"""How a page leads to the next one. ``count`` and ``next_url`` count rows, ``keyset`` names the last row."""

READINGS = {
    "closed_windows": ClosedWindows(),
    "since_scan": SinceScan(),
    "head_scan": HeadScan(),
    "tail_cursor": TailCursor(),
    "measured_list": MeasuredList(),
    "id_keyset": IdKeyset(),
}
BOUNDS = {"closed_windows": ("from", "to"), "since_scan": ("from",), "tail_cursor": ("from",), "id_keyset": ("from",)}


@dataclass
class Log:
    """What the service holds.

    :ivar order: ``newest`` or ``oldest`` first. :ivar live: a cursor stands on the last page too.
    :ivar inserts: number of a request to the records that come in before it is answered.
    """

    page_size: int = 2
    order: str = "newest"
    paging: str = "count"
    live: bool = False
    inserts: dict[int, list[dict]] = field(default_factory=dict)
    rows: list[dict] = field(default_factory=list)
    now: datetime = BEGIN
    requests: int = 0
    gone: Counter[str] = field(default_factory=Counter)

    def add(self, *records: dict) -> None:
        """Let records come in: the last one is the newest."""
        self.rows += [dict(record) for record in records]

    def replace(self, *records: dict) -> None:
        """Let the log show these records in place of all that it has."""
        self.gone = self.happened()
        self.rows = [dict(record) for record in records]

    def happened(self) -> Counter[str]:
        """Return every record there ever was, and how often."""
        return self.gone | Counter(json.dumps(row, sort_keys=True) for row in self.rows)

    def answer(self, params: dict[str, str]) -> dict:
        self.requests += 1
        self.add(*self.inserts.pop(self.requests, ()))
        rows = [
            (number, row)
            for number, row in enumerate(self.rows)
            if ("from" not in params or row["at"] >= params["from"])
            and ("to" not in params or row["at"] <= params["to"])
        ]
        if self.order == "newest":
            rows.reverse()
        start = self._start(rows, params)
        page, rest = rows[start : start + self.page_size], rows[start + self.page_size :]
        answer = {"data": [row for _, row in page]}
        return answer | self._way(params, start, page, more=bool(rest))

    def _start(self, rows: list[tuple[int, dict]], params: dict[str, str]) -> int:
        if self.paging == "page":
            return (int(params.get("page", 1)) - 1) * self.page_size
        if "after" in params:
            return next(place for place, (_, row) in enumerate(rows) if row.get("id") == params["after"]) + 1
        cursor = params.get("cursor") or params.get("offset")
        if not cursor or self.paging != "keyset":
            return int(cursor or 0)
        last = int(cursor)
        beyond = (place for place, (number, _) in enumerate(rows) if (number < last) == (self.order == "newest"))
        return next((place for place in beyond if rows[place][0] != last), len(rows))

    def _way(self, params: dict[str, str], start: int, page: list[tuple[int, dict]], *, more: bool) -> dict:
        following = start + len(page)
        if self.paging == "object_id":
            return {"more": more}
        if self.paging == "next_url":
            kept = "&".join(f"{key}={value}" for key, value in params.items() if key != "cursor")
            return {"next": f"/log?{kept}&cursor={following}"} if more else {}
        if self.paging == "keyset":
            last = str(page[-1][0]) if page else params.get("cursor", "")
            return {"next": last, "more": more} if more or self.live else {"more": False}
        return {"next": str(following), "more": more} if more or self.live else {"more": False}


class LogService(Service):
    """Serves whatever log it is given."""

    log: Log

    def answer(self, request):
        return Reply.json(200, self.log.answer(dict(request.params)))


class Runs:
    """Pull runs over a log, each from what the one before has kept, as text.

    :cvar segment_bytes: after which a segment is written, and the position with it.
    """

    segment_bytes = 200

    def __init__(self, service: LogService, log: Log, reading: str, *, fields: Fields | None = None, **changes):
        service.log = log
        self.log, self.told, self.gaps = log, [], []
        self._service = service
        paging = PAGINGS[log.paging]
        if isinstance(paging, CursorPaging):
            paging = replace(paging, more_at="more")
        params = {name: {"from": "{start}", "to": "{end}"}[name] for name in BOUNDS.get(reading, ())}
        spec = SourceSpec(
            name="acme",
            title="Acme",
            docs="",
            base_url="https://api.example.com",
            request=Request("GET", "/log", params=params),
            reading=READINGS[reading],
            paging=paging,
            records_at="data",
            fields=fields or Fields("", "at"),
            rate_limit=RateLimit(100_000),
        )
        self.spec = replace(spec, **changes)
        self.store = MemoryStore()
        self.stream = Stream(self.store, "p/live")
        self.kept = POSITIONS.pack(Position("acme"))

    @property
    def position(self) -> Position:
        return POSITIONS.unpack(self.kept, "test")

    def client(self) -> HttpClient:
        session = requests.Session()
        session.trust_env = False
        return HttpClient(
            session, self._service.url, service="Acme", sleep=lambda _: None, now=lambda: self.log.now, tries=1
        )

    def pages(self, spec: SourceSpec) -> PageReader:
        return PageReader(spec, self.client())

    def run(self, *, crash_at: int | None = None, cut_after: int | None = None, window=None, known=()):
        """Pull once.

        :param crash_at: the process dies just before (even) or after (odd) a commit of this number, halved.
        :param cut_after: so many pages, and the time of the run is over.
        """
        commits = steps = 0

        def commit(position):
            nonlocal commits
            commits += 1
            dies = crash_at is not None and commits == crash_at // 2 + 1
            if dies and crash_at % 2 == 0:
                raise Crash
            self.kept = POSITIONS.pack(position)
            self.not_more_than_happened()
            if dies:
                raise Crash

        def now():
            return self.log.now

        class Pages:
            def page(self, events, moment):
                nonlocal steps
                steps += 1

        def time_of_run():
            return BEGIN + timedelta(days=9999) if cut_after is not None and steps >= cut_after else now()

        reader = Reader(
            self.pages(self.spec),
            self.pages(self.spec.recovery) if self.spec.recovery else None,
            start=window.start if window else BEGIN,
            until=window.end if window else None,
            now=now,
            report=self.gaps.append,
            tell=self.told.append,
        )
        done = pull(
            self.spec.reading,
            reader,
            self.stream,
            self.position,
            commit=commit,
            within=window,
            known=known,
            deadline=_Deadline(time_of_run) if cut_after is not None else None,
            progress=Pages(),
            segment_bytes=self.segment_bytes,
        )
        assert done.counts.read == done.counts.spooled + done.counts.duplicates
        return done

    def spooled(self) -> Counter[str]:
        head = self.position.head
        return Counter(
            json.dumps(json.loads(bytes(event.raw)), sort_keys=True)
            for _, events in self.stream.read(head, 1)
            for event in events
        )

    def ids(self) -> list[str]:
        return [event.id for _, events in self.stream.read(self.position.head, 1) for event in events]

    def not_more_than_happened(self) -> None:
        invented = self.spooled() - self.log.happened()
        assert not invented, f"never happened: {invented}"


class _Deadline:
    """A moment that has come once the run has read enough: whatever the clock says."""

    def __init__(self, time_of_run):
        self._time_of_run = time_of_run

    def __gt__(self, moment):
        return self._time_of_run() < BEGIN + timedelta(days=9000)


def record(seconds: int, what: str = "login", **more) -> dict:
    """Return a record of so many seconds after the beginning."""
    return {"at": text_of(BEGIN + timedelta(seconds=seconds)), "what": what, **more}


__all__ = ["BEGIN", "Log", "LogService", "Runs", "record"]
