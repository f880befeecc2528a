"""``audit-logs prove`` and ``check-proof``: one event's proof, without the others and without the spool."""

from __future__ import annotations

import base64
import json
import shutil
from datetime import timedelta

import pytest
from isal import igzip

from audit_provider.__main__ import main
from audit_provider.core.transparency.checkpoint import SigningKey
from audit_provider.operators import ReportAuditLogsOperator
from audit_provider.sandbox.events import generate
from tests.operators.conftest import context

SEED = bytes(range(32))
KEY = SigningKey(SEED).public


@pytest.fixture
def spooled(world, monkeypatch):
    """A pipeline that was read, whose report has made a signed checkpoint; returns the lines of its events."""
    password = base64.b64encode(SEED).decode()
    value = {"conn_type": "audit_checkpoint_key", "host": "logs.example.com", "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps(value))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__CHECKPOINT_CONN_ID", "k")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    world.pull()
    report(world)
    return lines(world)


def report(world):
    task = ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=["splunk_hec"], spool=f"file://{world.spool}"
    )
    task.execute(context())


def lines(world):
    paths = sorted((world.spool / "p/live").rglob("*.ndjson.gz"))
    return [line for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture
def run(capsys):
    def run(*arguments):
        capsys.readouterr()
        code = main(list(map(str, arguments)))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize("place", [0, 1, 350, 699])
def test_a_proof_holds_without_the_spool(world, spooled, run, tmp_path, place):
    name = json.loads(spooled[place])["id"]
    proof = tmp_path / "proof.json"
    assert run("prove", name, "-o", proof)[0] == 0
    assert json.loads(proof.read_text())["line"].encode() == spooled[place]
    shutil.rmtree(world.spool)
    code, said, _ = run("check-proof", proof, "--key", KEY)
    assert code == 0
    for words in (f"event       {name}", f"place       {place + 1} of 700", f"signed by   {KEY}", "Result: proven"):
        assert words in said


def test_a_proof_is_printed_where_no_file_is_named(spooled, run):
    code, said, _ = run("prove", json.loads(spooled[0])["id"])
    assert (code, json.loads(said)["place"]) == (0, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda proof: proof | {"line": proof["line"].replace('"action":"', '"action":"Not')}, "does not lead to"),
        (lambda proof: proof | {"place": proof["place"] + 1}, "does not lead to"),
        (lambda proof: proof | {"path": proof["path"][1:]}, "does not lead to"),
        (lambda proof: proof | {"path": ["!", *proof["path"][1:]]}, "is not base64"),
        (lambda proof: proof | {"checkpoint": proof["checkpoint"].replace("\n700\n", "\n701\n")}, "not"),
        (lambda proof: proof | {"checkpoint": proof["checkpoint"].partition("\n\n")[0] + "\n"}, "none of the keys"),
        (lambda proof: proof | {"checkpoint": "nothing"}, "a signed note must have"),
        (lambda proof: proof | {"format": "audit_provider.proof/9"}, "has the format 'audit_provider.proof/9'"),
        (lambda _: {}, "holds no proof"),
    ],
)
def test_what_was_changed_proves_nothing(spooled, run, tmp_path, change, said):
    path = tmp_path / "proof.json"
    run("prove", json.loads(spooled[7])["id"], "-o", path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    code, _, shown = run("check-proof", path, "--key", KEY)
    assert code == 1
    assert said in shown
    assert shown.endswith("Result: not proven\n")


def test_another_key_proves_nothing_and_without_one_the_signature_is_not_checked(spooled, run, tmp_path):
    path = tmp_path / "proof.json"
    run("prove", json.loads(spooled[7])["id"], "-o", path)
    assert run("check-proof", path, "--key", SigningKey(bytes(32)).public)[0] == 1
    code, said, _ = run("check-proof", path)
    assert (code, "not checked: give --key" in said) == (0, True)
    assert run("check-proof", path, "--key", "nonsense")[0] == 2
    assert run("check-proof", tmp_path / "none", "--key", KEY)[0] == 2


def test_what_is_not_there_or_not_yet_covered_has_no_proof(world, spooled, run):
    assert run("prove", "nobody-has-this-id")[0] == 1
    fresh = generate(1, world.now - timedelta(minutes=2), world.now, seed=5)
    world.pylon.add(fresh)
    world.pull()
    code, _, said = run("prove", fresh[0]["id"])
    assert (code, "no checkpoint covers" in said) == (2, True)


def test_a_spool_that_was_changed_gives_no_proof(world, spooled, run):
    (block,) = (world.spool / "p/tree/live").rglob("*.json")
    content = json.loads(block.read_text())
    content["segments"][0]["hashes"] = base64.b64encode(bytes(32)).decode()
    block.write_text(json.dumps(content))
    assert run("prove", json.loads(spooled[0])["id"])[0] == 0, "the segment itself is read, and its hashes are right"
    block.unlink()
    code, _, said = run("prove", json.loads(spooled[0])["id"])
    assert (code, "the tree has 0 leaves" in said) == (2, True)


def test_an_auditor_proves_from_a_copy_without_airflow(world, spooled, run, tmp_path):
    shutil.copytree(world.spool, tmp_path / "copy")
    path = tmp_path / "proof.json"
    name = json.loads(spooled[9])["id"]
    assert run("prove", name, "-o", path, "--spool", tmp_path / "copy", "--without-airflow")[0] == 0
    assert run("check-proof", path, "--key", KEY)[0] == 0
    code, said, _ = run("find", name, "--spool", tmp_path / "copy", "--without-airflow")
    assert (code, "checkpoint    of " in said, "with 700 events, signed" in said) == (0, True, True)


def test_an_id_in_two_streams_is_asked_for(world, spooled, run, tmp_path):
    shutil.copytree(world.spool / "p", world.spool / "q")
    name = json.loads(spooled[0])["id"]
    code, _, said = run("prove", name)
    assert (code, f"2 events have the id {name}, in p/live, q/live" in said) == (2, True)
    assert run("prove", name, "--stream", "p/live")[0] == 0
    assert run("prove", name, "--pipeline", "p")[0] == 0


def test_checkpoints_say_when_an_event_was_delivered(world, spooled, run, monkeypatch, tmp_path):
    described = tmp_path / "pipelines.yaml"
    described.write_text(json.dumps({"p": {"source": "pylon", "destinations": {"splunk_hec": {"type": "splunk_hec"}}}}))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(described))
    world.ship("splunk")
    record = world.variables.get("audit_logs.p.tree")
    checkpoint = json.loads(record)["made_at"]
    world.variables.set("audit_logs.p.tree", record.replace(checkpoint, "2020-01-01T00:00:00Z"))
    world.pylon.add(generate(1, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    report(world)
    run("find", json.loads(spooled[0])["id"], "--json", tmp_path / "found")
    (found,) = json.loads((tmp_path / "found").read_text())
    (fate,) = found["destinations"]
    assert fate["state"] == "delivered"
    assert fate["after"] == checkpoint, "then it was not yet there"
    assert fate["until"] >= fate["after"]
