"""One budget and several tasks, over simulated time: whatever they do and whenever they die, they keep within it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.errors import UnavailableError
from audit_provider.core.wire.budget import LEASE, NEVER, POLLING, RECONCILIATION, Claim, ClaimedPart, lane, left_behind
from audit_provider.core.wire.rate_limit import Pacer, RateLimit, stamps_of
from tests.scale.simulated_time import SimulatedTime

OTHERS = (RECONCILIATION, lane(1), lane(2), lane(3))


class Killed(Exception):  # noqa: N818 - no error, the end of a process
    """The process is gone, in the middle of whatever it did."""


class World:
    """A service that counts, the records of claims, and what each task's position would keep."""

    def __init__(self, limit, share=0.8):
        self.limit = limit
        self.share = share
        self.time = SimulatedTime()
        self.claims = {}
        self.kept = {}
        self.arrived = []

    def most_in_a_period(self):
        """Return the most requests that arrived within any period."""
        most, first, arrived = 0, 0, sorted(at for at, _ in self.arrived)
        for last, at in enumerate(arrived):
            while arrived[first] <= at - timedelta(seconds=self.limit.per):
                first += 1
            most = max(most, last - first + 1)
        return most

    def times(self, task):
        return [at for at, name in self.arrived if name == task]


@dataclass
class Process:
    """One life of a task."""

    world: World
    task: str
    latencies: tuple = (0.05,)
    dies_at: int | None = None
    freezes_at: int | None = None
    seconds: float = 600.0

    def __post_init__(self):
        self._steps = self._records = 0

    def load(self):
        self._look_or_write()
        claims = dict(self.world.claims)
        self._look_or_write()
        return claims

    def commit(self, claim):
        self._look_or_write()
        self.world.claims[self.task] = claim
        self._look_or_write()

    def _look_or_write(self):
        self._records += 1
        self.pause(400.0 if self._records == self.freezes_at else None)

    def pause(self, seconds=None):
        """Sleep, or die."""
        self._steps += 1
        if self._steps == self.dies_at:
            raise Killed
        self.world.time.sleep(self.latencies[self._steps % len(self.latencies)] if seconds is None else seconds)

    def live(self, requests):
        """Send requests, as fast as allowed, for ``seconds`` at most."""
        world, end = self.world, self.world.time.seconds + self.seconds
        claim = world.claims.get(self.task, Claim())
        limit = world.limit
        own = limit.requests - limit.share(world.share).requests if self.task == POLLING else 0
        part = ClaimedPart(
            limit, world.share, task=self.task, claims=self, history=lambda: pacer.history, now=world.time.now
        )
        # Whichever knows more, as a task takes them from its claim or from its position.
        known = (left_behind(claim, own, world.time.now()), world.kept.get(self.task, ()))
        pacer = Pacer(
            limit,
            history=max(known, key=lambda each: max(stamps_of(each), default=NEVER)),
            part=part,
            sleep=self.pause,
            now=world.time.now,
        )
        try:
            for _ in range(requests):
                if world.time.seconds >= end:
                    break
                pacer.wait()
                self.pause()
                world.arrived.append((world.time.now(), self.task))
                if self.task == POLLING:
                    # What is promised of polling that is killed holds from its last commit on.
                    pacer.answered()
                    world.kept[self.task] = pacer.history
                self.pause()
                pacer.answered()
            if self.task == POLLING:
                world.kept[self.task] = pacer.history
            if part.is_claimed:
                part.give_up()
        except Killed:
            pass


def used(times, allowed, end, per=60):
    """Return what part of a budget was used until ``end``, at whatever moment of a burst these times begin.

    :param allowed: requests in ``per`` seconds; of the last of these periods less than all may have been sent.
    """
    periods = (len(times) - 1) // allowed
    assert periods >= 4, "too few to say"
    passed = max(times[periods * allowed], end - timedelta(seconds=per)) - times[0]
    return periods * per / passed.total_seconds()


