"""Years before 1000, such as the year 1 that programs in Go write for "no time", have four digits everywhere."""

from __future__ import annotations

from datetime import datetime

import pytest

from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.destinations.sftp import SftpDestination, SftpOptions
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, Window, text_of
from audit_provider.core.text.templates import bounds_of
from audit_provider.sandbox.sftp import SftpService
from tests.core.destinations.other_intakes import ssh_of
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event, objects

FIRST = datetime(1, 1, 1, tzinfo=UTC)


def test_rfc_3339_has_four_digits():
    assert text_of(FIRST) == "0001-01-01T00:00:00Z"
    assert text_of(NOW.replace(microsecond=5)) == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "source=slack/dt=0001-01-01/"),
        ({"layout": "datadog_archive"}, "dt=00010101/hour=00/"),
    ],
)
def test_folders_of_a_bucket_sort_by_day(bucket, options, key):
    client, name = bucket
    destination = S3Destination(S3Options(bucket=name, **options), ORIGIN, client, now=lambda: NOW)
    Desk().ship(destination, [[event("a", time=FIRST)]])
    assert next(iter(objects(bucket))).startswith(key)


def test_files_of_a_folder_sort_by_day():
    with SftpService("pw") as server:
        Desk().ship(SftpDestination(SftpOptions(), ORIGIN, ssh_of(server)), [[event("a", time=FIRST)]])
        assert server.files()[0].startswith("source=slack/dt=0001-01-01/")


@pytest.mark.parametrize(("times", "start"), [("date", "0001-01-01"), ("rfc3339", "0001-01-01T00:00:00Z")])
def test_a_request_names_the_year_with_four_digits(times, start):
    assert bounds_of(Window(FIRST, NOW), times)["start"] == start


def test_a_backfill_from_the_first_year_has_a_name_that_is_read_again():
    window = Window(FIRST, NOW)
    name = StreamName.of_window("p", window)
    assert name.window.startswith("00010101T000000Z_")
    assert name.overlaps(window)
