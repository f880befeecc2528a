"""``audit-logs verify --checkpoints``: who rewrites the spool is found by what was kept elsewhere."""

from __future__ import annotations

import base64
import json

import pytest
from isal import igzip

from audit_provider.__main__ import main
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.core.transparency.checkpoint import SigningKey
from audit_provider.core.verification.documents import notes_of_index
from audit_provider.operators import AuditLogsToElasticsearchOperator, ReportAuditLogsOperator
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from audit_provider.state import Variables
from tests.operators.conftest import context

STREAM = "logs-saas_audit.audit_provider_evidence-default"
SEED, OTHER = bytes(range(32)), bytes(range(1, 33))
KEY = SigningKey(SEED).public


@pytest.fixture
def signed(world, monkeypatch):
    """Sets the key that signs, and returns a function that makes a report and returns the evidence so far."""

    def use(seed):
        password = base64.b64encode(seed).decode()
        value = {"conn_type": "audit_checkpoint_key", "host": "logs.example.com", "password": password}
        monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps(value))

    def report():
        ReportAuditLogsOperator(
            task_id="report", pipeline="p", destinations=["s3"], spool=f"file://{world.spool}"
        ).execute(context())
        paths = sorted((world.spool / "p/evidence").rglob("*.ndjson.gz"))
        return [json.loads(line)["raw"] for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]

    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__CHECKPOINT_CONN_ID", "k")
    use(SEED)
    report.use = use
    return report


@pytest.fixture
def compare(world, capsys, tmp_path):
    def run(kept, *arguments):
        path = tmp_path / "kept"
        path.write_text(kept)
        capsys.readouterr()
        code = main(["verify", str(world.spool), "--checkpoints", str(path), *map(str, arguments)])
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def compare_at(world, capsys):
    def run(where, *arguments):
        capsys.readouterr()
        code = main(["verify", str(world.spool), "--checkpoints", where, *map(str, arguments)])
        shown = capsys.readouterr()
        assert "canary" not in shown.out + shown.err
        return code, shown.out + shown.err

    return run


def rewrite(world, *, database):
    """Change one event as somebody would who knows the spool well: chain, ids and digests fit."""
    name = StreamName("p")
    record = position_record(Variables(), name)
    position = record.load()
    stream = name.stream(LocalStore(world.spool), position)
    written, head = Stream(LocalStore(world.spool), "p/live", position.chain), Head()
    for manifest in list(stream.manifests(position.head, 1)):
        segment = SegmentWriter(manifest.written_at)
        events = stream.events(manifest)
        changed = bytes(events[0].raw).replace(b'"action":"', b'"action":"Not')
        segment.add([Event(events[0].id, events[0].time, type(events[0].raw)(changed)), *events[1:]])
        for path in (world.spool / "p/live" / position.chain).glob(f"{manifest.number:012d}-*"):
            path.unlink()
        head = written.append(segment, head, manifest.written_at)
    if database:
        from dataclasses import replace

        record.commit(replace(position, head=head))


def test_what_was_kept_agrees_with_an_honest_spool(world, signed, compare):
    world.pull()
    (record,) = signed()
    for kept in (record["checkpoint"], json.dumps(record), json.dumps([{"_raw": json.dumps(record)}])):
        code, said = compare(kept, "--key", KEY)
        assert (code, f"checkpoints: 1 of 1 agree with the spool; signed by {KEY}" in said) == (0, True)
    code, said = compare(record["checkpoint"] + record["checkpoint"].partition("\n\n")[0] + "\n")
    assert (code, "checkpoints: 2 of 2 agree with the spool; their signatures were not checked" in said) == (0, True)


def test_whoever_rewrites_the_spool_is_found_by_the_database(world, signed, compare):
    world.pull()
    (record,) = signed()
    rewrite(world, database=False)
    code, said = compare(record["checkpoint"])
    assert (code, "is missing" in said) == (1, True)


def test_whoever_rewrites_spool_and_database_is_found_by_a_checkpoint_alone(world, signed, compare):
    world.pull()
    (record,) = signed()
    rewrite(world, database=True)
    assert main(["verify", str(world.spool)]) == 0, "the chain is whole, and the record leads to it"
    code, said = compare(record["checkpoint"])
    assert (code, "with 700 events differs: the events that the spool holds have the root" in said) == (1, True)


