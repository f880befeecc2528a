"""One measured piece of work in a process of its own: prints its cost as JSON."""

from __future__ import annotations

import gzip
import json
import re
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import requests

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
NOW = START + timedelta(days=30)

Work = tuple[int, int]
"""Events moved, and how often progress was recorded."""


def plain(url: str, folder: Path) -> Work:
    """Do the same with a script of a few lines: all other work is compared with it."""
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
                return count, 0
            body["cursor"] = page["pagination"]["cursor"]


def read(url: str, folder: Path) -> Work:
    """Read into the spool, starting where the last read ended."""
    from audit_provider.core.ledger.position import POSITIONS, Position
    from audit_provider.core.pull import pull
    from audit_provider.core.sources import PYLON, PageReader, Reader
    from audit_provider.core.spool import LocalStore, Stream
    from audit_provider.core.wire.auth import HeaderAuth
    from audit_provider.core.wire.http import HttpClient

    file, commits = folder / "position", 0
    session = requests.Session()
    session.auth = HeaderAuth({"Authorization": "Bearer bench"})
    pages = PageReader(PYLON, HttpClient(session, url, service="bench"))
    position = POSITIONS.unpack(file.read_text(), "bench") if file.exists() else Position("pylon")

    def commit(position: Position) -> None:
        nonlocal commits
        commits += 1
        file.write_text(POSITIONS.pack(position))

    reader = Reader(pages, None, START, None, lambda: NOW, print, print)
    done = pull(PYLON.reading, reader, Stream(LocalStore(folder), "p/live"), position, commit=commit)
    return done.counts.spooled, commits


def tree(url: str, folder: Path) -> Work:
    """Let the Merkle tree of the spool grow, as the report does."""
    from audit_provider.core.ledger.position import POSITIONS
    from audit_provider.core.spool import LocalStore, Stream
    from audit_provider.core.transparency.tree import TREES, TreeFiles, TreeHead, grow

    store = LocalStore(folder)
    position = POSITIONS.unpack((folder / "position").read_text(), "bench")
    new, files = TreeHead(position.chain), TreeFiles(store, "p/live", position.chain)
    commits = 0
    for grown in grow(Stream(store, "p/live"), position.head, new, files):
        commits += 1
        (folder / "tree").write_text(TREES.pack(grown))
    return grown.leaves, commits


def main() -> None:
    """Do the work named by the first argument."""
    name, url, folder, events = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    begun = time.monotonic()
    works: dict[str, Callable[[str, Path], Work]] = {"plain": plain, "read": read, "tree": tree}
    if name != "plain":
        from audit_provider.host.process import keep_large_blocks_apart

        keep_large_blocks_apart()  # as every task does
    if name in works:
        count, commits = works[name](url, folder)
    else:
        from benchmarks.deliveries import deliver

        count, commits = deliver(name, url, folder, NOW)
    used = resource.getrusage(resource.RUSAGE_SELF)
    if count != events:
        raise SystemExit(f"{name} moved {count} of {events} events")
    # Not ru_maxrss: it begins with the size of the parent process.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(
        json.dumps(
            {
                "cpu": used.ru_utime + used.ru_stime,
                "wall": time.monotonic() - begun,
                "peak": int(peak[1]) / 1024 if peak else 0.0,
                "commits": commits,
                "events": count,
            }
        )
    )


if __name__ == "__main__":
    main()
