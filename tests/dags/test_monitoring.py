"""How the DAGs hand on what a pipeline's ``monitoring`` says."""

from __future__ import annotations

from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.records.selection import Redaction
from audit_provider.dags import build_backfill, build_incremental
from audit_provider.dags.reconcile import build_reconcile


def pipeline(monitoring):
    text = f"p: {{source: pylon, monitoring: {monitoring}, destinations: {{s3: {{type: s3, bucket: b}}}}}}"
    return read_pipelines(text).pipelines["p"]


def test_one_report_alone_watches():
    watched = pipeline("{lag_target: 60}")
    report = build_incremental(watched).get_task("report")
    assert report.source == "pylon"
    assert isinstance(report.monitoring, Monitoring)
    assert build_backfill(watched).get_task("report").monitoring is None
    assert build_reconcile(watched).get_task("report").monitoring is None
    assert build_incremental(pipeline("false")).get_task("report").monitoring is None


def test_findings_are_shipped_where_that_is_said():
    assert not build_incremental(pipeline("{}")).get_task("ship_s3").findings
    assert not build_incremental(pipeline("false")).get_task("ship_s3").findings
    assert build_incremental(pipeline("{ship_findings: true}")).get_task("ship_s3").findings
    assert not build_backfill(pipeline("{ship_findings: true}")).get_task("ship_s3").findings


def test_the_report_leaves_out_what_any_destination_does_not_get():
    text = """
p:
  source: pylon
  monitoring: {}
  destinations:
    s3: {type: s3, bucket: b, redact: {hash: [actor_user_id]}}
    splunk: {type: splunk_hec, redact: {drop: [metadata], hash: [actor_user_id, link]}}
"""
    report = build_incremental(read_pipelines(text).pipelines["p"]).get_task("report")
    assert report.redact == Redaction(drop=("metadata",), hash=("actor_user_id", "link"))
    own = read_pipelines(text.replace("{}", "{redact: {drop: [link]}}")).pipelines["p"]
    assert build_incremental(own).get_task("report").redact == Redaction(drop=("link",))
    nothing = read_pipelines(text.replace("{}", "{redact: {}}")).pipelines["p"]
    assert build_incremental(nothing).get_task("report").redact == Redaction()
