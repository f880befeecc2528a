"""The layers: the core runs without Airflow, and the tree that the documentation draws is the tree on disk."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from tests.documentation import ROOT, blocks

PACKAGE = ROOT / "audit_provider"
OPENED = ("", "core/")
"""Folders whose modules are drawn one by one; of the others the folder is."""

WITHOUT_CIRCLES = ("core.destinations", "core.formats", "core.runs", "core.spool", "dags", "operators", "testing")
"""Folders in which no import leads back to where it came from, not even one for types alone."""

LOADED = """
import importlib, pkgutil, sys
import audit_provider.core
for module in pkgutil.walk_packages(audit_provider.core.__path__, "audit_provider.core."):
    importlib.import_module(module.name)
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "airflow"))
print(sum(name.startswith("audit_provider.core.") for name in sys.modules))
"""


def drawn():
    """Return the paths of the drawing, below the package; a folder ends with a slash."""
    (block,) = (each for each in blocks("text", pages=[ROOT / "docs/architecture.md"]) if "├──" in each.text)
    root, *lines = block.text.strip().split("\n")
    assert root == "audit_provider/"
    found, above = [], []
    for line in lines:
        indent, names = re.fullmatch(r"([│├└─ ]*── )(\S+(?:, \S+)*)(?:\s{2,}.*|)", line).groups()
        del above[len(indent) // 4 - 1 :]
        found += [f"{''.join(above)}{name}" for name in names.split(", ")]
        above.append(names)
    return found


def on_disk():
    found = []
    for path in PACKAGE.rglob("*"):
        name = path.relative_to(PACKAGE).as_posix()
        if "__pycache__" in name or path.name == "__init__.py":
            continue
        if path.is_dir():
            found.append(f"{name}/")
        elif path.suffix == ".py" and name.removesuffix(path.name) in OPENED:
            found.append(name)
    return found


def test_the_tree_that_is_drawn_is_the_tree_on_disk():
    assert sorted(drawn()) == sorted(on_disk()), "draw it in docs/architecture.md"


def test_the_core_loads_no_airflow():
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    airflow, modules = done.stdout.split("\n")[:2]
    assert airflow == ""
    assert int(modules) > 100


def imports():
    """Return which modules of the package each module imports, wherever it does so."""
    paths = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    paths = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    found = {}
    for name, path in paths.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("audit_provider."):
                home = node.module.removeprefix("audit_provider.")
                inner = {f"{home}.{each.name}" for each in node.names}
                found[name] |= inner & set(paths) or {home} & set(paths)
    return found


@pytest.mark.parametrize("folder", WITHOUT_CIRCLES)
def test_no_import_leads_back(folder):
    edges = imports()
    inside = sorted(name for name in edges if name.startswith(f"{folder}."))
    assert inside
    for start in inside:
        met, waiting = set(), list(edges[start])
        while waiting:
            name = waiting.pop()
            if name not in met:
                met.add(name)
                waiting += edges[name]
        assert start not in met, f"{start} imports a module that imports it, through {sorted(met & set(inside))}"
