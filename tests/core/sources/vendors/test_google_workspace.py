"""Google Workspace: several applications in one pipeline, equal qualifiers, several events in a record, late rows."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest

from audit_provider.core.errors import AuditError, CredentialError, ProtocolError, WaitError
from audit_provider.core.model import Window
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.records.times import time_from
from audit_provider.core.sources import REGISTRY
from audit_provider.sandbox.server import Reply, Service
from audit_provider.testing.signing_keys import fault_in, private_key
from tests.core.destinations.stand_ins import Crash
from tests.core.sources.vendors.vendor_desk import NOW, VendorDesk

SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"
TOKEN_URL = "https://oauth2.googleapis.com/token"
CLAIMS = {"iss": "audit@p.example", "sub": "admin@example.com", "scope": SCOPE, "aud": TOKEN_URL}
PREFIX = "/admin/reports/v1/activity/users/all/applications/"
PAGE = 3


class Reports(Service):
    """Serves activities newest first, and refuses what Google would. A row may become visible long after its time."""

    def __init__(self):
        super().__init__()
        self.rows = {"login": [], "admin": [], "drive": [], "gmail": []}
        self.clock = lambda: NOW
        self.asked, self.tokens = [], 0
        self.closed = set()
        self.limited, self.circling = set(), set()

    def add(self, application, ago, qualifier="1", names=("login_success",), seen_after=timedelta(0)):
        moment = NOW - ago
        record = {
            "id": {
                "time": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
                "uniqueQualifier": qualifier,
                "applicationName": application,
            },
            "actor": {"email": "zoe@example.com"},
            "events": [{"type": "t", "name": name} for name in names],
        }
        self.rows[application].append((moment, moment + seen_after, record))

    def answer(self, request):
        if request.path == "/token":
            sent = dict(parse_qsl(request.body.decode()))
            if wrong := fault_in(sent.get("assertion", ""), {"algorithm": "RS256", "claims": CLAIMS}):
                return Reply.json(400, {"error": "invalid_grant", "error_description": wrong})
            self.tokens += 1
            return Reply.json(200, {"access_token": f"ya29.{self.tokens}", "expires_in": 3599})
        if request.headers.get("Authorization") != f"Bearer ya29.{self.tokens}":
            return Reply.json(401, {"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}})
        application = request.path.removeprefix(PREFIX)
        if application in self.closed or application not in self.rows:
            return Reply.json(400, {"error": {"code": 400, "message": f"no {application}", "status": "INVALID"}})
        if application in self.limited:
            return Reply(429, b'{"error": {"message": "quota"}}', {"Retry-After": "7200"})
        if application in self.circling:
            token = "q" if request.param("pageToken") == "p" else "p"
            return Reply.json(200, {"items": [self.rows[application][0][2]], "nextPageToken": token})
        start, end = (time_from(request.param(name)) for name in ("startTime", "endTime"))
        if application == "gmail" and end - start > timedelta(days=30):
            return Reply.json(400, {"error": {"code": 400, "message": "more than 30 days", "status": "INVALID"}})
        self.asked.append((application, start, end))
        rows = [
            (moment, record)
            for moment, seen, record in self.rows[application]
            if start <= moment <= end and seen <= self.clock()
        ]
        rows.sort(key=lambda row: (row[0], row[1]["id"]["uniqueQualifier"]), reverse=True)
        begin = int(request.param("pageToken") or 0)
        page = {"kind": "admin#reports#activities"}
        if shown := [record for _, record in rows[begin : begin + PAGE]]:
            page["items"] = shown  # absent where there is nothing
        if len(rows) > begin + PAGE:
            page["nextPageToken"] = str(begin + PAGE)
        return Reply.json(200, page)


@pytest.fixture
def desk(monkeypatch):
    with Reports() as service:
        key = {"type": "service_account", "client_email": "audit@p.example", "private_key_id": "k1"}
        connection = {
            "login": "admin@example.com",
            "password": json.dumps({**key, "private_key": private_key("RS256")}),
            "extra": {"token_url": f"{service.url}/token"},
        }
        made = VendorDesk("google_workspace", service, connection, monkeypatch, {"applications": "login,admin,drive"})
        service.clock = lambda: made.now
        yield made


def names_of(desk):
    reader = FieldReader(desk.spec.fields, ("action",))
    return sorted(reader.read(event.raw)["action"] for event in desk.events())


def test_applications_of_one_pipeline_are_read_each_by_itself(desk):
    for application in desk.service.rows:
        for number in range(8):
            # The same moments and the same qualifiers everywhere.
            desk.service.add(application, timedelta(minutes=10 * number + 1), str(number % 2))
    assert desk.run().complete
    assert len(set(desk.ids())) == len(desk.ids()) == 24
    assert {event.id.rpartition("/")[2] for event in desk.events()} == {"login", "admin", "drive"}
    desk.now += timedelta(minutes=5)
    assert desk.run().counts.spooled == 0
    assert desk.service.tokens == 2, "one for each run"


def test_of_gmail_no_more_than_30_days_are_requested_at_once(desk):
    """https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list : of gmail, 30 days"""
    desk.settings["applications"] = "gmail"
    for day in range(100):
        desk.service.add("gmail", timedelta(days=day, minutes=5))
    assert desk.run(start=NOW - timedelta(days=101)).complete
    assert len(desk.events()) == 100


def test_equal_qualifiers_of_different_moments_are_different_events(desk):
    for minute in range(6):
        desk.service.add("login", timedelta(minutes=minute + 1), "7")
    desk.run()
    assert len(desk.events()) == 6


def test_each_event_of_an_activity_is_an_event_and_the_rest_of_the_record_stays(desk):
    desk.service.add("admin", timedelta(minutes=3), "1", ("CREATE_USER", "ASSIGN_ROLE", "ADD_GROUP_MEMBER"))
    desk.service.add("admin", timedelta(minutes=2), "2", ("CREATE_USER",))
    desk.run()
    assert names_of(desk) == ["ADD_GROUP_MEMBER", "ASSIGN_ROLE", "CREATE_USER", "CREATE_USER"]
    first = "2026-11-29T11:57:00.000Z/1/admin"
    assert desk.ids()[:3] == [first, f"{first}/2", f"{first}/3"]
    records = [json.loads(bytes(event.raw)) for event in desk.events()]
    assert all(each["actor"] == {"email": "zoe@example.com"} and len(each["events"]) == 1 for each in records)
    served = [record for _, _, record in desk.service.rows["admin"]]
    assert served[1] in records, "a record with one event is as it came"
    desk.now += timedelta(minutes=5)
    assert desk.run().counts.spooled == 0


@pytest.mark.slow
def test_an_activity_that_appears_three_days_late_is_read(desk):
    late = timedelta(hours=71)
    desk.service.add("drive", timedelta(hours=1), "1", ("download",), seen_after=late)
    desk.service.add("drive", timedelta(hours=1), "2", ("view",))
    desk.run()
    assert names_of(desk) == ["view"]
    for _ in range(20):
        desk.now += timedelta(hours=4)
        desk.run()
    assert names_of(desk) == ["download", "view"]
    assert desk.gaps == []


def test_an_application_that_is_refused_does_not_keep_the_others_from_being_read(desk):
    for application in desk.service.rows:
        desk.service.add(application, timedelta(minutes=3))
    desk.service.closed = {"login"}
    with pytest.raises(AuditError, match="no login"):
        desk.run()
    assert {event.id.rpartition("/")[2] for event in desk.events()} == {"admin", "drive"}
    assert any(line.startswith("login: ") and "are read all the same" in line for line in desk.told)
    assert desk.position.watermark is None, "what is read of all of them is not known"
    desk.service.closed = set()
    desk.now += timedelta(minutes=5)
    assert desk.run().complete
    assert len(desk.events()) == 3
    assert desk.position.watermark > NOW - timedelta(minutes=10)


def applications_of(desk):
    return {event.id.rpartition("/")[2] for event in desk.events()}


def test_an_application_with_a_long_wait_does_not_keep_the_others_from_being_read(desk, monkeypatch):
    for application in desk.service.rows:
        desk.service.add(application, timedelta(minutes=3))
    desk.service.limited = {"login"}

    def sleep(seconds):
        if seconds > 600:
            raise WaitError("too long", until=desk.now + timedelta(seconds=seconds))

    monkeypatch.setattr(desk, "sleep", sleep)
    for _ in range(2):
        with pytest.raises(WaitError) as waited:
            desk.run()
        assert waited.value.until > desk.now + timedelta(hours=1)
        assert applications_of(desk) == {"admin", "drive"}
        desk.now += timedelta(minutes=5)
    desk.service.limited, desk.service.closed = {"login"}, {"admin"}
    with pytest.raises(AuditError, match="no admin"):
        desk.run()
    desk.service.limited = desk.service.closed = set()
    assert desk.run().complete
    assert len(desk.events()) == 3


@pytest.mark.parametrize("which", ["login", "admin", "drive"])
@pytest.mark.parametrize("has_state", [False, True])
def test_an_application_whose_cursors_lead_round_keeps_its_state_and_the_others_are_read(desk, which, has_state):
    if has_state:
        desk.run()
        desk.now += timedelta(hours=1)
    before = desk.position.reading.get("logs", {}).get(which)
    for application in desk.service.rows:
        desk.service.add(application, timedelta(minutes=3))
    desk.service.circling = {which}
    with pytest.raises(ProtocolError, match="round|same"):
        desk.run()
    assert applications_of(desk) >= {"login", "admin", "drive"} - {which}
    states = desk.position.reading["logs"]
    assert states.get(which) == before
    assert set(states) >= {"login", "admin", "drive"} - {which}
    desk.service.circling = set()
    desk.now += timedelta(minutes=5)
    assert desk.run().complete
    assert applications_of(desk) == {"login", "admin", "drive"}
    assert len(desk.events()) == 3


def test_an_application_that_is_added_later_is_read_from_the_start(desk):
    desk.settings = {"applications": "login"}
    for application in desk.service.rows:
        desk.service.add(application, timedelta(hours=5))
    desk.run()
    account = desk.hook().account()
    desk.settings = {"applications": "login,drive"}
    assert desk.hook().account() == account, "it is the same account"
    desk.now += timedelta(minutes=5)
    desk.run()
    assert {event.id.rpartition("/")[2] for event in desk.events()} == {"login", "drive"}


def test_a_run_whose_time_is_over_leaves_the_next_application_to_the_next_run(desk):
    for application in desk.service.rows:
        for minute in range(10):
            desk.service.add(application, timedelta(minutes=minute + 1), str(minute))
    read = []
    for _ in range(3):
        desk.run(deadline=desk.now)
        read.append({event.id.rpartition("/")[2] for event in desk.events()})
    assert read == [{"login"}, {"admin", "login"}, {"admin", "drive", "login"}]


@pytest.mark.parametrize("commits", range(6))
def test_a_run_that_is_killed_anywhere_loses_nothing_and_repeats_nothing(desk, commits):
    for application in desk.service.rows:
        for minute in range(5):
            desk.service.add(application, timedelta(minutes=minute + 1), str(minute), ("a", "b"))
    with pytest.raises(Crash):
        desk.run(commits=commits)
    desk.run()
    assert len(desk.ids()) == len(set(desk.ids())) == 30


def test_a_window_of_the_past_has_all_applications(desk):
    for application in desk.service.rows:
        for hour in range(6):
            desk.service.add(application, timedelta(hours=hour))
    desk.run(within=Window(NOW - timedelta(hours=4), NOW - timedelta(hours=1)))
    assert len(desk.events()) == 9


def test_a_password_that_is_no_key_file_is_explained(monkeypatch):
    with Reports() as service:
        for password, said in (
            ("sk-123", "not the vendor's key file"),
            ('{"client_email": "x"', "is none"),
            ('{"client_email": "x", "private_key_id": "k", "private_key": "no key"}', "no private key that can sign"),
        ):
            connection = {"login": "admin@example.com", "password": password}
            desk = VendorDesk("google_workspace", service, connection, monkeypatch)
            with pytest.raises(CredentialError, match=said):
                desk.run()


def test_the_test_button_needs_the_administrators_address(monkeypatch):
    with Reports() as service:
        key = {"client_email": "a", "private_key_id": "k", "private_key": private_key("RS256")}
        desk = VendorDesk("google_workspace", service, {"password": json.dumps(key)}, monkeypatch)
        works, said = desk.hook().test_connection()
    assert not works
    assert "has no login" in said


def test_a_sweep_reaches_further_back_than_rows_are_late():
    reading = REGISTRY["google_workspace"].reading
    assert reading.sweep_reach >= timedelta(days=3) + reading.sweep_every
