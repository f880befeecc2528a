"""What is served is spooled as often as it happened: equal records without an id, and unequal ones under one."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_provider.core.model import Fields, Window
from audit_provider.core.sources import PageReader
from tests.core.destinations.stand_ins import Crash
from tests.core.served_log import BEGIN, Log, LogService, Runs, record

LONG = settings(
    max_examples=int(os.environ.get("AUDIT_FUZZ_EXAMPLES", "25")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PAGES = ("count", "keyset", "offset", "page", "next_url")
STRATEGIES = [
    *(("closed_windows", paging, order) for paging in PAGES for order in ("newest", "oldest")),
    *((reading, paging, "newest") for reading in ("since_scan", "head_scan") for paging in PAGES),
    *(("tail_cursor", paging, "oldest") for paging in ("count", "keyset", "next_url")),
    *(("measured_list", paging, order) for paging in ("count", "keyset") for order in ("newest", "oldest")),
]


@pytest.fixture(scope="module")
def service():
    with LogService() as running:
        yield running


@st.composite
def histories(draw):
    """Some batches of records, each some seconds after the one before and of few kinds, so that many are equal."""
    batches, at = [], 60
    for _ in range(draw(st.integers(1, 4))):
        batch = []
        for _ in range(draw(st.integers(0, 7))):
            at += draw(st.sampled_from([0, 0, 0, 1, 400]))
            row = record(at, draw(st.sampled_from("aab")))
            if Counter(map(str, sum(batches, batch)))[str(row)] == 6:
                # More pages in a row that are the same are refused as a circle.
                at += 1
                row = record(at, row["what"])
            batch.append(row)
        batches.append(batch)
        at += draw(st.sampled_from([0, 300]))
    return batches


@pytest.mark.slow
@pytest.mark.parametrize(("reading", "paging", "order"), STRATEGIES)
def test_records_without_an_id_are_counted_as_often_as_they_happened(service, reading, paging, order):
    @LONG
    @given(
        histories(),
        st.integers(2, 4),
        st.booleans(),
        st.lists(st.tuples(st.integers(1, 30), st.sampled_from("aac")), max_size=4),
        st.lists(st.one_of(st.none(), st.integers(0, 7)), min_size=4, max_size=4),
        st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=4, max_size=4),
    )
    def holds(batches, page_size, live, inserted, crashes, cuts):
        log = Log(page_size=page_size, order=order, paging=paging, live=live and order == "oldest")
        runs = Runs(service, log, reading)
        if reading == "measured_list":
            runs.spec = replace(runs.spec, recovery=Runs(service, log, "closed_windows").spec)
        seconds = 60
        for batch, crash, cut in zip(batches, crashes, cuts, strict=False):
            log.add(*batch)
            seconds = max([seconds, *map(seconds_of, log.rows)]) + 30
            log.now = BEGIN + timedelta(seconds=seconds)
            # At the newest end, as rows come in while a page is read.
            log.inserts = {log.requests + place: [record(seconds, what)] for place, what in inserted}
            seconds += 1
            with suppress(Crash):
                runs.run(crash_at=crash, cut_after=cut)
            log.inserts = {}
            runs.not_more_than_happened()
        for _ in range(4):
            seconds += 4000
            log.now = BEGIN + timedelta(seconds=seconds)
            runs.run()
        assert runs.spooled() == log.happened()
        assert not runs.gaps

    holds()


@pytest.mark.parametrize("cut", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("paging", ["count", "keyset", "next_url"])
@pytest.mark.parametrize("reading", ["tail_cursor", "measured_list"])
def test_pages_that_are_alike_count_in_the_next_run_too(service, reading, paging, cut):
    """The run ends at such a page, or at the page after it, which is not full and grows."""
    log = Log(rows=[record(60, what) for what in "aaababa"], order="oldest", paging=paging)
    runs = Runs(service, log, reading)
    if reading == "measured_list":
        runs.spec = replace(runs.spec, recovery=Runs(service, log, "closed_windows").spec)
    log.now = BEGIN + timedelta(minutes=5)
    runs.run(cut_after=cut)
    log.add(record(60, "a"))
    for _ in range(3):
        log.now += timedelta(minutes=5)
        runs.run()
    assert runs.spooled() == log.happened()
    assert not runs.gaps


@pytest.mark.parametrize("cut", [None, 2])
@pytest.mark.parametrize("reading", ["tail_cursor", "measured_list"])
def test_what_is_equal_to_a_record_whose_count_is_no_longer_kept_is_told(service, reading, cut):
    """More records of one second than counts are kept, and a run ends behind them."""
    rows = [record(60, "a"), *(record(60, f"other {number}") for number in range(150))]
    log = Log(rows=[record(59), *rows], page_size=200 if cut is None else 76, order="oldest", live=True)
    log.now = BEGIN + timedelta(days=30)
    runs = Runs(service, log, reading)
    runs.run(cut_after=cut)
    log.add(record(60, "a"), record(61, "b"))
    for _ in range(3):
        log.now += timedelta(minutes=5)
        runs.run()
    assert log.happened() - runs.spooled() <= Counter({json.dumps(record(60, "a"), sort_keys=True): 1})
    assert [line for line in runs.told if line.startswith("1 records of Acme came after its cursor and are equal")]


@pytest.mark.parametrize("cut", [1, 2, 3])
@pytest.mark.parametrize(
    ("reading", "order"),
    [
        ("closed_windows", "newest"),
        ("closed_windows", "oldest"),
        ("since_scan", "newest"),
        ("head_scan", "newest"),
        ("tail_cursor", "oldest"),
        ("measured_list", "oldest"),
    ],
)
def test_equal_records_around_records_with_an_id_count_although_a_run_ends_between_them(service, reading, order, cut):
    """The log is so old that no overlap and no sweep reads it a second time."""
    nameless, named = [record(60, "a"), record(60, "b")], [{"id": each, **record(60)} for each in "xy"]
    log = Log(rows=[*nameless, *named, *nameless], order=order, now=BEGIN + timedelta(days=30))
    runs = Runs(service, log, reading, fields=Fields("id", "at"))
    runs.run(cut_after=cut)
    for _ in range(3):
        log.now += timedelta(minutes=5)
        runs.run()
    assert runs.spooled() == log.happened()


@pytest.mark.parametrize("reading", ["closed_windows", "since_scan", "head_scan", "tail_cursor", "measured_list"])
def test_of_records_with_one_id_each_content_is_kept_once(service, reading):
    """A record that changes at the vendor, and records that share an id, on one page or several, over many runs."""

    @LONG
    @given(
        st.lists(
            st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("ab"), st.booleans()), max_size=5), min_size=1
        ),
        st.integers(1, 3),
        st.lists(st.one_of(st.none(), st.integers(0, 7)), min_size=4, max_size=4),
    )
    def holds(batches, page_size, crashes):
        order = "oldest" if reading == "tail_cursor" else "newest"
        log = Log(page_size=page_size, order=order, live=reading == "tail_cursor")
        runs = Runs(service, log, reading, fields=Fields("id", "at"))
        if reading == "measured_list":
            by_time = Runs(service, log, "closed_windows", fields=Fields("id", "at"))
            runs.spec = replace(runs.spec, recovery=by_time.spec)
        rows = Counter()
        for number, batch in enumerate(batches[:4]):
            for name, what, apart in batch:
                row = {"id": f"{name}{number}" if apart else name, **record(60, what)}
                log.add(row)
                rows[json.dumps(row, sort_keys=True)] = 1
            log.now = BEGIN + timedelta(seconds=600 + number)
            with suppress(Crash):
                runs.run(crash_at=crashes[number])
        # A window that was resumed has not seen what came in before its cursor: the next one looks back.
        log.now += timedelta(minutes=5)
        done = runs.run()
        assert runs.spooled() == rows
        assert len(set(runs.ids())) == len(runs.ids())
        assert done.position.counts.spooled == len(runs.ids())
        names = {json.loads(row)["id"] for row in rows}
        assert names <= set(runs.ids())
        assert done.position.counts.same_id == len(rows) - len(names)
        assert runs.run().counts.spooled == 0

    holds()


@dataclass
class TwoLogs(Log):
    """Each row is in one of two logs, which a parameter names, and does not say in which."""

    first: int = 0

    def answer(self, params):
        rows = self.rows
        self.rows = rows[: self.first] if params["log"] == "one" else rows[self.first :]
        try:
            return super().answer(params)
        finally:
            self.rows = rows


class RunsOfTwoLogs(Runs):
    def pages(self, spec):
        params = spec.request.params
        each = {name: replace(spec, request=replace(spec.request, params={**params, "log": name})) for name in LOGS}
        return PageReader(spec, self.client(), each=each)


LOGS = ("one", "two")


def test_equal_records_without_an_id_in_two_logs_of_a_source_are_two(service):
    log = TwoLogs(first=3, now=BEGIN + timedelta(minutes=5))
    log.add(record(60, "a"), record(60, "a"), record(61, "b"), record(60, "a"), record(61, "b"))
    runs = RunsOfTwoLogs(service, log, "closed_windows")
    assert runs.run().counts.duplicates == 0
    assert runs.spooled() == log.happened()
    log.now += timedelta(minutes=1)
    assert runs.run().counts.spooled == 0  # the overlap is read again


def test_a_record_with_an_id_that_comes_again_is_a_duplicate_however_it_is_written(service):
    log = Log(rows=[{"id": "x", "at": record(60)["at"], "what": "login", "actor": {"name": "ann", "id": 7}}])
    runs = Runs(service, log, "closed_windows", fields=Fields("id", "at"))
    log.now = BEGIN + timedelta(minutes=5)
    runs.run()
    log.replace({"actor": {"id": 7, "name": "ann"}, "what": "login", "at": record(60)["at"], "id": "x"})
    log.now += timedelta(minutes=5)
    counts = runs.run().counts
    assert (counts.read, counts.duplicates, counts.same_id, runs.ids(), runs.told) == (1, 1, 0, ["x"], [])


def test_a_field_that_changes_with_every_answer_is_told_and_can_be_left_out(service):
    def row(answer):
        return {"id": "x", "at": record(60)["at"], "links": [{"url": f"https://files/{answer}", "kind": "pdf"}]}

    log = Log(now=BEGIN + timedelta(minutes=5))
    told = Runs(service, log, "closed_windows", fields=Fields("id", "at"))
    left_out = Runs(service, log, "closed_windows", fields=Fields("id", "at"), volatile=("links.url",))
    nameless = Runs(service, log, "closed_windows", volatile=("links.url",))
    for answer in range(4):
        log.replace(row(answer))
        told.run()
        left_out.run()
        nameless.run()
        log.now += timedelta(minutes=1)
    assert len(told.ids()) == 4  # once for each content, and no more however often that comes
    assert told.position.counts.same_id == 3
    assert len(told.told) == 3
    assert "1 records came under an id that another record has (x); the first differ at links" in told.told[0]
    assert "'volatile'" in told.told[0]
    assert (left_out.ids(), left_out.told) == (["x"], [])
    assert len(nameless.ids()) == 1


def test_a_window_of_the_past_keeps_what_the_live_stream_has_in_another_state(service):
    log = Log(rows=[{"id": "x", **record(60, "pending")}], now=BEGIN + timedelta(minutes=5))
    live = Runs(service, log, "closed_windows", fields=Fields("id", "at"))
    live.run()
    log.rows = [{"id": "x", **record(60, "pending")}, {"id": "x", **record(60, "failed")}]
    past = Runs(service, log, "closed_windows", fields=Fields("id", "at"))
    known = [(live.stream, live.position.head)]
    counts = past.run(window=Window(BEGIN, BEGIN + timedelta(minutes=2)), known=known).counts
    assert (counts.read, counts.spooled, counts.duplicates, counts.same_id) == (2, 1, 1, 1)
    (name,) = past.ids()
    assert name.startswith("x-")
    # The next reading of the live stream gives it the same name.
    log.now += timedelta(minutes=1)
    live.run()
    assert live.ids() == ["x", name]


def test_records_without_an_id_behind_the_last_id_are_counted_once_though_the_next_page_begins_with_them(service):
    log = Log(page_size=3, order="oldest", paging="object_id", now=BEGIN + timedelta(minutes=5))
    rows = [{"id": "x", **record(60)}, record(61, "a"), record(61, "a"), {"id": "y", **record(62)}, record(63, "b")]
    log.rows = list(rows)
    runs = Runs(service, log, "id_keyset", fields=Fields("id", "at"))
    runs.run()
    assert runs.spooled() == log.happened()
    log.add(record(63, "b"), {"id": "z", **record(64)})
    log.now += timedelta(minutes=1)
    runs.run()
    assert runs.spooled() == log.happened()


def test_a_row_that_moves_behind_a_page_of_equal_rows_is_not_counted_twice(service):
    """Such a page looks the same once its rows have moved, so the one before it has to prove that they have not."""
    log = Log(page_size=2, now=BEGIN + timedelta(minutes=5))
    log.add(*[record(60)] * 2, *[record(61)] * 3, record(62))
    log.inserts = {4: [record(300)]}
    runs = Runs(service, log, "closed_windows")
    runs.run()
    assert runs.spooled() <= log.happened()
    log.now += timedelta(minutes=2)
    runs.run()
    assert runs.spooled() == log.happened()


def test_what_moves_while_it_is_read_for_good_is_told(service):
    """Where rows come in before each page, nothing proves that equal records on two pages are two."""
    log = Log(page_size=2, now=BEGIN + timedelta(minutes=5))
    log.rows = [record(60, "a") for _ in range(3)]
    runs = Runs(service, log, "head_scan")
    log.inserts = {number: [record(300, f"new {number}")] for number in range(1, 60)}
    runs.run()
    assert any("were on two pages of the scan of Acme between which rows had moved" in each for each in runs.told)
    log.inserts = {}
    log.now += timedelta(hours=2)
    runs.run()
    assert runs.spooled() == log.happened()


def seconds_of(row):
    return int((datetime.fromisoformat(row["at"].replace("Z", "+00:00")) - BEGIN).total_seconds())
