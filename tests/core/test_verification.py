"""Verification: an intact spool passes, and whatever is done to a file of it is named."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from audit_provider.core.destinations.base import DeadLetter, Item
from audit_provider.core.errors import UnavailableError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Event, Offset, Window
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.core.spool.segment import pack_manifest
from audit_provider.core.streams.dead_letters import DeadLetters
from audit_provider.core.streams.letter_files import Line, RedriveRecord
from audit_provider.core.verification import Progress, streams_in, verify
from audit_provider.core.verification.arrival import IdBuckets
from tests.core.simulation import BEGIN, Crash, MemoryStore, Pipeline, Row, Service

PRUNED = "p/live/pruned.json"


def pulled(count: int = 40, *, keep: int = 0, segment_events: int = 6) -> Pipeline:
    """Return a pipeline after a pull. :param keep: the number of the first segment kept, 0 where none was removed."""
    moments = [BEGIN + timedelta(minutes=minute) for minute in range(count)]
    service = Service(rows=[Row(f"e{n}", at, at) for n, at in enumerate(moments)], now=BEGIN + timedelta(minutes=count))
    pipeline = Pipeline(service, segment_events=segment_events)
    pipeline.run()
    if keep:
        pipeline.stream.prune(
            finished=keep - 1, written_before=pipeline.now + timedelta(days=1), now=pipeline.now + timedelta(days=2)
        )
    return pipeline


def recorded(pipeline: Pipeline) -> dict[str, Progress]:
    return {"p/live": Progress(pipeline.position)}


def copy_of(store: MemoryStore) -> MemoryStore:
    copy = MemoryStore()
    copy.objects = dict(store.objects)
    return copy


WHOLE, REMOVED = pulled(), pulled(keep=3)
SPOOLS = [WHOLE, REMOVED]


def harmed(data, pipeline):
    """Return a copy of its spool, and one of its keys to do harm to."""
    store = copy_of(pipeline.store)
    return store, data.draw(st.sampled_from(sorted(store.objects)))


def assert_named(pipeline, store, *keys, known):
    report = verify(store, progress=recorded(pipeline) if known else None)
    assert report.exit_code == 1, str(report)
    told = " ".join(f"{fault.file} {fault}" for fault in report.faults)
    for key in keys:
        number = key.rpartition("/")[2].partition("-")[0]
        assert key in told or (number.isdigit() and f"segment {int(number)}" in told), (keys, str(report))


@pytest.mark.parametrize("pipeline", SPOOLS, ids=["whole", "removed"])
@pytest.mark.parametrize("known", [True, False])
def test_an_intact_spool_passes(pipeline, known):
    report = verify(pipeline.store, progress=recorded(pipeline) if known else None)
    assert (report.result, report.exit_code) == ("all right", 0), str(report)
    assert (report.faults, report.notes) == ((), ())
    (stream,) = report.streams
    assert stream.events + stream.removed == pipeline.position.head.total == 40
    assert (stream.head, stream.sha256) == (pipeline.position.head.number, pipeline.position.head.digest)
    assert stream.head_from == ("record" if known else "newest")
    assert report.ids.distinct == stream.events
    assert stream.sha256 in str(report)


def test_the_report_tells_counts_and_times():
    report = verify(WHOLE.store, now=lambda: BEGIN)
    (stream,) = report.streams
    assert (stream.first_time, stream.last_time) == (BEGIN, BEGIN + timedelta(minutes=39))
    assert stream.bytes == sum(len(content) for key, content in WHOLE.store.objects.items() if "ndjson" in key)
    told = msgspec.json.decode(report.as_json())
    assert (told["result"], told["streams"][0]["events"], told["begun_at"]) == ("all right", 40, "2026-03-01T00:00:00Z")


@given(count=st.integers(1, 30), segment_events=st.integers(1, 9), crash=st.none() | st.integers(0, 9))
@settings(max_examples=40)
def test_whatever_was_pulled_passes(count, segment_events, crash):
    moments = [BEGIN + timedelta(minutes=minute) for minute in range(count)]
    service = Service(rows=[Row(f"e{n}", at, at) for n, at in enumerate(moments)], now=BEGIN + timedelta(minutes=count))
    pipeline = Pipeline(service, segment_events=segment_events)
    try:
        pipeline.run(crash_at_commit=crash)
    except Crash:
        assert verify(pipeline.store, progress=recorded(pipeline)).exit_code == 0
        pipeline.run()
    report = verify(pipeline.store, progress=recorded(pipeline))
    assert report.exit_code == 0, str(report)
    assert report.ids.distinct == count


@given(data=st.data(), pipeline=st.sampled_from(SPOOLS), known=st.booleans(), mask=st.integers(1, 255))
@settings(max_examples=300)
def test_a_flipped_bit_is_named(data, pipeline, known, mask):
    store, key = harmed(data, pipeline)
    content = store.objects[key]
    place = data.draw(st.integers(0, len(content) - 1))
    store.objects[key] = content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]
    if key == PRUNED:
        # It holds when retention looked last and nothing else: another time is as good.
        assume(verify(store).exit_code)
    assert_named(pipeline, store, key, known=known)


def test_every_byte_of_a_manifest_matters():
    pipeline = pulled(6, segment_events=2)
    key = next(key for key in sorted(pipeline.store.objects) if "/000000000002-" in key and "manifest" in key)
    store = copy_of(pipeline.store)
    content = pipeline.store.objects[key]
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        store.objects[key] = bytes(flipped)
        assert_named(pipeline, store, key, known=False)


@given(data=st.data(), pipeline=st.sampled_from(SPOOLS), known=st.booleans())
@settings(max_examples=100)
def test_a_missing_file_is_named(data, pipeline, known):
    store, key = harmed(data, pipeline)
    del store.objects[key]
    assert_named(pipeline, store, key, known=known)


@given(data=st.data(), pipeline=st.sampled_from(SPOOLS), known=st.booleans())
@settings(max_examples=150)
def test_two_files_in_each_others_place_are_named(data, pipeline, known):
    store, one = harmed(data, pipeline)
    other = data.draw(st.sampled_from(sorted(set(store.objects) - {one})))
    store.objects[one], store.objects[other] = store.objects[other], store.objects[one]
    assert_named(pipeline, store, one, other, known=known)


@given(data=st.data(), pipeline=st.sampled_from(SPOOLS), known=st.booleans())
@settings(max_examples=150)
def test_a_cut_or_prolonged_file_is_named(data, pipeline, known):
    store, key = harmed(data, pipeline)
    content = store.objects[key]
    cut = data.draw(st.integers(0, len(content) - 1))
    store.objects[key] = data.draw(st.sampled_from([content[:cut], content + b"\0", content + content]))
    assert_named(pipeline, store, key, known=known)


def test_segments_that_change_places_are_told_whose_they_are():
    keys = [key for key in sorted(WHOLE.store.objects) if key.endswith(".ndjson.gz")]
    store = copy_of(WHOLE.store)
    store.objects[keys[1]], store.objects[keys[3]] = store.objects[keys[3]], store.objects[keys[1]]
    faults = verify(store).faults
    assert {(fault.kind, fault.segment) for fault in faults} == {("reordered", 2), ("reordered", 4)}
    assert [fault.wrong for fault in faults] == ["holds what segment 4 should", "holds what segment 2 should"]


def test_a_renumbered_segment_is_named():
    store = copy_of(WHOLE.store)
    for key in [key for key in store.objects if "/000000000002-" in key]:
        store.objects[key.replace("000000000002", "000000000009")] = store.objects.pop(key)
    faults = verify(store, progress=recorded(WHOLE)).faults
    assert {("missing", 2), ("reordered", 9)} <= {(fault.kind, fault.segment) for fault in faults}


def test_every_fault_is_named_and_not_the_first_alone():
    store = copy_of(WHOLE.store)
    keys = sorted(store.objects)
    for key in keys[::3]:
        store.objects[key] = b"?"
    store.objects["p/live/notes.txt"] = b"mine"
    store.objects["readme"] = b"mine"
    report = verify(store)
    told = {fault.file for fault in report.faults}
    assert {*keys[::3], "p/live/notes.txt", "readme"} <= told


def test_a_manifest_that_tells_other_totals_or_ids_is_named():
    store = MemoryStore()
    stream = Stream(store, "p/live")

    def append(head, names):
        writer = SegmentWriter(BEGIN)
        writer.add([Event(name, BEGIN, msgspec.Raw(b'{"id":"%s"}' % name.encode())) for name in names])
        return stream.append(writer, head, BEGIN)

    head = append(Head(), "ab")
    head = append(replace(head, total=7), "cd")
    report = verify(store)
    assert [(fault.kind, fault.segment) for fault in report.faults] == [("total", 1)]
    assert "2 events" in report.faults[0].wrong
    assert "7" in report.faults[0].wrong


def test_manifests_of_another_build_of_the_compressor_pass_with_a_note():
    store = copy_of(WHOLE.store)
    for key in [key for key in store.objects if "manifest" in key]:
        store.objects[key] = gzip.compress(gzip.decompress(store.objects[key]), 9, mtime=0)
    report = verify(store)
    assert report.exit_code == 0
    assert "another build of the compressor" in str(report)


def test_a_manifest_that_leads_out_of_the_spool_is_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(b"keep out")
    manifest = WHOLE.stream.manifest(WHOLE.position.head)
    head, content = pack_manifest(replace(manifest, number=1, previous=Head(), data="../../../secret"))
    store = LocalStore(tmp_path / "spool")
    store.put(f"p/live/{head.name}", content)
    report = verify(store)
    assert report.exit_code == 1
    assert "names a data file that cannot be its own" in str(report)


def test_a_hole_is_named_once_whatever_its_width():
    manifest = WHOLE.stream.manifest(WHOLE.position.head)
    far = replace(manifest, number=10**12 - 1, previous=Head(10**12 - 2, "0" * 64, 7))
    head, content = pack_manifest(far)
    store = copy_of(WHOLE.store)
    store.objects[f"p/live/{head.name}"] = content
    faults = verify(store).faults
    assert len(faults) < 5
    assert any("down to segment 8" in fault.wrong for fault in faults)


def test_a_head_that_counts_other_than_the_record_is_named():
    counts = replace(WHOLE.position.counts, spooled=41)
    report = verify(WHOLE.store, progress={"p/live": Progress(replace(WHOLE.position, counts=counts))})
    assert [fault.kind for fault in report.faults] == ["total"]


def test_what_lies_past_the_record_is_not_committed_and_harmless():
    pipeline = pulled(10)
    before = pipeline.position
    pipeline.service.rows.append(Row("new", pipeline.now, pipeline.now))
    pipeline.advance(minutes=5)
    pipeline.run()
    report = verify(pipeline.store, progress={"p/live": Progress(before)})
    assert (report.exit_code, report.streams[0].head, report.ids.distinct) == (0, before.head.number, 10)
    assert "is not committed" in str(report)


def test_what_is_removed_meanwhile_is_no_fault():
    class Pruned(MemoryStore):
        done = False

        def get(self, key):
            if "000000000002" in key and not self.done:
                self.done = True
                later = BEGIN + timedelta(days=9)
                Stream(self, "p/live").prune(finished=3, written_before=later, now=later)
            return super().get(key)

    store = Pruned()
    store.objects = dict(WHOLE.store.objects)
    report = verify(store, progress=recorded(WHOLE))
    assert report.exit_code == 0, str(report)
    assert report.streams[0].oldest == 4


def test_a_record_without_its_segments_is_a_fault():
    report = verify(MemoryStore(), progress=recorded(WHOLE))
    assert report.exit_code == 1
    assert (report.faults[0].kind, report.faults[0].segment) == ("missing", WHOLE.position.head.number)


def test_an_empty_place_is_not_all_right():
    assert verify(MemoryStore()).exit_code == 2
    assert verify(WHOLE.store, pipeline="q").exit_code == 2


def test_a_spool_that_does_not_answer_is_no_damage_and_no_proof():
    class Silent(MemoryStore):
        def get(self, key):
            if "000000000002" in key:
                raise UnavailableError("the spool answered 503 to get_object.")
            return super().get(key)

    store = Silent()
    store.objects = WHOLE.store.objects
    report = verify(store)
    assert (report.exit_code, report.result) == (2, "could not be checked")
    assert "503" in str(report)


def test_ids_in_the_live_stream_and_in_a_backfill_are_counted():
    pipeline = pulled(12)
    stream = Stream(pipeline.store, "p/backfill-x", "c1")
    writer = SegmentWriter(BEGIN)
    writer.add([Event(name, BEGIN, msgspec.Raw(b"{}")) for name in ("e1", "e2", "old", "old")])
    stream.append(writer, Head(), BEGIN)
    report = verify(pipeline.store)
    assert report.exit_code == 0
    assert (report.ids.distinct, report.ids.in_several_streams, report.ids.repeated) == (13, 2, 1)
    assert [each.stream for each in report.streams] == ["p/backfill-x/c1", "p/live"]
    assert streams_in(pipeline.store) == ["p/backfill-x", "p/live"]


def test_a_folder_is_read_as_it_is(tmp_path):
    store = LocalStore(tmp_path)
    for key, content in REMOVED.store.objects.items():
        store.put(key, content)
    assert verify(store).exit_code == 0


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "rename"])
def test_dead_letters_are_counted_and_checked(harm):
    store = copy_of(WHOLE.store)
    set_aside(store, *next(WHOLE.stream.read(WHOLE.position.head, 1))[1][:2])
    assert (verify(store).exit_code, verify(store).dead_letters) == (0, 2)
    letters, record = sorted(key for key in store.objects if "/dead/" in key)
    for key in (letters, record):
        harmed = copy_of(store)
        content = harmed.objects.pop(key)
        name = key.replace("0000", "000!", 1) if harm == "rename" else key
        flipped = content.replace(b'"segment":1', b'"segment":3').replace(b":0", b":4")
        harmed.objects[name] = {"flip": flipped, "cut": content[:-9], "empty": b"", "rename": content}[harm]
        assert [fault.file for fault in verify(harmed).faults] == [name]


def test_a_letter_that_was_sent_again_is_the_destinations_and_may_be_missing_there():
    store = copy_of(WHOLE.store)
    first, second, *_ = next(WHOLE.stream.read(WHOLE.position.head, 1))[1]
    letters = set_aside(store, first, second)
    line, _ = next(letters.open())
    letters.record(RedriveRecord(BEGIN, taken=(line,)))
    ids = [each.id for _, events in WHOLE.stream.read(WHOLE.position.head, 1) for each in events]
    progress = {"p/live": Progress(WHOLE.position, Offset(segment=WHOLE.position.head.number + 1))}
    report = verify(store, progress=progress, arrival=Has(*ids[2:]), destination="hec")
    assert (report.arrival.first_missing, report.arrival.set_aside) == ((first.id,), 1)
    assert (report.dead_letters, report.exit_code) == (1, 1)
    assert verify(store, progress=progress, arrival=Has(first.id, *ids[2:]), destination="hec").exit_code == 0


def set_aside(store, *events):
    letters = DeadLetters(Stream(store, "p/live"), "hec")
    letters.keep([DeadLetter(Item(each, b"", 1, place), "no") for place, each in enumerate(events)], BEGIN)
    letters.record(RedriveRecord(BEGIN, taken=(Line("x", 0),)))
    return letters


class Has:
    """A destination that has some ids."""

    where = "the shelf"
    tells_all = False
    missing = None

    def __init__(self, *ids):
        self.ids = list(ids)

    def gather(self, ids):
        return ()

    def count(self, ids):
        return {name: self.ids.count(name) for name in ids}


def test_what_is_pending_or_set_aside_is_not_missing():
    store = copy_of(WHOLE.store)
    progress = {"p/live": Progress(WHOLE.position, Offset(segment=2, index=1))}
    segments = [[event.id for event in events] for _, events in WHOLE.stream.read(WHOLE.position.head, 1)]
    shipped = [*segments[0], segments[1][0]]
    lost, refused, *rest = shipped
    set_aside(store, Event(refused, BEGIN, msgspec.Raw(b"{}")))
    has = Has(*rest, segments[-1][0], segments[-1][0])
    report = verify(store, progress=progress, arrival=has, destination="hec")
    arrival = report.arrival
    assert (arrival.first_missing, arrival.missing, arrival.set_aside, arrival.several_times) == ((lost,), 1, 1, 1)
    assert arrival.found == len(shipped) - 1
    assert arrival.pending == 40 - len(shipped) - 1
    assert report.exit_code == 1
    assert verify(store, progress=progress, arrival=Has(*shipped), destination="hec").exit_code == 0


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_ids():
    random.seed(5)
    peaks = []
    for count in (110_000, 330_000):
        with IdBuckets() as buckets:
            tracemalloc.start()
            for begin in range(0, count, 10_000):
                buckets.add(1, (f"{random.getrandbits(64):x}-{n}" for n in range(begin, begin + 10_000)))
            seen = sum(len(bucket) for bucket in buckets)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert seen == count
    assert peaks[1] < peaks[0] * 1.5
    assert peaks[1] < 64 * 1024 * 1024


def test_a_window_without_events_is_no_stream():
    service = Service(rows=[], now=BEGIN + timedelta(hours=1))
    pipeline = Pipeline(service)
    pipeline.run(within=Window(BEGIN, BEGIN + timedelta(minutes=1)))
    assert verify(pipeline.store, progress={"p/live": Progress(Position(source="x"))}).exit_code == 2
