"""Reads that end behind the clock, of a vendor that refuses an end which its own clock has not reached."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import requests

from audit_provider.core.errors import RefusedError, WaitError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Fields, Window
from audit_provider.core.pull import pull
from audit_provider.core.sources import PageReader, Reader
from audit_provider.core.sources.export import ExportJob
from audit_provider.core.sources.paging import CursorPaging, OffsetPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.file_export import FileExport
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.sources.request import Request
from audit_provider.core.spool import Stream
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.server import Reply, Service
from tests.core.simulation import MemoryStore
from tests.core.sources.scripted import NOW, SPEC

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
BEHIND = 20 * SECOND


class Strict(Service):
    """A log with an event each ten seconds, which refuses an end that its clock, some seconds slow, has not reached."""

    def __init__(self, run, slow=3 * SECOND):
        super().__init__()
        self.run, self.slow, self.ends = run, slow, []

    def answer(self, request):
        if request.path == "/job/1":
            return Reply.json(200, {"state": "ready", "url": "/file"})
        if request.path == "/file":
            rows = "".join(f"{each['id']},{each['t']}\n" for each in self.events(self.asked))
            return Reply(200, f"id,t\n{rows}".encode(), {"Content-Type": "text/csv"})
        said = json.loads(request.body) if request.body else dict(request.params)
        start, end = (datetime.fromisoformat(said[key].replace("Z", "+00:00")) for key in ("from", "to"))
        if end > self.run.now() - self.slow:
            return Reply.json(400, {"message": "endTime cannot be after current time"})
        self.ends.append(end)
        self.asked = Window(start, end)
        page = self.events(self.asked)[int(said.get("offset", 0)) :]
        return Reply.json(200, {"id": "1"} if request.path == "/job" else {"items": page})

    def events(self, window):
        first = int(window.start.timestamp()) // 10 * 10
        times = range(first, int(window.end.timestamp()) + 1, 10)
        return [
            {"id": f"e{each}", "t": datetime.fromtimestamp(each, NOW.tzinfo).isoformat()}
            for each in times
            if window.start.timestamp() <= each <= window.end.timestamp()
        ]


class Run:
    """Pulls, with a clock that goes on while it sleeps."""

    def __init__(self, reading, **changes):
        self.clock, self.slept, self.goes_on = NOW, [], True
        self.spec = replace(SPEC, reading=reading, **changes)
        self.position, self.stream = Position("s"), Stream(MemoryStore(), "p/live")

    def now(self):
        return self.clock

    def sleep(self, seconds):
        self.slept.append(seconds)
        if self.goes_on:
            self.clock += timedelta(seconds=seconds)

    def pages(self, service, spec):
        session = requests.Session()
        session.trust_env = False
        client = HttpClient(session, service.url, service="Some API", sleep=self.sleep, now=self.now, tries=1)
        return PageReader(spec, client)

    def pull(self, service, start, until=None):
        def keep(position):
            self.position = position

        recovery = self.pages(service, self.spec.recovery) if self.spec.recovery else None
        pages = self.pages(service, self.spec)
        reader = Reader(pages, recovery, start, until, self.now, lambda gap: None, lambda said: None)
        within = Window(start, until) if until else None
        return pull(self.spec.reading, reader, self.stream, self.position, commit=keep, within=within)

    def times(self):
        read = self.stream.read(self.position.head, 1) if self.position.head.number else ()
        return [event.time for _, events in read for event in events]


def windows(**settings):
    return ClosedWindows(behind=BEHIND, **settings)


@pytest.mark.parametrize("grain", [0, 2])
def test_live_reads_end_so_long_before_now_and_miss_nothing(grain):
    run = Run(windows(grain=grain * SECOND))
    with Strict(run) as service:
        for _ in range(5):
            run.pull(service, NOW - 10 * MINUTE)
            assert service.ends[-1] == run.now() - BEHIND
            run.clock += MINUTE
    times = run.times()
    assert times == [NOW - 10 * MINUTE + n * 10 * SECOND for n in range(len(times))]
    assert times[-1] == NOW + 4 * MINUTE - BEHIND


def test_without_the_setting_the_vendor_refuses_and_the_words_name_it():
    run = Run(ClosedWindows(grain=timedelta(0)))
    with Strict(run) as service, pytest.raises(RefusedError, match=r"set 'reading\.behind'"):
        run.pull(service, NOW - MINUTE)


def test_a_fraction_of_a_second_is_not_rounded_into_what_is_refused():
    run = Run(ClosedWindows(behind=SECOND))
    run.clock += timedelta(milliseconds=900)
    with Strict(run, slow=SECOND) as service:
        run.pull(service, NOW - MINUTE)
        assert service.ends == [NOW - SECOND]


def test_the_mark_stays_behind_what_was_asked_for():
    run = Run(windows(settle=timedelta(0)))
    with Strict(run) as service:
        run.pull(service, NOW - MINUTE)
    assert run.position.watermark == NOW - BEHIND - 2 * SECOND


def test_rows_that_shift_are_read_up_to_the_earlier_of_both_ends():
    run = Run(windows(settle=timedelta(0)), fields=Fields("", "t"), paging=OffsetPaging("offset"))
    with Strict(run) as service:
        run.pull(service, NOW - MINUTE)
        assert service.ends[-1] <= NOW - BEHIND


def test_a_backfill_that_ends_now_waits_for_its_end_and_reads_all_of_it():
    run = Run(windows())
    with Strict(run) as service:
        assert run.pull(service, NOW - MINUTE, until=NOW + SECOND).complete
    assert run.times() == [NOW - MINUTE + n * 10 * SECOND for n in range(7)]
    assert run.slept == [(SECOND + 2 * SECOND + BEHIND + SECOND).total_seconds()]


def test_a_backfill_inside_what_may_not_be_asked_for_yet_waits_first():
    run = Run(windows())
    with Strict(run) as service:
        assert run.pull(service, NOW - 10 * SECOND, until=NOW + SECOND).complete
    assert run.times() == [NOW - 10 * SECOND, NOW]


def test_a_backfill_that_may_not_sleep_so_long_keeps_what_it_has_and_goes_on_later():
    run = Run(windows())
    run.goes_on = False
    with Strict(run) as service:
        with pytest.raises(WaitError) as raised:
            run.pull(service, NOW - MINUTE, until=NOW)
        assert raised.value.until == NOW + 2 * SECOND + BEHIND + SECOND
        assert not run.position.complete
        assert len(run.times()) > 3
        run.clock = raised.value.until
        assert run.pull(service, NOW - MINUTE, until=NOW).complete
    assert len(run.times()) == 6


def test_a_backfill_of_the_past_does_not_wait():
    run = Run(windows())
    with Strict(run) as service:
        assert run.pull(service, NOW - 10 * MINUTE, until=NOW - 5 * MINUTE).complete
    assert run.slept == []


def test_what_may_not_be_asked_for_yet_is_read_by_the_next_run():
    run = Run(windows())
    with Strict(run) as service:
        run.pull(service, NOW - 5 * SECOND)
        assert service.ends == []
        run.clock += 2 * MINUTE
        # Where a run begins without a kept place has moved on; the first one has left its own.
        run.pull(service, NOW + MINUTE)
    assert run.times()[0] == NOW


def test_a_scan_ends_behind_the_clock_too():
    run = Run(SinceScan(behind=BEHIND))
    with Strict(run) as service:
        run.pull(service, NOW - MINUTE)
        assert service.ends == [NOW - BEHIND]
    run = Run(SinceScan(behind=BEHIND))
    with Strict(run) as service:
        assert run.pull(service, NOW - MINUTE, until=NOW).complete
    assert run.times()[-1] == NOW - 10 * SECOND


def test_a_stream_is_opened_and_swept_behind_the_clock():
    recovery = replace(SPEC, reading=windows(), recovery=None)
    stream = TailCursor(behind=BEHIND, settle=5 * SECOND, sweep_every=MINUTE)
    run = Run(stream, recovery=recovery, paging=CursorPaging("c", "next"))
    with Strict(run) as service:
        for _ in range(3):
            run.pull(service, NOW - MINUTE)
            assert service.ends[-1] <= run.now() - BEHIND
            run.clock += 5 * MINUTE
    assert run.slept == []


def test_files_are_ordered_up_to_behind_the_clock():
    job = ExportJob(
        create=Request("POST", "/job", body={"from": "{start}", "to": "{end}"}),
        id_at="id",
        status=Request("GET", "/job/{job}"),
        state_at="state",
        url_at="url",
        ready="ready",
        pending=("pending",),
    )
    export = FileExport(settle=timedelta(0), min_width=SECOND, behind=BEHIND)
    run = Run(export, export=job)
    with Strict(run) as service:
        run.pull(service, NOW - MINUTE)
        assert service.ends == [NOW - BEHIND]
    run = Run(export, export=job)
    with Strict(run) as service:
        assert run.pull(service, NOW - MINUTE, until=NOW).complete
        assert service.ends == [NOW - BEHIND, NOW]
    assert run.times()[-1] == NOW - 10 * SECOND


def test_the_test_of_a_connection_ends_behind_the_clock():
    run = Run(windows())
    with Strict(run) as service:
        assert "accepts the credential" in run.pages(service, run.spec).probe()
