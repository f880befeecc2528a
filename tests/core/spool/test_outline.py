"""Outlines of manifests: what a search reads of a chain, and what it proves by it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from isal import igzip

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.model import Event
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
CHAIN = "20260301T000000Z-aaaa"


def events(first, count):
    return [
        Event(f"e{number}", START + timedelta(minutes=number), msgspec.Raw(b'{"id":"e%d"}' % number))
        for number in range(first, first + count)
    ]


@pytest.fixture
def chain(tmp_path):
    """Forty segments of three events."""
    stream = Stream(LocalStore(tmp_path), "p/live", CHAIN)
    heads = [Head()]
    for number in range(40):
        segment = SegmentWriter(START)
        segment.add(events(3 * number, 3))
        heads.append(stream.append(segment, heads[-1], START + timedelta(hours=number)))
    return stream, heads, tmp_path / "p/live" / CHAIN


def test_outlines_say_what_the_manifests_say_and_are_looked_into(chain):
    stream, heads, _ = chain
    found = stream.outlines(heads[-1], lambda text: b'"e60"' in text)
    assert [each.head for each in found] == heads[:0:-1]
    assert [each.previous for each in found] == heads[-2::-1]
    assert [each.head.number for each in found if each.holds] == [21]
    for outline in found:
        manifest = stream.manifest(outline.head)
        said = (outline.first_time, outline.last_time, outline.written_at)
        assert said == (manifest.first_time, manifest.last_time, manifest.written_at)


def test_what_lies_beyond_the_head_is_not_in_the_chain(chain):
    stream, heads, _ = chain
    assert len(stream.outlines(heads[12], lambda _: True)) == 12
    assert stream.outlines(Head(), lambda _: True) == []


def test_without_a_record_the_newest_manifest_is_the_head(chain):
    stream, heads, _ = chain
    assert stream.outlines(None, lambda _: True)[0].head == heads[-1]


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_chain_that_is_not_whole_says_nothing(chain, damage):
    stream, heads, folder = chain
    path = folder / heads[7].name
    if damage == "lost":
        path.unlink()
    else:
        path.write_bytes(igzip.compress(igzip.decompress(path.read_bytes()).replace(b'"e19"', b'"e9x"')))
    with pytest.raises(SpoolDamagedError, match=heads[7].name):
        stream.outlines(heads[-1], lambda _: False)


def test_a_manifest_of_a_late_writer_is_passed_over(chain):
    stream, heads, _ = chain
    other = SegmentWriter(START)
    other.add(events(500, 1))
    stream.append(other, heads[4], START + timedelta(hours=5))
    found = stream.outlines(heads[-1], lambda text: b'"e500"' in text)
    assert (len(found), any(each.holds for each in found)) == (40, False)
