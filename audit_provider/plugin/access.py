"""Who may see and do what: Airflow's own login, and its permissions on Variables, connections and DAGs.

========================== ==============================================================
what                       permission in Airflow
========================== ==============================================================
the page                   view plugins
figures                    view plugins and read Variables; a pipeline only if its own may be read
links to a DAG's runs      read that DAG
the events of dead letters the above, and read the destination's connection
search, the pack           the figures, and read the source's connection
Test connection            what Airflow's own *Test* asks for: create connections and read this one, and
                           ``[core] test_connection = Enabled``
Send test event            edit the connection
Resend dead letters        trigger ``audit_incremental_<pipeline>``
Acknowledge gap, undo it   edit the Variable ``audit_logs.<pipeline>.gaps.acknowledged``
========================== ==============================================================
"""

# No "from __future__ import annotations": FastAPI has to find what the annotations name.
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
    VariableDetails,
)
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_variable, requires_access_view
from airflow.configuration import conf
from airflow.models import Connection, DagModel, Variable
from fastapi import Depends, HTTPException, Request

from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.host.versions import readable_variables

Method = Literal["GET", "POST", "PUT"]

SeesPage = Depends(requires_access_view(AccessView.PLUGINS))
ReadsVariables = Depends(requires_access_variable("GET"))

PAGE_HEADER = "X-Audit-Logs"
"""Header of each request that changes something. A form on another site cannot set it, and a script there needs the
server's consent (CORS)."""


class Permissions:
    """What Airflow's auth manager allows one user."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self._auth = get_auth_manager()
        self._connections: dict[tuple[Method, str], bool] = {}
        self._variables: dict[str, bool] = {}

    @cached_property
    def variables(self) -> set[str]:
        """Keys of the Variables that may be read."""
        return readable_variables(self._auth, self.user)

    @cached_property
    def dags(self) -> set[str]:
        """Ids of the DAGs that may be read."""
        found: set[str] = self._auth.get_authorized_dag_ids(user=self.user, method="GET")
        return found

    @cached_property
    def _has_teams(self) -> bool:
        return bool(conf.getboolean("core", "multi_team", fallback=False))

    def _team(self, team_of: Callable[[str], str | None], name: str) -> dict[str, str | None]:
        """Return the team that the auth manager is asked about, if this Airflow has teams."""
        return {"team_name": team_of(name)} if self._has_teams else {}

    def may_see(self, pipeline: str) -> bool:
        """Whether the user may read a pipeline's records, even if there are none yet."""
        key = StreamName(pipeline).cursor_key
        if key not in self._variables:
            details = VariableDetails(key=key, **self._team(Variable.get_team_name, key))
            allowed = self._auth.is_authorized_variable(method="GET", details=details, user=self.user)
            self._variables[key] = bool(allowed)
        return self._variables[key]

    def may_connection(self, method: Method, conn_id: str) -> bool:
        """Whether a connection may be read (``GET``), edited (``PUT``) or created (``POST``)."""
        key = (method, conn_id)
        if key not in self._connections:
            details = ConnectionDetails(conn_id=conn_id, **self._team(Connection.get_team_name, conn_id))
            allowed = self._auth.is_authorized_connection(method=method, details=details, user=self.user)
            self._connections[key] = bool(allowed)
        return self._connections[key]

    @cached_property
    def _tests(self) -> bool:
        """Whether Airflow tests connections at all."""
        enabled: str = conf.get("core", "test_connection", fallback="Disabled")
        return enabled.strip().lower() == "enabled"

    def may_test(self, conn_id: str) -> bool:
        """Whether a connection may be tested, by the rules of Airflow's own route."""
        return self._tests and self.may_connection("POST", conn_id) and self.may_connection("GET", conn_id)

    def may_trigger(self, dag_id: str) -> bool:
        """Whether runs of a DAG may be started."""
        details = DagDetails(id=dag_id, **self._team(DagModel.get_team_name, dag_id))
        return bool(
            self._auth.is_authorized_dag(
                method="POST", access_entity=DagAccessEntity.RUN, details=details, user=self.user
            )
        )

    def may_acknowledge(self, pipeline: str) -> bool:
        """Whether gaps of a pipeline may be acknowledged."""
        key = str(RecordKey("acknowledgements", StreamName(pipeline)))
        details = VariableDetails(key=key, **self._team(Variable.get_team_name, key))
        return bool(self._auth.is_authorized_variable(method="PUT", details=details, user=self.user))


def permissions(user: GetUserDep) -> Permissions:
    """Return what the user of a request may do."""
    return Permissions(user)


PermissionsDep = Annotated[Permissions, Depends(permissions)]


def require(allowed: bool) -> None:
    """Refuse a request.

    :raises HTTPException: 403.
    """
    if not allowed:
        raise HTTPException(403, "Forbidden")


def triggers_runs(pipeline: str, may: PermissionsDep) -> None:
    """Require the permission to start runs of a pipeline's incremental DAG."""
    require(may.may_trigger(f"audit_incremental_{pipeline}"))


def acknowledges_gaps(pipeline: str, may: PermissionsDep) -> None:
    """Require the permission to acknowledge a pipeline's gaps."""
    require(may.may_acknowledge(pipeline))


def sent_by_page(request: Request) -> None:
    """Refuse a request that another site made the browser send with the user's cookie.

    :raises HTTPException: 403.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "this request comes from another site")
    if PAGE_HEADER not in request.headers:
        raise HTTPException(403, f"the header {PAGE_HEADER} is missing: send it with any value")
