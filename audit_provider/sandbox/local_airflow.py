"""A real Airflow on this machine: scheduler, DAG processor, triggerer and API server over SQLite."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from audit_provider.core.errors import UnavailableError
from audit_provider.sandbox.airflow_api import AirflowApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_USER = "admin"
LOOPBACK = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
"""Environment variables that keep requests to this machine from using a proxy; libraries differ in the spelling."""


class LocalAirflow(AirflowApi):
    """An Airflow in a folder of its own, which ends with this process, in whatever way this process ends.

    :param home: AIRFLOW_HOME. :param dags: the DAGs folder. :param environment: further variables.
    :param again: whether a part that ends is started again.
    :param preload: whether the scheduler imports what tasks use, once, before it forks them.
    """

    def __init__(
        self, home: Path, dags: Path, environment: Mapping[str, str], *, again: bool = True, preload: bool = True
    ) -> None:
        ports = free_ports(3)
        super().__init__(f"http://127.0.0.1:{ports[0]}", _USER, secrets.token_urlsafe(12))
        self.home = home
        self._options = () if again else ("--once",)
        self._log = home / "airflow.log"
        passwords = home / "passwords.json"
        own = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(ports[0]),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports[1]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports[2]),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PYTHONWARNINGS": "ignore",
            **LOOPBACK,
            # Airflow starts its parts by name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        self._own = own | dict(environment)
        self._environment = kept | self._own
        home.mkdir(parents=True, exist_ok=True)
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({_USER: self.password}))
        if preload:
            (home / "config").mkdir(exist_ok=True)
            (home / "config" / "airflow_local_settings.py").write_text("import audit_provider.preload\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, tell: Callable[[str], None], *, patience: float = 900.0) -> None:
        """Start, and return when all of it is healthy.

        :param tell: called with a line when it is, and every half minute until then.
        :param patience: seconds; a busy machine needs some minutes.
        :raises UnavailableError: it ends, or does not become healthy.
        """
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "audit_provider.sandbox.airflow_parts", *self._options],
                env=self._environment,
                stdin=subprocess.PIPE,  # held open, and closed by the system when this process is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        begun = said = time.monotonic()
        while time.monotonic() - begun < patience:
            if (status := self._process.poll()) is not None:
                raise UnavailableError(f"Airflow ended with status {status}: see {self._log}.")
            if self.healthy():
                tell(f"Airflow is up at {self.url} after {time.monotonic() - begun:.0f} s")
                return
            if time.monotonic() - said > 30:
                said = time.monotonic()
                tell(f"waiting for Airflow's {', '.join(self.unhealthy())} for {said - begun:.0f} s: see {self._log}")
            time.sleep(1)
        missing = ", ".join(self.unhealthy())
        raise UnavailableError(f"Airflow's {missing} did not become healthy in {patience:.0f} s: see {self._log}.")

    def write_environment(self, path: Path) -> None:
        """Write a file for ``source`` with all that a shell needs to reach this Airflow, readable by its owner only.

        :param path: of the file, which is replaced.
        """
        lines = [f"export {key}={shlex.quote(value)}" for key, value in self._own.items() if key != "PATH"]
        lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")

    @property
    def process_id(self) -> int:
        """Id of the process that started all parts; 0 before the start."""
        return self._process.pid if self._process else 0

    def stop(self) -> None:
        """End Airflow and every process it started."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @contextlib.contextmanager
    def running(self, tell: Callable[[str], None]) -> Iterator[LocalAirflow]:
        """Start Airflow, and end it with the block."""
        try:
            self.start(tell)
            yield self
        finally:
            self.stop()


def free_ports(count: int) -> list[int]:
    """Return ports that are free now; held together while choosing, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
