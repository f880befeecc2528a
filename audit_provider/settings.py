"""The provider's section of Airflow's configuration, read when asked and never at import."""

from __future__ import annotations

from pathlib import Path

from airflow.providers.common.compat.sdk import conf

SECTION = "audit_logs"


def spool_uri() -> str:
    """Return where the spool is: ``[audit_logs] spool``, by default ``file://<AIRFLOW_HOME>/audit_spool``."""
    return conf.get(SECTION, "spool", fallback="") or f"file://{airflow_home() / 'audit_spool'}"


def pipelines_file(default: Path) -> Path:
    """Return the pipelines file: ``[audit_logs] pipelines_file``, else ``default``."""
    return Path(conf.get(SECTION, "pipelines_file", fallback="") or default).expanduser()


def airflow_home() -> Path:
    """Return AIRFLOW_HOME."""
    from airflow.configuration import AIRFLOW_HOME

    return Path(AIRFLOW_HOME)
