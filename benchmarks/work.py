"""One measured piece of work, alone in its process: prints its CPU seconds and peak memory as JSON."""

from __future__ import annotations

import gzip
import json
import resource
import sys
import time
from datetime import datetime, timedelta, timezone
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


def main() -> None:
    """Do the work named by the first argument; 0 events measures the imports alone."""
    name, url, folder, events = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    begun = time.monotonic()
    if name in ("plain", "read"):
        count = {"plain": plain, "read": read}[name](url, folder)
    else:
        from benchmarks.deliveries import deliver

        count = deliver(name, url, folder, NOW)
    used = resource.getrusage(resource.RUSAGE_SELF)
    if count != events:
        raise SystemExit(f"{name} moved {count} of {events} events")
    figures = {"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024, "wall": time.monotonic() - begun}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
