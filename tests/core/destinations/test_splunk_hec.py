"""Splunk HEC against a collector that indexes what comes before the first bad object, as the real one does."""

from __future__ import annotations

import json
import threading

import msgspec
import pytest

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions
from audit_provider.core.errors import (
    AuditError,
    ConfigurationError,
    CredentialError,
    ProtocolError,
    StopError,
    UnavailableError,
)
from audit_provider.core.model import Event
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, batch_of, client_of, event

CHANNEL = "0b5d9f3c-7d0c-4a55-9d0a-2f4f1f0c9a11"
KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
PAGE = b"<html><head><title>Gateway</title></head></html>"


class Collector:
    """Strict about envelopes. Names in ``bad`` are refused with ``code``; ``script`` answers the first requests."""

    def __init__(self, *script, bad=(), code=6):
        self.script = list(script)
        self.bad = set(bad)
        self.code = code
        self.indexed: list[str] = []

    def __call__(self, request):
        if self.script:
            step = self.script.pop(0)
            return step(self, request) if callable(step) else step
        return self.index(request)

    def index(self, request):
        for number, envelope in enumerate(envelopes(request.body.decode())):
            assert set(envelope) <= KEYS
            name = envelope["event"]["id"]
            if name in self.bad:
                return 400, {}, {"text": "Invalid data format", "code": self.code, "invalid-event-number": number}
            self.indexed.append(name)
        return 200, {}, {"text": "Success", "code": 0, "ackId": 7}


def envelopes(text):
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        envelope, place = decoder.raw_decode(text, place)
        yield envelope
        while place < len(text) and text[place].isspace():
            place += 1


def hec(server, sleeps=None, **options):
    return SplunkHecDestination(SplunkHecOptions(**options), ORIGIN, client_of(server, sleeps), CHANNEL)


def replying(status, code, text="said", headers=None, **rest):
    return status, headers or {}, {"text": text, "code": code, **rest}


def test_the_envelope_holds_the_vendors_bytes_untouched(serve):
    destination = hec(serve(Collector()), index="audit", host="h", source="s")
    raw = b'{"z":1,  "a":1.10, "u":"\\u00e9", "big":12345678901234567890}'
    time = NOW.replace(microsecond=123456)
    encoded = destination.encode(Event('a"b', time, msgspec.Raw(raw)), restamp=False)
    assert raw in encoded
    envelope = json.loads(encoded)
    assert set(envelope) == KEYS
    assert envelope["fields"]["event_id"] == 'a"b'
    assert envelope["fields"]["pipeline"] == "payroll"
    assert (envelope["index"], envelope["host"], envelope["source"], envelope["sourcetype"]) == (
        "audit",
        "h",
        "s",
        "_json",
    )
    assert b'"time":%d.123456' % int(time.timestamp()) in encoded


def test_options_left_out_are_left_out(serve):
    envelope = json.loads(hec(serve(Collector())).encode(event("a"), restamp=False))
    assert not {"index", "host"} & set(envelope)


def test_a_batch_is_one_compressed_request(serve):
    collector = Collector()
    server = serve(collector)
    destination = hec(server)
    outcome = destination.send(batch_of(destination, "abc"))
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", "/services/collector/event", "")
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["x-splunk-request-channel"] == CHANNEL
    assert collector.indexed == list("abc")
    assert set(outcome.verdicts) == {Verdict.DELIVERED}


@pytest.mark.parametrize("code", [6, 12, 13, 15])
def test_bad_events_are_set_aside_and_no_other_is_lost_or_repeated(serve, code):
    collector = Collector(bad="adg", code=code)
    server, desk = serve(collector), Desk()
    desk.ship(hec(server), [[event(name) for name in "abcdefgh"]])
    assert collector.indexed == list("bcefh")
    assert sorted(desk.letters) == list("adg")
    assert "Invalid data format" in desk.letters["d"].reason
    assert sum(desk.sleeps) == 0
    assert len(server.requests) == 4


@pytest.mark.parametrize("number", [None, -1, 4, "1", True, 1.0])
def test_a_number_that_cannot_be_is_not_believed(serve, number):
    reply = {"text": "Invalid data format", "code": 6, "invalid-event-number": number}
    destination = hec(serve(Collector((400, {}, reply))))
    outcome = destination.send(batch_of(destination, "abcd"))
    assert set(outcome.verdicts) == {Verdict.SPLIT}


