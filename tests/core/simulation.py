"""A simulated audit-log service and a spool in memory, to hold the reading strategies against."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from audit_provider.core.errors import RefusedError, SpoolDamagedError, UnavailableError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import UTC, Event, Window
from audit_provider.core.pull import pull
from audit_provider.core.records.events import RecordReader
from audit_provider.core.sources import PYLON, PYLON_LIST, Page, Reader
from audit_provider.core.spool import Stream
from tests.core.destinations.stand_ins import Crash

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class MemoryStore:
    """A store that a crash leaves as it is."""

    def __init__(self):
        self.objects: dict[str, bytes] = {}

    def put(self, key, content):
        self.objects[key] = content

    def get(self, key):
        try:
            return self.objects[key]
        except KeyError:
            raise SpoolDamagedError(f"no {key}") from None

    def keys(self, prefix):
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def names(self, folder, after=""):
        below = (key[len(folder) :] for key in self.objects if key.startswith(folder))
        return iter(sorted(each for each in below if "/" not in each and each > after))

    def folders(self, prefix):
        below = [key[len(prefix) :] for key in self.objects if key.startswith(prefix)]
        return sorted({key.partition("/")[0] for key in below if "/" in key})

    def delete(self, key):
        self.objects.pop(key, None)


class CountingStore(MemoryStore):
    """A store that remembers what was asked of it.

    :param objects: what it holds at first. :ivar asked: ``(method, key or prefix)``, in order.
    """

    def __init__(self, objects=()):
        super().__init__()
        self.objects.update(objects)
        self.asked: list[tuple[str, str]] = []

    def put(self, key, content):
        self.asked.append(("put", key))
        super().put(key, content)

    def get(self, key):
        self.asked.append(("get", key))
        return super().get(key)

    def keys(self, prefix):
        self.asked.append(("keys", prefix))
        return super().keys(prefix)

    def names(self, folder, after=""):
        self.asked.append(("names", folder))
        return super().names(folder, after)

    def folders(self, prefix):
        self.asked.append(("folders", prefix))
        return super().folders(prefix)


@dataclass(frozen=True)
class Row:
    id: str
    happened: datetime
    recorded: datetime


def every(step: timedelta, count: int) -> list[Row]:
    """Return rows ``step`` apart, from the beginning."""
    return [Row(f"e{number}", BEGIN + number * step, BEGIN + number * step) for number in range(count)]


def minutely(count: int) -> list[Row]:
    """Return rows a minute apart."""
    return every(timedelta(minutes=1), count)


@dataclass
class Service:
    """Serves rows as either Pylon endpoint may.

    :ivar order: of the rows it serves. :ivar sorted_by: ``recorded`` or ``happened``.
    :ivar exclusive: the bounds of a search are not in it. :ivar ending: what stands for a cursor after the last page.
    :ivar keyset: a cursor names a row and not a count, so inserts do not shift pages; once the row is gone, so is it.
    :ivar id_alone: the cursor is the row's id, also after the last page. :ivar numbered: it is the page's number.
    :ivar filter_by: what a window filters, ``happened`` or ``recorded``. :ivar shows: the one time that rows show.
    :ivar kept: older rows are dropped. :ivar generation: cursors of an earlier one are dead: they lead to nothing.
    :ivar capped: rows of one window that are given at most. :ivar reach: an older start is refused.
    :ivar empty_page_at: which page of a scan is empty although there is more.
    :ivar refuse: numbers of requests (with a cursor) that are refused. :ivar fail: numbers of requests cut off.
    :ivar crash: numbers of requests at which the reader's process dies. :ivar inserts: ids of rows that come in at the
        requests of these numbers.
    """

    page_size: int = 3
    order: str = "newest"
    sorted_by: str = "recorded"
    exclusive: bool = False
    ending: str = "empty"
    keyset: bool = False
    id_alone: bool = False
    numbered: bool = False
    filter_by: str = "happened"
    shows: str = "recorded"
    kept: timedelta | None = None
    generation: int = 0
    capped: int = 0
    reach: timedelta | None = None
    empty_page_at: int = -1
    refuse: frozenset[int] = frozenset()
    fail: frozenset[int] = frozenset()
    crash: frozenset[int] = frozenset()
    inserts: dict[int, list[str]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    now: datetime = BEGIN
    requests: int = 0

    def answer(self, window: Window | None, cursor: str) -> Page:
        self.requests += 1
        self.rows += [Row(name, self.now, self.now) for name in self.inserts.pop(self.requests, [])]
        if self.requests in self.crash:
            raise Crash
        if self.requests in self.fail:
            raise UnavailableError("cut off")
        if cursor and self.requests in self.refuse:
            raise RefusedError("cursor refused", status=400)
        if window and self.reach and not cursor and window.start < self.now - self.reach:
            raise RefusedError("too far back", status=400)
        made, _, cursor = cursor.rpartition("@")
        if made and int(made) < self.generation:
            return Page((), (), f"{made}@{cursor}", False)
        page = self._answer(window, cursor)
        return replace(page, cursor=f"{self.generation}@{page.cursor}") if self.generation and page.cursor else page

    def _answer(self, window: Window | None, cursor: str) -> Page:
        if self.kept:
            self.rows = [row for row in self.rows if row.recorded >= self.now - self.kept or row.recorded > self.now]
        rows = self._served(window)
        if self.capped:
            rows = rows[: self.capped]
        start = self._start(rows, cursor)
        page, rest = rows[start : start + self.page_size], rows[start + self.page_size :]
        if self.requests == self.empty_page_at and page and cursor and not (self.id_alone or self.numbered):
            return Page((), (), f"again-{cursor}", True)
        last = page[-1] if page else None
        if self.numbered:
            return self._page(page, str(int(cursor or 1) + 1) if rest else "", more=bool(rest))
        if self.id_alone:
            return self._page(page, last.id if last else "", more=bool(rest))
        if rest:
            return self._page(page, f"after:{last.id}" if self.keyset else f"skip:{start + len(page)}", more=True)
        return self._page(page, self._ending(start + len(page), last, cursor), more=False)

    def _ending(self, count: int, last: Row | None, cursor: str) -> str:
        if self.ending == "live" and self.keyset:
            return f"after:{last.id}" if last else cursor
        if self.ending == "live" and self.order == "oldest":
            return f"skip:{count}"
        return "" if self.ending == "empty" else "END"

    def _served(self, window: Window | None) -> list[Row]:
        places = {row.id: place for place, row in enumerate(self.rows)}
        rows = [row for row in self.rows if row.recorded <= self.now]
        if window and self.exclusive:
            rows = [row for row in rows if window.start < getattr(row, self.filter_by) < window.end]
        elif window:
            rows = [row for row in rows if window.start <= getattr(row, self.filter_by) <= window.end]
        if self.order == "shuffled":
            return sorted(rows, key=lambda row: hashlib.sha256(row.id.encode()).digest())
        # Of rows of one moment, the one that came later stands nearer to the newest end.
        return sorted(
            rows, key=lambda row: (getattr(row, self.sorted_by), places[row.id]), reverse=self.order == "newest"
        )

    def _start(self, rows: list[Row], cursor: str) -> int:
        while cursor.startswith("again-"):
            cursor = cursor.removeprefix("again-")
        if self.numbered:
            return (int(cursor or 1) - 1) * self.page_size
        kind, _, value = ("after", "", cursor) if self.id_alone and cursor else cursor.partition(":")
        if kind == "skip":
            return int(value)
        if kind == "after":
            found = next((place for place, row in enumerate(rows) if row.id == value), None)
            if found is None:
                raise RefusedError("no such row any more", status=422)
            return found + 1
        return len(rows) if kind == "END" else 0

    def _page(self, rows: list[Row], cursor: str, *, more: bool) -> Page:
        events = tuple(Event(row.id, row.happened, msgspec.Raw(b'{"id":"%s"}' % row.id.encode())) for row in rows)
        return Page(events, tuple(getattr(row, self.shows) for row in rows), cursor, more)


class Pages:
    """What a strategy reads with, over a simulated service."""

    def __init__(self, spec, service: Service):
        self.spec = spec
        self.records = RecordReader(spec.fields)
        self.sent = ()
        self.request = spec.request
        self.request_key = f"limit={service.page_size}"
        self._service = service

    def resume(self, key):
        return key == self.request_key

    def fetch(self, window, cursor, same=None):
        return self._service.answer(window, cursor)

    look_back = fetch


class Pipeline:
    """Pull runs over one service, with a position that survives them."""

    def __init__(self, service: Service, *, source=PYLON, search: Service | None = None, segment_events: int = 4):
        """:param search: the recovery source, which reads by time."""
        self.service = service
        self.search = search
        self.source = source
        self.position = Position(source=source.name)
        self.store = MemoryStore()
        self.stream = Stream(self.store, "p/live")
        self.told: list[str] = []
        self.gaps = []
        self._segment_bytes = segment_events * 60

    @property
    def now(self):
        return self.service.now

    def advance(self, **time):
        self.service.now += timedelta(**time)
        if self.search:
            self.search.now = self.service.now

    def run(self, *, start=BEGIN, crash_at_commit=None, within=None, earlier_until=None, known=()):
        """Pull once. :param crash_at_commit: the process dies just before (even) or after (odd) this commit."""
        commits = 0

        def commit(position):
            nonlocal commits
            commits += 1
            if crash_at_commit is not None and commits == crash_at_commit // 2 + 1 and crash_at_commit % 2 == 0:
                raise Crash
            self.position = position
            if crash_at_commit is not None and commits == crash_at_commit // 2 + 1:
                raise Crash

        reader = Reader(
            pages=Pages(self.source, self.service),
            recovery=Pages(PYLON, self.search) if self.search else None,
            start=within.start if within else start,
            until=within.end if within else None,
            now=lambda: self.now,
            report=self.gaps.append,
            tell=self.told.append,
        )
        return pull(
            self.source.reading,
            reader,
            self.stream,
            self.position,
            commit=commit,
            within=within,
            earlier_until=earlier_until,
            known=known,
            segment_bytes=self._segment_bytes,
        )

    def spooled(self) -> list[str]:
        return [event.id for _, events in self.stream.read(self.position.head, 1) for event in events]


__all__ = [
    "BEGIN",
    "PYLON",
    "PYLON_LIST",
    "CountingStore",
    "Crash",
    "MemoryStore",
    "Pages",
    "Pipeline",
    "Row",
    "Service",
    "every",
    "minutely",
]
