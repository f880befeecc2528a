"""Pages on which some record is no JSON, over real HTTP: the others are kept as they came, and none is just gone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.errors import ProtocolError
from audit_provider.core.model import Fields
from audit_provider.core.sources.export import FileList
from audit_provider.core.sources.page_records import PatientReader
from audit_provider.core.sources.paging import CursorPaging, OffsetPaging, PagePaging
from audit_provider.core.text.loose_json import BrokenError
from audit_provider.sandbox.server import Reply
from tests.core.sources.pulled import FIELDS, Pulled, page, record

pytestmark = pytest.mark.usefixtures("no_collection")

GOOD = [
    record("a", more=',"action":"login"'),
    record("b", more=',"n":1.10,"t":"x\\u00e9 é","action":"logout"'),
    record("c", more=',"list":[{"id":1,"at":2}],"action":"login"'),
]
AROUND = {
    "items": b'{"meta":{"id":"m"},"items":[%b],"next":null,"links":[{"id":"l"}]}',
    "": b"[%b]",
    "data.rows": b'{"data":{"rows":\n [ %b ] , "n": 3}}',
}
REPAIRED = {
    b'"score":NaN': {"score": "NaN"},
    b'"score":-Infinity': {"score": "-Infinity"},
    b'"code":007': {"code": "007"},
    b'"n":+5,"m":.5,"k":-5.': {"n": 5, "m": 0.5, "k": -5},
    b'"ua":"a\tb\nc\x00"': {"ua": "a\tb\nc\x00"},
    rb'"ua":"it\'s \x41 \x22 C:\Users \u12"': {"ua": "it's A \" C:\\Users \\u12"},
    b'"ua":"cut \\ud83d"': {"ua": "cut \ufffd"},
    b'"ua":"\xff\xfe"': {"ua": "\ufffd\ufffd"},
    b'"list":[1,2,],"map":{"a":1,}': {"list": [1, 2], "map": {"a": 1}},
    b'"on":True,"off":False,"no":None': {"on": True, "off": False, "no": None},
    b'key:"v"': {"key": "v"},
}
BROKEN = [
    b'{"id":"x","at":"2026-02-28T23:00:00Z","ua":"abc}',
    b'{"id":"x","at":"2026-02-28T23:00:00Z"',
    b'{"id":"x","at":"2026-02-28T23:00:00Z","ua":"say "hi" there"}',
    b'{"id":"x","at":"2026-02-28T23:00:00Z","ua":"a"b"}',
    b'{"id":"x","at":}',
    b'{"id":"x" "at":1}',
    b'{"id":"x","at":"2026-02-28T23:00:00Z","list":[{"id":1,"at":2},{"id":3,"at":4}',
    b'{"id":"x" ?,"list":[{"id":1,"at":2},{"id":3,"at":4}]}',
    b'{"id":"x","list":[1,2}',
    b"[" * 100_000,
    b'{"a":' * 2000,
    b"@@@",
    b"{'id':'x'}",
    bytes(range(256)),
    b"<html>no</html>",
]


@pytest.mark.parametrize("written", REPAIRED, ids=range(len(REPAIRED)))
@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("at", AROUND)
def test_a_record_that_is_json_but_for_a_detail_is_written_anew_and_the_others_are_kept(written, place, at):
    records = [*GOOD[:place], b'{"id":"x","at":"2026-02-28T23:00:00Z",' + written + b"}", *GOOD[place:]]
    with Pulled(page(*records, around=AROUND[at]), records_at=at) as pulled:
        pulled.run()
        pulled.run()
        raws = pulled.raws()
    assert [raw for raw in raws if raw in GOOD] == GOOD
    (anew,) = (json.loads(raw) for raw in raws if raw not in GOOD)
    assert anew == {"id": "x", "at": "2026-02-28T23:00:00Z", **REPAIRED[written]}
    assert any("were repaired" in line for line in pulled.told)
    assert pulled.position.counts.set_aside == 0


@pytest.mark.parametrize("levels", [1500, 100_000])
def test_what_is_nested_too_deeply_becomes_a_text_that_holds_it(levels):
    deep = b"[" * levels + b"]" * levels
    with Pulled(page(*GOOD, record("x", more=',"d":' + deep.decode()))) as pulled:
        pulled.run()
    assert pulled.raws()[:3] == GOOD
    found = json.loads(pulled.raws()[3])["d"]
    while isinstance(found, list):
        (found,) = found
    assert set(found) == {"[", "]"}
    assert levels - 64 <= found.count("[") < levels
    assert found.count("[") == found.count("]")


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("at", AROUND)
def test_what_nobody_can_read_is_set_aside_with_its_bytes_and_the_rest_goes_on(broken, place, at):
    records = [*GOOD[:place], broken, *GOOD[place:]]
    with Pulled(page(*records, around=AROUND[at]), records_at=at) as pulled:
        pulled.run()
        first = pulled.position
        pulled.run()
    assert pulled.raws() == GOOD
    kept = b"".join(sorted((each.content for each in pulled.set_aside()), key=lambda each: broken.find(each[:30])))
    assert kept.replace(b",", b"").replace(b" ", b"") == broken.replace(b",", b"").replace(b" ", b"")
    assert any("could not be read" in line for line in pulled.told)
    counts, later = first.counts, pulled.position.counts
    assert counts.set_aside == len(pulled.set_aside()) == later.set_aside, "what is met again is no new one"
    assert first.complete
    for each in (counts, later):
        assert each.read == each.spooled + each.duplicates + each.set_aside
    assert later.duplicates == 3 + later.set_aside


def test_several_broken_records_side_by_side_are_several():
    broken = [b'{"id":"%d","at":"2026-02-28T23:00:00Z","x":}' % n for n in range(3)]
    with Pulled(page(GOOD[0], *broken, GOOD[1])) as pulled:
        pulled.run()
    assert sorted(each.content for each in pulled.set_aside()) == sorted(broken)
    assert pulled.position.counts.set_aside == 3


def test_a_bracket_or_a_comma_too_many_costs_no_record():
    first, second, third = GOOD
    for many in (
        [b",", first, b",", second, b",", third],
        [first, b"},", second, b",,", third, b","],
        [first, b"],", second, b",", third, b",,"],
        [first, second, third],
        [first, b",", second, b",", third, b"}"],
    ):
        with Pulled(Reply(200, b'{"items":[' + b"".join(many) + b'],"next":null}')) as pulled:
            pulled.run()
        assert pulled.raws() == GOOD
        assert pulled.set_aside() == []
        assert any("around the records" in line for line in pulled.told)


def test_what_is_no_json_around_the_records_hides_no_way_on():
    first = Reply(200, b'{"took":NaN,"items":[' + GOOD[0] + b'],"next":"c1","x":"\t"}')
    with Pulled(first, page(GOOD[1]), paging=CursorPaging("cursor", "next")) as pulled:
        pulled.run()
    assert pulled.raws() == GOOD[:2]


@pytest.mark.parametrize(
    "body",
    [
        b'{"items":[' + GOOD[0] + b"," + GOOD[1][:-9],
        b'{"items":[' + GOOD[0] + b"]",
        b'{"items":[' + GOOD[0] + b',{"id":NaN',
        b'{"items":[{"id":NaN}],"next":?}',
        b'{"next" "c1","items":[{"id":NaN}]}',
        b"[" * 100_000,
        b'{"items":{"id":NaN}}',
    ],
    ids=range(7),
)
def test_a_page_whose_end_or_way_on_cannot_be_read_is_not_believed(body):
    with Pulled(Reply(200, body)) as pulled, pytest.raises(ProtocolError):
        pulled.run()
    assert pulled.events() == []
    assert not pulled.position.complete


def test_a_web_page_is_still_called_one():
    told = pytest.raises(ProtocolError, match="web page titled 'Sign in'")
    with Pulled(Reply(200, b"<html><title>Sign in</title> NaN</html>")) as pulled, told:
        pulled.run()


@pytest.mark.parametrize("paging", [PagePaging("page"), OffsetPaging("offset")])
def test_a_page_of_nothing_readable_is_no_empty_page(paging):
    """An empty page would be the end of such a list."""
    with Pulled(page(GOOD[0]), page(b"{oops}"), page(GOOD[1]), page(), paging=paging) as pulled:
        pulled.run()
    assert pulled.raws() == GOOD[:2]
    assert [each.content for each in pulled.set_aside()] == [b"{oops}"]


def test_an_entry_of_a_list_of_files_is_not_set_aside():
    """With it, all events of its file would be missing."""
    listed = FileList("id", "at", "url")
    told = pytest.raises(ProtocolError, match="a file whose entry cannot be read")
    with Pulled(page(b"{oops}"), export=listed) as pulled, told:
        pulled.run()


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b'{"items":[' + b'{"a":' * 300_000,
        b'{"items":[' + b'{"id":1,"at":[{"id":' * 60_000,
        b'{"items":[{"x":1 1,"t":[' + b'{"id":1,"at":1},' * 100_000 + b"1]},",
        b'{"items":[' + b'"' * 500_000,
        b'{"items":[' + b'{"id":1,"at":2},]' * 60_000,
        b'{"items":[{"a":"' + b'\\"' * 500_000,
        b'{"items":[' + b"{," * 300_000 + b"]}",
    ],
    ids=range(7),
)
def test_no_page_is_looked_through_without_end(body):
    """Each look at what may be the next record is paid from one budget, so that the time is linear in the page."""
    reader = PatientReader("items", FIELDS)
    try:
        found = reader.read(body)
    except BrokenError:
        return
    assert found.unreadable


def test_a_record_without_id_and_time_is_known_by_the_keys_of_the_first():
    rows = [b'{"who":"a","what":"x"}', b'{"who":"b" ,,"what":[{"who":"q"},{"who":"z"}]}', b'{"who":"c","what":"y"}']
    found = PatientReader("", Fields("", "")).read(b"[" + b",".join(rows) + b"]")
    assert found.body == b"[" + rows[0] + b"," + rows[2] + b"]"
    assert [each.content for each in found.unreadable] == [rows[1]]


ascii_texts = st.text(st.characters(codec="ascii"), max_size=12)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | ascii_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ascii_texts, inner, max_size=3),
    max_leaves=8,
)
records = st.lists(st.dictionaries(st.sampled_from("pqrs"), jsons, max_size=4), min_size=1, max_size=6)
harms = st.sampled_from(
    [b"NaN", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"\x00", b"\t", b"\xff", b"007", b":", b"\\ud800", b"},{"]
)


@st.composite
def damaged(draw):
    """Return records, which of them are damaged, and the bytes of all."""
    found = draw(records)
    written = [
        json.dumps({"id": f"e{n}", "at": "2026-02-28T23:00:00Z", **each}).encode() for n, each in enumerate(found)
    ]
    hurt = draw(st.sets(st.integers(0, len(written) - 1), max_size=2))
    sent = list(written)
    for place in hurt:
        # Behind its id, so that a test can tell whose the bytes are.
        begin = len(b'{"id": "e0",')
        for _ in range(draw(st.integers(1, 2))):
            spot = draw(st.integers(begin, len(sent[place]) - 1))
            length = draw(st.integers(0, 2))
            sent[place] = sent[place][:spot] + draw(harms | st.just(b"")) + sent[place][spot + length :]
    return written, hurt, sent


@pytest.mark.slow
@settings(max_examples=400)
@given(damaged(), st.sampled_from(sorted(AROUND)))
def test_undamaged_records_are_kept_byte_for_byte_and_no_damaged_one_is_gone(served, at):
    written, hurt, sent = served
    body = AROUND[at].replace(b"%b", b",".join(sent))
    try:
        json.loads(body)
    except ValueError:
        pass
    else:
        return  # still JSON, if another one
    try:
        found = PatientReader(at, FIELDS).read(body)
    except BrokenError:
        # Two brackets of one record may be read as the end of the list or of the page: then nothing is believed.
        return
    aside = b" ".join(each.content for each in found.unreadable)
    rows = json.loads(found.body)
    for key in filter(None, at.split(".")):
        rows = rows[key]
    kept = [json.dumps(row) for row in rows]
    for place, each in enumerate(written):
        if place not in hurt:
            assert each in found.body or each in aside, "swallowed by the damaged one before it, and set aside with it"
        else:
            mark = b'"id": "e%d"' % place
            assert mark in aside or any(mark in row.encode() for row in kept)


@settings(max_examples=200)
@given(records, st.data(), st.sampled_from(sorted(AROUND)))
def test_one_damaged_letter_never_costs_another_record(found, data, at):
    written = [
        json.dumps({"id": f"e{n}", "at": "2026-02-28T23:00:00Z", **each}).encode() for n, each in enumerate(found)
    ]
    place = data.draw(st.integers(0, len(written) - 1))
    spot = data.draw(st.integers(1, len(written[place]) - 2))
    harm = data.draw(st.sampled_from([b"", b'"', b"\\", b"\x01", b"\xff", b"?", b":", b"NaN"]))
    sent = list(written)
    sent[place] = written[place][:spot] + harm + written[place][spot + 1 :]
    body = AROUND[at].replace(b"%b", b",".join(sent))
    try:
        json.loads(body)
    except ValueError:
        pass
    else:
        return
    read = PatientReader(at, FIELDS).read(body)
    for other, each in enumerate(written):
        if other != place:
            assert each in read.body, (each, read)


def test_a_record_nested_as_deeply_as_can_be_is_read_again_from_any_depth_of_calls():
    with Pulled(page(*GOOD, record("x", more=',"d":' + "[" * 850 + "]" * 850))) as pulled:
        pulled.run()

    def deeper(calls):
        return pulled.raws() if calls == 0 else deeper(calls - 1)

    assert len(pulled.raws()) == len(deeper(300)) == 4
