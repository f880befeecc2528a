"""Paths into JSON: what a dot means, the same for a decoded record and for one that is read in part."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.model import Fields
from audit_provider.core.records.fields import ABSENT, Extractor, FieldReader, getter_of, joined_getter_of, value_at

CASES = [
    ({"a": {"b": 1}}, "a.b", 1),
    ({"a.b": 1}, "a.b", 1),
    ({"@odata.type": "#user"}, "@odata.type", "#user"),
    ({"meta": {"@odata.nextLink": "u"}}, "meta.@odata.nextLink", "u"),
    ({"properties": {"foo.bar": 1}}, "properties.foo.bar", 1),
    ({"a.b": {"c": 1}}, "a.b.c", 1),
    ({"a.b.c": 1}, "a.b.c", 1),
    ({"a": {"b": {"c.d": 1}}}, "a.b.c.d", 1),
    ({"a": {"b": 1}, "a.b": 2}, "a.b", 1),
    ({"a": {"b": None}, "a.b": 2}, "a.b", 2),
    ({"a": {"b": 1}, "a.b": 2}, "a\\.b", 2),
    ({"a": {"b": 1}}, "a\\.b", None),
    ({"a": {"b.c": 1}}, "a.b\\.c", 1),
    ({"a.b": {"c": 1}}, "a.b\\.c", None),
    ({"a": 7}, "a.b", None),
    ({}, "a.b", None),
]


def compiled(record, path):
    found = getter_of(path)(Extractor({path: object}).decode(json.dumps(record).encode()))
    return None if found is ABSENT else found


@pytest.mark.parametrize(("record", "path", "found"), CASES)
def test_a_dot_leads_into_an_object_or_is_the_keys_own(record, path, found):
    assert value_at(record, path) == found
    assert compiled(record, path) == found


KEYS = st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c"])
RECORDS = st.recursive(st.none() | st.integers(0, 3), lambda inner: st.dictionaries(KEYS, inner, max_size=3))


@given(st.dictionaries(KEYS, RECORDS, max_size=4), st.sampled_from(["a", "a.b", "a.b.c", "b.c", "a\\.b", "a.b\\.c"]))
def test_both_readers_of_a_path_agree(record, path):
    found = compiled(record, path)
    other = value_at(record, path)
    assert type(found) is type(other)
    assert found == other


def test_fields_of_a_record_may_have_dots_of_their_own():
    reader = FieldReader(Fields("id", "t", action="@odata.type", ip="client.ip | client.ip.address"), ("action", "ip"))
    record = {"@odata.type": "login", "client.ip": {"address": "192.0.2.1"}}
    assert reader.read(msgspec.Raw(json.dumps(record).encode())) == {"action": "login", "ip": "192.0.2.1"}


def test_a_number_in_a_path_is_an_index_of_a_list_or_a_key():
    read = FieldReader(Fields("", "", action="events.0.name | events.1.name", ip="list.1"), ("action", "ip")).read
    assert read(msgspec.Raw(b'{"events":[{"name":"a"},{"name":"b"}],"list":["x","y"]}')) == {"action": "a", "ip": "y"}
    assert read(msgspec.Raw(b'{"events":[{},{"name":"b"}],"list":[["x"]]}')) == {"action": "b"}
    assert read(msgspec.Raw(b'{"events":{"0":{"name":"c"}},"list":{"1":"z"}}')) == {"action": "c", "ip": "z"}
    assert read(msgspec.Raw(b'{"events":[],"list":7}')) == {}
    assert read(msgspec.Raw(b'{"events":["text",5],"list":null}')) == {}


def test_values_are_joined_to_an_id_where_all_are_there():
    get = joined_getter_of("id.time + id.n")
    decode = Extractor({"id.time": Any, "id.n": Any}).decode
    assert get(decode(b'{"id":{"time":"t","n":5}}')) == "t/5"
    for absent in (b'{"id":{"time":"t"}}', b'{"id":{"time":"t","n":null}}', b'{"id":{"time":"","n":5}}', b"{}"):
        assert get(decode(absent)) is msgspec.UNSET
