"""At the vendor's limit, over real HTTP and simulated time: all that is permitted is used, and nothing is refused."""

from __future__ import annotations

import itertools
import json
import threading
from collections import deque
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
import requests

from audit_provider.core.errors import WaitError
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.model import Window
from audit_provider.core.pull import pull
from audit_provider.core.runs.source_reading import Pacers
from audit_provider.core.sources import REGISTRY, PageReader, Reader
from audit_provider.core.spool import Stream
from audit_provider.core.wire.budget import POLLING, lane
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.rate_limit import RateLimit
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.server import Reply, Service
from tests.core.simulation import MemoryStore
from tests.scale.simulated_time import BEGIN, SimulatedTime

TOKEN = "t"
PAGE = 5
SPEC = REGISTRY["pylon"].with_page_size(PAGE).with_rate_limit(RateLimit(60, 60))
DAY = timedelta(days=1)
LATENCIES = (0.02, 0.3, 0.05, 0.11)


class DistantSession(requests.Session):
    """The way to the service and back takes its time."""

    def __init__(self, time, sent):
        super().__init__()
        self.trust_env = False
        self.headers["Authorization"] = f"Bearer {TOKEN}"
        self._time = time
        self._sent = sent
        self._latency = itertools.cycle(LATENCIES)

    def request(self, *arguments, **options):
        self._time.sleep(next(self._latency))
        self._sent.append(self._time.now())
        response = super().request(*arguments, **options)
        self._time.sleep(next(self._latency))
        return response


class Task:
    """A task that reads, run after run: its position survives, and so do its claims, in the ledger of all tasks."""

    def __init__(self, time, url, name=POLLING, spec=SPEC, patience=600.0):
        self.time = time
        self._ledger = time.ledger
        self.name = name
        self.spec = spec
        self.sent = []
        self.position = Position(source=spec.name)
        self.spooled_at = {}
        self._url = url
        self._patience = patience
        self._stream = Stream(MemoryStore(), f"p/{name}")

    def run(self, start, until=None):
        """Read all there is; return the position."""
        pacers = Pacers(
            self._ledger, "p", self.name, self.position.requests, share=0.8, sleep=self._sleep, now=self.time.now
        )
        client = HttpClient(
            DistantSession(self.time, self.sent),
            self._url,
            service="Pylon",
            sleep=self._sleep,
            now=self.time.now,
            pacer=pacers.of(self.spec),
        )
        reader = Reader(
            pages=PageReader(self.spec, client),
            recovery=None,
            start=start,
            until=until,
            now=self.time.now,
            report=lambda gap: None,
            tell=lambda line: None,
        )
        within = Window(start, until) if until else None
        resumes_at = None
        try:
            pull(self.spec.reading, reader, self._stream, self.position, commit=self._commit, within=within)
        except WaitError as wait:
            resumes_at = wait.until
        pacers.give_up(resumes_at)
        if resumes_at:
            self.time.sleep((resumes_at - self.time.now()).total_seconds() + 8)
            return self.run(start, until)
        return self.position

    def _commit(self, position):
        for _, events in self._stream.read(position.head, self.position.head.number + 1):
            self.spooled_at |= {event.id: self.time.now() for event in events}
        self.position = position

    def _sleep(self, seconds):
        if seconds > self._patience:
            raise WaitError("The service asks for a pause.", until=self.time.now() + timedelta(seconds=seconds))
        self.time.sleep(seconds)


@pytest.fixture
def time():
    time = SimulatedTime()
    time.ledger = MemoryLedger()
    return time


def pylon(time, count, *, requests=60, days=30):
    records = generate(count, BEGIN - days * DAY, BEGIN - timedelta(hours=1))
    return PylonService(TOKEN, records, rate_limits={"/audit-logs/search": requests}, now=time.now)


def most_in_a_period(sent, per=60.0):
    """Return the most requests within any period. :param sent: when each was on its way to the service."""
    sent, most, first = sorted(sent), 0, 0
    for last, at in enumerate(sent):
        while sent[first] <= at - timedelta(seconds=per):
            first += 1
        most = max(most, last - first + 1)
    return most


def used(sent, requests, per=60.0):
    """Return what part of the permitted requests was sent, in the whole periods from the first request to the last."""
    periods = (max(sent) - min(sent)).total_seconds() // per
    end = min(sent) + timedelta(seconds=per * periods)
    return sum(at < end for at in sent) / (requests * periods)


def test_a_full_read_uses_what_is_permitted_and_is_never_refused(time):
    with pylon(time, 2950) as service:
        task = Task(time, service.url)
        time.start(lambda: task.run(BEGIN - 31 * DAY))
        time.run()
        assert task.position.head.total == 2950
        assert service.refused_for_rate == 0
    assert len(task.sent) >= 590
    assert used(task.sent, 60) >= 0.97


