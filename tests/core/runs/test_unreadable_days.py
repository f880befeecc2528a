"""Days that records may be of which a source sent and nobody could read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import PullCounts, Unreadable, Window, midnight
from audit_provider.core.streams.open_stream import open_stream
from audit_provider.core.streams.unreadable import UnreadableFacts, UnreadableRecords, said_of, unreadable_of
from tests.core.runs.conftest import LIVE, NOW, WINDOW

DAY = timedelta(days=1)
TODAY = midnight(NOW)
LATE = StreamName.of_reconciliation("p")


@pytest.fixture
def set_aside(kept):
    """Set records aside in a stream. :param counted: how many of them the position counts."""

    def run(name, *since, counted=None, **changes):
        kept.spool(name)
        record = position_record(kept.ledger, name)
        position = record.load()
        records = UnreadableRecords(name.stream(kept.store, position))
        for number, each in enumerate(since):
            records.keep([Unreadable(b"bad %d" % number, "no JSON")], "pylon", NOW, since=each)
        count = len(since) if counted is None else counted
        counts = position.counts + PullCounts(read=count, set_aside=count)
        record.commit(replace(position, counts=counts, updated_at=NOW, **changes))
        return unreadable_of(open_stream(kept.ledger, kept.store, name))

    return run


def test_where_none_was_set_aside_none_is_listed(set_aside):
    assert set_aside(LIVE) == []


def test_it_may_be_of_any_day_since_its_page_was_read_from_and_until_it_was_found(set_aside):
    found = set_aside(LIVE, NOW - DAY, NOW - DAY, NOW - 3 * DAY)
    assert found == [
        UnreadableFacts("p/live", 1, TODAY - 3 * DAY, TODAY + DAY),
        UnreadableFacts("p/live", 2, TODAY - DAY, TODAY + DAY),
    ]


def test_what_is_recorded_late_happened_before(set_aside):
    (found,) = set_aside(LIVE, NOW - DAY, longest_lag=2 * 86_400.0)
    assert (found.start, found.end) == (TODAY - 3 * DAY, TODAY + DAY)


def test_of_one_that_an_earlier_version_kept_all_days_that_were_read_are_in_doubt(set_aside):
    began = {"began": (NOW - 9 * DAY).isoformat()}
    (found,) = set_aside(LIVE, None, reading=began)
    assert (found.start, found.end) == (TODAY - 9 * DAY, TODAY + DAY)


def test_one_whose_file_is_lost_or_damaged_is_counted_all_the_same(kept, set_aside):
    began = {"began": (NOW - 9 * DAY).isoformat()}
    found = set_aside(LIVE, NOW - DAY, counted=3, reading=began)
    assert [(each.records, each.start) for each in found] == [(2, TODAY - 9 * DAY), (1, TODAY - DAY)]
    (key,) = (key for key in kept.store.keys("p/live/") if "unreadable" in key)
    kept.store.put(key, b"{}")
    (found,) = unreadable_of(open_stream(kept.ledger, kept.store, LIVE))
    assert (found.records, found.start) == (3, TODAY - 9 * DAY)


def test_one_of_a_window_of_the_past_is_of_the_window(set_aside):
    (found,) = set_aside(WINDOW, None)
    assert (found.start, found.end) == (WINDOW.span.start, WINDOW.span.end)


def test_one_of_the_reconciliation_of_which_nothing_is_known_may_be_of_any_day(set_aside):
    (found,) = set_aside(LATE, None)
    assert found.start.year == 1970


def test_the_sentence_counts_what_may_be_of_the_day():
    facts = [UnreadableFacts("p/live", 1_000, TODAY, TODAY + DAY), UnreadableFacts("p/live", 1, TODAY - DAY, TODAY)]
    assert said_of(facts, Window(TODAY, TODAY + DAY)).startswith("1,000 records that may be of this day")
    assert said_of(facts, Window(TODAY - DAY, TODAY)).startswith("1 record that may be of this day")
    assert said_of(facts, Window(TODAY + DAY, TODAY + 2 * DAY)) == ""
