"""``kill -9`` at any moment of reading and of shipping."""

from __future__ import annotations

from collections import Counter

from tests.chaos.rig import BATCH, KINDS, ONCE

LONG, SHORT = 450, 27


def kills(rig, dice, seed, long):
    """Kill every task at random moments of its life, and at every boundary of a write, rename, fsync and request."""
    case = rig.case("kills", seed)
    tasks = (*(("look",) if rig.watch else ()), "pull", *KINDS)
    lives, points, boundary = {}, {}, Counter()
    for what in tasks:
        first = case.run(what)
        lives[what], points[what] = first.seconds, first.points
    while case.figures.trials < (LONG if long else SHORT):
        case.add(50)
        for what in tasks:
            for _ in range(dice.choice((1, 1, 2, 3)) if long else 1):
                boundary[what] += 1
                if boundary[what] % 2:
                    ended = case.run(what, after=dice.uniform(0, lives[what]))
                else:
                    # An odd step, so that the boundaries are taken from everywhere at first, and all in the end.
                    fatal = 1 + boundary[what] * 7 % points[what]
                    ended = case.run(what, fatal=fatal)
                if ended.how == "killed":
                    case.figures.trials += 1
                    case.figures.allow(what, 0 if what in ONCE or what in ("look", "pull") else BATCH)
                case.figures.must(ended.how != "failed", f"{what} failed: {ended.error}")
            case.recover(what)
    return case.close()
