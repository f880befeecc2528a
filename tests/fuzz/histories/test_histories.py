"""Any history of a pipeline ends well: each event that was served is delivered, set aside, in a gap, or pending."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fuzz.conftest import EXAMPLES
from tests.fuzz.histories.kept import KEPT as KEPT_HISTORIES
from tests.fuzz.histories.world import KEPT, LEFT_OUT, POISON, World

STEPS = 20
"""Of a history: three times as many where a long campaign is asked for."""

LONG = EXAMPLES > 100

kinds = st.sampled_from(["", "", "", POISON, LEFT_OUT])
delays = st.sampled_from([timedelta(0), timedelta(0), timedelta(minutes=3), timedelta(hours=5)])
pauses = st.sampled_from([timedelta(minutes=5), timedelta(hours=1), timedelta(hours=30), timedelta(days=3)])
deaths = st.none() | st.integers(1, 14)
meetings = st.integers(1, 10)
which = st.integers(0, 1)
answers = st.lists(st.sampled_from(["", "down", "lost"]), max_size=3)


MEMORY = Path("/dev/shm")  # where a flush to disk costs nothing


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("history", KEPT_HISTORIES, ids=lambda each: each.__name__)
def test_a_history_that_has_shown_a_fault_ends_well(history, order, tmp_path):
    world = World(tmp_path, order=order)
    history(world)
    world.check_now()
    world.check_settled(world.settle())


class Histories(RuleBasedStateMachine):
    """What people, clocks, crashes and tasks do to one pipeline, in any order."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None, prefix="histories-"))

    @initialize(
        order=st.sampled_from(["newest", "oldest"]),
        keeps=st.sampled_from([None, None, KEPT]),
        harm=st.sampled_from(["none", "deaths", "meetings", "restored", "all"]),
        runs=st.integers(1, 3),
    )
    def begin(self, order, keeps, harm, runs):
        """Begin with a pipeline that has run for some time. :param harm: what is done to this one."""
        self.world = World(self.folder, order=order, keeps=keeps)
        self.harm = harm
        for _ in range(runs):
            self.run(count=9, kind="", late=timedelta(0), pause=timedelta(hours=30), dies=None, last=None)
            self.world.save()

    @rule(
        count=st.integers(1, 20),
        kind=kinds,
        late=delays,
        pause=pauses,
        dies=st.none() | which,
        last=deaths,
        ships=st.sampled_from([(0, 1), (0, 1), (0,), ()]),
        times=st.sampled_from([1, 1, 3]),
    )
    def run(self, count, kind, late, pause, dies, last, ships=(0, 1), times=1):
        """Let events happen, and run the DAG, so many times.

        :param dies: the task that dies at the step ``last``. :param ships: destinations whose tasks are run at all.
        """
        for _ in range(times):
            self._run_once(count, kind, late, pause, dies, last, ships)

    def _run_once(self, count, kind, late, pause, dies, last, ships):
        self.world.happen(count, kind, late)
        self.world.service.now += pause
        self.do(self.world.pull, last=last if dies is None else None)
        for place in ships:
            far = self.world.far[place]
            self.do(lambda far=far: self.world.ship(far), last=last if dies == place else None)
        self.do(self.world.retain)

    @rule(count=st.integers(1, 9), kind=kinds, late=delays)
    def happen(self, count, kind, late):
        self.world.happen(count, kind, late)

    @rule(pause=pauses)
    def advance(self, pause):
        self.world.service.now += pause

    @rule(last=deaths)
    def pull(self, last):
        self.do(self.world.pull, last=last)

    @rule(which=which, last=deaths, said=answers)
    def ship(self, which, last, said):
        far = self.world.far[which]
        said = said if self.harm != "none" else []
        far.said[:] = said
        self.world.is_harmed |= bool(said)
        self.do(lambda: self.world.ship(far), last=last)
        far.said.clear()

    @rule(last=deaths)
    def retain(self, last):
        self.do(self.world.retain, last=last)

    @rule(which=which, last=deaths, is_repaired=st.booleans())
    def redrive(self, which, last, is_repaired):
        self.do(lambda: self.world.redrive(self.world.far[which], is_repaired=is_repaired), last=last)

    @precondition(lambda self: self.harm != "none")
    @rule(which=which, last=deaths)
    def replay(self, which, last):
        self.do(lambda: self.world.replay(self.world.far[which]), last=last)

    @precondition(lambda self: self.harm in ("meetings", "all"))
    @rule(
        first=st.integers(0, 4), others=st.lists(st.integers(0, 5), min_size=1, max_size=4), met=meetings, last=deaths
    )
    def two_at_once(self, first, others, met, last):
        """One process stands still at some step until others have done their work."""

        def meanwhile():
            for each in others:
                self.do(self._work(each))

        self.do(self._work(first), last=last, met=met, other=meanwhile)

    @precondition(lambda self: self.harm in ("restored", "meetings", "all"))
    @rule(back=st.integers(1, 3), days=st.sampled_from([0, 0, 3]), count=st.integers(1, 9))
    def restore_position(self, back, days, count):
        """As a late run leaves it that was cut off, and writes what it has read long ago.

        :param days: on which no destination is served after that.
        """
        self.world.restore_position(-min(back, len(self.world.saved_ledger)))
        for _ in range(days):
            self._run_once(count, "", timedelta(0), timedelta(hours=30), None, None, ships=())

    @rule(back=st.integers(1, 3))
    def write_late(self, back):
        """A write of a position that comes days late changes nothing."""
        self.world.write_late(-min(back, len(self.world.saved_ledger)))

    @rule()
    def save(self):
        self.world.save()

    @precondition(lambda self: self.harm in ("restored", "all"))
    @rule(back=st.integers(1, 3))
    def restore_ledger(self, back):
        self.world.restore_ledger(-min(back, len(self.world.saved_ledger)))

    @precondition(lambda self: self.harm in ("restored", "all"))
    @rule(back=st.integers(1, 3))
    def restore_spool(self, back):
        self.world.restore_spool(-min(back, len(self.world.saved_spool)))

    @precondition(lambda self: self.harm != "none")
    @rule(which=which)
    def rename(self, which):
        self.world.rename(self.world.far[which])

    @rule()
    def settle(self):
        self.world.check_settled(self.world.settle())

    @invariant()
    def holds(self):
        if hasattr(self, "world"):
            self.world.check_now()

    def teardown(self):
        try:
            if hasattr(self, "world"):
                self.world.check_settled(self.world.settle())
        finally:
            shutil.rmtree(self.folder)

    def do(self, work, *, last=None, **other):
        self.world.do(work, last=last if self.harm in ("deaths", "all") else None, **other)

    def _work(self, number):
        world = self.world
        one, other = world.far
        return (
            world.pull,
            lambda: world.ship(one),
            lambda: world.ship(other),
            lambda: world.redrive(one),
            world.retain,
            lambda: world.happen(3),
        )[number]


Histories.TestCase.settings = settings(
    settings.get_profile("fuzz"),
    report_multiple_bugs=False,
    max_examples=EXAMPLES * 3,
    stateful_step_count=STEPS * (3 if LONG else 1),
)
TestHistories = pytest.mark.timeout(1200)(Histories.TestCase)
