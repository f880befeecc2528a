"""A look at a source finds what a run would read, and writes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.errors import ConfigurationError, UnavailableError, WaitError
from audit_provider.core.ledger.records import MemoryLedger, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import PullCounts, Unreadable
from audit_provider.core.runs.look import LEFT_UNREAD, NO_POSITION, Lookout, Watched
from audit_provider.core.runs.read_account import read_account
from audit_provider.core.sources import PYLON, PYLON_LIST
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.reading.id_keyset import IdKeyset
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.streams.unreadable import UnreadableRecords
from tests.core.runs.conftest import Lines
from tests.core.simulation import BEGIN, CountingStore, Pages, Pipeline, Row, Service, minutely

LIVE = StreamName("p")


class Silent:
    """A connection whose vendor gives no id of the account."""

    http_conn_id = "pylon_default"

    def account(self):
        return "a"

    def credential_check(self):
        return ""


class CountingLedger(MemoryLedger):
    """A ledger that remembers what was asked of it. :ivar asked: keys, in order."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def read(self, key):
        self.asked.append(key)
        return super().read(key)

    def write(self, key, text, description=""):
        raise AssertionError("a look writes no record")


class Watch:
    """A pipeline that is read by runs and looked at in between."""

    def __init__(self, service, **options):
        self.runs = Pipeline(service, **options)
        self.runs.position = replace(self.runs.position, chain="c", strategy=type(self.runs.source.reading).__name__)
        self.runs.store = CountingStore()
        self.runs.stream = LIVE.stream(self.runs.store, self.runs.position)
        self.ledger = CountingLedger()
        self.lookout = self.new_lookout()

    def new_lookout(self):
        def pages(spec):
            return Pages(spec, self.runs.service if spec is self.runs.source else self.runs.search)

        return Lookout(
            Watched(
                ledger=self.ledger,
                store=self.runs.store,
                pipeline="p",
                spec=self.runs.source,
                pages=pages,
                account=lambda name, position: read_account(Silent(), [(name, position)], log=Lines()).account,
                now=lambda: self.runs.now,
                log=Lines(),
            )
        )

    def run(self, **changes):
        """Pull once, and record the position as a run does."""
        self.runs.run()
        self.record(**changes)

    def record(self, **changes):
        self.runs.position = replace(self.runs.position, **changes)
        kept = MemoryLedger(self.ledger.texts)
        position_record(kept, LIVE).hold()
        record = position_record(kept, LIVE)
        record.load()
        record.commit(self.runs.position)
        self.ledger.texts = kept.texts

    def happen(self, *names):
        self.runs.service.rows += [Row(name, self.runs.now, self.runs.now) for name in names]
        if self.runs.search:
            self.runs.search.rows = self.runs.service.rows

    def look(self):
        self.runs.advance(seconds=5)
        return self.lookout.look()


FORMS = {
    "windows": lambda: Watch(Service(rows=minutely(30))),
    "newest first": lambda: Watch(
        Service(rows=minutely(30)), source=replace(PYLON_LIST, reading=HeadScan(), recovery=None)
    ),
    "since": lambda: Watch(Service(rows=minutely(30)), source=replace(PYLON, reading=SinceScan())),
    "cursor": lambda: Watch(
        Service(rows=minutely(30), order="oldest", ending="live", keyset=True),
        source=replace(PYLON_LIST, reading=TailCursor()),
        search=Service(rows=minutely(30)),
    ),
    "keyset": lambda: Watch(
        Service(rows=minutely(30), order="oldest", id_alone=True, ending="live"),
        source=replace(PYLON_LIST, reading=IdKeyset()),
        search=Service(rows=minutely(30)),
    ),
    "measured": lambda: Watch(
        Service(rows=minutely(30), order="oldest", ending="live", keyset=True),
        source=PYLON_LIST,
        search=Service(rows=minutely(30)),
    ),
}


@pytest.fixture(params=sorted(FORMS))
def read(request):
    """A pipeline whose source was read to its end, for each reading strategy."""
    found = FORMS[request.param]()
    found.runs.advance(minutes=40)
    found.run()
    assert len(found.runs.spooled()) == 30
    return found


@pytest.fixture
def watch():
    found = FORMS["windows"]()
    found.runs.advance(minutes=40)
    found.run()
    return found


def test_nothing_new_is_nothing_however_often_and_however_long_is_looked(read):
    for _ in range(20):
        read.runs.advance(minutes=10)
        assert read.look() == set()


