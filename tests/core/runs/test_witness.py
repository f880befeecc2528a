"""A witness cosigns what is checkpointed; where it does not, the checkpoint is made all the same, and it is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from audit_provider.core.errors import ConfigurationError, ProtocolError, UnavailableError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.monitoring.conditions import conditions
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.core.transparency.checkpoint import Checkpoint, Note
from audit_provider.core.transparency.tree import tree_record
from audit_provider.core.transparency.witness import Signer, Witness, WitnessKey, verifier_of
from audit_provider.hooks import checkpoint_key
from audit_provider.hooks.checkpoint_key import CheckpointKeyHook
from tests.core.destinations.stand_ins import serving
from tests.core.runs.test_checkpoints import CHAIN, KEY, LIVE, NEXT, rig  # noqa: F401
from tests.core.transparency.witness_stand_in import StandInWitness

ORIGIN = f"logs.example.com/p/live/{CHAIN}"


@pytest.fixture
def witness():
    return StandInWitness(logs={ORIGIN: [KEY.public.raw], f"logs.example.com/p/evidence/{CHAIN}": [KEY.public.raw]})


@pytest.fixture
def watched(rig, witness, monkeypatch):  # noqa: F811
    """The rig of checkpoints, whose key's connection names the witness."""
    with serving(witness.app) as server:
        connection = {
            "conn_type": "audit_checkpoint_key",
            "host": "logs.example.com",
            "password": "A" * 43 + "=",
            "extra": {"witness": server.url, "witness_key": witness.verifier},
        }
        monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps(connection))
        rig.signer = CheckpointKeyHook("k").signer()
        rig.requests = server.requests
        yield rig


def live(rig):  # noqa: F811
    return [each for each in rig.kept() if each["subject"] == "p/live"]


def test_each_checkpoint_is_cosigned_and_goes_on_from_the_one_before(watched, witness):
    for count in (3, 1, 5):
        watched.read(count)
        watched.make(LIVE)
        watched.now += timedelta(hours=2)
    key = WitnessKey.of_text(witness.verifier)
    for record, size in zip(live(watched), (3, 4, 9), strict=True):
        note = Note.of(record["checkpoint"])
        assert note.signed_by([KEY.public, key], ORIGIN) == [KEY.public, key]
        assert key.cosigned_at(note) == datetime(2026, 3, 1, tzinfo=timezone.utc)
        assert record["witness"] == {"key": witness.verifier, "cosigned_at": "2026-03-01T00:00:00Z", "why_not": ""}
        assert Checkpoint.of(note.text).size == size
    assert len(watched.requests) == 3, "none was refused first"
    assert witness.latest[ORIGIN] == (9, watched.root())


def test_a_witness_that_knows_less_or_more_than_is_thought_is_given_the_proof_from_there(watched, witness):
    watched.read(4)
    watched.make(LIVE)
    before = dict(witness.latest)
    for _ in range(2):
        watched.now += timedelta(hours=2)
        watched.read(3)
        watched.make(LIVE)
    assert witness.latest[ORIGIN][0] == 10
    witness.latest = before  # as after a restored backup
    watched.now += timedelta(hours=2)
    watched.read(1)
    watched.make(LIVE)
    assert witness.latest[ORIGIN][0] == 11
    assert live(watched)[-1]["witness"]["why_not"] == ""
    witness.latest.clear()
    watched.now += timedelta(hours=2)
    watched.read(1)
    watched.make(LIVE)
    assert witness.latest[ORIGIN] == (12, watched.root())


REFUSED = {
    "down": ((503, {}, b""), "answered 503"),
    "busy": ((429, {}, b""), "answered 429"),
    "unknown log": ((404, {}, b""), "does not know the log logs.example.com/p/live/"),
    "unknown key": ((403, {}, b""), "or its key: give its operator both"),
    "another log": ((422, {}, b""), "does not accept that"),
    "ahead": ((409, {"Content-Type": "text/x.tlog.size"}, b"999\n"), "has already signed 999 events of this log"),
    "no size": ((409, {"Content-Type": "text/html"}, b"<html>"), "without the size"),
    "no signature": ((200, {}, b"<html>hello</html>"), "answered 200 without a signature"),
    "endless": ((200, {}, b"x" * 100_000), "answered with more than 65,536 bytes"),
    "no witness": ((302, {"Location": "/"}, b""), "answered 302, which the witness protocol does not define"),
}


@pytest.mark.parametrize(("answer", "said"), REFUSED.values(), ids=REFUSED)
def test_without_a_cosignature_the_checkpoint_is_kept_and_says_why(watched, witness, answer, said):
    witness.forced = [answer]
    watched.read(3)
    assert watched.make(LIVE) == 1
    (record,) = live(watched)
    assert said in record["witness"]["why_not"]
    assert record["witness"]["cosigned_at"] is None
    assert Note.of(record["checkpoint"]).signed_by([KEY.public], ORIGIN) == [KEY.public]
    assert any(said in line for line in watched.log.lines)
    assert tree_record(watched.ledger, LIVE).load().unwitnessed_since == watched.now