def test_a_spool_and_database_of_before_are_found(world, signed, compare, tmp_path):
    world.pull()
    before = world.variables.get("audit_logs.p.cursor")
    from datetime import timedelta

    from audit_provider.sandbox.events import generate

    world.pylon.add(generate(5, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    (record,) = signed()
    assert record["size"] == 705
    world.variables.set("audit_logs.p.cursor", before)
    code, said = compare(record["checkpoint"])
    assert (code, "is longer: the spool holds 700 events of it" in said) == (1, True)


def test_a_pipeline_that_was_removed_is_missed(world, signed, compare):
    world.pull()
    (record,) = signed()
    code, said = compare(record["checkpoint"].replace("/p/live/", "/q/live/"))
    assert (code, "is of no log here: the spool holds nothing of it" in said) == (1, True)


def test_only_the_keys_that_are_given_count(world, signed, compare, tmp_path):
    world.pull()
    (record,) = signed()
    stranger = SigningKey(OTHER).public
    code, said = compare(record["checkpoint"], "--key", stranger)
    assert (code, "none of the keys that were given has signed it" in said) == (1, True)
    pem = tmp_path / "key"
    pem.write_text(f"{KEY}\n")
    assert compare(record["checkpoint"], "--key", stranger, "--key", pem)[0] == 0
    changed = record["checkpoint"].replace("\n700\n", "\n699\n")
    code, said = compare(changed, "--key", KEY)
    assert (code, "was not made with the key that it names" in said) == (1, True)


def test_a_key_that_was_exchanged_is_checked_with_both(world, signed, compare):
    world.pull()
    signed()
    signed.use(OTHER)
    from datetime import timedelta

    from audit_provider.sandbox.events import generate

    record = Variables().read("audit_logs.p.tree")
    made_at = json.loads(record)["made_at"]
    world.variables.set("audit_logs.p.tree", record.replace(made_at, "2020-01-01T00:00:00Z"))
    world.pylon.add(generate(5, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    kept = "".join(each["checkpoint"] for each in signed())
    assert compare(kept, "--key", KEY)[0] == 1
    code, said = compare(kept, "--key", KEY, "--key", SigningKey(OTHER).public)
    assert (code, "checkpoints: 3 of 3 agree" in said) == (0, True)


def test_events_that_are_no_longer_kept_are_compared_by_their_hashes(world, signed, compare):
    from datetime import timedelta

    from audit_provider.sandbox.events import generate

    world.pull()
    world.pylon.add(generate(5, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    (record,) = signed()
    name = StreamName("p")
    stream = name.stream(LocalStore(world.spool), position_record(Variables(), name).load())
    later = world.now + timedelta(days=900)
    assert stream.prune(finished=1, written_before=later, now=later) == 1
    position = json.loads(world.variables.get("audit_logs.p.cursor"))
    world.variables.set("audit_logs.p.removed", json.dumps({"chain": position["chain"], "oldest": 2}))
    code, said = compare(record["checkpoint"])
    assert (code, "checkpoints: 1 of 1 agree" in said) == (0, True), said
    for path in (world.spool / "p/tree").rglob("*.json"):
        path.unlink()
    code, said = compare(record["checkpoint"])
    assert (code, "cannot be compared: the segments before 2" in said) == (1, True)


@pytest.mark.parametrize("kept", ["", "hello", '{"a": 1}', "\x00"])
def test_a_file_without_a_checkpoint_is_no_proof(world, signed, compare, kept):
    world.pull()
    assert compare(kept)[0] == 2


def test_a_key_that_is_none_is_named(world, signed, compare):
    world.pull()
    (record,) = signed()
    assert compare(record["checkpoint"], "--key", "nonsense")[0] == 2


def test_checkpoints_lie_in_a_bucket_among_other_events(world, signed, compare, moto, capsys):
    world.pull()
    signed()
    world.ship("s3", prefix="audit", evidence=True)
    where = f"s3://{world.bucket}/audit"
    arguments = ["verify", str(world.spool), "--key", str(KEY), "--checkpoints"]
    assert main([*arguments, where]) == 0
    assert f"checkpoints: 1 of 1 agree with the spool; signed by {KEY}" in capsys.readouterr().out
    assert main([*arguments, f"s3://{world.bucket}/nothing"]) == 2
    assert "holds a checkpoint: name the destination's bucket" in capsys.readouterr().err
    assert main([*arguments, f"{where}?conn=x"]) == 2
    assert "--checkpoints s3://" in capsys.readouterr().err
    rewrite(world, database=True)
    assert main([*arguments, where]) == 1


@pytest.fixture
def cluster(monkeypatch):
    with ElasticsearchService(
        api_keys=["k:canary"], streams=["logs-saas_audit.pylon-default", STREAM, "logs-other"]
    ) as service:
        connection = {"conn_type": "elasticsearch_logs", "host": service.url, "password": "k:canary"}
        monkeypatch.setenv("AIRFLOW_CONN_ELASTICSEARCH_LOGS_DEFAULT", json.dumps(connection))
        yield service


def ship(world, **arguments):
    AuditLogsToElasticsearchOperator(
        task_id="s", pipeline="p", spool=f"file://{world.spool}", evidence=True, **arguments
    ).execute(context())


@pytest.mark.parametrize("form", ["raw", "envelope", "ecs", "ocsf"])
@pytest.mark.parametrize("where", ["elasticsearch:", f"opensearch:{STREAM}", "url"])
def test_checkpoints_are_read_back_from_an_index(world, signed, compare_at, cluster, form, where):
    world.pull()
    signed()
    ship(world, options={"format": form})
    where = f"{cluster.url}/{STREAM}" if where == "url" else where
    code, said = compare_at(where, "--key", KEY)
    assert (code, f"checkpoints: 1 of 1 agree with the spool; signed by {KEY}" in said) == (0, True), said
    rewrite(world, database=True)
    code, said = compare_at(where, "--key", KEY)
    assert (code, "differs: the events that the spool holds have the root" in said) == (1, True)


def test_an_index_may_have_the_checkpoints_of_other_pipelines_and_other_events(world, signed, compare_at, cluster):
    world.pull()
    (record,) = signed()
    ship(world)
    other = record | {"checkpoint": record["checkpoint"].replace("/p/live/", "/q/live/")}
    for raw in (other, {"checkpoint": "none"}):
        cluster.targets[STREAM].create(None, json.dumps({"@timestamp": TIME, "event": {"id": "checkpoint-x"}, **raw}))
    assert "checkpoints: 1 of 2 agree" in compare_at("opensearch:")[1]
    code, said = compare_at("opensearch:", "--pipeline", "p")
    assert (code, "checkpoints: 1 of 1 agree" in said) == (0, True)


def test_an_index_that_holds_none_or_cannot_be_asked_is_no_proof(world, signed, compare_at, cluster):
    world.pull()
    signed()
    ship(world, options={"format": "cef"})
    code, said = compare_at("opensearch:")
    assert (code, "holds no checkpoint that can be read" in said) == (2, True)
    code, said = compare_at("opensearch:?conn=x")
    assert (code, "--checkpoints opensearch:" in said) == (2, True)
    code, said = compare_at("opensearch:logs-none")
    assert (code, "no such index" in said) == (2, True)
    code, said = compare_at("https://elsewhere.example.com/logs-x")
    assert (code, "--checkpoints leads to https://elsewhere.example.com" in said) == (2, True)
    cluster.may_read = False
    code, said = compare_at("opensearch:")
    assert (code, "privilege 'read'" in said) == (2, True)


TIME = "2026-11-30T00:00:00.000Z"


@pytest.mark.parametrize(
    ("milliseconds", "page"),
    [([*range(7)], 2), ([0, 0, 1, 1, 1, 2], 3), ([0] * 5, 2), ([0, 1, 1, 1, 1, 2], 2), ([], 2), ([0, 1], 2)],
)
def test_every_page_of_an_index_is_read(cluster, milliseconds, page):
    from audit_provider.core.transparency.checkpoint import Checkpoint
    from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook

    made = [str(Checkpoint("o/p/live/unnamed", number, bytes(32)).signed([])) for number in range(len(milliseconds))]
    for number, (milli, note) in enumerate(zip(milliseconds, made, strict=True)):
        document = {"@timestamp": f"2026-11-30T00:00:00.{milli:03}Z", "event": {"id": f"checkpoint-{number}"}}
        cluster.targets["logs-other"].create(None, json.dumps(document | {"checkpoint": note}))
    client = ElasticsearchLogsHook().client()
    if not made:
        with pytest.raises(ConfigurationError, match="holds no checkpoint"):
            notes_of_index(client, "logs-other", page=page)
        return
    assert sorted(map(str, notes_of_index(client, "logs-other", page=page))) == sorted(made)
