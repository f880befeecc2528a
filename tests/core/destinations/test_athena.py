"""The table over the S3 layout."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.destinations.athena import athena_ddl
from audit_provider.core.destinations.base import Item
from audit_provider.core.destinations.s3 import S3Options
from audit_provider.core.destinations.s3_layouts import LAYOUTS
from audit_provider.core.formats import Raw
from audit_provider.core.model import Event, Fields, Origin, utc_now

ORIGIN = Origin("p", "slack", Fields("id", "at"))


def folder_of(moment, layout):
    options = S3Options(bucket="b", layout=layout)
    item = Item(Event("e", moment, msgspec.Raw(b"{}")), b"{}", 1, 0)
    return LAYOUTS[layout](options, ORIGIN, Raw(ORIGIN)).folder(item)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime(1970, 1, 1, tzinfo=timezone.utc),
        datetime(2023, 12, 31, 23, 59, tzinfo=timezone.utc),
        utc_now() + timedelta(days=1),
        datetime(2099, 12, 31, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, tzinfo=timezone.utc),
    ],
)
def test_every_partition_that_is_written_lies_in_the_tables_range(moment):
    ddl = athena_ddl("t", "s3://b/p/", ["slack"], ["id"])
    first, last = map(date.fromisoformat, re.search(r"'projection.dt.range'='([^,]+),([^']+)'", ddl).groups())
    source, _, partition = folder_of(moment, "hive").partition("/dt=")
    assert source == "source=slack"
    assert first <= date.fromisoformat(partition) <= last
    assert partition == str(moment.date())


def test_an_early_year_has_four_digits_in_every_layout():
    assert folder_of(datetime(33, 4, 3, 15, tzinfo=timezone.utc), "datadog_archive") == "dt=00330403/hour=15"


def test_a_table_for_days_that_matter_alone():
    ddl = athena_ddl("t", "s3://b/p/", ["slack"], ["id"], first_day="2024-01-01", last_day="NOW+1DAYS")
    assert "'projection.dt.range'='2024-01-01,NOW+1DAYS'" in ddl


def test_the_athena_statement_has_every_partition_column_in_its_template():
    ddl = athena_ddl("saas_audit", "s3://bucket/siem", ["slack", "okta"], ["id", "user"])
    assert "`user` string" in ddl
    assert "LOCATION 's3://bucket/siem/'" in ddl
    assert "'projection.source.values'='slack,okta'" in ddl
    assert "'s3://bucket/siem/source=${source}/dt=${dt}/'" in ddl
    assert "org.openx.data.jsonserde.JsonSerDe" in ddl
