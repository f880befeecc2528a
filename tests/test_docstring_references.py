"""What docstrings refer to exists: a module, a class or a function that was renamed is renamed there too."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = re.compile(r":(?:mod|class|func|meth|data|exc):`~?([.\w]+)`")
FILES = sorted(path.relative_to(ROOT) for path in ROOT.joinpath("audit_provider").rglob("*.py"))


def exists(reference, text, package):
    """Whether a reference leads to something, in a file with this text of this package."""
    if reference.startswith("."):
        return importlib.util.find_spec(reference, package) is not None
    if not reference.startswith("audit_provider."):
        last = reference.rpartition(".")[2]
        return f"{package}.{last}" in MODULES or bool(re.search(rf"\b{last}\b", REFERENCE.sub("", text)))
    found, rest = reference, []
    while found not in MODULES:
        found, _, name = found.rpartition(".")
        rest.insert(0, name)
    value = importlib.import_module(found)
    for name in rest:
        value = getattr(value, name, None)
    return value is not None


def module_of(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_what_a_docstring_refers_to_exists(path):
    text = (ROOT / path).read_text()
    package = ".".join(path.parts[:-1])
    assert [each for each in REFERENCE.findall(text) if not exists(each, text, package)] == []


def test_what_does_not_exist_is_noticed():
    package = "audit_provider.core.spool"
    assert exists(".segment", "", package)
    assert exists("audit_provider.core.pull.pull", "", package)
    assert exists("Head", "class Head:", package)
    assert not exists(".no_such_module", "", package)
    assert not exists("audit_provider.core.pull.no_such_name", "", package)
    assert not exists("Nobody", ":class:`Nobody`", package)
