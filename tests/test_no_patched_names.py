"""No test replaces a part of this package by its dotted name, so no module that moves leaves such a name behind."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
REPLACING = frozenset({"setattr", "delattr", "patch", "derive_importpath"})


def replaced(text: str) -> list[str]:
    """Return the dotted names of this package that a module replaces."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            parts = first.values[:1] if isinstance(first, ast.JoinedStr) else [first]
            names = [each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            found += [name for name in names if called in REPLACING and name.startswith("audit_provider.")]
    return found


def test_no_test_replaces_a_part_of_this_package_by_its_name():
    found = {str(path.relative_to(FOLDER)): replaced(path.read_text("utf-8")) for path in FOLDER.rglob("*.py")}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        'monkeypatch.setattr(\n    "audit_provider.core.pull.pull", None)',
        'patched.setattr(f"audit_provider.operators.{name}.now", None)',
        'mock.patch("audit_provider.state.Variable")',
        'patch("audit_provider.state.Variable")',
    ],
)
def test_such_a_name_is_found_however_it_is_written(text):
    assert len(replaced(text)) == 1
