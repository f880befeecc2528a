"""The page in Airflow's own API server, over its own database, with its own login."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
import yaml
from starlette.testclient import TestClient

from audit_provider.core.ledger.gaps import gaps_in
from audit_provider.core.ledger.position import POSITIONS, Position, with_segment
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Gap, Offset, PullCounts, ShipCounts, utc_now
from audit_provider.core.monitoring.summary import SUMMARIES, ActionCounts, Finding, Summary
from audit_provider.core.spool import Head

USERS = ("admin", "op", "user", "viewer")
PAGE = {"X-Audit-Logs": "page"}


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    """An API server; its users are named like their roles."""
    home = tmp_path_factory.mktemp("server")
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(USERS, "secret")))
    settings = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{each}:{each}" for each in USERS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the tests that is long enough for its algorithm " * 2,
        "AIRFLOW__API__SECRET_KEY": "another secret of the tests",
        "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(home / "pipelines.yaml"),
        "AIRFLOW__AUDIT_LOGS__SPOOL": f"file://{home / 'spool'}",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        from airflow.utils.db import initdb

        initdb()
        from airflow.api_fastapi.app import create_app, purge_cached_app

        purge_cached_app()
        app = create_app(apps="core")
        clients = {}
        for name in USERS:
            clients[name] = TestClient(app, base_url="http://testserver")
            token = clients[name].post("/auth/token", json={"username": name, "password": "secret"})
            clients[name].headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        yield SimpleNamespace(app=app, home=home, clients=clients)
        purge_cached_app()


@pytest.fixture
def world(server, monkeypatch):
    """The server with a pipelines file and Variables of a test's own."""
    from airflow.models import DagModel, DagRun, TaskInstance, Variable
    from airflow.models.dag_version import DagVersion
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagcode import DagCode
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
        monkeypatch.delenv(name)

    def forget():
        with create_session() as session:
            # Also of tests that have run DAGs in this process; what points to others goes first.
            for model in (Variable, TaskInstance, DagRun, SerializedDagModel, DagCode, DagVersion, DagModel):
                session.query(model).delete()

    def know(*names):
        """Let Airflow know the incremental DAGs of some pipelines, which have no run yet."""
        with create_session() as session:
            session.merge(DagBundleModel(name="b"))
            session.flush()
            for name in names:
                dag_id, next_run = f"audit_incremental_{name}", utc_now() + timedelta(minutes=5)
                session.add(DagModel(dag_id=dag_id, bundle_name="b", is_stale=False, is_paused=False))
                session.flush()
                session.get(DagModel, dag_id).next_dagrun_create_after = next_run

    forget()

    def pipelines(**entries):
        (server.home / "pipelines.yaml").write_text(yaml.safe_dump(entries))

    def keep(key, text):
        Variable.set(key, text)

    def get(user, path, **options):
        return server.clients[user].get(f"/audit-logs{path}", **options)

    def post(user, path, body=None, headers=PAGE):
        return server.clients[user].post(f"/audit-logs{path}", json=body or {}, headers=headers)

    pipelines(
        p={"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}, "s3": {"type": "s3", "bucket": "b"}}}
    )
    yield SimpleNamespace(
        pipelines=pipelines, keep=keep, know=know, get=get, post=post, home=server.home, app=server.app
    )
    forget()


def position(*, spooled=1000, gaps=(), now=None, **more):
    now = now or utc_now()
    return Position(
        source="pylon",
        chain="c",
        head=Head(4, "d" * 64, spooled),
        counts=PullCounts(spooled + 5, spooled, 5),
        watermark=now - timedelta(minutes=3),
        updated_at=now - timedelta(minutes=2),
        complete=True,
        gaps=tuple(gaps),
        **{"spooled_at": with_segment((), 4, now - timedelta(minutes=3)), **more},
    )


def offset(*, delivered=990, **more):
    return Offset(segment=4, chain="c", counts=ShipCounts(delivered=delivered), last_success=utc_now(), **more)


def summary(pipeline="p", **more):
    today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    entries = {
        "pipeline": pipeline,
        "source": "pylon",
        "made_at": utc_now(),
        "first_hour": today - timedelta(hours=47),
        "hours": tuple(range(48)),
        "first_day": today - timedelta(days=34),
        "days": {"authentication": tuple(range(35)), "other": (7,) * 35},
        "low": (5.0,) * 35,
        "high": (40.0,) * 35,
        "actions": (ActionCounts("LoginFailed", "authentication", tuple(range(35))),),
        "findings": (
            Finding("f1", "failed_logins", "critical", "Ada failed to log in 40 times.", utc_now(), "ada", 40, 0, 3),
        ),
    }
    return Summary(**(entries | more))


def keep_pipeline(world, name="p", destinations=("splunk", "s3"), **offsets):
    import msgspec

    world.keep(f"audit_logs.{name}.cursor", POSITIONS.pack(position()))
    for each in destinations:
        kept = offsets.get(each, offset())
        world.keep(f"audit_logs.{name}.to.{each}", msgspec.json.encode(kept).decode())
    world.keep(f"audit_logs.{name}.summary", SUMMARIES.pack(summary(name)))


GAP = Gap(
    datetime(2026, 1, 1, tzinfo=timezone.utc),
    datetime(2026, 1, 3, tzinfo=timezone.utc),
    "the vendor keeps 30 days",
    "look_back",
)


def gap_id(where):
    return gaps_in("p", StreamName("p").folder, where, {}, {})[0].id
