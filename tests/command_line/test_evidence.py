"""``audit-logs evidence``: one signed file about a time range, which says no more and no less than what is known."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from collections import Counter
from datetime import timedelta

import msgspec
import pytest
from isal import igzip

from audit_provider.__main__ import main
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Window, text_of
from audit_provider.core.sources.reading.reconciliation import ReconciliationState
from audit_provider.core.transparency.checkpoint import Note, SigningKey
from audit_provider.operators import ReportAuditLogsOperator, VerifyAuditLogsOperator
from audit_provider.state import Variables
from tests.command_line.conftest import discard
from tests.operators.conftest import context

SEED = bytes(range(32))


@pytest.fixture
def pack(world, monkeypatch, tmp_path, capsys):
    """Makes a pack of the last thirty days and returns its files by name, and the exit code."""
    described = tmp_path / "pipelines.yaml"
    entries = {
        "s3": {"type": "s3", "bucket": world.bucket, "prefix": "canary-prefix"},
        "hec": {"type": "splunk_hec", "except": ["LoginFailed"]},
        "dd": {"type": "datadog", "too_old": "dead_letter"},
    }
    described.write_text(json.dumps({"p": {"source": "pylon", "destinations": entries}}))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(described))
    path = tmp_path / "pack.zip"

    def run(*more, code=0):
        # Two days, since it may be past midnight by now.
        start, end = (world.now - timedelta(days=30)).date(), (world.now + timedelta(days=2)).date()
        span = ("--from", str(start), "--to", str(end)) if "--from" not in more else ()
        capsys.readouterr()
        assert main(["evidence", "--pipeline", "p", *span, "-o", str(path), *more]) == code
        said = capsys.readouterr()
        if code == 2:
            return said.err
        with zipfile.ZipFile(path) as opened:
            assert opened.testzip() is None
            return {name: opened.read(name) for name in opened.namelist()}

    return run


@pytest.fixture
def shipped(world):
    world.pull()
    world.ship("splunk", destination="hec", options={"except": ["LoginFailed"]})
    with pytest.raises(Exception, match="set aside"):
        world.ship("datadog", destination="dd", too_old="dead_letter")
    report(world)
    return world


def report(world):
    ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=["s3", "hec", "dd"], spool=f"file://{world.spool}"
    ).execute(context())


def records(world):
    paths = sorted((world.spool / "p/live").rglob("*.ndjson.gz"))
    return [json.loads(line) for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]


def test_a_pack_counts_what_the_spool_holds_by_day_and_destination(shipped, pack):
    files = pack()
    facts = json.loads(files["evidence.json"])
    start = (shipped.now - timedelta(days=30)).date()
    days = Counter(each["time"][:10] for each in records(shipped) if each["time"][:10] >= str(start))
    assert {day: met["events"] for day, met in facts["days"].items()} == days
    failed = Counter(each["time"][:10] for each in records(shipped) if each["raw"]["action"] == "LoginFailed")
    aside = Counter(each["happened"][:10] for each in facts["letters"] if each["destination"] == "dd")
    for day, met in facts["days"].items():
        assert met["destinations"]["s3"] == {"pending": days[day]}
        assert met["destinations"]["hec"].get("filtered", 0) == failed[day]
        assert sum(met["destinations"]["hec"].values()) == days[day]
        assert met["destinations"]["dd"].get("set aside", 0) == aside[day]
    assert sum(aside.values()) > 300
    assert f'<td class="n">{days.most_common(1)[0][1]:,}</td>' in files["index.html"].decode()
    assert re.search(r'<span class="words">[0-9,]+ delivered</span>', files["index.html"].decode())


def test_a_discarded_letter_is_in_it_with_who_did_so_and_why_and_counts_as_open_no_longer(shipped, pack):
    before = json.loads(pack()["evidence.json"])
    chosen = next(each for each in before["letters"] if each["destination"] == "dd")
    discard(shipped, "dd", chosen["id"])
    files = pack()
    after = json.loads(files["evidence.json"])
    (letter,) = (each for each in after["letters"] if each["discarded_at"])
    assert (letter["id"], letter["discarded_by"], letter["discarded_for"]) == (chosen["id"], "ada", "a test of ours")
    day = chosen["happened"][:10]
    was, now = (each["days"][day]["destinations"]["dd"] for each in (before, after))
    assert now["discarded"] == 1
    assert now.get("set aside", 0) == was["set aside"] - 1
    assert sum(now.values()) == sum(was.values())
    page = files["index.html"].decode()
    assert "discarded by ada at" in page
    count = len(after["letters"])
    assert f"{count:,}, of which {count - 1:,} are open" in page


def test_every_file_is_in_the_sums_and_the_sums_are_signed(shipped, pack, monkeypatch):
    password = base64.b64encode(SEED).decode()
    value = {"conn_type": "audit_checkpoint_key", "host": "logs.example.com", "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps(value))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__CHECKPOINT_CONN_ID", "k")
    files = pack()
    note = Note.of(files.pop("signature.txt").decode())
    sums = files.pop("SHA256SUMS")
    assert note.text == f"audit_provider.pack/1\n{sums.decode()}"
    assert note.signed_by([SigningKey(SEED).public], "logs.example.com/pack/p") == [SigningKey(SEED).public]
    assert sums.decode() == "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in files.items())
    assert str(SigningKey(SEED).public) in files["index.html"].decode()
    assert password.encode() not in b"".join(files.values())


def test_without_a_key_it_says_that_nobody_has_signed(shipped, pack):
    files = pack()
    assert "is not signed" in files["index.html"].decode()
    assert Note.of(files["signature.txt"].decode()).signatures == ()
    assert files["public_keys.txt"] == b""


def test_no_event_is_in_it_unless_asked(shipped, pack):
    files = pack()
    held = records(shipped)
    texts = b"".join(igzip.decompress(body) if name.endswith(".gz") else body for name, body in files.items())
    actors = {each["raw"]["actor_user_id"] for each in held if each["raw"].get("actor_user_id")}
    assert not [each for each in actors if each.encode() in texts]
    assert not [name for name in files if name.endswith(".ndjson.gz")]
    (segment,) = (shipped.spool / "p/live").rglob("*.ndjson.gz")
    files = pack("--events")
    assert files[f"spool/{segment.relative_to(shipped.spool)}"] == segment.read_bytes()


def test_manifests_and_checkpoints_are_in_it_byte_for_byte(shipped, pack):
    files = pack()
    (manifest,) = (shipped.spool / "p/live").rglob("*.manifest.json.gz")
    assert files[f"spool/{manifest.relative_to(shipped.spool)}"] == manifest.read_bytes()
    (line,) = (shipped.spool / "p/evidence").rglob("*.ndjson.gz")
    kept = json.loads(igzip.decompress(line.read_bytes()))["raw"]["checkpoint"]
    assert files["checkpoints.txt"].decode() == kept


def test_a_change_of_the_configuration_is_shown_with_its_difference(shipped, pack):
    shipped.ship("splunk", destination="hec", options={"except": ["LoginFailed", "<b>Shown</b>"]})
    page = pack()["index.html"].decode()
    assert "&lt;b&gt;Shown&lt;/b&gt;" in page
    assert "<b>Shown</b>" not in page


def test_options_are_not_shown(shipped, pack):
    files = pack()
    assert "canary" not in b"".join(files.values()).decode(errors="replace")


def test_a_spool_with_a_fault_makes_a_pack_that_says_so(shipped, pack):
    (shipped.spool / "p/live/stranger").write_text("x")
    files = pack(code=1)
    assert "faults found" in files["index.html"].decode()
    assert json.loads(files["verification.json"])["result"] == "faults found"


def test_the_page_needs_nothing_else_and_is_light(shipped, pack):
    page = pack()["index.html"].decode()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "color-scheme:light}" in page
    assert "@media print" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-02-02", "--to", "2026-02-01"), "--from must be before --to"),
        (("--from", "x", "--to", "2026-02-01"), "is no date or date-time"),
    ],
)
def test_a_range_that_is_none_is_refused(shipped, pack, arguments, said):
    assert said in pack(*arguments, code=2)


def test_a_pipeline_that_is_none_is_refused(shipped, pack, tmp_path, capsys):
    span = ["--from", "2026-01-01", "--to", "2026-02-01", "-o", str(tmp_path / "x.zip")]
    assert main(["evidence", "--pipeline", "pp", *span]) == 2
    assert "did you mean 'p'" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()


def test_the_pack_says_which_days_are_proven_and_what_destinations_answered(pack, world):
    world.pull()
    assert b"It has not been made yet." in pack()["index.html"]
    world.ship("s3", prefix="canary-prefix")
    VerifyAuditLogsOperator(task_id="verify", pipeline="p", spool=f"file://{world.spool}").execute(context())
    files = pack()
    days = json.loads(files["calendar.json"])["days"]
    assert min(days) >= str((world.now - timedelta(days=30)).date())
    some = next(iter(days))
    answer = days[some]["asked"]["s3"]
    assert answer["events"] == days[some]["events"]
    page = files["index.html"].decode()
    assert f"s3: all {answer['events']:,} are there" in page
    assert "not compared with the source yet" in page
    assert "canary-prefix" not in page
    path = world.spool / "p/calendar/days.json"
    path.write_text(path.read_text().replace('"state":"read"', '"state":"proven"'))
    assert b"days.json is not what the verification of" in pack(code=1)["index.html"]


def test_the_page_calls_only_a_range_without_a_hole_compared(shipped, pack):
    ledger, name = Variables(), StreamName.of_reconciliation("p")
    begin = (shipped.now - timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [begin + timedelta(days=each) for each in (0, 10, 20, 33)]
    live = position_record(ledger, StreamName("p")).load()
    for spans, said in (
        ((), "compared nothing of the range with the source"),
        ([(0, 1), (2, 3)], f"only a part of the range with the source: {text_of(days[0])} to {text_of(days[1])}, "),
        ([(0, 3)], "compared the whole range with the source"),
    ):
        compared = tuple(Window(days[first], days[last]) for first, last in spans)
        state = ReconciliationState(reached=days[3], compared=compared)
        record = position_record(ledger, name)
        record.load()
        record.commit(Position("pylon", "c", account=live.account, reading=msgspec.to_builtins(state)))
        assert said in pack()["index.html"].decode()


def test_events_of_a_backfill_that_did_not_choose_a_destination_are_not_pending_there(world, pack):
    cut = (world.now - timedelta(days=10)).replace(hour=0, minute=0, second=0, microsecond=0)
    window = {"start": text_of(cut - timedelta(days=10)), "end": text_of(cut)}
    day = str((cut - timedelta(days=5)).date())
    world.pull(start=cut.isoformat())
    world.pull(window=window)
    world.ship("splunk", destination="hec", windows=[window], source="pylon")
    files = pack()
    met = json.loads(files["evidence.json"])["days"][day]["destinations"]
    count = sum(met.pop("hec").values())
    assert met == {each: {"not shipped by the backfill": count} for each in ("s3", "dd")}
    assert f"{count} not shipped by the backfill" in files["index.html"].decode()
    live = json.loads(files["evidence.json"])["days"][str(cut.date())]["destinations"]
    assert set(live["s3"]) == {"pending"}, "the next run of the pipeline ships it"
    VerifyAuditLogsOperator(task_id="verify", pipeline="p", spool=f"file://{world.spool}").execute(context())
    (calendar,) = world.spool.rglob("calendar/days.json")
    judged = json.loads(calendar.read_text())["days"][day]
    assert judged["state"] != "proven"
    assert judged["destinations"]["dd"] == {"not shipped by the backfill": count}


def test_a_day_that_was_never_read_does_not_look_like_one_without_events(world, pack):
    begin = (world.now - timedelta(days=80)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [begin + timedelta(days=each) for each in range(15)]
    world.pull(start=(days[10] + timedelta(hours=6)).isoformat())
    files = pack("--from", str(days[0].date()), "--to", str(days[14].date()))
    page = files["index.html"].decode()
    said = [re.search(rf'{each.date()}</span></td><td class="n">([^<]*)</td>', page)[1] for each in days[:14]]
    assert said == [*["unknown"] * 10, "0 in the part that was read", *["0"] * 3]
    (read,) = json.loads(files["evidence.json"])["read"]
    assert read["start"].startswith(str(days[10].date()))
