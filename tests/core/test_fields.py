"""Paths into JSON: what a dot means, the same for a decoded record and for one that is read in part."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.fields import ABSENT, Extractor, FieldReader, getter_of, value_at
from audit_provider.core.model import Fields

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