def windows(rig, count):  # noqa: F811
    found = [StreamName("p", f"202601{day:02}T000000Z_202601{day + 1:02}T000000Z") for day in range(1, count + 1)]
    for name in found:
        rig.read(1, name)
    return found


def test_a_witness_that_does_not_answer_is_asked_once_in_a_report(rig):  # noqa: F811
    asked = []

    def send(body):
        asked.append(body)
        raise UnavailableError("no answer within 15 s.")

    rig.signer = Signer("logs.example.com", (KEY,), Witness(WitnessKey("w", KEY.public), send))
    names = windows(rig, 20)
    assert rig.make(*names) == 20
    assert len(asked) == 1
    first, *others = (each["witness"]["why_not"] for each in rig.kept())
    assert first == "no answer within 15 s."
    assert set(others) == {"w was not asked again in this report: no answer within 15 s."}
    rig.read(1, names[0])
    rig.make(names[0])
    assert len(asked) == 2, "the next report asks again"


def test_a_slow_witness_is_asked_for_a_minute_in_a_report(rig, witness):  # noqa: F811
    asked = []

    def send(body):
        asked.append(body)
        rig.now += timedelta(seconds=25)
        return SimpleNamespace(status=503, headers={}, body=b"", where="POST w")

    rig.signer = Signer("logs.example.com", (KEY,), Witness(WitnessKey("w", KEY.public), send))
    assert rig.make(*windows(rig, 20)) == 20
    assert len(asked) == 3
    assert "its answers took more than 60 s" in rig.kept()[-1]["witness"]["why_not"]


def test_the_answer_of_a_witness_may_not_take_long(watched, monkeypatch):
    monkeypatch.setattr(checkpoint_key, "_WITNESS_SECONDS", -1.0)
    watched.signer = CheckpointKeyHook("k").signer()
    watched.read(3)
    assert watched.make(LIVE) == 1
    assert "was still sending its answer" in live(watched)[0]["witness"]["why_not"]


@pytest.mark.parametrize("foreign", ["000000000001 (copy).json", "notes.txt", "copy/000000000001.json"])
def test_a_foreign_file_beside_the_tree_changes_nothing(watched, witness, tmp_path, foreign):
    watched.read(5)
    watched.make(LIVE)
    (folder,) = tmp_path.glob("p/tree/live/*/0")
    (folder / foreign).parent.mkdir(exist_ok=True)
    (folder / foreign).write_bytes(b"x")
    watched.read(5)
    watched.now += timedelta(hours=1)
    assert watched.make(LIVE) > 0
    assert live(watched)[-1]["witness"]["why_not"] == ""
    assert witness.latest[ORIGIN] == (10, watched.root())


def test_the_signature_of_another_witness_is_not_taken(watched, witness):
    watched.read(3)
    other = StandInWitness(name="witness.example/other", seed=bytes(32))
    text = f"{ORIGIN}\n3\n"
    witness.forced = [(200, {}, f"{other.cosigned(text)}\n".encode())]
    watched.make(LIVE)
    (record,) = live(watched)
    assert "without a signature by witness.example/w1" in record["witness"]["why_not"]
    assert "other" not in record["checkpoint"]


def test_a_signature_of_another_text_is_not_taken(watched, witness):
    watched.read(3)
    witness.forced = [(200, {}, f"{witness.cosigned('another text')}\n".encode())]
    watched.make(LIVE)
    assert "was not made with the key of the witness" in live(watched)[0]["witness"]["why_not"]


def test_a_witness_that_is_silent_for_a_day_is_a_finding_until_it_signs(watched, witness):
    down = watched.now
    for hours in (0, 12, 25):
        watched.now = down + timedelta(hours=hours)
        witness.forced = [(503, {}, b"")]
        watched.read(1)
        watched.make(LIVE)
    since = tree_record(watched.ledger, LIVE).load().unwitnessed_since
    assert since == down

    def found(now):
        given = {"lag": None, "accounts": [], "dead_letters": {}, "gaps": [], "settings": Monitoring()}
        return [each.title for each in conditions(**given, now=now, unwitnessed_since=since)]

    assert found(down + timedelta(hours=23)) == []
    (title,) = found(watched.now)
    assert title.startswith("The witness has signed no checkpoint since 2026-03-01T00:00:00Z")
    watched.now += timedelta(hours=2)
    watched.read(1)
    watched.make(LIVE)
    assert tree_record(watched.ledger, LIVE).load().unwitnessed_since is None


def test_a_witness_that_was_removed_from_the_settings_is_not_missed(watched, witness, tmp_path):
    witness.forced = [(503, {}, b"")]
    watched.read(3)
    watched.make(LIVE)
    assert tree_record(watched.ledger, LIVE).load().unwitnessed_since == watched.now
    watched.signer = replace(watched.signer, witness=None)
    watched.now += timedelta(hours=30)
    assert watched.make(LIVE) == 0, "nothing new was read"
    assert tree_record(watched.ledger, LIVE).load().unwitnessed_since is None
    assert not list((tmp_path / "p/tree/unwitnessed").iterdir())


