"""A vendor that keeps events for a limited time, while nothing reads them or a read is interrupted."""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.model import utc_now
from tests.chaos.figures import Figures, added

_SOURCES = ("pylon", "okta", "authos", "workos", "slack", "pylon_list", "pigment", "auth0", "jira")
"""Of every reading strategy, with cursors, page numbers, offsets and ids, newest first and oldest first."""

_KINDS = ("s3",)


def retention_passed(rig, dice, seed, long):
    """Read nothing for longer than the vendor keeps events, after a whole read and after an interrupted one."""
    total = Figures("retention_passed", seed)
    for number, source in enumerate(_SOURCES if long else _SOURCES[:2]):
        for interrupted in (False, True) if long else (number == 1,):
            _left_alone(rig, dice, total, source, timedelta(days=40), timedelta(days=30), interrupted=interrupted)
    return total


def rows_dropped(rig, dice, seed, long):
    """Interrupt a read, and let the vendor drop rows from the front of its list before it goes on."""
    total = Figures("rows_dropped", seed)
    for source in _SOURCES if long else ("authos",):
        for _ in range(3 if long else 1):
            _left_alone(rig, dice, total, source, timedelta(days=dice.randrange(2, 10)), timedelta(days=18))
    return total


def _left_alone(rig, dice, total, source, pause, kept, *, interrupted=True):
    """Read, be it to the end, with a clock that is behind; then set it right, and go on."""
    name = f"{total.scenario}_{source}"
    case = rig.case(name, total.seed, source=source, kinds=_KINDS, events=120, ago=pause, kept=kept)
    case.drop(utc_now() - pause - kept)
    if interrupted:
        with rig.fault(case.source["url"], "status", status=401, after=dice.randrange(2, 6)):
            ended = case.run("pull", ahead=-pause)
    else:
        ended = case.run("pull", ahead=-pause)
        case.figures.must(ended.how == "done", f"the pull before ended {ended.how}: {ended.error}")
    case.add(80, seconds=pause.total_seconds())
    case.figures.must(case.drop(utc_now() - kept) > 0, "the vendor has dropped nothing")
    # A list that needs few requests may be read before it is cut off.
    case.figures.trials += not interrupted or ended.how == "failed"
    case.recover()
    found = len(case.position.gaps)
    case.add(20)
    case.recover()
    case.figures.must(len(case.position.gaps) == found, "a gap was found once more")
    added(total, source, case.close())
