"""``python -m benchmarks.finding``: how long a search takes in a live stream of many small segments.

It exits with 1 if a bound is exceeded. The stream is made in a temporary folder, 1.6 GB for ten million events. Files
are not flushed to disk, because that would take most of the time.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

import msgspec

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import MemoryLedger, Record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Fields
from audit_provider.core.runs.event_search import Wanted, search
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.core.spool.id_index import IdIndex, IndexHead
from audit_provider.core.transparency.tree import TreeHead, tree_record

ID_BOUND, ACTOR_BOUND = 2.0, 10.0
"""Seconds allowed to find an id, and an actor's events of one day, among ten million events."""

_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_EVERY = timedelta(minutes=5)
_CHAIN = "20260101T000000Z-aaaa"
_NAME = StreamName("bench")
T = TypeVar("T")
_FIELDS = Fields("id", "at", action="action", actor_id="actor")


class _QuickStore(LocalStore):
    """A folder whose files are not flushed to disk."""

    def put(self, key: str, content: bytes) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def main() -> int:
    """Make the stream, search it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=100, help="of each segment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, ledger = _QuickStore(Path(folder)), MemoryLedger()
        stream = Stream(store, _NAME.folder, _CHAIN)
        head, ids = _written(stream, options.segments, options.events)
        _commit(position_record(ledger, _NAME), Position("bench", _CHAIN, _FIELDS, head=head))
        index = IndexHead()
        with _timed("making the index"):
            *_, index = (index, *IdIndex(store, _NAME.folder, _CHAIN).grow(stream, head, index))
        _commit(tree_record(ledger, _NAME), TreeHead(_CHAIN, index=index))
        day = Wanted(actor="W7", start=_START, end=_START + timedelta(days=1))
        asked = {
            "an id of the first segment": (Wanted(id=ids[0]), ID_BOUND),
            "an id of the middle": (Wanted(id=ids[len(ids) // 2]), ID_BOUND),
            "an id that there is none of": (Wanted(id="none"), ID_BOUND),
            "a day's events of one actor": (day, ACTOR_BOUND),
        }
        is_broken = False
        for title, (wanted, bound) in asked.items():
            with _timed(title, bound) as took:
                found = list(search(ledger, store, wanted, fields=lambda _: _FIELDS))
            is_broken |= took[0] > bound
            if wanted.id in ids and [each.event.id for each in found] != [wanted.id]:
                raise SystemExit(f"{title} was not found")
    return 1 if is_broken else 0


def _written(stream: Stream, segments: int, events: int) -> tuple[Head, list[str]]:
    """Write segments, and return the head, and one id of each segment."""
    drawn, head, ids = random.Random(1), Head(), []
    for number in range(segments):
        at = _START + number * _EVERY
        segment = SegmentWriter(at)
        segment.add(list(_events(drawn, at, events)))
        head = stream.append(segment, head, at + _EVERY)
        ids.append(next(iter(stream.manifest(head).ids)))
    return head, ids


def _events(drawn: random.Random, at: datetime, count: int) -> Iterator[Event]:
    for place in range(count):
        name, actor = str(uuid.UUID(int=drawn.getrandbits(128))), f"W{drawn.randrange(500)}"
        record = {
            "id": name,
            "action": "user_login",
            "actor": actor,
            "ip": f"10.0.{place % 256}.1",
            "ua": "Mozilla/5.0",
        }
        yield Event(name, at + _EVERY * place / count, msgspec.Raw(msgspec.json.encode(record)))


@contextmanager
def _timed(title: str, bound: float | None = None) -> Iterator[list[float]]:
    took: list[float] = []
    begun, used = time.perf_counter(), time.process_time()
    yield took
    took.append(time.perf_counter() - begun)
    said = f", bound {bound:.0f} s" if bound else ""
    sys.stdout.write(f"{title:<30} {took[0]:6.2f} s, CPU {time.process_time() - used:6.2f} s{said}\n")


def _commit(record: Record[T], value: T) -> None:
    record.hold()
    record.commit(value)


if __name__ == "__main__":
    sys.exit(main())
