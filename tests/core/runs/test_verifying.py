"""What a scheduled verification reads: everything new, and of the rest each day once in a round of runs."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import msgspec

from audit_provider.core.destinations.base import Limits
from audit_provider.core.ledger.position import Position, new_chain
from audit_provider.core.ledger.records import MemoryLedger, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Offset, PullCounts, ShipCounts, Window
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.calendar import ROUND, Calendar, Day, is_due, key_of, with_gaps
from audit_provider.core.runs.gap_records import all_gaps
from audit_provider.core.runs.recorded import calendar_faults
from audit_provider.core.runs.verifying import Verifying
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.sources.reading.reconciliation import ReconciliationState
from audit_provider.core.spool import SegmentWriter
from tests.core.calendars import keep
from tests.core.destinations.stand_ins import Listed
from tests.core.runs.conftest import shipment
from tests.core.simulation import CountingStore

DAY = timedelta(days=1)
DAYS = 40
FIRST = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
NOW = FIRST + DAYS * DAY
PIPELINE = pipeline_from("p", {"source": "pylon", "destinations": {"s3": {"type": "s3", "bucket": "b"}}})


def spooled(store, ledger, first, count):
    """Append one segment a day."""
    name = StreamName("p")
    record = position_record(ledger, name)
    position = record.load() or Position(source="pylon", chain=new_chain(FIRST))
    for number in range(first, first + count):
        at = FIRST + number * DAY
        segment = SegmentWriter(at)
        segment.add([Event(f"e{number}", at, msgspec.Raw(b'{"id":"x"}'))])
        head = name.stream(store, position).append(segment, position.head, at)
        position = replace(position, head=head, counts=position.counts + PullCounts(read=1, spooled=1))
    record.commit(position)


def verify(store, ledger, now):
    """Return which segments' events were read."""
    store.asked.clear()
    Verifying(ledger, store, PIPELINE, logging.getLogger("test"), lambda: now, "1").run()
    asked = [key for method, key in store.asked if method == "get" and "/live/" in key and key.endswith(".ndjson.gz")]
    return {int(key.rpartition("/")[2][:12]) for key in asked}


def test_what_was_read_before_is_read_again_once_in_a_round():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, DAYS)
    assert verify(store, ledger, NOW) == set(range(1, DAYS + 1)), "all of it is new"
    read = [verify(store, ledger, NOW + run * timedelta(minutes=1)) for run in range(1, ROUND + 1)]
    assert max(map(len, read)) <= -(-DAYS // ROUND)
    assert Counter(each for numbers in read for each in numbers) == dict.fromkeys(range(1, DAYS + 1), 1)
    days = Calendar.load(store, "p").days
    assert len({each.verified_at for each in days.values() if each.events}) == ROUND


def test_what_is_new_is_read_at_once():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 3)
    verify(store, ledger, NOW)
    spooled(store, ledger, 3, 2)
    assert verify(store, ledger, NOW + DAY) >= {4, 5}


def test_an_old_segment_that_is_gone_is_missed_before_its_turn():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, DAYS)
    verify(store, ledger, NOW)
    gone = [key for key in store.keys("p/live/") if key.endswith(".ndjson.gz")][7::11]
    for key in gone:
        store.delete(key)
    found, days = Verifying(ledger, store, PIPELINE, logging.getLogger("test"), lambda: NOW + DAY, "1").run()
    assert [each.file for each in found.faults] == gone
    assert [each.state for each in days.values()].count("gap") == len(gone)


def damage(store, chain, number):
    """Change one byte of a segment's data."""
    (key,) = (key for key in store.keys(f"p/live/{chain}/") if key.endswith(".ndjson.gz") and f"{number:012d}" in key)
    content = store.get(key)
    store.put(key, content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    return key


def begin_anew(ledger):
    """Delete the position, as an operator does who reads from the beginning; return the chain that it led to."""
    record = position_record(ledger, StreamName("p"))
    chain = record.load().chain
    ledger.delete(StreamName("p").cursor_key)
    return chain


def day_of(number):
    return (FIRST + number * DAY).date()


def judge(store, ledger, now=NOW):
    return Verifying(ledger, store, PIPELINE, logging.getLogger("test"), lambda: now, "1").run()


def test_a_fault_of_an_old_chain_is_put_on_its_own_days():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 2)
    old = begin_anew(ledger)
    spooled(store, ledger, 10, 2)
    key = damage(store, old, 1)
    found, days = judge(store, ledger)
    assert [each.file for each in found.faults] == [key]
    assert {day for day, each in days.items() if each.state == "gap"} == {day_of(0)}
    assert days[day_of(10)].state == "read"
    assert "found faults" in days[day_of(10)].reason


