"""``python -m benchmarks.page``: how long the page's overview takes with 50 pipelines of 4 destinations."""

from __future__ import annotations

import base64
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

BOUND = 300.0
"""Milliseconds allowed, as the median of what a client waits for."""

PIPELINES, DESTINATIONS, WINDOWS, ACTIONS, FINDINGS = 50, ("s3", "splunk", "datadog", "webhook"), 4, 150, 40


def main() -> int:
    """Print the figures; return 1 where the bound is broken."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps({"admin": "secret"}))
        os.environ |= {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(home / "pipelines.yaml"),
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
            "_AIRFLOW_PROCESS_CONTEXT": "server",
        }
        _fill(home)
        return _measure()


def _fill(home: Path) -> None:
    """Make a database with the records of all pipelines, and their file."""
    import msgspec
    import yaml
    from airflow.models import Variable
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    from audit_provider.core.model import Offset, PullCounts, ShipCounts, utc_now
    from audit_provider.core.monitoring.summary import ActionCounts, Finding, Summary, pack_summary
    from audit_provider.core.position import Position, pack_position
    from audit_provider.core.spool import Head

    initdb()
    now = utc_now()
    types = {"s3": {"type": "s3", "bucket": "b"}, "splunk": {"type": "splunk_hec"}, "datadog": {"type": "datadog"}}
    types["webhook"] = {"type": "http"}
    entry = {"source": "pylon", "destinations": {each: types[each] for each in DESTINATIONS}}
    (home / "pipelines.yaml").write_text(yaml.safe_dump({f"p{number}": entry for number in range(PIPELINES)}))
    position = Position(
        source="pylon",
        chain="c",
        head=Head(90, "d" * 64, 10**6),
        counts=PullCounts(10**6, 10**6),
        updated_at=now,
        complete=True,
    )
    offset = msgspec.json.encode(
        Offset(91, 0, "c", counts=ShipCounts(10**6), last_success=now, passed="d" * 64)
    ).decode()
    finding = Finding(
        "f", "surge", "warning", "More than usual of LoginFailed: 940, usual are 3 to 40.", now, "x", 940, 3, 40
    )
    summary = Summary(
        pipeline="p",
        source="pylon",
        made_at=now,
        first_hour=now - timedelta(hours=72),
        hours=tuple(range(72)),
        first_day=now - timedelta(days=35),
        days={f"category {number}": tuple(range(35)) for number in range(10)},
        low=(1.0,) * 35,
        high=(9.0,) * 35,
        actions=tuple(
            ActionCounts(f"organization.member.action_{number}", "other", tuple(range(35))) for number in range(ACTIONS)
        ),
        findings=(finding,) * FINDINGS,
    )
    with create_session() as session:
        for number in range(PIPELINES):
            stem = f"audit_logs.p{number}"
            session.add(Variable(f"{stem}.summary", pack_summary(replace(summary, pipeline=f"p{number}"))))
            streams = [
                "",
                ".reconcile",
                *(f".backfill.2025{month:02}01T000000Z_2025{month:02}28T000000Z" for month in range(1, WINDOWS + 1)),
            ]
            for stream in streams:
                session.add(Variable(f"{stem}{stream}.cursor", pack_position(position)))
                session.add_all(Variable(f"{stem}{stream}.to.{each}", offset) for each in DESTINATIONS)


def _measure() -> int:
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    client = TestClient(create_app(apps="core"))
    token = client.post("/auth/token", json={"username": "admin", "password": "secret"}).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    for path in ("/audit-logs/api/overview", "/audit-logs/api/pipelines/p7"):
        took = []
        for _ in range(21):
            begun = time.perf_counter()
            answer = client.get(path)
            took.append(1000 * (time.perf_counter() - begun))
            assert answer.status_code == 200, answer.text
        usual, size = statistics.median(took[1:]), len(answer.content) / 1024
        print(f"{path}: first {took[0]:.0f} ms, median {usual:.0f} ms, worst {max(took[1:]):.0f} ms, {size:.0f} KB")
        if usual > BOUND:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
