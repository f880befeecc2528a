"""Files of a backfill: few and large, whatever the segments, and the same ones on every try."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.destinations.base import Limits, Verdict
from audit_provider.core.destinations.folders import put_by_folder
from audit_provider.core.errors import AuditError, UnavailableError
from audit_provider.core.model import Event, Offset, text_of
from audit_provider.core.shipping.packing import SEGMENTS_IN_A_LOT, packed
from audit_provider.core.shipping.ship import ship
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.spool import LocalStore, Stream
from tests.core.simulation import BEGIN, Crash
from tests.scale.backfill_objects import shipped, spooled


class Files:
    """Keeps files named by their content, and fails on demand."""

    def __init__(self, limits, script):
        self.limits = limits
        self.files = {}
        self._script = script

    def encode(self, event, *, restamp):
        return event.id.encode()

    def send(self, batch):
        return put_by_folder(batch, lambda item: f"{item.event.time:%d}", self._put)

    def _put(self, folder, items):
        step = self._script.pop(0) if self._script else "ok"
        if step == "no answer":
            raise UnavailableError("no answer")
        name = (folder, b"\n".join(item.encoded for item in items))
        there = name in self.files
        self.files[name] = [item.event.id for item in items]
        if step == "lost answer":
            raise UnavailableError("the answer was lost")
        if step == "killed":
            raise Crash
        return Verdict.ALREADY_THERE if there else Verdict.DELIVERED


def event(number, day):
    return Event(f"e{number}", BEGIN + timedelta(days=day), msgspec.Raw(b"{}"))


@settings(max_examples=200)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8),
    st.lists(st.sampled_from(("ok", "ok", "no answer", "lost answer", "killed")), max_size=12),
    st.sets(st.integers(1, 8), max_size=3),
    st.integers(1, 12),
    st.integers(1, 4),
)
def test_every_event_is_in_one_file_however_often_it_is_tried(shape, script, crashes, events, concurrency):
    segments, number = [], 0
    for days in shape:
        segments.append([event(number + place, day) for place, day in enumerate(days)])
        number += len(days)
    files = Files(Limits(events, 10_000, 1000, whole_segments=True), script)
    kept = [Offset(joins_segments=True)]
    commits = 0

    def commit(offset):
        nonlocal commits
        commits += 1
        if commits in crashes:
            raise Crash
        kept[0] = offset

    for _ in range(len(script) + len(crashes) + 2):
        first = kept[0].segment
        try:
            ship(
                files,
                [(place + 1, span) for place, span in enumerate(segments) if place + 1 >= first],
                kept[0],
                commit=commit,
                set_aside=lambda letters: None,
                sleep=lambda seconds: None,
                now=lambda: BEGIN,
                tries=2,
                concurrency=concurrency,
            )
        except (Crash, AuditError):
            continue
        break
    assert kept[0].segment == len(segments) + 1
    assert kept[0].counts.taken == number
    found = Counter(name for ids in files.files.values() for name in ids)
    assert found == {f"e{each}": 1 for each in range(number)}


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=14),
    st.sets(st.integers(0, 60), max_size=60),
    st.integers(0, 3),
)
def test_where_a_file_ends_depends_on_the_segments_number_alone(sizes, chosen, gone):
    """So a replay of a part, after old segments are gone, or under another filter makes files of the same events."""
    segments, number = [], 0
    for size in sizes:
        segments.append([event(number + place, 0) for place in range(size)])
        number += size
    first = min(1 + SEGMENTS_IN_A_LOT * gone, len(sizes))
    files = Files(Limits(10_000, 10**6, 1000, whole_segments=True), [])

    def batches(begin, **options):
        spans = [(place, span) for place, span in enumerate(segments, 1) if place >= begin]
        terms = Terms(sleep=lambda _: None, now=lambda: BEGIN, **options)
        found = packed(files, spans, Offset(begin, joins_segments=True), terms)
        return [[(item.segment, item.event.id) for item in lot.batch.items] for lot in found]

    def wanted(event):
        return int(event.id[1:]) in chosen

    whole = batches(1)
    assert len(whole) == -(-len(sizes) // SEGMENTS_IN_A_LOT)
    if (first - 1) % SEGMENTS_IN_A_LOT == 0:
        assert batches(first) == whole[(first - 1) // SEGMENTS_IN_A_LOT :]
    part = [[each for each in batch if int(each[1][1:]) in chosen] for batch in whole]
    assert batches(1, within=wanted) == part
    assert batches(1, select=lambda event: event if wanted(event) else None) == part


def test_a_day_is_few_objects_whatever_the_segments_are(tmp_path):
    stream = Stream(LocalStore(Path(tmp_path)), "p/backfill")
    head = spooled(stream, 20_000, 10_000, page_size=100)
    assert head.number == 200
    apart, _, _ = shipped(stream, head, joins=False)
    joined, _, _ = shipped(stream, head, joins=True)
    assert len(apart.sizes) >= 580
    assert len(joined.days) == len(apart.days) == 401
    assert len(joined.sizes) <= 460
    assert sum(events for _, _, events in joined.sizes.values()) == 20_000


def test_where_a_day_holds_much_objects_are_large(tmp_path):
    """Four days with 64 MiB each."""
    stream = Stream(LocalStore(Path(tmp_path)), "p/backfill")
    head = spooled(stream, 360_000, 8 * 2**20, days=4)
    joined, _, _ = shipped(stream, head, joins=True)
    plain = sorted(size for _, size, _ in joined.sizes.values())
    large = [size for size in plain if size >= 16 * 2**20]
    assert sum(large) >= 0.8 * sum(plain)
    assert plain[-1] <= 64 * 2**20


def test_windows_that_are_read_whole_are_shipped_in_large_objects_and_others_as_they_come(world):
    """The offset says which, before anything is sent, and keeps to it."""
    start, cut = world.now - timedelta(days=61), world.now - timedelta(days=30)
    windows = [
        {"start": text_of(start), "end": text_of(cut)},
        {"start": text_of(cut), "end": text_of(world.now + timedelta(seconds=1))},
    ]
    world.pull(window=windows[0])
    world.pull(window=windows[1])
    key = next(each for each in world.variables.all() if each.endswith(".cursor") and text_stamp(windows[1]) in each)
    half = json.loads(world.variables.get(key)) | {"complete": False}
    world.variables.set(key, json.dumps(half))
    world.ship("s3", windows=windows)
    said = {
        each: json.loads(text)["joins_segments"]
        for each, text in world.variables.all().items()
        if each.endswith(".to.s3")
    }
    assert sorted(said.values()) == [False, True]
    assert said[next(each for each in said if text_stamp(windows[1]) in each)] is False
    assert world.s3_ids() == sorted(world.pylon.ids())
    world.variables.set(key, json.dumps(half | {"complete": True}))
    assert world.ship("s3", windows=windows)["delivered"] == 0
    assert json.loads(world.variables.get(key.replace(".cursor", ".to.s3")))["joins_segments"] is False


def text_stamp(window):
    return window["start"].replace("-", "").replace(":", "") + "_"
