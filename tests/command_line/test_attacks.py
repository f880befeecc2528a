"""What somebody may do to the evidence, and what finds it: one test for each row of the table for auditors."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from isal import igzip

from audit_provider.__main__ import main
from audit_provider.core.ledger.records import offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.core.transparency.checkpoint import Checkpoint, Note, SigningKey
from audit_provider.operators import ReportAuditLogsOperator, VerifyAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.state import Variables
from tests.core.destinations.stand_ins import serving
from tests.core.transparency.witness_stand_in import StandInWitness
from tests.documentation import ROOT
from tests.operators.conftest import context

STOLEN, NEW = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))
LIVE = StreamName("p")


@pytest.fixture
def scene(world, monkeypatch, tmp_path, capsys):
    """A pipeline that was read and shipped, and what an attacker and an auditor may do with it."""

    class Scene:
        spool = world.spool

        def use(self, key, **extra):
            password = base64.b64encode(key.seed).decode()
            value = {"conn_type": "audit_checkpoint_key", "host": "logs.example.com", "password": password}
            value["extra"] = extra
            monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps(value))

        def checkpoint(self):
            """Let the report make one, and return it as it lies outside."""
            ReportAuditLogsOperator(
                task_id="report", pipeline="p", destinations=["s3", "datadog"], spool=f"file://{world.spool}"
            ).execute(context())
            return self.evidence("audit_provider.checkpoint")[-1]["checkpoint"]

        def evidence(self, action):
            paths = sorted((world.spool / "p/evidence").rglob("*.ndjson.gz"))
            lines = [line for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]
            return [raw for line in lines if (raw := json.loads(line)["raw"])["action"] == action]

        def rewrite(self, *, database):
            """Change an event so that chain, ids and digests fit again."""
            record = position_record(Variables(), LIVE)
            position = record.load()
            stream = LIVE.stream(LocalStore(world.spool), position)
            (manifest,) = stream.manifests(position.head, 1)
            first, *rest = stream.events(manifest)
            segment = SegmentWriter(manifest.written_at)
            raw = type(first.raw)(bytes(first.raw).replace(b'"action":"', b'"action":"Not'))
            segment.add([Event(first.id, first.time, raw), *rest])
            for path in (world.spool / "p/live" / position.chain).glob("0000*"):
                path.unlink()
            written = Stream(LocalStore(world.spool), "p/live", position.chain)
            head = written.append(segment, Head(), manifest.written_at)
            if database:
                record.commit(replace(position, head=head))

        def verify(self, *arguments, kept=None):
            if kept is not None:
                (tmp_path / "kept").write_text(kept)
                arguments = (*arguments, "--checkpoints", tmp_path / "kept")
            capsys.readouterr()
            code = main(["verify", str(world.spool), *map(str, arguments)])
            return code, capsys.readouterr().out

        def find(self, name):
            capsys.readouterr()
            main(["find", name, "--json", str(tmp_path / "found"), "--spool", str(world.spool)])
            (found,) = json.loads((tmp_path / "found").read_text())
            return {each["destination"]: each for each in found["destinations"]}

        def lines(self):
            (path,) = (world.spool / "p/live").rglob("*.ndjson.gz")
            return sorted(map(json.loads, igzip.decompress(path.read_bytes()).splitlines()), key=lambda e: e["time"])

    described = tmp_path / "pipelines.yaml"
    entries = {"s3": {"type": "s3", "bucket": world.bucket}, "datadog": {"type": "datadog"}}
    described.write_text(json.dumps({"p": {"source": "pylon", "destinations": entries}}))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(described))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__CHECKPOINT_CONN_ID", "k")
    made = Scene()
    made.use(STOLEN)
    world.pull()
    return made


def spool_rewritten(scene, world, moto):
    scene.rewrite(database=False)
    code, said = scene.verify()
    assert (code, "is missing" in said) == (1, True)


def database_rewritten(scene, world, moto):
    record = position_record(Variables(), LIVE)
    position = record.load()
    record.commit(replace(position, head=replace(position.head, digest="0" * 64)))
    assert scene.verify()[0] == 1
    record.commit(replace(position, counts=replace(position.counts, read=9, spooled=9)))
    code, said = scene.verify()
    assert (code, "leads to 700 events, but 9 are recorded" in said) == (1, True)


def spool_and_database_rewritten(scene, world, moto):
    kept = scene.checkpoint()
    scene.rewrite(database=True)
    assert scene.verify()[0] == 0, "nothing within reach of the attacker tells"
    code, said = scene.verify("--key", STOLEN.public, kept=kept)
    assert (code, "differs: the events that the spool holds have the root" in said) == (1, True)


def siem_copy_changed(scene, world, moto):
    world.ship("s3")
    client = moto.client()
    key = client.list_objects_v2(Bucket=world.bucket)["Contents"][0]["Key"]
    lines = igzip.decompress(client.get_object(Bucket=world.bucket, Key=key)["Body"].read())
    changed = lines.replace(b'"action":"', b'"action":"Not', 1)
    other = f"{key.rpartition('/')[0]}/{hashlib.sha256(changed).hexdigest()[:32]}.ndjson.gz"
    client.put_object(Bucket=world.bucket, Key=other, Body=igzip.compress(changed))
    client.delete_object(Bucket=world.bucket, Key=key)
    verify = VerifyAuditLogsOperator(task_id="verify", pipeline="p", spool=f"file://{world.spool}")
    with pytest.raises(Exception, match="destinations of p lack what they confirmed, on 1 days.*: 1 are missing"):
        verify.execute(context())
    code, said = scene.verify("--against", f"s3://{world.bucket}", "--destination", "s3")
    assert (code, "1 are altered" in said) == (1, True)


def dead_letter_removed(scene, world, moto):
    with pytest.raises(Exception, match="set aside"):
        world.ship("datadog", too_old="dead_letter")
    kept = scene.checkpoint()
    assert scene.evidence("audit_provider.checkpoint")[-1]["destinations"]["datadog"]["set_aside"] > 0
    name = scene.lines()[0]["id"]
    assert scene.find(name)["datadog"]["state"] == "set aside"
    for path in (scene.spool / "p/live").rglob("dead/datadog/*.ndjson"):
        path.unlink()
    fate = scene.find(name)["datadog"]
    assert (fate["state"], "dead letters are missing" in fate["reason"]) == ("unknown", True)
    code, said = scene.verify(kept=kept)
    assert (code, "dead" in said) == (1, True)


def dead_letter_and_database_rewritten(scene, world, moto):
    with pytest.raises(Exception, match="set aside"):
        world.ship("datadog", too_old="dead_letter")
    VerifyAuditLogsOperator(task_id="verify", pipeline="p", spool=f"file://{world.spool}").execute(context())
    record = offset_record(Variables(), LIVE, "datadog")
    offset = record.load()
    aside = offset.counts.set_aside
    counts = replace(offset.counts, too_old=0, dead_lettered=0, delivered=offset.counts.delivered + aside)
    record.commit(replace(offset, counts=counts))
    (letters,) = (scene.spool / "p/live").rglob("dead/datadog/*.ndjson")
    kept = letters.read_bytes()
    letters.write_bytes(kept.splitlines(keepends=True)[0])
    code, said = scene.verify()
    assert (code, f"{letters.name} is not what the log of entries says" in said) == (1, True)
    letters.unlink()
    code, said = scene.verify()
    assert (code, f"{letters.name} is in the log of entries, and no longer in the spool" in said) == (1, True)


def calendar_rewritten(scene, world, moto):
    verify = VerifyAuditLogsOperator(task_id="verify", pipeline="p", spool=f"file://{world.spool}")
    verify.execute(context())
    assert scene.verify()[0] == 0
    path = scene.spool / "p/calendar/days.json"
    written = path.read_bytes()
    calendar = json.loads(written)
    day = min(day for day, each in calendar["days"].items() if each["state"] != "proven")
    calendar["days"][day] |= {"state": "proven", "reason": ""}
    path.write_text(json.dumps(calendar))
    code, said = scene.verify()
    assert (code, f"it says proven of {day}" in said, "days.json is not what the verification of" in said) == (
        1,
        True,
        True,
    )
    calendar = json.loads(written)
    calendar["days"][day]["compared"] = True
    path.write_text(json.dumps(calendar))
    assert scene.verify()[0] == 1, "no more than a detail"
    path.unlink()
    assert scene.verify()[0] == 0, "it claims nothing"
    path.write_bytes(written)
    assert scene.verify()[0] == 0
    calendar["days"][day] |= {"state": "proven", "reason": "", "kept": False}
    path.write_text(json.dumps(calendar))
    with pytest.raises(Exception, match="days.json is not what the verification of"):
        verify.execute(context())
    assert "days.json is not what" in scene.evidence("audit_provider.verification")[-1]["faults"][0]
    assert json.loads(path.read_bytes())["days"][day]["state"] != "proven"
    verify.execute(context())
    assert scene.verify()[0] == 0
    assert json.loads(path.read_bytes())["days"][day]["state"] != "proven", "it was judged again"


def configuration_changed_and_back(scene, world, moto):
    world.ship("splunk")
    for options in ({"except": ["UserDeleted"]}, None):
        world.pylon.add(generate(1, world.now - timedelta(minutes=2), world.now, seed=len(world.splunk.indexed)))
        world.pull()
        world.ship("splunk", options=options)
    told = [each["difference"]["except"] for each in scene.evidence("audit_provider.configuration")]
    assert told == [{"before": [], "after": ["UserDeleted"]}, {"before": ["UserDeleted"], "after": []}]


def clock_set_back(scene, world, moto):
    position = position_record(Variables(), LIVE).load()
    stream = LIVE.stream(LocalStore(scene.spool), position)
    before = stream.manifest(position.head)
    segment = SegmentWriter(world.now)
    segment.add([Event("late", world.now, before_raw := type(stream.events(before)[0].raw)(b'{"id":"late"}'))])
    assert before_raw
    head = stream.append(segment, position.head, before.written_at - timedelta(hours=30))
    after = stream.manifest(head)
    assert after.written_at == before.written_at, "it is not dated before the one in front of it"
    assert (after.number, after.previous) == (2, position.head)


def two_versions_of_a_log(scene, world, moto):
    witness = StandInWitness()
    origin = f"logs.example.com/p/live/{position_record(Variables(), LIVE).load().chain}"
    witness.logs[origin] = [STOLEN.public.raw]
    with serving(witness.app) as server:
        scene.use(STOLEN, witness=server.url, witness_key=witness.verifier)
        kept = scene.checkpoint()
        assert scene.verify("--key", witness.verifier, kept=kept)[0] == 0
        scene.rewrite(database=True)
        code, said = scene.verify("--key", witness.verifier, kept=kept)
        assert (code, "differs" in said) == (1, True), "the reader who has the first version"
        honest = Checkpoint.of(Note.of(kept).text)
        lines = [line for path in (scene.spool / "p/live").rglob("*.ndjson.gz") for line in _lines(path)]
        forged = replace(honest, root=_root(lines)).signed([STOLEN])
        assert scene.verify("--key", STOLEN.public, kept=str(forged))[0] == 0, "the log's own key signs both"
        code, said = scene.verify("--key", witness.verifier, kept=str(forged))
        assert (code, "none of the keys that were given has signed it" in said) == (1, True)
        body = f"old {honest.size}\n\n{forged}".encode()
        assert requests.post(f"{server.url}/add-checkpoint", body, timeout=30).status_code == 422


def key_stolen_and_exchanged(scene, world, moto):
    kept = scene.checkpoint()
    scene.use(NEW)
    scene.rewrite(database=True)
    code, said = scene.verify("--key", STOLEN.public, "--key", NEW.public, kept=kept)
    assert (code, "differs" in said) == (1, True), "what was signed before the theft"
    honest = Checkpoint.of(Note.of(kept).text)
    lines = [line for path in (scene.spool / "p/live").rglob("*.ndjson.gz") for line in _lines(path)]
    forged = str(replace(honest, root=_root(lines)).signed([STOLEN]))
    assert scene.verify("--key", STOLEN.public, kept=forged)[0] == 0, "the thief's signature fits the thief's spool"
    code, said = scene.verify("--key", NEW.public, kept=forged)
    assert (code, "none of the keys that were given has signed it" in said) == (1, True)


def _lines(path):
    return igzip.decompress(path.read_bytes()).splitlines()


def _root(lines):
    from audit_provider.core.transparency.merkle import leaf_hash, range_of

    return range_of([leaf_hash(each) for each in lines], 0).root


ATTACKS = {
    "spool rewritten": spool_rewritten,
    "database rewritten": database_rewritten,
    "spool and database rewritten": spool_and_database_rewritten,
    "SIEM's copy changed": siem_copy_changed,
    "dead letter removed": dead_letter_removed,
    "dead letter and database rewritten": dead_letter_and_database_rewritten,
    "calendar rewritten": calendar_rewritten,
    "configuration changed and back": configuration_changed_and_back,
    "clock set back": clock_set_back,
    "two versions of a log, one for each reader": two_versions_of_a_log,
    "key stolen and exchanged": key_stolen_and_exchanged,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_found(attack, scene, world, moto):
    ATTACKS[attack](scene, world, moto)


def test_the_table_for_auditors_has_a_test_for_each_row():
    page = (ROOT / "docs/auditors.md").read_text(encoding="utf-8")
    table = page.partition("## Attacks, and what finds them")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    assert rows[1:] == list(ATTACKS)
