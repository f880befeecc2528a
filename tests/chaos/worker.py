"""A task in a process of its own, which can be killed, frozen, hurried, and given a wrong clock."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import airflow.providers.amazon.aws.hooks.s3  # so that no worker spends its life on imports
import airflow.providers.ssh.hooks.ssh  # noqa: F401
from botocore.httpsession import URLLib3Session
from paramiko import SFTPClient

from audit_provider.core import model
from audit_provider.core.pull import pull
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.tcp import TcpClient
from tests.chaos.variables import ApiComms, speak_through

BOUNDARIES = (
    (HttpClient, "send"),
    (URLLib3Session, "send"),
    (TcpClient, "write"),
    (SFTPClient, "_request"),
    (ApiComms, "send"),
    (tempfile, "mkstemp"),
    (os, "fsync"),
    (Path, "replace"),
)
"""Everything that leaves a trace: requests, files, Variables. Before and after each lies a point to die at."""

SEGMENT_BYTES = 15_000
"""Small segments: many commits, many places to die at."""

HASTE = 20.0
"""Pauses between tries are so many times shorter than in production."""


@dataclass(frozen=True)
class Harm:
    """What happens to a worker.

    :ivar fatal: number of the point at which it kills itself, 0 for none. :ivar after: seconds after its work began at
        which it is killed from outside, None for never.
    :ivar frozen_at: number of the Variable write before which it freezes (SIGSTOP), 0 for none.
    :ivar frozen_point: number of the point at which it freezes, 0 for none. :ivar ahead: what its clock is ahead by.
    :ivar most_bytes: of a file that it may write, 0 for no limit.
    """

    fatal: int = 0
    after: float | None = None
    frozen_at: int = 0
    frozen_point: int = 0
    ahead: timedelta = timedelta(0)
    most_bytes: int = 0


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    :ivar how: ``done``, ``failed`` or ``killed``. :ivar points: that it passed. :ivar said: what its task returned,
        if that is a text or a list.
    """

    how: str
    error: str
    seconds: float
    points: int
    said: str | list[str] | None = None


@dataclass
class Worker:
    """A worker that has been started. :ivar pid: its process."""

    pid: int
    harm: Harm
    told: int
    begun: float = field(default_factory=time.monotonic)

    def wait_frozen(self) -> bool:
        """Wait until it froze; return False where it ended before."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        return os.WIFSTOPPED(status)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """Wait until it ended, killing it at its time."""
        text = b""
        deadline = None if self.harm.after is None else self.begun + self.harm.after
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self.told], [], [], left)[0]:
                self.kill()
                deadline = None
            elif part := os.read(self.told, 65536):
                text += part
            else:
                break
        os.close(self.told)
        _, status = os.waitpid(self.pid, 0)
        seconds = time.monotonic() - self.begun
        if os.WIFSIGNALED(status):
            return Ended("killed", "", seconds, 0)
        said = json.loads(text)
        return Ended("failed" if said["error"] else "done", said["error"], seconds, said["points"], said["said"])


def start(task, variables_url: str, log: Path, harm: Harm) -> Worker:
    """Fork a worker. This process has no threads, and all imports are done, so its whole life is work."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Worker(pid, harm, reading)
    code = 1
    gc.freeze()  # or each collection would look through all that was imported, and copy the memory that it is in
    with contextlib.suppress(BaseException):
        os.close(reading)
        with log.open("ab", buffering=0) as file:
            # pytest has given the streams other descriptors.
            for descriptor in {1, 2, sys.stdout.fileno(), sys.stderr.fileno()}:
                os.dup2(file.fileno(), descriptor)
        passed = _prepare(variables_url, harm)
        error, result = "", None
        try:
            result = task()
        except BaseException as failure:
            error = f"{type(failure).__name__}: {failure}"
        said = result if isinstance(result, str | list) else None
        os.write(writing, json.dumps({"error": error, "points": passed[0], "said": said}).encode())
        code = 0
    os._exit(code)


def _prepare(variables_url, harm):
    pull.__kwdefaults__["segment_bytes"] = SEGMENT_BYTES
    TcpClient.__init__.__kwdefaults__.update({"settle": 0.05, "first_settle": 0.05})  # no balancer is in between
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(seconds / HASTE)
    if harm.ahead:
        # In place, because it is the default of many arguments.
        model.AHEAD = harm.ahead
        model.utc_now.__code__ = _now_ahead.__code__
    speak_through(_FreezingComms(variables_url, harm.frozen_at) if harm.frozen_at else ApiComms(variables_url))
    if harm.most_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (harm.most_bytes, harm.most_bytes))
    return _lay_points(harm.fatal, harm.frozen_point)


def _lay_points(fatal, frozen):
    passed = [0]

    def pass_point():
        passed[0] += 1
        if passed[0] == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        if passed[0] == frozen:
            os.kill(os.getpid(), signal.SIGSTOP)

    def wrap(owner, name):
        original = getattr(owner, name)

        def wrapped(*arguments, **options):
            pass_point()
            result = original(*arguments, **options)
            pass_point()
            return result

        setattr(owner, name, wrapped)

    for owner, name in BOUNDARIES:
        wrap(owner, name)
    return passed


class _FreezingComms(ApiComms):
    """Freezes the process between the look at a Variable and the write: the worst moment for a fence."""

    def __init__(self, url, frozen_at):
        super().__init__(url)
        self._left = frozen_at

    def put(self, msg):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        super().put(msg)


def _now_ahead():
    return datetime.now(UTC) + AHEAD  # noqa: F821 - the names of the module that it is put into
