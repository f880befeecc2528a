"""What a destination has of some days: as many of equal lines as there are events."""

from __future__ import annotations

from datetime import date

import pytest

from audit_provider.core.verification.arrival import THERE, IdBuckets
from audit_provider.core.verification.day_arrivals import answered, place_of
from tests.core.runs.conftest import NOW

DAY = date(2026, 3, 1)
OWN = "a" * 32


class Lines:
    """A bucket that holds one line so many times."""

    tells_all = by_content = True

    def __init__(self, count):
        self.count = count

    def gather(self, ids, days):
        for _ in range(self.count):
            ids.add(THERE, ["line"])


@pytest.mark.parametrize(
    ("events", "there", "missing"),
    [
        (["a", "a-2"], 2, 0),
        (["a", "a-2"], 1, 1),
        (["a", "a-2", "a-3"], 1, 2),
        (["a"], 0, 1),
        (["a", "a"], 1, 0),  # one event in two streams
        (["a", f"a-{OWN}"], 1, 0),  # likewise, where it has a name of its own in one of them
        (["a"], 3, 0),
    ],
)
def test_equal_lines_prove_as_many_events_as_there_are_lines(events, there, missing):
    with IdBuckets() as ids:
        for each in events:
            ids.add(place_of(DAY), ["line"], [(each,)])
        found = answered(ids, Lines(there), [DAY], NOW)[DAY]
    assert (found.events, found.missing) == (len(events), missing)
    assert found.first == (events[-missing] if missing else "")
