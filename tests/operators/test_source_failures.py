"""What a source's record says after runs over the sandbox, and that an upgrade finds and keeps its way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.ledger.health import SOURCE_HEALTH, SourceHealth
from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.text.state_version import STATE_VERSION
from audit_provider.operators import PullAuditLogsOperator
from tests.operators.conftest import PYLON_TOKEN, context

KEY, CURSOR = "audit_logs.p.source", "audit_logs.p.cursor"


def kept(world):
    text = world.variables.get(KEY)
    return None if text is None else SOURCE_HEALTH.unpack(text, KEY)


def pull(world, run_id):
    task = PullAuditLogsOperator(task_id="pull", pipeline="p", source="pylon", spool=f"file://{world.spool}")
    return task.execute(context(run_id=run_id))


def test_a_source_that_refuses_its_credential_is_recorded_before_it_has_a_position(world):
    world.connect("PYLON_DEFAULT", password="wrong")
    for run_id in ("r1", "r1", "r2"):
        with pytest.raises(AirflowFailException):
            pull(world, run_id)
    found = kept(world)
    assert (found.failures_in_a_row, found.failed_run) == (2, "r2")
    assert found.failing_since < found.failed_at
    assert "Pylon" in found.last_error
    assert "wrong" not in found.last_error
    assert world.variables.get(CURSOR) is None
    world.connect("PYLON_DEFAULT", password=PYLON_TOKEN)
    pull(world, "r3")
    assert replace(kept(world), outages=()) == SourceHealth()
    (outage,) = kept(world).outages
    assert (outage.failures, "wrong" in outage.error) == (2, False)
    assert json.loads(world.variables.get(KEY))["version"] == STATE_VERSION


def test_when_a_source_was_last_read_to_its_end_is_kept_while_the_next_run_reads_on(world):
    world.pull()
    first = POSITIONS.unpack(world.variables.get(CURSOR), "")
    assert first.completed_at == first.updated_at
    # As a run leaves it that is still reading, and as an earlier version has left it.
    reading = json.loads(world.variables.get(CURSOR)) | {"complete": False}
    world.variables.set(CURSOR, json.dumps(reading))
    assert POSITIONS.unpack(world.variables.get(CURSOR), "").last_complete == first.completed_at
    del reading["completed_at"]
    assert POSITIONS.unpack(json.dumps(reading), "").last_complete is None
    assert POSITIONS.unpack(json.dumps(reading | {"complete": True}), "").last_complete == first.updated_at


def test_a_record_of_a_later_version_is_left_alone_and_stops_no_run(world):
    later = json.dumps({"version": STATE_VERSION + 1, "failures": "elsewhere"})
    world.variables.set(KEY, later)
    assert world.pull()["spooled"] == 700
    assert world.variables.get(KEY) == later


def test_a_window_of_a_backfill_says_nothing_of_the_source(world):
    end = world.now.isoformat()
    world.pull(window={"start": "2026-01-01", "end": end})
    assert kept(world) is None
