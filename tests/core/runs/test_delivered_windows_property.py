"""Whatever happened to the windows: an event that a live run passes is at the receiver that the run serves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.destinations.base import Limits
from audit_provider.core.errors import AuditError, RefusedError
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset, PullCounts
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.spool import SegmentWriter
from audit_provider.core.streams.open_stream import open_stream
from tests.core.destinations.stand_ins import Listed, event
from tests.core.runs.conftest import LIVE, NOW, Kept, shipment

DAY = timedelta(days=1)
WINDOWS = (
    StreamName("p", "20260101T000000Z_20260501T000000Z"),
    StreamName("p", "20260401T000000Z_20260502T000000Z"),
)
LIMITS = Limits(events=3, batch_bytes=10_000, event_bytes=1000)

names = st.lists(st.sampled_from("abcdefgh"), min_size=3, max_size=6, unique=True)
is_other = st.sampled_from([False, False, False, True])
windows = st.sampled_from(WINDOWS)
receivers = st.sampled_from(["here", "here", "here", "there", ""])
plans = st.sampled_from(["", "", "dx", "dd!"])
filters = st.sampled_from(["", "", "", "abc"])
harm = st.one_of(
    st.tuples(st.just("prune"), windows),
    st.tuples(st.just("anew"), windows),
    st.tuples(st.just("forget"), st.sampled_from([*WINDOWS, LIVE])),
    st.tuples(st.just("correct fields"), windows),
)


def shipped(names_of_streams):
    return st.tuples(st.just("ship"), names_of_streams, receivers, plans, filters)


@st.composite
def histories(draw):
    """Rounds in which a window is read and shipped, and then polling; with harm in between."""
    history = []
    for _ in range(draw(st.integers(1, 3))):
        name = draw(windows)
        history.append(("spool", name, draw(names), draw(is_other)))
        history += draw(st.lists(shipped(st.just(name)), min_size=1, max_size=2))
        history += draw(st.lists(harm, max_size=1))
        history.append(("spool", LIVE, draw(names), draw(is_other)))
        history += draw(st.lists(shipped(st.just(LIVE)), min_size=1, max_size=2))
        history += draw(st.lists(harm, max_size=1))
    return history


class World:
    """A pipeline, and what each of its receivers holds, by how it is reached."""

    def __init__(self):
        self.kept = Kept()
        self.held: dict[tuple[str, str], set[tuple[str, bytes]]] = {}
        self.chains = 0
        self.left_out = 0

    def position(self, name):
        return position_record(self.kept.ledger, name).load()

    def commit(self, name, position):
        record = position_record(self.kept.ledger, name)
        record.load()
        record.commit(position)

    def spool(self, name, some, is_other):
        """Put a segment of events into a stream; each event says the same everywhere, or something else here."""
        position = self.position(name) or Position("pylon", "c0")
        known = {each.id for _, events in self.segments(name) for each in events}
        fresh = [each for each in some if each not in known]
        if not fresh:
            return
        segment = SegmentWriter(NOW)
        said = {"says": name.window} if is_other else {}
        # All within the time that both windows span.
        segment.add([event(each, time=NOW - 10 * DAY, **said) for each in fresh])
        head = name.stream(self.kept.store, position).append(segment, position.head, NOW)
        more = PullCounts(read=len(fresh), spooled=len(fresh))
        self.commit(name, replace(position, head=head, counts=position.counts + more, complete=True))

    def segments(self, name, first=1):
        opened = open_stream(self.kept.ledger, self.kept.store, name)
        if opened is None or not opened.head.number:
            return []
        return list(opened.stream.read(opened.head, max(first, opened.stream.oldest())))

    def ship(self, name, receiver, plan, filtered):
        """Ship a stream; a live run must pass nothing that its receiver does not hold, has not refused or left out."""
        before = self.kept.offset(name)
        far = Listed(*(_step(letters) for letters in filter(None, [plan])), limits=LIMITS)
        configuration = f'{{"except": ["{filtered}"]}}'
        run = shipment(self.kept, far, configuration=configuration, receiver=lambda: receiver)
        terms = Terms(
            sleep=lambda _: None,
            now=lambda: NOW,
            tries=1,
            select=(lambda each: None if each.id in filtered else each) if filtered else None,
        )
        run.connect = lambda position: (far, terms)
        held = self.held.setdefault((configuration, receiver), set())
        send = far.send

        def noting(batch):
            stored = len(far.stored)
            outcome = send(batch)
            taken = far.stored[stored:]
            held.update((each.event.id, bytes(each.event.raw)) for each in batch.items if each.event.id in taken)
            return outcome

        far.send = noting
        with suppress(AuditError):  # judged as far as it got
            run.ship([name])
        if not name.is_live or (after := self.kept.offset(name)) is None:
            return
        begun = before if before and before.chain == after.chain else Offset()
        refused = after.counts.set_aside - begun.counts.set_aside
        absent = 0
        for number, events in self.segments(name, begun.segment):
            for index, each in enumerate(events):
                is_passed = (begun.segment, begun.index) <= (number, index) < (after.segment, after.index)
                if is_passed and each.id not in filtered and (each.id, bytes(each.raw)) not in held:
                    absent += 1
        assert absent <= refused, f"{absent} events were passed that {receiver!r} does not hold, and {refused} refused"
        self.left_out += sum("were left out" in line for line in self.kept.log.lines)

    def prune(self, name):
        if (opened := open_stream(self.kept.ledger, self.kept.store, name)) and opened.head.number > 1:
            opened.stream.prune(finished=opened.head.number - 1, written_before=NOW + DAY, now=NOW)

    def anew(self, name):
        self.chains += 1
        self.commit(name, Position("pylon", f"c{self.chains}"))

    def forget(self, name):
        offset_record(self.kept.ledger, name, "far").delete()

    def correct(self, name):
        if position := self.position(name):
            self.commit(name, replace(position, fields=replace(position.fields, action="other")))


def _step(letters):
    def send(batch):
        if "!" in letters:
            raise RefusedError("the token was revoked", status=403)
        return (letters * len(batch))[: len(batch)]

    return send


def run(history):
    world = World()
    for what, *arguments in history:
        {
            "spool": world.spool,
            "ship": world.ship,
            "prune": world.prune,
            "anew": world.anew,
            "forget": world.forget,
            "correct fields": world.correct,
        }[what](*arguments)
    return world


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(histories())
def test_what_a_live_run_passes_is_at_its_receiver(history):
    run(history)


def test_the_model_meets_events_that_are_left_out():
    history = [
        ("spool", WINDOWS[0], ["a", "b", "c"], False),
        ("ship", WINDOWS[0], "here", "", ""),
        ("spool", LIVE, ["b", "c", "d"], False),
        ("ship", LIVE, "here", "", ""),
    ]
    world = run(history)
    assert world.left_out == 1
    assert len(world.held[('{"except": [""]}', "here")]) == 4
