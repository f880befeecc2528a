"""Histories that have shown a fault once, step by step."""

from __future__ import annotations

from datetime import timedelta

from tests.fuzz.histories.world import POISON, World

SOON = timedelta(minutes=10)
DAYS = timedelta(days=3)


def _run(world: World, count: int, *, kind="", ships=True, pause=SOON):
    """Let events happen, and run the DAG. :param ships: whether destinations are served."""
    world.happen(count, kind)
    world.service.now += pause
    world.do(world.pull)
    for far in world.far if ships else ():
        world.do(lambda far=far: world.ship(far))
    world.do(world.retain)


def late_run(world: World):
    """A late run leaves an older position: new events stand under numbers that both destinations have passed."""
    _run(world, 4)
    world.save()
    _run(world, 4)
    world.restore_position(-1)
    _run(world, 8, ships=False)


def late_run_and_days_without_shipping(world: World):
    """The same, and no destination is served until the new segments are old enough to be removed."""
    late_run(world)
    for _ in range(2):
        _run(world, 2, ships=False, pause=DAYS)


def redriven_twice_after_the_copy(world: World):
    """An older spool is put back that lacks two redrive records, and no segment."""
    _run(world, 3)
    _run(world, 2, kind=POISON)
    world.save()
    for is_repaired in (False, True):
        world.do(lambda is_repaired=is_repaired: world.redrive(world.far[0], is_repaired=is_repaired))
    world.restore_spool(-1)
    _run(world, 2)


KEPT = (late_run, late_run_and_days_without_shipping, redriven_twice_after_the_copy)
