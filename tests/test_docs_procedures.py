"""The procedures of the operating guide, as they are written there.

Outage, dead letters, replay and gaps have tests of their own in ``tests/operators``.
"""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from audit_provider.core.spool import LocalStore, Stream
from audit_provider.operators import AuditLogsToSplunkHecOperator, PullAuditLogsOperator
from audit_provider.sandbox.events import generate
from tests.operators.conftest import DAYS, context, moto, variables, world  # noqa: F401 - fixtures

BUDGET = {"requests": 10_000, "per": 1}


def add(world, count):  # noqa: F811
    """Let events happen since the last run."""
    world.pylon.add(generate(count, world.now - timedelta(minutes=3), world.now, seed=count))


def ship_all(world, spool):  # noqa: F811
    """Read and ship with another place as the spool."""
    start = (world.now - timedelta(days=DAYS + 1)).isoformat()
    own = {"pipeline": "p", "spool": spool}
    pull = PullAuditLogsOperator(task_id="pull", source="pylon", start=start, rate_limit=BUDGET, **own)
    pull.execute(context())
    AuditLogsToSplunkHecOperator(task_id="s", index="audit", **own).execute(context())


def test_rotate_a_token_of_a_source(world):  # noqa: F811
    world.pull()
    add(world, 5)
    world.pylon.token = "canary-new-token-9f21"
    before = world.variables.get("audit_logs.p.cursor")
    whose = r"401.* It is the credential of the source of the pipeline p, in the connection 'pylon_default'\.$"
    with pytest.raises(AirflowFailException, match=whose):
        world.pull()
    assert json.loads(world.variables.get("audit_logs.p.cursor"))["head"] == json.loads(before)["head"]
    world.connect("PYLON_DEFAULT", password=world.pylon.token)
    world.pull()
    assert world.ship("s3")["delivered"] == 705


def test_rotate_a_token_of_a_destination(world):  # noqa: F811
    world.pull()
    world.splunk.token = "canary-new-token-9f22"
    whose = "destination splunk_hec of the pipeline p, in the connection 'splunk_hec_default'"
    with pytest.raises(AirflowFailException, match=whose):
        world.ship("splunk")
    world.connect("SPLUNK_HEC_DEFAULT", password=world.splunk.token)
    assert world.ship("splunk")["delivered"] == 700
    assert sorted(world.splunk.ids()) == sorted(world.pylon.ids())


def test_add_a_destination(world):  # noqa: F811
    world.pull()
    world.ship("splunk")
    add(world, 5)
    world.pull()
    assert world.ship("datadog")["delivered"] == 705, "what was in the spool before it was added"
    assert world.ship("splunk")["delivered"] == 5, "the others notice nothing"


def test_a_destination_that_comes_back_after_its_segments_have_gone(world):  # noqa: F811
    world.pull()
    world.ship("splunk")
    for count in (5, 6):
        add(world, count)
        world.pull()
    position = json.loads(world.variables.get("audit_logs.p.cursor"))
    stream = Stream(LocalStore(world.spool), f"p/live/{position['chain']}")
    later = world.now + timedelta(days=31)
    assert stream.prune(finished=2, written_before=later, now=later) > 0
    with pytest.raises(AirflowException, match="no longer kept: delete the Variable"):
        world.ship("splunk")
    world.variables.delete("audit_logs.p.to.splunk_hec")
    assert world.ship("splunk")["delivered"] == 6, "what is kept"


@pytest.mark.parametrize("scheme", ["file", "s3"])
def test_move_the_spool(world, moto, tmp_path, scheme):  # noqa: F811
    world.pull()
    world.ship("splunk")
    if scheme == "file":
        shutil.copytree(world.spool, tmp_path / "new_spool")
        new = f"file://{tmp_path}/new_spool"
    else:
        for path in (each for each in world.spool.rglob("*") if each.is_file()):
            key = f"spool/{path.relative_to(world.spool).as_posix()}"
            moto.client().put_object(Bucket=world.bucket, Key=key, Body=path.read_bytes())
        new = f"s3://aws_default@{world.bucket}/spool"
    shutil.rmtree(world.spool)
    add(world, 5)
    ship_all(world, new)
    assert sorted(world.splunk.ids()) == sorted(world.pylon.ids()), "each of 705 once"


def test_practise_with_a_dead_letter(world):  # noqa: F811
    world.pull()
    with pytest.raises(AirflowFailException, match="set aside"):
        world.ship("datadog", too_old="dead_letter")
    kept = json.loads(world.variables.get("audit_logs.p.to.datadog"))["counts"]
    assert kept["too_old"] > 0
    assert kept["delivered"] + kept["too_old"] == 700
    again = world.ship("datadog", too_old="arrival_time", params={"redrive": ["datadog"]})
    assert again["redriven"] == kept["too_old"]
    assert sorted(world.datadog.ids()) == sorted(world.pylon.ids()), "everything has arrived"
