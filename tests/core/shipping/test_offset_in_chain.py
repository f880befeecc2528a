"""An offset counts segments, so it must notice where others stand under the numbers that it has passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.model import Event, Offset
from audit_provider.core.spool import Head, SegmentWriter, Stream
from audit_provider.core.streams.offset_in_chain import Passage, is_at_end
from tests.core.simulation import MemoryStore

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


@pytest.fixture
def stream():
    return Stream(MemoryStore(), "p/live", "chain")


def grown(stream, head, *sizes, late=0):
    """Append segments of so many events; return their heads."""
    heads = []
    for size in sizes:
        segment = SegmentWriter(NOW)
        first = head.total + late
        ids = range(first, first + size)
        segment.add([Event(str(each), NOW, msgspec.Raw(b'{"id":%d}' % each)) for each in ids])
        head = stream.append(segment, head, NOW + timedelta(seconds=late))
        heads.append(head)
    return heads


def passage(stream, head, offset, told=None):
    return Passage(stream, head, offset, tell=(told if told is not None else []).append)


def test_an_offset_bears_the_digest_of_the_last_segment_it_passed(stream):
    one, two, three = grown(stream, Head(), 5, 5, 5)
    way = passage(stream, three, Offset())
    assert way.mark(Offset(segment=1, index=3)).passed == one.digest
    assert way.mark(Offset(segment=2)).passed == one.digest
    assert way.mark(Offset(segment=3, index=1)).passed == three.digest
    assert way.mark(Offset(segment=4)).passed == three.digest
    assert passage(stream, two, Offset()).mark(Offset()).passed == ""


@pytest.mark.parametrize("offset", [Offset(2), Offset(2, 3), Offset(3), Offset(4)])
def test_in_its_own_chain_it_stays_where_it_is(stream, offset):
    one, _, three = grown(stream, Head(), 5, 5, 5)
    marked = passage(stream, three, Offset()).mark(offset)
    told = []
    assert passage(stream, three, marked, told).offset is marked
    (four,) = grown(stream, three, 2)
    assert passage(stream, four, marked, told).offset is marked
    assert told == []
    assert is_at_end(marked, three) == (offset.segment == 4)
    assert not is_at_end(Offset(1), one)


@pytest.mark.parametrize(("offset", "again"), [(Offset(3, 2), 7), (Offset(4), 10), (Offset(2, 3), 3)])
def test_in_another_chain_it_goes_back_to_what_both_share(stream, offset, again):
    one, _, three = grown(stream, Head(), 5, 5, 5)
    marked = passage(stream, three, Offset()).mark(replace(offset, started_at=2))
    (*_, other) = grown(stream, one, 8, 1, late=1)
    told = []
    moved = passage(stream, other, marked, told).offset
    assert (moved.segment, moved.index, moved.passed, moved.again) == (2, 0, one.digest, again)
    assert moved.started_at == 2
    assert not is_at_end(marked, other)
    assert len(told) == 1


def test_a_shorter_chain_that_is_the_same_takes_nothing_back_but_what_it_lacks(stream):
    one, two, three = grown(stream, Head(), 5, 5, 5)
    marked = passage(stream, three, Offset()).mark(Offset(4))
    assert passage(stream, two, marked).offset == replace(marked, segment=3, passed=two.digest, again=5)
    assert passage(stream, one, marked).offset == replace(marked, segment=2, passed=one.digest, again=10)


def test_chains_that_share_nothing_begin_anew(stream):
    heads = grown(stream, Head(), 5, 5)
    marked = passage(stream, heads[-1], Offset()).mark(Offset(3))
    others = grown(stream, Head(), 4, late=1)
    assert passage(stream, others[-1], marked).offset == replace(marked, segment=1, passed="", again=10)


def test_an_offset_of_an_earlier_version_is_believed(stream):
    heads = grown(stream, Head(), 5, 5)
    offset = Offset(3)
    assert is_at_end(offset, heads[-1])
    assert passage(stream, heads[-1], offset).offset is offset


def test_what_is_missing_of_the_old_chain_is_named(stream):
    heads = grown(stream, Head(), 5)
    marked = passage(stream, heads[-1], Offset()).mark(Offset(2))
    with pytest.raises(SpoolDamagedError, match="p/live"):
        passage(stream, heads[-1], replace(marked, passed="0" * 64))


def test_an_offset_whose_next_segment_is_no_longer_kept_says_what_to_do(stream):
    heads = grown(stream, Head(), 5, 5, 5, 5)
    marked = passage(stream, heads[3], Offset()).mark(Offset(2))
    stream.prune(finished=1, written_before=NOW + timedelta(days=1), now=NOW)
    assert passage(stream, heads[3], marked).offset is marked, "what comes next is there"
    stream.prune(finished=3, written_before=NOW + timedelta(days=1), now=NOW)
    with pytest.raises(SpoolDamagedError, match=r"up to 1, and those before 4 are no longer kept: delete the Variable"):
        passage(stream, heads[3], marked)
