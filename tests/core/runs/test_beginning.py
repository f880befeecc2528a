"""What a pull begins with where the records in Airflow's database and the spool do not belong together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from audit_provider.core.errors import SpoolDamagedError, StopError
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, Offset, PullCounts, Window
from audit_provider.core.runs.beginning import asked_before, known_streams, on_kept_chain
from audit_provider.core.runs.retention import retain
from audit_provider.core.spool import Head
from tests.core.destinations.stand_ins import Listed
from tests.core.runs.conftest import LIVE, NOW, WINDOW
from tests.core.runs.test_shipment import shipment

LATER = NOW + timedelta(days=31)


def keep_position(kept, position, name=LIVE):
    record = position_record(kept.ledger, name)
    record.load()
    record.commit(position)


def restored(kept, name=LIVE):
    """Keep the position as it was after the first segment, while retention has removed all but the last of six."""
    kept.spool(name, segments=1)
    older = position_record(kept.ledger, name).load()
    kept.spool(name, segments=5)
    kept.keep_offset(Offset(7, chain="c"), name)
    name.stream(kept.store, older).prune(finished=5, written_before=LATER, now=LATER)
    assert name.stream(kept.store, older).oldest() == 6
    older = replace(older, watermark=NOW, reading={"watermark": "2026-05-01T12:00:00Z"}, complete=True)
    keep_position(kept, older, name)
    return older


@pytest.mark.parametrize("name", [LIVE, WINDOW], ids=["live", "window"])
def test_a_head_that_is_no_longer_kept_begins_a_new_chain(kept, caplog, name):
    older = restored(kept, name)
    begun = on_kept_chain(older, name, kept.store)
    assert begun.chain not in ("", older.chain)
    assert (begun.head, begun.counts, begun.complete) == (Head(), PullCounts(), False)
    assert begun.reading == ({} if name.is_backfill else older.reading), "a window is read whole"
    assert "older database was restored" in caplog.text
    assert begun.chain in caplog.text


def test_a_head_that_is_kept_stays(kept):
    assert on_kept_chain(None, LIVE, kept.store) is None
    fresh = Position("pylon", "c")
    assert on_kept_chain(fresh, LIVE, kept.store) is fresh
    restored(kept)
    kept.spool(segments=6)
    newest = position_record(kept.ledger, LIVE).load()
    assert on_kept_chain(newest, LIVE, kept.store) is newest


def test_nothing_is_shipped_before_the_new_chain_and_all_of_it_after(kept):
    older, far = restored(kept), Listed()
    with pytest.raises(StopError, match=r"segment 1.*begins with segment 6.*older database was restored"):
        shipment(kept, far).ship([LIVE])
    assert kept.offset() == Offset(7, chain="c"), "it waits"
    keep_position(kept, on_kept_chain(older, LIVE, kept.store))
    kept.spool(segments=2, chain=position_record(kept.ledger, LIVE).load().chain)
    run = shipment(kept, far)
    run.ship([LIVE])
    assert run.counts.delivered == 6
    assert run.shipped[0].account.adds_up


def test_retention_removes_nothing_that_was_written_below_its_mark(kept):
    """As a version did that went on from the restored head."""
    restored(kept)
    kept.spool(segments=2)
    kept.keep_offset(Offset(2, chain="c"))
    before = set(kept.store.keys("p/"))
    retain(kept.ledger, kept.store, LIVE, ["far"], retention_days=1, now=LATER + timedelta(days=2), log=kept.log)
    assert set(kept.store.keys("p/")) >= before
    assert "older database was restored" in str(kept.log)


def test_a_mark_above_what_is_finished_removes_nothing_unfinished(kept):
    older = restored(kept)
    kept.spool(segments=2)
    stream = LIVE.stream(kept.store, older)
    before = set(kept.store.keys("p/"))
    assert stream.prune(finished=1, written_before=LATER, now=LATER) == 0
    numbers = {key.rpartition("/")[2].partition("-")[0].lstrip("0") for key in kept.store.keys("p/live/c/")}
    assert {"2", "3"} <= numbers
    assert set(kept.store.keys("p/")) <= before


def test_an_offset_beyond_the_end_of_the_stream_is_noticed(kept):
    kept.spool(segments=2)
    kept.keep_offset(Offset(9, chain="c"))
    with pytest.raises(SpoolDamagedError, match=r"up to 8.*ends with 2.*delete the Variable"):
        shipment(kept, Listed()).ship([LIVE])
    kept.keep_offset(Offset(3, chain="c", started_at=6))
    run = shipment(kept, Listed())
    run.ship([LIVE])
    assert run.counts.delivered == 0


def test_what_was_read_from_another_account_is_not_known(kept):
    """Two accounts may give the same ids to events of their own."""
    span = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    for name, account in ((LIVE, "aaa"), (StreamName.of_reconciliation("p"), "bbb")):
        kept.spool(name)
        keep_position(kept, replace(position_record(kept.ledger, name).load(), account=account), name)
    live = position_record(kept.ledger, LIVE).load()

    def known(account):
        found = known_streams(kept.ledger, kept.store, WINDOW, live, span, account=account)
        return {str(stream) for stream, _ in found}

    assert known("aaa") == {"p/live"}
    assert known("bbb") == {"p/reconcile"}
    assert known("") == {"p/live", "p/reconcile"}


def test_a_window_knows_up_to_where_those_that_end_at_its_start_were_asked_for(kept):
    after = StreamName("p", "20260102T000000Z_20260103T000000Z")
    assert asked_before(kept.ledger, kept.store, after, after.span) is None
    kept.spool(WINDOW)
    position = replace(position_record(kept.ledger, WINDOW).load(), updated_at=NOW)
    keep_position(kept, position, WINDOW)
    assert asked_before(kept.ledger, kept.store, after, after.span) is None, "it is not read to its end"
    keep_position(kept, replace(position, complete=True), WINDOW)
    assert asked_before(kept.ledger, kept.store, after, after.span) == after.span.start, "0.1 did not say"
    for asked_until, expected in ((NOW, NOW - timedelta(hours=1)), (after.span.start + timedelta(hours=9),) * 2):
        keep_position(kept, replace(position, complete=True, asked_until=asked_until), WINDOW)
        assert asked_before(kept.ledger, kept.store, after, after.span) == expected
    known = known_streams(kept.ledger, kept.store, after, None, after.span)
    assert [str(stream) for stream, _ in known] == [WINDOW.folder], "or it would spool the same events"
