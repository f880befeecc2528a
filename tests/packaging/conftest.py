"""The package as it is given to people: built from the checkout, installed into a fresh Airflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = Path(os.environ.get("AUDIT_LOGS_CONSTRAINTS", ROOT / "constraints.txt"))
"""What is installed beside the package. The matrix names those of the row's Airflow."""

UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]))


def uv(*arguments):
    assert UV, "uv is installed by make setup"
    cache = os.environ.get("UV_CACHE_DIR", str(ROOT / ".venv/cache"))
    done = subprocess.run(
        [UV, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"UV_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="package")
def dist(tmp_path_factory):
    """The built wheel and sdist; the wheel is made from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return SimpleNamespace(wheel=wheel, sdist=sdist)


@pytest.fixture(scope="package")
def fresh(dist, tmp_path_factory):
    """A fresh Airflow with the wheel and no extra, and a way to run its Python in an empty folder."""
    home = tmp_path_factory.mktemp("fresh")
    uv("venv", "--python", sys.executable, home / "venv")
    at = ("--python", home / "venv/bin/python", "--constraint", CONSTRAINTS)
    uv("pip", "install", "--system-certs", *at, dist.wheel)
    # The stand-ins that the tests run against, which the wheel does not hold.
    (installed,) = (home / "venv").glob("lib/python*/site-packages/audit_provider")
    shutil.copytree(ROOT / "audit_provider/sandbox", installed / "sandbox")
    dags = home / "dags"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON"))}
    environment = kept | {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "PATH": os.pathsep.join([str(home / "venv/bin"), os.defpath]),
        "VIRTUAL_ENV": str(home / "venv"),
    }
    empty = home / "empty"
    empty.mkdir()

    def start(*command):
        return subprocess.Popen(
            [str(home / "venv/bin" / command[0]), *map(str, command[1:])],
            cwd=empty,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(*command):
        process = start(*command)
        out, err = process.communicate(timeout=600)
        return SimpleNamespace(code=process.returncode, out=out, err=err)

    return SimpleNamespace(run=run, start=start, home=home, dags=dags, empty=empty)
