"""From what a vendor wrote to a moment."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec
import pytest

from audit_provider.core.model import Fields
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.times import time_from

TEN = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-01T10:00:00Z", TEN),
        ("2026-03-01 10:00:00", TEN),
        ("2026-03-01T10:00Z", TEN),
        ("2026-03-01T12:00+02", TEN),
        ("2026-03-01T10:00:00+0000", TEN),
        ("2026-03-01 10:00:00 UTC", TEN),
        ("2026-03-01", TEN.replace(hour=0)),
        ("2026-03-01T09:59:60Z", TEN.replace(hour=9, minute=59, second=59)),
        (TEN.timestamp(), TEN),
        (str(int(TEN.timestamp() * 1000)), TEN),
        ("2026-13-01", None),
        ("2026-03-01T25:00Z", None),
        ("2026-03-01T10:00.5Z", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("yesterday", None),
        (True, None),
    ],
)
def test_a_moment_is_what_is_meant(written, meant):
    assert time_from(written) == meant


def test_the_first_text_that_is_no_time_is_kept_to_be_told():
    reader = RecordReader(Fields(id="id", time="at"))
    records = [
        msgspec.Raw(each) for each in (b'{"id":"a","at":"soon"}', b'{"id":"b"}', b'{"id":"c","at":"2026-03-01"}')
    ]
    events, _ = reader.events(records, TEN, "here")
    assert [each.time for each in events] == [TEN, TEN, TEN.replace(hour=0)]
    assert (reader.undated, reader.first_undated) == (2, "'soon'")
