"""Every format writes every event, whatever its record holds, and loses neither its id nor its action."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.formats import FORMATS, as_json
from audit_provider.core.model import Event
from tests.core.formats.events import ACTIONS, ORIGIN, SOURCES, event_of, events_of, origin_of, written
from tests.core.formats.schemas import check_cef, check_ecs, check_ocsf, parse_json

VERSIONS = ("1.1", "1.2", "1.3")
MAPPED = sorted(set(FORMATS) - {"raw"})
"""The formats that make something of a record. ``raw`` is the record, whatever it holds."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
odd_texts = st.sampled_from(
    [
        *("", " ", "\n", "a\r\nb", "tail \\", "a=b|c", "\\n", "\x00\x1b\x85\u2028", "Zoë Ødegård", "報告書", "🦊" * 3),
        *("999.1.1.1", "203.0.113.7", "2001:db8::1", "fe80::1%eth0", "::ffff:203.0.113.7", "10.0.0.1:443", "unknown"),
        *(
            "zoe@example.com",
            "zoë@example.com",
            "not an address",
            "@",
            "true",
            "SUCCESS",
            "deny",
            "user",
            "Group",
            "file",
        ),
    ]
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts, odd_texts
)
values = st.one_of(
    scalars, st.just(10**400), st.lists(scalars, max_size=2), st.dictionaries(texts, scalars, max_size=2)
)
things = st.one_of(
    values, st.fixed_dictionaries({}, optional={"id": values, "type": values, "email": values, "name": values})
)
records = st.fixed_dictionaries(
    {},
    optional={
        "action": st.one_of(values, st.sampled_from(sorted(ACTIONS))),
        "actor": things,
        "actor_id": values,
        "object": things,
        "target": things,
        **dict.fromkeys(("ip", "ua", "outcome", "group", "role", "org", "time"), values),
    },
)
STRANGE = [
    b"{}",
    b'{"action":"half \\ud800 pair","ip":"203.0.113.7"}',
    b'{"action":1e999}',
    b'{"action":' + b"9" * 5000 + b"}",
    b'{"action":"user.create","other":"\xff\xfe"}',
    b'{"action":"\xff"}',
    b'{"action":"user.create",\r\n "other":1}',
    b'{"action":"a","action":"b"}',
]


def check(name, line, version, source="acme"):
    """Check a line against the format's own rules, and return the action in it."""
    assert len(line.splitlines()) == 1
    if name == "cef":
        return check_cef(line.decode()).get("act", "")
    if name == "raw":
        return None
    if not FORMATS[name](ORIGIN, version).is_json:
        return line.decode()
    document = parse_json(line)
    if name == "ecs":
        check_ecs(document, source)
        return document["event"].get("action", "")
    if name == "ocsf":
        check_ocsf(document, version)
        return document["metadata"].get("event_code", "")
    return document.get("action", "")


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MAPPED)
@settings(max_examples=150)
@given(record=records)
def test_any_record_is_written_as_the_schema_wants_it(name, version, record):
    action = check(name, written(name, record, version=version), version)
    told = record.get("action")
    if name in ("envelope", "ecs", "ocsf") and isinstance(told, str) and told:
        assert action == told


@pytest.mark.parametrize("raw", STRANGE, ids=range(len(STRANGE)))
@pytest.mark.parametrize("name", MAPPED)
def test_a_record_that_no_strict_decoder_reads_is_written_all_the_same(name, raw):
    check(name, written(name, raw), "1.1")


@pytest.mark.parametrize("name", MAPPED)
def test_a_record_deeper_than_any_decoder_goes_is_written_all_the_same(name):
    line = written(name, b'{"action":"x","deep":' + b"[" * 9000 + b"]" * 9000 + b"}")
    assert b"e-1" in line
    assert b"[" * 9000 in line


def test_what_can_be_read_of_a_strange_record_is_read():
    pairs = check_cef(written("cef", STRANGE[1]).decode())
    assert pairs["act"] == "half ? pair"
    assert pairs["src"] == "203.0.113.7"
    assert json.loads(written("ecs", STRANGE[4]))["event"]["original"].endswith('"other":"\ufffd\ufffd"}')


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_in_every_format(source, name):
    for version in VERSIONS if name == "ocsf" else VERSIONS[:1]:
        form = FORMATS[name](origin_of(source), version)
        for event in events_of(source):
            check(name, form.write(event), version, source)
            assert as_json(form, event)


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("source", SOURCES)
def test_the_event_id_and_the_action_travel(source, name):
    form = FORMATS[name](origin_of(source), "1.1")
    for event in events_of(source):
        line = form.write(event).decode()
        if name == "cef":
            pairs = check_cef(line)
            assert (pairs["externalId"], pairs["deviceExternalId"]) == (event.id, f"{source}-pipe")
            assert json.loads(pairs["msg"]) == json.loads(bytes(event.raw))
            continue
        if name not in ("envelope", "ecs", "ocsf"):
            own = form.write(Event("an-id-beside-the-record", event.time, event.raw)).decode()
            assert "an-id-beside-the-record" in own, "every format contains the event's id"
            continue
        document = json.loads(line)
        if name == "ocsf":
            name_in_it, record = document["metadata"]["uid"], json.loads(document["raw_data"])
        elif name == "ecs":
            name_in_it, record = document["event"]["id"], document["saas"][source]
            assert json.loads(document["event"]["original"]) == record
        else:
            name_in_it, record = document["id"], document["raw"]
        assert name_in_it == event.id
        assert record == json.loads(bytes(event.raw))


@pytest.mark.parametrize("name", MAPPED)
def test_one_form_serves_several_threads(name):
    from concurrent.futures import ThreadPoolExecutor

    form = FORMATS[name](ORIGIN, "1.1")
    events = [event_of({"action": f"a{number % 7}", "ip": "203.0.113.7"}, f"e-{number}") for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(form.write, events)) == [FORMATS[name](ORIGIN, "1.1").write(event) for event in events]
