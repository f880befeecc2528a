"""The pairs of Python and Airflow that the suite runs on, and where their parts come from."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")

CONSTRAINTS = {"3.1": Path(__file__).with_name("airflow-3.1.txt"), "3.3": ROOT / "constraints.txt"}
"""What is installed with each Airflow. With 3.1, our own requirements are at their lower bounds."""

WHOLE = {"3.1": ("tests", "--ignore=tests/compose"), "3.3": ("tests",)}
"""The whole suite. ``docker-compose.yaml`` is of the newest Airflow alone."""

PART = (
    *(f"tests/{name}" for name in ("core", "hooks", "operators", "command_line", "dags", "plugin", "packaging")),
    "tests/test_end_to_end.py",
    "tests/test_secrets.py",
)
"""Everything that runs as a part of Airflow or reads outside bytes, and the run of a real Airflow from end to end."""


@dataclass(frozen=True, slots=True)
class Row:
    """One environment.

    :ivar python: and :ivar airflow: major and minor version. :ivar tests: what of the suite is run.
    """

    python: str
    airflow: str
    tests: tuple[str, ...] = PART

    @property
    def name(self) -> str:
        """As the command line takes it."""
        return f"{self.python}/{self.airflow}"

    @property
    def folder(self) -> Path:
        """The virtual environment."""
        return ROOT / ".venv/matrix" / f"python{self.python}-airflow{self.airflow}"


ROWS = (
    Row("3.10", "3.1", WHOLE["3.1"]),
    Row("3.12", "3.3", WHOLE["3.3"]),
    Row("3.10", "3.3"),
    Row("3.12", "3.1"),
    Row("3.13", "3.1"),
    Row("3.13", "3.3"),
)
"""Both corners whole. Python 3.11 with Airflow 3.3 is what ``make test`` runs on."""


def interpreter(version: str) -> Path | None:
    """Return an interpreter of this machine; None where it has none. pyenv's are found whether chosen or not."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [*map(str, sorted(pyenv.glob("*/bin"))), os.environ.get("PATH", os.defpath)]
    done = subprocess.run(
        [UV, "python", "find", "--system", "--no-python-downloads", "--offline", version],
        env=os.environ | {"PATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def install(row: Row, python: Path) -> None:
    """Make the row's environment, or bring it up to date."""
    if not row.folder.exists():
        _uv("venv", "--python", python, row.folder)
    at = ("--python", row.folder / "bin/python", "--constraint", CONSTRAINTS[row.airflow])
    group = "dev" if row.airflow == "3.3" else "test"
    _uv("pip", "install", "--system-certs", *at, "--group", group, "--editable", ".")


def resolve() -> None:
    """Write the constraints of Airflow 3.1 anew.

    What is newer than that Airflow by weeks does not work with it, so nothing after a day is looked at. Our own
    requirements come at their lower bounds, everything else at its newest of that day.
    """
    form = ("--universal", "--no-header", "--no-annotate", "--no-emit-index-url", "--system-certs")
    bounds = (*form, "--python-version", "3.10", "--exclude-newer", "2026-03-20")
    lowest = ROOT / ".venv/matrix/lowest.txt"
    lowest.parent.mkdir(parents=True, exist_ok=True)
    below = lowest.with_name("below-3.2.txt")
    below.write_text("apache-airflow<3.2\n")
    _uv("pip", "compile", *bounds, "--resolution", "lowest-direct", "--constraint", below, "--extra", "all",
        "pyproject.toml", "--output-file", lowest)  # fmt: skip
    _uv("pip", "compile", *bounds, "--constraint", lowest, "--extra", "all", "--group", "test",
        "pyproject.toml", "--output-file", CONSTRAINTS["3.1"])  # fmt: skip


def _uv(*arguments: str | Path) -> None:
    cache = os.environ.get("UV_CACHE_DIR", ROOT / ".venv/cache")
    subprocess.run([UV, *arguments, "--quiet"], cwd=ROOT, env=os.environ | {"UV_CACHE_DIR": str(cache)}, check=True)
