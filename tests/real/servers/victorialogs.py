"""VictoriaLogs, built from its Go module: syslog over TLS, Loki's push, _bulk behind a path, JSON lines and OTLP."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from audit_provider.core.destinations.base import Batch, Outcome
from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.destinations.elasticsearch_documents import is_deeper
from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions
from audit_provider.core.destinations.syslog import SyslogDestination, SyslogOptions
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import UTC, Event, utc_now
from audit_provider.sandbox.local_airflow import free_ports
from tests.real.account import Drops, Finding, Shipment, checked, compare
from tests.real.adverse import ORIGIN, adverse_events, good_events, timed_events
from tests.real.clients import http_client, syslog_client
from tests.real.obtaining import from_go
from tests.real.process import settled, started
from tests.real.servers.base import Place, Server

_PROGRAM = "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"


@dataclass
class Store:
    """One store, which knows each scenario by the name of its pipeline."""

    url: str
    syslog_port: int
    ca: Path
    place: Place

    def held(self, query: str) -> list[dict[str, Any]]:
        """Return the rows that a query finds."""
        asked = {"query": query, "limit": "100000"}
        requests.get(f"{self.url}/internal/force_flush", timeout=30, proxies={"http": ""})
        answer = requests.post(f"{self.url}/select/logsql/query", asked, timeout=30, proxies={"http": ""})
        if not answer.ok:
            raise RuntimeError(f"the query was answered with {answer.status_code}: {answer.text[:300]}")
        return [json.loads(line) for line in answer.content.split(b"\n") if line]

    def http(self, **options: Any) -> HttpDestination:
        """Return the product's own, for now: the store drops what is older than it keeps."""
        return HttpDestination(
            HttpOptions(**options), ORIGIN, http_client(self.url, service="VictoriaLogs", now=utc_now)
        )


@contextmanager
def run_store(place: Place, *kept: str) -> Iterator[Store]:
    """Run a store. :param kept: what it keeps, by its own defaults; by default as much as it may be asked to."""
    http, syslog = free_ports(2)
    authority = place.authority()
    certificate = authority.issue("store", ("localhost", "127.0.0.1"))
    command = [
        place.made.program("victoria-logs"),
        f"-storageDataPath={place.folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{http}",
        *kept,
        f"-syslog.listenAddr.tcp=127.0.0.1:{syslog}",
        "-syslog.tls=true",
        f"-syslog.tlsCertFile={certificate}",
        f"-syslog.tlsKeyFile={certificate}",
    ]
    with started(command, place.folder / "log", http):
        yield Store(f"http://127.0.0.1:{http}", syslog, authority.ca, place)


@contextmanager
def _serve(place: Place) -> Iterator[Store]:
    with run_store(place, "-retentionPeriod=99y", "-futureRetention=99y") as running:
        yield running


def over_syslog(store: Store, events: Sequence[Event], name: str, **expected: Any) -> Finding:
    """Ship over TLS, and compare by the event's id in the structured data."""
    client = syslog_client(store.syslog_port, store.ca, first_settle=0.5)
    options = SyslogOptions(app_name=name, last_settle=0.5)
    destination = SyslogDestination(options, ORIGIN, client)
    shipment = Shipment(events).run(destination)

    def held() -> list[Any]:
        return [
            next((value for key, value in row.items() if key.endswith("event_id")), None)
            for row in store.held(f"app_name:={name}")
        ]

    wanted = Counter(each.id for each in shipment.delivered())
    settled(lambda: len(wanted & Counter(held())), len(shipment.delivered()), 15)
    return compare(shipment, held(), _id_in_syslog, notes=letters(shipment), **expected)


def _id_in_syslog(event: Event) -> str:
    """Return an event's id as the store unescapes it from the structured data, where control characters are written."""
    return "".join(f"#{ord(each):03o}" if ord(each) < 0x20 or ord(each) == 0x7F else each for each in event.id)


def over_loki(store: Store) -> Finding:
    """All adverse events by Loki's push."""
    destination = store.http(preset="loki", path="/insert/loki/api/v1/push", settings={"scenario": "loki"})
    shipment = Shipment(adverse_events()).run(destination)
    held = [row.get("event_id") for row in store.held('{scenario="loki"}')]
    drops = Drops("http", "VictoriaLogs 1.52 (preset `loki`)", {"3,000 names"})
    return compare(shipment, held, lambda event: event.id, drops=drops, notes=letters(shipment))


def over_otlp(store: Store) -> Finding:
    """OTLP as JSON, which the store does not read: the run is red, and nothing is counted."""
    destination = store.http(preset="otlp", path="/insert/opentelemetry/v1/logs")
    shipment = Shipment(good_events(50)).run(destination)
    return compare(shipment, [], lambda event: event.id, ends="protobuf", takes=0)


def over_json_lines(store: Store, shape: str) -> Finding:
    """Lines of JSON, an event in an envelope each; it drops all behind one that is too long."""
    path = f"/insert/jsonline?_stream_fields=scenario&_time_field=time&extra_fields=scenario={shape}"
    destination = store.http(shape=shape, path=path)
    send, dropped = destination.send, set(_OUT_OF_RANGE)

    def watched(batch: Batch) -> Outcome:
        ids = [item.event.id for item in batch.items]
        long = [len(item.encoded) > 256 * 1024 for item in batch.items]
        if any(long):
            dropped.update(ids[long.index(True) :])
        return send(batch)

    destination.send = watched  # type: ignore[method-assign]
    shipment = Shipment(adverse_events()).run(destination)
    held = [row.get("id") for row in store.held(f'{{scenario="{shape}"}}')]
    drops = Drops("http", "1.52 (`jsonline`)", {*dropped, "3,000 names"})
    return compare(shipment, held, lambda event: event.id, drops=drops, notes=letters(shipment))


