"""A shipment without Airflow: what is pending, what is sent again, and what is recorded when it cannot go on."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.destinations.base import Limits
from audit_provider.core.errors import (
    DeadLetteredError,
    FencedError,
    RefusedError,
    SpoolDamagedError,
    UnavailableError,
    WaitError,
)
from audit_provider.core.ledger.position import EarlierSource
from audit_provider.core.ledger.records import offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Fields, Offset
from audit_provider.core.runs.arguments import Discard
from audit_provider.core.runs.letters import discard_letters, redrive_letters
from audit_provider.core.runs.recorded import recorded_progress
from audit_provider.core.runs.shipment import forget_replay
from audit_provider.core.shipping.sending_again import TimeRange
from audit_provider.core.streams.open_stream import kept_letters
from audit_provider.core.verification import verify
from tests.core.destinations.stand_ins import Listed
from tests.core.runs.conftest import LIVE, NOW, WINDOW, shipment

MINUTE = timedelta(minutes=1)


def raising(error):
    def step(batch):
        raise error

    return step


def test_what_is_pending_of_each_stream_is_shipped_and_accounted_for(kept):
    kept.spool(segments=2)
    kept.spool(StreamName.of_findings("p"))
    reported, far = [], Listed()
    run = shipment(kept, far, report=reported.append)
    run.ship([LIVE, StreamName.of_findings("p"), WINDOW])
    assert (run.counts.delivered, len(far.stored)) == (9, 9)
    assert [each.pending for each in run.shipped] == [0, 0, None]
    assert all(each.account.adds_up for each in run.shipped[:2])
    assert reported == run.shipped
    assert "Nothing has been read into p/backfill" in str(kept.log)
    again = shipment(kept, far)
    again.ship([LIVE])
    assert (again.counts.finished, len(far.sends)) == (0, 3), "there was nothing to send"


def test_a_stream_that_was_begun_anew_is_shipped_anew(kept):
    kept.spool()
    shipment(kept, Listed()).ship([LIVE])
    kept.spool(chain="anew", segments=2)
    far = Listed()
    shipment(kept, far).ship([LIVE])
    assert len(far.stored) == 6
    assert kept.offset().chain == "anew"
    assert "p/live was started over, so far starts over as well." in str(kept.log)


@pytest.mark.parametrize(("run_id", "failures"), [("a", 1), ("", 2)])
def test_the_tries_of_one_run_are_one_failure_and_success_clears_it(kept, run_id, failures):
    kept.spool(segments=2)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="down"):
            shipment(kept, Listed(raising(UnavailableError("it is down"))), run_id=run_id).ship([LIVE])
    offset = kept.offset()
    assert (offset.failures_in_a_row, offset.segment, offset.index) == (failures, 1, 0)
    assert "it is down" in offset.last_error
    run = shipment(kept, Listed(), run_id="b")
    run.ship([LIVE])
    assert (kept.offset().failures_in_a_row, run.counts.delivered) == (0, 6)


def test_an_outage_that_ended_is_remembered_with_what_waited(kept):
    kept.spool(segments=2)
    down = UnavailableError("it is\ndown")
    for run_id, minutes in (("a", 0), ("b", 5)):
        with pytest.raises(UnavailableError):
            shipment(kept, Listed(raising(down)), run_id=run_id, now=NOW + minutes * MINUTE).ship([LIVE])
    kept.spool(segments=3)
    shipment(kept, Listed(), run_id="c", now=NOW + 9 * MINUTE).ship([LIVE])
    (outage,) = kept.offset().outages
    assert (outage.began, outage.ended, outage.failures) == (NOW, NOW + 9 * MINUTE, 2)
    assert ("(it is down)" in outage.error, outage.waited) == (True, 15)
    shipment(kept, Listed(), run_id="d").ship([LIVE])
    assert kept.offset().outages == (outage,), "nothing failed"


def test_an_outage_goes_on_where_a_run_delivers_something_and_fails_again(kept):
    kept.spool(segments=3)
    down = raising(UnavailableError("down"))
    for steps in ([down], ["dddd", down]):
        with pytest.raises(UnavailableError):
            shipment(kept, Listed(*steps), run_id=str(len(steps))).ship([LIVE])
    offset = kept.offset()
    assert (offset.counts.delivered, offset.failures_in_a_row, offset.outages) == (4, 2, ())


def test_an_outage_ends_where_nothing_is_left_to_ship_and_stays_known_in_a_stream_begun_anew(kept):
    kept.spool()
    shipment(kept, Listed()).ship([LIVE])
    kept.keep_offset(replace(kept.offset(), failures_in_a_row=1, failing_since=NOW - MINUTE, last_error="down"))
    shipment(kept, Listed()).ship([LIVE])
    (outage,) = kept.offset().outages
    assert (outage.began, outage.waited) == (NOW - MINUTE, None)
    kept.spool(chain="anew", segments=2)
    shipment(kept, Listed()).ship([LIVE])
    assert (kept.offset().chain, kept.offset().outages) == ("anew", (outage,))
    assert all(not each.outages for each in kept.offset().earlier), "they are kept once"


def test_what_was_delivered_before_a_failure_is_recorded_and_not_sent_again(kept):
    kept.spool(segments=3)
    far = Listed("dddd", raising(RefusedError("the token was revoked", status=403)))
    run = shipment(kept, far)
    with pytest.raises(RefusedError):
        run.ship([LIVE])
    assert (run.counts.delivered, run.shipped[0].pending) == (4, 5)
    assert run.shipped[0].account is None
    rest = Listed()
    shipment(kept, rest).ship([LIVE])
    assert sorted(far.stored + rest.stored) == sorted(set(far.stored + rest.stored))
    assert len(rest.stored) == 5


def test_a_wait_is_no_failure_and_one_beyond_the_try_leaves_the_rest_to_the_next_run(kept):
    kept.spool(segments=3)
    within = WaitError("later", until=NOW + MINUTE)
    with pytest.raises(WaitError):
        shipment(kept, Listed(raising(within))).ship([LIVE])
    assert kept.offset() is None, "nothing has changed"
    beyond = WaitError("later", until=NOW + 31 * MINUTE)
    with pytest.raises(UnavailableError, match="asks for a pause"):
        shipment(kept, Listed(raising(beyond))).ship([LIVE])
    assert kept.offset().failures_in_a_row == 1
    run = shipment(kept, Listed("dddd", raising(beyond)))
    run.ship([LIVE])
    assert (run.counts.delivered, run.shipped[0].pending) == (4, 5)
    assert kept.offset().failures_in_a_row == 0
    assert "That is longer than this run may last." in str(kept.log)


def test_a_run_that_comes_back_late_is_fenced_off(kept):
    kept.spool(segments=2)

    def other(batch):
        kept.keep_offset(Offset(3, chain="c"))
        return "d" * len(batch)

    with pytest.raises(FencedError):
        shipment(kept, Listed(other)).ship([LIVE])
    assert kept.offset() == Offset(3, chain="c"), "the other run's record stands"


def test_events_set_aside_fail_one_task_and_only_one_and_are_sent_again(kept):
    kept.spool(size=4)
    run = shipment(kept, Listed("xddd"), letters_at="/spool/p")
    run.ship([LIVE])
    later = shipment(kept, Listed(), letters_at="/spool/p")
    later.ship([LIVE])
    count = later.take_untold()
    assert count == 1
    with pytest.raises(
        DeadLetteredError, match="1 event was set aside and kept as dead letters of far.*under /spool/p"
    ):
        later.fail_for_letters(count, "set aside")
    after = shipment(kept, Listed())
    after.ship([LIVE])
    assert after.take_untold() == 0
    after.fail_for_letters(0, "set aside")
    shipment(kept, Listed(), letters_fail=False).fail_for_letters(3, "set aside")
    far = Listed()
    assert redrive_letters(shipment(kept, far)).taken == 1
    assert far.stored == ["c1-0"]
    assert kept_letters(kept.ledger, kept.store, "p", "far")[0].letters.count().open == 0


def test_redrive_records_that_no_copy_holds_do_not_stop_a_destination_for_ever(kept):
    kept.spool(size=4)
    shipment(kept, Listed("xddd")).ship([LIVE])
    older = dict(kept.store.objects)
    redrive_letters(shipment(kept, Listed("x")))
    redrive_letters(shipment(kept, Listed()))
    kept.store.objects = older
    with pytest.raises(
        SpoolDamagedError, match="redrive record .* is missing.*delete the Variable of the destination's"
    ):
        shipment(kept, Listed()).ship([LIVE])
    offset_record(kept.ledger, LIVE, "far").delete()
    far = Listed()
    run = shipment(kept, far)
    run.ship([LIVE])
    assert len(far.stored) == 4
    assert run.shipped[0].account.adds_up


def test_letters_whose_source_nobody_knows_stay(kept):
    kept.spool(size=4)
    shipment(kept, Listed("xddd")).ship([LIVE])
    kept.ledger.delete(LIVE.cursor_key)
    assert redrive_letters(shipment(kept, Listed()), has_source=False).finished == 0
    assert "its position is gone" in str(kept.log)
    assert redrive_letters(shipment(kept, Listed())).taken == 1


def test_a_replay_goes_on_by_an_offset_of_its_own(kept):
    kept.spool(segments=3)
    kept.spool(WINDOW, segments=1, complete=True)
    shipment(kept, Listed()).ship([LIVE])
    before = kept.offset()
    with pytest.raises(UnavailableError):
        shipment(kept, Listed("dddd", raising(UnavailableError("down")))).replay(TimeRange(), "run")
    again = Listed()
    assert shipment(kept, again).replay(TimeRange(), "run").in_range == 12
    assert len(again.stored) == 8, "the retry goes on"
    assert kept.offset() == before
    assert offset_record(kept.ledger, LIVE, "far", replay="run").load() is not None
    forget_replay(kept.ledger, kept.store, "p", ["far"], "run")
    assert offset_record(kept.ledger, LIVE, "far", replay="run").load() is None
    assert offset_record(kept.ledger, WINDOW, "far", replay="run").load() is None


@pytest.mark.parametrize(
    ("name", "complete", "joins"), [(WINDOW, True, True), (WINDOW, False, False), (LIVE, True, False)]
)
def test_files_join_segments_of_a_window_that_is_read_whole_alone(kept, name, complete, joins):
    kept.spool(name, segments=2, complete=complete)
    far = Listed(limits=replace(Limits(events=10, batch_bytes=10_000, event_bytes=1000), whole_segments=True))
    shipment(kept, far).ship([name])
    assert kept.offset(name).joins_segments is joins
    assert len(far.sends) == (1 if joins else 2)


def test_letters_of_a_chain_that_ended_and_of_the_one_after_it_are_closed_together(kept):
    for chain in ("c", "d", "e"):
        kept.spool(chain=chain, size=4)
        shipment(kept, Listed("xddd")).ship([LIVE])
    far = Listed()
    assert redrive_letters(shipment(kept, far)).taken == 3
    assert [each.letters.count().open for each in _letters(kept)] == [0, 0, 0]
    redrive_letters(shipment(kept, again := Listed()))
    assert (sorted(far.stored), again.stored) == (["c1-0", "d1-0", "e1-0"], [])
    progress = recorded_progress(kept.ledger, kept.store, [LIVE.folder], ["far"])
    assert verify(kept.store, progress=progress).faults == ()


def test_letters_of_a_chain_that_ended_are_discarded_with_those_of_the_one_after_it(kept):
    for chain in ("c", "d"):
        kept.spool(chain=chain, size=4)
        shipment(kept, Listed("xddd")).ship([LIVE])
    wanted = Discard(frozenset({"c1-0", "d1-0"}), "test data", "somebody", "run")
    assert discard_letters(kept.ledger, kept.store, "p", "far", wanted, log=kept.log, now=lambda: NOW) == 2
    redrive_letters(shipment(kept, far := Listed()))
    assert far.stored == []


def test_letters_of_a_chain_that_ended_are_sent_although_the_next_one_has_fewer_segments(kept):
    kept.spool(segments=3, size=4)
    shipment(kept, Listed("dddd", "dddd", "xddd")).ship([LIVE])
    kept.spool(chain="d", segments=2)
    record = position_record(kept.ledger, LIVE)
    position = record.load()
    record.commit(replace(position, earlier_sources=(EarlierSource(1, "slack", Fields("id", "time")),)))
    shipment(kept, Listed()).ship([LIVE])
    far, sources = Listed(), []
    run = shipment(kept, far)
    run.connect = lambda position, connect=run.connect: (sources.append(position.source), connect(position))[1]
    assert redrive_letters(run).taken == 1
    assert (far.stored, sources) == (["c3-0"], ["slack"])


def test_a_replay_leaves_the_letters_that_the_offset_leads_to_as_they_are(kept):
    """They are all that proves the events once their segments are removed."""
    kept.spool(size=4, segments=2)
    shipment(kept, Listed("xddd", "xddd")).ship([LIVE])
    before = dict(kept.store.objects)
    (letters,) = _letters(kept)
    linked = letters.letters.linked(kept.offset().letters)
    assert len(linked) == 2
    run = shipment(kept, Listed("xddd", "xxdd"), now=NOW + MINUTE)
    assert run.replay(TimeRange(), "run").dead_lettered == 3
    assert before.items() <= kept.store.objects.items()
    (letters,) = _letters(kept)
    assert letters.letters.linked(kept.offset().letters) == linked
    assert sorted(each.id for _, each in letters.letters.open()) == ["c1-0", "c2-0", "c2-1"]


def test_a_replay_that_is_tried_again_keeps_what_is_refused_once(kept):
    """Also where it is ahead of the destination's own offset."""
    kept.spool(size=4, segments=2)
    down = raising(UnavailableError("down"))
    for plan in (["xddd", down], ["xddd", "dddd"]):
        with suppress(UnavailableError):
            shipment(kept, Listed(*plan)).replay(TimeRange(), str(plan))
    shipment(kept, Listed("xddd")).ship([LIVE])
    (letters,) = _letters(kept)
    assert [each.id for _, each in letters.letters.open()] == ["c1-0"]


def _letters(kept):
    return kept_letters(kept.ledger, kept.store, "p", "far")
