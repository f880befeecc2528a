"""The wheel in a fresh Airflow, by the words of the README alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from audit_provider.get_provider_info import get_provider_info
from tests.packaging.conftest import ROOT

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]

HERE = Path(__file__).parent
NAME = "airflow-provider-audit-logs"
CONNECTION_TYPES = {each["connection-type"] for each in get_provider_info()["connection-types"]}

LOOK_FOR_EXAMPLES = """
import os
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "True"
from airflow.dag_processing.bundles.manager import DagBundlesManager
DagBundlesManager()
"""


@pytest.fixture(scope="module")
def found(fresh):
    """What the fresh Airflow says of the package."""
    done = fresh.run("audit-logs", "dag-files", fresh.dags)
    assert done.code == 0, done.err
    for name in (HERE / "fresh_airflow.py", HERE.parent / "airflow_names.py"):
        shutil.copy(name, fresh.home)
    done = fresh.run("python", fresh.home / "fresh_airflow.py", fresh.dags)
    assert done.code == 0, done.err + done.out
    return json.loads(done.out.splitlines()[-1])


def test_it_is_the_wheel_that_runs(found, fresh):
    assert found["installed_at"].startswith(str(fresh.home / "venv"))
    assert list(fresh.empty.iterdir()) == []


def test_airflow_reads_an_event_from_end_to_end(found):
    assert found["run"] == {
        "dags": ["audit_backfill_pylon", "audit_incremental_pylon", "audit_reconcile_pylon", "audit_replay_pylon"],
        "state": "success",
        "arrived": 40,
    }


def test_airflow_looks_for_example_dags_without_an_error(fresh):
    done = fresh.run("python", "-c", LOOK_FOR_EXAMPLES)
    assert done.code == 0, done.err
    assert "airflow_provider_audit_logs" not in done.out + done.err


def test_the_page_and_the_types_come_with_it(found):
    page = ROOT / "audit_provider/plugin/page"
    assert found["page"] == sorted(path.name for path in page.iterdir())
    assert found["typed"]


def test_every_connection_type_has_its_hook(found):
    assert set(found["hooks"]) == CONNECTION_TYPES


@pytest.mark.parametrize(
    ("extra", "needs"), [("parquet", "pyarrow"), ("sentinel", "azure-identity"), ("ssh", "SSH provider")]
)
def test_what_a_missing_extra_is_for_is_one_sentence(found, extra, needs):
    if needs in found["brought_by_others"]:
        pytest.skip(f"another package of this Airflow brings {needs}")
    said = found["missing"][extra]
    assert f"{NAME}[{extra}]" in said
    assert needs in said
    assert "\n" not in said


def test_airflows_own_commands_know_it(fresh, found):
    asked = {
        "providers get": fresh.start("airflow", "providers", "get", NAME, "--full", "--output", "json"),
        "plugins": fresh.start("airflow", "plugins", "--output", "json"),
    }
    told = {}
    for name, process in asked.items():
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        told[name] = out
    assert NAME in told["providers get"]
    assert "audit_provider.hooks.splunk_hec" in told["providers get"]
    assert "audit_logs" in told["plugins"]


def test_dag_files_of_another_version_are_not_replaced_unasked(fresh, found):
    changed = fresh.dags / "audit_logs_backfill.py"
    shipped, own = changed.read_text(), (fresh.dags / "audit_pipelines.yaml").read_text()
    changed.write_text("# mine\n")
    done = fresh.run("python", "-m", "audit_provider", "dag-files", fresh.dags)
    assert (done.code, changed.read_text()) == (1, "# mine\n")
    assert "--replace" in done.err
    assert fresh.run("python", "-m", "audit_provider", "dag-files", "--replace", fresh.dags).code == 0
    assert changed.read_text() == shipped
    assert (fresh.dags / "audit_pipelines.yaml").read_text() == own