def test_a_backfill_in_three_lanes_and_polling_never_exceed_the_budget_and_polling_keeps_its_latency(time):
    """An event a minute is polled each minute while three windows of the past are read at once."""
    interval, minutes = 60, 25
    with pylon(time, 3600) as service:
        bounds = [BEGIN - (30 - 10 * number) * DAY for number in range(4)]
        windows = [Task(time, service.url, lane(number + 1)) for number in range(3)]
        for number, task in enumerate(windows):
            time.start(lambda task=task, n=number: task.run(bounds[n], bounds[n + 1]), after=number)
        polling, happened = Task(time, service.url), {}

        def live():
            for number in range(minutes):
                (event,) = generate(1, time.now(), time.now(), seed=number + 7)
                event["action_happened_at"] = event["created_at"] = time.now().isoformat()
                service.add([event])
                happened[event["id"]] = time.now()
                time.sleep(interval)

        def poll():
            for number in range(minutes + 2):
                time.sleep(max(0.0, 30 + number * interval - time.seconds))
                polling.run(BEGIN - timedelta(minutes=30))

        time.start(live)
        time.start(poll)
        time.run()
        assert service.refused_for_rate == 0
        assert sum(task.position.head.total for task in windows) == 3600
        assert all(task.position.complete for task in windows)
    everything = sorted([*polling.sent, *(at for task in windows for at in task.sent)])
    assert most_in_a_period(everything) <= 60
    delays = sorted((polling.spooled_at[name] - at).total_seconds() for name, at in happened.items())
    assert delays[int(0.95 * len(delays))] <= 2 * interval
    backfill = sorted(at for task in windows for at in task.sent)
    assert used(backfill, 48) >= 0.9, "also with its beginning, where the parts are dealt, and its end"


def test_a_task_that_defers_keeps_its_place_and_the_budget(time):
    spec = replace(SPEC, rate_limit=RateLimit(60, 300))
    with pylon(time, 800) as service:
        service._per = timedelta(seconds=300)
        task = Task(time, service.url, lane(1), spec, patience=61.0)
        time.start(lambda: task.run(BEGIN - 31 * DAY, BEGIN))
        time.run()
        assert service.refused_for_rate == 0
        assert task.position.head.total == 800
    assert most_in_a_period(task.sent, 300) <= 48


class Shared(Service):
    """A service whose budget others use too: a fixed window that begins every minute, and its words about it.

    :param neighbour: requests that others take of each window at once. :param left: name of the header that says what
        is left, "" for none. :param wait: name of the header that says when more may be asked, and :param form: how.
    """

    def __init__(self, time, *, neighbour=25, left="", wait="Retry-After", form="seconds", total=240):
        super().__init__()
        self.refused = 0
        self.served = deque()
        self._time = time
        self._neighbour, self._left, self._wait, self._form = neighbour, left, wait, form
        self._total = total
        self._lock = threading.Lock()
        self._window, self._taken = -1, 0

    def answer(self, request):
        with self._lock:
            window = int(self._time.seconds // 60)
            if window != self._window:
                self._window, self._taken = window, self._neighbour
            self._taken += 1
            over = self._taken > 60
            headers = {}
            if self._left:
                headers[self._left] = str(max(0, 60 - self._taken))
            if over or self._left:
                headers[self._wait] = self._said(60 * (window + 1) - self._time.seconds)
            if over:
                self.refused += 1
                return Reply.json(429, {"errors": ["slow down"]}) if not headers else Reply(429, b"{}", headers)
            self.served.append(self._time.now())
            more = len(self.served) < self._total
            data = generate(1, BEGIN - DAY, BEGIN, seed=len(self.served))
            body = {
                "data": data,
                "pagination": {"cursor": f"c{len(self.served)}" if more else "", "has_next_page": more},
            }
            return Reply(200, json.dumps(body).encode(), headers)

    def _said(self, seconds):
        moment = self._time.now() + timedelta(seconds=seconds)
        return {
            "seconds": f"{seconds:.3f}",
            "epoch": f"{moment.timestamp():.3f}",
            "epoch milliseconds": f"{moment.timestamp() * 1000:.0f}",
            "date-time": moment.isoformat(),
            "HTTP date": format_datetime(moment + timedelta(seconds=1), usegmt=True),
        }[self._form]


LEFT = ("X-Rate-Limit-Remaining", "X-RateLimit-Remaining", "RateLimit-Remaining")
RESET = ("X-RateLimit-Reset", "X-Rate-Limit-Reset", "RateLimit-Reset", "X-Sentry-Rate-Limit-Reset")
FORMS = ("seconds", "epoch", "epoch milliseconds", "date-time", "HTTP date")


@pytest.mark.parametrize(
    ("left", "wait", "form"),
    [
        *((left, "RateLimit-Reset", "seconds") for left in LEFT),
        *((LEFT[0], reset, "epoch") for reset in RESET),
        *((LEFT[1], "X-RateLimit-Reset", form) for form in FORMS),
        *((LEFT[2], wait, "seconds") for wait in ("Retry-After", "X-Retry-After")),
    ],
)
def test_where_the_service_says_what_is_left_nothing_is_refused_though_others_use_the_budget(time, left, wait, form):
    with Shared(time, left=left, wait=wait, form=form) as service:
        task = Task(time, service.url)
        time.start(lambda: task.run(BEGIN - DAY))
        time.run()
        assert service.refused == 0
        assert len(service.served) == 240
        # 35 of each minute are left by the others.
        assert time.seconds <= 60 * 240 / 35 + 60


@pytest.mark.parametrize(("wait", "form"), [(w, f) for w in ("Retry-After", "X-Retry-After") for f in FORMS])
def test_where_it_only_asks_to_wait_one_request_of_a_period_is_refused_at_most(time, wait, form):
    with Shared(time, wait=wait, form=form) as service:
        task = Task(time, service.url)
        time.start(lambda: task.run(BEGIN - DAY))
        time.run()
        assert len(service.served) == 240
        assert service.refused <= time.seconds / 60 + 1
        assert time.seconds <= 60 * 240 / 35 + 60
