"""The destinations as an administrator sees them, over real services."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ConfigurationError, CredentialError
from audit_provider.core.pipeline import read_pipelines
from audit_provider.operators.siem_configurations import send_test_event, siem_configurations
from tests.operators.conftest import HEC_TOKEN

PIPELINES = """
p:
  source: pylon
  destinations:
    s3: {type: s3, bucket: BUCKET, prefix: audit}
    splunk_hec: {type: splunk_hec, index: audit}
    datadog: {type: datadog, enabled: false}
    gone: {type: splunk_hec, conn_id: nowhere_default}
"""


@pytest.fixture
def pipeline(world):
    return read_pipelines(PIPELINES.replace("BUCKET", world.bucket)).pipelines["p"]


def rows(world, pipeline):
    return {each.name: each for each in siem_configurations([pipeline], spool=f"file://{world.spool}")}


def test_a_pipeline_that_never_ran_is_listed(world, pipeline):
    found = rows(world, pipeline)
    assert [*found] == ["s3", "splunk_hec", "datadog", "gone"]
    assert found["s3"].endpoint == f"s3://{world.bucket}/audit"
    assert found["splunk_hec"].endpoint == world.splunk.url
    assert found["splunk_hec"].type == "splunk_hec"
    assert "nowhere_default" in found["gone"].endpoint
    assert [each.enabled for each in found.values()] == [True, True, False, True]
    assert {(each.last_success, each.pending, each.failures_in_a_row) for each in found.values()} == {(None, 0, 0)}


def test_success_failures_and_pending_are_told(world, pipeline):
    world.pull()
    world.ship("splunk")
    found = rows(world, pipeline)
    assert found["splunk_hec"].last_success is not None
    assert (found["splunk_hec"].pending, found["datadog"].pending) == (0, 700)
    world.connect("DATADOG_LOGS_DEFAULT", password="wrong")
    for _ in range(2):
        with pytest.raises(Exception, match="API key is not accepted"):
            world.ship("datadog")
    found = rows(world, pipeline)
    assert found["datadog"].failures_in_a_row == 2
    assert "403" in found["datadog"].last_error
    world.connect("DATADOG_LOGS_DEFAULT", password="canary-datadog-key-10c4")
    world.ship("datadog")
    found = rows(world, pipeline)["datadog"]
    assert (found.failures_in_a_row, found.last_error, found.pending) == (0, "", 0)


@pytest.mark.parametrize("name", ["s3", "splunk_hec", "datadog"])
def test_a_test_event_arrives_and_moves_nothing(world, pipeline, name):
    world.pull()
    before = dict(world.variables.all())
    said = send_test_event(pipeline, name)
    assert f"{name} accepted the test event test-" in said
    arrived = {"s3": world.s3_ids, "splunk_hec": world.splunk.ids, "datadog": world.datadog.ids}[name]()
    assert len(arrived) == 1
    assert arrived[0].startswith("test-")
    assert world.variables.all() == before


def test_a_test_event_that_is_not_taken_says_why(world, pipeline):
    world.connect("SPLUNK_HEC_DEFAULT", password="wrong")
    with pytest.raises(CredentialError, match="token"):
        send_test_event(pipeline, "splunk_hec")
    with pytest.raises(ConfigurationError, match="did you mean 'datadog'"):
        send_test_event(pipeline, "datadg")
    assert world.splunk.ids() == []
    assert HEC_TOKEN not in str(siem_configurations([pipeline], spool=f"file://{world.spool}"))
