"""The set-up of docker-compose.yaml: two Celery workers on PostgreSQL, Redis and S3, harmed at any moment."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

from tests.chaos.figures import Figures
from tests.compose.compose_file import variables_of
from tests.compose.conftest import make_env
from tests.compose.debian import installed
from tests.compose.scenario import ARCHIVE, BATCH, EVERYWHERE, INCREMENTAL, MAY_REPEAT, SIEMS, Scenario, repeats, until

_WORKERS = ("worker-1", "worker-2")
_PARTS = ("scheduler", "triggerer", "dag-processor", "api-server")
_STORES = ("postgres", "redis", "minio")
_LATEST = {"pull": 10.0, "ship": 6.0}
"""Seconds from when a task of the stage is at work until the harm, at most."""
_SLOW = {"kind": "slow", "count": None}
_FAILING = "what is read from or shipped to fails"
_REFUSALS = ({"status": 500}, {"status": 503}, {"status": 429, "headers": {"Retry-After": "2"}}, {"kind": "cut"})


def celery_workers(rig, dice, seed, long):
    """Kill each part, freeze a worker, stop each store and a SIEM, let requests fail; the next runs must make it good.

    Frozen for so long that the other worker takes over, tests/compose has it.
    """
    figures = Figures("celery_workers", seed)
    if reason := installed():
        figures.must(False, reason)
        return figures
    scenario = _scenario(rig.folder / "celery")
    try:
        scenario.stack.start()
        with scenario.stack.restarting():
            harms = _harms(scenario, dice)
            broken_off = [
                _trial(scenario, name, harms[name], stage, dice, figures)
                for name in dice.sample(sorted(harms), len(harms) if long else 1)
                for stage in (_LATEST if long else ("ship",))
            ]
        figures.must(not long or sum(broken_off) > 0, "no task was broken off by anything")
        return figures
    finally:
        scenario.stack.stop()


def _scenario(folder: Path) -> Scenario:
    folder.mkdir()
    make_env(folder / ".env", "sandbox")
    return Scenario(folder / "pipelines", variables_of(folder / ".env"))


def _harms(scenario, dice):
    """Return what can be done under a run, by name. What a restart policy brings back is only ended."""

    def busy(run_id):
        return dice.choice(sorted(set(scenario.workers(INCREMENTAL, run_id).values())) or _WORKERS)

    def killed(part):
        scenario.stack.signal(part, signal.SIGKILL)

    def frozen(part):
        scenario.stack.signal(part, signal.SIGSTOP)
        time.sleep(dice.uniform(2, 12))
        scenario.stack.signal(part, signal.SIGCONT)

    def halted(store):
        scenario.stack.halt(store)
        time.sleep(dice.uniform(1, 12))
        scenario.stack.launch(store)

    def failing(service):
        scenario.control(service, "DELETE", "faults")  # or being slow would come first
        for number, fault in enumerate(_REFUSALS):
            scenario.control(service, "POST", "faults", {"kind": "status", **fault, "after": number})

    def gone(service):
        scenario.switch("stop", service)
        time.sleep(dice.uniform(1, 12))
        scenario.switch("start", service)

    return {
        "a worker is killed": lambda run_id: killed(busy(run_id)),
        "a worker is frozen": lambda run_id: frozen(busy(run_id)),
        **{f"{part} is killed": lambda _, part=part: killed(part) for part in _PARTS},
        **{f"{store} is stopped": lambda _, store=store: halted(store) for store in _STORES},
        _FAILING: lambda _: [failing(each) for each in ("pylon", *SIEMS)],
        "a SIEM is gone": lambda _: gone(dice.choice(SIEMS)),
    }


def _trial(scenario, name, harm, stage, dice, figures):
    """Do harm while one pipeline reads and ships to everything, and another one to S3; then let both make it good.

    :param stage: what the first one is doing then. :return: how many tries of its tasks were broken off.
    """
    what = f"{name} during {stage}"
    scenario.add(dice.randrange(40, 160), 600)
    scenario.control("pylon", "POST", "faults", _SLOW | {"seconds": 0.5})
    for service in SIEMS:
        scenario.control(service, "POST", "faults", _SLOW | {"seconds": 2.0})
    runs = {dag_id: [scenario.run(dag_id)] for dag_id in (INCREMENTAL, ARCHIVE)}
    until(lambda: any(each.startswith(stage) for each in scenario.workers(INCREMENTAL, runs[INCREMENTAL][0])))
    time.sleep(dice.uniform(0, _LATEST[stage]))
    harm(runs[INCREMENTAL][0])
    until(scenario.airflow.healthy)
    for dag_id, (run_id,) in runs.items():
        scenario.finish(dag_id, run_id, None)
    scenario.well()
    begun = time.monotonic()
    for dag_id in runs:
        runs[dag_id].append(scenario.run(dag_id))
    for dag_id, (_, run_id) in runs.items():
        state = scenario.airflow.wait(dag_id, run_id, print, patience=600)
        figures.must(state == "success", f"{what}: the next run of {dag_id} ended {state}")
    figures.recovery = max(figures.recovery, time.monotonic() - begun)
    figures.trials += 1
    if name == _FAILING:
        for destination in MAY_REPEAT:
            figures.allow(destination, BATCH)  # the answer that is cut may be that to a batch that was taken
    _account(scenario, what, runs[INCREMENTAL], figures)
    broken_off = sum(max(number - 1, 0) for number in scenario.tries(INCREMENTAL, runs[INCREMENTAL][0]).values())
    figures.must(broken_off or name != "a worker is killed", f"{what}: no task was broken off")
    return broken_off


def _account(scenario, what, runs, figures):
    """Count what is lost and repeated since the last trial.

    :param what: was done. :param runs: those that shipped to everything.
    """
    missing = scenario.missing()
    missing["archive"] = scenario.served() - set(scenario.archived())
    figures.lost = {each: len(missing.get(each, ())) for each in (*EVERYWHERE, "archive")}
    for destination, ids in missing.items():
        figures.must(not ids, f"{what}: {len(ids)} events are not at {destination}")
    figures.repeated = dict(Counter(figures.repeated) + scenario.newly_repeated())
    figures.repeated["archive"] = repeats(scenario.archived())
    for destination, count in scenario.may_repeat(*runs).items():
        figures.allow(destination, count)
    figures.must(scenario.adds_up(), f"{what}: the account does not add up")
    figures.must(scenario.adds_up("archive", ["s3"]), f"{what}: the account of the archive does not add up")
