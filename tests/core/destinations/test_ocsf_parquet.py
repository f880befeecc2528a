"""OCSF as Parquet: one schema per class whatever the documents hold, and nothing of a document is lost."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from pyarrow import parquet

from audit_provider.core.destinations.ocsf_parquet import parquet_of, row_of, schema_of
from audit_provider.core.formats import Ocsf
from audit_provider.core.model import Event, Fields, Origin
from tests.core.destinations.stand_ins import NOW

CLASSES = (3001, 3002, 3004, 3005, 3006, 6003)
LEAST = {"class_uid": 3002, "time": 1}


def read(*documents):
    file = parquet.ParquetFile(io.BytesIO(parquet_of([json.dumps(each).encode() for each in documents])))
    return file.read()


def row(**attributes):
    (found,) = read({**LEAST, **attributes}).to_pylist()
    return told(found)


def told(value):
    """Return a row without what it does not say."""
    if isinstance(value, dict):
        return {key: told(each) for key, each in value.items() if each is not None}
    return [told(each) for each in value] if isinstance(value, list) else value


def test_a_document_comes_back_as_it_was():
    document = {
        **LEAST,
        "type_uid": 300201,
        "metadata": {"version": "1.1.0", "uid": "e1", "product": {"name": "Slack"}, "profiles": ["a", "b"]},
        "user": {"uid": "u", "groups": [{"name": "g", "privileges": ["p"]}], "org": {"name": "o"}},
        "src_endpoint": {"ip": "1.2.3.4", "location": {"country": "NL"}},
        "http_request": {"user_agent": "curl"},
        "is_mfa": True,
        "observables": [{"name": "user.uid", "type_id": 4, "value": "u"}],
        "raw_data": '{"a": "é"}',
    }
    assert told(read(document).to_pylist()[0]) == document


@pytest.mark.parametrize("class_uid", [*CLASSES, 4001])
def test_a_class_has_one_schema_whatever_its_documents_hold(class_uid):
    schema = read({"class_uid": class_uid, "time": 1}).schema
    full = {"class_uid": class_uid, "time": 1, "unmapped": {"a": 1}, "new": [1], "actor": {"user": {"uid": 5}}}
    assert read(full).schema.equals(schema)
    assert schema.equals(schema_of(class_uid))
    assert {"time": "int64", "class_uid": "int32", "type_uid": "int64"}.items() <= {
        field.name: str(field.type) for field in schema
    }.items()


def test_classes_have_only_their_own_attributes():
    assert "api" in schema_of(6003).names
    assert "api" not in schema_of(3002).names
    assert "entity" in schema_of(3004).names


@pytest.mark.parametrize(
    ("attributes", "unmapped"),
    [
        ({"new": {"a": [1]}}, {"new": '{"a":[1]}'}),
        ({"new": "text"}, {"new": "text"}),
        ({"actor": {"user": {"uid": "u", "shoe": 42}}}, {"actor.user.shoe": "42"}),
        ({"observables": [{"name": "n"}, "odd"]}, {"observables.1": "odd"}),
        ({"severity_id": "high"}, {"severity_id": "high"}),
        ({"severity_id": 2**31}, {"severity_id": "2147483648"}),
        ({"severity_id": True}, {"severity_id": "true"}),
        ({"severity_id": 1.5}, {"severity_id": "1.5"}),
        ({"start_time": 2**63}, {"start_time": "9223372036854775808"}),
        ({"is_mfa": 1}, {"is_mfa": "1"}),
        ({"user": "ada"}, {"user": "ada"}),
        ({"user": ["ada"]}, {"user": '["ada"]'}),
        ({"observables": {"name": "n"}}, {"observables": '{"name":"n"}'}),
        ({"unmapped": "text"}, {"unmapped": "text"}),
        ({"unmapped": {"a": {"b": 1}, "c": "d", "e": None}}, {"a": '{"b":1}', "c": "d"}),
        ({"unmapped": {"user": "mine"}, "user": 5}, {"user": "mine", "user'": "5"}),
        ({"user": 5, "unmapped": {"user": "mine"}}, {"user": "mine", "user'": "5"}),
    ],
)
def test_what_has_no_column_or_does_not_fit_it_is_kept_as_text(attributes, unmapped):
    assert dict(row(**attributes)["unmapped"]) == unmapped


def test_what_fits_beside_it_stays_in_its_column():
    found = row(actor={"user": {"uid": "u", "shoe": 42}}, observables=[{"name": "n"}, "odd"])
    assert found["actor"] == {"user": {"uid": "u"}}
    assert found["observables"] == [{"name": "n"}]


def test_a_text_column_takes_what_is_no_text_as_json():
    found = row(user={"uid": 12345678901234567890}, message={"a": 1}, status_code=403)
    assert (found["user"]["uid"], found["message"], found["status_code"]) == ("12345678901234567890", '{"a":1}', "403")


def test_null_and_absent_are_the_same():
    assert row(user=None, unmapped=None, actor={"user": None}) == {**LEAST, "actor": {}}
    assert "unmapped" not in row_of(LEAST)


def test_rows_keep_their_order_also_where_one_is_huge():
    documents = [
        {**LEAST, "time": number, "raw_data": "x" * (3_000_000 if number == 50 else 10)} for number in range(99)
    ]
    table = read(*documents)
    assert table["time"].to_pylist() == list(range(99))
    assert [len(text) for text in table["raw_data"].to_pylist()] == [len(each["raw_data"]) for each in documents]


def page_sizes(content):
    """Return the bytes of every page, dictionaries included, before compression; read from the pages' own headers."""

    def number(place):
        value = shift = 0
        while True:
            byte = content[place]
            value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                return value, place

    def header(place):
        """Read a Thrift struct in the compact protocol: https://parquet.apache.org/docs/file-format/"""
        fields, field = {}, 0
        while kind := content[place]:
            place += 1
            field += kind >> 4
            assert kind >> 4, "no header here skips so many fields"
            if kind & 15 in (5, 6):
                value, place = number(place)
                fields[field] = value >> 1
            elif kind & 15 == 8:
                length, place = number(place)
                place += length
            elif kind & 15 == 12:
                fields[field], place = header(place)
            else:
                assert kind & 15 in (1, 2), kind
        return fields, place + 1

    group = parquet.ParquetFile(io.BytesIO(content)).metadata.row_group(0)
    for column in map(group.column, range(group.num_columns)):
        place = column.dictionary_page_offset or column.data_page_offset
        end = place + column.total_compressed_size
        while place < end:
            fields, place = header(place)
            yield fields[2]
            place += fields[3]
        assert place == end


