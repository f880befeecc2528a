"""An AIRFLOW_HOME of its own for every test session; never the user's."""

from __future__ import annotations

import atexit
import functools
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import settings

LONG = 600.0
"""Seconds that a file may take which is no quick one."""

SPREAD = 0.75
"""The part of the quick files among which the long ones are spread."""

_HOME = tempfile.mkdtemp(prefix="audit-provider-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ.update(
    {
        "AIRFLOW_HOME": _HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }
)
for name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "AIRFLOW__AUDIT_LOGS__"))]:
    del os.environ[name]

# No run passes or fails by luck: the same examples are drawn each time, unless more are asked for, and none is timed.
settings.register_profile("steady", derandomize="AUDIT_FUZZ_EXAMPLES" not in os.environ, deadline=None)
settings.load_profile("steady")

# Each session of botocore decodes the megabytes that describe S3 anew: most of what a client for S3 takes.
_decoded = functools.cache(JSONFileLoader.load_file)
_LOADER = JSONFileLoader()
JSONFileLoader.load_file = lambda self, file_path: _decoded(_LOADER, file_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with three of the files that take longest, and spread the others of them among the quick ones.

    A file that starts an Airflow waits most of the time. Quick files beside it use the processors meanwhile, and few
    of those that wait begin at once. None is among the last, where a worker would wait for it alone.
    """
    patience: dict[Path, float] = {}
    for item in items:
        limit = item.get_closest_marker("timeout")
        wanted = max(limit.args[0] if limit else 0.0, LONG if item.get_closest_marker("e2e") else 0.0)
        patience[item.path] = max(patience.get(item.path, 0.0), wanted)
    long = sorted((path for path in patience if patience[path] >= LONG), key=lambda path: -patience[path])
    quick = [path for path in patience if patience[path] < LONG]
    apart = SPREAD * len(quick) / max(len(long), 1)
    places = {path: float(number) for number, path in enumerate(quick)}
    places |= {path: number * apart - 0.5 if number > 2 else -1.0 for number, path in enumerate(long)}
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """Let no collection of garbage look through the modules and the thousands of tests again: they stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def process_context():
    """Let no command that a test runs in this process turn it into one of Airflow's servers for the tests after it."""
    name = "_AIRFLOW_PROCESS_CONTEXT"
    before = os.environ.get(name)
    yield
    if before is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = before


def _maskers() -> list[object]:
    """Return what masks secrets in Airflow's logs, as far as Airflow is loaded: the core and the SDK each have one."""
    names = ("airflow._shared.secrets_masker.secrets_masker", "airflow.sdk._shared.secrets_masker.secrets_masker")
    return [sys.modules[name]._secrets_masker() for name in names if name in sys.modules]


@pytest.fixture(autouse=True)
def masked_secrets():
    """Forget the secrets of each test: Airflow compiles one pattern of all of them anew with each that is new."""
    before = [(masker, set(masker.patterns), masker.replacer) for masker in _maskers()]
    yield
    for masker, patterns, replacer in before:
        masker.patterns, masker.replacer = patterns, replacer


@pytest.fixture
def no_collection():
    """Keep the cyclic collector still, for tests of JSON that is nested without end.

    Their decoders stop at the depth where Python refuses a further call. A collection at that depth runs the finalizers
    of objects that other tests left, and each of those calls is refused as well.
    """
    gc.disable()
    yield
    gc.enable()
