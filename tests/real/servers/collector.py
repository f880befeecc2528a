"""An OpenTelemetry Collector, built of its Go modules, that writes what it took by OTLP and syslog into files."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.syslog import SyslogDestination, SyslogOptions
from audit_provider.core.model import UTC, Event
from audit_provider.sandbox.local_airflow import free_ports
from tests.real.account import Drops, Finding, Shipment, checked, compare
from tests.real.adverse import ORIGIN, adverse_events, good_events, timed_events
from tests.real.clients import http_client, syslog_client
from tests.real.obtaining import from_go
from tests.real.process import settled, started
from tests.real.servers.base import Place, Server

_MODULE = Path(__file__).parents[1] / "collector"
_CONFIGURATION = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}", max_request_body_size: {most}}}}}}}
exporters:
  file: {{path: {held}, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    logs: {{receivers: [otlp], exporters: [file]}}
"""


_SYSLOG = """
receivers:
  syslog:
    protocol: rfc5424
    enable_octet_counting: {counted}
    tcp:
      listen_address: "127.0.0.1:{port}"
      tls: {{cert_file: {certificate}, key_file: {certificate}}}
exporters:
  file: {{path: {held}, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    logs: {{receivers: [syslog], exporters: [file]}}
"""


@dataclass
class Collector:
    """One collector. :ivar held_at: where its exporter writes to."""

    url: str
    held_at: Path

    def destination(self, **options: Any) -> HttpDestination:
        """Return the product's own."""
        return HttpDestination(HttpOptions(preset="otlp", **options), ORIGIN, http_client(self.url))

    def held(self, wanted: int, scenario: str) -> list[Hashable]:
        """Return id and text of the records of a scenario, as soon as there are as many as wanted."""
        settled(lambda: len(self._records(scenario)), wanted)
        return self._records(scenario)

    def _records(self, scenario: str) -> list[Hashable]:
        return [
            (_attributes(record)["event.id"], record["body"].get("stringValue", ""))
            for resource, record in _records_in(self.held_at)
            if _attributes(resource).get("scenario") == scenario
        ]


@contextmanager
def collector(place: Place, most: int = 20_971_520) -> Iterator[Collector]:
    """Run one. :param most: bytes of a request that it takes; by default its own default."""
    port, held = free_ports(1)[0], place.folder / "held.json"
    configuration = place.write("collector.yaml", _CONFIGURATION.format(port=port, held=held, most=most))
    command = [place.made.program("collector"), f"--config=file:{configuration}"]
    with started(command, place.folder / "log", port):
        yield Collector(f"http://127.0.0.1:{port}", held)


def ships(collector: Collector, scenario: str, events: list[Event], *, takes: int, **options: Any) -> Finding:
    """Ship by OTLP, and compare id and text."""
    destination = collector.destination(settings={"scenario": scenario}, **options)
    shipment = Shipment(events).run(destination)

    def expected(event: Event) -> Hashable:
        return event.id, json.loads(destination.encode(event, restamp=False))["body"]["stringValue"]

    return compare(shipment, collector.held(len(shipment.delivered()), scenario), expected, takes=takes)


def small(place: Place) -> Finding:
    """A collector that takes requests of 20 kB: batches are halved until they fit."""
    with collector(place, 20_000) as receiver:
        return ships(receiver, "small", good_events(500), takes=500, gzip=False)


def over_syslog(
    place: Place, *, counted: bool, framing: str, events: list[Event], drops: Drops | None = None
) -> Finding:
    """Ship to its syslog receiver over TLS, and compare the messages. :param counted: whether it reads octet counts."""
    port, held, authority = free_ports(1)[0], place.folder / "held.json", place.authority()
    names = {"port": port, "held": held, "counted": str(counted).lower()}
    certificate = authority.issue("collector", ("localhost", "127.0.0.1"))
    configuration = place.write("collector.yaml", _SYSLOG.format(**names, certificate=certificate))
    command = [place.made.program("collector"), f"--config=file:{configuration}"]
    with started(command, place.folder / "log", port):
        client = syslog_client(port, authority.ca, first_settle=0.5)
        options = SyslogOptions(framing=framing, last_settle=0.5)  # type: ignore[arg-type]
        destination = SyslogDestination(options, ORIGIN, client)
        shipment = Shipment(events).run(destination)
        settled(lambda: len(_records_in(held)), len(shipment.delivered()), 3.0 if drops else 10.0)
        found = [record["body"].get("stringValue", "") for _, record in _records_in(held)]

    def expected(event: Event) -> Hashable:
        message = destination.encode(event, restamp=False)
        return (b"%d %b" % (len(message), message) if counted else message).decode()  # it keeps the count in the body

    return compare(shipment, found, expected, drops=drops)


def _records_in(held: Path) -> list[tuple[Any, Any]]:
    """Return every record of a file, each with its resource."""
    lines = held.read_text().split("\n")[:-1] if held.exists() else []
    return [
        (resource.get("resource", {}), record)
        for line in lines
        for resource in json.loads(line)["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]


def _attributes(of: Any) -> dict[str, str]:
    return {each["key"]: each["value"].get("stringValue", "") for each in of.get("attributes", ())}


_ALL = len(adverse_events())
_RUN_TOGETHER = Drops("syslog", "OpenTelemetry Collector 0.165 (`syslog`)", {each.id for each in good_events(300)})


@contextmanager
def _serve(place: Place) -> Iterator[tuple[Place, Collector]]:
    with collector(place) as running:
        yield place, running


SERVERS = (
    Server(
        "OpenTelemetry Collector",
        "0.165.1",
        lambda version: from_go(_MODULE, "collector", version),
        {
            "OTLP, adverse events, gzip": lambda both: ships(both[1], "gzip", adverse_events(), takes=_ALL),
            "OTLP, adverse events, no gzip": lambda both: ships(
                both[1], "plain", adverse_events(), takes=_ALL, gzip=False
            ),
            "OTLP, 100 of the year 1 among others": lambda both: ships(
                both[1],
                "year",
                [
                    *good_events(100),
                    *timed_events(100, datetime(1, 1, 1, tzinfo=UTC)),
                    *timed_events(100, datetime(2020, 1, 1, tzinfo=UTC)),
                ],
                takes=300,
            ),
            "OTLP, its test": lambda both: checked(
                both[1].destination(), says="answered 200 to a request without events"
            ),
            "OTLP, requests of 20 kB at most": lambda both: small(both[0].below("small")),
            "syslog over TLS, octet counts, adverse events": lambda both: over_syslog(
                both[0].below("counted"), counted=True, framing="octet_counting", events=adverse_events()
            ),
            "syslog over TLS, lines, which it reads by default": lambda both: over_syslog(
                both[0].below("lines"), counted=False, framing="newline", events=adverse_events()
            ),
            "syslog over TLS, octet counts where it reads lines": lambda both: over_syslog(
                both[0].below("mixed"),
                counted=False,
                framing="octet_counting",
                events=good_events(300),
                drops=_RUN_TOGETHER,
            ),
        },
        _serve,
    ),
)
