"""The records of progress: Airflow's Variables failing, two writers of one, tasks that come back late, wrong clocks."""

from __future__ import annotations

from datetime import timedelta

from tests.chaos.rig import BATCH, KINDS, ONCE

_FEW = ("s3", "splunk_hec", "elasticsearch", "syslog")
_FENCED = ("was changed by another run", "did not write", "does not say")


def variables_failing(rig, dice, seed, long):
    """Let the API behind the Variables answer 503, lose its answers, and answer too late, at any request."""
    case = rig.case("variables", seed, kinds=_FEW)
    case.recover()
    faults = ({"kind": "status", "status": 503}, {"kind": "cut"}, {"kind": "slow", "seconds": 1.3})
    chains = {case.position.chain}
    # An outage that ends between the reads and the write is the most dangerous one.
    plan = [(what, faults[0], first, count) for what, first in (("pull", 0), ("splunk_hec", 1)) for count in (1, 2, 3)]
    plan += [
        (dice.choice(("pull", *_FEW)), dice.choice(faults), dice.randrange(12), dice.randrange(1, 5))
        for _ in range(30 if long else 4)
    ]
    for number, (what, fault, after, count) in enumerate(plan):
        if number % 3 == 0:
            case.add(50)
            case.recover(*(() if what == "pull" else ("pull",)))
            case.add(0 if what != "pull" else 50)
        with rig.fault("variables", path="/variables/", **fault, after=after, count=count):
            ended = case.run(what)
        case.figures.trials += 1
        case.figures.must(_FENCED[0] not in ended.error, f"{what} took an outage for another run: {ended.error}")
        chains.add(case.position.chain)
        for kind in _FEW:
            case.figures.allow(kind, 0 if kind in ONCE or kind != what else BATCH)
        case.recover()
    case.figures.must(len(chains) == 1, "a position that could not be read was taken for one that was deleted")
    return case.close()


def two_at_once(rig, dice, seed, long):
    """Run every task twice at the same time on the same Variables, without the limits that Airflow sets."""
    case = rig.case("two_at_once", seed, kinds=KINDS if long else _FEW)
    for _ in range(12 if long else 3):
        case.add(60)
        for what in ("pull", *case.kinds):
            pair = [case.start(what), case.start(what)]
            for each in pair:
                ended = each.wait()
                fenced = any(words in ended.error for words in _FENCED)
                case.figures.must(ended.how == "done" or fenced, f"{what} beside another {what}: {ended.error}")
            case.figures.trials += 1
            if what not in ONCE and what != "pull":
                case.figures.allow(what, 2 * BATCH)
        case.recover()
    return _close_without_forks(case)


def frozen_tasks(rig, dice, seed, long):
    """Freeze a task, let others do its work and more, and let it go on: at any point, and just before its write."""
    case = rig.case("frozen", seed, kinds=KINDS if long else _FEW)
    case.recover()
    for number in range(4 if long else 2):
        for what in ("pull", *(case.kinds if long else ("splunk_hec",))):
            case.add(60)
            if what != "pull":
                case.recover("pull")
            harm = {"frozen_at": dice.randrange(1, 4)} if number % 2 == 0 else {"frozen_point": dice.randrange(1, 60)}
            late = case.start(what, **harm)
            if not late.wait_frozen():
                continue
            shipped = 0 if what == "pull" else case.offset(what).counts.finished
            others = ("pull", "s3", "splunk_hec") if what == "pull" else ("pull", what)
            for _ in range(2):
                case.recover(*others)
                case.add(40)
            if what not in ONCE and what != "pull":
                # A write that was on its way brings an old offset back: what others have shipped since comes again.
                case.figures.allow(what, BATCH + case.offset(what).counts.finished - shipped)
            late.thaw()
            ended = late.wait()
            case.figures.trials += 1
            fenced = any(words in ended.error for words in _FENCED)
            case.figures.must(ended.how == "done" or fenced, f"{what} came back late: {ended.error}")
            case.recover(*others)
    return _close_without_forks(case)


def older_database(rig, dice, seed, long):
    """Put an older copy of all Variables of a pipeline in the place of those that are there, and go on."""
    case = rig.case("older_database", seed, kinds=KINDS if long else _FEW)
    case.recover()
    for _ in range(4 if long else 2):
        kept = case.variables()
        since = case.offset("s3").counts.finished
        case.add(dice.randrange(20, 60))
        case.recover()
        for kind in case.kinds:
            if kind != "elasticsearch":
                # The copy does not say that they were delivered.
                case.figures.allow(kind, case.offset("s3").counts.finished - since)
        case.put_back(kept)
        case.figures.trials += 1
        case.add(dice.randrange(0, 30))
        case.recover()
    return case.close()


def clock_jumps(rig, dice, seed, long):
    """Let the clock be an hour or a year ahead for some runs, then right again; then an hour behind."""
    case = rig.case("clock", seed, kinds=KINDS if long else _FEW)
    case.recover()
    for ahead in (timedelta(hours=1), timedelta(days=365), timedelta(hours=-1)) * (3 if long else 1):
        for _ in range(2):
            case.add(30)
            for what in ("pull", *case.kinds):
                case.run(what, ahead=ahead)
        case.figures.trials += 1
        case.add(30)
        case.recover()
    return case.close()


def _close_without_forks(case):
    """Count, where two wrote one position: no segment of the chain was replaced by another."""
    case.recover()
    for kind in case.kinds:
        again = case.offset(kind).again
        case.figures.must(not again, f"{again} events of {kind} were in segments that were replaced")
    return case.close()
