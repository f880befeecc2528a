"""What may leave the spool: by action, and less what is redacted; and several batches on their way at once."""

from __future__ import annotations

import json
import re
import threading
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.errors import ConfigurationError, CredentialError, StopError
from audit_provider.core.model import Fields
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.records.selection import Redaction, Selection, Selector
from tests.core.destinations.stand_ins import Desk, Listed, event

FIELDS = Fields("id", "date", action="action")


def selected(selection, *events):
    selector = Selector(selection, FIELDS)
    return [each for each in map(selector.select, events) if each is not None]


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (Selection(), "abcd"),
        (Selection(only=("user.*",)), "ab"),
        (Selection(omit=("user.*",)), "cd"),
        (Selection(only=("user.*", "x"), omit=("user.deleted",)), "ac"),
        (Selection(only=("USER.*",)), "ab"),
        (Selection(omit=("User. Created", "X")), "bd"),
        (Selection(only=("user",)), ""),
    ],
)
def test_actions_are_chosen_by_name_or_pattern(selection, kept):
    events = [event("a", action="user.created"), event("b", action="user.deleted"), event("c", action="x"), event("d")]
    assert [each.id for each in selected(selection, *events)] == list(kept)


def test_paths_are_dropped_or_hashed_and_the_rest_stays():
    record = {
        "actor": {"email": "a@example.com", "name": "A"},
        "rows": [{"ip": "1.1.1.1", "n": 1}, {"ip": "1.1.1.1", "n": 2}, 3],
        "all": {"x": 1, "y": {"z": 2}},
        "a.b": "dotted",
        "big": 2**70,
    }
    redaction = Redaction(drop=("actor.name", "all.*", "nothing.here", "a\\.b"), hash=("actor.email", "rows.*.ip"))
    (found,) = selected(Selection(redact=redaction), event("e", **record))
    left = json.loads(bytes(found.raw))
    assert left["actor"] == {"email": left["actor"]["email"]}
    assert left["actor"]["email"].startswith("sha256:")
    assert len(left["actor"]["email"]) == 7 + 16
    assert left["rows"][0]["ip"] == left["rows"][1]["ip"] != "1.1.1.1"
    assert [left["rows"][0]["n"], left["rows"][2]] == [1, 3]
    assert left["all"] == {}
    assert left["big"] == 2**70
    assert "a.b" not in left
    assert found.id == "e"


@pytest.mark.parametrize(
    "path",
    ["targets.email", "targets.*.email", "targets.0.email", "nested.email", "nested.*.email", "nested.*.*.email"],
)
@pytest.mark.parametrize("way", ["drop", "hash"])
def test_a_path_goes_on_in_each_element_of_a_list_that_it_meets(way, path):
    record = {"targets": [{"email": "a@b", "n": 1}], "nested": [[{"email": "a@b"}], [], [{"email": "a@b", "n": 1}]]}
    (found,) = selected(Selection(redact=Redaction(**{way: (path,)})), event("e", **record))
    told, left = path.partition(".")[0], json.loads(bytes(found.raw))
    assert "a@b" not in json.dumps(left[told])
    assert '"n": 1' in json.dumps(left[told])
    assert {key: value for key, value in left.items() if key != told} == {
        "id": "e",
        **{key: value for key, value in record.items() if key != told},
    }


def test_a_path_is_taken_out_whatever_it_may_mean():
    record = {"user.name": "x", "user": {"name": "x", "name.first": "x"}, "kept.name": 1}
    redaction = Redaction(drop=("user.name",), hash=("user.name.first",))
    (found,) = selected(Selection(redact=redaction), event("e", **record))
    left = json.loads(bytes(found.raw))
    assert left["user"].pop("name.first").startswith("sha256:")
    assert (left["user"], left["kept.name"]) == ({}, 1)
    assert "user.name" not in left
    with pytest.raises(ConfigurationError, match="remove the event's id"):
        Selector(Selection(redact=Redaction(drop=("meta.id",))), Fields("meta\\.id", "date"))


def test_a_place_in_a_list_is_that_place_alone():
    (found,) = selected(Selection(redact=Redaction(drop=("rows.1.ip", "rows.7.ip"))), event("e", rows=[{"ip": 1}] * 3))
    assert json.loads(bytes(found.raw))["rows"] == [{"ip": 1}, {}, {"ip": 1}]


