"""Servers as processes: started, waited for, stopped, also where the run that started them is interrupted."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from tests.sessions import Watch, signal_session

_PAUSE = 0.05


@cache
def _watch() -> Watch:
    """Return what ends every server if this process is killed."""
    return Watch()


class Process:
    """A server with everything that it started.

    :param command: its program and arguments. :param log: where it writes to.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.log = log
        # Without root's groups, which may read what the user may not.
        as_user: dict[str, Any] = {}
        if user is not None:
            as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        with log.open("ab") as output:
            self._process = _watch().start(
                command,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                **as_user,
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM, seconds: float = 10.0) -> None:
        """End the server and everything that it started."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        signal_session(self._process.pid, signal.SIGKILL)
        self._process.wait(seconds)
        _watch().drop(self._process.pid)

    def wait_for(self, ready: Callable[[], bool], seconds: float = 60.0) -> Process:
        """Wait until ``ready`` says so.

        :raises RuntimeError: the server ends, or is not ready in time.
        """
        end = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise RuntimeError(f"ended with {self._process.returncode}: {self.words()}")
            if time.monotonic() > end:
                raise RuntimeError(f"not ready in {seconds:.0f} s: {self.words()}")
            time.sleep(_PAUSE)
        return self

    def words(self) -> str:
        """Return the last of what it said."""
        return " ".join(self.log.read_text(errors="replace").split()[-60:])


@contextmanager
def started(
    command: Sequence[str], log: Path, port: int, *, seconds: float = 60.0, **further: object
) -> Iterator[Process]:
    """Run a server while the block lasts, from the moment on at which it listens on a port of 127.0.0.1."""
    with Process(command, log, **further) as process:  # type: ignore[arg-type]
        yield process.wait_for(lambda: listens(port), seconds)


def listens(port: int) -> bool:
    """Whether somebody takes connections on a port of 127.0.0.1."""
    with closing(socket.socket()) as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def settled(look: Callable[[], int], wanted: int, seconds: float = 10.0) -> int:
    """Wait until ``look`` returns ``wanted``, which a server does when it has written what it took; return the last.

    Only servers that confirm nothing are waited for.
    """
    end = time.monotonic() + seconds
    while (seen := look()) < wanted and time.monotonic() < end:
        time.sleep(_PAUSE)
    return seen
