"""Reads the pipelines file: the whole of it, or what a process needs that runs one task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import get_parsing_context

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.pipeline import PipelinesFile, read_pipelines
from audit_provider.host.settings import beside_dags, pipelines_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from audit_provider.core.pipeline import Pipeline

DAG_KINDS = ("audit_incremental_", "audit_backfill_", "audit_replay_", "audit_reconcile_")
"""Prefixes of the ids of a pipeline's DAGs."""

SHIP = "ship_"
"""Prefix of the id of a ship task; the destination's name follows."""


def load_pipelines(default: Path, named: Path | None = None) -> Mapping[str, Pipeline]:
    """Return the valid pipelines; :func:`~audit_provider.dags.tasks.mistakes_in_pipelines` reports the others.

    If a DAG file raises an error, none of its DAGs is scheduled, so one wrong pipeline must not raise. A process that
    runs a task parses the DAG file only for the DAG of that task. It gets only the pipeline of that DAG, and without
    the options of destinations that another task ships to.

    :param default: File to read if ``[audit_logs] pipelines_file`` is not set.
    :param named: File to read instead, even if that setting is set.
    :raises ConfigurationError: no pipeline is valid.
    """
    path = named or pipelines_file(default)
    asked = _asked_for()
    found = read_file(path, asked) if asked else read_file(path)
    if asked and not found.pipelines and not found.mistakes:
        # A DAG of somebody else whose id looks like one of ours.
        found = read_file(path)
    if found.mistakes and not found.pipelines:
        raise ConfigurationError(message_of(path, found.mistakes))
    return found.pipelines


def _asked_for() -> str | None:
    """Return the pipeline whose DAG Airflow parses a file for; None if it parses all DAGs, or one with another name.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/dynamic-dag-generation.html
    """
    dag_id = get_parsing_context().dag_id or ""
    for kind in DAG_KINDS:
        if dag_id.startswith(kind):
            return dag_id.removeprefix(kind)
    return None


def read_file(path: Path, only: str | None = None) -> PipelinesFile:
    """Return the content of a pipelines file.

    :param only: Pipeline to read, without the options of destinations that another task ships to; None for all.
    :raises ConfigurationError: it cannot be read at all.
    """
    try:
        served = _served_here() if only else None
        return read_pipelines(path.read_text(encoding="utf-8"), only, served)
    except OSError as error:
        raise ConfigurationError(
            f"the pipelines file {path} cannot be read ({error.strerror}): name another file with --pipelines or "
            "[audit_logs] pipelines_file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the pipelines file {path} is not UTF-8 text.") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"the pipelines file {path} cannot be read: {error}") from None


def _served_here() -> set[str] | None:
    """Return the destinations of the ship tasks that this process may run; None for all."""
    task_id = get_parsing_context().task_id
    if not task_id:
        return None
    return {task_id.removeprefix(SHIP)} if task_id.startswith(SHIP) else set()


def settings_of(conn_id: str, source: str) -> Mapping[str, str]:
    """Return the settings of the pipeline that uses a connection, or else of the first one that reads the source.

    A Test only knows the connection, and during editing Airflow gives the connection a temporary name.

    :param source: name of the source. If the pipelines file cannot be read, there are no settings.
    """
    try:
        found = read_file(pipelines_file(beside_dags())).pipelines.values()
    except ConfigurationError:
        return {}
    alike = [each for each in found if each.spec.name == source]
    chosen = next((each for each in alike if each.conn_id == conn_id), alike[0] if alike else None)
    return chosen.settings if chosen else {}


def message_of(path: Path | str, mistakes: Sequence[str]) -> str:
    """Return the error message for a pipelines file: its name, then a line for each mistake."""
    return f"{path}:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
