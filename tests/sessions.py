"""A service with everything that it started: the processes of one session.

``python -m tests.sessions [FOLDER]`` reads session leaders from standard input, one a line; one with a minus has ended.
If the input closes before a line ``end``, whoever wrote it was killed: these sessions are ended, the folder is removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Watch:
    """Ends sessions if this process is killed before it ends them itself.

    :param folder: that is removed with them, if there is one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        command = [sys.executable, "-m", "tests.sessions", *([str(folder)] if folder else [])]
        self._process = subprocess.Popen(
            command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, start_new_session=True, text=True
        )

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own. It does nothing before it is watched over.

        :param options: of :class:`subprocess.Popen`; its standard input is empty.
        """
        # If this process is killed in between, the shell finds its input closed and ends.
        gate = ["/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh", *command]
        process = subprocess.Popen(gate, stdin=subprocess.PIPE, start_new_session=True, **options)
        self.add(process.pid)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"go\n")
            process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        return process

    def add(self, leader: int) -> None:
        """Watch over a session too."""
        self._write(str(leader))

    def drop(self, leader: int) -> None:
        """Leave alone a session that has ended."""
        self._write(f"-{leader}")

    def close(self) -> None:
        """Leave the sessions alone from now on."""
        self._write("end")
        self._process.communicate()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


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


def main() -> None:
    """Wait for the end of whoever writes to standard input."""
    leaders: set[int] = set()
    for line in sys.stdin:
        if line.strip() == "end":
            return
        if line.startswith("-"):
            leaders.discard(int(line[1:]))
        else:
            leaders.add(int(line))
    for leader in leaders:
        signal_session(leader, signal.SIGSTOP)  # or one would act on the end of another
        signal_session(leader, signal.SIGKILL)
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
