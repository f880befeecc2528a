"""PostgreSQL and Redis as Debian packages them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

_PACKAGES = {"initdb": "postgresql", "redis-server": "redis-server"}


def installed() -> str:
    """Return why PostgreSQL and Redis are not here, or "" where they are; Debian's are installed where possible."""
    if find_spec("airflow.providers.celery") is None:
        return 'Airflow\'s Celery provider is not installed: it is in the dependency group "deployment"'
    missing = [package for program, package in _PACKAGES.items() if not shutil.which(program, path=search_path())]
    if not missing:
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"nobody here may install what is missing: apt-get install {' '.join(missing)}"
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    # Nothing that is installed for a test is to be started by the system.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    gone = [program for program in _PACKAGES if not shutil.which(program, path=search_path())]
    return f"{', '.join(gone)} cannot be installed: {done.stderr.strip()[-200:]}" if gone else ""


def search_path() -> str:
    """Return PATH with this Python's programs, and with PostgreSQL's, which Debian keeps apart."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name), reverse=True)
    first = [str(Path(sys.executable).parent), *map(str, servers[:1])]
    return os.pathsep.join([*first, os.environ.get("PATH", os.defpath), "/usr/sbin"])
