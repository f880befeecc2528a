"""The measured deliveries: destination, format, and allowed CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from audit_provider.core.destinations.base import Destination
from audit_provider.core.formats import FORMATS, Form
from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.model import Offset, Origin
from audit_provider.core.shipping.ship import ship
from audit_provider.core.sources import PYLON
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.core.wire.auth import HeaderAuth
from audit_provider.core.wire.http import HttpClient


@dataclass(frozen=True)
class Delivery:
    """One row.

    :ivar title: of the row. :ivar type: of the destination. :ivar form: its events' format.
    :ivar bound: largest CPU allowed, as a ratio to the plain loop; None if it is only shown.
    :ivar slow: whether it is measured only in the first round.
    """

    title: str
    type: str
    form: str = "raw"
    bound: float | None = None
    concurrency: int = 1
    batch_events: int = 1000
    slow: bool = False


DELIVERIES = {
    "splunk_hec": Delivery("spool to Splunk HEC", "splunk_hec", bound=0.42),
    "hive": Delivery("spool to S3", "s3", bound=0.30),
    "datadog": Delivery("spool to Datadog", "datadog", bound=0.8),
    "elasticsearch": Delivery("spool to OpenSearch", "elasticsearch", bound=0.8),
    "sentinel": Delivery("spool to Sentinel", "sentinel", bound=0.9),
    "http": Delivery("spool to any HTTP receiver", "http", bound=0.8),
    "security_lake": Delivery("spool to S3 for Security Lake", "s3", "ocsf", slow=True),
    "datadog_archive": Delivery("spool to S3 as a Datadog archive", "s3", slow=True),
    **{
        form: Delivery(f"spool to HTTP as {form}", "http", form, slow=True)
        for form in ("envelope", "ecs", "ocsf", "cef")
    },
}

WAITING = Delivery("", "splunk_hec", batch_events=250)
"""Small batches over a connection with a delay, for which ``concurrency`` is meant."""


def deliver(name: str, url: str, folder: Path, now: datetime) -> tuple[int, int]:
    """Ship the spool of ``folder``; return the number of delivered events and of writes of the offset."""
    commits = 0

    def commit(_: Offset) -> None:
        nonlocal commits
        commits += 1

    concurrency = int(name.partition("waiting-")[2] or 0)
    idle = name == "idle"  # a destination to which nothing is pending
    chosen = replace(WAITING, concurrency=concurrency) if concurrency else DELIVERIES["splunk_hec" if idle else name]
    origin = Origin("p", "pylon", PYLON.fields, PYLON.title, PYLON.actions)
    build: Callable[..., Destination] = {"s3": _s3}.get(chosen.type, _over_http)
    position = POSITIONS.unpack((folder / "position").read_text(), "bench")
    offset = Offset(segment=position.head.number + 1 if idle else 1)
    offset = ship(
        build(name, chosen, url, origin, FORMATS[chosen.form](origin, "1.1"), now),
        Stream(LocalStore(folder), "p/live").read(position.head, offset.segment),
        offset,
        commit=commit,
        set_aside=print,
        sleep=time.sleep,
        now=lambda: now,
        concurrency=chosen.concurrency,
    )
    return offset.counts.delivered, commits


def _over_http(_: str, chosen: Delivery, url: str, origin: Origin, form: Form, now: datetime) -> Destination:
    session = requests.Session()
    session.auth = HeaderAuth({"Authorization": "Splunk bench"})
    client = HttpClient(session, url, service="bench", now=lambda: now)
    if chosen.type == "splunk_hec":
        from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions

        options = SplunkHecOptions(batch_events=chosen.batch_events)
        return SplunkHecDestination(options, origin, client, None, form=form)
    if chosen.type == "datadog":
        from audit_provider.core.destinations.datadog import DatadogDestination, DatadogOptions

        return DatadogDestination(DatadogOptions(), origin, client, client, form=form)
    if chosen.type == "elasticsearch":
        from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions

        return ElasticsearchDestination(ElasticsearchOptions(), origin, client, form=form)
    if chosen.type == "sentinel":
        from audit_provider.core.destinations.sentinel import SentinelDestination, SentinelOptions

        options = SentinelOptions(f"dcr-{'0' * 32}", "Custom-Audit_CL")
        return SentinelDestination(options, origin, client, form=form)
    from audit_provider.core.destinations.http import HttpDestination, HttpOptions

    return HttpDestination(HttpOptions(batch_events=chosen.batch_events, gzip=True), origin, client, form=form)


def _s3(name: str, _: Delivery, url: str, origin: Origin, form: Form, now: datetime) -> Destination:
    import boto3

    from audit_provider.core.destinations.s3 import S3Destination, S3Options

    own: dict[str, Any] = {"source_name": "bench", "region": "eu-central-1"} if name == "security_lake" else {}
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="bench", aws_secret_access_key="bench"
    )
    return S3Destination(S3Options("bench", layout=name, **own), origin, client, now=lambda: now, form=form)