def test_a_new_event_is_found_by_the_next_look_and_until_a_run_has_read_it(read):
    assert read.look() == set()
    read.happen("new")
    assert read.look() == {"new"}
    assert read.look() == {"new"}
    read.run()
    assert "new" in read.runs.spooled()
    assert read.look() == set()


def test_a_process_that_begins_anew_finds_what_the_last_one_had_found(read):
    read.happen("new")
    assert read.look() == {"new"}
    read.lookout = read.new_lookout()
    assert read.look() == {"new"}


def test_looks_change_nothing_of_what_a_run_reads(read):
    for number in range(6):
        read.happen(f"new{number}")
        read.look()
        read.runs.advance(minutes=20)
        read.look()
        if number % 2:
            read.run()
    read.run()
    assert sorted(read.runs.spooled()) == sorted({row.id for row in read.runs.service.rows})


def test_what_a_run_has_read_since_the_last_look_is_not_found(watch):
    assert watch.look() == set()
    watch.happen("new")
    watch.run()
    assert watch.look() == set()


def test_a_look_asks_no_record_and_no_segment_between_loads(watch):
    assert watch.look() == set()
    assert watch.look() == set()
    watch.ledger.asked.clear()
    watch.runs.store.asked.clear()
    sent = watch.runs.service.requests
    for _ in range(10):
        assert watch.look() == set()
    assert (watch.ledger.asked, watch.runs.store.asked) == ([], [])
    assert watch.runs.service.requests - sent == 10 * _pages_of_overlap(watch)


def _pages_of_overlap(watch):
    """Return how many requests a run needs that finds nothing new."""
    before = watch.runs.service.requests
    watch.runs.run()
    return watch.runs.service.requests - before


def test_a_late_event_inside_the_overlap_is_found(watch):
    assert watch.look() == set()
    late = watch.runs.now - timedelta(minutes=9)
    watch.runs.service.rows.append(Row("late", late, late))
    assert watch.look() == {"late"}


def test_without_a_position_a_run_is_wanted(watch):
    watch.ledger.texts.clear()
    assert watch.new_lookout().look() == {NO_POSITION}


@pytest.mark.parametrize("changes", [{"source": "other"}, {"strategy": "HeadScan"}])
def test_a_position_of_another_source_is_left_to_a_run(watch, changes):
    watch.record(**changes)
    assert watch.look() == {NO_POSITION}


def test_a_position_of_another_account_is_refused(watch):
    watch.record(account="b")
    with pytest.raises(ConfigurationError, match="read from another account"):
        watch.look()


def test_what_the_last_run_has_left_unread_is_found_once_no_run_goes_on(watch):
    watch.record(complete=False, updated_at=watch.runs.now)
    assert watch.look() == set()
    watch.runs.advance(minutes=4)
    assert watch.look() == {LEFT_UNREAD}
    watch.run()
    assert watch.look() == set()


@pytest.mark.parametrize("error", [WaitError("wait", until=BEGIN), UnavailableError("down")])
def test_a_look_that_ends_by_an_error_loses_nothing(watch, error, monkeypatch):
    assert watch.look() == set()
    watch.happen("new")
    answer, service = watch.runs.service.answer, watch.runs.service

    def fail(window, cursor):
        service.answer = answer
        raise error

    service.answer = fail
    with pytest.raises(type(error)):
        watch.look()
    assert watch.look() == {"new"}


def test_a_record_that_cannot_be_read_is_found_until_a_run_has_set_it_aside(watch):
    pages = watch.lookout._watched.pages
    broken = Unreadable(b"{", "it is cut off")

    def with_broken(spec):
        found = pages(spec)
        found.records.unreadable.append(broken)
        return found

    watch.lookout = Lookout(replace(watch.lookout._watched, pages=with_broken))
    (name,) = watch.look()
    assert name.startswith("unreadable/")
    UnreadableRecords(watch.runs.stream).keep([broken], "pylon", watch.runs.now)
    watch.record(counts=watch.runs.position.counts + PullCounts(read=1, set_aside=1))
    assert watch.look() == set()


def test_a_gap_is_found_until_a_run_has_recorded_it():
    watch = Watch(
        Service(rows=minutely(30), kept=timedelta(days=10)), source=replace(PYLON, lookback=timedelta(days=10))
    )
    watch.runs.advance(minutes=40)
    watch.run()
    assert watch.look() == set()
    watch.lookout.forget()
    watch.runs.advance(days=20)
    found = watch.look()
    assert {name for name in found if name.startswith("gap look_back: ")}
    watch.run()
    assert watch.runs.position.gaps
    assert watch.look() == set()
