"""What destinations of files have in common."""

from __future__ import annotations

import gzip
from dataclasses import replace

import msgspec
import pytest

from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.destinations.sftp import SftpDestination, SftpOptions
from audit_provider.core.model import Fields
from audit_provider.core.records.content import Content
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.selection import Redaction, Selection, Selector
from audit_provider.core.verification.arrival import IdBuckets
from audit_provider.core.verification.objects import ObjectIds
from audit_provider.sandbox.sftp import SftpService
from tests.core.destinations.other_intakes import ssh_of
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event

NAMELESS = Fields(id="", time="at", action="action")
"""Of a source whose records have no id."""


@pytest.mark.parametrize("batch_bytes", [1, 1000, 100_000])
def test_an_event_that_is_larger_than_a_file_is_meant_to_be_has_one_to_itself(bucket, batch_bytes):
    client, name = bucket
    destination = S3Destination(S3Options(bucket=name, batch_bytes=batch_bytes), ORIGIN, client, now=lambda: NOW)
    desk = Desk()
    desk.ship(destination, [[event("a"), event("large", pad="x" * 150_000), event("b")]])
    assert (desk.letters, desk.offset.counts.delivered) == ({}, 3)
    stored = client.list_objects_v2(Bucket=name)["Contents"]
    events = [client.head_object(Bucket=name, Key=each["Key"])["Metadata"]["events"] for each in stored]
    assert events == ["1", "1", "1"]


@pytest.fixture(params=["s3", "sftp"])
def files(request, bucket):
    """Return a destination of files, and what returns the lines that lie there."""
    client, name = bucket
    origin = replace(ORIGIN, fields=NAMELESS)
    if request.param == "s3":

        def lines():
            keys = [each["Key"] for each in client.list_objects_v2(Bucket=name).get("Contents", [])]
            bodies = [gzip.decompress(client.get_object(Bucket=name, Key=key)["Body"].read()) for key in keys]
            return [line for body in bodies for line in body.splitlines()]

        yield S3Destination(S3Options(bucket=name), origin, client, now=lambda: NOW), lines
        return
    with SftpService("pw") as service:

        def lines():
            bodies = [gzip.decompress((service.folder / each).read_bytes()) for each in service.files()]
            return [line for body in bodies for line in body.splitlines()]

        yield SftpDestination(SftpOptions(), origin, ssh_of(service)), lines


def _read(*records, log=""):
    """Return the events of some records that have no id."""
    raws = [msgspec.Raw(msgspec.json.encode({"at": "2026-03-01T11:00:00Z", **each})) for each in records]
    reader = RecordReader(NAMELESS)
    reader.log = log
    return reader.events(raws, NOW, "a page")[0]


def test_equal_records_without_an_id_are_each_stored_although_they_are_alone_in_their_files(files):
    destination, lines = files
    first, second = _read({"action": "login failed"}, {"action": "login failed"})
    (elsewhere,) = _read({"action": "login failed"}, log="another log")
    for _ in range(2):
        Desk().ship(destination, [[first], [second], [elsewhere]])
    assert lines() == [bytes(first.raw)] * 3, "each once, on every try"


def test_records_without_an_id_that_differ_only_in_what_is_redacted_are_each_stored(files):
    destination, lines = files
    select = Selector(Selection(redact=Redaction(drop=("ip",))), NAMELESS).select
    one, other = _read({"ip": "192.0.2.1"}, {"ip": "192.0.2.2"})
    for _ in range(2):
        Desk().ship(destination, [[one], [other]], select=select)
    assert len(lines()) == 2


def test_records_under_one_id_that_differ_only_in_what_is_redacted_are_each_stored(files):
    destination, lines = files
    select = Selector(Selection(redact=Redaction(drop=("ip",))), Fields(id="id", time="at")).select
    one, other = (event("a", ip=ip) for ip in ("192.0.2.1", "192.0.2.2"))
    # As a second record under one id is named, see spool.known.
    other = msgspec.structs.replace(other, id=f"a-{Content().digest(other.raw)}")
    for _ in range(2):
        Desk().ship(destination, [[one], [other]], select=select)
    assert len(lines()) == 2


def test_a_verification_finds_each_of_equal_records_by_the_name_of_its_object(bucket):
    client, name = bucket
    destination = S3Destination(S3Options(bucket=name), replace(ORIGIN, fields=NAMELESS), client, now=lambda: NOW)
    first, second = _read({"action": "login failed"}, {"action": "login failed"})
    Desk().ship(destination, [[first], [second]])
    with IdBuckets() as ids:
        assert ObjectIds(client, name, "", NAMELESS).gather(ids) == []
        assert sorted(found for bucket in ids for found in bucket) == sorted([first.id, second.id])
