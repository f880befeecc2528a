"""``audit-logs dag-files``: the ready DAG files, put into Airflow's DAGs folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audit_provider.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "dag_files", _PACKAGE.parent / "dags")
"""In an installed package, and in a checkout."""


def copy_dag_files(folder: Path, *, replace: bool = False) -> Iterator[str]:
    """Copy the DAG files into a folder, and an example pipelines file if it has none; yield a line for each.

    :param replace: whether DAG files that differ are replaced. A pipelines file belongs to the user and is never
        replaced.
    :raises ConfigurationError: a DAG file differs, or the folder cannot be written.
    """
    found = next(place for place in _PLACES if place.is_dir())
    files = {path.name: path.read_bytes() for path in sorted(found.iterdir()) if path.suffix in (".py", ".yaml")}
    try:
        there = {name: (folder / name).read_bytes() for name in files if (folder / name).exists()}
        for name, content in files.items():
            if name.endswith(".py") and there.get(name, content) != content and not replace:
                raise ConfigurationError(
                    f"{folder / name} is not the file of this version: compare the files, then use --replace."
                )
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if there.get(name) == content or (name in there and name.endswith(".yaml")):
                yield f"kept     {folder / name}"
                continue
            (folder / name).write_bytes(content)
            yield f"written  {folder / name}"
    except OSError as error:
        raise ConfigurationError(f"the folder {folder} cannot be used ({error.strerror}): name another.") from None
