"""Airflow's lists, longer than what it gives at once, and an Airflow whose database is locked."""

from __future__ import annotations

import json

import pytest
import requests

from audit_provider.sandbox import airflow_api
from audit_provider.sandbox.airflow_api import AirflowApi
from audit_provider.sandbox.server import Reply, Service

MAXIMUM_PAGE_LIMIT, FALLBACK_PAGE_LIMIT = 100, 50
"""Airflow's own, ``[api] maximum_page_limit`` and ``fallback_page_limit``."""


class Airflow(Service):
    """Gives lists as Airflow's public API does: never more than its limit, whatever is asked."""

    def answer(self, request):
        if request.path == "/auth/token":
            return Reply.json(201, {"access_token": "t"})
        limit = min(int(request.param("limit") or FALLBACK_PAGE_LIMIT), MAXIMUM_PAGE_LIMIT)
        first = int(request.param("offset") or 0)
        key = "variables" if request.path.endswith("/variables") else "task_instances"
        rows = [{"key": f"audit_logs.p{n}", "value": str(n), "task_id": f"t{n}"} for n in range(250)]
        return Reply.json(200, {key: rows[first : first + limit], "total_entries": len(rows)})


def test_every_variable_and_every_task_is_seen():
    with Airflow() as service:
        airflow = AirflowApi(service.url, "admin", "secret")
        assert len(airflow.variables("audit_logs.")) == 250
        assert len({task["task_id"] for task in airflow.tasks("d", "r")}) == 250
        assert airflow.variables("other.") == {}


class Locked(Service):
    """Takes runs, each id once, as Airflow does over SQLite: the first requests are answered by 500.

    :ivar losing: the run was begun, and the answer to it was lost.
    """

    def __init__(self, failures, *, losing=False):
        super().__init__()
        self.failures, self.losing, self.runs = failures, losing, []

    def answer(self, request):
        if request.path == "/auth/token":
            return Reply.json(201, {"access_token": "t"})
        run = json.loads(request.body)["dag_run_id"]
        if self.failures:
            self.failures -= 1
            self.runs += [run] if self.losing and run not in self.runs else []
            return Reply.json(500, {"detail": "database is locked"})
        if run in self.runs:
            return Reply.json(409, {"detail": "already exists"})
        self.runs.append(run)
        return Reply.json(200, {"dag_run_id": run})


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(airflow_api, "_AGAIN", airflow_api._AGAIN.new(backoff_factor=0))


@pytest.mark.parametrize("losing", [False, True])
def test_a_run_is_begun_once_whatever_the_database_says_first(losing):
    with Locked(2, losing=losing) as service:
        airflow = AirflowApi(service.url, "admin", "secret")
        begun = [airflow.trigger("d"), airflow.trigger("d")]
        assert service.runs == begun
        assert len(set(begun)) == 2


def test_an_airflow_that_stays_broken_is_told():
    with Locked(100) as service, pytest.raises(requests.HTTPError, match="500"):
        AirflowApi(service.url, "admin", "secret").trigger("d")
    assert service.runs == []
