"""Asset events: what downstream DAGs can be scheduled on, and when nothing is told."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import Asset

from audit_provider.core.pipeline import pipeline_from
from audit_provider.dags import build_backfill, build_incremental
from audit_provider.operators import AuditLogsToSplunkHecOperator, PullAuditLogsOperator
from audit_provider.operators.signals import data_set
from audit_provider.sandbox.events import generate
from tests.operators.conftest import context

outlets = pytest.importorskip("airflow.sdk.execution_time.context")
SPOOL, SPLUNK = Asset("x-audit-logs://p"), Asset("x-audit-logs://p/splunk_hec")


def run(operator):
    """Run a task's own copy of an operator; return what Airflow would take for its events: ``{name: extra}``."""
    running = copy.copy(operator)
    events = outlets.OutletEventAccessors()
    running.execute(context(outlet_events=events))
    return {asset.name: events[asset].extra for asset in running.outlets}


@pytest.fixture
def tasks(world):
    common = {"pipeline": "p", "spool": f"file://{world.spool}"}
    pull = PullAuditLogsOperator(
        task_id="pull",
        source="pylon",
        start=(world.now - timedelta(days=61)).isoformat(),
        rate_limit={"requests": 10_000, "per": 1},
        **common,
    )
    return pull, AuditLogsToSplunkHecOperator(task_id="ship", index="audit", outlets=[Asset("mine")], **common)


def test_what_was_spooled_and_delivered_is_told_with_counts(world, tasks):
    pull, ship = tasks
    (told,) = run(pull).items()
    assert told[0] == SPOOL.name
    assert (told[1]["spooled"], told[1]["head"]) == (700, 1)
    told = run(ship)
    assert set(told) == {"mine", SPLUNK.name}
    assert (told[SPLUNK.name]["delivered"], told[SPLUNK.name]["pending"]) == (700, 0)


def test_nothing_is_told_where_nothing_was_new_and_the_next_time_it_is(world, tasks):
    pull, ship = tasks
    run(pull)
    run(ship)
    assert run(pull) == {}
    assert set(run(ship)) == {"mine"}, "what the author of the DAG declared is Airflow's own affair"
    world.pylon.add(generate(3, world.now - timedelta(minutes=2), world.now - timedelta(minutes=1), seed=3))
    assert run(pull)[SPOOL.name]["spooled"] == 3
    assert run(ship)[SPLUNK.name]["delivered"] == 3


def test_a_task_that_fails_tells_nothing(world, tasks):
    _, ship = tasks
    run(tasks[0])
    world.connect("SPLUNK_HEC_DEFAULT", password="wrong-hec")
    running, events = copy.copy(ship), outlets.OutletEventAccessors()
    with pytest.raises(AirflowFailException):
        running.execute(context(outlet_events=events))
    assert len(events) == 0


def test_the_dags_declare_their_assets():
    entry = {"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}, "s3": {"type": "s3", "bucket": "b"}}}
    dag = build_incremental(pipeline_from("p", entry))
    assert [dag.get_task(name).outlets for name in ("pull", "ship_splunk", "ship_s3", "report")] == [
        [SPOOL],
        [Asset("x-audit-logs://p/splunk")],
        [Asset("x-audit-logs://p/s3")],
        [],
    ]


def test_a_pipeline_of_another_name_has_assets_of_its_own():
    entry = {"source": "pylon", "destinations": {"p": {"type": "s3", "bucket": "b"}}}
    uris = [
        asset.uri
        for name in ("a", "b")
        for build in (build_incremental,)
        for task in build(pipeline_from(name, entry)).tasks
        for asset in task.outlets
    ]
    assert len(uris) == len(set(uris)) == 4
    assert build_backfill(pipeline_from("a", entry)).get_task("ship_p").outlets == [Asset("x-audit-logs://a/p")]


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("file:///var/spool/p/live", ("file", "/var/spool/p/live")),
        ("s3://aws_default@bucket/audit/p/live", ("s3://bucket", "audit/p/live")),
        ("https://api.usepylon.com/audit-logs/search", ("https://api.usepylon.com", "audit-logs/search")),
        ("https://splunk.example.com:8088", ("https://splunk.example.com:8088", "/")),
    ],
)
def test_data_sets_have_the_names_that_openlineage_gives_them(uri, named):
    assert data_set(uri) == named


def test_openlineage_is_told_from_where_to_where(world, tasks):
    pytest.importorskip("airflow.providers.openlineage.extractors", reason="OpenLineage's provider is not installed")
    pull, ship = tasks
    run(pull)
    told = pull.get_openlineage_facets_on_complete(None)
    assert [each.namespace for each in told.inputs] == [world.pylon.url]
    assert [(each.namespace, each.name) for each in told.outputs] == [("file", f"{world.spool}/p/live")]
    ship.execute(context())
    told = ship.get_openlineage_facets_on_complete(None)
    assert [each.name for each in told.inputs] == [f"{world.spool}/p/live"]
    assert [each.namespace for each in told.outputs] == [world.splunk.url]
