"""What objects a backfill of 1,000,000 events over 400 days leaves in S3, how fast, and with how much memory.

``python -m tests.scale.backfill_objects [events] [bytes of a segment] [layout] [joins, 0 or 1] [days]``
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
import zlib
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec

from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import Event, Fields, Offset, Origin, utc_now
from audit_provider.core.shipping.ship import ship
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.sandbox.events import generate

DAYS = 400
PAGE = 1000
INNER = timedelta(days=30)
END = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
"""Within a day, so that the first and the last are parts of one, whenever this runs."""
ORIGIN = Origin("p", "pylon", Fields("id", "action_happened_at", action="action"))


class Bucket:
    """Where the objects of :class:`S3Destination` go, as a boto3 client hands them over: sizes are kept, not bodies."""

    def __init__(self):
        self.sizes = {}
        self.days = Counter()
        self.seconds = 0.0

    def put_object(self, *, Key, Body, Metadata, **_):  # noqa: N803 - as boto3 names them
        begun = time.process_time()
        assert Key not in self.sizes
        plain = _inflated_size(Body) if Key.endswith(".gz") else len(Body)
        self.sizes[Key] = (len(Body), plain, int(Metadata["events"]))
        self.days[Key.rpartition("/")[0]] += 1
        self.seconds += time.process_time() - begun
        return {"ETag": hashlib.md5(Body, usedforsecurity=False).hexdigest()}


def spooled(stream, count, segment_bytes, days=DAYS, page_size=PAGE, end=END):
    """Spool events as a backfill reads them: spans of 30 days one after the other, newest first in each."""
    start = end - timedelta(days=days)
    # As many bytes as an audit event has on average, and of its letters.
    pad = (msgspec.json.encode(generate(3, start, end)).decode().replace('"', " ").replace("\\", " ") * 2)[:580]
    head, segment, done = Head(), SegmentWriter(end), 0
    step = timedelta(days=days) / count
    spans = []
    first = 0
    while first < count:
        last = min(count, first + max(1, int(INNER / step)))
        spans.append((first, last))
        first = last
    for first, last in spans:
        for top in range(last, first, -page_size):
            page = []
            for number in range(top - 1, max(first, top - page_size) - 1, -1):
                moment = start + step * number
                raw = b'{"id":"e%09d","action_happened_at":"%b","action":"LoginSucceeded","pad":"%b"}' % (
                    number,
                    moment.isoformat().encode(),
                    f"{pad}{number * 2654435761 % 10**9:09d}".encode(),
                )
                page.append(Event(f"e{number:09d}", moment, msgspec.Raw(raw)))
            segment.add(page)
            done += len(page)
            if segment.raw_bytes >= segment_bytes:
                head = stream.append(segment, head, end)
                segment = SegmentWriter(end)
    if len(segment):
        head = stream.append(segment, head, end)
    return head


def shipped(stream, head, *, joins, layout="hive"):
    """Ship all of it to S3; return the bucket, CPU seconds and the growth of memory in MB."""
    bucket = Bucket()
    lake = {"source_name": "pylon", "region": "eu-central-1"} if layout == "security_lake" else {}
    options = S3Options(bucket="b", layout=layout, **lake)
    form = FORMATS[options.default_format](ORIGIN, "1.1")
    destination = S3Destination(options, ORIGIN, bucket, now=utc_now, form=form)
    segments = ((each.number, stream.events(each)) for each in stream.manifests(head, 1))
    before, begun = _memory(), time.process_time()
    offset = ship(
        destination,
        segments,
        Offset(joins_segments=joins),
        commit=lambda _: None,
        set_aside=lambda _: None,
        sleep=time.sleep,
        now=utc_now,
    )
    assert offset.counts.delivered == head.total
    return bucket, time.process_time() - begun - bucket.seconds, _memory() - before


def _inflated_size(body):
    """Return how many bytes are in a gzip file, without holding them."""
    size, inflate = 0, zlib.decompressobj(31)
    while body:
        size += len(inflate.decompress(body, 65_536))
        body = inflate.unconsumed_tail
    return size


def _memory():
    """Return the most memory that this process has ever had, in MB."""
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main(count=1_000_000, segment_bytes=8 * 1024 * 1024, layout="hive", joins=1, days=DAYS):
    with tempfile.TemporaryDirectory() as folder:
        stream = Stream(LocalStore(Path(folder)), "p/backfill")
        head = spooled(stream, int(count), int(segment_bytes), int(days))
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory so far is none of what follows
        bucket, seconds, memory = shipped(stream, head, joins=bool(int(joins)), layout=layout)
    plain = sorted(size for _, size, _ in bucket.sizes.values())
    sys.stdout.write(
        f"{int(count):,} events, {head.number} segments, joins={joins}: {len(plain):,} objects in {len(bucket.days)} "
        f"folders, median {plain[len(plain) // 2] / 2**20:.2f} MiB, largest {plain[-1] / 2**20:.1f} MiB "
        f"({sum(size for size, _, _ in bucket.sizes.values()) / 2**20:.0f} MiB stored), "
        f"{seconds:.1f} CPU s, memory +{memory:.0f} MB\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
