"""What is removed from the spool: only what no destination waits for, as its offset is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset
from audit_provider.core.runs.retention import retain
from audit_provider.core.streams.offset_in_chain import Passage
from audit_provider.core.streams.open_stream import open_stream
from tests.core.runs.conftest import LIVE, NOW, WINDOW

LATER = NOW + timedelta(days=31)


def kept_segments(kept, name):
    return len([key for key in kept.store.keys(name.folder) if key.endswith(".manifest.json.gz")])


def run(kept, name=LIVE, destinations=("near", "far")):
    retain(kept.ledger, kept.store, name, destinations, retention_days=30, now=LATER, log=kept.log)


@pytest.mark.parametrize("name", [LIVE, WINDOW, StreamName.of_findings("p")])
def test_an_offset_of_another_chain_holds_every_segment_back(kept, name):
    kept.spool(name, segments=6)
    kept.keep_offset(Offset(7, chain="c"), name, "near")
    kept.keep_offset(Offset(7, chain="before"), name)
    run(kept, name)
    assert kept_segments(kept, name) == 6
    kept.keep_offset(Offset(7, chain="c"), name)
    run(kept, name)
    assert kept_segments(kept, name) < 6


def test_a_destination_without_an_offset_waits_for_the_live_stream_and_is_not_chosen_in_a_window(kept):
    for name in (LIVE, WINDOW):
        kept.spool(name, segments=6)
        kept.keep_offset(Offset(7, chain="c"), name, "near")
    run(kept)
    assert kept_segments(kept, LIVE) == 6
    assert kept_segments(kept, WINDOW) == 2, "the live report removes those of windows, four at a time"
    assert "Removed 4 segments of p/backfill-20260101T000000Z_20260102T000000Z older than 30 days." in str(kept.log)


def test_a_stream_of_its_own_is_left_to_its_own_report(kept):
    for name in (LIVE, WINDOW):
        kept.spool(name, segments=6)
        kept.keep_offset(Offset(7, chain="c"), name, "near")
        kept.keep_offset(Offset(7, chain="c"), name)
    run(kept, WINDOW)
    assert (kept_segments(kept, LIVE), kept_segments(kept, WINDOW)) == (6, 2)


def test_segments_that_are_young_stay(kept):
    kept.spool(segments=3)
    kept.spool(segments=3, written_at=LATER)
    kept.keep_offset(Offset(7, chain="c"))
    run(kept, destinations=["far"])
    assert kept_segments(kept, LIVE) == 3


def test_segments_of_a_late_run_wait_for_a_destination_that_counts_those_they_replaced(kept):
    """Its offset stands behind them by number, and goes back only when that destination is shipped to next."""
    kept.spool(segments=3)
    record = position_record(kept.ledger, LIVE)
    older = record.load()
    kept.spool(segments=3)
    kept.keep_offset(Offset(7, chain="c", passed=open_stream(kept.ledger, kept.store, LIVE).head.digest))
    record.load()
    record.commit(older)
    kept.spool(segments=4, size=2)
    opened = open_stream(kept.ledger, kept.store, LIVE)
    run(kept, destinations=["far"])
    assert opened.stream.oldest() == 1
    passage = Passage(opened.stream, opened.head, kept.offset(), tell=kept.log.warning)
    assert passage.offset.segment == 4
    kept.keep_offset(passage.offset)
    run(kept, destinations=["far"])
    assert opened.stream.oldest() == 4


@pytest.mark.parametrize(("offset", "oldest"), [(Offset(7, chain="c"), 6), (Offset(9, chain="c"), 1)])
def test_an_offset_of_an_earlier_version_is_believed_as_far_as_the_head(kept, offset, oldest):
    kept.spool(segments=6)
    kept.keep_offset(offset)
    run(kept, destinations=["far"])
    assert open_stream(kept.ledger, kept.store, LIVE).stream.oldest() == oldest
