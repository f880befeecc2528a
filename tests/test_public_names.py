"""The names that users import from the package itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module

import pytest

import audit_provider
from audit_provider import dags, operators
from audit_provider.connection_forms import CONNECTION_FORMS
from tests.documentation import ROOT

NAMES = sorted(set(audit_provider.__all__) - {"__version__"})


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_under_its_own_name(name):
    assert getattr(audit_provider, name).__name__ == name


def test_every_operator_every_hook_of_a_connection_and_every_builder_of_dags_is_public():
    hooks = {each["hook-class-name"].rpartition(".")[2] for each in CONNECTION_FORMS}
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
