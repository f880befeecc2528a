"""One measured piece of work, alone in its process: prints its CPU seconds and peak memory as JSON."""

from __future__ import annotations

import gzip
import json
import resource
import sys
import time
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import requests

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
NOW = START + timedelta(days=30)


def plain(url: str, folder: Path) -> int:
    """Do what a script of a few lines would do: the measure of everything else."""
    import orjson

    session = requests.Session()
    body: dict[str, object] = {"limit": 1000}
    count = 0
    with gzip.open(folder / "plain.ndjson.gz", "wb", compresslevel=6) as file:
        while True:
            page = orjson.loads(session.post(url + "/audit-logs/search", data=orjson.dumps(body)).content)
            for event in page["data"]:
                file.write(orjson.dumps(event) + b"\n")
                count += 1
            if not page["pagination"]["has_next_page"]:
                return count
            body["cursor"] = page["pagination"]["cursor"]


def read(url: str, folder: Path) -> int:
    """Read into the spool."""
    from audit_provider.core.http import HttpClient
    from audit_provider.core.position import Position, pack_position
    from audit_provider.core.pull import pull
    from audit_provider.core.sources import PYLON, PageReader, Reader
    from audit_provider.core.spool import LocalStore, Stream

    pages = PageReader(PYLON, HttpClient(requests.Session(), url, service="bench"))

    def commit(position: Position) -> None:
        (folder / "position").write_text(pack_position(position))

    reader = Reader(pages, None, START, None, lambda: NOW, print, print)
    done = pull(PYLON.reading, reader, Stream(LocalStore(folder), "p/live"), Position("pylon"), commit=commit)
    return done.counts.spooled


def hec(url: str, folder: Path) -> int:
    """Ship a spool to a collector."""
    from audit_provider.core.destinations.ship import ship
    from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions
    from audit_provider.core.http import HttpClient
    from audit_provider.core.model import Offset, Origin
    from audit_provider.core.position import unpack_position
    from audit_provider.core.sources import PYLON
    from audit_provider.core.spool import LocalStore, Stream

    position = unpack_position((folder / "position").read_text(), "bench")
    stream = Stream(LocalStore(folder), "p/live")
    client = HttpClient(requests.Session(), url, service="bench")
    destination = SplunkHecDestination(SplunkHecOptions(), Origin("p", "pylon", PYLON.fields), client, None)
    offset = ship(
        destination,
        stream.read(position.head, 1),
        Offset(),
        commit=lambda _: None,
        set_aside=print,
        sleep=time.sleep,
        now=lambda: NOW,
    )
    return offset.counts.delivered


def s3(url: str, folder: Path, layout: str) -> int:
    """Ship a spool to a bucket, in one of its layouts."""
    import boto3

    from audit_provider.core.destinations.s3 import S3Destination, S3Options
    from audit_provider.core.destinations.ship import ship
    from audit_provider.core.model import Offset, Origin
    from audit_provider.core.position import unpack_position
    from audit_provider.core.sources import PYLON
    from audit_provider.core.spool import LocalStore, Stream

    position = unpack_position((folder / "position").read_text(), "bench")
    own = {"source_name": "bench", "region": "eu-central-1"} if layout == "security_lake" else {}
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="bench", aws_secret_access_key="bench"
    )
    origin = Origin("p", "pylon", PYLON.fields, PYLON.title, PYLON.actions)
    offset = ship(
        S3Destination(S3Options("bench", layout=layout, **own), origin, client, now=lambda: NOW),
        Stream(LocalStore(folder), "p/live").read(position.head, 1),
        Offset(),
        commit=lambda _: None,
        set_aside=print,
        sleep=time.sleep,
        now=lambda: NOW,
    )
    return offset.counts.delivered


def main() -> None:
    """Do the work named by the first argument; 0 events measures the imports alone."""
    name, url, folder, events = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    works = {"plain": plain, "read": read, "hec": hec}
    works |= {layout: partial(s3, layout=layout) for layout in ("hive", "security_lake", "datadog_archive")}
    count = works[name](url, folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    if count != events:
        raise SystemExit(f"{name} moved {count} of {events} events")
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
