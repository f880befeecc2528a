"""A window counts as compared with the source only if all of it could be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Fields, Window
from audit_provider.core.pull import pull
from audit_provider.core.sources import Reader
from audit_provider.core.sources.reading.reconciliation import (
    Comparison,
    OpenComparison,
    Reconciliation,
    ReconciliationState,
)
from audit_provider.core.spool import Stream
from tests.core.simulation import BEGIN, PYLON, MemoryStore, Pages, Row, Service, every

DAY = timedelta(days=1)
CAPPED = replace(PYLON.reading, most=5)


def reconcile(service, state=None):
    """Compare three days with a spool that holds nothing; return the state and the gaps."""
    gaps = []
    # Without the time of recording, a window is asked for to its end and no further.
    spec = replace(PYLON, reading=CAPPED, fields=Fields("id", "action_happened_at"))
    reader = Reader(
        pages=Pages(spec, service),
        recovery=None,
        start=BEGIN,
        until=None,
        now=lambda: service.now,
        report=gaps.append,
        tell=lambda line: None,
    )
    reconciliation = Reconciliation(CAPPED, BEGIN + 3 * DAY, DAY, lambda *_: None, lambda _: "", lambda _: None)
    position = Position("pylon", reading=msgspec.to_builtins(state) if state else {})
    done = pull(reconciliation, reader, Stream(MemoryStore(), "p/reconcile"), position, commit=lambda _: None)
    assert done.complete
    return msgspec.convert(done.position.reading, ReconciliationState), gaps


def capped_service(crowded):
    """Return a service that gives five events of a window at most. :param crowded: times with nine at once."""
    rows = [Row(f"c{time}{n}", time, time) for time in crowded for n in range(9)]
    return Service(rows=[*every(timedelta(hours=6), 12), *rows], capped=5, now=BEGIN + 40 * DAY)


def test_windows_that_were_read_whole_are_compared():
    state, gaps = reconcile(capped_service([]))
    assert state.compared == (Window(BEGIN, BEGIN + 3 * DAY),)
    assert {each.kind for each in gaps} <= {"late"}


def test_a_window_of_which_a_part_could_not_be_read_is_not_compared():
    state, gaps = reconcile(capped_service([BEGIN + DAY + timedelta(hours=9)]))
    assert "cap" in {each.kind for each in gaps}
    assert state.reached == BEGIN + 3 * DAY
    assert state.compared == (Window(BEGIN, BEGIN + DAY), Window(BEGIN + 2 * DAY, BEGIN + 3 * DAY))


@pytest.mark.parametrize("lacks", [False, True])
def test_what_an_earlier_run_could_not_read_of_a_window_counts_when_another_ends_it(lacks):
    opened = OpenComparison(Comparison(BEGIN, BEGIN + DAY), lacks=lacks)
    state, _ = reconcile(capped_service([]), ReconciliationState(BEGIN, opened))
    assert state.compared == (Window(BEGIN + DAY if lacks else BEGIN, BEGIN + 3 * DAY),)