def of_window(rig):  # noqa: F811
    return [each for each in rig.kept() if "/backfill-" in each["subject"]]


def test_a_window_that_the_witness_did_not_sign_is_sent_again_once_an_hour(watched, witness):
    (name,) = windows(watched, 1)
    origin = f"logs.example.com/{name.folder}/{CHAIN}"
    watched.make(name)
    assert "does not know the log" in of_window(watched)[-1]["witness"]["why_not"]
    asked = len(watched.requests)
    watched.now += timedelta(minutes=30)
    assert watched.make(LIVE) == 0, "it was asked half an hour ago"
    watched.now += timedelta(minutes=30)
    assert watched.make(LIVE) == 0, "it still does not know the log"
    watched.now += timedelta(minutes=30)
    watched.make(LIVE)
    assert len(watched.requests) == asked + 1
    witness.logs[origin] = [KEY.public.raw]
    watched.now += timedelta(minutes=30)
    assert watched.make(LIVE) == 1
    key = WitnessKey.of_text(witness.verifier)
    first, last = of_window(watched)
    assert (last["size"], last["root"]) == (first["size"], first["root"])
    note = Note.of(last["checkpoint"])
    assert note.signed_by([KEY.public, key], origin) == [KEY.public, key]
    assert last["witness"]["why_not"] == ""
    assert tree_record(watched.ledger, name).load().unwitnessed_since is None
    asked = len(watched.requests)
    watched.now += timedelta(days=1)
    assert watched.make(LIVE) == 0
    assert len(watched.requests) == asked


def test_a_window_of_before_the_witness_was_configured_is_signed_later(watched, witness):
    signer, watched.signer = watched.signer, Signer("logs.example.com", (KEY,))
    (name,) = windows(watched, 1)
    watched.make(name)
    watched.now += timedelta(days=1)
    watched.signer = signer
    witness.logs[f"logs.example.com/{name.folder}/{CHAIN}"] = [KEY.public.raw]
    assert watched.make(LIVE) == 1
    assert of_window(watched)[-1]["witness"]["cosigned_at"]


def test_a_witness_that_is_down_is_asked_once_for_all_windows_that_wait(rig):  # noqa: F811
    asked = []

    def send(body):
        asked.append(body)
        raise UnavailableError("no answer within 15 s.")

    rig.signer = Signer("logs.example.com", (KEY,), Witness(WitnessKey("w", KEY.public), send))
    rig.make(*windows(rig, 20))
    rig.now += timedelta(hours=1)
    assert rig.make(LIVE) == 0
    assert len(asked) == 2


def test_a_window_that_is_read_anew_has_a_newer_checkpoint_and_the_old_one_is_not_sent(watched, witness, tmp_path):
    (name,) = windows(watched, 1)
    watched.make(name)
    watched.read(2, name)
    witness.logs[f"logs.example.com/{name.folder}/{CHAIN}"] = [KEY.public.raw]
    watched.now += timedelta(hours=2)
    watched.make(LIVE)
    watched.make(name)
    assert [each["size"] for each in of_window(watched) if each["witness"]["cosigned_at"]] == [3]
    assert not list((tmp_path / "p/tree/unwitnessed").glob("backfill-*"))


@pytest.mark.parametrize("content", [b"", b"{", b'"2026-03-01T00:00:00"', b'"2999-01-01T00:00:00Z"'])
def test_a_mark_that_says_no_time_is_due(watched, witness, tmp_path, content):
    (name,) = windows(watched, 1)
    watched.make(name)
    (mark,) = (tmp_path / "p/tree/unwitnessed").iterdir()
    mark.write_bytes(content)
    (mark.parent / "notes.txt").write_bytes(b"foreign")
    witness.logs[f"logs.example.com/{name.folder}/{CHAIN}"] = [KEY.public.raw]
    assert watched.make(LIVE) == 1


def test_keys_of_logs_and_witnesses_are_told_apart(witness):
    assert verifier_of(witness.verifier) == WitnessKey.of_text(witness.verifier)
    assert verifier_of(KEY.public.verifier(ORIGIN)) == KEY.public
    assert verifier_of(str(NEXT.public)) == NEXT.public
    assert str(WitnessKey.of_text(witness.verifier)) == witness.verifier
    for wrong in (KEY.public.verifier(ORIGIN), f"x{witness.verifier}", "", "a+b+c", witness.verifier[:-4]):
        with pytest.raises(ConfigurationError, match="the key of the witness is not a verifier key"):
            WitnessKey.of_text(wrong)


def test_a_changed_cosignature_is_none(witness):
    text = str(Checkpoint(ORIGIN, 1, bytes(32)))
    key = WitnessKey.of_text(witness.verifier)
    line = witness.cosigned(text)
    assert key.cosigned_at(Note.of(f"{text}\n{line}\n")) is not None
    with pytest.raises(ProtocolError, match="was not made with the key"):
        key.cosigned_at(Note.of(f"{Checkpoint(ORIGIN, 2, bytes(32))}\n{line}\n"))
    assert key.cosigned_at(Note.of(text)) is None