@pytest.mark.parametrize("path", ["meta.id", "meta", "*", "*.id", "meta.*", "uuid"])
@pytest.mark.parametrize("way", ["drop", "hash"])
def test_the_id_is_not_taken_out_of_the_record_alone(way, path):
    with pytest.raises(ConfigurationError, match=rf"redact.{way}: '{re.escape(path)}' would remove the event's id"):
        Selector(Selection(redact=Redaction(**{way: ("actor", path)})), Fields("meta.id | uuid", "date"))


@pytest.mark.parametrize("path", ["meta.time", "id", "meta.id.part", "actor.*"])
def test_what_lies_beside_the_id_may_be_taken_out(path):
    assert Selector(Selection(redact=Redaction(drop=(path,))), Fields("meta.id", "date"))


def test_the_pipelines_file_names_the_path_of_a_hidden_id():
    text = "p: {source: slack, destinations: {siem: {type: datadog, redact: {drop: [context], hash: [id]}}}}"
    (mistake,) = read_pipelines(text).mistakes
    assert mistake.startswith("p.destinations.siem.redact.hash: 'id' would remove")
    (mistake,) = read_pipelines(text.replace("[id]", "['']")).mistakes
    assert "must not be empty" in mistake


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
paths = st.lists(st.sampled_from(["a", "b", "c", "*", "0"]), min_size=1, max_size=3).map(".".join)
paths = paths.filter(lambda path: path != "*")  # which would take the id out


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from("abc"), json_values), st.lists(paths, max_size=3), st.lists(paths, max_size=3))
def test_no_record_breaks_a_redaction(record, drop, hashed):
    selection = Selection(redact=Redaction(tuple(drop), tuple(hashed)))
    (found,) = selected(selection, event("e", **record))
    assert isinstance(msgspec.json.decode(found.raw), dict)
    assert found.id == "e"


def test_what_is_left_out_is_counted_and_never_sent():
    far, desk = Listed(), Desk()
    events = [event(n, action="keep" if n % 3 else "drop") for n in range(20)]
    selector = Selector(Selection(only=("keep",)), FIELDS)
    desk.ship(far, [events[:11], events[11:]], select=selector.select)
    assert far.stored == [each.id for n, each in enumerate(events) if n % 3]
    assert (desk.offset.counts.filtered, desk.offset.counts.delivered) == (7, 13)
    assert desk.offset.counts.finished == 20
    assert (desk.offset.segment, desk.offset.index) == (3, 0)


def test_where_everything_is_left_out_the_offset_moves_on():
    far, desk = Listed(), Desk()
    desk.ship(far, [[event(n) for n in range(9)]], select=lambda _: None)
    assert far.sends == []
    assert desk.offset.counts.filtered == 9
    assert desk.offset.segment == 2


def test_a_dead_letter_keeps_the_whole_event_though_it_was_redacted():
    seen = []

    def refuse(batch):
        seen.extend(item.encoded for item in batch.items)
        return Outcome.all(Verdict.REFUSED, len(batch))

    selector = Selector(Selection(redact=Redaction(drop=("secret",))), FIELDS)
    desk = Desk()
    desk.ship(Listed(refuse), [[event("e", secret="s")]], select=selector.select)
    assert seen == [b'{"id":"e"}']
    assert b"secret" in bytes(desk.letters["e"].item.event.raw)


class Slow(Listed):
    """Takes a moment for each batch, and notes how many were on their way at once.

    :param meeting: of how many at the beginning each waits for the others.
    """

    def __init__(self, *, meeting=1, **options):
        super().__init__(**options)
        self.begun = self.most = self.now = 0
        self.lock = threading.Lock()
        self.meeting = threading.Barrier(meeting, timeout=30)

    def send(self, batch):
        with self.lock:
            self.begun += 1
            is_early = self.begun <= self.meeting.parties
            self.now += 1
            self.most = max(self.most, self.now)
        if is_early:
            self.meeting.wait()
        time.sleep(0.02)
        with self.lock:
            self.now -= 1
            return super().send(batch)


def test_batches_travel_side_by_side_and_the_offset_moves_in_order():
    far, desk = Slow(meeting=4), Desk()
    desk.ship(far, [[event(n) for n in range(40)], [event(n) for n in range(40, 60)]], concurrency=4)
    assert far.most == 4
    assert sorted(far.stored, key=int) == [str(n) for n in range(60)]
    assert desk.offset.counts.delivered == 60
    assert desk.commits == sorted(desk.commits, key=lambda each: (each.segment, each.index))


