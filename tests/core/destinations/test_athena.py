"""The table over the S3 layout."""

from __future__ import annotations

from audit_provider.core.destinations.athena import athena_ddl


def test_the_athena_statement_has_every_partition_column_in_its_template():
    ddl = athena_ddl("saas_audit", "s3://bucket/siem", ["slack", "okta"], ["id", "user"])
    assert "`user` string" in ddl
    assert "LOCATION 's3://bucket/siem/'" in ddl
    assert "'projection.source.values'='slack,okta'" in ddl
    assert "'s3://bucket/siem/source=${source}/dt=${dt}/'" in ddl
    assert "org.openx.data.jsonserde.JsonSerDe" in ddl
