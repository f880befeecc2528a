"""A source that is pulled into a spool from scripted answers, run after run."""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.model import Fields
from audit_provider.core.pull import pull
from audit_provider.core.sources import Reader
from audit_provider.core.spool import Stream
from audit_provider.core.streams.unreadable import UnreadableRecords
from audit_provider.sandbox.server import Reply
from tests.core.destinations.stand_ins import Crash
from tests.core.simulation import MemoryStore
from tests.core.sources.scripted import NOW, Scripted, reader

FIELDS = Fields("id", "at")


def record(name, at="2026-02-28T23:00:00Z", more=""):
    return f'{{"id":"{name}","at":"{at}"{more}}}'.encode()


def page(*records, around=b'{"items":[%b],"next":null}'):
    return Reply(200, around.replace(b"%b", b",".join(records)))


class Pulled:
    """Runs over one source, with the position and the spool that they leave.

    :param replies: one after the other, the last for ever; ``service.replies`` may be changed between runs.
    """

    def __init__(self, *replies, store=None, **changes):
        self.service = Scripted(*replies)
        self.changes = {"fields": FIELDS, **changes}
        self.store = store or MemoryStore()
        self.stream = Stream(self.store, "p/live")
        self.position = Position("s")
        self.now = NOW
        self.told, self.gaps = [], []

    def __enter__(self):
        self.service.__enter__()
        return self

    def __exit__(self, *error):
        return self.service.__exit__(*error)

    def run(self, *replies, crash=False, known=()):
        if replies:
            self.service.replies, self.service.requests = list(replies), []

        def commit(position):
            if crash:
                raise Crash
            self.position = POSITIONS.unpack(POSITIONS.pack(position), "a test")

        pages = reader(self.service, **self.changes)
        self.records = pages.records
        pages._client.now = lambda: self.now
        start = self.now - timedelta(days=1)
        told = Reader(pages, None, start, None, lambda: self.now, self.gaps.append, self.told.append)
        self.now += timedelta(minutes=5)
        return pull(pages.spec.reading, told, self.stream, self.position, commit=commit, known=known)

    def events(self):
        if not self.position.head.number:
            return []
        return [event for _, events in self.stream.read(self.position.head, 1) for event in events]

    def raws(self):
        return [bytes(event.raw) for event in self.events()]

    def set_aside(self):
        return [each for _, each in UnreadableRecords(self.stream).read()]
