"""Files of a window hold events of several segments, unless they were begun otherwise: no event is in two files."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from audit_provider.core.model import text_of
from audit_provider.core.pull import pull
from audit_provider.operators import AuditLogsToS3Operator
from tests.core.simulation import Crash
from tests.operators.conftest import context, crash_at_commit


@pytest.fixture
def window(world, monkeypatch):
    """A window that is read whole, into a segment per page."""
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 8_000)
    window = {
        "start": text_of(world.now - timedelta(days=61)),
        "end": text_of(world.now + timedelta(seconds=1)),
    }
    assert world.pull(window=window, page_size=50)["head"] >= 14
    return window


def kept(world, ending):
    """Return the key of the only Variable with an ending, and what it says."""
    key = next(each for each in world.variables.all() if each.endswith(ending))
    return key, json.loads(world.variables.get(key))


def test_a_replay_before_the_first_shipping_makes_the_same_files(world, window):
    replay = AuditLogsToS3Operator(
        task_id="s", pipeline="p", spool=f"file://{world.spool}", bucket=world.bucket, replay=True
    )
    wanted = {"start": None, "end": None}
    assert replay.execute(context(params=wanted, dag_run=SimpleNamespace(run_id="r")))["delivered"] == 700
    assert world.ship("s3", windows=[window])["already_there"] == 700
    assert kept(world, ".to.s3")[1]["joins_segments"] is True
    assert world.s3_ids() == sorted(world.pylon.ids())


@pytest.mark.parametrize("commits", [2, 5, 9])
def test_what_an_earlier_version_has_begun_goes_on_as_it_was(world, window, monkeypatch, commits):
    """That version made files of single segments, and died between a file and its commit."""
    cursor, position = kept(world, ".cursor")
    world.variables.set(cursor, json.dumps(position | {"complete": False}))
    with monkeypatch.context() as patched:
        crash_at_commit(patched, world.variables, commits, after=False)
        with pytest.raises(Crash):
            world.ship("s3", windows=[window])
    world.variables.set(cursor, json.dumps(position))
    key, offset = kept(world, ".to.s3")
    del offset["joins_segments"], offset["version"]
    world.variables.set(key, json.dumps(offset))
    assert 0 < len(world.s3_ids()) < 700
    world.ship("s3", windows=[window])
    assert world.s3_ids() == sorted(world.pylon.ids())
    assert kept(world, ".to.s3")[1]["joins_segments"] is False