def proven(store, ledger, *numbers):
    """Say in the calendar that days are proven."""
    kept = Calendar.load(store, "p")
    days = {
        day_of(each): Day("proven", events=1, destinations={"s3": {"delivered": 1}}, verified_at=NOW, proven_at=NOW)
        for each in numbers
    }
    keep(msgspec.structs.replace(kept, days={**kept.days, **days}), ledger, store, NOW)


def test_a_fault_takes_the_proof_from_days_that_only_an_old_chain_has():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 2)
    judge(store, ledger)
    proven(store, ledger, 0, 1)
    old = begin_anew(ledger)
    spooled(store, ledger, 10, 1)
    _, days = judge(store, ledger, NOW + DAY)
    assert [days[day_of(each)].state for each in (0, 1)] == ["proven", "proven"], "its segments are there, and intact"
    damage(store, old, 1)
    found, days = judge(store, ledger, NOW + (ROUND + 1) * DAY)
    for run in range(ROUND):
        if found.faults:
            break
        found, days = judge(store, ledger, NOW + (ROUND + 2 + run) * DAY)
    assert found.result == "faults found"
    assert (days[day_of(0)].state, days[day_of(0)].proven_at) == ("gap", None)
    assert (days[day_of(1)].state, days[day_of(1)].proven_at) == ("read", None)


def test_a_missing_manifest_of_an_old_chain_takes_the_proof_from_every_day():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 2)
    judge(store, ledger)
    proven(store, ledger, 0, 1)
    old = begin_anew(ledger)
    spooled(store, ledger, 10, 1)
    (gone,) = (key for key in store.keys(f"p/live/{old}/") if "000000000001" in key and "manifest" in key)
    store.delete(gone)
    found, days = judge(store, ledger, NOW + DAY)
    assert found.result == "faults found"
    assert "proven" not in {each.state for each in days.values()}


def test_what_retention_has_removed_keeps_its_proof_where_another_segment_is_damaged():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 6)
    judge(store, ledger)
    proven(store, ledger, 0, 1, 5)
    position = position_record(ledger, StreamName("p")).load()
    assert StreamName("p").stream(store, position).prune(finished=3, written_before=NOW, now=NOW) == 3
    damage(store, position.chain, 6)
    days = judge(store, ledger, NOW + DAY)[1]
    for run in range(1, ROUND):
        if days[day_of(5)].state == "gap":
            break
        days = judge(store, ledger, NOW + DAY + run * DAY)[1]
    assert [days[day_of(each)].state for each in (0, 1)] == ["proven", "proven"]
    assert not days[day_of(0)].kept
    assert days[day_of(5)].state == "gap"


def test_a_fault_is_found_in_every_run_until_it_is_repaired_whenever_its_turn_is():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 3)
    assert judge(store, ledger)[0].result == "all right"
    chain = position_record(ledger, StreamName("p")).load().chain
    (key,) = (key for key in store.keys(f"p/live/{chain}/") if key.endswith(".ndjson.gz") and "000000000002" in key)
    whole = store.get(key)
    damage(store, chain, 2)
    results, states = [], []
    for run in range(1, ROUND + 2):
        found, days = judge(store, ledger, NOW + run * DAY)
        results.append(found.result)
        states.append(days[day_of(1)].state)
    first = results.index("faults found")
    assert set(results[first:]) == {"faults found"}
    assert set(states[first:]) == {"gap"}
    store.put(key, whole)
    judge(store, ledger, NOW + 2 * ROUND * DAY)
    found, days = judge(store, ledger, NOW + (2 * ROUND + 1) * DAY)
    assert (found.result, days[day_of(1)].state) == ("all right", "read")


def test_damage_that_judging_a_day_meets_is_a_fault_before_its_turn():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 3)
    judge(store, ledger)
    kept = Calendar.load(store, "p")
    waiting = msgspec.structs.replace(kept.days[day_of(1)], reason="s3: 1 pending")
    msgspec.structs.replace(kept, days={**kept.days, day_of(1): waiting}).save(store, "p")
    run = next(each for each in range(2, ROUND) if not any(is_due(day_of(number), each) for number in range(3)))
    kept = msgspec.structs.replace(Calendar.load(store, "p"), runs=run - 1)
    keep(kept, ledger, store, NOW)
    key = damage(store, position_record(ledger, StreamName("p")).load().chain, 2)
    found, days = judge(store, ledger, NOW + DAY)
    assert [each.file for each in found.faults] == [key]
    assert days[day_of(1)].state == "gap"


