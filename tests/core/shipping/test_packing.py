"""Packing some events at a time is packing each of them."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit_provider.core.destinations.base import Limits
from audit_provider.core.model import Offset
from audit_provider.core.shipping.packing import packed
from audit_provider.core.shipping.terms import Terms
from tests.core.destinations.stand_ins import NOW, event

LARGEST = 40
HOUR = timedelta(hours=1)


class Sized:
    """A destination that writes each event as large as its id says, and cannot write some."""

    def __init__(self, limits):
        self.limits = limits

    def encode(self, event, *, restamp):
        if event.id == "unwritable":
            raise ValueError("no")
        return (b"r" if restamp else b"x") * int(event.id)


events = st.tuples(
    st.integers(1, LARGEST - 1).map(str) | st.sampled_from(["unwritable", str(LARGEST), str(LARGEST + 1)]),
    st.sampled_from([0, 0, 0, 3, 9]),
)


@settings(max_examples=300)
@given(
    shape=st.lists(st.lists(events, max_size=20), min_size=1, max_size=4),
    times=st.integers(1, 12),
    limits=st.builds(
        Limits,
        events=st.sampled_from([1, 7, 64, 100, 10_000]),
        batch_bytes=st.sampled_from([LARGEST, 500, 4000, 10**6]),
        event_bytes=st.just(LARGEST),
        framing=st.sampled_from([0, 2]),
        max_age=st.sampled_from([None, 5 * HOUR, 12 * HOUR]),
        whole_segments=st.booleans(),
    ),
    restamp=st.booleans(),
    join_segments=st.booleans(),
    begin=st.integers(0, 70),
)
@example(  # events that become too old while the lot before theirs is sent
    shape=[[("10", 3)] * 12],
    times=1,
    limits=Limits(events=10_000, batch_bytes=LARGEST, event_bytes=LARGEST, max_age=5 * HOUR),
    restamp=False,
    join_segments=False,
    begin=0,
)
def test_lots_are_the_same_whether_each_event_is_looked_at_or_some_at_a_time(
    shape, times, limits, restamp, join_segments, begin
):
    """Where events may be left out, each is looked at; here all of them stay. The clock goes on while a lot is sent."""
    segments = [
        (number, [event(name, time=NOW - hours * HOUR) for name, hours in each * times])
        for number, each in enumerate(shape, 1)
    ]
    offset = Offset(1, min(begin, len(segments[0][1])), joins_segments=join_segments)

    def batches(select):
        clock = [NOW]
        found = []
        too_old = "arrival_time" if restamp else "dead_letter"
        terms = Terms(sleep=lambda _: None, now=lambda: clock[0], too_old=too_old, select=select)
        for lot in packed(Sized(limits), segments, offset, terms):
            found.append((lot.entries, lot.after, lot.size, lot.count))
            clock[0] += HOUR
        return found

    assert batches(None) == batches(lambda each: each)
