"""A walk through a chain reads little, and reads nothing that the head does not prove."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.model import Event, Offset
from audit_provider.core.spool import Head, SegmentWriter, Stream
from audit_provider.core.spool.manifests import SPREAD, Walk, named_after
from audit_provider.core.spool.segment import pack_manifest, unpack_manifest
from audit_provider.core.streams.offset_in_chain import Passage
from audit_provider.core.verification import verify
from tests.core.simulation import BEGIN, CountingStore

FOLDER = "p/live/chain"


class Chain:
    """A chain of one store, grown as a pull grows it. :ivar heads: of its segments, by number; none is number 0."""

    def __init__(self, store=None):
        self.store = store or CountingStore()
        self.heads = [Head()]

    def __len__(self):
        return len(self.heads) - 1

    @property
    def stream(self):
        """A stream that has read nothing yet."""
        return Stream(self.store, "p/live", "chain")

    def grow(self, count):
        stream = self.stream
        for _ in range(count):
            self.heads.append(stream.append(segment(len(self.heads)), self.heads[-1], BEGIN))
        return self

    def grow_as_before(self, count):
        """Grow as a version did that named only the segment before."""
        for _ in range(count):
            self.plant(segment(len(self.heads)), earlier=())
        return self

    def plant(self, writer, **changes):
        """Append a segment whose manifest says something else, sealed as if it were right."""
        manifest, data = writer.seal(self.heads[-1], BEGIN, self._named())
        head, content = pack_manifest(replace(manifest, **changes))
        self.store.put(f"{FOLDER}/{manifest.data}", data)
        self.store.put(f"{FOLDER}/{head.name}", content)
        self.heads.append(head)
        return self

    def _named(self):
        return named_after(self.stream.manifest(self.heads[-1])) if len(self) else ()

    def reads(self, work):
        """Return how many objects ``work`` reads."""
        self.store.asked.clear()
        work()
        return sum(method == "get" for method, _ in self.store.asked)


def segment(number):
    writer = SegmentWriter(BEGIN)
    writer.add([Event(f"e{number}", BEGIN + timedelta(minutes=number), msgspec.Raw(b'{"n":%d}' % number))])
    return writer


@pytest.fixture(scope="module")
def grown():
    return Chain().grow(600)


@pytest.fixture
def chain(grown):
    """A chain of 600 segments that a test may spoil."""
    copy = Chain(CountingStore(grown.store.objects))
    copy.heads = list(grown.heads)
    return copy


def digits(number):
    return len(f"{number:o}")


@pytest.mark.parametrize("last", [1, 2, 7, 8, 9, 63, 64, 65, 511, 512, 513, 600])
def test_any_segment_is_reached_by_one_read_a_digit(grown, last):
    for number in range(1, last + 1):
        walk = Walk(grown.stream.manifest, grown.heads[last])
        assert grown.reads(lambda number=number, walk=walk: walk.to(number)) <= 1 + digits(last)
        assert walk.to(number).head == grown.heads[number]


def test_manifests_stay_short(grown):
    named = [len(grown.stream.manifest(head).earlier) for head in grown.heads[1:]]
    assert max(named) <= (SPREAD - 1) * digits(600)


def test_in_ascending_order_each_manifest_is_read_once(grown):
    walk = Walk(grown.stream.manifest, grown.heads[600])
    assert grown.reads(lambda: [walk.to(number) for number in range(5, 601)]) == 596
    assert [each.head for each in walk.upwards(590)] == grown.heads[590:]


def test_segments_are_reached_in_any_order(grown):
    walk = Walk(grown.stream.manifest, grown.heads[600])
    for number in (300, 17, 599, 600, 1, 64, 63, 65):
        assert walk.to(number).head == grown.heads[number]


def test_what_was_read_to_ship_the_first_segment_is_not_read_again(grown):
    def ship(segments):
        passage = Passage(grown.stream, grown.heads[600], Offset(3, passed=grown.heads[2].digest), tell=print)
        return [each.number for each in itertools.islice(passage.manifests(600), segments)]

    mark = 1
    assert grown.reads(lambda: ship(1)) <= mark + 1 + digits(600)
    assert grown.reads(lambda: ship(598)) == mark + 598


@pytest.mark.parametrize(("most", "times"), [(10, 12), (50, 3), (1000, 1)])
def test_a_chain_of_an_earlier_version_is_read_in_bounded_memory(most, times):
    chain = Chain().grow_as_before(300)
    walk = Walk(chain.stream.manifest, chain.heads[300], most=most)
    kept = []
    read = chain.reads(lambda: kept.extend((reached.head, len(walk.kept)) for reached in walk.upwards(1)))
    assert [head for head, _ in kept] == chain.heads[1:]
    assert max(count for _, count in kept) <= most
    assert read <= 300 * times


@pytest.mark.parametrize("before", [1, 7, 8, 64, 100])
def test_a_chain_goes_on_after_one_of_an_earlier_version(before):
    chain = Chain().grow_as_before(before).grow(200).grow_as_before(3).grow(100)
    assert [each.number for each in chain.stream.manifests(chain.heads[-1], 1)] == list(range(1, len(chain) + 1))
    walk = Walk(chain.stream.manifest, chain.heads[-1])
    assert walk.to(before).head == chain.heads[before]
    assert not verify(chain.store).faults


def test_an_earlier_version_reads_what_this_one_writes(grown):
    """It skips what it does not know, and goes back by the link that it knows."""

    class Before(msgspec.Struct):
        number: int
        previous: Head
        ids: tuple[str, ...]

    text = msgspec.json.encode(grown.stream.manifest(grown.heads[600]))
    assert msgspec.json.decode(text, type=Before).previous == grown.heads[599]


def _named_by(chain, number):
    return chain.stream.manifest(chain.heads[number]).earlier


@pytest.mark.parametrize("part", ["number", "digest"])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_name_that_is_changed_on_disk_is_found(chain, part, place):
    """Whoever can write the spool alone cannot change a manifest: its digest is in the next one, or in the ledger."""
    manifest = chain.stream.manifest(chain.heads[600])
    named = list(manifest.earlier)
    number, digest = named[place]
    named[place] = (
        (number - 1, digest) if part == "number" else (number, digest[:-1] + ("0" if digest[-1] != "0" else "1"))
    )
    _, content = pack_manifest(replace(manifest, earlier=tuple(named)))
    chain.store.put(f"{FOLDER}/{chain.heads[600].name}", content)
    with pytest.raises(SpoolDamagedError, match="digest differs"):
        next(chain.stream.manifests(chain.heads[600], 1))
    assert [fault.kind for fault in verify(chain.store).faults if fault.segment == 600] == ["damaged"]


def other_name(chain, number):
    """Return the digest of another manifest of the same number that is whole, as a late writer leaves it."""
    other = Chain(chain.store)
    other.heads = chain.heads[:number]
    writer = SegmentWriter(BEGIN)
    writer.add([Event("forged", BEGIN, msgspec.Raw(b'{"forged":true}'))])
    other.plant(writer)
    return other.heads[number].digest


WRONG = {
    "another segment's digest": lambda chain, named: [(number, chain.heads[number - 1].digest) for number, _ in named],
    "a digest of nothing": lambda chain, named: [(number, "0" * 64) for number, _ in named],
    "another number": lambda chain, named: [(number - 1, digest) for number, digest in named],
    "a number behind itself": lambda chain, named: [(number + 600, digest) for number, digest in named],
    "a segment before the first": lambda chain, named: [(0, "0" * 64), *named],
    "another order": lambda chain, named: named[::-1],
    "one less": lambda chain, named: named[1:],
    "one twice": lambda chain, named: [named[0], *named],
    "a segment that was replaced": lambda chain, named: [
        (number, other_name(chain, number)) if place == 0 else (number, digest)
        for place, (number, digest) in enumerate(named)
    ],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_names_that_are_sealed_are_found_and_lead_to_nothing_that_is_not_of_the_chain(chain, wrong):
    """Not even a writer with a fault in it makes a reader deliver what the chain does not hold."""
    chain.plant(segment(601), earlier=tuple(WRONG[wrong](chain, list(_named_by(chain, 600)))))
    found = [fault for fault in verify(chain.store).faults if fault.segment == 601]
    assert [fault.kind for fault in found] == ["reordered"]
    assert "names other segments further back" in str(found[0])
    for first in (1, 64, 500, 599):
        read = []
        try:
            read += [reached.head for reached in chain.stream.walk(chain.heads[601]).upwards(first)]
        except SpoolDamagedError:
            continue
        assert read == chain.heads[first:]


def passed_by(segments):
    """Return what is yielded before the chain turns out to be damaged."""
    passed = []
    with pytest.raises(SpoolDamagedError):
        passed.extend(segments)  # what came before the error stays in the list
    return passed


def test_behind_a_segment_that_was_replaced_nothing_is_read(chain):
    """One that a faulty writer has sealed into the chain is met, but what lies behind does not follow it."""
    named = list(_named_by(chain, 600))
    number = named[0][0]
    named[0] = number, other_name(chain, number)
    chain.plant(segment(601), earlier=tuple(named))
    passed = passed_by(reached.head for reached in chain.stream.walk(chain.heads[601]).upwards(number - 1))
    assert [head.number for head in passed] == [number - 1, number]


HARM = {
    "missing": lambda store, key, other: store.delete(key),
    "changed": lambda store, key, other: store.put(key, store.objects[other]),
    "cut": lambda store, key, other: store.put(key, store.objects[key][:-9]),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("place", [1, 2, 64, 65, 100, 511, 512, 599, 600])
def test_harm_anywhere_stops_the_reading_before_what_lies_behind_it(chain, harm, place):
    other = f"{FOLDER}/{chain.heads[place % 600 + 1].name}"
    HARM[harm](chain.store, f"{FOLDER}/{chain.heads[place].name}", other)
    read = chain.stream.read(chain.heads[600], 1)
    passed = passed_by((number, each.id) for number, events in read for each in events)
    assert passed == [(number, f"e{number}") for number in range(1, len(passed) + 1)]
    assert len(passed) < place


def test_two_manifests_that_change_places_stop_the_reading(chain):
    keys = [f"{FOLDER}/{chain.heads[number].name}" for number in (300, 301)]
    one, two = (chain.store.objects[key] for key in keys)
    chain.store.put(keys[0], two)
    chain.store.put(keys[1], one)
    read = itertools.takewhile(lambda each: each[0] <= 300, chain.stream.read(chain.heads[600], 298))
    with pytest.raises(SpoolDamagedError, match="digest differs"):
        list(read)


def test_a_link_that_is_sealed_wrong_is_found_when_its_turn_comes(chain):
    """The segment before is reached by a name further back, so that the link itself is looked at only then."""
    chain.plant(segment(601), previous=replace(chain.heads[600], total=7))
    chain.grow(1)
    with pytest.raises(SpoolDamagedError, match="follows"):
        list(chain.stream.manifests(chain.heads[602], 599))


def test_no_segment_beyond_the_head_and_none_before_the_first(grown):
    walk = grown.stream.walk(grown.heads[600])
    for number in (0, -1, 601):
        with pytest.raises(SpoolDamagedError, match="has no segment"):
            walk.to(number)
    assert list(grown.stream.manifests(Head(), 1)) == []


def test_what_is_named_comes_back_and_is_small(grown):
    manifest = grown.stream.manifest(grown.heads[600])
    head, content = pack_manifest(manifest)
    assert unpack_manifest(head, content) == manifest
    bare = len(msgspec.json.encode(replace(manifest, earlier=())))
    assert len(msgspec.json.encode(manifest)) - bare <= len(manifest.earlier) * 80
