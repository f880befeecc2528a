"""``python -m audit_provider verify``, over a spool that real tasks filled and destinations that they shipped to."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from isal import igzip

from audit_provider.__main__ import main
from audit_provider.core.model import text_of
from audit_provider.operators import AuditLogsToElasticsearchOperator
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from audit_provider.sandbox.events import generate
from tests.operators.conftest import SMALL, context

KEY = "canary-search-key-83b1"
STREAM = "logs-saas_audit.pylon-default"


@pytest.fixture
def run(world, capsys):
    """Runs the command and returns its exit code and what it said."""
    world.pull()

    def run(*arguments, spool=world.spool):
        code = main(["verify", str(spool), *map(str, arguments)])
        shown = capsys.readouterr()
        assert "canary" not in shown.out + shown.err
        return code, shown.out + shown.err

    return run


@pytest.fixture
def cluster(monkeypatch):
    with ElasticsearchService(api_keys=[f"k:{KEY}"], streams=[STREAM]) as service:
        connection = {"conn_type": "elasticsearch_logs", "host": service.url, "password": f"k:{KEY}"}
        monkeypatch.setenv("AIRFLOW_CONN_ELASTICSEARCH_LOGS_DEFAULT", json.dumps(connection))
        yield service


def ship(world, **arguments):
    AuditLogsToElasticsearchOperator(task_id="s", pipeline="p", spool=f"file://{world.spool}", **arguments).execute(
        context()
    )


def bucket(world, moto):
    client = moto.client()
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=world.bucket)["Contents"]]
    return client, sorted(keys)


def head_of(world):
    return json.loads(world.variables.get("audit_logs.p.cursor"))["head"]


def chain_of(world):
    return json.loads(world.variables.get("audit_logs.p.cursor"))["chain"]


def test_the_head_is_airflows_and_the_report_may_be_kept(world, run, tmp_path):
    code, said = run("--json", tmp_path / "report.json")
    assert code == 0
    assert "Result: all right" in said
    assert head_of(world)["digest"] in said
    assert "by Airflow's record" in said
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["result"] == "all right"
    assert report["streams"][0]["events"] == report["ids"]["distinct"] == 700


def test_a_copy_is_verified_without_airflow(world, run, tmp_path):
    shutil.copytree(world.spool, tmp_path / "copy")
    code, said = run("--without-airflow", spool=tmp_path / "copy")
    assert code == 0
    assert head_of(world)["digest"] in said
    assert "by the newest manifest" in said


def test_a_copy_needs_no_database_and_the_report_stands_alone(world, run, tmp_path):
    shutil.copytree(world.spool, tmp_path / "copy")
    command = [sys.executable, "-m", "audit_provider", "verify", str(tmp_path / "copy")]
    home = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "home")}
    home["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{tmp_path}/none.db"
    done = subprocess.run(command, capture_output=True, text=True, env=home, timeout=120)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert done.stdout.startswith("Verification of the spool")
    assert head_of(world)["digest"] in done.stdout


def test_a_spool_in_a_bucket(world, run, moto):
    client = moto.client()
    for path in sorted(world.spool.rglob("*.gz")):
        key = f"spool/{path.relative_to(world.spool).as_posix()}"
        client.put_object(Bucket=world.bucket, Key=key, Body=path.read_bytes())
    code, said = run(spool=f"s3://{world.bucket}/spool")
    assert (code, head_of(world)["digest"] in said) == (0, True)
    client.put_object(Bucket=world.bucket, Key=key, Body=b"?")
    assert run(spool=f"s3://{world.bucket}/spool")[0] == 1


def test_where_airflow_has_no_record_the_newest_manifest_counts(world, run):
    (world.variables.folder / "audit_logs.p.cursor").unlink()
    code, said = run()
    assert code == 0
    assert "by the newest manifest" in said


def lose_the_newest_segment(world):
    newest = max(path.name for path in world.spool.rglob("*.manifest.json.gz"))
    for path in world.spool.rglob(f"{newest[:12]}-*"):
        path.unlink()


def test_a_lost_tail_is_known_by_airflows_record(world, run):
    world.pylon.add(generate(5, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    lose_the_newest_segment(world)
    code, said = run()
    assert code == 1
    head = head_of(world)
    assert f"segment 2: p/live/{chain_of(world)}/000000000002-{head['digest'][:16]}.manifest.json.gz is missing" in said
    assert run("--without-airflow")[0] == 0, "nothing but the record tells that there was more"


def test_a_stream_of_which_nothing_is_left_is_missed(world, run, monkeypatch, tmp_path):
    lose_the_newest_segment(world)
    code, said = run("--pipeline", "p")
    assert (code, "segment 1" in said) == (1, True)
    pipelines = tmp_path / "p.yaml"
    pipelines.write_text("p:\n  source: pylon\n  destinations:\n    hec: {type: splunk_hec, index: audit}\n")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(pipelines))
    assert main(["verify"]) == 1


def test_the_default_is_the_spool_of_airflows_settings(world, run, monkeypatch, capsys):
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    assert main(["verify"]) == 0
    assert f"spool {world.spool}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against", "ftp://x/y"], "does not name a destination"),
        (["--against", "s3://b/p?conn=x"], "an unknown option"),
        (["--against", "https://user:canary@host/index"], "must not contain a credential"),
        (["--against", "s3://user:canary@bucket"], "must not contain a credential"),
        (["--against", "https://[x/index"], "is no valid URL"),
        (["--checkpoints", "s3://[x"], "--checkpoints is no valid URL"),
        (["--key", "nonsense"], "name with --checkpoints"),
        (["--settle", "-1"], "--settle must be"),
        (["--settle", "nan"], "--settle must be"),
        (["--against", "s3://there-is-none"], "the destination at s3://there-is-none/ refuses list_objects_v2 (NoSuch"),
        (["--pipeline", "pp"], "the spool contains nothing of a pipeline 'pp', did you mean 'p'?"),
        (["--missing", "/there/is/none"], "cannot be written"),
        (["--source", "pilon", "--against", "s3://b"], "did you mean 'pylon'"),
    ],
)
def test_what_cannot_be_checked_ends_with_two_and_one_sentence(run, arguments, said):
    code, shown = run(*arguments)
    assert (code, "could not be checked" in shown) == (2, True)
    assert said in shown
    assert "canary" not in shown


@pytest.mark.parametrize(
    "spool", ["s3://[x", "s3://id:canary@/p", "file://user:canary@host/p", "ftp://user:canary@host/p"]
)
def test_an_impossible_spool_is_refused_without_its_credential(run, spool):
    code, shown = run(spool=spool)
    assert (code, "could not be checked" in shown) == (2, True)
    assert "conn_id@bucket/prefix" in shown
    assert "canary" not in shown


@pytest.mark.parametrize("option", ["--json", "--missing"])
def test_a_disk_that_is_full_is_no_fault_of_the_spool(world, run, option):
    code, said = run(option, "/dev/full", "--against", f"s3://{world.bucket}")
    assert (code, said.count("No space left on device")) == (2, 1)
    assert said.endswith("Result: could not be checked\n")


def test_a_folder_that_is_none(run, tmp_path):
    assert run(spool=tmp_path / "nope")[0] == 2
    (tmp_path / "empty").mkdir()
    assert run(spool=tmp_path / "empty")[0] == 2


def test_every_id_is_in_the_bucket(world, run, moto):
    world.ship("s3")
    code, said = run("--against", f"s3://{world.bucket}")
    assert code == 0
    assert "700 of 700 ids are there; 0 missing, 0 set aside, 0 pending; 0 stored several times, 0 there that" in said


def test_missing_doubled_and_foreign_objects(world, run, moto, tmp_path):
    world.ship("s3", prefix="audit")
    client, keys = bucket(world, moto)
    first, second, *_ = keys
    body = client.get_object(Bucket=world.bucket, Key=first)["Body"].read()
    client.delete_object(Bucket=world.bucket, Key=first)
    lost = [json.loads(line)["id"] for line in igzip.decompress(body).splitlines()]
    doubled = client.get_object(Bucket=world.bucket, Key=second)["Body"].read()
    client.put_object(Bucket=world.bucket, Key=f"audit/again/{second.rpartition('/')[2]}", Body=doubled)
    client.put_object(Bucket=world.bucket, Key="audit/x.ndjson.gz", Body=igzip.compress(b'{"id":"strange"}\n'))
    client.put_object(Bucket=world.bucket, Key="audit/readme.txt", Body=b"hello")
    arguments = ("--missing", tmp_path / "missing", "--json", tmp_path / "report.json", "--without-airflow")
    code, said = run("--against", f"s3://{world.bucket}/audit", "--source", "pylon", *arguments)
    assert code == 1
    assert sorted((tmp_path / "missing").read_text().splitlines()) == sorted(lost)
    arrival = json.loads((tmp_path / "report.json").read_text())["arrival"]
    assert (arrival["missing"], arrival["extra"]) == (len(lost), 1)
    assert arrival["several_times"] == len(igzip.decompress(doubled).splitlines())
    assert sum(f"MISSING: {name}" in said for name in lost) == min(len(lost), 20)
    assert run("--against", f"s3://{world.bucket}/audit", "--id-at", "id")[0] == 1


def test_an_object_that_is_not_what_was_shipped_is_named(world, run, moto):
    world.ship("s3")
    client, keys = bucket(world, moto)
    body = client.get_object(Bucket=world.bucket, Key=keys[0])["Body"].read()
    client.put_object(Bucket=world.bucket, Key=keys[0], Body=body[:-20])
    code, said = run("--against", f"s3://{world.bucket}")
    assert code == 1
    assert f"the object {keys[0]} is not what was shipped" in said


def altered(body, count):
    """Return the lines of an object with the action of some events changed, and the ids of these."""
    lines = igzip.decompress(body).splitlines()
    ids = []
    for place, line in enumerate(lines[:count]):
        record = json.loads(line)
        action = record["attributes"]["event"]["action"] if "evt" in record["attributes"] else record["action"]
        ids.append(record["attributes"]["evt"]["id"] if "evt" in record["attributes"] else record["id"])
        lines[place] = line.replace(b'"%b"' % action.encode(), b'"NothingHappened"')
    return b"\n".join([*lines, b""]), ids


def test_contents_that_were_changed_at_the_destination_are_named(world, run, moto):
    """Under another name, for an object of this layout is named by its content."""
    world.ship("s3")
    code, said = run("--against", f"s3://{world.bucket}")
    assert code == 0
    assert "contents: 700 of those there compared with the spool, 0 are altered; 0 in a form" in said
    client, keys = bucket(world, moto)
    lines, ids = altered(client.get_object(Bucket=world.bucket, Key=keys[0])["Body"].read(), 3)
    folder = keys[0].rpartition("/")[0]
    key = f"{folder}/{hashlib.sha256(lines).hexdigest()[:32]}.ndjson.gz"
    client.put_object(Bucket=world.bucket, Key=key, Body=igzip.compress(lines))
    client.delete_object(Bucket=world.bucket, Key=keys[0])
    code, said = run("--against", f"s3://{world.bucket}")
    assert code == 1
    assert f"{len(ids)} are altered" in said
    assert sorted(line for line in said.splitlines() if "ALTERED" in line) == sorted(f"ALTERED: {name}" for name in ids)


@SMALL
def test_an_archive_that_was_changed_under_its_key_or_another_is_named(world, run, moto):
    world.ship("s3", options={"layout": "datadog_archive"})
    assert run("--against", f"s3://{world.bucket}")[0] == 0
    client, keys = bucket(world, moto)
    lines, ids = altered(client.get_object(Bucket=world.bucket, Key=keys[0])["Body"].read(), 1)
    client.put_object(Bucket=world.bucket, Key=keys[0], Body=igzip.compress(lines))
    code, said = run("--against", f"s3://{world.bucket}")
    assert (code, f"the object {keys[0]} is not what was shipped" in said) == (1, True)
    name = f"archive_000000.0000.{UUID(hashlib.sha256(lines).hexdigest()[:32], version=5)}.json.gz"
    client.put_object(Bucket=world.bucket, Key=f"dt=20260101/hour=00/{name}", Body=igzip.compress(lines))
    client.delete_object(Bucket=world.bucket, Key=keys[0])
    code, said = run("--against", f"s3://{world.bucket}")
    assert (code, f"ALTERED: {ids[0]}" in said) == (1, True)


@pytest.mark.parametrize("form", [{"format": "envelope"}, {"redact": {"hash": ["action"]}}, {"format": "ecs"}])
def test_what_lies_in_another_form_is_compared_with_the_destination_that_wrote_it(
    world, run, moto, tmp_path, monkeypatch, form
):
    world.ship("s3", options=form)
    described = tmp_path / "pipelines.yaml"
    entry = {"type": "s3", "bucket": world.bucket, **form}
    described.write_text(json.dumps({"p": {"source": "pylon", "destinations": {"s3": entry}}}))
    id_at = ("--id-at", "event.id") if form.get("format") == "ecs" else ()
    code, said = run("--against", f"s3://{world.bucket}", *id_at)
    if form.get("format"):
        assert (code, "contents: 0 of those there compared" in said or "contents" not in said) == (0, True)
    else:
        assert (code, "700 are altered" in said) == (1, True), "nobody knows that it is redacted"
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(described))
    code, said = run("--against", f"s3://{world.bucket}", *id_at)
    assert (code, "contents: 700 of those there compared with the spool, 0 are altered" in said) == (0, True), said
    client, keys = bucket(world, moto)
    content = igzip.decompress(client.get_object(Bucket=world.bucket, Key=keys[0])["Body"].read())
    first, _, rest = content.partition(b"\n")
    lines = first[:-1] + b',"more":1}\n' + rest
    key = f"x/{hashlib.sha256(lines).hexdigest()[:32]}.ndjson.gz"
    client.put_object(Bucket=world.bucket, Key=key, Body=igzip.compress(lines))
    code, said = run("--against", f"s3://{world.bucket}", *id_at)
    assert (code, " 1 are altered" in said) == (1, True)


def test_what_is_not_shipped_yet_is_pending_and_not_missing(world, run, moto):
    code, said = run("--against", f"s3://{world.bucket}", "--destination", "s3")
    assert code == 0
    assert "0 of 700 ids are there; 0 missing, 0 set aside, 700 pending" in said
    assert run("--against", f"s3://{world.bucket}")[0] == 1


@pytest.mark.parametrize("spelled", ["opensearch:", f"opensearch:{STREAM}", "url"])
def test_every_id_is_in_the_stream(world, run, cluster, spelled):
    ship(world)
    cluster.targets[STREAM].roll_over()
    against = f"{cluster.url}/{STREAM}" if spelled == "url" else spelled
    code, said = run("--against", against, "--settle", 0)
    assert code == 0
    assert "700 of 700 ids are there; 0 missing, 0 set aside, 0 pending; 0 stored several times" in said


def test_documents_that_are_lost_or_stored_several_times(world, run, cluster, tmp_path):
    ship(world)
    stream = cluster.targets[STREAM]
    (_, name, document), (_, again, twin), *_ = stream.entries()
    del stream._generations[-1][name]
    stream.roll_over()
    stream._generations[-1][again] = twin
    code, said = run("--against", "opensearch:", "--settle", 0, "--missing", tmp_path / "missing")
    assert code == 1
    assert (tmp_path / "missing").read_text() == f"{document['event']['id']}\n"
    assert "699 of 700 ids are there; 1 missing" in said
    assert "1 stored several times" in said


def test_a_document_whose_record_was_changed_is_named_and_what_a_store_adds_is_not(world, run, cluster):
    ship(world)
    (_, _, added), (_, _, derived), *_ = cluster.targets[STREAM].entries()
    added["event"]["ingested"] = "2026-11-30T00:00:00Z"
    derived["labels"]["team"] = "security"
    added.text, derived.text = json.dumps(added), json.dumps(derived)
    code, said = run("--against", "opensearch:", "--settle", 0)
    assert code == 0
    assert "contents: 700 of those there compared with the spool, 0 are altered" in said
    record = json.loads(derived["event"]["original"])
    derived["event"]["original"] = json.dumps(record | {"action": "IssueOpened, not what it was"})
    derived.text = json.dumps(derived)
    code, said = run("--against", "opensearch:", "--settle", 0)
    assert code == 1
    assert f"ALTERED: {derived['event']['id']}" in said
    assert "1 are altered" in said


@pytest.mark.parametrize("form", ["envelope", "raw"])
def test_records_of_other_forms_are_compared_too(world, run, cluster, form):
    ship(world, options={"format": form})
    (_, _, document), *_ = cluster.targets[STREAM].entries()
    assert run("--against", "opensearch:", "--settle", 0)[0] == 0
    document.get("raw", document)["action"] = "changed"
    document.text = json.dumps(document)
    code, said = run("--against", "opensearch:", "--settle", 0)
    assert (code, "1 are altered" in said) == (1, True)


def test_a_document_that_is_no_longer_kept_as_it_came_is_not_compared(world, run, cluster):
    ship(world, options={"format": "cef"})
    code, said = run("--against", "opensearch:", "--settle", 0)
    assert (code, "700 in a form that cannot be compared" in said) == (0, True)


def test_where_the_store_makes_the_ids_events_are_found_by_their_field(world, run, cluster):
    ship(world, options={"document_id": "none"})
    assert run("--against", "opensearch:?document_id=none", "--settle", 0)[0] == 0
    code, said = run("--against", "opensearch:", "--settle", 0)
    assert code == 1
    assert "700 missing" in said


def test_a_search_that_may_not_be_or_finds_no_stream(world, run, cluster):
    ship(world)
    code, said = run("--against", "opensearch:logs-other")
    assert (code, "no such index" in said) == (2, True)
    cluster.may_read = False
    code, said = run("--against", "opensearch:")
    assert (code, "privilege 'read'" in said) == (2, True)
    code, said = run("--against", "https://elsewhere.example.com/logs-x")
    assert (code, "its credential is sent nowhere else" in said) == (2, True)


def test_what_the_filters_of_then_left_out_is_filtered_and_not_missing(world, run, moto):
    left = sum(action(line) == "LoginSucceeded" for line in lines_of(world))
    assert 0 < left < 700
    world.ship("s3", options={"except": ["LoginSucceeded"]})
    arguments = ("--against", f"s3://{world.bucket}", "--destination", "s3")
    said_of_all = f"{700 - left} of 700 ids are there; 0 missing, 0 set aside, 0 pending, {left} filtered;"
    code, said = run(*arguments)
    assert (code, said_of_all in said) == (0, True), said
    assert run("--against", f"s3://{world.bucket}")[0] == 1, "nobody says which destination this is"
    world.ship("s3")
    code, said = run(*arguments)
    assert (code, said_of_all in said) == (0, True), "nothing was sent under the new filters"
    client, keys = bucket(world, moto)
    gone = igzip.decompress(client.get_object(Bucket=world.bucket, Key=keys[0])["Body"].read()).count(b"\n")
    client.delete_object(Bucket=world.bucket, Key=keys[0])
    code, said = run(*arguments)
    assert (code, f"; {gone} missing, 0 set aside, 0 pending, {left} filtered;" in said) == (1, True)


def lines_of(world):
    paths = (world.spool / "p/live").rglob("*.ndjson.gz")
    return [json.loads(line) for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]


def action(line):
    return line["raw"]["action"]


def test_letters_of_a_stream_whose_position_was_deleted_are_compared_by_their_offset(world, capsys):
    cut = (world.now - timedelta(days=30)).replace(microsecond=0)
    world.pull(start=cut.isoformat())
    world.pull(window={"start": text_of(cut - timedelta(days=30)), "end": text_of(cut)})
    world.ship("datadog", too_old="dead_letter", dead_letters="succeed", source="pylon")
    world.variables.delete("audit_logs.p.cursor")
    code, said = run_again(world, capsys)
    assert (code, "no record of Airflow knows" in said) == (0, False), said
    (letters, *_) = sorted((world.spool / "p/live").rglob("dead/datadog/*.ndjson"))
    content = letters.read_bytes()
    letters.unlink()
    code, said = run_again(world, capsys)
    assert (code, "but Airflow's record of the offset counts" in said) == (1, True)
    letters.write_bytes(content)
    world.variables.delete("audit_logs.p.to.datadog")
    code, said = run_again(world, capsys)
    assert (code, "lies in a stream that no record of Airflow knows: it is never sent" in said) == (1, True)


def run_again(world, capsys):
    """Verify without a pull before it."""
    code = main(["verify", str(world.spool)])
    shown = capsys.readouterr()
    return code, shown.out + shown.err
