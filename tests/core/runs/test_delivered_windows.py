"""Events of the live stream that a destination has received with a backfill window: proven, counted, not sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from audit_provider.core.destinations.base import Limits
from audit_provider.core.errors import RefusedError
from audit_provider.core.ledger.position import EarlierSource, Position
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, Fields, PullCounts
from audit_provider.core.runs.event_search import Wanted, search
from audit_provider.core.runs.event_story import fates
from audit_provider.core.runs.overlapping_streams import NEW_FOR
from audit_provider.core.runs.proving import Evidence
from audit_provider.core.shipping.sending_again import TimeRange
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.spool import SegmentWriter
from tests.core.destinations.stand_ins import Listed, event
from tests.core.runs.conftest import LIVE, NOW, shipment

PAST = StreamName("p", "20260101T000000Z_20260601T000000Z")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
THREE = Limits(events=3, batch_bytes=10_000, event_bytes=1000)
ALL = list("cdefgh")


def far_with(*plan):
    return Listed(*plan, limits=THREE)


def hold(kept, name, *segments, chain="20260430T000000Z-aaaa", written_at=NOW, **changes):
    """Put segments into a stream. :param segments: the events of each, or their names."""
    position = position_record(kept.ledger, name).load()
    if position is None or position.chain != chain:
        position = Position("pylon", chain)
    for names in segments:
        segment = SegmentWriter(written_at)
        segment.add([each if not isinstance(each, str) else event(each, time=NOW - DAY) for each in names])
        head = name.stream(kept.store, position).append(segment, position.head, written_at)
        more = PullCounts(read=len(names), spooled=len(names))
        position = replace(position, head=head, counts=position.counts + more)
    record = position_record(kept.ledger, name)
    record.load()
    record.commit(replace(position, **{"complete": True, **changes}))


def ship(kept, name, far, *, configuration="{}", receiver="here", **terms):
    """Ship one stream and return what was done."""
    run = shipment(kept, far, configuration=configuration, receiver=lambda: receiver)
    given = Terms(**{"sleep": lambda _: None, "now": lambda: NOW, "tries": 1, **terms})
    run.connect = lambda position: (far, given)
    run.ship([name])
    return run.shipped[0]


def sent_with_polling(kept, **arguments):
    ship(kept, LIVE, far := far_with(), **arguments)
    return far.stored


@pytest.fixture
def past(kept):
    """A window of two segments, and a live stream that holds some of that and more."""
    hold(kept, PAST, "abc", "def")
    hold(kept, LIVE, "cde", "fgh")
    return kept


@pytest.fixture
def delivered(past):
    """The window is delivered."""
    ship(past, PAST, far_with())
    return past


def broken(batch):
    raise RefusedError("the token was revoked", status=403)


def test_what_a_window_has_delivered_is_not_sent_with_polling(delivered):
    far = far_with()
    shipped = ship(delivered, LIVE, far)
    assert far.sends == [["g", "h"]]
    assert (shipped.counts.delivered, shipped.counts.already_there, shipped.pending) == (2, 4, 0)
    assert shipped.account.adds_up
    assert "4 events of p/live were left out: far has received them with a backfill." in str(delivered.log)


def test_nothing_is_a_success_that_was_not_sent(delivered):
    hold(delivered, LIVE, chain="20260430T100000Z-bbbb")
    hold(delivered, LIVE, "abcdef", chain="20260430T100000Z-bbbb")
    far = far_with()
    assert ship(delivered, LIVE, far).offset.last_success is None
    assert far.sends == []


def test_what_was_left_out_is_found_without_a_time_before_it_was_spooled(delivered):
    """The run that left it out is no success, and the one before may be older than the segment."""
    hold(delivered, LIVE, chain="20260430T100000Z-bbbb")
    hold(delivered, LIVE, "xyz", chain="20260430T100000Z-bbbb")
    ship(delivered, LIVE, far_with())
    hold(delivered, LIVE, "abc", chain="20260430T100000Z-bbbb", written_at=NOW + HOUR)
    ship(delivered, LIVE, far_with())
    wanted = search(delivered.ledger, delivered.store, Wanted(id="a"), pipeline="p", fields=lambda _: None)
    (found,) = [each for each in wanted if each.name == LIVE]
    (fate,) = fates(delivered.ledger, found, {"far": None}, "pylon", Evidence(delivered.ledger, delivered.store, "p"))
    assert (fate.state, fate.after, fate.until) == ("delivered", NOW + HOUR, None)


def test_another_destination_gets_all(delivered):
    run = shipment(delivered, far := far_with(), configuration="{}", receiver=lambda: "here")
    run.destination = "new"
    run.ship([LIVE])
    assert far.stored == ALL


def test_a_window_that_is_not_shipped_to_its_end_proves_nothing(past):
    with pytest.raises(RefusedError):
        ship(past, PAST, far_with("ddd", broken))
    assert sent_with_polling(past) == ALL


@pytest.mark.parametrize("whole_segments", [False, True])
def test_a_window_whose_first_run_ended_before_it_delivered_anything_is_proven_by_the_next(past, whole_segments):
    limits = replace(THREE, whole_segments=whole_segments)
    with pytest.raises(RefusedError):
        ship(past, PAST, Listed(broken, limits=limits))
    past.keep_offset(replace(past.offset(PAST), delivered_to=""), PAST)
    ship(past, PAST, Listed(limits=limits))
    assert sent_with_polling(past) == ["g", "h"]


@pytest.mark.parametrize("verdicts", ["dxd", "daa"])
def test_a_window_of_which_an_event_was_set_aside_proves_nothing(past, verdicts):
    ship(past, PAST, far_with(verdicts))
    assert sent_with_polling(past) == (ALL if "x" in verdicts else ["g", "h"])


def test_a_window_of_which_an_event_was_filtered_proves_nothing(past):
    ship(past, PAST, far_with(), select=lambda each: each if each.id != "c" else None)
    assert sent_with_polling(past) == ALL


@pytest.mark.parametrize("changed", [{"configuration": '{"only": []}'}, {"receiver": "there"}, {"receiver": ""}])
def test_another_configuration_address_or_credential_gets_all(delivered, changed):
    assert sent_with_polling(delivered, **changed) == ALL


def test_a_window_that_was_shipped_to_two_places_proves_nothing(past):
    with pytest.raises(RefusedError):
        ship(past, PAST, far_with("ddd", broken), receiver="there")
    ship(past, PAST, far_with())
    assert past.offset(PAST).counts.delivered == 6
    assert sent_with_polling(past) == ALL


def test_a_window_that_an_earlier_version_began_proves_nothing(past):
    with pytest.raises(RefusedError):
        ship(past, PAST, far_with("ddd", broken))
    past.keep_offset(replace(past.offset(PAST), delivered_to=""), PAST)
    ship(past, PAST, far_with())
    assert sent_with_polling(past) == ALL


@pytest.mark.parametrize(
    "other",
    [
        event("c", time=NOW - DAY, action="other"),
        event("c", time=NOW - 2 * DAY),
    ],
    ids=["bytes", "time"],
)
def test_an_equal_id_is_not_enough(kept, other):
    hold(kept, PAST, "abc")
    hold(kept, LIVE, ["a", other])
    ship(kept, PAST, far_with())
    assert sent_with_polling(kept) == ["c"]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "slack"},
        {"account": "one"},
        {"fields": Fields("id", "time", action="other")},
        {"earlier_sources": (EarlierSource(1, "slack", Fields("", "")),)},
    ],
    ids=["source", "account", "fields", "an earlier source"],
)
def test_a_window_that_was_read_in_another_way_proves_nothing(kept, changes):
    hold(kept, PAST, "abc", "def", **changes)
    hold(kept, LIVE, "cde", "fgh", account="two")
    ship(kept, PAST, far_with())
    assert sent_with_polling(kept) == ALL


def test_what_the_window_does_not_span_is_sent(kept):
    early = event("b", time=datetime(2025, 12, 31, tzinfo=UTC))
    hold(kept, PAST, ["a", early])
    hold(kept, LIVE, ["a", early])
    ship(kept, PAST, far_with())
    assert sent_with_polling(kept) == ["b"]


def test_what_polling_finds_in_each_run_costs_no_look_at_the_spool(kept):
    hold(kept, PAST, "ab")
    hold(kept, LIVE, [event("a", time=NOW - timedelta(minutes=5)), event("b", time=NOW)])
    listed = []
    kept.store.folders = lambda prefix: listed.append(prefix) or []
    assert sent_with_polling(kept) == ["a", "b"]
    assert listed == []


def test_who_deletes_an_offset_later_receives_all(past):
    hold(past, LIVE, "ijk", written_at=NOW - NEW_FOR, chain="20260401T000000Z-cccc")
    hold(past, PAST, "ijk")
    ship(past, PAST, far_with())
    assert sent_with_polling(past) == list("ijk")


@pytest.mark.parametrize("what", [".ndjson.gz", ".manifest.json.gz"])
def test_a_damaged_window_holds_nothing_up_and_proves_nothing(delivered, what):
    for key in [each for each in delivered.store.keys(f"{PAST.folder}/") if each.endswith(what)]:
        delivered.store.put(key, b"other")
    assert sent_with_polling(delivered) == ALL
    assert "may be sent again with p/live" in str(delivered.log)


def test_a_window_whose_segments_are_gone_proves_nothing(delivered):
    for key in list(delivered.store.keys(f"{PAST.folder}/")):
        delivered.store.delete(key)
    assert sent_with_polling(delivered) == ALL


def test_a_window_that_was_begun_anew_proves_nothing_until_it_is_shipped_again(delivered):
    hold(delivered, PAST, "cde", chain="20260430T100000Z-bbbb")
    assert sent_with_polling(delivered) == ALL


def test_an_offset_of_segments_that_others_have_replaced_proves_nothing(past):
    before = position_record(past.ledger, PAST).load()
    ship(past, PAST, far_with())
    record = position_record(past.ledger, PAST)
    record.load()
    record.commit(replace(before, head=type(before.head)(), counts=PullCounts()))
    hold(past, PAST, "xyz", "cde")
    assert sent_with_polling(past) == ALL


def test_a_position_or_an_offset_that_nobody_can_read_holds_nothing_up(delivered):
    for name in (PAST.cursor_key, PAST.offset_key("far")):
        text = delivered.ledger.read(name)
        delivered.ledger.write(name, "no record")
        assert sent_with_polling(delivered) == ALL
        delivered.ledger.write(name, text)
        delivered.ledger.delete(LIVE.offset_key("far"))


def test_foreign_folders_and_times_at_the_end_of_the_calendar_hold_nothing_up(delivered):
    delivered.store.put("p/backfill-20260101T000000Z_20260601T000000Z.bak/oldest.json", b"1")
    delivered.store.put("p/backfill-other/oldest.json", b"1")
    last = event("z", time=datetime.max.replace(tzinfo=UTC))
    hold(delivered, LIVE, ["a", last])
    assert sent_with_polling(delivered) == ["g", "h", "z"]


def test_a_run_that_ended_goes_on_behind_what_was_left_out(delivered):
    hold(delivered, LIVE, "ijklabmn")
    with pytest.raises(RefusedError):
        ship(delivered, LIVE, first := far_with("ddd", broken))
    ship(delivered, LIVE, rest := far_with())
    assert sorted(first.stored + rest.stored) == sorted("ghijklmn")


@pytest.mark.parametrize(("read", "sent"), [(NOW - HOUR, "cdefgh"), (NOW + HOUR, "gh")])
def test_where_content_names_the_object_every_try_sends_the_same(kept, read, sent):
    """A try whose answer was lost may have stored its objects before the window was delivered."""
    hold(kept, PAST, "abcdef")
    hold(kept, LIVE, "cdefgh", written_at=read)
    limits = replace(THREE, events=10, whole_segments=True)
    if read < NOW:
        with pytest.raises(RefusedError):
            ship(kept, LIVE, first := Listed(broken, limits=limits))
        assert first.sends == [list(sent)]
    ship(kept, PAST, Listed(limits=limits))
    ship(kept, LIVE, far := Listed(limits=limits))
    assert far.sends == [list(sent)]


def test_a_replay_and_the_window_itself_send_everything(delivered):
    shipment(delivered, far := far_with(), configuration="{}", receiver=lambda: "here").replay(TimeRange(), "run")
    assert sorted(far.stored) == sorted("abcdefcdefgh")
    ship(delivered, LIVE, far_with())
    hold(delivered, PAST, "ghi")
    ship(delivered, PAST, far := far_with())
    assert far.stored == list("ghi")


def test_many_segments_of_both_are_compared_one_by_one(kept):
    names = [f"e{number}" for number in range(60)]
    hold(kept, PAST, *[names[at : at + 7] for at in range(0, 60, 7)])
    hold(kept, LIVE, *[[*names[at : at + 5], f"new{at}"] for at in range(20, 60, 5)])
    ship(kept, PAST, far_with())
    assert sent_with_polling(kept) == [f"new{at}" for at in range(20, 60, 5)]
