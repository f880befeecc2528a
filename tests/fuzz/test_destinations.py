"""Answers of every destination: a verdict for each event, or an error of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.destinations.base import Batch, Item
from audit_provider.core.destinations.datadog import DatadogDestination, DatadogOptions
from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.http_presets import PRESETS
from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.destinations.sentinel import SentinelDestination, SentinelOptions
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions
from audit_provider.core.errors import AuditError
from audit_provider.testing.connection import PlainConnection
from tests.core.destinations.stand_ins import ORIGIN, event
from tests.fuzz.outside import FUZZ, bodies_like, lines, wired

pytestmark = pytest.mark.usefixtures("no_collection")

HEC = {"text": "x", "code": 9, "invalid-event-number": 1, "ackId": 0, "acks": {"0": True}}
ITEM = {"create": {"status": 201, "_index": "i", "error": {"type": "t", "reason": "r", "caused_by": {"type": "c"}}}}
BULK = {"errors": True, "items": [ITEM, ITEM, ITEM]}
ERROR = {
    "error": {"code": "x", "message": "y"},
    "errors": ["a"],
    "partialSuccess": {"rejectedLogRecords": "1"},
    "valid": True,
}
STATUSES = [200, 200, 200, 201, 202, 204, 302, 400, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503]


def http(**options):
    return lambda client: HttpDestination(HttpOptions(**options), ORIGIN, client)


class Wire(PlainConnection):
    """A connection whose answers the test makes."""

    def __init__(self, client):
        self._client = client

    def client(self, base_url=""):
        return self._client

    def extra(self, key, default=None):
        return default

    def flag(self, key, *, default=False):
        return default


FAR_SIDES = {
    "splunk_hec": (lambda client: SplunkHecDestination(SplunkHecOptions(), ORIGIN, client, None), HEC),
    "splunk_hec with ack": (
        lambda client: SplunkHecDestination(SplunkHecOptions(ack=True, ack_timeout=5.0), ORIGIN, client, None),
        {**HEC, "code": 0},
    ),
    "datadog": (lambda client: DatadogDestination(DatadogOptions(), ORIGIN, client, client), ERROR),
    "elasticsearch": (lambda client: ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client), BULK),
    "elasticsearch with its template": (
        lambda client: ElasticsearchDestination(ElasticsearchOptions(template="install"), ORIGIN, client),
        {**BULK, "version": {"number": "9.1.0"}, "acknowledged": True, "username": "u", "index_templates": []},
    ),
    "sentinel": (lambda client: SentinelDestination(SentinelOptions("dcr-1", "Custom-A"), ORIGIN, client), ERROR),
    "http": (http(), ERROR),
    **{
        f"http {name}": (http(preset=name, settings=dict.fromkeys(preset.needs, "x") or None), ERROR)
        for name, preset in PRESETS.items()
    },
}
FAR_SIDES |= {
    name: (lambda client, spec=spec: spec.connect(spec.example(), ORIGIN, Wire(client), None), ERROR)
    for name, spec in DESTINATIONS.items()
    if name not in FAR_SIDES and spec.connection is not None and spec.connection.is_http
}


@pytest.mark.parametrize("name", FAR_SIDES)
def test_an_answer_is_judged_or_refused(name):
    make, known = FAR_SIDES[name]
    carried = st.fixed_dictionaries({}, optional={"Retry-After": lines, "Content-Type": lines})

    @FUZZ
    @given(bodies_like(known), st.sampled_from(STATUSES), carried)
    def check(body, status, headers):
        wire, client = wired()
        destination = make(client)
        wire.reply = status, headers, body
        records = [event(n) for n in range(3)]
        items = [Item(each, destination.encode(each, restamp=False), 1, n) for n, each in enumerate(records)]
        told = []
        try:
            outcome = destination.send(Batch(tuple(items)))
        except AuditError as error:
            told.append(str(error))
        else:
            assert len(outcome.verdicts) == 3
            assert outcome.wait is None or 0 <= outcome.wait <= 3600
            assert all(place < 3 for place in outcome.reasons)
            told += [outcome.said, *outcome.reasons.values()]
        try:
            told.append(destination.check())
        except AuditError as error:
            told.append(str(error))
        assert all(len(each) < 2000 for each in told)

    check()
