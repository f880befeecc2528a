"""Checkpoints as the report task makes them and ship tasks send them."""

from __future__ import annotations

import base64
import json

import pytest
from isal import igzip

from audit_provider.core.spool import LocalStore
from audit_provider.core.transparency.checkpoint import Checkpoint, Note, SigningKey
from audit_provider.core.transparency.merkle import leaf_hashes, range_of
from audit_provider.core.verification import verify
from audit_provider.operators import ReportAuditLogsOperator
from tests.operators.conftest import context

SEED = bytes(range(32))


@pytest.fixture
def report(world):
    def run(**arguments):
        return ReportAuditLogsOperator(
            task_id="report", pipeline="p", destinations=["splunk_hec"], spool=f"file://{world.spool}", **arguments
        ).execute(context())

    return run


@pytest.fixture
def key(monkeypatch):
    password = base64.b64encode(SEED).decode()
    value = {"conn_type": "audit_checkpoint_key", "host": "logs.example.com", "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps(value))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__CHECKPOINT_CONN_ID", "k")
    return SigningKey(SEED)


def evidence_in(spool):
    paths = sorted((spool / "p/evidence").rglob("*.ndjson.gz"))
    return [json.loads(line)["raw"] for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]


def test_a_report_signs_what_was_read(world, report, key):
    world.pull()
    report()
    (record,) = evidence_in(world.spool)
    note = Note.of(record["checkpoint"])
    checkpoint = Checkpoint.of(note.text)
    assert note.signed_by([key.public], checkpoint.origin) == [key.public]
    (segment,) = (world.spool / "p/live").rglob("*.ndjson.gz")
    leaves = leaf_hashes(igzip.decompress(segment.read_bytes()))
    assert (checkpoint.size, checkpoint.root) == (700, range_of(leaves, 0).root)
    report()
    assert len(evidence_in(world.spool)) == 1, "nothing is new"


def test_checkpoints_are_sent_where_the_pipeline_says_so(world, report):
    world.pull()
    world.ship("splunk")
    report()
    assert world.ship("splunk")["delivered"] == 0
    assert world.ship("splunk", evidence=True)["delivered"] == 1
    (sent,) = (each for each in world.splunk.indexed if each["event"].get("action") == "audit_provider.checkpoint")
    assert sent["event"]["destinations"]["splunk_hec"]["delivered"] == 700
    assert sent["event"]["signed"] is False
    found = verify(LocalStore(world.spool))
    assert found.faults == ()


def test_a_report_without_checkpoints_leaves_none(world, report):
    world.pull()
    report(checkpoints=False)
    assert not (world.spool / "p/evidence").exists()
    assert not (world.spool / "p/tree").exists()


def test_a_key_that_cannot_be_used_fails_the_report_after_its_account(world, report, key, monkeypatch, capsys):
    monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps({"conn_type": "audit_checkpoint_key", "password": "canary"}))
    world.pull()
    with pytest.raises(Exception, match="No checkpoint was made: the host of the connection 'k'"):
        report()
    told = capsys.readouterr()
    assert "splunk_hec" in told.out + told.err
    assert "canary" not in told.out + told.err
