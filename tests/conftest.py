"""An AIRFLOW_HOME of its own for every test session; never the user's."""

from __future__ import annotations

import atexit
import functools
import gc
import os
import shutil
import sys
import tempfile

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import settings

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
    """Begin with the files that take longest, so that no worker waits for one of them alone at the end."""
    long = {item.path for item in items if item.get_closest_marker("timeout") or item.get_closest_marker("e2e")}
    items.sort(key=lambda item: item.path not in long)


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
