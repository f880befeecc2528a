"""``python -m tests.chaos``: do harm, then count. Ends 0 where nothing is lost, and repeated no more than may be."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import tests.conftest  # noqa: F401 - an AIRFLOW_HOME of its own, before anything imports Airflow
from tests.chaos.figures import Figures, table
from tests.chaos.rig import Rig
from tests.chaos.scenarios import BY_HAND, LONG_ONLY, SCENARIOS

RESULTS = Path(__file__).parent / "results"


def run_scenarios(names, *, seed: int, long: bool, watch: bool, folder: Path, tell) -> list[Figures]:
    """Run scenarios over one set of services, keep what each found as JSON, and return it."""
    RESULTS.mkdir(exist_ok=True)
    found = []
    with Rig(folder, watch=watch) as rig:
        for name in names:
            begun = time.monotonic()
            found.append(SCENARIOS[name](rig, random.Random(f"{seed} {name}"), seed, long))
            found[-1].scenario = name
            (RESULTS / f"{name}{'.watched' if watch else ''}.json").write_text(found[-1].as_json())
            verdict = "good" if found[-1].good else "WRONG"
            tell(f"{name}: {found[-1].trials} trials in {time.monotonic() - begun:.0f} s, {verdict}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--long", action="store_true", help="many more trials, and a real Airflow")
    parser.add_argument("--watch", action="store_true", help="looks start the runs, and quiet tasks are skipped")
    parser.add_argument("--scenario", action="append", choices=sorted(SCENARIOS), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()

    def tell(line):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    left_out = (frozenset() if options.long else LONG_ONLY) | (BY_HAND if options.watch else frozenset())
    names = options.scenario or [name for name in SCENARIOS if name not in left_out]
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        found = run_scenarios(
            names, seed=options.seed, long=options.long, watch=options.watch, folder=Path(folder), tell=tell
        )
    tell(f"\n{table(found)}")
    return 0 if all(each.good for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
