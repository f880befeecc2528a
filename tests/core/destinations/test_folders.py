"""What destinations of files have in common."""

from __future__ import annotations

import pytest

from audit_provider.core.destinations.s3 import S3Destination, S3Options
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event


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
