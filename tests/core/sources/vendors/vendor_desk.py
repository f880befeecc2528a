"""A built-in source over a connection to a stand-in of its vendor, run after run, with a clock of the test's own."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.pull import pull
from audit_provider.core.sources import REGISTRY, Reader
from audit_provider.core.spool import Stream
from audit_provider.hooks.audit_logs import AuditLogsHook
from tests.core.destinations.stand_ins import Crash
from tests.core.simulation import MemoryStore

NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)


class VendorDesk:
    """:param service: the stand-in. :param connection: what the user fills in, beside the host."""

    def __init__(self, source, service, connection, monkeypatch, settings=None, spec=None):
        self.spec = spec or REGISTRY[source]
        self.service = service
        self.settings = settings or {}
        extra = {"trust_env": False, **connection.get("extra", {})}
        connection = {"conn_type": "audit_logs", "host": service.url, **connection, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_DESK", json.dumps(connection))
        self.stream = Stream(MemoryStore(), "p/live")
        self.position = Position(self.spec.name)
        self.now = NOW
        self.gaps, self.told, self.slept = [], [], []

    def hook(self):
        return AuditLogsHook("desk", source=self.spec, settings=self.settings)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def run(self, *, start=NOW - timedelta(days=1), commits=None, within=None, deadline=None):
        """Read once. :param commits: how many positions are kept before the run is killed."""
        kept = 0

        def commit(position):
            nonlocal kept
            if commits is not None and kept >= commits:
                raise Crash
            kept += 1
            self.position = POSITIONS.unpack(POSITIONS.pack(position), "a test")

        self.pages = self.hook().pages(sleep=self.sleep, now=lambda: self.now)
        reader = Reader(
            pages=self.pages,
            recovery=None,
            start=within.start if within else start,
            until=within.end if within else None,
            now=lambda: self.now,
            report=self.gaps.append,
            tell=self.told.append,
        )
        return pull(
            self.spec.reading,
            reader,
            self.stream,
            self.position,
            commit=commit,
            within=within,
            deadline=deadline,
            segment_bytes=1,
        )

    def events(self):
        if not self.position.head.number:
            return []
        return [event for _, events in self.stream.read(self.position.head, 1) for event in events]

    def ids(self):
        return sorted(event.id for event in self.events())