def shipped(ledger, destination="s3", **further):
    """Say that a destination has everything, except for some events that were set aside."""
    position = position_record(ledger, StreamName("p")).load()
    record = offset_record(ledger, StreamName("p"), destination)
    record.load()
    counts = ShipCounts(delivered=position.head.total)
    record.commit(Offset(position.head.number + 1, 0, position.chain, counts=counts, redriven="", **further))


def compared(ledger):
    """Say that the reconciliation has compared everything."""
    span = Window(FIRST.replace(hour=0), NOW.replace(hour=0))
    reading = msgspec.to_builtins(ReconciliationState(span.end, compared=(span,)))
    record = position_record(ledger, StreamName.of_reconciliation("p"))
    record.commit(Position(source="pylon", chain=new_chain(FIRST), reading=reading))


def served(*names):
    return pipeline_from(
        "p", {"source": "pylon", "destinations": {each: {"type": "s3", "bucket": each} for each in names}}
    )


def test_a_destination_that_is_added_takes_the_proof_from_the_days_that_it_lacks_at_once():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 3)
    shipped(ledger)
    compared(ledger)
    for names, states in (
        (["s3"], {"proven"}),
        (["s3", "new"], {"read"}),
        (["s3"], {"proven"}),
    ):
        log = logging.getLogger("test")
        _, days = Verifying(ledger, store, served(*names), log, lambda: NOW, "1").run()
        assert {days[day_of(each)].state for each in range(3)} == states
    shipped(ledger, "new")
    _, days = Verifying(ledger, store, served("s3", "new"), logging.getLogger("test"), lambda: NOW, "1").run()
    assert {days[day_of(each)].state for each in range(3)} == {"proven"}


def test_events_that_are_too_old_make_a_gap_of_their_own_days_only():
    store, ledger, log = CountingStore(), MemoryLedger(), logging.getLogger("test")
    kept = SimpleNamespace(ledger=ledger, store=store, log=log)
    far = Listed(limits=Limits(events=1, batch_bytes=10_000, event_bytes=1000, max_age=DAY, restamps=False))
    for number in range(6):
        spooled(store, ledger, number, 1)
        at = FIRST + (number + (9 if number in (0, 5) else 0)) * DAY
        terms = Terms(sleep=lambda _: None, now=lambda at=at: at, tries=1)
        run = shipment(kept, far, letters_fail=False)
        run.destination, run.connect = "s3", lambda _, terms=terms: (far, terms)
        run.ship([StreamName("p")])
    assert len(far.stored) == 4
    compared(ledger)
    states = ["gap", *["proven"] * 4, "gap"]
    _, days = judge(store, ledger)
    assert [days[day_of(number)].state for number in range(6)] == states
    kept = Calendar.load(store, "p")
    gaps = all_gaps(ledger, store, [PIPELINE])
    shown = with_gaps(kept.days, gaps, NOW.date(), kept.gaps)
    assert [shown[day_of(number)].state for number in range(6)] == states
    newer = with_gaps(kept.days, gaps, NOW.date(), ())
    assert {newer[day_of(number)].state for number in range(6)} == {"gap"}, "it may have events of each of these days"


def test_a_verification_that_is_killed_before_it_writes_the_calendar_is_no_fault():
    store, ledger = CountingStore(), MemoryLedger()
    spooled(store, ledger, 0, 3)
    shipped(ledger)
    compared(ledger)
    judge(store, ledger)
    kept = store.get(key_of("p"))
    spooled(store, ledger, 3, 1)
    shipped(ledger)
    judge(store, ledger, NOW + DAY)
    store.put(key_of("p"), kept)
    assert calendar_faults(ledger, store, "p") == []
    found, days = judge(store, ledger, NOW + 2 * DAY)
    assert (found.result, {days[day_of(each)].state for each in range(4)}) == ("all right", {"proven"})
    judge(store, ledger, NOW + 2 * DAY)
    store.put(key_of("p"), kept)
    assert len(calendar_faults(ledger, store, "p")) == 1, "the last verification has replaced another"
    judge(store, ledger, NOW + 3 * DAY)
    judge(store, ledger, NOW + 4 * DAY)
    kept = store.get(key_of("p"))
    damage(store, position_record(ledger, StreamName("p")).load().chain, 2)
    for run in range(ROUND):
        if judge(store, ledger, NOW + (5 + run) * DAY)[0].faults:
            break
        kept = store.get(key_of("p"))
    store.put(key_of("p"), kept)
    (fault,) = calendar_faults(ledger, store, "p")
    assert "it says proven of" in fault.wrong
