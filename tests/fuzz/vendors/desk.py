"""The product over one vendor: run after run, as an operator runs it, killed where the example says so."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import requests

from audit_provider.core.errors import AuditError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import UTC
from audit_provider.core.pull import pull
from audit_provider.core.sources import PageReader
from audit_provider.core.sources.reading.reader import Reader
from audit_provider.core.spool import Stream
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.rate_limit import Pacer
from tests.core.simulation import MemoryStore
from tests.fuzz.vendors.service import VendorService, server
from tests.fuzz.vendors.vendor import Run, Vendor, source

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
REACH = timedelta(hours=3)
"""How far before the beginning the first run reads."""


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Done:
    """What a run came to.

    :ivar green: it read all there was. :ivar error: why not, "" where it was killed, :ivar kind: and its type.
    :ivar until: when it ended.
    """

    green: bool
    error: str = ""
    kind: str = ""
    until: datetime = BEGIN


@dataclass
class Desk:
    """One vendor and the product that reads it.

    :ivar told: lines for the log, :ivar gaps: spans that could not be read. :ivar done: what each run came to.
    :ivar undated: records whose time was not understood.
    """

    vendor: Vendor
    clock: datetime = BEGIN
    told: list[str] = field(default_factory=list)
    gaps: list[Any] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    undated: int = 0
    odd: int = 0

    def __post_init__(self) -> None:
        self.service = VendorService(self.vendor, lambda: self.clock)
        self.service.url = f"http://127.0.0.1:{server().server_address[1]}"
        self.spec = source(self.vendor)
        self.stream = Stream(MemoryStore(), "acme/live")
        self.position = Position("acme")

    def play(self, calm: tuple[int, ...] = (7500, 7500)) -> Desk:
        """Carry out the example's runs, and then some quiet ones. :param calm: seconds before each of those."""
        random.seed(0)
        server().service = self.service  # type: ignore[attr-defined]
        for run in (*self.vendor.runs, *(Run(wait=wait) for wait in calm)):
            self.done.append(replace(self._run(run, len(self.done)), until=self.clock))
        return self

    def _sleep(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)

    def _run(self, run: Run, number: int) -> Done:
        self.clock += timedelta(seconds=run.wait)
        self.service.begin(number, run.trouble)
        session = _Session(run.kill_at if run.kill == "request" else None)
        pages = self._pages(self.spec, session)
        recovery = self._pages(self.spec.recovery, session) if self.spec.recovery else None
        commits = 0

        def commit(position: Position) -> None:
            nonlocal commits
            dies = commits == run.kill_at
            commits += 1
            if run.kill == "before" and dies:
                raise Killed
            self.position = position
            if run.kill == "after" and dies:
                raise Killed

        reader = Reader(pages, recovery, BEGIN - REACH, None, lambda: self.clock, self.gaps.append, self.told.append)
        try:
            pulled = pull(self.spec.reading, reader, self.stream, self.position, commit=commit, segment_bytes=200)
        except Killed:
            self.service.met[f"killed: {run.kill}"] += 1
            return Done(green=False)
        except AuditError as error:
            return Done(green=False, error=str(error), kind=type(error).__name__)
        finally:
            session.close()
            for each in filter(None, (pages, recovery)):
                self.undated += each.records.undated
                self.odd += each.records.odd
        return Done(green=pulled.complete)

    def _pages(self, spec: Any, session: requests.Session) -> PageReader:
        options = {"service": spec.title, "sleep": self._sleep, "now": lambda: self.clock, "patience": 3600.0}
        pacer = Pacer(spec.rate_limit, sleep=self._sleep, now=lambda: self.clock)
        client = HttpClient(session, self.service.url, pacer=pacer, **options)

        def outside(url: str) -> HttpClient:
            bare = requests.Session()
            bare.trust_env = False
            return HttpClient(bare, url, **options)

        return PageReader(spec, client, outside)

    def spooled(self) -> list[Any]:
        """Return the events of the spool."""
        head = self.position.head
        return [event for _, events in self.stream.read(head, 1) for event in events] if head.number else []


class _Session(requests.Session):
    """A session that ends the process at one of its requests. :param dies_at: from 0; None for never."""

    def __init__(self, dies_at: int | None) -> None:
        super().__init__()
        self.trust_env = False
        self._left = dies_at

    def request(self, *args: Any, **kwargs: Any) -> Any:
        if self._left is not None:
            if self._left == 0:
                raise Killed
            self._left -= 1
        return super().request(*args, **kwargs)
