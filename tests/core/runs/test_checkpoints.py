"""Checkpoints of streams that tasks have read: when they are made, what they say, who signs them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import msgspec
import pytest

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import MemoryLedger, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Offset, ShipCounts
from audit_provider.core.runs.checkpoints import Checkpoints
from audit_provider.core.spool import LocalStore, SegmentWriter
from audit_provider.core.spool.segment import line_of
from audit_provider.core.streams.open_stream import open_stream
from audit_provider.core.transparency.checkpoint import Checkpoint, Note, SigningKey
from audit_provider.core.transparency.merkle import leaf_hash, range_of
from audit_provider.core.transparency.tree import tree_record
from audit_provider.core.transparency.witness import Signer

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
CHAIN = "20260301T000000Z-aaaa"
LIVE = StreamName("p")
KEY, NEXT = SigningKey(bytes(32)), SigningKey(bytes(range(32)))


class Log:
    def __init__(self):
        self.lines = []

    def info(self, text, *values):
        self.lines.append(text % values)

    warning = error = info


@pytest.fixture
def rig(tmp_path):
    """A pipeline with a ledger and a spool, a clock that is set by hand, and what makes its checkpoints."""
    made = SimpleNamespace(
        ledger=MemoryLedger(),
        store=LocalStore(tmp_path),
        now=START,
        signer=Signer("logs.example.com", (KEY,)),
        log=Log(),
    )

    def read(count, name=LIVE):
        record = position_record(made.ledger, name)
        position = record.load() or Position(source="pylon", chain=CHAIN)
        first = position.head.total
        segment = SegmentWriter(made.now)
        segment.add([Event(f"e{n}", START, msgspec.Raw(b'{"id":"e%d"}' % n)) for n in range(first, first + count)])
        head = name.stream(made.store, position).append(segment, position.head, made.now)
        record.commit(replace(position, head=head))

    def make(*names):
        return Checkpoints(
            ledger=made.ledger,
            store=made.store,
            pipeline="p",
            destinations=["s3"],
            signer=made.signer,
            log=made.log,
            now=lambda: made.now,
        ).make(names or (LIVE, StreamName.of_evidence("p")))

    def kept():
        opened = open_stream(made.ledger, made.store, StreamName.of_evidence("p"))
        if opened is None:
            return []
        return [json.loads(bytes(e.raw)) for _, events in opened.stream.read(opened.head, 1) for e in events]

    def root(name=LIVE, size=None):
        opened = open_stream(made.ledger, made.store, name)
        lines = [line_of(e) for _, events in opened.stream.read(opened.head, 1) for e in events]
        return range_of([leaf_hash(each) for each in lines[:size]], 0).root

    made.read, made.make, made.kept, made.root = read, make, kept, root
    return made


def test_a_checkpoint_is_of_all_events_and_is_signed(rig):
    rig.read(5)
    rig.read(4)
    offset_record(rig.ledger, LIVE, "s3").commit(
        Offset(segment=2, index=1, chain=CHAIN, counts=ShipCounts(delivered=6))
    )
    assert rig.make() == 1
    (record,) = rig.kept()
    note = Note.of(record["checkpoint"])
    checkpoint = Checkpoint.of(note.text)
    assert checkpoint == Checkpoint(f"logs.example.com/p/live/{CHAIN}", 9, rig.root())
    assert note.signed_by([KEY.public], checkpoint.origin) == [KEY.public]
    assert record["action"] == "audit_provider.checkpoint"
    assert (record["size"], record["root"], record["signed"]) == (9, rig.root().hex(), True)
    assert record["destinations"]["s3"]["delivered"] == 6
    assert record["keys"] == [KEY.public.verifier(checkpoint.origin)]


def test_one_is_made_when_the_last_is_an_hour_old_and_something_is_new(rig):
    assert rig.make() == 0
    rig.read(1)
    assert rig.make() == 1
    rig.now += timedelta(hours=5)
    assert rig.make() == 0, "nothing is new"
    rig.read(1)
    rig.now -= timedelta(hours=4, minutes=30)
    assert rig.make() == 0, "the last one is half an hour old"
    assert tree_record(rig.ledger, LIVE).load().leaves == 2, "the tree grows all the same"
    rig.now += timedelta(minutes=30)
    assert rig.make() == 2, "and one of the evidence that was kept before"
    rig.read(1)
    rig.now -= timedelta(days=9)
    assert rig.make() == 2, "a clock that was set back holds none up"


def test_the_evidence_is_a_log_itself_which_does_not_go_on_alone(rig):
    rig.read(3)
    rig.make()
    rig.now += timedelta(hours=2)
    rig.read(3)
    rig.make()
    rig.now += timedelta(hours=2)
    assert rig.make() == 0
    subjects = [each["subject"] for each in rig.kept()]
    assert subjects == ["p/live", "p/live", "p/evidence"]
    last = Checkpoint.of(Note.of(rig.kept()[-1]["checkpoint"]).text)
    assert (last.size, last.root) == (1, rig.root(StreamName.of_evidence("p"), 1))


def test_without_a_key_all_is_the_same_but_unsigned(rig):
    rig.signer = Signer()
    rig.read(2)
    rig.make()
    (record,) = rig.kept()
    assert (record["signed"], record["keys"]) == (False, [])
    assert Checkpoint.of(record["checkpoint"]) == Checkpoint(f"audit-logs/p/live/{CHAIN}", 2, rig.root())


def test_while_keys_are_exchanged_both_sign(rig):
    rig.signer = Signer("logs.example.com", (NEXT, KEY))
    rig.read(2)
    rig.make()
    note = Note.of(rig.kept()[0]["checkpoint"])
    origin = Checkpoint.of(note.text).origin
    for key in (KEY, NEXT):
        assert note.signed_by([key.public], origin) == [key.public]


def test_a_log_that_begins_anew_says_so_and_has_another_name(rig):
    rig.read(2)
    rig.read(2)
    rig.make()
    record = position_record(rig.ledger, LIVE)
    position = record.load()
    stream = LIVE.stream(rig.store, position)
    record.commit(replace(position, head=stream.manifest(position.head).previous))
    rig.now += timedelta(hours=1)
    rig.read(7)
    rig.make()
    last = next(each for each in rig.kept()[::-1] if each["subject"] == "p/live")
    assert last["begins_anew"] == "a late run has replaced segments of it"
    assert last["checkpoint"].startswith(f"logs.example.com/p/live/{CHAIN}/1\n9\n")
    assert any("starts over" in line for line in rig.log.lines)


def test_no_secret_is_kept_or_shown(rig):
    rig.read(1)
    rig.make()
    told = json.dumps(rig.kept()) + repr(rig.signer) + "".join(rig.ledger.texts.values())
    assert KEY.seed.hex() not in told
    assert "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" not in told


def test_a_second_writer_of_the_evidence_goes_on_behind_the_first(rig, monkeypatch):
    rig.read(1)
    write = MemoryLedger.write
    met = []

    def write_late(ledger, key, text, description=""):
        if key == "audit_logs.p.evidence.cursor" and not met:
            met.append(key)
            other = Checkpoints(rig.ledger, rig.store, "p", [], rig.signer, rig.log, lambda: rig.now)
            backfill = StreamName("p", "20260101T000000Z_20260102T000000Z")
            rig.read(1, backfill)
            other.make([backfill])
        write(ledger, key, text, description)

    monkeypatch.setattr(MemoryLedger, "write", write_late)
    rig.make(LIVE)
    assert {each["subject"].split("/")[1][:8] for each in rig.kept()} >= {"live"}


def test_a_lost_manifest_that_is_in_the_tree_stops_no_checkpoint(rig, tmp_path):
    for _ in range(70):
        rig.read(1)
    assert rig.make(LIVE) == 1
    index = tree_record(rig.ledger, LIVE).load().index
    assert index.last == 70
    for path in tmp_path.glob(f"p/tree/live/{CHAIN}/ids/*.ids"):
        path.unlink()
    (lost,) = tmp_path.glob(f"p/live/{CHAIN}/000000000002-*.manifest.json.gz")
    lost.unlink()
    for _ in range(70):
        rig.read(1)
    other = StreamName("p", "20260101T000000Z_20260102T000000Z")
    rig.read(2, other)
    rig.now += timedelta(hours=1)
    assert rig.make(LIVE, other) == 2
    live = [each for each in rig.kept() if each["subject"] == "p/live"]
    assert live[-1]["size"] == 140
    assert any("The index of the ids of p/live is not complete" in line for line in rig.log.lines)


def test_a_checkpoint_is_made_before_the_index_grows(rig, monkeypatch):
    put = LocalStore.put
    order = []

    def noted(store, key, content):
        order.append(key)
        put(store, key, content)

    monkeypatch.setattr(LocalStore, "put", noted)
    for _ in range(70):
        rig.read(1)
    del order[:]
    rig.make(LIVE)
    kinds = ["index" if key.endswith(".ids") else key.split("/")[1] for key in order]
    assert [*dict.fromkeys(kinds)] == ["tree", "evidence", "index"]
    tree = tree_record(rig.ledger, LIVE).load()
    assert (tree.size, tree.index.last) == (70, 70), "neither record overwrites the other"
