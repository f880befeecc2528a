"""What every destination of the registry must hold: its limits to the byte, its options, its accounting."""

from __future__ import annotations

import dataclasses
import json
from contextlib import ExitStack

import msgspec
import pytest
from isal import igzip
from pydantic import TypeAdapter

from audit_provider.core.destinations.datadog import DatadogDestination
from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination
from audit_provider.core.destinations.http import HttpDestination
from audit_provider.core.destinations.packing import lots
from audit_provider.core.destinations.registry import REGISTRY
from audit_provider.core.destinations.s3 import S3Destination
from audit_provider.core.destinations.sentinel import SentinelDestination
from audit_provider.core.destinations.sftp import SftpDestination
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination
from audit_provider.core.destinations.syslog import SyslogDestination
from audit_provider.core.formats import Raw
from audit_provider.core.model import Event
from audit_provider.sandbox.sftp import SftpService
from audit_provider.sandbox.syslog import SyslogService
from tests.core.destinations.other_intakes import ssh_of, tcp_client_of
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, client_of, event, padded

SMALL = 3000
OBJECTS = ("s3", "sftp")
"""Types that make objects: any number of events in each, and an object's limit is an event's limit too."""


class OneConnectionPerBatch(SyslogDestination):
    """Ends its connection after every batch, so that the far side can tell batches apart."""

    sent = 0

    def __init__(self, options, origin, client, **rest):
        super().__init__(options, origin, client, **rest)
        self._far = client

    def send(self, batch):
        outcome = super().send(batch)
        self._far.close()
        self.sent += len(batch)
        return outcome


