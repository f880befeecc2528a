"""The provider's section of Airflow's configuration. It is read at each call and never at import."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import conf

SECTION = "audit_logs"


def spool_uri() -> str:
    """Return where the spool is: ``[audit_logs] spool``, by default ``file://<AIRFLOW_HOME>/audit_spool``."""
    return conf.get(SECTION, "spool", fallback="") or f"file://{airflow_home() / 'audit_spool'}"


def pipelines_file(default: Path) -> Path:
    """Return the pipelines file: ``[audit_logs] pipelines_file``, or else ``default``."""
    return Path(conf.get(SECTION, "pipelines_file", fallback="") or default).expanduser()


def checkpoint_conn_id() -> str:
    """Return the connection that signs checkpoints: ``[audit_logs] checkpoint_conn_id``; "" if nothing is signed."""
    return str(conf.get(SECTION, "checkpoint_conn_id", fallback="") or "")


def beside_dags() -> Path:
    """Return the default path of the pipelines file: beside the DAG files."""
    return Path(conf.get("core", "dags_folder", fallback="")) / "audit_pipelines.yaml"


def has_secrets_backend() -> bool:
    """Whether Airflow asks a secrets backend before its own database."""
    return any(conf.get(*each, fallback="") for each in (("secrets", "backend"), ("workers", "secrets_backend")))


def airflow_root() -> str:
    """Return the path below which Airflow is served, from ``[api] base_url``; "" if it is the root of its host."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def most_mapped() -> int:
    """Return the most values over which Airflow maps one task: ``[core] max_map_length``."""
    return int(conf.getint("core", "max_map_length", fallback=1024))


def airflow_home() -> Path:
    """Return AIRFLOW_HOME."""
    from airflow.configuration import AIRFLOW_HOME

    return Path(AIRFLOW_HOME)
