"""A connection that Airflow cannot be asked for is not taken for one that does not exist."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ConnectionResult, DRCount, ErrorResponse, GetConnection, GetDRCount

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook
from audit_provider.hooks.splunk_hec import SplunkHecHook
from audit_provider.hooks.ssh import ssh_address
from audit_provider.host.spool_location import s3_client

OUTAGE = ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 503})
MISSING = ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": "c"})
EMPTY = dict.fromkeys(("host", "schema", "port", "extra"))


class Supervisor:
    """Stands where a task's supervisor stands. ``answer`` is what the API server says to every question.

    :ivar database: whether it can say what only its database knows.
    """

    answer = OUTAGE
    raises = False
    database = True
    known: dict = {}

    def send(self, msg):
        if isinstance(msg, GetDRCount):
            return DRCount(count=0) if self.database else OUTAGE
        assert isinstance(msg, GetConnection), msg
        if msg.conn_id in self.known:
            return ConnectionResult(conn_id=msg.conn_id, **EMPTY | self.known[msg.conn_id])
        if self.raises:
            raise AirflowRuntimeError(self.answer)
        return self.answer


@pytest.fixture
def supervisor(monkeypatch):
    comms = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", comms, raising=False)
    return comms


def signed():
    """A cluster whose AWS connection is the one that is asked for."""
    return ElasticsearchLogsHook("cluster").authentication()


ASKED = {
    "source": lambda: AuditLogsHook("c").connection,
    "destination": lambda: SplunkHecHook("c").connection,
    "ssh": lambda: ssh_address("c"),
    "cluster in AWS": signed,
}


@pytest.fixture(autouse=True)
def cluster(monkeypatch):
    extra = '{"auth": "aws", "aws_conn_id": "c", "region": "eu-west-1"}'
    host = "https%3A%2F%2Fsearch.example.com"
    monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", f"elasticsearch-logs://{host}?__extra__={extra}")


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("asked", ASKED)
def test_an_outage_is_tried_again(asked, raises, supervisor):
    supervisor.raises = raises
    with pytest.raises(UnavailableError, match="does not say whether there is a connection 'c'"):
        ASKED[asked]()


@pytest.mark.parametrize("asked", ASKED)
def test_an_outage_of_the_database_is_tried_again_though_the_api_server_says_that_there_is_none(asked, supervisor):
    supervisor.answer, supervisor.database = MISSING, False
    with pytest.raises(UnavailableError, match="does not say whether there is a connection 'c'"):
        ASKED[asked]()


@pytest.mark.parametrize("asked", ASKED)
def test_one_that_does_not_exist_is_to_be_made(asked, supervisor):
    supervisor.answer = MISSING
    with pytest.raises(ConfigurationError, match="'c'"):
        ASKED[asked]()


@pytest.mark.parametrize("setting", ["AIRFLOW__SECRETS__BACKEND", "AIRFLOW__WORKERS__SECRETS_BACKEND"])
def test_a_secrets_backend_that_fails_is_thought_of(setting, supervisor, monkeypatch):
    supervisor.answer = MISSING
    with pytest.raises(ConfigurationError, match=r"in Airflow\.$"):
        ASKED["source"]()
    monkeypatch.setenv(setting, "airflow.secrets.local_filesystem.LocalFilesystemBackend")
    with pytest.raises(ConfigurationError, match="in Airflow, or check that its secrets backend is up"):
        ASKED["source"]()


def test_a_bucket_is_not_written_by_another_role_because_airflow_is_down(supervisor):
    with pytest.raises(UnavailableError, match="does not say whether"):
        s3_client("c")
    supervisor.known = {"c": {"conn_type": "aws", "login": "AKID", "password": "s3cret"}}
    assert s3_client("c")._request_signer._credentials.access_key == "AKID"


def test_without_a_connection_the_bucket_is_the_machines_own_roles(supervisor, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ROLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    supervisor.answer = MISSING
    assert s3_client("c")._request_signer._credentials.access_key == "ROLE"
