"""Airflow's REST API, as far as a demonstration and its tests need it."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from audit_provider.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN_LIFE = 600.0  # seconds; the server's own is longer
_PATIENCE = 300.0
"""Seconds for an answer: a machine under load is slow, and not broken."""
_DONE = frozenset({"success", "failed"})
_LOOKS = 5
"""Looks at a run for each look at its tasks, which takes Airflow three times as long."""
_AGAIN = Retry(
    total=None,
    connect=0,
    read=0,
    redirect=0,
    other=0,
    status=6,
    status_forcelist=(500,),
    allowed_methods=None,
    backoff_factor=0.3,
    raise_on_status=False,
)
"""Repeats after a 500. SQLite allows one writer at a time. A request that read before another one wrote fails at once
with "database is locked", whatever the timeout, and Airflow answers it with 500."""


class AirflowApi:
    """One Airflow, and a login there.

    :param url: of the API server.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self.password = password
        self._session, self._looks = requests.Session(), requests.Session()
        self._session.trust_env = self._looks.trust_env = False
        self._session.mount("http://", HTTPAdapter(max_retries=_AGAIN))
        self._token_until = 0.0

    def healthy(self) -> bool:
        """Return whether the database and every part of Airflow are healthy."""
        return not self.unhealthy()

    def unhealthy(self) -> list[str]:
        """Return the parts of Airflow that are not healthy, or not known to be."""
        with contextlib.suppress(requests.RequestException, ValueError):
            health = self._looks.get(f"{self.url}/api/v2/monitor/health", timeout=10).json()
            parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
            return [part for part in parts if (health.get(part) or {}).get("status") != "healthy"]
        return ["API server"]

    def unpause(self, dag_id: str, *, patience: float = 120.0) -> None:
        """Wait until Airflow knows a DAG, and unpause it.

        :raises UnavailableError: the DAG does not appear; the message holds the import errors.
        """
        begun = time.monotonic()
        while time.monotonic() - begun < patience:
            if self.call("PATCH", f"/dags/{dag_id}", body={"is_paused": False}, allow=(404,)) is not None:
                return
            time.sleep(1)
        errors = self.call("GET", "/importErrors")
        raise UnavailableError(f"the DAG {dag_id} did not come up: {json.dumps(errors)[:2000]}")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run; return its id. The id is chosen here, so that a repeated request does not start a second run."""
        run_id = f"manual__{uuid.uuid4()}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        self.call("POST", f"/dags/{dag_id}/dagRuns", body=body, allow=(409,))
        return run_id

    def wait(self, dag_id: str, run_id: str, tell: Callable[[str], None], *, patience: float = 900.0) -> str:
        """Wait for a run to end, report each task that ends, and return the run's state.

        :raises UnavailableError: it does not end within ``patience`` seconds.
        """
        told: set[tuple[str, int, str]] = set()
        begun = time.monotonic()
        for look in itertools.count(1):
            state: str = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            for task in self.tasks(dag_id, run_id) if state in _DONE or look % _LOOKS == 0 else ():
                line = (task["task_id"], task["map_index"], task["state"] or "")
                if (
                    task["state"] in (*_DONE, "upstream_failed", "skipped", "up_for_retry", "deferred")
                    and line not in told
                ):
                    told.add(line)
                    name = task["rendered_map_index"] or ""
                    tell(f"  {task['task_id']}{f' [{name}]' if name else ''}: {task['state']}")
            if state in _DONE:
                return state
            if time.monotonic() - begun > patience:
                break
            time.sleep(1)
        raise UnavailableError(f"the run {run_id} of {dag_id} did not end within {patience:.0f} s.")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        return self._all(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def variables(self, prefix: str) -> dict[str, str]:
        """Return the Variables whose key begins with ``prefix``."""
        found = self._all("/variables", "variables")
        return {each["key"]: each["value"] for each in found if each["key"].startswith(prefix)}

    def _all(self, path: str, key: str) -> list[dict[str, Any]]:
        """Return a whole list, page by page, because Airflow gives at most ``maximum_page_limit`` entries at once."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", f"{path}?limit=100&offset={len(found)}")
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def call(self, method: str, path: str, *, body: Any = None, allow: tuple[int, ...] = ()) -> Any:
        """Call the REST API; return its JSON, or None for an allowed status.

        :raises requests.HTTPError: any other failure.
        """
        if time.monotonic() >= self._token_until:
            answer = self._session.post(
                f"{self.url}/auth/token", json={"username": self.user, "password": self.password}, timeout=_PATIENCE
            )
            answer.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            self._token_until = time.monotonic() + _TOKEN_LIFE
        answer = self._session.request(method, f"{self.url}/api/v2{path}", json=body, timeout=_PATIENCE)
        if answer.status_code in allow:
            return None
        answer.raise_for_status()
        return answer.json()