def test_events_without_a_usable_number_are_found_by_halving(serve):
    def dumb(collector, request):
        names = [envelope["event"]["id"] for envelope in envelopes(request.body.decode())]
        if "c" in names:
            return replying(400, 6)
        return collector.index(request)

    collector, desk = Collector(*[dumb] * 20), Desk()
    desk.ship(hec(serve(collector)), [[event(name) for name in "abcd"]])
    assert collector.indexed == list("abd")
    assert list(desk.letters) == ["c"]


def test_a_wrong_index_holds_everything_and_never_resends_the_indexed_head(serve):
    """The number of code 7 is one too high: bad object 2 (zero-based) is answered with 3."""
    collector = Collector()

    def wrong(collector, request):
        names = [envelope["event"]["id"] for envelope in envelopes(request.body.decode())]
        bad = names.index("c")
        collector.indexed += names[:bad]
        return replying(400, 7, "Incorrect index", **{"invalid-event-number": bad + 1})

    collector.script = [wrong, wrong]
    server, desk = serve(collector), Desk()
    with pytest.raises(ConfigurationError, match="audit"):
        desk.ship(hec(server, index="audit"), [[event(name) for name in "abcd"]])
    assert (desk.offset.segment, desk.offset.index) == (1, 2)
    assert desk.letters == {}
    desk.ship(hec(server, index="audit"), [[event(name) for name in "abcd"]])
    assert collector.indexed == list("abcd")


@pytest.mark.parametrize("number", [0, 1, None, 9, "2"])
def test_a_wrong_index_with_nothing_indexed_stops_at_once(serve, number):
    destination = hec(serve(Collector(replying(400, 7, **{"invalid-event-number": number}))))
    with pytest.raises(ConfigurationError):
        destination.send(batch_of(destination, "abcd"))


def test_a_busy_collector_is_sent_only_what_it_has_not_taken(serve):
    def busy(collector, request):
        names = [envelope["event"]["id"] for envelope in envelopes(request.body.decode())]
        collector.indexed += names[:2]
        return replying(503, 9, "Server is busy", {"Retry-After": "3"}, **{"invalid-event-number": 2})

    collector, desk = Collector(busy), Desk()
    desk.ship(hec(serve(collector)), [[event(name) for name in "abcd"]])
    assert collector.indexed == list("abcd")
    assert desk.sleeps == [3.0]


@pytest.mark.parametrize("code", [24, 25])
def test_near_capacity_is_accepted_and_slows_down(serve, code):
    destination = hec(serve(Collector(replying(200, code))))
    outcome = destination.send(batch_of(destination, "ab"))
    assert outcome.verdicts == (Verdict.DELIVERED,) * 2
    assert outcome.slow_down


@pytest.mark.parametrize(
    "answer",
    [
        replying(500, 8),
        replying(503, 9),
        replying(503, 18),
        replying(503, 19),
        replying(503, 20),
        replying(503, 23),
        replying(429, 26),
        replying(429, 27),
        (408, {}, PAGE),
        (502, {}, PAGE),
        (503, {}, b""),
        replying(503, 9, **{"invalid-event-number": 99}),
    ],
)
def test_later_means_later(serve, answer):
    destination = hec(serve(Collector(answer)))
    outcome = destination.send(batch_of(destination, "ab"))
    assert outcome.verdicts == (Verdict.RETRY,) * 2


@pytest.mark.parametrize("body", [{"text": "too large", "code": 6}, PAGE])
def test_too_large_is_halved(serve, body):
    destination = hec(serve(Collector((413, {}, body))))
    assert set(destination.send(batch_of(destination, "ab")).verdicts) == {Verdict.SPLIT}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (replying(403, 1), CredentialError),
        (replying(401, 2), CredentialError),
        (replying(401, 3), CredentialError),
        (replying(403, 4), CredentialError),
        (replying(400, 10), ConfigurationError),
        (replying(400, 11), ConfigurationError),
        (replying(400, 16), ConfigurationError),
        (replying(400, 21), StopError),
        (replying(400, 22), StopError),
        (replying(404, 99), ConfigurationError),
        (replying(405, 99), ConfigurationError),
        ((415, {}, PAGE), StopError),
        ((301, {"Location": "https://elsewhere/"}, {}), ConfigurationError),
        ((400, {}, PAGE), ProtocolError),
        ((403, {}, PAGE), StopError),
        (replying(400, 99), StopError),
    ],
)
def test_a_refused_sender_stops_and_nothing_is_set_aside(serve, answer, error):
    desk = Desk()
    with pytest.raises(error) as caught:
        desk.ship(hec(serve(lambda request: answer)), [[event(name) for name in "abc"]])
    assert desk.commits == []
    assert desk.letters == {}
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [{"text": "HEC is healthy", "code": 17}, {"text": "ok"}, {"code": "0"}, {"code": False}, [], PAGE, b""]
)
def test_200_is_not_delivered_unless_the_code_says_so(serve, body):
    destination = hec(serve(Collector((200, {}, body))))
    with pytest.raises(ProtocolError):
        destination.send(batch_of(destination, "ab"))


