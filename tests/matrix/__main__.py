"""The suite on every supported pair of Python and Airflow: ``make test-matrix``."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time

from tests.matrix.rows import CONSTRAINTS, ROOT, ROWS, UV, WHOLE, Row, install, interpreter, resolve

BESIDE = ("--numprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
"""As `make unit` runs the suite."""


def main() -> int:
    """Return 0 where every row that could be run has passed, and at least one could."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="PYTHON/AIRFLOW", help=f"of {', '.join(each.name for each in ROWS)}")
    parser.add_argument("--whole", action="store_true", help="the whole suite on every row")
    parser.add_argument("--tests", nargs="+", help="these instead of a row's own")
    parser.add_argument("--resolve", action="store_true", help="write the constraints of the lowest Airflow anew")
    options = parser.parse_args()
    if options.resolve:
        resolve()
        return 0
    if unknown := set(options.rows) - {each.name for each in ROWS}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    results = []
    for row in ROWS:
        if not options.rows or row.name in options.rows:
            tests = tuple(options.tests or (WHOLE[row.airflow] if options.whole else row.tests))
            results.append((row, *_run(row, tests)))
    _tell(f"\n{'Python':<8}{'Airflow':<9}{'result':<9}")
    for row, passed, said in results:
        word = {True: "passed", False: "FAILED", None: "NOT RUN"}[passed]
        _tell(f"{row.python:<8}{row.airflow:<9}{word:<9}{said}")
    ran = [passed for _, passed, _ in results if passed is not None]
    return 0 if ran and all(ran) else 1


def _run(row: Row, tests: tuple[str, ...]) -> tuple[bool | None, str]:
    """Return whether a row's tests passed, None where there is no such interpreter, and a line on it."""
    python = interpreter(row.python)
    if python is None:
        return None, f"there is no Python {row.python} here: uv python install {row.python}"
    begun = time.monotonic()
    install(row, python)
    _tell(f"Python {row.python} with Airflow {row.airflow}: {' '.join(tests)}")
    log = row.folder / "tests.log"
    environment = os.environ | {
        "PATH": os.pathsep.join([str(row.folder / "bin"), os.environ.get("PATH", os.defpath), str(UV.parent)]),
        "VIRTUAL_ENV": str(row.folder),
        "AUDIT_LOGS_CONSTRAINTS": str(CONSTRAINTS[row.airflow]),
    }
    command = [row.folder / "bin/python", "-m", "pytest", "-p", "no:cacheprovider", *BESIDE, *tests]
    with log.open("wb") as file:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False)
    lines = log.read_text(errors="replace").strip().splitlines()
    for line in lines:
        if line.startswith(("FAILED ", "ERROR ")):
            _tell(f"  {line}")
    # What processes say as they end may stand behind it.
    counts = next((line for line in reversed(lines) if re.search(r"\d+ (passed|failed|error).* in ", line)), lines[-1])
    spent = f"{(time.monotonic() - begun) / 60:.0f} min"
    return done.returncode == 0, f"{counts.strip('= ')}; {spent} in all; {log.relative_to(ROOT)}"


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
