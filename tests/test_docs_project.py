"""What developers use: ``make``, the checks before a commit, and GitHub's files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.documentation import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yaml"))


def checked(schema, *paths):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_names_every_target():
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    named = {line.split()[0] for line in shown.splitlines()}
    assert named == TARGETS
    assert all(len(line.split()) > 2 for line in shown.splitlines()), "each says what it is for"


def test_every_target_is_one_whatever_files_there_are():
    assert set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()) == TARGETS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_one_and_calls_targets_that_exist(path):
    done = checked("vendor.github-workflows", path)
    assert done.returncode == 0, done.stdout
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    called = {name for run in runs for name in re.findall(r"\bmake ([a-z0-9-]+)", run)}
    assert called
    assert called <= TARGETS
    assert all("timeout-minutes" in job for job in jobs.values())


def test_the_workflows_do_what_a_developer_does():
    called = set(re.findall(r"run: make ([a-z0-9-]+)", "".join(path.read_text() for path in WORKFLOWS)))
    assert called >= {"lint", "unit", "docs", "dist"}


def test_the_workflows_run_every_python_that_is_supported():
    supported = re.findall(r"Programming Language :: Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    matrix = yaml.safe_load((ROOT / ".github/workflows/checks.yaml").read_text())["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == supported


def test_issue_forms_are_forms():
    done = checked("vendor.github-issue-forms", *FORMS)
    assert done.returncode == 0, done.stdout


def test_an_invalid_workflow_would_be_noticed(tmp_path):
    wrong = tmp_path / "checks.yaml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert checked("vendor.github-workflows", wrong).returncode == 1


@pytest.fixture
def checkout(tmp_path):
    """A git repository with this one's configuration and one Python file."""
    (tmp_path / "audit_provider").mkdir()
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("ruff", "mypy", "lint-imports", "python"):
        (tmp_path / ".venv/bin" / name).symlink_to(Path(sys.executable).parent / name)
    (tmp_path / ".gitignore").write_text(".venv/\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def before_commit(checkout, hook):
    subprocess.run(["git", "add", "."], cwd=checkout, check=True)
    command = [sys.executable, "-m", "pre_commit", "run", hook, "--all-files"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_checks_before_a_commit_run_the_tools_of_the_checkout(checkout):
    (checkout / "audit_provider/values.py").write_text('"""Values."""\n\nONE = 1\n')
    for hook in ("ruff-check", "ruff-format"):
        done = before_commit(checkout, hook)
        assert done.returncode == 0, done.stdout
    (checkout / "audit_provider/values.py").write_text('"""Values."""\nimport os\nONE   = 1\n')
    for hook in ("ruff-check", "ruff-format"):
        assert before_commit(checkout, hook).returncode == 1


def test_the_checks_before_a_commit_fetch_nothing_and_are_those_of_lint():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {each["repo"] for each in hooks} == {"local"}
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    for each in (hook for repository in hooks for hook in repository["hooks"]):
        assert each["language"] == "system"
        tool = each["entry"].removeprefix(".venv/bin/").removesuffix(" --check")
        assert f"$(BIN)/{tool}" in lint or tool.startswith("python -m pytest"), each["id"]
