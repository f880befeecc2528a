"""``.env`` as ``make env`` writes it, and the running set-up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.compose.compose_file import ROOT, variables_of
from tests.compose.debian import installed
from tests.compose.scenario import Scenario


@pytest.fixture(scope="package")
def env_file(tmp_path_factory):
    """A file with secrets, for the sandbox."""
    path = tmp_path_factory.mktemp("env") / ".env"
    make_env(path, "sandbox")
    return path


@pytest.fixture(scope="package")
def variables(env_file):
    return variables_of(env_file)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory, variables):
    """The set-up, running; the tests of a module share it, in the order in which they stand there."""
    if reason := installed():
        pytest.skip(reason)
    scenario = Scenario(tmp_path_factory.mktemp("compose") / "sandbox", variables)
    try:
        scenario.stack.start()
        yield scenario
    finally:
        scenario.stack.stop()


def make_env(path, profiles="", *, ends=0):
    """Do what ``make env`` does; return what it says."""
    command = [sys.executable, str(ROOT / "deploy/make_env.py"), "--file", str(path), "--profiles", profiles]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == ends, done.stderr
    return done.stdout + done.stderr
