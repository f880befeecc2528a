"""``python -m tests.chaos``: do harm, then count. Ends 0 where nothing is lost and nothing repeated beyond what may be."""

from __future__ import annotations

import tests.conftest  # noqa: F401 - an AIRFLOW_HOME of its own, before anything imports Airflow

import argparse  # noqa: I001
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.figures import Figures, table
from tests.chaos.rig import Rig
from tests.chaos.scenarios import SCENARIOS

RESULTS = Path(__file__).parent / "results"


def run_scenarios(names, *, seed: int, long: bool, folder: Path, tell) -> list[Figures]:
    """Run scenarios over one set of services; return what each found."""
    found = []
    with Rig(folder) as rig:
        for name in names:
            begun = time.monotonic()
            found.append(SCENARIOS[name](rig, random.Random(f"{seed} {name}"), seed, long))
            found[-1].scenario = name
            verdict = "good" if found[-1].good else "WRONG"
            tell(f"{name}: {found[-1].trials} trials in {time.monotonic() - begun:.0f} s, {verdict}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--long", action="store_true", help="many more trials, and a real Airflow")
    parser.add_argument("--scenario", action="append", choices=sorted(SCENARIOS), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()

    def tell(line):
        print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        found = run_scenarios(
            options.scenario or list(SCENARIOS), seed=options.seed, long=options.long, folder=Path(folder), tell=tell
        )
    RESULTS.mkdir(exist_ok=True)
    for each in found:
        (RESULTS / f"{each.scenario}.json").write_text(each.as_json())
    tell(f"\n{table(found)}")
    return 0 if all(each.good for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
