"""Merkle trees by RFC 6962, held against the definition itself, written down without any speed."""

from __future__ import annotations

import hashlib
import itertools
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.transparency.merkle import (
    Range,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    proves_consistency,
    proves_inclusion,
    range_of,
    spans,
)

DATA = tuple(f"event {number}".encode() for number in range(70))
LEAVES = [leaf_hash(each) for each in DATA]


@cache
def defined(begin, end):
    """Return the tree hash as section 2.1 of the RFC defines it."""
    if begin == end:
        return hashlib.sha256(b"").digest()
    if end - begin == 1:
        return hashlib.sha256(b"\x00" + DATA[begin]).digest()
    size = 1
    while 2 * size < end - begin:
        size *= 2
    return hashlib.sha256(b"\x01" + defined(begin, begin + size) + defined(begin + size, end)).digest()


def test_the_empty_tree_and_one_leaf():
    assert Range().root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_the_leaves_of_lines_are_those_of_each_line():
    assert leaf_hashes(b"".join(each + b"\n" for each in DATA)) == LEAVES
    assert leaf_hashes(b"") == []
    assert leaf_hashes(b"\n\n") == [leaf_hash(b"")] * 2


@pytest.mark.parametrize("size", range(len(DATA)))
def test_the_root_is_the_one_of_the_definition(size):
    assert range_of(LEAVES[:size], 0).root == defined(0, size)


@given(st.lists(st.integers(0, len(DATA)), min_size=2, max_size=8))
def test_ranges_are_joined_without_the_leaves(cuts):
    cuts = sorted(cuts)
    joined = Range(cuts[0], cuts[0])
    for begin, end in itertools.pairwise(cuts):
        joined += range_of(LEAVES[begin:end], begin)
    assert joined == range_of(LEAVES[cuts[0] : cuts[-1]], cuts[0])
    assert len(joined.hashes) == len(list(spans(cuts[0], cuts[-1])))


def test_ranges_that_do_not_meet_are_not_joined():
    with pytest.raises(ValueError, match="does not follow"):
        range_of(LEAVES[:3], 0) + range_of(LEAVES[4:5], 4)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 33, 64, 70])
def test_a_leaf_is_proven_and_nothing_else_is(size):
    root = defined(0, size)
    for place in range(size):
        proof = inclusion_proof(place, size, defined)
        assert proves_inclusion(LEAVES[place], place, size, proof, root)
        assert not proves_inclusion(leaf_hash(b"other"), place, size, proof, root)
        assert not proves_inclusion(LEAVES[place], place, size, [*proof, root], root)
        if proof:
            assert not proves_inclusion(LEAVES[place], place, size, proof[:-1], root)
            assert not proves_inclusion(LEAVES[place], (place + 1) % size, size, proof, root)
    with pytest.raises(ValueError, match="has no place"):
        inclusion_proof(size, size, defined)
    assert not proves_inclusion(LEAVES[0], size, size, [], root)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 21, 64, 70])
def test_a_tree_begins_with_an_older_one(size):
    for old in range(1, size + 1):
        proof = consistency_proof(old, size, defined)
        assert proves_consistency(old, defined(0, old), size, defined(0, size), proof)
        assert not proves_consistency(old, leaf_hash(b"x"), size, defined(0, size), proof)
        assert not proves_consistency(old, defined(0, old), size, leaf_hash(b"x"), proof)
        if old < size:
            assert not proves_consistency(old, defined(0, old), size, defined(0, size), proof[:-1])
    for old in (0, size + 1):
        with pytest.raises(ValueError, match="no proof"):
            consistency_proof(old, size, defined)
        assert not proves_consistency(old, b"", size, defined(0, size), [])