LIVES = st.lists(
    st.tuples(
        st.sampled_from((POLLING, *OTHERS)),
        st.floats(0, 200),  # seconds until it begins, after the life before it
        st.integers(1, 60),  # requests
        st.one_of(st.none(), st.integers(1, 150)),  # dies at this step
        st.one_of(st.none(), st.integers(1, 12)),  # freezes for long at this look or write
        st.lists(st.floats(0.0, 3.0), min_size=1, max_size=5),  # seconds that each step takes
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150)
@given(LIVES, st.integers(5, 40), st.floats(0.2, 0.95), st.sampled_from((20.0, 60.0, 300.0)))
def test_no_period_holds_more_than_the_budget_whoever_lives_dies_or_freezes(lives, requests, share, per):
    world = World(RateLimit(requests, per), share)
    by_task = {}
    for task, *life in lives:
        by_task.setdefault(task, []).append(life)

    def one_after_the_other(task):
        for after, count, dies_at, freezes_at, latencies in by_task[task]:
            world.time.sleep(after)
            Process(world, task, tuple(latencies), dies_at, freezes_at).live(count)

    for task in by_task:
        world.time.start(lambda task=task: one_after_the_other(task))
    world.time.run()
    assert world.most_in_a_period() <= requests


def test_polling_alone_uses_the_whole_budget():
    world = World(RateLimit(60, 60))
    world.time.start(lambda: Process(world, POLLING).live(600))
    world.time.run()
    # The first period is a burst; from then on every request waits for its own predecessor.
    permitted = 60 * (1 + world.time.seconds / 60)
    assert len(world.arrived) == 600
    assert 600 / permitted >= 0.97
    assert world.most_in_a_period() <= 60


def test_a_backfill_alone_uses_all_but_pollings_own_part():
    world = World(RateLimit(60, 60))
    world.time.start(lambda: Process(world, lane(1), seconds=10_000).live(480))
    world.time.run()
    permitted = 48 * (1 + world.time.seconds / 60)
    assert 480 / permitted >= 0.97


def test_windows_read_at_once_share_the_part_of_the_backfill_and_use_all_of_it():
    world = World(RateLimit(60, 60))
    for number in (1, 2, 3):
        world.time.start(lambda number=number: Process(world, lane(number), seconds=1200).live(10_000), after=number)
    world.time.run()
    counts = [len([at for at in world.times(lane(number)) if at >= world.times(lane(3))[0]]) for number in (1, 2, 3)]
    assert world.most_in_a_period() <= 48
    assert sum(counts) >= 0.97 * 48 * 16, "from the time on at which all three have their parts"
    assert max(counts) - min(counts) <= 0.2 * max(counts)


def test_what_a_finished_window_leaves_is_taken_by_the_others():
    world = World(RateLimit(60, 60))
    world.time.start(lambda: Process(world, lane(1), seconds=1200).live(10_000))
    world.time.start(lambda: Process(world, lane(2)).live(100))
    world.time.run()
    late = [at for at in world.times(lane(1)) if at > world.times(lane(2))[-1] + timedelta(seconds=180)]
    assert used(late, 48, world.time.now()) >= 0.97


def test_polling_is_never_delayed_by_a_backfill():
    """Runs of polling that need no more than its own part wait for nothing."""
    world = World(RateLimit(10, 60))
    world.time.start(lambda: Process(world, lane(1), seconds=1800).live(10_000))
    waited = []

    def poll():
        for number in range(25):
            begun = world.time.seconds
            Process(world, POLLING).live(2 if number % 5 == 0 else 1)
            waited.append(world.time.seconds - begun)
            world.time.sleep(60 - (world.time.seconds - begun))

    world.time.start(poll, after=5)
    world.time.run()
    assert max(waited) < 1
    assert world.most_in_a_period() <= 10
    assert len(world.times(lane(1))) >= 0.95 * 8 * 30


def test_polling_gives_way_to_a_backfill_that_begins():
    world = World(RateLimit(60, 60))
    world.time.start(lambda: Process(world, POLLING, seconds=1200).live(10_000))
    world.time.start(lambda: Process(world, lane(1), seconds=1200).live(10_000), after=200)
    world.time.run()
    first = world.times(lane(1))[0]
    assert (first - world.times(POLLING)[0]).total_seconds() < 200 + 60 + 60 + 30, "a look, a period, and a pause"
    both = [at for at, _ in world.arrived if first + timedelta(seconds=120) < at < world.times(POLLING)[-1]]
    assert used(sorted(both), 60, world.times(POLLING)[-1]) >= 0.97
    assert world.most_in_a_period() <= 60


def test_what_a_killed_task_has_claimed_is_free_after_its_lease_and_a_period():
    world = World(RateLimit(60, 60))
    world.time.start(lambda: Process(world, lane(1), dies_at=90).live(10_000))
    world.time.start(lambda: Process(world, lane(2), seconds=900).live(10_000), after=30)
    world.time.run()
    dead = world.times(lane(1))[-1]
    full = [at for at in world.times(lane(2)) if at > dead + LEASE + timedelta(seconds=150)]
    assert used(full, 48, world.time.now()) >= 0.97
    assert world.most_in_a_period() <= 60


@pytest.mark.parametrize("requests", [2, 3])
def test_a_small_budget_is_shared_too(requests):
    world = World(RateLimit(requests, 60))
    for task in (POLLING, lane(1), RECONCILIATION):
        world.time.start(lambda task=task: Process(world, task, seconds=1800).live(10_000))
    world.time.run()
    assert world.most_in_a_period() <= requests
    assert len(world.times(POLLING)) >= 25
    assert len(world.times(RECONCILIATION)) >= 25, "a long backfill leaves it its part"


def test_a_killed_task_may_have_sent_what_it_said_and_what_it_might():
    said = ((1_000, 8),)
    assert left_behind(Claim(0, NEVER, said), 0, NEVER) == said
    until = NEVER + timedelta(minutes=5)
    assert left_behind(Claim(4, until, said), 2, NEVER + timedelta(hours=1)) == (*said, (300_000, 6))


def test_a_claim_of_a_clock_that_stood_a_day_ahead_blocks_nobody():
    world = World(RateLimit(10, 60))
    ahead = world.time.now() + timedelta(days=1)
    world.claims[lane(2)] = Claim(8, ahead, ((int(ahead.timestamp() * 1000), 8),))
    world.time.start(lambda: Process(world, lane(1), seconds=600).live(10_000))
    world.time.run()
    assert len(world.times(lane(1))) >= 8 * 9


def test_an_answer_is_not_lost_because_nobody_can_say_what_others_claim():
    class Unknown:
        def allowed(self, used, moment):
            raise UnavailableError("Airflow is down.")

    time = SimulatedTime()
    pacer = Pacer(RateLimit(10, 60), history=(time.now(),), part=Unknown(), sleep=time.sleep, now=time.now)
    pacer.observe({"X-RateLimit-Remaining": "0"})
    with pytest.raises(UnavailableError):
        pacer.wait()
