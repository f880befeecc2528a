"""``audit-logs find``, over a spool that real tasks filled and destinations that they shipped to."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import timedelta
from operator import itemgetter

import pytest
from isal import igzip

from audit_provider.__main__ import main
from audit_provider.core.model import text_of
from audit_provider.core.spool.segment import line_of
from tests.command_line.conftest import discard

KEY = "canary-search-key-2277"


@pytest.fixture
def find(world, capsys, tmp_path, monkeypatch):
    """Runs the command and returns its exit code, what it printed, and what it said beside."""
    described = tmp_path / "pipelines.yaml"
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(described))

    def run(*arguments, destinations=None, kept=False):
        entries = destinations or {"s3": {"type": "s3", "bucket": world.bucket}, "hec": {"type": "splunk_hec"}}
        described.write_text(json.dumps({"p": {"source": "pylon", "destinations": entries}}))
        more = ("--json", str(tmp_path / "found.json")) if kept else ()
        capsys.readouterr()
        code = main(["find", *map(str, arguments), *more])
        said = capsys.readouterr()
        assert "canary" not in said.out + said.err
        if kept:
            return json.loads((tmp_path / "found.json").read_text())
        return code, said.out, said.err

    return run


def lines_of(world):
    """Return the lines of every segment, in the order of the chain."""
    paths = sorted((world.spool / "p/live").rglob("*.ndjson.gz"))
    return [line for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]


def fates_of(found):
    return {each["destination"]: each["state"] for each in found["destinations"]}


def test_an_event_is_found_with_its_place_and_digest(world, find):
    world.pull()
    lines = lines_of(world)
    for place in (0, 350, 699):
        line = lines[place]
        name = json.loads(line)["id"]
        (found,) = find(name, kept=True)
        assert (found["id"], found["place"], found["proven"]) == (name, place, True)
        assert found["sha256"] == hashlib.sha256(line).hexdigest()
        manifest = json.loads(world.variables.get("audit_logs.p.cursor"))["head"]
        assert found["manifest_sha256"] == manifest["digest"]
        code, said, _ = find(name)
        assert code == 0
        assert f"sha256:{hashlib.sha256(line).hexdigest()}" in said
        assert f"place {place + 1}  by Airflow's record" in said


def test_the_record_alone_is_printed_byte_for_byte(world, find):
    world.pull()
    line = lines_of(world)[5]
    code, said, _ = find(json.loads(line)["id"], "--record")
    assert code == 0
    assert line.endswith(b'"raw":%b}' % said.rstrip("\n").encode())


def test_what_is_not_there_is_said_only_where_the_whole_chain_was_read(world, find):
    world.pull()
    assert find("nobody-has-this-id")[0] == 1
    (manifest,) = (world.spool / "p/live").rglob("*.manifest.json.gz")
    manifest.unlink()
    code, _, said = find("nobody-has-this-id")
    assert code == 2
    assert f"the manifest {manifest.name} is missing" in said


def test_of_a_letter_that_was_discarded_who_did_so_and_why(world, find):
    world.pull()
    world.ship("datadog", destination="dd", too_old="dead_letter", dead_letters="succeed")
    name = json.loads(lines_of(world)[0])["id"]
    entries = {"dd": {"type": "datadog", "too_old": "dead_letter"}}
    assert fates_of(find(name, destinations=entries, kept=True)[0]) == {"dd": "set aside"}
    discard(world, "dd", name)
    (found,) = find(name, destinations=entries, kept=True)
    (fate,) = found["destinations"]
    assert fate["state"] == "discarded"
    assert "discarded by ada: a test of ours; it was set aside before" in fate["reason"]
    assert "discarded by ada: a test of ours" in find(name, destinations=entries)[1]


def test_of_each_destination_what_became_of_it(world, find):
    world.pull()
    name = json.loads(lines_of(world)[3])["id"]
    (found,) = find(name, kept=True)
    assert fates_of(found) == {"s3": "pending", "hec": "pending"}
    world.ship("s3")
    world.ship("splunk", destination="hec")
    (found,) = find(name, kept=True)
    assert fates_of(found) == {"s3": "delivered", "hec": "delivered"}
    code, said, _ = find(name)
    assert code == 0
    assert f"s3            delivered  between {found['spooled'][:19]}" in said
    assert f"an object below s3://{world.bucket}" in said


def test_a_filter_is_named_by_its_pattern(world, find):
    world.pull()
    line = json.loads(lines_of(world)[0])
    action = line["raw"]["action"]
    hec = {"type": "splunk_hec", "except": ["nothing.such", action]}
    world.ship("splunk", destination="hec", options={"except": hec["except"]})
    (found,) = find(line["id"], kept=True, destinations={"hec": hec})
    assert fates_of(found) == {"hec": "filtered"}
    assert found["destinations"][0]["reason"] == f"by 'except': {action}"
    only = {"type": "splunk_hec", "only": ["nothing.such"]}
    (found,) = find(line["id"], kept=True, destinations={"hec": only})
    assert found["destinations"][0]["reason"] == f"by 'except': {action}", "nothing was shipped under the new filter"
    world.ship("splunk", destination="narrow", options={"only": only["only"]})
    (found,) = find(line["id"], kept=True, destinations={"narrow": only})
    assert found["destinations"][0]["reason"] == f"by 'only': nothing.such does not name '{action}'"


def test_a_dead_letter_has_its_reason_and_what_became_of_it_later(world, find):
    world.pull()
    lines = sorted((json.loads(line) for line in lines_of(world)), key=itemgetter("time"))
    old, young = lines[0]["id"], lines[-1]["id"]
    with pytest.raises(Exception, match="set aside"):
        world.ship("datadog", too_old="dead_letter")
    entry = {"datadog": {"type": "datadog"}}
    (found,) = find(old, kept=True, destinations=entry)
    assert fates_of(found) == {"datadog": "set aside"}
    assert "older than" in found["destinations"][0]["reason"]
    (found,) = find(young, kept=True, destinations=entry)
    assert fates_of(found) == {"datadog": "delivered"}
    (found,) = find(old, kept=True)
    assert fates_of(found)["datadog"] == "set aside", "also where the file does not have the destination any more"


def test_by_who_did_what_and_when(world, find):
    world.pull()
    lines = [json.loads(line) for line in lines_of(world)]
    wanted = next(each for each in lines[100:] if each["raw"].get("actor_user_id"))
    actor, action = wanted["raw"].get("actor_user_id"), wanted["raw"]["action"]
    start, end = sorted((wanted["time"], lines[140]["time"]))
    by_hand = {
        line["id"]
        for line in lines
        if line["raw"].get("actor_user_id") == actor and line["raw"]["action"] == action and start <= line["time"] < end
    }
    found = find(
        *("--actor", actor.upper(), "--action", f"{action[:4].lower()}*", "--from", start, "--to", end), kept=True
    )
    same = {each["id"] for each in found if each["fields"]["action"] == action}
    assert same == by_hand
    assert by_hand <= {each["id"] for each in find("--text", actor.upper(), "--most", 700, kept=True)}
    assert find("--text", "nowhere in any record")[0] == 1


def test_only_so_many_are_shown(world, find):
    world.pull()
    code, said, beside = find("--from", "2020-01-01", "--most", 3)
    assert (code, said.count("\n  happened ")) == (0, 3)
    assert "there are more" in beside


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name an event's id, or at least one of"),
        (["x", "--from", "2026-02-30"], "is no date or date-time"),
        (["x", "--from", "2026-02-02", "--to", "2026-02-01"], "--from must be before --to"),
        (["x", "--most", "0"], "--most must be at least 1"),
        (["x", "--spool", "/there/is/none"], "there is no folder"),
    ],
)
def test_what_cannot_be_searched_ends_with_two_and_one_sentence(find, arguments, said):
    code, _, shown = find(*arguments)
    assert code == 2
    assert said in shown
    assert shown.endswith("Result: could not be searched\n")


def test_a_copy_is_searched_without_airflow_and_says_so(world, find, tmp_path):
    world.pull()
    shutil.copytree(world.spool, tmp_path / "copy")
    name = json.loads(lines_of(world)[0])["id"]
    code, said, _ = find(name, "--spool", tmp_path / "copy", "--without-airflow")
    assert code == 0
    assert "by the newest manifest" in said
    assert "hec           unknown  no record says" in said


def test_events_that_came_under_one_id_are_all_found(world, find):
    world.pull()
    line = max(map(json.loads, lines_of(world)), key=itemgetter("time"))
    world.pylon.add([{**line["raw"], "action": "SomethingElse"}])
    world.pull()
    found = find(line["id"], kept=True)
    assert [each["fields"]["action"] for each in found] == ["SomethingElse", line["raw"]["action"]]
    assert found[0]["id"].startswith(f"{line['id']}-")


def test_the_line_of_an_event_is_the_one_of_its_segment(world):
    from audit_provider.core.spool.segment import decode_events

    world.pull()
    for line in lines_of(world):
        (event,) = decode_events(line)
        assert line_of(event) == line


def test_a_checkpoint_is_not_expected_at_a_destination_that_gets_none(world, find):
    from audit_provider.operators import ReportAuditLogsOperator
    from tests.operators.conftest import context

    world.pull()
    world.ship("s3")
    ReportAuditLogsOperator(task_id="report", pipeline="p", destinations=["s3"], spool=f"file://{world.spool}").execute(
        context()
    )
    (found,) = find("--action", "audit_provider.checkpoint", kept=True)
    assert fates_of(found) == {"s3": "not shipped", "hec": "not shipped"}
    world.ship("s3", evidence=True)
    (found,) = find("--action", "audit_provider.checkpoint", kept=True)
    assert fates_of(found) == {"s3": "delivered", "hec": "not shipped"}


def test_an_event_of_a_backfill_that_did_not_choose_a_destination_is_not_pending_there(world, find):
    cut = world.now.replace(microsecond=0) - timedelta(days=30)
    window = {"start": text_of(cut - timedelta(days=10)), "end": text_of(cut)}
    world.pull(window=window)
    world.ship("s3", windows=[window], source="pylon")
    (path,) = world.spool.glob("p/backfill-*/*/*.ndjson.gz")
    name = json.loads(igzip.decompress(path.read_bytes()).splitlines()[0])["id"]
    (found,) = find(name, kept=True)
    assert fates_of(found) == {"s3": "delivered", "hec": "not shipped"}
    assert "run the backfill again for this destination" in find(name)[1]


def test_where_nobody_knows_the_source_who_did_what_is_not_searched(world, find, tmp_path, monkeypatch):
    world.pull()
    shutil.copytree(world.spool, tmp_path / "copy")
    actor = next(filter(None, (json.loads(line)["raw"].get("actor_user_id") for line in lines_of(world))))
    copy = ("--spool", tmp_path / "copy", "--without-airflow", "--actor", actor)
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(tmp_path / "none.yaml"))
    code, _, said = find(*copy)
    assert (code, "keep who did what: name its source with --source" in said) == (2, True)
    assert find(*copy, "--source", "pylon")[0] == 0
    assert find(*copy, "--source", "pilon")[0] == 2
