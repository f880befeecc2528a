"""What a reader has met before: the same id with the same content, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.model import Event
from audit_provider.core.records.content import Content, paths_that_differ
from audit_provider.core.spool import ComparedIds, Head, KnownEvents, SegmentWriter, Stream, ids
from tests.core.simulation import BEGIN, MemoryStore


def event(name: str, what: str = "", *, spaces: str = "") -> Event:
    raw = f'{{"id":{spaces}"{name}","what":"{what}"}}'
    return Event(name, BEGIN, msgspec.Raw(raw.encode()))


class Spooled:
    """A stream that is written through what is known of it."""

    def __init__(self, *others, **options):
        self.store = MemoryStore()
        self.stream = Stream(self.store, "p/live")
        self.head = Head()
        self.others, self.options, self.told = others, options, []
        self.open()

    def open(self):
        self.known = KnownEvents(
            ((self.stream, self.head), *self.others), tell=self.told.append, **({"most_in_memory": 5} | self.options)
        )
        self.known.recall(BEGIN)
        self.segment = SegmentWriter(BEGIN)
        self.known.open(self.segment)

    def admit(self, *events):
        fresh = self.known.admit(events)
        self.segment.add(fresh)
        return [each.id for each in fresh]

    def seal(self):
        if len(self.segment):
            self.head = self.stream.append(self.segment, self.head, BEGIN)
            self.known.sealed(self.stream, self.head)
            self.segment = SegmentWriter(BEGIN)
            self.known.open(self.segment)

    def again(self):
        """Begin anew with what the spool holds, as the next run does."""
        self.seal()
        self.known.close()
        self.open()


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.sampled_from(["", " "])), max_size=6),
            st.sampled_from(["", "", "seal", "again"]),
        ),
        max_size=12,
    )
)
def test_each_id_is_kept_once_for_each_content(pages):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_FIRST_SLOTS", 8)
        patch.setattr(ids, "_LOT", 3)
        spooled, kept = Spooled(), set()
        for page, then in pages:
            admitted = spooled.admit(*(event(f"e{number}", what, spaces=spaces) for number, what, spaces in page))
            new = [each for each in dict.fromkeys((number, what) for number, what, _ in page) if each not in kept]
            assert [name.partition("-")[0] for name in admitted] == [f"e{number}" for number, _ in new]
            kept.update(new)
            if then:
                getattr(spooled, then)()
        spooled.again()
        assert spooled.admit(*(event(f"e{number}", what) for number, what in kept)) == []
        spooled.known.close()


def test_the_name_of_another_content_holds_its_digest():
    spooled = Spooled()
    other = event("x", "b")
    (first, second) = spooled.admit(event("x", "a"), other)
    assert (first, second) == ("x", f"x-{Content().digest(other.raw)}")


def test_what_another_stream_holds_in_another_state_is_known_in_each():
    here, there = Spooled(), Spooled()
    there.admit(event("x", "a"))
    there.again()
    both = Spooled((there.stream, there.head), (here.stream, here.head))
    here.admit(event("x", "b"))
    here.again()
    both = Spooled((here.stream, here.head), (there.stream, there.head))
    assert both.admit(event("x", "a"), event("x", "b")) == []
    assert len(both.admit(event("x", "c"))) == 1


@pytest.mark.parametrize("harm", ["flip", "remove"])
def test_what_a_damaged_segment_held_is_not_proven_so_it_is_kept_once_more(harm):
    spooled = Spooled()
    spooled.admit(event("x"), event("y"))
    spooled.seal()
    key = next(key for key in spooled.store.objects if key.endswith("ndjson.gz"))
    if harm == "remove":
        del spooled.store.objects[key]
    else:
        spooled.store.objects[key] = spooled.store.objects[key][:-1] + b"?"
    spooled.again()
    assert [name[:2] for name in spooled.admit(event("x"), event("y"))] == ["x-", "y-"]
    assert len(spooled.told) == 1
    assert "What the source serves of it again is kept once more" in spooled.told[0]
    spooled.again()
    assert spooled.admit(event("x"), event("y")) == []


def test_an_event_dated_ahead_is_known_by_the_digest_that_was_kept_of_it():
    event_ahead = event("x", "a")
    digests = {"x": Content().digest(event_ahead.raw)}
    spooled = Spooled(ahead=["x", "old"], ahead_digests=digests)
    assert spooled.admit(event_ahead, event("old")) == []  # of "old", an earlier version kept no digest
    assert [name[:2] for name in spooled.admit(event("x", "b"))] == ["x-"]


def test_manifests_are_read_once_however_often_a_reading_turns_back():
    spooled = Spooled()
    for number in range(5):
        spooled.admit(event(f"e{number}"))
        spooled.seal()
    reads = []
    get = spooled.store.get
    spooled.store.get = lambda key: reads.append(key) or get(key)
    known = KnownEvents([(spooled.stream, spooled.head)])
    for back in range(10):
        known.recall(BEGIN - timedelta(days=back))
    known.close()
    assert len([key for key in reads if "manifest" in key]) == 5


def test_where_two_records_differ():
    one = b'{"a":{"b":1,"c.d":2},"e":[1,2],"f":0}'
    assert paths_that_differ(one, b'{"a":{"b":1,"c.d":3},"e":[1,3],"g":0,"f":0}') == ["a.c\\.d", "e", "g"]
    assert paths_that_differ(one, b"not json") == []


def test_what_is_volatile_is_left_out_at_any_depth():
    content = Content(["a.b", "list.url", "gone.too"])
    one = content.canonical(b'{"a":{"b":1,"c":2},"list":[{"url":"x","n":1},{"n":2}]}')
    assert one == content.canonical(b'{"list": [{"n":1},{"n":2,"url":"y"}], "a": {"c":2}}')
    assert one != content.canonical(b'{"list":[{"n":1},{"n":3}],"a":{"c":2}}')


@pytest.mark.parametrize("value", [b"NaN", b"9" * 5000, b"1e999", b'"a\tb"'])
def test_what_no_strict_decoder_reads_says_the_same_however_it_is_written(value):
    content = Content(["link"])
    one = content.canonical(b'{"n": %b, "m": {"x": 1, "y": "1"}, "link": "a"}' % value)
    assert one == content.canonical(b'{"link":"b","m":{"y":"1","x":1},"n":%b}' % value)
    assert one != content.canonical(b'{"link":"b","m":{"y":1,"x":"1"},"n":%b}' % value)
    assert content.canonical(b"nothing that anybody reads") == b"nothing that anybody reads"


def test_a_comparison_counts_each_record_under_one_id():
    held = Spooled()
    held.admit(event("x", "a"), event("x", "b"), event("y", "a"))
    compared = ComparedIds()
    compared.hold([each.id for each in held.segment.reader()()])
    assert compared.serve([event("x", "b"), event("x", "a"), event("x", "a")]) == (2, [])
    served, missing = compared.serve([event("x", "c"), event("z", "a"), event("z", "b")])
    assert (served, [each.id.partition("-")[0] for each in missing]) == (3, ["x", "z", "z"])
    assert len({each.id for each in missing}) == 3
    assert compared.unserved() == 1
    compared.close()


def known_of(*segments, since=0):
    """Return what is known of segments, written five hours apart, of which those from ``since`` on are looked at."""
    stream, head = Stream(MemoryStore(), "p/live"), Head()
    for number, events in enumerate(segments):
        at = BEGIN + timedelta(hours=5 * number)
        writer = SegmentWriter(at)
        writer.add(events)
        head = stream.append(writer, head, at)
    known = KnownEvents([(stream, head)])
    known.recall(BEGIN + timedelta(hours=5 * since))
    known.open(SegmentWriter(BEGIN))
    return known


def test_an_event_is_known_by_its_own_name_where_the_first_of_its_id_is_not_looked_at():
    renamed = Event(f"x-{Content().digest(event('x', 'b').raw)}", BEGIN, event("x", "b").raw)
    known = known_of([event("x", "a")], [renamed], since=1)
    assert list(known.admit([event("x", "b")])) == []
    assert [each.id for each in known.admit([event("y", "b")])] == ["y"]
    known = known_of([event("x", "a")], [renamed], since=1)
    assert [each.raw for each in known.admit([event("x", "c")])] == [event("x", "c").raw]


def test_an_event_is_known_in_each_segment_that_holds_its_id():
    known = known_of([event("x", "a")], [event("x", "b")], [event("x", "c")])
    assert list(known.admit([event("x", what) for what in "abc"])) == []
    (fresh,) = known.admit([event("x", "d")])
    assert fresh.id.startswith("x-")