def over_hec(store: Store) -> Finding:
    """Splunk's event collector, which the store plays: it takes nothing from an event on that it cannot read."""
    client = http_client(store.url, service="VictoriaLogs")
    destination = SplunkHecDestination(SplunkHecOptions(source="hec"), ORIGIN, client, None)
    send, dropped = destination.send, set[str]()

    def watched(batch: Batch) -> Outcome:
        deep = [is_deeper(item.encoded, _MOST_LEVELS) for item in batch.items]
        if any(deep):
            dropped.update(item.event.id for item in batch.items[deep.index(True) :])
        return send(batch)

    destination.send = watched  # type: ignore[method-assign]
    shipment = Shipment(adverse_events()).run(destination)
    held = [row.get("fields.event_id") for row in store.held('{source="hec"}')]
    drops = Drops("splunk_hec", "VictoriaLogs 1.52", {*dropped, "3,000 names"})
    return compare(shipment, held, lambda event: event.id, drops=drops, notes=letters(shipment))


def over_bulk(store: Store) -> Finding:
    """Elasticsearch's bulk requests, at the path where the store serves them."""
    client = http_client(f"{store.url}/insert/elasticsearch", service="VictoriaLogs")
    destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client, form=FORMATS["ecs"](ORIGIN, "1.3"))
    destination._path = "/_bulk?_time_field=@timestamp&extra_fields=scenario=bulk&_stream_fields=scenario"
    events = adverse_events()
    shipment = Shipment(events).run(destination)
    held = [row.get("event.id") for row in store.held('{scenario="bulk"}')]
    large = {each.id for each in events if _document_bytes(destination, each) > 256 * 1024}
    drops = Drops("elasticsearch", "1.52 (`_bulk`)", {*large, "3,000 names"})
    return compare(shipment, held, lambda event: event.id, drops=drops, notes=letters(shipment))


def bulk_elsewhere(store: Store) -> Finding:
    """The *Test* button, where ``_bulk`` is served at a fixed path and not below the target."""
    client = http_client(f"{store.url}/insert/elasticsearch", service="VictoriaLogs")
    return checked(
        ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client), says="/<target>/_bulk", works=False
    )


def old(store: Store) -> Finding:
    """A store that keeps what it keeps by default: events of a month ago are taken, and dropped."""
    events = [*good_events(10), *timed_events(10, utc_now() - timedelta(days=30))]
    recent = [Event(each.id, utc_now(), each.raw) for each in events[:10]]
    with run_store(store.place.below("defaults")) as defaults:
        path = "/insert/jsonline?_stream_fields=source&_time_field=time"
        shipment = Shipment([*recent, *events[10:]]).run(defaults.http(shape="ndjson", path=path))
        held = [row.get("id") for row in defaults.held("*")]
    drops = Drops("http", "VictoriaLogs, every protocol", {each.id for each in events[10:]})
    return compare(shipment, held, lambda event: event.id, drops=drops, takes=20)


def _document_bytes(destination: ElasticsearchDestination, event: Event) -> int:
    try:
        return len(destination.encode(event, restamp=False).split(b"\n", 1)[1])
    except ValueError:
        return 0


def letters(shipment: Shipment) -> str:
    """Return what was set aside."""
    return "; ".join(
        f"{each.item.event.id[:40]!r} is set aside: {each.reason[:100]}" for each in shipment.letters.values()
    )


_MOST_LEVELS = 300
_OUT_OF_RANGE = {"year 1", "year 2300", "year 9999"}
_FAR = [*good_events(5), *timed_events(1, datetime(2300, 1, 1, tzinfo=UTC)), *good_events(10)[5:]]

SCENARIOS: dict[str, Callable[[Store], Finding]] = {
    "syslog over TLS, adverse events": lambda store: over_syslog(store, adverse_events(), "adverse"),
    "syslog over TLS, one event of 2300": lambda store: over_syslog(store, _FAR, "far", takes=10),
    "Loki push, adverse events": over_loki,
    "OTLP as JSON": over_otlp,
    "OTLP as JSON, its test": lambda store: checked(
        store.http(preset="otlp", path="/insert/opentelemetry/v1/logs"), says="without events", works=False
    ),
    "event collector, adverse events": over_hec,
    "event collector, its test": lambda store: checked(
        SplunkHecDestination(SplunkHecOptions(), ORIGIN, http_client(store.url, service="VictoriaLogs"), None),
        says="only a test event",
    ),
    "_bulk at another path, its test": bulk_elsewhere,
    "_bulk, adverse events": over_bulk,
    "JSON lines, adverse events": lambda store: over_json_lines(store, "ndjson"),
    "JSON lines, one a request, adverse events": lambda store: over_json_lines(store, "single"),
    "default retention, events of a month ago": old,
}

SERVERS = (
    Server("VictoriaLogs", "v1.52.1", lambda version: from_go(_PROGRAM, "victoria-logs", version), SCENARIOS, _serve),
)
