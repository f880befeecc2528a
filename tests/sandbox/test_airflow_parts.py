"""Airflow's parts are started again, and end with whoever started them. A program that sleeps stands for each part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from audit_provider.sandbox.airflow_parts import MOST_QUICK, PARTS, QUICK, Part, keep

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
ENDS = [sys.executable, "-c", "raise SystemExit(3)"]


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def ended(part):
    part.process.wait(60)


def test_a_part_that_ends_is_started_again_and_ever_later(capfd):
    clock = Clock()
    part = Part("scheduler", ENDS, clock)
    waits = []
    part.look()
    ended(part)
    for _ in range(MOST_QUICK):
        assert part.look()
        assert part.process is None
        due = clock.seconds
        while part.process is None:
            clock.seconds += 1
            part.look()
        waits.append(clock.seconds - due)
        ended(part)
    assert waits == [1, 2, 4, 8, 16]
    assert not part.look()
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "airflow_parts | scheduler ended with status 3 after 0 s; it is started again in 1 s"
    assert said[-1] == "airflow_parts | scheduler ended with status 3 after 0 s, 5 times in a row"


def test_a_part_that_ran_for_long_begins_to_count_anew():
    clock = Clock()
    part = Part("scheduler", ENDS, clock)
    for _ in range(3 * MOST_QUICK):
        while part.process is None:
            part.look()
            clock.seconds += 1
        ended(part)
        clock.seconds += QUICK
        assert part.look()


def test_a_part_that_is_left_to_others_is_not_started_again():
    part = Part("scheduler", ENDS, time.monotonic, again=False)
    part.look()
    ended(part)
    first = part.process
    assert part.look()
    assert part.process is first


@pytest.mark.parametrize("wanted", [True, False])
def test_all_parts_end_where_one_is_given_up_or_none_is_wanted(wanted):
    clock = Clock()
    parts = [Part("api-server", SLEEPS, clock), Part("scheduler", ENDS if wanted else SLEEPS, clock)]

    def still(_):
        if wanted and parts[1].process is not None:
            ended(parts[1])
        clock.seconds += 20
        return wanted

    assert keep(parts, wanted=still) is not wanted
    assert all(each.process is None or each.process.poll() is not None for each in parts)


@pytest.fixture
def airflow(tmp_path):
    """Something else under Airflow's name, whose parts note their process ids and sleep."""
    package = tmp_path / "airflow"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        textwrap.dedent(
            f"""
            import os, pathlib, signal, sys, time
            if sys.argv[1:] == ["scheduler"] and not os.fork():
                # A worker that outlives its scheduler.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                sys.argv[1] = "worker"
            if sys.argv[1:] != ["db", "migrate"]:
                made = pathlib.Path({str(tmp_path)!r}, f"{{sys.argv[1]}}.made")
                made.write_text(str(os.getpid()))
                made.rename(made.with_suffix(".pid"))
                time.sleep(600)
            """
        )
    )
    return tmp_path


def pids(folder, parts=PARTS, others=()):
    """Wait for the process ids of parts."""
    for _ in range(600):
        found = {name: folder / f"{name}.pid" for name in parts}
        if all(path.exists() for path in found.values()):
            numbers = {name: int(path.read_text()) for name, path in found.items()}
            if not set(numbers.values()) & set(others):
                return numbers
        time.sleep(0.1)
    pytest.fail(f"of {parts} there is only {sorted(folder.iterdir())}")


def is_gone(pid):
    for _ in range(600):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
@pytest.mark.parametrize("ended", ["starter killed", "keeper terminated"])
def test_a_killed_part_comes_back_and_all_of_them_end_with_their_starter(airflow, ended):
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\n"
            "command = [sys.executable, '-m', 'audit_provider.sandbox.airflow_parts']\n"
            "kept = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)\n"
            "print(kept.pid, flush=True)\n"
            "time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(airflow), *sys.path])},
    )
    keeper = int(starter.stdout.readline())
    try:
        first = pids(airflow, (*PARTS, "worker"))
        os.kill(first["scheduler"], signal.SIGKILL)
        again = pids(airflow, ("scheduler", "worker"), others=first.values())
        if ended == "keeper terminated":
            os.kill(keeper, signal.SIGTERM)
    finally:
        starter.kill()
        starter.wait(30)
    everything = [*first.values(), *again.values(), keeper]
    assert [pid for pid in everything if not is_gone(pid)] == []
