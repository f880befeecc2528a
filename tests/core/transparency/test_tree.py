"""The tree of a chain of segments: it grows with it, survives crashes, and proves every event."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.errors import SpoolDamagedError, StopError
from audit_provider.core.model import Event
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.core.spool.segment import line_of
from audit_provider.core.transparency import tree as trees
from audit_provider.core.transparency.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    proves_consistency,
    proves_inclusion,
    range_of,
)
from audit_provider.core.transparency.tree import TreeFiles, TreeHead, TreeReader, grow, leaves_of, standing

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
CHAIN = "20260301T000000Z-aaaa"


class Written:
    """A chain of segments of some sizes, and its tree."""

    def __init__(self, folder, sizes):
        self.store = LocalStore(folder)
        self.stream = Stream(self.store, "p/live", CHAIN)
        self.heads = [Head()]
        self.events = []
        for size in sizes:
            self.write(size)

    def write(self, size, after=None):
        first = len(self.events)
        events = [
            Event(f"e{number}", START + timedelta(minutes=number), msgspec.Raw(b'{"id":"e%d"}' % number))
            for number in range(first, first + size)
        ]
        segment = SegmentWriter(START)
        segment.add(events)
        written_at = START + timedelta(hours=len(self.heads))
        self.heads.append(self.stream.append(segment, after or self.heads[-1], written_at))
        self.events += events

    def grown(self, tree=None, head=None, **more):
        head = head or self.heads[-1]
        tree, why = standing(self.stream, CHAIN, head, tree)
        for each in grow(self.stream, head, tree, self.files(tree.generation), **more):
            tree = each
        return tree, why

    def files(self, generation=0):
        return TreeFiles(self.store, "p/live", CHAIN, generation)

    def reader(self, generation=0):
        def leaves(segment):
            manifest = self.stream.manifest(Head(segment.number, segment.digest))
            return leaves_of(self.stream, manifest)

        return TreeReader(self.files(generation).all(), leaves)

    @property
    def root(self):
        return range_of([leaf_hash(line_of(each)) for each in self.events], 0).root


@settings(max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 3000), st.data())
def test_a_tree_that_grew_in_steps_is_the_one_of_all_lines(tmp_path_factory, sizes, block, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "BLOCK_BYTES", block)
        written = Written(tmp_path_factory.mktemp("spool"), sizes)
        stops = data.draw(st.sets(st.integers(1, len(sizes))))
        tree = None
        for stop in sorted({*stops, len(sizes)}):
            tree, why = written.grown(tree, written.heads[stop])
            assert why == ""
        assert (tree.leaves, tree.range.root) == (len(written.events), written.root)
        reader = written.reader()
        place = data.draw(st.integers(0, len(written.events) - 1))
        proof = inclusion_proof(place, tree.leaves, reader.subtree)
        leaf = leaf_hash(line_of(written.events[place]))
        assert proves_inclusion(leaf, place, tree.leaves, proof, written.root)
        old = data.draw(st.integers(1, tree.leaves))
        before = range_of([leaf_hash(line_of(each)) for each in written.events[:old]], 0).root
        proof = consistency_proof(old, tree.leaves, reader.subtree)
        assert proves_consistency(old, before, tree.leaves, written.root, proof)


def test_a_run_that_died_before_its_record_is_repeated(tmp_path):
    written = Written(tmp_path, [3, 4])
    first, _ = written.grown()
    written.write(5)
    written.grown(first)  # and nobody has recorded it
    written.write(2)
    tree, why = written.grown(first)
    assert (why, tree.range.root) == ("", written.root)
    assert [each.number for each in written.files().all()] == [1, 2, 3, 4]


def test_where_the_time_is_up_the_rest_is_left_to_the_next_run(tmp_path):
    written = Written(tmp_path, [2] * 6)
    tree, _ = written.grown(over=lambda: True)
    assert tree.leaves == 2
    tree, _ = written.grown(tree)
    assert tree.range.root == written.root


def test_nothing_new_costs_nothing(tmp_path):
    written = Written(tmp_path, [2, 2])
    tree, _ = written.grown()
    assert list(grow(written.stream, written.heads[-1], tree, written.files())) == []


def test_segments_that_a_late_run_has_replaced_make_another_generation(tmp_path):
    written = Written(tmp_path, [2, 2])
    tree, _ = written.grown()
    written.heads, written.events = written.heads[:2], written.events[:2]
    written.write(5)
    other, why = written.grown(tree)
    assert why == "a late run has replaced segments of it"
    assert (other.generation, other.range.root) == (1, written.root)
    assert written.grown(other)[1] == ""


def test_a_chain_whose_beginning_was_removed_has_a_tree_of_the_rest(tmp_path):
    written = Written(tmp_path, [2, 3, 4])
    written.stream.prune(finished=1, written_before=START + timedelta(days=9), now=START + timedelta(days=9))
    tree, _ = written.grown()
    assert (tree.before, tree.leaves) == (2, 7)
    assert tree.range.root == range_of([leaf_hash(line_of(each)) for each in written.events[2:]], 0).root
    written.write(1)
    tree, why = written.grown(tree)
    assert (why, tree.leaves) == ("", 8)


def test_what_is_removed_later_is_still_in_the_tree_and_the_rest_is_proven(tmp_path):
    written = Written(tmp_path, [4, 3, 6])
    tree, _ = written.grown()
    written.stream.prune(finished=2, written_before=START + timedelta(days=9), now=START + timedelta(days=9))
    reader = written.reader()
    proof = inclusion_proof(9, tree.leaves, reader.subtree)
    assert proves_inclusion(leaf_hash(line_of(written.events[9])), 9, tree.leaves, proof, written.root)
    with pytest.raises(SpoolDamagedError):
        inclusion_proof(1, tree.leaves, reader.subtree)
    written.write(3)
    tree, why = written.grown(tree)
    assert (why, tree.range.root) == ("", written.root)


def test_another_chain_has_another_tree(tmp_path):
    written = Written(tmp_path, [2])
    tree, why = written.grown(TreeHead("20250101T000000Z-bbbb", head=Head(9, "x", 90), hashes=""))
    assert (why, tree.chain, tree.leaves) == ("the stream was started over", CHAIN, 2)


def test_files_that_are_damaged_newer_or_missing_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "BLOCK_BYTES", 0)
    written = Written(tmp_path, [2, 2, 2])
    tree, _ = written.grown()
    one, two, _ = sorted((tmp_path / "p/tree/live" / CHAIN / "0").iterdir())
    content = one.read_text()
    one.write_text("{}")
    with pytest.raises(SpoolDamagedError, match="does not contain the ranges"):
        written.files().all()
    one.write_text(json.dumps({**json.loads(content), "version": 99}))
    with pytest.raises(StopError, match="newer version"):
        written.files().all()
    one.write_text(content)
    two.unlink()
    with pytest.raises(SpoolDamagedError, match="does not follow the file before it"):
        written.files().all()
    with pytest.raises(SpoolDamagedError, match="leaves, but"):
        TreeReader([], lambda _: []).subtree(0, tree.leaves)


def test_hashes_that_cannot_be_read_are_named_wherever_the_damage_is(tmp_path):
    store, leaves = LocalStore(tmp_path), [bytes([each]) * 32 for each in range(5)]
    files = TreeFiles(store, "p/live", "c")
    hashes = trees.packed(trees.range_of(leaves, 0).hashes)
    wrong = [hashes[:place] + hashes[place + 1 :] for place in range(len(hashes) - 1)]
    wrong += [f"é{hashes[1:]}", hashes[:-4], trees.packed([leaves[0]]), ""]
    for each in wrong:
        files.put(7, 0, [trees.SegmentRange(7, "d", 5, each)])
        reader = TreeReader(files.all(), lambda _: leaves)
        with pytest.raises(SpoolDamagedError, match="the range of segment 7 does not contain its hashes"):
            reader.subtree(0, 5)
        assert reader.subtree(0, 4) == trees.range_of(leaves[:4], 0).root, "of the segment itself"
        with pytest.raises(SpoolDamagedError, match="how far the tree has grown"):
            _ = TreeHead("c", head=Head(7, "d", 5), hashes=each).range