def test_a_batch_that_fails_holds_back_those_behind_it():
    def refuse(batch):
        raise CredentialError("no")

    far, desk = Slow(limits=Limits(events=2, batch_bytes=1000, event_bytes=1000)), Desk()
    third = [False]

    def send(batch, real=far.send):
        if batch.items[0].event.id == "4" and not third[0]:
            third[0] = True
            return refuse(batch)
        return real(batch)

    far.send = send
    events = [[event(n) for n in range(20)]]
    with pytest.raises(CredentialError):
        desk.ship(far, events, concurrency=4)
    assert (desk.offset.segment, desk.offset.index) == (1, 4)
    assert desk.offset.counts.delivered == 4
    desk.ship(far, events, concurrency=4)
    assert desk.offset.counts.delivered == 20
    assert sorted(far.stored, key=int) == [str(n) for n in range(20)], "what was behind the failure is not sent again"


@settings(max_examples=100)
@given(
    st.lists(st.integers(0, 9), max_size=4),
    st.lists(st.sampled_from(["d", "r", "x", "a"]), max_size=30),
    st.integers(1, 5),
    st.sets(st.integers(0, 40)),
)
def test_whatever_happens_every_event_has_one_fate(sizes, letters, concurrency, dropped):
    names = iter(range(1000))
    segments = [[event(next(names)) for _ in range(size)] for size in sizes]
    plan = [
        (
            lambda batch, letter=letter: Outcome.all(
                {"d": Verdict.DELIVERED, "a": Verdict.ALREADY_THERE, "r": Verdict.RETRY, "x": Verdict.REFUSED}[letter],
                len(batch),
            )
        )
        for letter in letters
    ]
    far, desk = Listed(*plan, limits=Limits(events=2, batch_bytes=1000, event_bytes=1000)), Desk()
    for _ in range(len(letters) + 1):
        try:
            desk.ship(
                far,
                segments,
                concurrency=concurrency,
                tries=100,
                select=lambda each: None if int(each.id) in dropped else each,
            )
            break
        except StopError:  # too many were refused in a row: kept, and tried again
            assert letters.count("x") >= 5
    total = sum(sizes)
    counts = desk.offset.counts
    assert counts.finished == total
    assert counts.filtered == len([n for n in range(total) if n in dropped])
    assert counts.dead_lettered == len(desk.letters)
    assert set(far.stored).isdisjoint(desk.letters)


FINDING = {
    "id": "f-1",
    "finding": "f",
    "action": "audit_provider.finding.new_actor",
    "kind": "new_actor",
    "title": "ada did drop on 2026-03-01, from 192.0.2.1.",
    "subject": "ada",
    "names": [
        {"role": "actor", "start": 0, "end": 3},
        {"role": "action", "start": 8, "end": 12},
        {"role": "address", "start": 33, "end": 42},
    ],
    "subject_is": "actor",
    "paths": {"actor": ["actor.email"], "action": ["type"], "address": ["ip"]},
}


@pytest.mark.parametrize(
    ("redaction", "title", "subject"),
    [
        (Redaction(drop=("else",)), FINDING["title"], "ada"),
        (Redaction(drop=("actor",)), "(removed) did drop on 2026-03-01, from 192.0.2.1.", "(removed)"),
        (Redaction(drop=("ip",)), "ada did drop on 2026-03-01, from (removed).", "ada"),
        (Redaction(drop=("type",), hash=("*.email",)), "{} did (removed) on 2026-03-01, from 192.0.2.1.", "{}"),
    ],
)
def test_a_finding_is_redacted_like_the_events_it_was_made_of(redaction, title, subject):
    (hashed,) = selected(Selection(redact=Redaction(hash=("who",))), event("e", who="ada"))
    equal = json.loads(bytes(hashed.raw))["who"]
    (found,) = selected(Selection(redact=redaction), event("f-1", **FINDING))
    left = json.loads(bytes(found.raw))
    assert (left["title"], left["subject"]) == (title.format(equal), subject.format(equal))
    assert not left.keys() & {"names", "subject_is", "paths"}


def test_a_finding_that_does_not_say_where_its_names_are_keeps_none():
    """One of an earlier version, or one that somebody else has made up."""
    unsaid = {key: value for key, value in FINDING.items() if key not in ("names", "paths", "subject_is")}
    for record in (unsaid, {**FINDING, "names": "none"}, {**FINDING, "title": 5}):
        (found,) = selected(Selection(redact=Redaction(hash=("actor.email",))), event("f-1", **record))
        assert b"ada" not in bytes(found.raw)
        assert "earlier version" in json.loads(bytes(found.raw))["title"]


def test_findings_go_whole_where_nothing_is_redacted():
    (found,) = selected(Selection(only=("audit_provider.*",)), event("f-1", **FINDING))
    assert json.loads(bytes(found.raw))["title"] == FINDING["title"]
