"""Services end with the tests that started them, also where these are killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sessions import Watch, session_of

ROOT = Path(__file__).resolve().parents[1]
SERVICE = [sys.executable, "-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"]


@pytest.fixture
def service():
    process = subprocess.Popen(SERVICE, stdin=subprocess.PIPE, start_new_session=True)
    while len(session_of(process.pid)) < 2:
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def test_a_session_ends_with_its_killed_starter(service, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    program = (
        "import sys, pathlib, time; from tests.sessions import Watch\n"
        f"Watch(pathlib.Path({str(kept)!r})).add({service.pid}); print('added', flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout.readline() == "added\n"
    assert len(session_of(service.pid)) == 2
    starter.kill()
    starter.communicate()
    assert service.wait(60) < 0
    until = time.monotonic() + 60
    while kept.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not kept.exists()


def test_a_session_is_left_alone_by_a_watch_that_is_closed(service, tmp_path):
    watch = Watch(tmp_path)
    watch.add(service.pid)
    watch.close()
    assert service.poll() is None
    assert tmp_path.exists()
