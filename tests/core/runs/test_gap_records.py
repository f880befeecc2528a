"""The gaps of every stream of a pipeline, and their acknowledgement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import GapWindows, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Gap, Offset
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.gap_records import acknowledge_gap, all_gaps
from tests.core.runs.conftest import LIVE, NOW, WINDOW

PIPELINE = pipeline_from("p", {"source": "pylon", "destinations": {"far": {"type": "s3", "bucket": "b"}}})
LATE = StreamName.of_reconciliation("p")


def gap(hours, kind="look_back"):
    return Gap(NOW.replace(hour=0), NOW.replace(hour=hours), "why", kind, NOW)


def with_gap(kept, name, gap):
    record = position_record(kept.ledger, name)
    record.commit(replace(record.load() or Position("pylon", "c"), gaps=(gap,)))


def listed(kept):
    return all_gaps(kept.ledger, kept.store, [PIPELINE])


def test_gaps_of_every_stream_are_found_also_of_a_window_of_which_nothing_could_be_read(kept):
    for hours, name in enumerate((LIVE, LATE, WINDOW), 1):
        with_gap(kept, name, gap(hours))
    assert {each.stream for each in listed(kept)} == {LIVE.folder, LATE.folder}
    GapWindows(kept.ledger, "p").add(WINDOW, 1)
    assert {each.stream for each in listed(kept)} == {LIVE.folder, LATE.folder, WINDOW.folder}


def test_a_gap_of_late_events_is_closed_once_the_destination_has_them_all_of_this_chain(kept):
    kept.spool(LATE)
    with_gap(kept, LATE, gap(1, "late"))
    for offset, closed in (
        (Offset(2, chain="before"), False),
        (Offset(1, 2, "c"), False),
        (Offset(2, chain="c"), True),
    ):
        kept.keep_offset(offset, LATE)
        assert [each.closed for each in listed(kept)] == [closed]


def test_a_gap_is_acknowledged_by_somebody_once_it_is_known(kept):
    with_gap(kept, LIVE, gap(1))
    (found,) = listed(kept)
    for gap_id, by, words in (("nope", "ann", "has no gap 'nope'"), (found.id, " ", "say who does it")):
        with pytest.raises(ConfigurationError, match=words):
            acknowledge_gap(kept.ledger, kept.store, PIPELINE, gap_id, by=by)
    acknowledge_gap(kept.ledger, kept.store, PIPELINE, found.id, by=" ann ", note=" an outage ")
    (seen,) = listed(kept)
    assert not seen.is_open
    assert (seen.acknowledged.by, seen.acknowledged.note) == ("ann", "an outage")
