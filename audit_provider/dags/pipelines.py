"""Reads the pipelines file for DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import get_parsing_context

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.pipeline import PipelinesFile, read_pipelines
from audit_provider.core.text.validation import Mistakes
from audit_provider.dags.tasks import served_here
from audit_provider.host.settings import pipelines_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from audit_provider.core.pipeline import Pipeline

DAG_KINDS = ("audit_incremental_", "audit_backfill_", "audit_replay_", "audit_reconcile_")
"""Prefixes of the ids of a pipeline's DAGs."""


def read_file(default: Path) -> PipelinesFile:
    """Return the content of the pipelines file.

    :param default: File to read if ``[audit_logs] pipelines_file`` is not set.
    :raises ConfigurationError: it cannot be read at all.
    """
    return _read(pipelines_file(default))


def load_pipelines(default: Path, named: Path | None = None) -> Mapping[str, Pipeline]:
    """Return the valid pipelines; :func:`mistakes_in_pipelines` reports the others.

    If a DAG file raises an error, none of its DAGs is scheduled, so one wrong pipeline must not raise. A process that
    runs a task parses the DAG file only for the DAG of that task. It gets only the pipeline of that DAG, and without
    the options of destinations that another task ships to.

    :param default: File to read if ``[audit_logs] pipelines_file`` is not set.
    :param named: File to read instead, even if that setting is set.
    :raises ConfigurationError: no pipeline is valid.
    """
    path = named or pipelines_file(default)
    asked = _asked_for()
    found = _read(path, asked) if asked else _read(path)
    if asked and not found.pipelines and not found.mistakes:
        # A DAG of somebody else whose id looks like one of ours.
        found = _read(path)
    if found.mistakes and not found.pipelines:
        raise ConfigurationError(message_of(path, found.mistakes))
    return found.pipelines


def mistakes_in_pipelines(default: Path, named: Path | None = None) -> None:
    """Raise an error with every mistake in the pipelines file.

    :param default: File to read if ``[audit_logs] pipelines_file`` is not set.
    :param named: File to read instead, even if that setting is set.
    :raises ConfigurationError: with one line per mistake.
    """
    from audit_provider.operators.notifying import notifier_class

    path = named or pipelines_file(default)
    found = _read(path)
    mistakes = Mistakes()
    mistakes.lines += found.mistakes
    for pipeline in found.pipelines.values():
        for notification in pipeline.monitoring.notify if pipeline.monitoring else ():
            with mistakes.collected():
                notifier_class(notification, pipeline.name)
    if mistakes.lines:
        raise ConfigurationError(message_of(path, mistakes.lines))


def _asked_for() -> str | None:
    """Return the pipeline whose DAG Airflow parses a file for; None if it parses all DAGs, or one with another name.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/dynamic-dag-generation.html
    """
    dag_id = get_parsing_context().dag_id or ""
    for kind in DAG_KINDS:
        if dag_id.startswith(kind):
            return dag_id.removeprefix(kind)
    return None


def _read(path: Path, only: str | None = None) -> PipelinesFile:
    try:
        served = served_here() if only else None
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


def message_of(path: Path | str, mistakes: Sequence[str]) -> str:
    """Return the error message for a pipelines file: its name, then a line for each mistake."""
    return f"{path}:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
