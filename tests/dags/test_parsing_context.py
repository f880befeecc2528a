"""A process that runs a task makes its own DAG alone, as Airflow's parsing context asks for it."""

from __future__ import annotations

import runpy

import pytest
from airflow.sdk import DAG

from audit_provider.core.errors import ConfigurationError
from tests.dags.test_dags import DAGS

FOUR = """
a: {source: pylon, destinations: {s3: {type: s3, bucket: b}}}
b: {source: slack, destinations: {s3: {type: s3, bucket: b}}}
audit_incremental_a: {source: slack, destinations: {s3: {type: s3, bucket: b}}}
wrong: {source: nobody, destinations: {s3: {type: s3, bucket: b}}}
"""
KINDS = ("incremental", "backfill", "reconcile")


@pytest.fixture
def dag_ids(tmp_path, monkeypatch):
    path = tmp_path / "pipelines.yaml"
    path.write_text(FOUR)
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(path))

    def dag_ids(kind, asked):
        if asked is not None:
            monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", asked)
        found = runpy.run_path(str(DAGS / f"audit_logs_{kind}.py"))
        return {key for key, value in found.items() if isinstance(value, DAG) and key != "dag"}

    return dag_ids


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", "b", "audit_incremental_a"])
def test_the_dag_that_is_asked_for_is_the_only_one(dag_ids, kind, name):
    assert dag_ids(kind, f"audit_{kind}_{name}") == {f"audit_{kind}_{name}"}


@pytest.mark.parametrize("asked", [None, "", "somebody_elses", "audit_incremental_other", "audit_incremental_"])
def test_where_no_pipeline_is_asked_for_all_are_there(dag_ids, asked):
    assert dag_ids("incremental", asked) == {f"audit_incremental_{name}" for name in ("a", "b", "audit_incremental_a")}


def test_a_pipeline_that_became_wrong_is_named_to_its_own_task(dag_ids):
    with pytest.raises(ConfigurationError, match=r"wrong.source: there is no source 'nobody'"):
        dag_ids("incremental", "audit_incremental_wrong")
