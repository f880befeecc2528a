"""Programs that import Airflow, each run in a fork of one process that has imported it already.

Most of what such a program takes is that import. ``python -m tests.preloaded SOCKET`` imports Airflow and nothing of
the product. It listens at a Unix socket and ends when its standard input closes. A program in its place asks it for a
fork, to which it gives its arguments, environment, folder, standard input and outputs, and ends as the fork ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import NoReturn

_ROOT = Path(__file__).resolve().parents[1]
_IMPORTED = (
    "airflow.__main__",
    "airflow.api_fastapi.execution_api.app",
    "airflow.cli.commands.dag_command",
    "boto3",
)
# Isolated and without site-packages, it starts at once.
_PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"0"], [0, 1, 2])
    server.sendall(json.dumps([{module!r}, {function!r}, sys.argv, os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    status = server.recv(1)
sys.exit(status[0] if status else "the fork said nothing of its end")
"""


@contextlib.contextmanager
def preloaded(folder: Path, entries: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[None]:
    """Within the block, let programs be forks of one process.

    :param folder: where they are put. :param entries: ``module:function`` by the name of the program.
    :param environment: of that process; AIRFLOW_HOME and Airflow's own settings are those of the programs too.
    """
    before = {name: path.read_text() for name in entries if (path := folder / name).exists()}
    # A Unix socket takes no long path.
    with tempfile.TemporaryDirectory(prefix="audit-") as short:
        address = f"{short}/socket"
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.preloaded", address],
            cwd=_ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            assert any(line == "ready\n" for line in server.stdout), "Airflow could not be imported"
            for name, entry in entries.items():
                module, _, function = entry.partition(":")
                text = _PROGRAM.format(python=sys.executable, address=address, module=module, function=function)
                (folder / name).write_text(text)
                (folder / name).chmod(0o755)
            yield
        finally:
            server.stdin.close()
            server.wait(60)
            server.stdout.close()
            for name in entries:
                (folder / name).unlink(missing_ok=True)
            for name, text in before.items():
                (folder / name).write_text(text)
                (folder / name).chmod(0o755)


def main() -> None:
    """Answer until standard input closes."""
    for name in _IMPORTED:
        import_module(name)
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen()
        os.write(1, b"ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([door, 0], [], [])
            if door not in ready:
                return
            caller, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> NoReturn:
    """Run what a program asks for in a fork, and send how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, given, _, _ = socket.recv_fds(caller, 1, 3)
    with caller.makefile("rb") as asked:
        module, function, arguments, folder, environment = json.load(asked)
    if running := os.fork():
        _, status = os.waitpid(running, 0)
        caller.sendall(bytes([os.waitstatus_to_exitcode(status) % 256]))
        os._exit(0)
    caller.close()
    for number, descriptor in enumerate(given):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    sys.exit(getattr(import_module(module), function)())


if __name__ == "__main__":
    main()