@pytest.mark.parametrize("code", [[], {}, None])
def test_a_reply_without_a_sensible_code_is_a_protocol_error(serve, code):
    destination = hec(serve(Collector((200, {}, {"code": code}))))
    with pytest.raises(ProtocolError):
        destination.send(batch_of(destination, "ab"))


def test_a_lost_answer_is_left_to_the_loop(serve):
    server = serve(Collector())
    server.url = "http://127.0.0.1:9"  # nothing listens there
    destination = hec(server)
    with pytest.raises(UnavailableError):
        destination.send(batch_of(destination, "ab"))


class Acking(Collector):
    def __init__(self, *told):
        super().__init__()
        self.told = list(told)

    def __call__(self, request):
        if request.path == "/services/collector/ack":
            assert request.query == f"channel={request.headers['x-splunk-request-channel']}"
            assert json.loads(request.body) == {"acks": [7]}
            told = self.told.pop(0) if self.told else False
            return told if isinstance(told, tuple) else (200, {}, {"acks": {"7": told}})
        return self.index(request)


class AckingSome(Collector):
    """Gives an ackId for a request that is taken whole, and for no other. ``acknowledged`` holds what it has told."""

    def __init__(self, *script, acknowledges=True, **bad):
        super().__init__(*script, **bad)
        self.acknowledges = acknowledges
        self.acknowledged: list[str] = []
        self.waiting: dict[int, list[str]] = {}

    def __call__(self, request):
        if request.path == "/services/collector/ack":
            (number,) = json.loads(request.body)["acks"]
            if self.acknowledges:
                self.acknowledged += self.waiting.pop(number)
            return 200, {}, {"acks": {str(number): self.acknowledges}}
        return super().__call__(request)

    def index(self, request):
        before = len(self.indexed)
        status, headers, reply = super().index(request)
        if status == 200:
            self.waiting[before] = self.indexed[before:]
            reply["ackId"] = before
        return status, headers, reply


def test_an_acknowledged_batch_is_delivered(serve):
    sleeps = []
    destination = hec(serve(Acking(False, False, True)), sleeps, ack=True)
    assert set(destination.send(batch_of(destination, "ab")).verdicts) == {Verdict.DELIVERED}
    assert len(sleeps) in (2, 3)


def test_an_unacknowledged_batch_is_sent_again_and_flagged(serve):
    sleeps = []
    destination = hec(serve(Acking()), sleeps, ack=True, ack_timeout=60.0)
    outcome = destination.send(batch_of(destination, "ab"))
    assert set(outcome.verdicts) == {Verdict.RETRY}
    assert "twice" in outcome.said
    assert 60 <= sum(sleeps) <= 70


class Restarted(Collector):
    """Loses the first batch by a restart after its answer. Each channel then begins to count at 0 again."""

    def __init__(self):
        super().__init__()
        self.lost: list[str] = []
        self.kept: set[str] = set()
        self._both = threading.Event()

    def __call__(self, request):
        channel = request.headers["x-splunk-request-channel"]
        if request.path == "/services/collector/ack":
            assert self._both.wait(10), "two batches are sent at the same time"
            return 200, {}, {"acks": {"0": channel in self.kept}}
        before = len(self.indexed)
        status, headers, reply = self.index(request)
        if not self.lost:
            self.lost, self.indexed = self.indexed[before:], self.indexed[:before]
        else:
            self.kept.add(channel)
            self._both.set()
        return status, headers, {**reply, "ackId": 0}


