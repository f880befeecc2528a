"""Dead letters sent again through real operators: live stream and backfills, Splunk, Datadog and S3."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import text_of
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.spool import LocalStore
from audit_provider.core.streams.open_stream import kept_letters, open_stream
from audit_provider.core.text.state_version import STATE_VERSION, refuse_newer
from audit_provider.core.verification import Progress, verify
from audit_provider.host.spool_location import open_store
from audit_provider.operators import (
    AuditLogsToDatadogOperator,
    AuditLogsToS3Operator,
    AuditLogsToSplunkHecOperator,
    PullAuditLogsOperator,
    ReportAuditLogsOperator,
)
from audit_provider.operators.siem_configurations import siem_configurations
from audit_provider.sandbox.events import generate
from audit_provider.state import Variables
from tests.core.simulation import Crash
from tests.operators.conftest import DAYS, context, crash_at_write
from tests.operators.test_pull_and_ship import SECRETS

OPERATORS = {
    "splunk_hec": AuditLogsToSplunkHecOperator,
    "datadog": AuditLogsToDatadogOperator,
    "s3": AuditLogsToS3Operator,
}
BAD_FIELD = {"text": "Error in handling indexed fields", "code": 15}


class Narrow:
    """A destination that takes smaller events than it would."""

    def __init__(self, destination):
        self._destination = destination
        self.limits = replace(destination.limits, event_bytes=500_000)

    def __getattr__(self, name):
        return getattr(self._destination, name)


@pytest.fixture
def poisoned(world):
    """Seven hundred events and three that no destination of small batches takes, at three times."""
    poison = generate(3, world.now - timedelta(days=DAYS - 1), world.now - timedelta(minutes=5), seed=99)
    for each in poison:
        each["metadata"] = {"huge": "x" * 1_050_000}
    world.pylon.add(poison)

    def ship(name, *, redrive=False, small=False, **arguments):
        own = {"splunk_hec": {"index": "audit"}, "s3": {"bucket": world.bucket}}.get(name, {})
        if small:
            own["options"] = {"batch_bytes": 500_000}
        operator = OPERATORS[name](
            task_id="s", pipeline="p", **{"spool": f"file://{world.spool}", **own, "source": "pylon", **arguments}
        )
        if small and name == "s3":
            connect = operator.connect

            operator.connect = lambda *arguments: Narrow(connect(*arguments))
        return operator.execute(context(params={"redrive": [name] if redrive else []}))

    def discard(name, events, reason="a test of ours", by="ada", options=None, **params):
        operator = OPERATORS[name](
            task_id="s",
            pipeline="p",
            spool=f"file://{world.spool}",
            bucket=world.bucket,
            source="pylon",
            options=options,
        )
        asked = {"discard_from": name, "discard": list(events), "discard_reason": reason, **params}
        run = SimpleNamespace(run_id="manual__1", triggering_user_name=by)
        return operator.execute(context(params=asked, dag_run=run))

    def letters(name):
        return [
            letter
            for kept in kept_letters(Variables(), LocalStore(world.spool), "p", name)
            for _, letter in kept.letters.open()
        ]

    return SimpleNamespace(
        ids=sorted(each["id"] for each in poison), ship=ship, letters=letters, events=poison, discard=discard
    )


def set_aside_by_s3(world, poisoned):
    """S3 sets aside what is larger than it takes."""
    world.pull()
    assert poisoned.ship("s3", dead_letters="succeed", small=True)["dead_lettered"] == 3


def test_letters_that_s3_would_not_take_arrive_once_the_limit_is_raised(world, poisoned):
    set_aside_by_s3(world, poisoned)
    assert sorted(letter.id for letter in poisoned.letters("s3")) == poisoned.ids
    assert len(world.s3_ids()) == 700
    before = world.variables.get("audit_logs.p.to.s3")
    assert poisoned.ship("s3", redrive=True)["redriven"] == 3
    assert world.s3_ids() == sorted(world.pylon.ids())
    assert poisoned.letters("s3") == []
    assert poisoned.ship("s3", redrive=True)["redriven"] == 0
    assert world.s3_ids() == sorted(world.pylon.ids())
    after = world.variables.get("audit_logs.p.to.s3")
    assert json.loads(after)["counts"] == json.loads(before)["counts"], "what was ever set aside stays counted"


def test_a_run_that_does_not_name_the_destination_sends_none_again(world, poisoned):
    set_aside_by_s3(world, poisoned)
    assert "redriven" not in poisoned.ship("s3")
    assert len(world.s3_ids()) == 700


def test_what_is_refused_again_stays_and_what_is_pending_is_shipped_all_the_same(world, poisoned):
    set_aside_by_s3(world, poisoned)
    world.pylon.add(generate(5, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    with pytest.raises(AirflowFailException, match="3 events were refused again and kept"):
        poisoned.ship("s3", redrive=True, small=True)
    assert len(world.s3_ids()) == 705
    assert all("more than the 500,000" in letter.reason for letter in poisoned.letters("s3"))
    assert sorted(letter.id for letter in poisoned.letters("s3")) == poisoned.ids
    assert poisoned.ship("s3", redrive=True, dead_letters="succeed", small=True)["redriven"] == 0
    assert poisoned.ship("s3", redrive=True)["redriven"] == 3
    assert world.s3_ids() == sorted(world.pylon.ids())


def test_the_destinations_own_words_are_kept_without_secrets(world, poisoned):
    world.pull()
    token = SECRETS[1]
    world.splunk.faults.add(
        "status",
        status=400,
        body=json.dumps({**BAD_FIELD, "text": f"Error in handling indexed fields of {token}"}),
        count=5,
    )
    poisoned.ship("splunk_hec", options={"batch_events": 1}, dead_letters="succeed")
    found = poisoned.letters("splunk_hec")
    assert len(found) == 5, "with one event per batch each is its own culprit"
    assert all("(code 15)" in letter.answer and "indexed fields of ***" in letter.answer for letter in found)
    for path in world.spool.rglob("dead/**/*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in SECRETS)


def test_letters_of_backfills_are_sent_again_as_well(world, poisoned):
    cut = world.now - timedelta(days=30)
    window = {"start": text_of(world.now - timedelta(days=DAYS + 1)), "end": text_of(cut)}
    world.pull(start=cut.isoformat())
    world.pull(window=window)
    for windows in (None, [window]):
        poisoned.ship("s3", windows=windows, dead_letters="succeed", small=True)
    folders = {kept.name.folder for kept in kept_letters(Variables(), LocalStore(world.spool), "p", "s3")}
    assert len(folders) == 2
    assert len(poisoned.letters("s3")) == 3
    assert poisoned.ship("s3", redrive=True)["redriven"] == 3
    assert world.s3_ids() == sorted(world.pylon.ids())


def test_a_look_for_letters_asks_only_for_variables_of_streams_that_hold_some(world, poisoned, monkeypatch):
    set_aside_by_s3(world, poisoned)
    for days in (10, 20, 30):
        start = world.now - timedelta(days=days + 10)
        world.pull(window={"start": text_of(start), "end": text_of(start + timedelta(days=10))})
    asked, get = [], world.variables.get
    monkeypatch.setattr(world.variables, "get", lambda key, default=None: asked.append(key) or get(key, default))
    assert [kept.letters.count().open for kept in kept_letters(Variables(), LocalStore(world.spool), "p", "s3")] == [3]
    assert asked == ["audit_logs.p.cursor", "audit_logs.p.to.s3"]
    assert kept_letters(Variables(), LocalStore(world.spool), "p", "splunk_hec") == []
    assert len(asked) == 2


def test_letters_of_a_chain_that_ended_are_sent_again_too(world, poisoned):
    set_aside_by_s3(world, poisoned)
    (world.variables.folder / "audit_logs.p.cursor").unlink()
    assert poisoned.ship("s3", redrive=True)["redriven"] == 3
    assert world.s3_ids() == sorted(world.pylon.ids())


def test_too_old_letters_go_under_their_arrival_time_later(world):
    world.pull()
    with pytest.raises(AirflowFailException, match="too old"):
        world.ship("datadog", too_old="dead_letter")
    taken = len(world.datadog.ids())
    assert taken < 700
    operator = AuditLogsToDatadogOperator(task_id="s", pipeline="p", spool=f"file://{world.spool}")
    result = operator.execute(context(params={"redrive": ["datadog"]}))
    assert result["redriven"] == 700 - taken
    assert sorted(world.datadog.ids()) == sorted(world.pylon.ids())
    assert world.datadog.dropped_for_age == 0


@pytest.mark.parametrize("scheme", ["s3", "file"])
def test_letters_in_any_kind_of_spool_are_found(world, poisoned, tmp_path, monkeypatch, scheme):
    spool = f"s3://aws_default@{world.bucket}/kept" if scheme == "s3" else f"file://{tmp_path}/other"
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", spool)
    PullAuditLogsOperator(
        task_id="pull",
        pipeline="p",
        source="pylon",
        start=(world.now - timedelta(days=DAYS)).isoformat(),
        rate_limit={"requests": 10_000, "per": 1},
    ).execute(context())
    poisoned.ship("datadog", spool=None, dead_letters="succeed")
    (found,) = kept_letters(Variables(), open_store(spool), "p", "datadog")
    assert found.name.folder == "p/live"
    assert sorted(letter.id for _, letter in found.letters.open()) == poisoned.ids


PIPELINES = "p: {source: pylon, destinations: {s3: {type: s3, bucket: b}, splunk_hec: {type: splunk_hec}}}"


def test_open_and_redriven_letters_are_told(world, poisoned):
    pipeline = read_pipelines(PIPELINES).pipelines["p"]

    def told():
        (shown,) = (
            each for each in siem_configurations([pipeline], spool=f"file://{world.spool}") if each.name == "s3"
        )
        report = ReportAuditLogsOperator(
            task_id="report", pipeline="p", destinations=["s3"], spool=f"file://{world.spool}"
        )
        (account,) = report.work(context())
        assert account["dead_letters"] == shown.dead_letters
        return account["dead_lettered"], account["redriven"], account["dead_letters"]

    set_aside_by_s3(world, poisoned)
    assert told() == (3, 0, 3)
    poisoned.ship("s3", redrive=True)
    assert told() == (3, 3, 0)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fatal", [1, 2, 3])
@pytest.mark.parametrize("name", ["splunk_hec", "s3"])
def test_a_crash_at_any_record_of_a_redrive_loses_nothing(world, poisoned, monkeypatch, name, fatal, after):
    world.pull()
    if name == "s3":
        poisoned.ship(name, dead_letters="succeed", small=True)
        letters, batch, arrived = 3, {}, world.s3_ids
    else:
        world.splunk.faults.add("status", status=400, body=json.dumps(BAD_FIELD), count=9)
        poisoned.ship(name, dead_letters="succeed", options={"batch_events": 1})
        letters, batch, arrived = 9, {"options": {"batch_events": 4}}, world.splunk.ids
    assert len(poisoned.letters(name)) == letters
    with monkeypatch.context() as patched:
        crash_at_write(patched, fatal, after=after)
        with pytest.raises(Crash):
            poisoned.ship(name, redrive=True, **batch)
    result = poisoned.ship(name, redrive=True, **batch)
    assert result["redriven"] == len(letters_left(letters, fatal, after, name))
    assert poisoned.letters(name) == []
    found = Counter(arrived())
    assert set(found) == set(world.pylon.ids())
    repeats = sum(found.values()) - len(found)
    assert repeats == 0 if name == "s3" or after else repeats <= 4


def letters_left(letters, fatal, after, name):
    """Return what a redrive that died at its n-th record leaves open."""
    batch = 1 if name == "s3" else 4
    return range(letters)[(fatal if after else fatal - 1) * batch :]


def report(world, destinations):
    operator = ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=destinations, spool=f"file://{world.spool}"
    )
    return operator.execute(context())


def verified(world):
    opened = open_stream(Variables(), LocalStore(world.spool), StreamName("p"))
    progress = Progress(opened.position, offsets={"s3": opened.offset("s3")})
    return verify(LocalStore(world.spool), pipeline="p", progress={"p/live": progress})


def test_a_letter_that_a_person_discards_is_open_no_longer_and_the_spool_says_who_and_why(world, poisoned):
    set_aside_by_s3(world, poisoned)
    first, *others = poisoned.ids
    assert poisoned.discard("s3", [first])["discarded"] == 1
    assert sorted(letter.id for letter in poisoned.letters("s3")) == others
    (kept,) = kept_letters(Variables(), LocalStore(world.spool), "p", "s3")
    (record,) = kept.letters.records()
    assert (record.by, record.why, record.run) == ("ada", "a test of ours", "manual__1")
    counts = kept.letters.count()
    assert (counts.kept, counts.discarded, counts.open) == (3, 1, 2)
    (account,) = report(world, ["s3"])
    assert (account["dead_lettered"], account["discarded"], account["dead_letters"]) == (3, 1, 2)
    assert account["spooled"] == account["delivered"] + account["dead_lettered"]
    assert poisoned.discard("s3", [first])["discarded"] == 0, "a repeat changes nothing"
    assert poisoned.ship("s3", redrive=True)["redriven"] == 2, "it is not sent again"
    assert first not in world.s3_ids()
    assert report(world, ["s3"])[0]["dead_letters"] == 0


def version_of(world):
    return json.loads(world.variables.get("audit_logs.p.to.s3"))["version"]


def test_an_offset_that_leads_to_discarded_letters_is_refused_by_a_version_that_does_not_know_them(world, poisoned):
    set_aside_by_s3(world, poisoned)
    poisoned.ship("s3", redrive=True, small=True, dead_letters="succeed")
    assert version_of(world) == STATE_VERSION, "a record that discards nothing is read by older versions"
    poisoned.discard("s3", poisoned.ids[:1])
    assert version_of(world) > STATE_VERSION
    with pytest.raises(StopError, match="was written by a newer version"):
        refuse_newer(world.variables.get("audit_logs.p.to.s3"), "the offset", STATE_VERSION)
    assert poisoned.ship("s3", redrive=True)["redriven"] == 2
    assert version_of(world) > STATE_VERSION, "later records and runs leave it so"


def test_the_version_stays_once_the_chain_with_the_discarded_letters_has_ended(world, poisoned):
    set_aside_by_s3(world, poisoned)
    poisoned.discard("s3", poisoned.ids[:1])
    world.variables.delete("audit_logs.p.cursor")
    world.pull()
    poisoned.ship("s3", dead_letters="succeed")
    kept = json.loads(world.variables.get("audit_logs.p.to.s3"))
    assert len(kept["earlier"]) == 1
    assert kept["version"] > STATE_VERSION


def test_letters_of_a_destination_that_is_not_enabled_are_discarded_and_nothing_is_sent(world, poisoned):
    set_aside_by_s3(world, poisoned)
    arrived = world.s3_ids()
    with pytest.raises(AirflowSkipException, match="not enabled; its pending events wait. Dead letters discarded: 1"):
        poisoned.discard("s3", poisoned.ids[:1], options={"enabled": False})
    assert sorted(letter.id for letter in poisoned.letters("s3")) == poisoned.ids[1:]
    assert world.s3_ids() == arrived


def test_verify_knows_what_was_discarded_and_finds_a_changed_record(world, poisoned):
    set_aside_by_s3(world, poisoned)
    poisoned.discard("s3", poisoned.ids[:1])
    found = verified(world)
    assert (found.result, found.dead_letters, found.discarded) == ("all right", 2, 1)
    assert "2 dead letters, 1 more discarded" in str(found)
    (removed,) = world.spool.rglob("redriven/*.json")
    content = removed.read_bytes()
    removed.write_bytes(content.replace(b"ada", b"eve"))
    assert verified(world).result == "faults found"
    removed.unlink()
    assert verified(world).dead_letters == 3, "without its record a letter is open again"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"discard": []}, "names none: set 'discard'"),
        ({"discard_reason": " "}, "does not say why: set 'discard_reason'"),
        ({"discard_from": None}, "no destination: set 'discard_from'"),
    ],
)
def test_a_form_that_is_not_complete_discards_nothing(world, poisoned, params, said):
    set_aside_by_s3(world, poisoned)
    with pytest.raises(AirflowFailException, match=said):
        poisoned.discard("s3", poisoned.ids, **params)
    assert len(poisoned.letters("s3")) == 3


def test_letters_of_another_destination_stay(world, poisoned):
    set_aside_by_s3(world, poisoned)
    assert "discarded" not in poisoned.discard("s3", poisoned.ids, discard_from="splunk_hec")
    assert len(poisoned.letters("s3")) == 3
