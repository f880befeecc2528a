"""Measures one piece of work in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import PAGE, api, collector

FROM_THE_API = ("plain", "read")


@dataclass(frozen=True, slots=True)
class Figures:
    """The cost of a piece of work.

    :ivar cpu: seconds, including the start of the process. :ivar wall: seconds, without it. :ivar peak: MB.
    :ivar commits: how often progress was recorded, which in Airflow writes a Variable.
    :ivar events: number of events moved.
    """

    cpu: float
    wall: float
    peak: float
    commits: int
    events: int


def measure(name: str, events: int, folder: Path, delay: float = 0.0) -> Figures:
    """Do the work ``name`` with ``events`` events, against a server in this process.

    :param delay: seconds until the collector answers.
    """
    server = api(events // PAGE) if name in FROM_THE_API else collector(delay)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        return Figures(**json.loads(run("benchmarks.work", name, url, str(folder), str(events))))
    finally:
        server.shutdown()
        server.server_close()


def run(module: str, *arguments: str) -> str:
    """Return the last line that a module prints. Bytecode is cached, as for an installed package."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[1:])} ended {done.returncode}:\n{done.stderr}")
    return done.stdout.strip().splitlines()[-1]
