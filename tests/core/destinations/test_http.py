"""The generic HTTP destination: every shape, the status policy, ids of batches, and options that make no sense."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace

import pytest

from audit_provider.core.delivery import delivery_from
from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.errors import (
    AuditError,
    ConfigurationError,
    CredentialError,
    ProtocolError,
    UnavailableError,
)
from audit_provider.core.formats import Raw
from audit_provider.core.model import Origin
from audit_provider.sandbox.http_receiver import HttpReceiverService
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, batch_of, client_of, event

PAGE = b"<!doctype html><html><title>Proxy Login</title></html>"


def http(server, sleeps=None, form=None, origin=ORIGIN, **options):
    return HttpDestination(HttpOptions(**options), origin, client_of(server, sleeps), form=form)


def receiver(service):
    return SimpleNamespace(url=service.url + service.path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("shape", ["array", "ndjson", "single", "wrapped"])
def test_every_shape_arrives(shape, method, zipped):
    with HttpReceiverService(shape, method=method, wrapper="logs", gzip=zipped) as service:
        desk = Desk()
        destination = http(receiver(service), shape=shape, method=method, wrapper="logs", gzip=zipped)
        desk.ship(destination, [[event(name) for name in "abc"]])
        assert service.ids() == list("abc")
        assert len(service.seen) == (3 if shape == "single" else 1)
        assert desk.offset.counts.delivered == 3


def test_what_is_not_said_is_plain(serve):
    server = serve(lambda request: (200, {}, {}))
    http(server).send(batch_of(http(server), "ab"))
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["content-type"] == "application/json"
    assert "content-encoding" not in request.headers
    assert [each["id"] for each in json.loads(request.raw)] == ["a", "b"]


def test_path_headers_and_content_type_travel(serve):
    server = serve(lambda request: (200, {}, {}))
    destination = http(server, path="/in", headers={"X-Source": "payroll"}, content_type="application/vnd.x+json")
    destination.send(batch_of(destination, "a"))
    (request,) = server.requests
    assert request.path == "/in"
    assert request.headers["x-source"] == "payroll"
    assert request.headers["content-type"] == "application/vnd.x+json"


class Line:
    is_json = False

    def write(self, event):
        return f"CEF:0|{event.id}".encode()


def test_lines_of_text_go_as_they_are(serve):
    server = serve(lambda request: (200, {}, {}))
    lines = http(server, shape="ndjson", form=Line())
    lines.send(batch_of(lines, "ab"))
    array = http(server, form=Line())
    array.send(batch_of(array, "ab"))
    assert server.requests[0].raw == b"CEF:0|a\nCEF:0|b\n"
    assert server.requests[0].headers["content-type"].startswith("text/plain")
    assert json.loads(server.requests[1].raw) == ["CEF:0|a", "CEF:0|b"]


def test_the_id_of_a_batch_is_that_of_its_events_in_order_and_of_their_origin(serve):
    server = serve(lambda request: (200, {}, {}))
    destination = http(server, id_header="Idempotency-Key")
    for names in ("ab", "ab", "ba", "a", "abc"):
        destination.send(batch_of(destination, names))
    elsewhere = http(server, id_header="Idempotency-Key", origin=Origin("other", "slack", ORIGIN.fields))
    elsewhere.send(batch_of(elsewhere, "ab"))
    first, again, *others = [request.headers["idempotency-key"] for request in server.requests]
    assert first == again
    assert len({first, *others}) == 5


def test_a_lost_answer_stores_nothing_twice_where_the_receiver_knows_ids():
    with HttpReceiverService() as service:
        service.faults.add("cut", path="/events", count=1)
        desk = Desk()
        destination = http(receiver(service), id_header="Idempotency-Key")
        desk.ship(destination, [[event(name) for name in "abc"]])
        assert service.ids() == list("abc")
        assert service.repeats == 1
        assert desk.offset.counts.delivered == 3


@pytest.mark.parametrize("place", [0, 3, 7])
def test_a_poison_event_is_found_by_halving_wherever_it_stands(place):
    names = "abcdefgh"
    with HttpReceiverService(reject=names[place]) as service:
        desk = Desk()
        desk.ship(http(receiver(service)), [[event(name) for name in names]])
        assert service.ids() == [name for name in names if name != names[place]]
        assert list(desk.letters) == [names[place]]
        assert "an event is refused" in desk.letters[names[place]].reason
        assert (desk.offset.counts.delivered, desk.offset.counts.dead_lettered) == (7, 1)


def test_too_large_is_halved_also_where_a_proxy_says_it_with_a_page():
    with HttpReceiverService(most_bytes=1000) as service:
        service.faults.add("status", status=413, body=PAGE.decode(), count=1)
        desk = Desk()
        desk.ship(http(receiver(service)), [[event(name, pad="x" * 200) for name in "abcdef"]])
        assert service.ids() == list("abcdef")
        assert desk.letters == {}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507, 524])
def test_later_means_later_and_the_wait_is_read(serve, status):
    destination = http(serve(lambda request: (status, {"Retry-After": "7"}, {})))
    outcome = destination.send(batch_of(destination, "ab"))
    assert outcome.verdicts == (Verdict.RETRY,) * 2
    assert outcome.wait == 7.0


@pytest.mark.parametrize("status", [400, 406, 413, 422])
def test_faults_are_halved(serve, status):
    destination = http(serve(lambda request: (status, {}, {"error": "no"})))
    assert set(destination.send(batch_of(destination, "ab")).verdicts) == {Verdict.SPLIT}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {}, {}), CredentialError),
        ((403, {}, {}), CredentialError),
        ((407, {}, {}), CredentialError),
        ((301, {"Location": "http://elsewhere.example/"}, {}), ConfigurationError),
        ((307, {"Location": "http://elsewhere.example/"}, {}), ConfigurationError),
        ((404, {}, {}), ConfigurationError),
        ((405, {}, {}), ConfigurationError),
        ((409, {}, {}), ConfigurationError),
        ((410, {}, {}), ConfigurationError),
        ((415, {}, {}), ConfigurationError),
        ((400, {}, PAGE), ProtocolError),
        ((200, {}, PAGE), ProtocolError),
        ((206, {}, {}), ProtocolError),
        ((418, {}, {}), ProtocolError),
    ],
)
def test_a_refused_sender_stops_at_once_and_everything_is_kept(serve, answer, error):
    server, desk = serve(lambda request: answer), Desk()
    with pytest.raises(error) as caught:
        desk.ship(http(server), [[event(name) for name in "abc"]])
    assert len(server.requests) == 1
    assert desk.commits == []
    assert desk.letters == {}
    assert str(answer[0]) in str(caught.value)


def test_words_are_quoted_without_the_secret(serve):
    destination = http(serve(lambda request: (403, {}, {"error": "s3cret is no key"})))
    with pytest.raises(CredentialError, match="is no key") as caught:
        destination.send(batch_of(destination, "a"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", [409, 415])
def test_any_fault_can_be_said_to_be_an_events(serve, status):
    destination = http(serve(lambda request: (status, {}, {})), faults=(409, 415))
    assert destination.send(batch_of(destination, "a")).verdicts == (Verdict.SPLIT,)


def test_statuses_can_be_said_anew(serve):
    answers = iter([206, 409, 404, 500])
    server = serve(lambda request: (next(answers), {}, {}))
    destination = http(
        server, accepted=(206,), already_there=(409,), faults=(404,), later=(503,), id_header="Idempotency-Key"
    )
    batch = batch_of(destination, "ab")
    found = [destination.send(batch).verdicts[0] for _ in range(3)]
    assert found == [Verdict.DELIVERED, Verdict.ALREADY_THERE, Verdict.SPLIT]
    with pytest.raises(ProtocolError):
        destination.send(batch)


def test_an_old_event_is_set_aside_where_nothing_can_say_when_it_arrived(serve):
    server, desk = serve(lambda request: (200, {}, {})), Desk()
    old = event("old", time=NOW.replace(day=1, month=1))
    desk.ship(http(server, max_age_hours=24), [[event("a"), old]])
    assert list(desk.letters) == ["old"]
    assert "cannot be sent with the current time" in desk.letters["old"].reason
    assert (desk.offset.counts.too_old, desk.offset.counts.dead_lettered) == (1, 0)
    assert desk.offset.too_old_from == desk.offset.too_old_to == old.time
    aside = Desk()
    aside.ship(http(server, max_age_hours=24), [[old]], too_old="dead_letter")
    assert aside.offset.counts.too_old == 1


def test_nothing_listens(serve):
    server = serve(lambda request: (200, {}, {}))
    server.url = "http://127.0.0.1:9"
    destination = http(server)
    with pytest.raises(UnavailableError):
        destination.send(batch_of(destination, "a"))


@pytest.mark.parametrize("status", [200, 204, 400, 401, 404, 405, 500])
def test_check_sends_no_event_and_promises_no_more_than_it_saw(serve, status):
    server = serve(lambda request: (status, {}, {}))
    said = http(server, preset="sumo_logic").check()
    (request,) = server.requests
    assert (request.method, request.raw) == ("HEAD", b"")
    assert str(status) in said
    assert "only a test event proves" in said
    assert "ingest budget" in said


@pytest.mark.parametrize("status", [301, 308, 407, 410])
def test_check_says_what_cannot_work(serve, status):
    with pytest.raises(AuditError, match=str(status)):
        http(serve(lambda request: (status, {}, {}))).check()


def test_check_sends_otlp_a_request_without_events(serve):
    server = serve(lambda request: (201, {}, {}))
    said = http(server, preset="otlp").check()
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/logs")
    assert json.loads(request.body) == {"resourceLogs": []}
    assert "201" in said


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((206, {}, {}), AuditError, "accepted: [200, 201, 202, 204, 206]"),
        ((400, {}, {"message": "no"}), AuditError, "request without events"),
        ((401, {}, {}), CredentialError, "'auth'"),
        ((404, {}, {}), ConfigurationError, "'path'"),
        ((200, {"Content-Type": "text/html"}, "<html><title>Log in</title>"), AuditError, "Log in"),
        ((503, {}, {}), UnavailableError, "not available"),
    ],
)
def test_check_says_what_keeps_otlp_from_working(serve, answer, error, said):
    with pytest.raises(error) as caught:
        http(serve(lambda request: answer), preset="otlp").check()
    assert said in str(caught.value)


def test_a_test_event_is_marked():
    with HttpReceiverService() as service:
        said = http(receiver(service)).send_test_event()
        ((name, stored),) = service.stored
        assert name in said
        assert stored["raw"]["test"] is True
        assert stored["action"] == "audit_provider.test"
    with HttpReceiverService(headers={"X-API-Key": "other"}) as service, pytest.raises(CredentialError):
        http(receiver(service)).send_test_event()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preset": "sumologic"}, "did you mean 'sumo_logic'"),
        ({"preset": "loki", "shape": "array"}, "'shape' is defined by the preset"),
        ({"path": "in"}, "must begin with a slash"),
        ({"headers": {"Authorization": "Bearer x"}}, "is a credential"),
        ({"headers": {"X-API-Key": "x"}}, "is a credential"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "line break"),
        ({"headers": {"X A": "1"}}, "is not a header name"),
        ({"headers": {"Content-Length": "1"}}, "is set by"),
        ({"id_header": ""}, "is not a header name"),
        ({"accepted": [404]}, "must be 200 to 299"),
        ({"faults": [500]}, "must be 400 to 499"),
        ({"later": [200]}, "must be 400 to 599"),
        ({"event_bytes": 0}, "must be more than 0"),
        ({"max_age_hours": -1}, "must be more than 0"),
        ({"settings": {"a": "b"}}, "there is no setting 'a'"),
        ({"preset": "google_secops"}, "needs the setting 'parent'"),
        ({"preset": "google_secops", "settings": {"parent": "projects/../x"}}, "part of the path"),
        ({"preset": "google_secops", "settings": {"parent": "p?x=1"}}, "part of the path"),
        ({"shape": "list"}, "shape"),
        ({"method": "GET"}, "method"),
    ],
)
def test_options_that_make_no_sense_are_named(options, said):
    with pytest.raises(ConfigurationError) as caught:
        delivery_from("siem", {"type": "http", **options}, "payroll.destinations.siem")
    assert str(caught.value).startswith("payroll.destinations.siem")
    assert said in str(caught.value)


def test_had_before_needs_to_say_what(serve):
    server = serve(lambda request: (409, {}, {}))
    with pytest.raises(ConfigurationError, match="already_there"):
        http(server, already_there=(409,))
    single = http(server, already_there=(409,), shape="single")
    assert single.send(batch_of(single, "a")).verdicts == (Verdict.ALREADY_THERE,)


def test_gzip_is_what_is_measured_before_it(serve):
    server = serve(lambda request: (200, {}, {}))
    destination = http(server, gzip=True, form=Raw(ORIGIN))
    destination.send(batch_of(destination, "ab"))
    (request,) = server.requests
    assert request.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(request.raw)) == [{"id": "a"}, {"id": "b"}]
