"""Writes what a version keeps, for later versions to read: ``python -m tests.operators.keep FOLDER``.

Run once for each version that is released, with that version's code, and kept under ``tests/operators/kept/<version>``.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from unittest.mock import MagicMock

import tests.conftest  # noqa: F401 - an AIRFLOW_HOME of its own, before anything imports Airflow
from audit_provider import state
from audit_provider.core.model import utc_now
from audit_provider.operators import AuditLogsToSplunkHecOperator, PullAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService
from tests.operators.conftest import FileVariables


def keep(folder: Path) -> None:
    """Read twice and ship once: two segments, one of them pending."""
    (folder / "variables").mkdir(parents=True)
    state.Variable = type("Variables", (FileVariables,), {"folder": folder / "variables"})
    begin = utc_now() - timedelta(days=3)
    common = {"pipeline": "p", "spool": f"file://{folder / 'spool'}"}
    with (
        PylonService("t", generate(20, begin, utc_now()), rate_limits={}) as pylon,
        SplunkHecService("t", indexes=["audit"]) as splunk,
    ):
        for name, kind, url in (("PYLON", "audit_logs", pylon.url), ("SPLUNK_HEC", "splunk_hec", splunk.url)):
            connection = {"conn_type": kind, "host": url, "password": "t"}
            os.environ[f"AIRFLOW_CONN_{name}_DEFAULT"] = json.dumps(connection)
        pull = PullAuditLogsOperator(
            task_id="pull",
            source="pylon",
            start=(begin - timedelta(days=1)).isoformat(),
            rate_limit={"requests": 10_000, "per": 1},
            **common,
        )
        context = {"ti": MagicMock(), "params": {}}
        pull.execute(context)
        AuditLogsToSplunkHecOperator(task_id="ship", index="audit", **common).execute(context)
        pylon.add(generate(5, utc_now() - timedelta(minutes=9), utc_now() - timedelta(minutes=4), seed=5))
        pull.execute(context)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
