"""The layout of Amazon Security Lake: its files read back by pyarrow, its names made of the documents."""

from __future__ import annotations

import hashlib
import io
import re
import sys

import pytest
from pyarrow import parquet

from audit_provider.core.errors import ConfigurationError, StopError
from audit_provider.core.formats import Raw
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event
from tests.core.destinations.test_s3_layouts import HOUR, LAKE, MIXED, Documents, archive, ids, lake, objects, s3


def tables(bucket):
    """Return the Parquet file of every object, by key."""
    return {key: parquet.ParquetFile(io.BytesIO(each["Body"].read())) for key, each in objects(bucket).items()}


def test_each_class_and_day_of_a_batch_is_an_object_sorted_by_time(bucket):
    desk = Desk()
    desk.ship(lake(bucket), MIXED)
    assert desk.offset.counts.delivered == 6
    found = {}
    for key, file in tables(bucket).items():
        folder, _, name = key.rpartition("/")
        assert re.fullmatch(r"[0-9a-f]{32}\.parquet", name)
        rows = file.read().to_pylist()
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        assert {str(row["class_uid"]) for row in rows} == {folder.split("/")[1].removeprefix("slack-")}
        found.setdefault(folder, []).append([row["metadata"]["uid"] for row in rows])
    place = "region=eu-central-1/accountId=external/eventDay="
    assert {folder: sorted(names) for folder, names in found.items()} == {
        f"ext/slack-3002/{place}20260228": [["yesterday"]],
        f"ext/slack-3002/{place}20260301": [["early", "late"], ["second"]],
        f"ext/slack-6003/{place}20260301": [["api"], ["second-api"]],
    }


def test_a_file_is_as_security_lake_asks(bucket):
    events = [event(f"n{number}", pad="é" * number) for number in range(3000)]
    Desk().ship(lake(bucket), [events])
    ((_, file),) = tables(bucket).items()
    assert file.metadata.num_rows == 3000
    assert file.metadata.num_row_groups == 1
    group = file.metadata.row_group(0)
    assert {group.column(place).compression for place in range(group.num_columns)} == {"ZSTD"}
    (sorting,) = group.sorting_columns
    assert (group.column(sorting.column_index).path_in_schema, sorting.descending) == ("time", False)
    rows = file.read().to_pylist()
    assert [row["metadata"]["uid"] for row in rows] == [each.id for each in events]
    assert [row["raw_data"].encode() for row in rows] == [bytes(each.raw) for each in events]


def test_an_object_is_named_by_its_documents_and_not_by_its_bytes(bucket):
    client, name = bucket
    destination = lake(bucket)
    events = [event("b", time=NOW + HOUR), event("a")]
    Desk().ship(destination, [events])
    ((key, answer),) = objects(bucket).items()
    content = b"".join(Documents().write(each) + b"\n" for each in reversed(events))
    digest = hashlib.sha256(content).hexdigest()
    assert key.endswith(f"/{digest[:32]}.parquet")
    assert answer["Metadata"] == {"sha256": digest, "events": "2", "pipeline": "payroll"}
    assert answer["ContentType"] == "application/vnd.apache.parquet"
    # Another version of the Parquet writer would have written other bytes.
    client.put_object(Bucket=name, Key=key, Body=b"PAR1", Metadata=answer["Metadata"])
    desk = Desk()
    desk.ship(destination, [events])
    assert (desk.offset.counts.delivered, desk.offset.counts.already_there) == (0, 2)
    client.put_object(Bucket=name, Key=key, Body=b"PAR1", Metadata={"sha256": "0" * 64})
    with pytest.raises(StopError, match="other content"):
        Desk().ship(destination, [events])


def test_the_version_of_a_source_and_the_account_stand_in_the_key(bucket):
    Desk().ship(lake(bucket, source_version="2.0", account_id="external_acme"), [[event("a")]])
    (key,) = objects(bucket)
    assert key.startswith("ext/slack-3002/2.0/region=eu-central-1/accountId=external_acme/eventDay=20260301/")


def test_events_in_another_form_hold_everything_and_say_which_form_is_needed(bucket):
    class Line:
        is_json = False

        def write(self, event):
            return b"CEF:0|Slack|Slack||a|b|1|"

    for form in (Raw(ORIGIN), Line()):
        desk = Desk()
        with pytest.raises(ConfigurationError, match="format: ocsf"):
            desk.ship(s3(bucket, form, **LAKE), [[event("a")]])
        assert (desk.commits, desk.letters) == ([], {})


@pytest.mark.parametrize("version", ["1.1.0", "1.2.0", "1.3.0", "1.3.1"])
def test_ocsf_up_to_what_security_lake_takes(bucket, version):
    Desk().ship(lake(bucket, Documents(version)), [[event("a")]])
    assert ids(bucket) == ["a"]


@pytest.mark.parametrize("version", ["1.4.0", "1.10.0", "2.0.0-dev"])
def test_a_newer_ocsf_holds_everything(bucket, version):
    desk = Desk()
    with pytest.raises(ConfigurationError, match="ocsf_version"):
        desk.ship(lake(bucket, Documents(version)), [[event("a")]])
    assert (desk.commits, desk.letters, ids(bucket)) == ([], {}, [])


@pytest.mark.parametrize("broken", ['{"class_uid":3002,', '{"class_uid":3002,"x":"\\ud800"}'])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_document_that_cannot_be_decoded_is_set_aside_alone(bucket, broken, place):
    events = [event("a"), event("b"), event("c")]
    events[place] = event("bad", broken=broken)
    desk = Desk()
    desk.ship(lake(bucket), [events])
    assert list(desk.letters) == ["bad"]
    assert len(ids(bucket)) == desk.offset.counts.delivered == 2


def test_without_pyarrow_the_extra_is_named(bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"airflow-provider-audit-logs\[parquet\]"):
        lake(bucket)
    Desk().ship(archive(bucket), [[event("a")]])