@pytest.mark.parametrize("size", [100, 2_000, 30_000, 400_000])
def test_no_page_is_larger_than_a_megabyte(size):
    count = 6_000_000 // size
    content = parquet_of([json.dumps({**LEAST, "raw_data": str(n).ljust(size, "x")}).encode() for n in range(count)])
    sizes = list(page_sizes(content))
    assert sum(sizes) > count * size, "every page was read"
    assert max(sizes) <= 1_000_000


FIELDS = Fields(
    "id",
    "at",
    action="action",
    actor_id="actor",
    actor_email="email",
    ip="ip",
    user_agent="agent",
    outcome="outcome",
    object_type="type",
    object_id="object",
    target_user="user",
    target_group="group",
    role="role",
    organization="org",
)
MEANINGS = {
    "login": "authentication.login",
    "suspend": "user.disable",
    "grant": "access.grant",
    "join": "group.add_member",
}


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.3"])
@pytest.mark.parametrize(
    ("action", "class_uid"),
    [("login", 3002), ("suspend", 3001), ("grant", 3005), ("join", 3006), ("other", 6003), ("", 3004)],
)
def test_every_attribute_of_the_format_ocsf_has_its_column(version, action, class_uid):
    record = {"id": "e1", "action": action, "actor": "a1", "email": "ada@x.org", "ip": "1.2.3.4", "agent": "curl"}
    record |= {"outcome": "success", "type": "file", "object": "f1", "user": "u1", "role": "admin", "org": "t1"}
    if class_uid == 3006:
        record["group"] = "g1"
    form = Ocsf(Origin("payroll", "slack", FIELDS, "Slack", MEANINGS), version)
    written = form.write(Event("e1", NOW, msgspec.Raw(msgspec.json.encode(record))))
    document = json.loads(written)
    assert document["class_uid"] == class_uid
    (found,) = parquet.ParquetFile(io.BytesIO(parquet_of([written]))).read().to_pylist()
    found = told(found)
    assert dict(found.pop("unmapped", ())) == document.pop("unmapped", {})
    assert found == document
