"""The calendar, the search and the pack, of those who may see them and of nobody else."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.ledger.position import POSITIONS, Position, new_chain
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, PullCounts, utc_now
from audit_provider.core.runs.calendar import Calendar, Day
from audit_provider.core.sources import REGISTRY
from audit_provider.core.spool import LocalStore, SegmentWriter
from tests.plugin.conftest import GAP, keep_pipeline, position

P = "/api/pipelines/p"
DAY = timedelta(days=1)
FIELDS = REGISTRY["pylon"].fields


@pytest.fixture
def spooled(world):
    """Forty events of the pipeline ``p`` in the spool, an hour apart; the last is the newest."""
    now = utc_now().replace(microsecond=0)
    store, name = LocalStore(world.home / "spool"), StreamName("p")
    events = []
    for number in range(40):
        time = now - timedelta(hours=40 - number)
        record = {"id": f"e{number}", "action": "LoginFailed", "actor_user_id": f"u{number % 3}"}
        events.append(Event(f"e{number}", time, msgspec.Raw(msgspec.json.encode(record))))
    at = Position(source="pylon", chain=new_chain(now), fields=FIELDS)
    segment = SegmentWriter(now)
    segment.add(events)
    head = name.stream(store, at).append(segment, at.head, now)
    counts = PullCounts(read=40, spooled=40)
    world.keep(
        name.cursor_key,
        POSITIONS.pack(replace(at, head=head, counts=counts, updated_at=now, watermark=now, complete=True)),
    )
    yield events
    shutil.rmtree(world.home / "spool")


def test_the_calendar_says_what_the_last_verification_has_found(world, spooled):
    now = utc_now()
    today = now.date()
    proven = Day(
        "proven", events=12, compared=True, verified_at=now, proven_at=now, destinations={"s3": {"delivered": 12}}
    )
    kept = Calendar(now, "all right", {today - DAY: proven, today - 400 * DAY: proven})
    kept.save(LocalStore(world.home / "spool"), "p")
    found = world.get("admin", f"{P}/calendar").json()
    assert (found["result"], found["last"]) == ("all right", str(today))
    (day,) = found["days"]
    assert day["day"] == str(today - DAY), "a year, and no more"
    assert day["known"]["destinations"] == {"s3": {"delivered": 12}}
    assert found["may"] == ["search", "pack"]


def test_a_gap_that_is_newer_than_the_verification_is_shown_at_once(world):
    now = utc_now()
    proven = Day("proven", events=12, proven_at=now)
    gap = replace(GAP, wanted=now - DAY, possible=now - DAY + timedelta(minutes=1))
    keep_pipeline(world)
    world.keep("audit_logs.p.cursor", POSITIONS.pack(position(gaps=[gap])))
    store = LocalStore(world.home / "spool")
    Calendar(now - 2 * DAY, "all right", {(now - DAY).date(): proven}).save(store, "p")
    (day,) = world.get("admin", f"{P}/calendar").json()["days"]
    assert (day["known"]["state"], day["known"]["reason"]) == ("gap", "the vendor keeps 30 days")
    assert "proven_at" not in day["known"]
    shutil.rmtree(world.home / "spool")


def test_without_a_verification_nothing_is_known(world):
    keep_pipeline(world)
    found = world.get("admin", f"{P}/calendar").json()
    assert (found["checked_at"], found["days"]) == (None, [])


def test_a_search_returns_the_story_of_an_event(world, spooled):
    found = world.post("op", f"{P}/search", {"id": "e7"}).json()
    (story,) = found["stories"]
    assert not found["more"]
    assert (story["id"], story["segment"], story["index"], story["events"]) == ("e7", 1, 7, 40)
    assert json.loads(story["record"])["actor_user_id"] == "u1"
    states = {each["destination"]: each["state"] for each in story["destinations"]}
    assert states == {"s3": "pending", "splunk": "pending"}


def test_a_search_lists_no_more_than_fits_and_says_so(world, spooled):
    found = world.post("op", f"{P}/search", {"action": "loginfailed"}).json()
    assert (len(found["stories"]), found["more"]) == (20, True)
    start = spooled[-2].time.isoformat()
    found = world.post("op", f"{P}/search", {"actor": "u0", "start": start}).json()
    assert [each["id"] for each in found["stories"]] == ["e39"]


def test_a_range_that_is_none_is_refused_with_a_sentence(world, spooled):
    for body, said in (
        ({}, "name an id"),
        ({"start": "x"}, "is no date"),
        ({"start": "2026-02-02", "end": "2026-02-01"}, "must end after"),
    ):
        answer = world.post("op", f"{P}/search", body)
        assert answer.status_code == 422
        assert said in answer.json()["detail"]


def test_the_pack_is_made_and_sent_as_a_file(world, spooled):
    start, end = spooled[0].time.date(), utc_now().date() + DAY
    answer = world.post("op", f"{P}/evidence", {"start": str(start), "end": str(end)})
    assert answer.headers["Content-Disposition"] == f'attachment; filename="p-{start:%Y%m%d}-{end:%Y%m%d}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
        facts = json.loads(pack.read("evidence.json"))
        assert not [name for name in pack.namelist() if name.endswith(".ndjson.gz")]
    assert sum(day["events"] for day in facts["days"].values()) == 40


def test_who_may_not_read_the_sources_connection_gets_the_calendar_alone(world, spooled, server, monkeypatch):
    auth = server.app.state.auth_manager
    allowed = auth.is_authorized_connection

    def but_the_source(*, method, user, details=None):
        return details.conn_id != "pylon_default" and allowed(method=method, user=user, details=details)

    monkeypatch.setattr(auth, "is_authorized_connection", but_the_source)
    assert world.get("op", f"{P}/calendar").json()["may"] == []
    assert world.post("op", f"{P}/search", {"id": "e7"}).status_code == 403
    assert world.post("op", f"{P}/evidence", {"start": "2026-01-01", "end": "2026-01-02"}).status_code == 403


def test_a_damaged_spool_is_a_sentence_and_no_story(world, spooled):
    (manifest,) = (world.home / "spool/p/live").rglob("*.manifest.json.gz")
    manifest.unlink()
    answer = world.post("op", f"{P}/search", {"id": "e7"})
    assert answer.status_code == 502
    assert "audit-logs verify" in answer.json()["detail"]


def test_what_is_longer_than_any_record_has_it_is_refused_with_a_sentence(world, spooled):
    for part, said in (("action", "1,000 are the most"), ("text", "1,000 are the most"), ("start", "100 characters")):
        answer = world.post("op", f"{P}/search", {part: "*" * 5_000})
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
