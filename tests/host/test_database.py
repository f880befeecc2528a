"""In a terminal, a record is missing only where Airflow's database says so: outages and a wrong Fernet key are told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.host.missing import confirm_missing_connection, confirmed_variable

KEY = "audit_logs.p.cursor"
PIPELINES = "p: {source: pylon, destinations: {s3: {type: s3, bucket: b}}}"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database of Airflow's, in which nothing is; return what opens a session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
        from airflow.utils.db import initdb
        from airflow.utils.session import create_session

        initdb()
        yield create_session


@pytest.fixture
def keep(database):
    """Keep a Variable as Airflow does; return it."""
    from airflow.models import Variable

    def prepare(text):
        Variable.set(KEY, text)

    yield prepare
    with database() as session:
        session.query(Variable).filter(Variable.key == KEY).delete()


def test_what_the_database_lacks_is_not_there(database):
    assert confirmed_variable(KEY) is None
    assert confirm_missing_connection("none") is None


def test_what_airflow_missed_in_a_moments_outage_is_read(keep):
    keep("text")
    assert confirmed_variable(KEY) == "text"


def test_what_was_written_by_another_fernet_key_is_told(keep, database):
    from airflow.models import Variable

    keep("text")
    with database() as session:
        (found,) = session.query(Variable).filter(Variable.key == KEY)
        found._val, found.is_encrypted = "gAAAAABmnot-of-this-key", True
    with pytest.raises(ConfigurationError, match=f"has the Variable {KEY} but cannot decrypt it"):
        confirmed_variable(KEY)


@pytest.fixture
def connect(database):
    """Make the connection ``there``."""
    from airflow.models import Connection

    def prepare(**more):
        with database() as session:
            session.add(Connection(conn_id="there", conn_type="audit_logs", **more))

    yield prepare
    with database() as session:
        session.query(Connection).filter(Connection.conn_id == "there").delete()


def test_a_connection_that_is_there_all_the_same_is_not_called_missing(connect):
    connect()
    with pytest.raises(UnavailableError, match="does not say whether there is a connection 'there'"):
        confirm_missing_connection("there")


def test_a_connection_of_a_team_is_not_there_for_others(connect, database):
    from airflow.models import Connection

    if not hasattr(Connection, "team_name"):
        pytest.skip("before Airflow 3.2, no connection is kept with its team's name")
    from airflow.models.team import Team

    with database() as session:
        session.add(Team(name="blue"))
    connect(team_name="blue")
    assert confirm_missing_connection("there") is None


@pytest.mark.parametrize(
    ("command", "code"), [(["gaps"], 1), (["destinations"], 1), (["verify"], 2), (["test-event", "p", "s3"], 1)]
)
def test_a_command_says_that_the_database_is_out_of_reach(command, code, tmp_path):
    """Commands that would else tell of no gap, nothing pending, and of a spool that is whole."""
    (tmp_path / "pipelines.yaml").write_text(PIPELINES)
    (tmp_path / "spool").mkdir()
    inherited = {key: value for key, value in os.environ.items() if key != "_AIRFLOW_PROCESS_CONTEXT"}
    environment = inherited | {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/no/such/folder/airflow.db",
        "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(tmp_path / "pipelines.yaml"),
        "AIRFLOW__AUDIT_LOGS__SPOOL": f"file://{tmp_path}/spool",
    }
    done = subprocess.run(
        [sys.executable, "-m", "audit_provider", *command], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Airflow's database does not say whether there is a " in done.stderr
    assert "Traceback" not in done.stderr
    assert ("use --without-airflow" in done.stderr) == (command == ["verify"])
