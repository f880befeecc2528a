"""Documentation is held to the code."""

from __future__ import annotations

import re
import runpy
import subprocess
from pathlib import Path

import pytest
import yaml

from audit_provider.core.pipeline import read_pipelines

ROOT = Path(__file__).resolve().parents[1]
PAGES = runpy.run_path(str(ROOT / "docs/generate.py"))["PAGES"]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_no_page_is_left_of_a_source_that_is_gone():
    assert {f"sources/{path.name}" for path in (ROOT / "docs/sources").glob("*.md")} <= set(PAGES)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_pipelines_shown_are_right(path):
    for block in re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        lines = block.split("\n")
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        text = "\n".join(line[indent:] for line in lines)
        found = read_pipelines(text)
        assert not found.mistakes
        assert found.pipelines


def test_make_commands_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text()))
    assert shown <= targets


def test_the_shipped_pipelines_file_is_that_of_the_readme():
    readme = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    shown = yaml.safe_load("\n".join(line[3:] for line in readme.split("\n")))
    shipped = yaml.safe_load((ROOT / "dags/audit_pipelines.yaml").read_text())
    del shown["pylon"]["start"]
    assert shown == shipped


def test_constraints_pin_by_version_alone():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ;.*)?", line), line


def test_no_path_of_a_machine_and_no_registry_is_in_the_repository():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    unwanted = [str(ROOT), "pypi" + ".org", "files.python" + "hosted"]
    for name in done.stdout.split():
        text = (ROOT / name).read_bytes().decode(errors="replace")
        assert not any(each in text for each in unwanted), name
