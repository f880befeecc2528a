"""Run by the Python of a fresh Airflow, from a folder that holds nothing of the checkout: prints what it found as JSON.

``python fresh_airflow.py FOLDER``: the folder holds the DAG files.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import airflow
import airflow_names  # laid beside this file
import jsonschema
from airflow.providers_manager import ProvidersManager

import audit_provider
from audit_provider.core.model import utc_now
from audit_provider.get_provider_info import get_provider_info
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.splunk_hec import SplunkHecService

PIPELINES = """
pylon:
  source: pylon
  start: {start}
  schedule: null
  rate_limit: {{requests: 10000, per: 1}}
  destinations:
    splunk: {{type: splunk_hec, index: audit}}
"""


def main(folder: Path) -> None:
    """Check the installed package, read events from end to end, say what is missing without extras."""
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)
    hooks = ProvidersManager().hooks.items()
    found = {
        "installed_at": str(Path(audit_provider.__file__).parent),
        "hooks": sorted(name for name, hook in hooks if hook and hook.package_name == "airflow-provider-audit-logs"),
        "typed": files(audit_provider).joinpath("py.typed").is_file(),
        "page": sorted(each.name for each in files(audit_provider).joinpath("plugin/page").iterdir()),
        "run": _run(folder),
        "missing": _missing(),
        "brought_by_others": [name for name in ("pyarrow",) if find_spec(name)],
    }
    sys.stdout.write(json.dumps(found))


def _run(folder: Path) -> dict[str, object]:
    """Run the incremental DAG over stand-ins; return what became of the events."""
    begin = utc_now() - timedelta(days=3)
    with (
        PylonService("pylon-token", generate(40, begin, utc_now()), rate_limits={}) as pylon,
        SplunkHecService("hec-token", indexes=["audit"]) as splunk,
    ):
        for name, kind, url, token in (
            ("PYLON_DEFAULT", "audit_logs", pylon.url, "pylon-token"),
            ("SPLUNK_HEC_DEFAULT", "splunk_hec", splunk.url, "hec-token"),
        ):
            os.environ[f"AIRFLOW_CONN_{name}"] = json.dumps({"conn_type": kind, "host": url, "password": token})
        start = (begin - timedelta(days=1)).isoformat()
        (folder / "audit_pipelines.yaml").write_text(PIPELINES.format(start=start))
        dags = airflow_names.sync_dags(folder)
        state = dags["audit_incremental_pylon"].test().state
        return {"dags": sorted(dags), "state": state, "arrived": len(splunk.indexed)}


def _missing() -> dict[str, str]:
    """Return what each extra's users are told where it is not installed."""
    from audit_provider.core.destinations.ocsf_parquet import require_pyarrow
    from audit_provider.core.errors import AuditError
    from audit_provider.core.wire.entra import CLOUDS, identity_token
    from audit_provider.hooks.ssh import ssh_connection

    os.environ["AIRFLOW_CONN_FAR"] = json.dumps({"conn_type": "ssh", "host": "127.0.0.1", "login": "me"})
    told = {}
    for extra, use in {
        "parquet": require_pyarrow,
        "sentinel": lambda: identity_token("default", CLOUDS["public"], None),
        "ssh": lambda: ssh_connection("far"),
    }.items():
        try:
            use()
        except AuditError as error:
            told[extra] = str(error)
    return told


if __name__ == "__main__":
    main(Path(sys.argv[1]))
