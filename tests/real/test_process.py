"""No server outlives the run that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.process import Process, settled
from tests.sessions import session_of

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys, time
from pathlib import Path
from tests.real.process import Process
with Process(["sh", "-c", "echo $$; sleep 300 & wait"], Path(sys.argv[1])) as process:
    time.sleep(300)
"""


def is_there(pid):
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pid_in(log):
    settled(lambda: len(log.read_text().split()) if log.exists() else 0, 1)
    return int(log.read_text().split()[0])


def ends(pid):
    return settled(lambda: int(not is_there(pid)), 1) == 1


def test_a_server_ends_with_everything_that_it_started(tmp_path):
    log = tmp_path / "log"
    with Process(["sh", "-c", "sleep 300 & echo $!; wait"], log) as process:
        child = pid_in(log)
        assert is_there(child)
        process.stop()
    assert ends(child)


def test_a_server_that_ignores_the_signal_ends(tmp_path):
    log = tmp_path / "log"
    with Process(["sh", "-c", "trap '' TERM; echo $$; while true; do sleep 1; done"], log) as process:
        server = pid_in(log)
        process.stop(seconds=0.2)
    assert not is_there(server)


def test_a_server_that_does_not_start_says_why(tmp_path):
    process = Process(["sh", "-c", "echo no such port; exit 3"], tmp_path / "log")
    with process, pytest.raises(RuntimeError, match="ended with 3: no such port"):
        process.wait_for(lambda: False)


def test_a_server_ends_where_the_run_is_killed(tmp_path):
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, str(log)], env=environment, cwd=tmp_path)
    try:
        server = pid_in(log)
        assert is_there(server)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait(10)
    assert ends(server)
    assert settled(lambda: int(not session_of(server)), 1) == 1, "what it started ends with it"
