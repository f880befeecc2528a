"""A service with everything that it started: the processes of one session."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def signal_session(leader: int, number: int) -> None:
    """Send a signal to every process of a session, the leader last."""
    for pid in session_of(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def session_of(leader: int) -> list[int]:
    """Return the processes of a session, its leader last."""
    processes = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return sorted((pid for pid in processes if session_id(pid) == leader), reverse=True)


def session_id(pid: int) -> int:
    """Return the session of a process; 0 where it has ended."""
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return 0
