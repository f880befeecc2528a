"""Airflow's lists, longer than what it gives at once."""

from __future__ import annotations

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