class Far:
    """One destination with a far side that accepts all, and shows the bodies it got, in order."""

    def __init__(self, kind, serve, bucket, services, **options):
        self.kind = kind
        self.bucket = bucket
        self.server = serve(self.accept)
        required = {
            "s3": {"bucket": bucket[1]},
            "syslog": {"settle": 0.0},
            # A column that holds as much as a body, so that the body's limit is what is met.
            "sentinel": {"rule_id": "dcr-1", "stream": "Custom-Audit_CL", "column_bytes": 1_000_000},
        }
        self.options = TypeAdapter(REGISTRY[kind]).validate_python({**required.get(kind, {}), **options})
        if kind == "s3":
            self.destination = S3Destination(self.options, ORIGIN, bucket[0], now=lambda: NOW)
        elif kind == "splunk_hec":
            self.destination = SplunkHecDestination(self.options, ORIGIN, client_of(self.server), None)
        elif kind == "datadog":
            client = client_of(self.server)
            self.destination = DatadogDestination(self.options, ORIGIN, client, client)
        elif kind == "elasticsearch":
            self.destination = ElasticsearchDestination(self.options, ORIGIN, client_of(self.server))
        elif kind == "sentinel":
            self.destination = SentinelDestination(self.options, ORIGIN, client_of(self.server))
        elif kind == "http":
            self.destination = HttpDestination(self.options, ORIGIN, client_of(self.server))
        elif kind == "sftp":
            self.service = services.enter_context(SftpService("pw"))
            self.destination = SftpDestination(self.options, ORIGIN, ssh_of(self.service))
        elif kind == "syslog":
            self.service = services.enter_context(SyslogService(tls=False))
            client = tcp_client_of(self.service, tls=False)
            self.destination = OneConnectionPerBatch(self.options, ORIGIN, client, form=Raw(ORIGIN))
        else:
            raise AssertionError(f"no far side for {kind}: write one")

    def accept(self, request):
        if self.kind == "elasticsearch":
            items = [{"create": {"_index": ".ds-logs", "status": 201}}] * (request.body.count(b"\n") // 2)
            return 200, {}, {"errors": False, "items": items}
        answers = {"splunk_hec": (200, {}, {"text": "Success", "code": 0}), "sentinel": (204, {}, b"")}
        return answers.get(self.kind, (202, {}, {}))

    def bodies(self):
        if self.kind == "syslog":
            assert self.service.wait_for(self.destination.sent)
            return [bytes(octets) for octets in self.service.octets]
        if self.kind == "sftp":
            return [igzip.decompress((self.service.folder / path).read_bytes()) for path in self.service.files()]
        if self.kind != "s3":
            return [request.body for request in self.server.requests]
        client, name = self.bucket
        keys = [each["Key"] for each in client.list_objects_v2(Bucket=name).get("Contents", [])]
        return [igzip.decompress(client.get_object(Bucket=name, Key=key)["Body"].read()) for key in keys]

    def lines(self, body):
        """Return the lines of a body that are JSON; a syslog header is none."""
        text = body.partition(b"] ")[2] if self.kind == "syslog" else body
        return [line for line in text.split(b"\n") if line]


@pytest.fixture(params=sorted(REGISTRY))
def far(request, serve, bucket):
    with ExitStack() as services:
        yield lambda **options: Far(request.param, serve, bucket, services, **options)


def test_options_are_frozen_and_plain(far):
    """The operator shows defaults and the pipelines file checks keys: both read the dataclass's fields."""
    options = far().options
    assert dataclasses.fields(options)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.batch_bytes = 1
    assert all(each.default_factory is dataclasses.MISSING for each in dataclasses.fields(options))


def test_an_event_of_exactly_the_limit_goes_and_one_byte_more_is_set_aside(far):
    side = far(batch_bytes=SMALL) if far().kind in OBJECTS else far()
    destination, desk = side.destination, Desk()
    limits = destination.limits
    most = limits.event_bytes
    fits = padded("fits", most, destination.encode)
    over = padded("over", most + 1, destination.encode)
    desk.ship(destination, [[event("first"), over, fits, event("last")]])
    assert list(desk.letters) == ["over"]
    assert f"{most + 1:,}" in desk.letters["over"].reason
    assert desk.offset.counts.delivered == 3


def test_a_batch_of_exactly_the_limit_is_one_and_one_byte_more_is_two(far):
    side = far(batch_bytes=SMALL)
    encode, limits = side.destination.encode, side.destination.limits
    room = SMALL - limits.framing - 2 * limits.separator
    full = [padded("a", room // 2, encode), padded("b", room - room // 2, encode)]
    more = [padded("a", room // 2, encode), padded("b", room - room // 2 + 1, encode)]

    def count(events):
        return len(list(lots(side.destination, [(1, events)], (1, 0), restamp=True, now=lambda: NOW)))

    assert count(full) == 1
    assert count(more) == 2
    Desk().ship(side.destination, [full])
    (body,) = side.bodies()
    assert SMALL - 2 <= len(body) <= SMALL, "the joined bytes are counted as they are sent, separators and all"


def test_no_body_is_ever_larger_than_its_limit_and_no_event_is_missing(far):
    side = far(batch_bytes=SMALL)
    events = [event(f"n{number}", pad="y" * (number * 37 % 900)) for number in range(60)]
    desk = Desk()
    desk.ship(side.destination, [events[:25], events[25:]])
    bodies = side.bodies()
    assert len(bodies) > 5
    assert all(len(body) <= SMALL for body in bodies)
    text = b"".join(bodies)
    assert all(f'"id":"n{number}"'.encode() in text for number in range(60))
    assert desk.offset.counts.delivered == desk.offset.counts.finished == 60


def test_an_event_larger_than_a_batch_but_not_too_large_goes_alone(far):
    if far().kind in OBJECTS:
        pytest.skip("an object's limit is an event's limit too")
    side = far(batch_bytes=SMALL)
    large = padded("large", SMALL + 1, side.destination.encode)
    desk = Desk()
    desk.ship(side.destination, [[event("first"), large, event("last")]])
    assert desk.letters == {}
    assert desk.offset.counts.delivered == 3
    assert [len(body) > SMALL for body in side.bodies()] == [False, True, False]


def test_events_per_batch_are_held(far):
    if far().kind in OBJECTS:
        pytest.skip("an object may hold any number of events")
    side = far(batch_events=3)
    Desk().ship(side.destination, [[event(str(number)) for number in range(7)]])
    assert len(side.bodies()) == 3


def test_the_record_travels_byte_for_byte(far):
    raw = b'{"id":"1","b":1.10,  "a":[1, 2],"big":12345678901234567890,"u":"\\u00e9\xc3\xa9"}'
    side = far()
    Desk().ship(side.destination, [[Event("1", NOW, msgspec.Raw(raw))]])
    (body,) = side.bodies()
    assert raw in body


def test_ids_and_names_that_need_escaping_stay_valid_json(far):
    side = far()
    hard = 'a"\\\n\u2028é\x00'
    Desk().ship(side.destination, [[event(hard)]])
    (body,) = side.bodies()
    assert hard in list(_texts([json.loads(line) for line in side.lines(body)]))


def _texts(value):
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield value
