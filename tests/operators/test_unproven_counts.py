"""The counts of monitoring in the hands of one who can write the spool: what is not the report's own is named."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.runs.recorded import recorded_counts
from audit_provider.core.spool import LocalStore
from audit_provider.core.verification.spool import check_counts
from audit_provider.operators import ReportAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.state import Variables
from tests.operators.conftest import context


@pytest.fixture
def counted(world):
    """A pipeline with a report, and what makes the next one."""
    world.pull()

    def report():
        return ReportAuditLogsOperator(
            task_id="r", pipeline="p", destinations=[], source="pylon", monitoring={}, spool=f"file://{world.spool}"
        ).execute(context())

    report()
    return report


def faults(world):
    counts = recorded_counts(Variables(), ["p/live"])
    return [fault for name, vouched in counts.items() for fault in check_counts(LocalStore(world.spool), name, vouched)]


def day_file(world):
    return sorted((world.spool / "p/activity").glob("2*.json"))[-1]


def rewrite(path):
    day = json.loads(path.read_text())
    day["actions"] = {"nothing.happened": [1] * 24}
    path.write_text(json.dumps(day))


def test_counts_that_nobody_touched_are_all_right_after_every_report(world, counted):
    assert faults(world) == []
    world.pylon.add(generate(30, world.now, world.now, seed=3))
    world.pull()
    counted()
    assert faults(world) == []


def test_a_day_that_was_changed_is_named_and_the_next_report_fails_once(world, counted):
    rewrite(day_file(world))
    assert [fault.kind for fault in faults(world)] == ["damaged"]
    with pytest.raises(AirflowFailException, match="are not what the last report has left"):
        counted()
    counted()
    assert faults(world) == []


def test_a_day_that_was_deleted_is_missed(world, counted):
    day_file(world).unlink()
    assert [fault.kind for fault in faults(world)] == ["missing"]
    with pytest.raises(AirflowFailException, match="are not what the last report has left"):
        counted()


def test_a_day_that_no_report_has_counted_is_named(world, counted):
    path = day_file(world)
    (path.parent / "ahead-2200-01-01.json").write_bytes(path.read_bytes())
    assert [fault.kind for fault in faults(world)] == ["foreign"]


def test_counts_of_an_earlier_version_are_believed_and_vouched_for_from_then_on(world, counted):
    key = "audit_logs.p.summary"
    kept = json.loads(world.variables.get(key))
    del kept["counts"]
    world.variables.set(key, json.dumps(kept))
    assert faults(world) == []
    counted()
    assert faults(world) == []
    rewrite(day_file(world))
    assert len(faults(world)) == 1
