"""Gaps: one record each, none left out, and each told until somebody has acknowledged it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.ledger.gaps import MOST_GAPS, Acknowledgement, gaps_in, merged
from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.model import Gap, Offset, ShipCounts
from audit_provider.core.spool import Head

DAY = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def gap(start, hours=1.0, kind="look_back", reason="nobody may read further back", found=None):
    return Gap(DAY + start * HOUR, DAY + (start + hours) * HOUR, reason, kind, found)


def test_overlapping_gaps_of_one_kind_and_reason_are_one():
    joined = merged([gap(0, 2, found=DAY + HOUR), gap(1, 3, found=DAY), gap(1, kind="cap"), gap(2, 4)])
    assert joined == (gap(0, 6, found=DAY), gap(1, kind="cap"))


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(1, 20), st.sampled_from(["look_back", "cursor", "cap", "late"])),
        max_size=200,
    )
)
def test_many_gaps_are_merged_and_none_is_left_out(drawn):
    gaps = [gap(start, hours, kind, f"why {start % 3}") for start, hours, kind in drawn]
    kept = merged(gaps)
    assert len(kept) <= MOST_GAPS
    for each in gaps:
        assert any(
            found.kind == each.kind and found.wanted <= each.wanted and each.possible <= found.possible
            for found in kept
        )
    if len(merged(gaps, most=10**6)) <= MOST_GAPS:
        assert set(kept) == set(merged(gaps, most=10**6)), "fewer are not touched"


def test_the_nearest_of_one_kind_are_merged_first():
    apart = [gap(100 * place) for place in range(MOST_GAPS)]
    kept = merged([*apart, gap(2, kind="cap"), gap(4_905)])
    assert len(kept) == MOST_GAPS
    assert gap(4_900, 6) in kept
    assert gap(2, kind="cap") in kept, "the only one of its kind stays as it is"


def test_a_record_of_an_earlier_version_is_still_read():
    text = (
        '{"source": "pylon", "gaps": [{"wanted": "2026-03-01T00:00:00Z", "possible": "2026-03-02T00:00:00Z", '
        '"reason": "Pylon lets nobody read further back"}]}'
    )
    (kept,) = POSITIONS.unpack(text, "here").gaps
    assert (kept.kind, kept.found_at) == ("unknown", None)
    (record,) = gaps_in("p", "p/live", POSITIONS.unpack(text, "here"), {}, {})
    assert record.is_open
    assert msgspec.json.decode('{"segment": 3}', type=Offset).too_old_from is None


def test_a_gap_is_open_until_it_is_acknowledged_and_one_that_grows_is_open_again():
    position = Position("pylon", gaps=(gap(0), gap(0, kind="cursor")))
    first, second = gaps_in("p", "p/live", position, {}, {})
    assert first.id != second.id
    seen = {first.id: Acknowledgement("ann", DAY, "the vendor confirmed it")}
    again = gaps_in("p", "p/live", position, {}, seen)
    assert [each.is_open for each in again] == [False, True]
    assert again[0].acknowledged.by == "ann"
    grown = Position("pylon", gaps=(gap(0, 2), gap(0, kind="cursor")))
    assert [each.is_open for each in gaps_in("p", "p/live", grown, {}, seen)] == [True, True]
    assert [each.is_open for each in gaps_in("p", "p/reconcile", position, {}, seen)] == [True, True]


def test_late_events_are_a_gap_until_every_destination_has_them():
    position = Position("pylon", head=Head(2, "d", 5), gaps=(gap(0, kind="late"), gap(0, kind="cap")))

    def open_kinds(**segments):
        offsets = {name: Offset(segment=number) if number else None for name, number in segments.items()}
        return [each.kind for each in gaps_in("p", "p/reconcile", position, offsets, {}) if each.is_open]

    assert sorted(open_kinds(s3=3, hec=None)) == ["cap", "late"]
    assert sorted(open_kinds(s3=3, hec=2)) == ["cap", "late"]
    assert open_kinds(s3=3, hec=3) == ["cap"]


def test_events_too_old_for_a_destination_are_a_gap_of_that_destination():
    offset = Offset(counts=ShipCounts(too_old=7), too_old_from=DAY, too_old_to=DAY + HOUR)
    (record,) = gaps_in("p", "p/live", Position("pylon"), {"datadog": offset, "s3": Offset()}, {})
    assert (record.kind, record.destination, record.events) == ("too_old", "datadog", 7)
    assert (record.wanted, record.possible) == (DAY, DAY + HOUR)
    seen = {record.id: Acknowledgement("ann", DAY)}
    more = Offset(counts=ShipCounts(too_old=8), too_old_from=DAY, too_old_to=DAY + HOUR)
    assert not any(each.is_open for each in gaps_in("p", "p/live", Position("pylon"), {"datadog": offset}, seen))
    assert all(each.is_open for each in gaps_in("p", "p/live", Position("pylon"), {"datadog": more}, seen))
