"""``python -m audit_provider.sandbox.airflow_parts``: run all parts of an Airflow until the parent process ends.

``airflow standalone`` starts the same parts but does not watch them: if one ends, as its scheduler does when SQLite
answers "database is locked", nobody starts it again, and runs never continue. Here a part that ends is started again.
All parts end with the parent of this process: standard input is a pipe that only the parent holds, and it closes in
whatever way the parent ends.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

PARTS = ("scheduler", "dag-processor", "api-server", "triggerer")
QUICK = 30.0
"""Seconds; a part that runs for less has not really started."""
MOST_QUICK = 5
"""Quick ends of one part in a row, after which it is not started again."""
GRACE = 20.0
"""Seconds that the parts have to end by themselves."""


class Part:
    """One part, which is started again when it ends.

    :param command: what starts it. :param now: a clock in seconds that only goes forward.
    :param again: whether it is started again; otherwise that is left to whoever ended it.
    """

    def __init__(self, name: str, command: Sequence[str], now: Callable[[], float], *, again: bool = True) -> None:
        self.name = name
        self._command = command
        self._now = now
        self._again = again
        self._quick_ends = 0
        self._begun = 0.0
        self._due = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def look(self) -> bool:
        """Start the part if it does not run and is due; return False if that is given up."""
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                return True
            if not self._again:
                return True
            self.process = None
            lived = self._now() - self._begun
            self._quick_ends = self._quick_ends + 1 if lived < QUICK else 1
            if self._quick_ends > MOST_QUICK:
                _say(f"{self.name} ended with status {status} after {lived:.0f} s, {MOST_QUICK} times in a row")
                return False
            wait = 2.0 ** (self._quick_ends - 1)
            self._due = self._now() + wait
            _say(f"{self.name} ended with status {status} after {lived:.0f} s; it is started again in {wait:.0f} s")
        if self._now() >= self._due:
            self._begun = self._now()
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        return True


def keep(parts: Sequence[Part], *, wanted: Callable[[float], bool]) -> bool:
    """Keep all parts running for as long as they are wanted; return whether all of them did run.

    :param wanted: waits a number of seconds at most, and returns whether to continue.
    """
    try:
        while True:
            if not all(each.look() for each in parts):
                return False
            if not wanted(0.5):
                return True
    finally:
        _end([each.process for each in parts if each.process is not None])


def main() -> int:
    """Prepare the database, start the parts, and keep them until standard input ends or a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m audit_provider.sandbox.airflow_parts", description=__doc__)
    parser.add_argument("--once", action="store_true", help="leave a part that has ended to whoever ended it")
    once = parser.parse_args().once
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    airflow = [sys.executable, "-m", "airflow"]
    try:
        prepared = subprocess.run([*airflow, "db", "migrate"], stdin=subprocess.DEVNULL, check=False)
        if prepared.returncode:
            _say(f"the database cannot be prepared: status {prepared.returncode}")
            return prepared.returncode
        parts = [Part(name, [*airflow, name], time.monotonic, again=not once) for name in PARTS]
        return 0 if keep(parts, wanted=_somebody_listens) else 1
    finally:
        _end_group()


def _end_group() -> None:
    """End the processes that the parts have left behind, such as workers of a killed scheduler, and this process."""
    if os.getpgrp() == os.getpid():
        sys.stdout.flush()
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _somebody_listens(seconds: float) -> bool:
    """Wait; return whether the other end of standard input is still open."""
    readable, _, _ = select.select([0], [], [], seconds)
    return not readable or bool(os.read(0, 4096))


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for each in processes:
        each.terminate()
    until = time.monotonic() + GRACE
    for each in processes:
        try:
            each.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            each.kill()


def _say(line: str) -> None:
    print(f"airflow_parts | {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
