"""The index of ids saves a search the manifests, and hides no event, whatever becomes of it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import MemoryLedger, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Fields
from audit_provider.core.runs.event_search import Wanted, search
from audit_provider.core.spool import Head, SegmentWriter, Stream
from audit_provider.core.spool import id_index as index_of_ids
from audit_provider.core.spool.id_index import IdIndex, IndexHead
from audit_provider.core.transparency.tree import TreeHead, tree_record
from tests.core.simulation import CountingStore

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
CHAIN = "20260301T000000Z-aaaa"
NAME = StreamName("p")
FIELDS = Fields("id", "at", action="do", actor_id="who")


class Written:
    """A stream of small segments, one each hour, with an index that grows when it is asked to."""

    def __init__(self):
        self.store = CountingStore()
        self.ledger = MemoryLedger()
        self.stream = Stream(self.store, "p/live", CHAIN)
        self.heads = [Head()]
        self.ids = []
        self.index = IndexHead()

    def write(self, *segments, after=None):
        for ids in segments:
            number = len(self.heads)
            at = START + timedelta(hours=number)
            segment = SegmentWriter(at)
            segment.add([Event(each, at, msgspec.Raw(b'{"do":"x","who":"W%d"}' % number)) for each in ids])
            self.heads.append(self.stream.append(segment, after or self.heads[-1], at))
            self.ids += ids
            after = None
        return self

    def grow(self, **more):
        index = IdIndex(self.store, "p/live", CHAIN)
        *_, self.index = (self.index, *index.grow(self.stream, self.heads[-1], self.index, **more))
        return self.index

    def search(self, **wanted):
        self._record(position_record(self.ledger, NAME), Position("x", CHAIN, FIELDS, head=self.heads[-1]))
        self._record(tree_record(self.ledger, NAME), TreeHead(CHAIN, index=self.index))
        self.store.asked.clear()
        found = search(self.ledger, self.store, Wanted(**wanted), fields=lambda _: FIELDS)
        return [each.event.id for each in found]

    @staticmethod
    def _record(record, value):
        record.hold()
        record.commit(value)

    @property
    def files(self):
        return [key for key in self.store.objects if key.endswith(".ids")]

    def manifests_read(self):
        return sum(method == "get" and key.endswith(".manifest.json.gz") for method, key in self.store.asked)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(index_of_ids, "STEP", 4)
    monkeypatch.setattr(index_of_ids, "FULL", 12)


def hourly(count, first=0):
    return [[f"e{number}"] for number in range(first, first + count)]


HARM = {
    "nothing": lambda content: content,
    "missing": lambda content: None,
    "cut": lambda content: content[:-3],
    "empty": lambda content: b"",
    "another's": lambda content: content.replace(b'"version":1', b'"version":2'),
    "longer": lambda content: content + index_of_ids._hash("e0") * 2,
    "one id hidden": lambda content: content[:-4] + b"\0\0\0\0",
}


FOREIGN = ("a-b-c.ids", "my-own-copy.ids", "000000000002-000000000001-0123456789abcdef.ids", "x.ids", "copy")


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.data())
def test_every_event_is_found_whatever_became_of_the_index(sizes, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_of_ids, "STEP", 3)
        patch.setattr(index_of_ids, "FULL", 5)
        patch.setattr(index_of_ids, "FULL_BYTES", 40)
        written, number = Written(), 0
        for size in sizes:
            names = [f"e{number + each}" for each in range(size)]
            if size == 3:
                names[1] = f"{names[0]}-{uuid.uuid4().hex}"  # a repeat of the id with another content
            written.write(names)
            number += size
            if data.draw(st.booleans()):
                written.grow()
        if written.files:
            key = data.draw(st.sampled_from(written.files))
            harmed = HARM[data.draw(st.sampled_from(sorted(HARM)))](written.store.objects.pop(key))
            if harmed is not None:
                written.store.objects[key] = harmed
        if foreign := data.draw(st.sampled_from(("", *FOREIGN))):
            written.store.objects[f"p/tree/live/{CHAIN}/ids/{foreign}"] = b"anything"
        for name in written.ids:
            base = name.partition("-")[0]
            both = [each for each in written.ids if each.partition("-")[0] == base]
            assert written.search(id=name) == ([name] if "-" in name else both)
        assert written.search(id="e") == []
        assert sorted(written.search(actor="w1")) == sorted(written.ids[: sizes[0]])


@pytest.mark.usefixtures("small")
def test_only_manifests_behind_the_index_are_read():
    written = Written().write(*hourly(50))
    written.grow()
    written.write(*hourly(3, 50))
    assert written.search(id="e7") == ["e7"]
    assert written.manifests_read() == 3 + 1
    assert written.search(id="none") == []
    assert written.manifests_read() == 3
    assert written.search(actor="W9", start=START, end=START + timedelta(hours=10)) == ["e8"]
    assert written.manifests_read() == 3 + 9
    folders = [key for method, key in written.store.asked if method == "keys"]
    assert folders == [], "no folder is listed with all that is below it"


@pytest.mark.usefixtures("small")
def test_a_missing_or_changed_file_costs_only_time_until_it_is_made_again():
    written = Written().write(*hourly(40))
    written.grow()
    assert len(written.files) == 4
    del written.store.objects[written.files[1]]
    assert written.search(id="e7") == ["e7"]
    assert written.manifests_read() > 40
    written.write(*hourly(4, 40)).grow()
    assert written.search(id="e7") == ["e7"]
    assert written.manifests_read() == 1
    assert len(written.files) == 4


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("harm", ["cut", "longer", "one id hidden"])
def test_a_damaged_full_file_is_made_again_in_time(harm):
    written = Written().write(*hourly(40))
    written.grow()
    whole = dict(written.store.objects)
    damaged = sorted(written.files)[1]
    written.store.objects[damaged] = HARM[harm](whole[damaged])
    for first in range(40, 120, 4):
        written.write(*hourly(4, first)).grow()
    assert written.store.objects[damaged] == whole[damaged]
    assert written.search(id="e7") == ["e7"]
    assert written.manifests_read() == 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_foreign_file_is_left_alone(foreign):
    written = Written().write(*hourly(30))
    written.grow()
    key = f"p/tree/live/{CHAIN}/ids/{foreign}"
    written.store.objects[key] = b"anything"
    written.write(*hourly(8, 30)).grow()
    assert written.index.last == 38
    assert written.search(id="e7") == ["e7"]
    assert written.manifests_read() == 1
    assert written.store.objects[key] == b"anything"


@pytest.mark.usefixtures("small")
def test_content_that_is_no_index_is_not_used_under_a_name_that_fits_it():
    """A writer of the spool can choose both."""
    written = Written().write(*hourly(30))
    written.grow()
    folder = f"p/tree/live/{CHAIN}/ids/"
    content = written.store.objects[written.files[0]] + index_of_ids._hash("e7") * 2
    for made in (content, b"", b"[]", b"{}\n[]\n"):
        name = f"000000000001-000000000012-{hashlib.sha256(made).hexdigest()[:16]}.ids"
        written.store.objects[folder + name] = made
    assert written.search(id="e7") == ["e7"]
    assert written.manifests_read() == 1


@pytest.mark.usefixtures("small")
def test_the_index_of_replaced_segments_is_not_used_and_is_made_again():
    written = Written().write(*hourly(20))
    written.grow()
    old = written.heads[18]
    del written.heads[19:]
    written.write(["new19"], after=old).write(["new20"], ["new21"])
    assert written.search(id="new19") == ["new19"]
    assert written.search(id="e18") == []
    written.write(*hourly(4, 30)).grow()
    assert written.search(id="new19") == ["new19"]
    assert written.manifests_read() == 1
    assert written.search(id="e18") == []


@pytest.mark.usefixtures("small")
def test_files_of_removed_segments_are_removed_and_the_rest_is_found():
    written = Written().write(*hourly(40))
    written.grow()
    written.stream.prune(finished=30, written_before=START + timedelta(hours=27), now=START + timedelta(days=9))
    assert written.search(id="e30") == ["e30"]
    assert written.manifests_read() == 1
    assert written.search(id="e3") == []
    written.write(*hourly(4, 40)).grow()
    assert [key.rpartition("/")[2][:25] for key in sorted(written.files)] == [
        "000000000025-000000000036",
        "000000000037-000000000044",
    ]
    assert written.search(id="e30") == ["e30"]
    assert written.manifests_read() == 1


@pytest.mark.usefixtures("small")
def test_it_grows_seldom_and_stops_when_the_time_is_up():
    written = Written().write(*hourly(3))
    assert written.grow() == IndexHead()
    assert written.write(*hourly(37, 3)).grow(over=lambda: True).last == 4
    assert written.grow().last == 40
    assert written.write(*hourly(3, 40)).grow().last == 40


@pytest.mark.usefixtures("small")
def test_an_index_that_the_ledger_does_not_name_is_not_asked():
    """Whoever may write the spool alone could hide events by it."""
    written = Written().write(*hourly(20))
    written.grow()
    written.index = replace(written.index, sha256="0" * 64)
    assert written.search(id="e7") == ["e7"]
    assert written.manifests_read() > 20
    written.ledger.texts.clear()
    found = search(written.ledger, written.store, Wanted(id="e7"), fields=lambda _: FIELDS)
    assert [each.event.id for each in found] == ["e7"]
