"""The layers: the core runs without Airflow, and the tree that the documentation draws is the tree on disk."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

from tests.documentation import ROOT, blocks

PACKAGE = ROOT / "audit_provider"
OPENED = ("", "core/")
"""Folders whose modules are drawn one by one; of the others the folder is."""

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
    """Return which modules of the package each module imports, wherever it does so, types included."""
    paths = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    paths = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    found = {}
    for name, path in paths.items():
        named = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named.update(each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                inner = (f"{node.module}.{each.name}" for each in node.names)
                named.update(each if each in paths else node.module for each in inner)
        found[name] = named & set(paths) - {name}
    return found


def test_no_import_leads_back():
    edges = imports()
    assert len(edges) > 100
    # What can be left out one after the other, because nothing that is left imports it, is in no circle.
    while free := edges.keys() - set().union(*edges.values()):
        edges = {name: found for name, found in edges.items() if name not in free}
    while free := {name for name, found in edges.items() if not found & edges.keys()}:
        edges = {name: found for name, found in edges.items() if name not in free}
    assert not edges, f"these modules import each other in a circle: {', '.join(sorted(edges))}"
