"""The names that users import from the package itself."""

from __future__ import annotations

import ast
import inspect
import json
import socket
import subprocess
import sys
from importlib import import_module
from itertools import takewhile

import pytest
from airflow.sdk import DAG

import audit_provider
from audit_provider import dags, operators
from audit_provider.get_provider_info import get_provider_info
from tests.documentation import ROOT

NAMES = sorted(set(audit_provider.__all__) - {"__version__"})


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_under_its_own_name(name):
    assert getattr(audit_provider, name).__name__ == name


def test_every_operator_every_hook_of_a_connection_and_every_builder_of_dags_is_public():
    hooks = {each["hook-class-name"].rpartition(".")[2] for each in get_provider_info()["connection-types"]}
    classes = {name for name in operators.__all__ if name.endswith("Operator")}
    assert set(NAMES) == {*classes, *hooks, *dags.__all__}
    assert set(NAMES) <= set(dir(audit_provider))


def test_type_checkers_know_the_same_names():
    tree = ast.parse((ROOT / "audit_provider/__init__.py").read_text())
    (block,) = (each for each in tree.body if isinstance(each, ast.If))
    seen = {name.name: each.module for each in block.body for name in each.names}
    assert sorted(seen) == NAMES
    assert all(getattr(import_module(module), name) for name, module in seen.items())


def test_a_name_that_is_none_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="has no attribute 'PullAuditLogOperator'"):
        _ = audit_provider.PullAuditLogOperator
    with pytest.raises(ImportError):
        from audit_provider import PullAuditLogOperator  # noqa: F401


def test_whoever_needs_no_name_waits_for_nothing():
    loaded = "import sys, audit_provider; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    found = done.stdout.split()
    assert [name for name in found if name.startswith(("airflow.", "audit_provider."))] == ["audit_provider.version"]


CLASSES = [name for name in NAMES if name[0].isupper()]


def example_of(name):
    """Return the example in a public class's docstring."""
    text = inspect.cleandoc(getattr(audit_provider, name).__doc__)
    lines = text.partition("Example::\n\n")[2].splitlines()
    return "\n".join(line.removeprefix("    ") for line in takewhile(lambda line: not line or line[0] == " ", lines))


@pytest.mark.airflow
@pytest.mark.parametrize("name", [name for name in CLASSES if name.endswith("Operator")])
def test_the_example_of_an_operator_is_a_task(name):
    with DAG(dag_id="example", schedule=None) as dag:
        exec(example_of(name), {each: getattr(audit_provider, each) for each in CLASSES})
    (task,) = dag.tasks
    assert isinstance(task, getattr(audit_provider, name))


@pytest.mark.airflow
@pytest.mark.parametrize("name", [name for name in CLASSES if name.endswith("Hook")])
def test_the_example_of_a_hook_tests_its_connection(name, monkeypatch):
    hook, port = getattr(audit_provider, name), unused_port()
    for conn_id in (hook.default_conn_name, "pylon_default"):
        # Nothing listens there, so the answer is no, in a sentence.
        value = {"conn_type": hook.conn_type, "host": "127.0.0.1", "port": port, "password": "p", "login": "l"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(value))
    names = {name: hook}
    exec(example_of(name), names)
    assert names["ok"] is False
    assert names["message"]


def unused_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
