"""A DAG of a pipeline as Airflow itself runs it, in one process and over its own database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.models.asset import AssetEvent
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

from audit_provider.plugin.reading import read_dags
from tests.airflow_names import sync_dags

PAGE = "https://splunk.example.com/search"


FILE = """
# a DAG of airflow
from audit_provider.core.pipeline import pipeline_from
from audit_provider.dags import build_incremental

dag = build_incremental(pipeline_from("assets", {entry!r}))
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a pipeline's DAG once Airflow's database knows it."""
    folder = tmp_path / "dags"
    folder.mkdir()
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))

    def load(entry):
        (folder / "assets.py").write_text(FILE.format(entry=entry))
        return sync_dags(folder)["audit_incremental_assets"]

    return load


def events_of(dag):
    """Return the asset events of a DAG, oldest first: ``[(uri, counts)]``."""
    with create_session() as session:
        found = session.query(AssetEvent).filter_by(source_dag_id=dag.dag_id).order_by(AssetEvent.id)
        return [(each.asset.uri, each.extra) for each in found]


def links_of(dag):
    """Return what Airflow keeps for the buttons of the last run's tasks: ``{task: address}``."""
    with create_session() as session:
        found = session.query(XComModel).filter(XComModel.dag_id == dag.dag_id, XComModel.key.like("_link_%"))
        return {each.task_id: XComModel.deserialize_value(each) for each in found}


@pytest.mark.airflow
def test_a_run_leaves_asset_events_and_links_and_a_run_without_news_no_events(world, load, monkeypatch):
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    world.connect("SPLUNK_HEC_DEFAULT", extra={"search_url": PAGE})
    entry = {
        "source": "pylon",
        "start": (world.now - timedelta(days=61)).isoformat(),
        "rate_limit": {"requests": 10_000, "per": 1},
        "schedule": None,
        "destinations": {"splunk": {"type": "splunk_hec", "index": "audit"}},
    }
    dag = load(entry)
    assert dag.test().state == "success"
    told = dict(events_of(dag))
    assert set(told) == {"x-audit-logs://assets", "x-audit-logs://assets/splunk"}
    assert told["x-audit-logs://assets"]["spooled"] == 700
    assert told["x-audit-logs://assets/splunk"]["delivered"] == 700
    assert links_of(dag)["ship_splunk"].startswith(f"{PAGE}?q=search%20index%3D%22audit%22")
    assert dag.test().state == "success"
    assert dict(events_of(dag)) == told
    assert len(events_of(dag)) == 2
    assert "report" not in links_of(dag), "it has no button"
    assert links_of(dag)["pull"] == "", "nobody knows that page, and Airflow need not look for it"


@pytest.mark.airflow
@pytest.mark.parametrize("key", ["redrives", "replay"])
def test_a_run_with_a_key_that_its_form_has_not_does_nothing(world, load, monkeypatch, key):
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    entry = {"source": "pylon", "schedule": None, "destinations": {"splunk": {"type": "splunk_hec", "index": "audit"}}}
    dag = load({**entry, "start": (world.now - timedelta(days=61)).isoformat()})
    assert dag.test().state == "success"
    shipped = world.splunk.duplicates(), len(world.splunk.ids())
    assert dag.test(run_conf={key: ["splunk"]}).state == "failed"
    assert (world.splunk.duplicates(), len(world.splunk.ids())) == shipped
    with create_session() as session:
        name = dag.dag_id.removeprefix("audit_incremental_")
        known = read_dags(session, [name], {dag.dag_id})[name]
    assert (known.run_state, known.failed) == ("failed", ("pull", "ship_splunk", "report"))
