"""A real Airflow on this machine: scheduler, DAG processor, triggerer and API server over SQLite, and its REST API."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from audit_provider.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_USER = "admin"
_TOKEN_LIFE = 600.0  # seconds; the server's own is longer
_DONE = frozenset({"success", "failed"})


class LocalAirflow:
    """``airflow standalone`` in a folder of its own.

    :param home: AIRFLOW_HOME. :param dags: the DAGs folder. :param environment: further variables.
    """

    def __init__(self, home: Path, dags: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.password = secrets.token_urlsafe(12)
        self._log = home / "airflow.log"
        ports = _free_ports(3)
        self.url = f"http://127.0.0.1:{ports[0]}"
        passwords = home / "passwords.json"
        own = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
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
            "NO_PROXY": "127.0.0.1,localhost",
            # Airflow starts its parts by name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        self._environment = kept | own | dict(environment)
        home.mkdir(parents=True, exist_ok=True)
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({_USER: self.password}))
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self._token_until = 0.0

    def start(self, tell: Callable[[str], None], *, patience: float = 300.0) -> None:
        """Start, and return when all of it is healthy.

        :param patience: seconds. :raises UnavailableError: it does not become healthy.
        """
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        begun = time.monotonic()
        while time.monotonic() - begun < patience:
            if self._process.poll() is not None:
                break
            if self._healthy():
                tell(f"Airflow is up at {self.url} after {time.monotonic() - begun:.0f} s")
                return
            time.sleep(1)
        raise UnavailableError(f"Airflow did not become healthy in {patience:.0f} s: see {self._log}.")

    def stop(self) -> None:
        """End Airflow and every process it started."""
        if self._process is None:
            return
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
        """Start, and end with the block."""
        try:
            self.start(tell)
            yield self
        finally:
            self.stop()

    def unpause(self, dag_id: str, *, patience: float = 120.0) -> None:
        """Wait until a DAG is known, and let it run.

        :raises UnavailableError: it does not come up; the message holds the import errors.
        """
        begun = time.monotonic()
        while time.monotonic() - begun < patience:
            if self.call("PATCH", f"/dags/{dag_id}", body={"is_paused": False}, allow=(404,)) is not None:
                return
            time.sleep(1)
        errors = self.call("GET", "/importErrors")
        raise UnavailableError(f"the DAG {dag_id} did not come up: {json.dumps(errors)[:2000]}")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run; return its id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        run_id: str = self.call("POST", f"/dags/{dag_id}/dagRuns", body=body)["dag_run_id"]
        return run_id

    def wait(self, dag_id: str, run_id: str, tell: Callable[[str], None], *, patience: float = 900.0) -> str:
        """Wait for a run to end, telling each task that ends; return its state.

        :raises UnavailableError: it does not end within ``patience`` seconds.
        """
        told: set[tuple[str, int, str]] = set()
        begun = time.monotonic()
        while time.monotonic() - begun < patience:
            for task in self.tasks(dag_id, run_id):
                line = (task["task_id"], task["map_index"], task["state"] or "")
                if (
                    task["state"] in (*_DONE, "upstream_failed", "skipped", "up_for_retry", "deferred")
                    and line not in told
                ):
                    told.add(line)
                    name = task["rendered_map_index"] or ""
                    tell(f"  {task['task_id']}{f' [{name}]' if name else ''}: {task['state']}")
            state: str = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            if state in _DONE:
                return state
            time.sleep(1)
        raise UnavailableError(f"the run {run_id} of {dag_id} did not end within {patience:.0f} s.")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found: list[dict[str, Any]] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return found

    def variables(self, prefix: str) -> dict[str, str]:
        """Return the Variables whose key begins with ``prefix``."""
        found = self.call("GET", "/variables?limit=1000")["variables"]
        return {each["key"]: each["value"] for each in found if each["key"].startswith(prefix)}

    def call(self, method: str, path: str, *, body: Any = None, allow: tuple[int, ...] = ()) -> Any:
        """Call the REST API; return its JSON, or None for an allowed status.

        :raises requests.HTTPError: any other failure.
        """
        if time.monotonic() >= self._token_until:
            answer = self._session.post(
                f"{self.url}/auth/token", json={"username": _USER, "password": self.password}, timeout=60
            )
            answer.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            self._token_until = time.monotonic() + _TOKEN_LIFE
        answer = self._session.request(method, f"{self.url}/api/v2{path}", json=body, timeout=60)
        if answer.status_code in allow:
            return None
        answer.raise_for_status()
        return answer.json()

    def _healthy(self) -> bool:
        with contextlib.suppress(requests.RequestException, ValueError):
            health = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=10).json()
            parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
            return all((health.get(part) or {}).get("status") == "healthy" for part in parts)
        return False


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now; held together while choosing, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
