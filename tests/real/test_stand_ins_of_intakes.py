"""The stand-ins for Splunk, Datadog and OTLP beside servers that speak these protocols. Part of ``make real``.

VictoriaLogs plays the first two and takes more than the services themselves do: those answers are named here, with what
the service documents, which is what its stand-in does.
"""

from __future__ import annotations

import gzip
import json
import time

import pytest

from audit_provider.core.model import utc_now
from audit_provider.sandbox.datadog import DatadogService
from audit_provider.sandbox.http_receiver import HttpReceiverService
from audit_provider.sandbox.splunk_hec import SplunkHecService
from tests.real.beside import agree, asked, obtained
from tests.real.servers import collector, victorialogs
from tests.real.servers.base import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

TOKEN = {"Authorization": "Splunk t0k3n"}
KEY = {"DD-API-KEY": "k3y", "Content-Type": "application/json"}
OTLP = {"Content-Type": "application/json"}
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A VictoriaLogs that keeps everything."""
    place = Place(obtained(victorialogs.SERVERS[0]), tmp_path_factory.mktemp("store"))
    with victorialogs.run_store(place, "-retentionPeriod=99y", "-futureRetention=99y") as running:
        yield running


@pytest.fixture
def splunk():
    with SplunkHecService("t0k3n", indexes=["audit"]) as service:
        yield service


@pytest.fixture
def datadog():
    with DatadogService("k3y") as service:
        yield service


def envelope(**more):
    return json.dumps({"time": 1772366400, "event": {"id": "x"}, **more}).encode()


def bad(text):
    return {"body": text.encode()}


EVENT = "/services/collector/event"
HEC = {
    "an event": {"body": envelope()},
    "two without anything between": {"body": envelope() * 2},
    "two lines": {"body": envelope() + b"\n" + envelope()},
    "a list of events": {"body": b"[" + envelope() + b"]"},
    "gzip": {"body": gzip.compress(envelope()), "headers": {**TOKEN, **GZIP}},
    "gzip that is none": {"body": b"abc", "headers": {**TOKEN, **GZIP}},
    "gzip that is cut off": {"body": gzip.compress(envelope())[:-9], "headers": {**TOKEN, **GZIP}},
    "another content type": {"body": envelope(), "headers": {**TOKEN, "Content-Type": "text/plain"}},
    "nothing": {},
    "blanks": {"body": b" \n "},
    "no JSON": bad("{"),
    "a number": bad("5"),
    "a text": bad('"a"'),
    "no JSON behind an event": {"body": envelope() + b"{"},
    "no JSON between events": {"body": envelope() + b"\n{]\n" + envelope()},
    "no key 'event'": bad('{"time":1}'),
    "an event that is null": bad('{"event":null}'),
    "an event that is empty": bad('{"event":""}'),
    "an event that is a text": bad('{"event":"text"}'),
    "an event that is a number": bad('{"event":5}'),
    "an event that is a list": bad('{"event":[1]}'),
    "a time that is a text": {"body": envelope(time="1772366400.5")},
    "a time that is a word, between events": {"body": envelope() + envelope(time="yesterday") + envelope()},
    "fields with lists": {"body": envelope(fields={"a": ["x", "y"]})},
    "fields with objects": {"body": envelope(fields={"a": {"b": 1}})},
    "fields that are no object": {"body": envelope(fields=5)},
    "an unknown key": {"body": envelope(colour="red")},
    "an index that the token may not write to": {"body": envelope(index="other")},
    "no token": {"body": envelope(), "headers": {}},
    "another token": {"body": envelope(), "headers": {"Authorization": "Splunk wrong"}},
    "the older path": {"body": envelope(), "path": "/services/collector"},
    "the path with a version": {"body": envelope(), "path": f"{EVENT}/1.0"},
    "GET": {"method": "GET"},
    "its health": {"method": "GET", "path": "/services/collector/health"},
    "acknowledgements, which it has none of": {
        "body": b'{"acks":[0]}',
        "path": "/services/collector/ack?channel=11111111-1111-1111-1111-111111111111",
    },
}
_NOT_CHECKED = "'400', code {}: VictoriaLogs takes it as success"
HEC_OTHERWISE = {
    "nothing": ((200, 0), _NOT_CHECKED.format(5)),
    "blanks": ((200, 0), _NOT_CHECKED.format(5)),
    "no JSON behind an event": ((200, 1), _NOT_CHECKED.format(6)),
    "no JSON between events": ((200, 1), _NOT_CHECKED.format("6, and the number of the event")),
    "a time that is a word, between events": ((200, 2), _NOT_CHECKED.format("6, and the number of the event")),
    "no key 'event'": ((200, 1), _NOT_CHECKED.format(12)),
    "an event that is null": ((200, 1), _NOT_CHECKED.format(6)),
    "an event that is empty": ((200, 1), _NOT_CHECKED.format(13)),
    "fields with objects": ((200, 1), _NOT_CHECKED.format(15)),
    "fields that are no object": ((200, 1), _NOT_CHECKED.format(15)),
    "an unknown key": ((200, 1), _NOT_CHECKED.format(5)),
    "an index that the token may not write to": ((200, 1), "code 7; VictoriaLogs has no indexes"),
    "no token": ((200, 1), "401, code 2; VictoriaLogs asks for no token"),
    "another token": ((200, 1), "403, code 4; VictoriaLogs asks for no token"),
    "the older path": ((400, 0), "Splunk serves it; VictoriaLogs does not"),
}


@pytest.mark.parametrize("name", HEC)
def test_a_request_to_an_event_collector_is_answered_alike(store, splunk, name):
    said = {"path": EVENT, "headers": TOKEN, **HEC[name]}
    agree(
        name,
        both(store.url, said, lambda: len(store.held("*"))),
        both(splunk.url, said, lambda: len(splunk.indexed)),
        HEC_OTHERWISE,
    )


def both(url, said, count):
    """Return the status of an answer, and how many events more are held."""
    before, path = count(), said["path"]
    answer = asked(url + path, **{key: value for key, value in said.items() if key != "path"})
    return answer.status_code, count() - before


def logs(*more):
    """Return a body of logs. :param more: of each, attributes beside those that all have."""
    now = int(utc_now().timestamp() * 1000)
    known = {"ddsource": "x", "service": "y", "ddtags": "a:b", "message": "m", "timestamp": now}
    return json.dumps([{**known, **each} for each in more]).encode()


DATADOG = {
    "a log": lambda: {"body": logs({})},
    "two logs": lambda: {"body": logs({}, {"message": "n"})},
    "a log without a list": lambda: {"body": logs({})[1:-1]},
    "no log": lambda: {"body": b"[]"},
    "nothing": lambda: {"body": b""},
    "no JSON": lambda: {"body": b"{"},
    "a list that is cut off": lambda: {"body": logs({}, {})[:-9]},
    "a log that is no object": lambda: {"body": b"[1]"},
    "gzip": lambda: {"body": gzip.compress(logs({})), "headers": {**KEY, **GZIP}},
    "gzip that is none": lambda: {"body": b"abc", "headers": {**KEY, **GZIP}},
    "gzip that is cut off": lambda: {"body": gzip.compress(logs({}))[:-9], "headers": {**KEY, **GZIP}},
    "a status": lambda: {"body": logs({"status": "info"})},
    "attributes that are objects": lambda: {"body": logs({"evt": {"id": "a"}})},
    "a time that is a text": lambda: {"body": logs({"timestamp": utc_now().isoformat()})},
    "a message that is a number": lambda: {"body": logs({"message": 5})},
    "text": lambda: {"body": b"text", "headers": {**KEY, "Content-Type": "text/plain"}},
    "no key": lambda: {"body": logs({}), "headers": {"Content-Type": "application/json"}},
    "another key": lambda: {"body": logs({}), "headers": {**KEY, "DD-API-KEY": "wrong"}},
    "1,001 logs": lambda: {"body": logs(*[{}] * 1001)},
}
DATADOG_OTHERWISE = {
    "a log without a list": ((400, 0), "a log alone is accepted"),
    "attributes that are objects": ((400, 0), "attributes may be objects"),
    "a time that is a text": ((400, 0), "ISO 8601 is a recognised date"),
    "a message that is a number": ((400, 0), "any attribute may be a number"),
    "text": ((400, 0), "415, or a plain log"),
    "no key": ((202, 1), "401; VictoriaLogs asks for no key"),
    "another key": ((202, 1), "403; VictoriaLogs asks for no key"),
    "1,001 logs": ((202, 1001), "at most 1,000 logs in a list"),
}


@pytest.mark.parametrize("name", DATADOG)
def test_a_request_to_a_log_intake_is_answered_alike(store, datadog, name):
    said = {"headers": KEY, **DATADOG[name]()}
    agree(
        name,
        both(store.url, {"path": "/insert/datadog/api/v2/logs", **said}, lambda: len(store.held("*"))),
        both(datadog.url, {"path": "/api/v2/logs", **said}, lambda: len(datadog.logs)),
        DATADOG_OTHERWISE,
    )


@pytest.fixture(scope="module")
def gatherer(tmp_path_factory):
    place = Place(obtained(collector.SERVERS[0]), tmp_path_factory.mktemp("collector"))
    with collector.collector(place) as running:
        yield running


@pytest.fixture
def receiver():
    with HttpReceiverService("otlp", path="/v1/logs", most_bytes=20_971_520) as service:
        yield service


def record(**more):
    return {
        "timeUnixNano": "1772366400000000000",
        "observedTimeUnixNano": "1772366400000000000",
        "severityNumber": 9,
        "body": {"stringValue": "text"},
        "attributes": [{"key": "event.id", "value": {"stringValue": "x"}}],
        **more,
    }


def otlp(*records, **more):
    scopes = [{"scope": {"name": "audit"}, "logRecords": list(records)}]
    return json.dumps({"resourceLogs": [{"resource": {}, "scopeLogs": scopes}], **more}).encode()


REQUESTS = {
    "a record": {"body": otlp(record())},
    "gzip": {"body": gzip.compress(otlp(record())), "headers": {**OTLP, **GZIP}},
    "gzip that is none": {"body": b"abc", "headers": {**OTLP, **GZIP}},
    "gzip that is cut off": {"body": gzip.compress(otlp(record()))[:-9], "headers": {**OTLP, **GZIP}},
    "an encoding that nobody knows": {"body": b"abc", "headers": {**OTLP, "Content-Encoding": "colour"}},
    "no record": {"body": otlp()},
    "no scope": {"body": b'{"resourceLogs":[{"scopeLogs":[]}]}'},
    "no resource": {"body": b'{"resourceLogs":[]}'},
    "an empty object": {"body": b"{}"},
    "nothing": {"body": b""},
    "no JSON": {"body": b"{"},
    "a list": {"body": b"[]"},
    "a body that is cut off": {"body": otlp(record())[:-3]},
    "an unknown key": {"body": otlp(record(), colour="red")},
    "a time that is a number": {"body": otlp(record(timeUnixNano=1772366400000000000))},
    "a time before 1970": {"body": otlp(record(timeUnixNano="-1"))},
    "a time beyond 64 bits": {"body": otlp(record(timeUnixNano="253402300799000000000"))},
    "a time that is a word": {"body": otlp(record(timeUnixNano="yesterday"))},
    "a severity that is a word": {"body": otlp(record(severityNumber="SEVERITY_NUMBER_INFO"))},
    "no content type": {"body": otlp(record()), "headers": {}},
    "another content type": {"body": otlp(record()), "headers": {"Content-Type": "text/plain"}},
    "another path": {"body": otlp(record()), "path": "/v1/other"},
    "GET": {"method": "GET"},
    "PUT": {"method": "PUT", "body": otlp(record())},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_by_otlp_is_answered_alike(gatherer, receiver, name):
    said = {"path": "/v1/logs", "headers": OTLP, **REQUESTS[name]}

    def held():
        time.sleep(0.3)  # the file is written ten times a second
        text = gatherer.held_at.read_text() if gatherer.held_at.exists() else ""
        return text.count('"observedTimeUnixNano"')

    agree(name, both(gatherer.url, said, held), both(receiver.url, said, lambda: len(receiver.stored)), {})
