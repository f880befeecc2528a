"""The pipelines file, as DAG files read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.pipeline import PipelinesFile, read_pipelines
from audit_provider.settings import pipelines_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from audit_provider.core.pipeline import Pipeline


def load_pipelines(default: Path) -> Mapping[str, Pipeline]:
    """Return the pipelines that are right; the others are left to :func:`mistakes_in_pipelines`.

    A DAG file that raises takes every DAG in it out of the schedule, so one wrong pipeline must not.

    :param default: the file to read where ``[audit_logs] pipelines_file`` names none.
    :raises ConfigurationError: none is right.
    """
    found = _read(default)
    if found.mistakes and not found.pipelines:
        raise ConfigurationError(_message(default, found))
    return found.pipelines


def mistakes_in_pipelines(default: Path) -> None:
    """Raise what is wrong in the pipelines file.

    :raises ConfigurationError: with one line per mistake.
    """
    found = _read(default)
    if found.mistakes:
        raise ConfigurationError(_message(default, found))


def _read(default: Path) -> PipelinesFile:
    path = pipelines_file(default)
    try:
        return read_pipelines(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"the pipelines file {path} cannot be read ({error.strerror}): set [audit_logs] pipelines_file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the pipelines file {path} is not UTF-8 text.") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"the pipelines file {path} cannot be read: {error}") from None


def _message(default: Path, found: PipelinesFile) -> str:
    return f"{pipelines_file(default)}:\n" + "\n".join(f"  {mistake}" for mistake in found.mistakes)
