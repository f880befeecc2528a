"""Every small log, read by runs that end or die after each page: each record counts as often as it happened.

The log is so old that no overlap and no sweep reads it twice, so what the first reading loses stays lost.
"""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest

from audit_provider.core.model import Fields
from audit_provider.core.wire.answer import Answer
from tests.core.destinations.stand_ins import Crash
from tests.core.served_log import BEGIN, Log, Runs, record

WAYS = [
    ("closed_windows", "count", "newest"),
    ("closed_windows", "page", "oldest"),
    ("since_scan", "page", "newest"),
    ("head_scan", "keyset", "newest"),
    ("tail_cursor", "count", "oldest"),
    ("measured_list", "count", "oldest"),
]
STOPS = [{"cut_after": 1}, {"cut_after": 2}, {"crash_at": 2}, {"crash_at": 3}]
LOGS = [
    *("".join(rest) for rest in itertools.product("ab", repeat=6) if rest[0] == "a"),
    *("".join(rest) for rest in itertools.product("ax", repeat=5) if "a" in rest and "x" in rest),
]
"""Equal records by their letter; each x has an id of its own."""


class DirectClient:
    """Asks the log itself, without HTTP, so that thousands of runs take seconds."""

    base_url = "http://127.0.0.1"
    pacer = None

    def __init__(self, log):
        self.log = log

    def now(self):
        return self.log.now

    def redact(self, text):
        return text

    def sleep(self, seconds):
        """Return at once."""

    def fetch(self, method, path, *, params=None, headers=None, body=None, later=None):
        parts = urlsplit(path)
        asked = dict(parse_qsl(parts.query)) | {name: str(value) for name, value in (params or {}).items()}
        return Answer(200, {}, json.dumps(self.log.answer(asked)).encode(), f"{method} {parts.path}")


class DirectRuns(Runs):
    segment_bytes = 1

    def client(self):
        return DirectClient(self.log)


def rows_of(letters):
    return [record(60, each) | ({"id": f"x{place}"} if each == "x" else {}) for place, each in enumerate(letters)]


@pytest.mark.slow
@pytest.mark.parametrize(("reading", "paging", "order"), WAYS)
def test_each_record_of_a_small_log_counts_as_often_as_it_happened(reading, paging, order):
    lost = {}
    for letters, stop in itertools.product(LOGS, STOPS):
        log = Log(order=order, paging=paging, rows=rows_of(letters), now=BEGIN + timedelta(days=30))
        runs = DirectRuns(SimpleNamespace(), log, reading, fields=Fields("id", "at"))
        with suppress(Crash):
            runs.run(**stop)
        runs.run()
        if runs.spooled() != log.happened() or runs.gaps or any("counted once" in line for line in runs.told):
            lost[letters, str(stop)] = runs.spooled() - log.happened(), log.happened() - runs.spooled(), runs.told
    assert not lost
