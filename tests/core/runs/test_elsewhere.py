"""Events of one stream that a destination has received with another one: proven, counted, and not sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.destinations.base import Limits
from audit_provider.core.destinations.terms import Terms
from audit_provider.core.errors import RefusedError, StopError, WaitError
from audit_provider.core.ledger import position_record
from audit_provider.core.model import PullCounts, ShipCounts
from audit_provider.core.position import Position
from audit_provider.core.replay import TimeRange
from audit_provider.core.runs.elsewhere import WAITS
from audit_provider.core.spool import SegmentWriter
from audit_provider.core.stream_name import StreamName
from tests.core.destinations.stand_ins import Listed, event
from tests.core.runs.conftest import LIVE, NOW, shipment

PAST = StreamName("p", "20260101T000000Z_20260601T000000Z")
DAY = timedelta(days=1)


THREE = Limits(events=3, batch_bytes=10_000, event_bytes=1000)


def far_with(*plan):
    return Listed(*plan, limits=THREE)


def hold(kept, name, *segments, chain="20260430T000000Z-aaaa", account="", complete=True):
    """Put segments into a stream. :param segments: the names of the events of each."""
    position = position_record(kept.ledger, name).load()
    if position is None or position.chain != chain:
        position = Position("pylon", chain, account=account)
    for names in segments:
        segment = SegmentWriter(NOW)
        segment.add([each if not isinstance(each, str) else event(each, time=NOW - DAY) for each in names])
        head = name.stream(kept.store, position).append(segment, position.head, NOW)
        more = PullCounts(read=len(names), spooled=len(names))
        position = replace(position, head=head, counts=position.counts + more)
    record = position_record(kept.ledger, name)
    record.load()
    record.commit(replace(position, complete=complete))


def ship(kept, name, far, *, now=NOW, begun=NOW, **terms):
    """Ship one stream and return what was done."""
    run = shipment(kept, far, goes_on=name.is_backfill)
    run.patience.begun = begun
    given = Terms(**{"sleep": lambda _: None, "now": lambda: now, "tries": 1, "selection": "all", **terms})
    run.connect, run.now = lambda position: (far, given), lambda: now
    run.ship([name])
    return run.shipped[0]


@pytest.fixture
def past(kept):
    """A window of two segments that ``far`` has received, and a live stream that holds some of that and more."""
    hold(kept, PAST, "abc", "def")
    hold(kept, LIVE, "cde", "fgh")
    return kept


def test_what_a_window_has_delivered_is_not_sent_with_the_live_stream(past):
    ship(past, PAST, far_with())
    far = far_with()
    shipped = ship(past, LIVE, far)
    assert far.stored == ["g", "h"]
    assert (shipped.counts.delivered, shipped.counts.already_there, shipped.counts.elsewhere) == (2, 4, 4)
    assert shipped.account.adds_up
    assert shipped.account.elsewhere == 4
    assert "4 events of p/live were not sent to far" in str(past.log)
    assert "elsewhere" in str(past.log)


def test_what_the_live_stream_has_delivered_is_not_sent_with_a_window_that_was_read_before(past):
    ship(past, LIVE, far_with())
    far = far_with()
    assert ship(past, PAST, far).counts.elsewhere == 4
    assert far.stored == ["a", "b"]


def test_windows_that_overlap_deliver_an_event_once(kept):
    other = StreamName("p", "20260301T000000Z_20260701T000000Z")
    hold(kept, PAST, "abc")
    hold(kept, other, "bcd")
    far = far_with()
    ship(kept, PAST, far)
    assert ship(kept, other, far).counts.elsewhere == 2
    assert far.stored == list("abcd")


def test_a_destination_that_was_not_given_the_window_gets_all(past):
    ship(past, PAST, far_with())
    far = far_with()
    run = shipment(past, far)
    run.destination = "new"
    run.ship([LIVE])
    assert far.stored == list("cdefgh")


def test_equal_ids_with_other_bytes_are_other_events(past):
    hold(past, LIVE, [event("a", time=NOW - DAY, action="other"), "b"])
    ship(past, PAST, far_with())
    far = far_with()
    ship(past, LIVE, far)
    assert far.stored == ["g", "h", "a"]


def test_what_was_read_from_another_account_is_another_event(kept):
    hold(kept, PAST, "abc", account="one")
    hold(kept, LIVE, "abc", account="two")
    ship(kept, PAST, far_with())
    far = far_with()
    ship(kept, LIVE, far)
    assert far.stored == list("abc")


def test_what_is_still_pending_in_the_window_is_sent_with_the_live_stream_and_then_left_out_of_the_window(past):
    with pytest.raises(RefusedError):
        ship(past, PAST, far_with("ddd", broken))
    assert past.offset(PAST).segment == 2
    far = far_with()
    ship(past, LIVE, far)
    assert far.stored == list("defgh")
    assert ship(past, PAST, rest := far_with()).counts.elsewhere == 3
    assert rest.stored == []


def broken(batch):
    raise RefusedError("the token was revoked", status=403)


def test_part_of_a_segment_is_known_as_far_as_it_is_delivered(kept):
    hold(kept, PAST, "abcdef")
    hold(kept, LIVE, "abcdef")
    with pytest.raises(RefusedError):
        ship(kept, PAST, far_with("ddd", broken))
    assert kept.offset(PAST).index == 3
    far = far_with()
    ship(kept, LIVE, far)
    assert far.stored == ["d", "e", "f"]


def test_a_dead_letter_of_the_window_is_not_taken_for_delivered(past):
    ship(past, PAST, far_with("ddx", "ddd"))
    assert past.offset(PAST).counts.dead_lettered == 1
    far = far_with()
    assert ship(past, LIVE, far).counts.elsewhere == 3
    assert far.stored == ["c", "g", "h"], "c was set aside"


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_letters_that_nothing_proves_prove_nothing(past, harm):
    ship(past, PAST, far_with("ddx", "ddd"))
    (letters,) = [key for key in past.store.keys("p/") if key.endswith(".ndjson")]
    if harm == "gone":
        past.store.delete(letters)
    else:
        past.store.put(letters, past.store.get(letters).replace(b'"index":2', b'"index":0'))
    far = far_with()
    ship(past, LIVE, far)
    assert far.stored == list("cdefgh")


def except_c(each):
    return None if each.id == "c" else each


@pytest.mark.parametrize(("selection", "expected"), [("except c", "gh"), ("all", "cdefgh")])
def test_what_a_filter_left_out_of_the_window_is_sent_once_the_filter_has_changed(past, selection, expected):
    ship(past, PAST, far_with(), select=except_c, selection="except c")
    far = far_with()
    ship(past, LIVE, far, selection=selection, select=except_c if selection != "all" else None)
    assert far.stored == list(expected)


def test_a_filter_that_changed_halfway_proves_nothing(past):
    with pytest.raises(RefusedError):
        ship(past, PAST, far_with("ddd", broken), select=except_c, selection="except c")
    ship(past, PAST, far_with(), selection="all")
    assert past.offset(PAST).selection == ""
    far = far_with()
    ship(past, LIVE, far, selection="all")
    assert far.stored == list("cdefgh")


@pytest.mark.parametrize("what", [".ndjson.gz", ".manifest.json.gz"])
def test_a_damaged_window_holds_nothing_up_and_what_it_held_is_sent_again(past, what):
    ship(past, PAST, far_with())
    for key in [each for each in past.store.keys(f"{PAST.folder}/") if each.endswith(what)]:
        past.store.put(key, b"other")
    far = far_with()
    assert ship(past, LIVE, far).account.adds_up
    assert far.stored == list("cdefgh")
    assert "may be sent again with p/live" in str(past.log)


def test_a_window_that_was_begun_anew_proves_nothing_until_it_is_shipped_again(past):
    ship(past, PAST, far_with())
    hold(past, PAST, "abc", chain="20260430T100000Z-bbbb")
    far = far_with()
    ship(past, LIVE, far)
    assert far.stored == list("cdefgh")


def test_an_offset_of_segments_that_others_have_replaced_proves_nothing(past):
    before = position_record(past.ledger, PAST).load()
    ship(past, PAST, far_with())
    record = position_record(past.ledger, PAST)
    record.load()
    record.commit(replace(before, head=type(before.head)(), counts=PullCounts()))
    hold(past, PAST, "xyz", "cde")
    far = far_with()
    ship(past, LIVE, far)
    assert far.stored == list("cdefgh")


def test_a_window_waits_while_polling_delivers_the_same_events(past):
    with pytest.raises(RefusedError):
        ship(past, LIVE, far_with("ddd", broken))
    past.keep_offset(replace(past.offset(), failures_in_a_row=0, last_success=NOW))
    far = far_with()
    with pytest.raises(WaitError, match=r"p/live holds 1 of the next events .* waits for it") as waiting:
        ship(past, PAST, far)
    assert NOW < waiting.value.until <= NOW + timedelta(minutes=2)
    assert far.stored == []
    ship(past, LIVE, far_with())
    ship(past, PAST, far)
    assert far.stored == ["a", "b"], "the others were delivered with the live stream"


@pytest.mark.parametrize("why", ["it is quiet", "it fails", "it was waited for"])
def test_a_window_waits_no_longer_for_polling_that_does_not_deliver(past, why):
    with pytest.raises(RefusedError):
        ship(past, LIVE, far_with("ddd", broken))
    failures = 1 if why == "it fails" else 0
    past.keep_offset(replace(past.offset(), failures_in_a_row=failures, last_success=NOW))
    far = far_with()
    if why == "it is quiet":
        ship(past, PAST, far, now=NOW + WAITS, begun=NOW + WAITS)
    else:
        ship(past, PAST, far, begun=NOW - WAITS if why == "it was waited for" else NOW)
    assert far.stored == ["a", "b", "f"]


def test_polling_does_not_wait(past):
    with pytest.raises(RefusedError):
        ship(past, PAST, far_with("ddd", broken))
    past.keep_offset(replace(past.offset(PAST), failures_in_a_row=0, last_success=NOW), PAST)
    far = far_with()
    ship(past, LIVE, far)
    assert far.stored == list("defgh")


def test_what_is_ahead_of_the_offset_is_known(kept):
    hold(kept, PAST, "abcdefgh")
    hold(kept, LIVE, "abcdefgh")
    with pytest.raises(RefusedError):
        ship(kept, PAST, far_with(broken, "ddd"), concurrency=2)
    assert kept.offset(PAST).ahead
    far = far_with()
    ship(kept, LIVE, far)
    assert far.stored == list("abcgh")


def test_a_window_that_left_events_to_one_that_the_destination_lacks_is_not_green(past):
    other = StreamName("p", "20260201T000000Z_20260701T000000Z")
    hold(past, other, "xyz")
    record = position_record(past.ledger, other)
    record.commit(replace(record.load(), left_to=("live", PAST.folder.rpartition("/")[2])))
    far = far_with()
    with pytest.raises(StopError, match=rf"far has all that {other.folder} holds, but .*{PAST.folder} holds"):
        ship(past, other, far)
    assert far.stored == list("xyz")
    ship(past, PAST, far)
    assert ship(past, other, far).counts == ShipCounts()


def test_a_replay_sends_everything(past):
    ship(past, PAST, far_with())
    far = far_with()
    shipment(past, far).replay(TimeRange(), "run")
    assert sorted(far.stored) == sorted("abcdefcdefgh")


def test_the_verdict_already_there_counts_as_delivered(past):
    ship(past, PAST, far_with("aaa", "aaa"))
    assert past.offset(PAST).counts.already_there == 6
    far = far_with()
    assert ship(past, LIVE, far).counts.elsewhere == 4
