"""The description of this provider that Airflow asks for."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

_PARTS = Path(__file__).with_name("provider_parts.json")
_DESTINATIONS, _SOURCES = "audit_provider.destinations", "audit_provider.sources"  # importing these is slow


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-audit-logs",
        "name": "Audit logs",
        "description": "Pulls SaaS audit logs and ships them to SIEMs without losing one event.",
        **_parts(),
        "config": {
            "audit_logs": {
                "description": "Settings of the audit-log provider.",
                "options": {
                    "pipelines_file": {
                        "description": "The pipelines file; empty: audit_pipelines.yaml beside the DAG files.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/etc/airflow/audit_pipelines.yaml",
                        "default": "",
                    },
                    "spool": {
                        "description": "Where events are kept between reading and shipping: a file:// folder, "
                        "s3://[conn_id@]bucket/prefix, or another scheme of ObjectStoragePath; empty: "
                        "file://<AIRFLOW_HOME>/audit_spool.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@my-bucket/audit_spool",
                        "default": "",
                    },
                    "checkpoint_conn_id": {
                        "description": "Connection of type audit_checkpoint_key that signs checkpoints; empty: they "
                        "are not signed.",
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "audit_checkpoint_key_default",
                        "default": "",
                    },
                },
            }
        },
    }


def _parts() -> dict[str, list[Any]]:
    """Return what each source and destination adds. ``make docs`` has written it to a file.

    Airflow asks for it at each start, and importing every source would make the start slow. Only destinations of other
    packages are imported here.
    """
    parts: dict[str, list[Any]] = json.loads(_PARTS.read_text(encoding="utf-8"))
    if entry_points(group=_SOURCES):
        # Names of sources in other packages are not known without importing them, so the form only suggests names.
        for each in parts["connection-types"]:
            if source := each["conn-fields"].get("source"):
                source["schema"]["examples"] = source["schema"].pop("enum")
    if entry_points(group=_DESTINATIONS):
        from audit_provider.core.destinations.registry import DESTINATIONS
        from audit_provider.provider_parts import add_destination

        known = {each["integration-name"] for each in parts["integrations"]}
        for spec in DESTINATIONS.values():
            if spec.about.title not in known:
                add_destination(parts, spec, has_page=False)
    return parts
