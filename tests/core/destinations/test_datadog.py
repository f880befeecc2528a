"""Datadog's intake: only 202 is accepted, and its silent losses are met before they happen."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.datadog import (
    SITES,
    DatadogDestination,
    DatadogOptions,
    api_url,
    intake_url,
)
from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError, ProtocolError
from audit_provider.core.model import Event, Fields, Origin
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, Server, batch_of, client_of, event

PAGE = b"<html><title>Gateway</title></html>"
ACCEPTED = (202, {}, {})


class Intake:
    """Takes arrays; refuses whole those that hold a name in ``bad``, as there is no answer per log."""

    def __init__(self, *script, bad=()):
        self.script = list(script)
        self.bad = set(bad)
        self.logs: list[dict] = []

    def __call__(self, request):
        if self.script:
            return self.script.pop(0)
        logs = json.loads(request.body)
        assert isinstance(logs, list)
        if any(log["evt"]["id"] in self.bad for log in logs):
            return 400, {}, {"errors": [{"status": "400", "title": "Bad Request"}]}
        self.logs += logs
        return ACCEPTED


def datadog(server, sleeps=None, origin=ORIGIN, **options):
    client = client_of(server, sleeps)
    return DatadogDestination(DatadogOptions(**options), origin, client, client)


def log_of(raw, *, restamp=False, origin=ORIGIN, **options):
    destination = datadog(Server(None, "http://127.0.0.1:9"), origin=origin, **options)
    encoded = destination.encode(Event("e1", NOW.replace(microsecond=123456), msgspec.Raw(raw)), restamp=restamp)
    assert raw in encoded
    return json.loads(encoded)


RAW = b'{"z":1,  "a":1.10, "action":"user_login","actor":{"user":{"email":"ada@x.org"}},"context":{"ip":"1.2.3.4"}}'


def test_a_log_has_the_standard_attributes_and_the_vendors_bytes():
    log = log_of(RAW, tags=("team:sec",), hostname="h", service="svc", source="src")
    assert (log["ddsource"], log["service"], log["hostname"]) == ("src", "svc", "h")
    assert log["ddtags"].startswith("pipeline:payroll,")
    assert log["ddtags"].endswith("team:sec")
    assert log["timestamp"] == "2026-03-01T12:00:00.123Z"
    assert (log["evt"]["id"], log["evt"]["name"]) == ("e1", "user_login")
    assert log["usr"] == {"email": "ada@x.org"}
    assert log["network"] == {"client": {"ip": "1.2.3.4"}}
    assert log["message"] == "user_login by ada@x.org"


def test_a_restamped_log_has_no_date_attribute_and_says_so():
    log = log_of(RAW, restamp=True)
    assert not {"timestamp", "date", "_timestamp", "Timestamp", "eventTime", "published_date"} & set(log)
    assert log["evt"]["time"].startswith("2026-03-01T12:00:00")
    assert "backfill:true" in log["ddtags"].split(",")
    assert "backfill:true" not in log_of(RAW)["ddtags"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"action":"boot","actor":"system"}',
        b'{"action":"boot","actor":{"user":["ada"]}}',
        b'{"action":"boot","actor":null}',
        b'{"action":"boot","actor":{"user":{"email":{"v":1}}}}',
    ],
)
def test_a_record_of_unusual_shape_is_still_a_good_event(raw):
    log = log_of(raw)
    assert log["evt"]["name"] == "boot"
    assert "usr" not in log
    assert log["message"]


@pytest.mark.parametrize(("ahead", "dated"), [(timedelta(hours=2), True), (timedelta(hours=2, seconds=1), False)])
def test_a_log_from_far_ahead_has_no_date_attribute_and_keeps_its_time(ahead, dated):
    destination = datadog(Server(None, "http://127.0.0.1:9"))
    log = json.loads(destination.encode(event("a", time=NOW + ahead), restamp=False))
    assert ("timestamp" in log) is dated
    assert log["evt"]["time"] == (NOW + ahead).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert "backfill:true" not in log["ddtags"]


def test_a_source_without_known_fields_still_ships():
    log = log_of(b'{"a":1}', origin=Origin("p", "s", Fields("id", "time")))
    assert log["message"]
    assert not {"usr", "network"} & set(log)


def test_a_batch_is_one_compressed_array(serve):
    intake = Intake()
    server = serve(intake)
    desk = Desk()
    desk.ship(datadog(server), [[event(name) for name in "abc"]])
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/v2/logs")
    assert request.headers["content-encoding"] == "gzip"
    assert [log["evt"]["id"] for log in intake.logs] == list("abc")
    assert desk.offset.counts.delivered == 3


def test_logs_that_would_be_dropped_behind_a_202_are_not_sent_as_they_are(serve):
    intake = Intake()
    server = serve(intake)
    old = [event("old", time=NOW - timedelta(hours=17, seconds=1)), event("new")]
    aside, stamped = Desk(), Desk()
    aside.ship(datadog(server), [old], too_old="dead_letter")
    assert [log["evt"]["id"] for log in intake.logs] == ["new"]
    assert (aside.offset.counts.too_old, aside.offset.counts.delivered) == (1, 1)
    stamped.ship(datadog(server), [old], too_old="arrival_time")
    assert "timestamp" not in intake.logs[1]
    assert stamped.offset.counts.restamped == 1


def test_a_log_that_would_be_truncated_is_set_aside(serve):
    intake, desk = Intake(), Desk()
    desk.ship(datadog(serve(intake)), [[event("a"), event("big", pad="x" * 1_000_000), event("c")]])
    assert [log["evt"]["id"] for log in intake.logs] == ["a", "c"]
    assert list(desk.letters) == ["big"]


@pytest.mark.parametrize("status", [400, 413])
def test_a_poison_log_is_found_by_halving(serve, status):
    intake, desk = Intake(bad="e"), Desk()
    desk.ship(datadog(serve(intake)), [[event(name) for name in "abcdefgh"]])
    assert [log["evt"]["id"] for log in intake.logs] == list("abcdfgh")
    assert "Bad Request" in desk.letters["e"].reason


@pytest.mark.parametrize("status", [400, 413])
def test_split_statuses(serve, status):
    destination = datadog(serve(Intake((status, {}, {"errors": [{"status": str(status)}]}))))
    assert set(destination.send(batch_of(destination, "ab")).verdicts) == {Verdict.SPLIT}


def test_too_large_is_halved_also_where_a_proxy_says_it_with_a_page(serve):
    server = serve(lambda request: (413, {}, PAGE) if len(json.loads(request.body)) > 2 else ACCEPTED)
    desk = Desk()
    desk.ship(datadog(server), [[event(name) for name in "abcde"]])
    assert (desk.offset.counts.delivered, desk.letters) == (5, {})


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_later_means_later_and_the_wait_is_read(serve, status):
    destination = datadog(serve(Intake((status, {"Retry-After": "4"}, PAGE))))
    outcome = destination.send(batch_of(destination, "ab"))
    assert set(outcome.verdicts) == {Verdict.RETRY}
    assert outcome.wait == 4.0


def test_a_short_lived_403_loses_nothing(serve):
    refused = (403, {}, {"errors": [{"status": "403", "title": "Forbidden"}]})
    intake, desk = Intake(refused, refused), Desk()
    desk.ship(datadog(serve(intake)), [[event("a")]])
    assert [log["evt"]["id"] for log in intake.logs] == ["a"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_lasting_403_holds_everything(serve, status):
    desk = Desk()
    server = serve(lambda request: (status, {}, {"errors": ["Forbidden"]}))
    with pytest.raises(CredentialError):
        desk.ship(datadog(server), [[event("a"), event("b")]])
    assert 2 <= len(server.requests) <= 5
    assert desk.commits == []
    assert desk.letters == {}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {}, {}), ProtocolError),
        ((204, {}, {}), ProtocolError),
        ((200, {}, PAGE), ProtocolError),
        ((301, {"Location": "https://elsewhere/"}, {}), ConfigurationError),
        ((404, {}, {}), ConfigurationError),
    ],
)
def test_any_other_answer_is_not_delivered(serve, answer, error):
    desk = Desk()
    with pytest.raises(error):
        desk.ship(datadog(serve(lambda request: answer)), [[event("a")]])
    assert desk.commits == []
    assert desk.letters == {}


def _checking(validate, intake):
    return lambda request: validate if request.path == "/api/v1/validate" else intake


def test_check_asks_the_api_and_the_intake(serve):
    server = serve(_checking((200, {}, {"valid": True}), ACCEPTED))
    assert datadog(server).check()
    assert {request.path for request in server.requests} == {"/api/v1/validate", "/api/v2/logs"}


@pytest.mark.parametrize(
    ("validate", "intake"),
    [
        ((403, {}, {"errors": ["Forbidden"]}), ACCEPTED),
        ((200, {}, {"valid": False}), ACCEPTED),
        ((200, {}, PAGE), ACCEPTED),
        ((200, {}, {"valid": True}), (403, {}, {"errors": ["Forbidden"]})),
        ((200, {}, {"valid": True}), (404, {}, {})),
        ((200, {}, {"valid": True}), (200, {}, PAGE)),
        ((200, {}, {"valid": True}), (503, {}, PAGE)),
    ],
)
def test_check_fails_where_either_does_not_work(serve, validate, intake):
    with pytest.raises(AuditError):
        datadog(serve(_checking(validate, intake))).check()


def test_every_site_has_its_addresses():
    assert SITES[0] == "datadoghq.com"
    assert len(set(SITES)) == len(SITES) == 9
    assert intake_url("us3.datadoghq.com") == "https://http-intake.logs.us3.datadoghq.com"
    assert api_url("datadoghq.eu") == "https://api.datadoghq.eu"