def test_an_acknowledgement_of_another_batch_confirms_none_that_a_restart_has_lost(serve):
    collector, desk = Restarted(), Desk()
    destination = hec(serve(collector), ack=True, ack_timeout=1.0, batch_events=2)
    desk.ship(destination, [[event(name) for name in "abcd"]], concurrency=2)
    assert collector.lost
    assert sorted(collector.indexed) == list("abcd")
    assert desk.offset.counts.delivered == 4


@pytest.mark.parametrize(("bad", "repeated"), [("a", ""), ("d", "abc"), ("bdg", "acef")])
def test_what_stands_before_a_bad_event_is_acknowledged_too_and_repeated_once(serve, bad, repeated):
    collector, desk = AckingSome(bad=bad), Desk()
    desk.ship(hec(serve(collector), ack=True), [[event(name) for name in "abcdefgh"]])
    good = sorted(set("abcdefgh") - set(bad))
    assert sorted(desk.letters) == sorted(bad)
    assert sorted(collector.acknowledged) == good
    assert sorted(collector.indexed) == sorted([*good, *repeated])


def test_what_a_busy_collector_took_is_acknowledged_too_and_it_is_left_alone_before(serve):
    def busy(collector, request):
        collector.indexed += "ab"
        return replying(503, 9, "Server is busy", {"Retry-After": "3"}, **{"invalid-event-number": 2})

    collector, desk, sleeps = AckingSome(busy), Desk(), []
    desk.ship(hec(serve(collector), sleeps, ack=True), [[event(name) for name in "abcd"]])
    assert sorted(collector.acknowledged) == list("abcd")
    assert (sleeps, desk.sleeps) == ([3.0], [3.0])


def test_a_head_that_is_not_taken_again_goes_with_the_rest(serve):
    """The collector takes some and is busy, twice, the second time with the head that is sent alone."""

    def busy(collector, request):
        collector.indexed += "a"
        return replying(503, 9, headers={"Retry-After": "3"}, **{"invalid-event-number": 1})

    collector, desk = AckingSome(busy, busy), Desk()
    desk.ship(hec(serve(collector), ack=True), [[event(name) for name in "abcd"]])
    assert sorted(collector.acknowledged) == list("abcd")
    assert (desk.offset.counts.delivered, desk.sleeps) == (4, [3.0])


def test_a_wrong_index_passes_only_what_is_acknowledged(serve):
    def wrong(collector, request):
        names = [envelope["event"]["id"] for envelope in envelopes(request.body.decode())]
        return replying(400, 7, **{"invalid-event-number": 3}) if "c" in names else collector.index(request)

    for acknowledges, passed in ((True, 2), (False, 0)):
        collector, desk = AckingSome(*[wrong] * 9, acknowledges=acknowledges), Desk()
        with pytest.raises(AuditError):
            desk.ship(hec(serve(collector), ack=True, ack_timeout=1.0), [[event(name) for name in "abcd"]])
        assert (desk.offset.index, desk.letters) == (passed, {})


def test_a_token_without_acknowledgement_is_named(serve):
    destination = hec(serve(Acking(replying(400, 14, "ACK is disabled"))), ack=True)
    with pytest.raises(ConfigurationError, match="acknowledgement"):
        destination.send(batch_of(destination, "ab"))
    silent = hec(serve(Collector(replying(200, 0))), ack=True)
    with pytest.raises(ConfigurationError, match="acknowledgement"):
        silent.send(batch_of(silent, "ab"))


def test_check_takes_no_data_for_a_valid_token(serve):
    server = serve(Collector(replying(400, 5, "No data")))
    assert hec(server).check()
    assert server.requests[0].raw == b""


def test_check_promises_no_token_where_an_empty_request_is_a_success(serve):
    """As VictoriaLogs 1.52 answers, with or without a token."""
    assert "only a test event" in hec(serve(Collector(replying(200, 0, "Success")))).check()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (replying(403, 4), CredentialError),
        (replying(401, 2), CredentialError),
        (replying(200, 17, "HEC is healthy"), AuditError),
        ((200, {}, PAGE), ProtocolError),
        ((404, {}, {}), ConfigurationError),
    ],
)
def test_check_believes_nothing_else(serve, answer, error):
    with pytest.raises(error):
        hec(serve(Collector(answer))).check()
