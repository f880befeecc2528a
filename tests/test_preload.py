"""What is imported before tasks are forked is not imported by them again."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.documentation import ROOT

PIPELINES = "p: {source: okta, destinations: {s3: {type: s3, bucket: b}, splunk: {type: splunk_hec}}}"

RUN = """
import json, sys
sys.argv = json.loads(sys.argv[1])
import audit_provider.preload
from pathlib import Path

def ours():
    return {each for each in sys.modules if each.startswith(("audit_provider.", "requests", "aiohttp"))}

before = ours()
from audit_provider.dags import build_incremental, load_pipelines
for pipeline in load_pipelines(Path("nowhere")).values():
    build_incremental(pipeline)
print(json.dumps([len(before), sorted(ours() - before)]))
"""


@pytest.fixture
def imported(tmp_path, monkeypatch):
    path = tmp_path / "pipelines.yaml"
    path.write_text(PIPELINES)
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(path))

    def imported(*command):
        arguments = [sys.executable, "-c", RUN, json.dumps(["airflow", *command])]
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    imported.path = path
    return imported


@pytest.mark.parametrize("command", [("scheduler",), ("dag-processor",), ("celery", "worker", "--queues", "audit")])
def test_what_is_forked_from_it_imports_nothing_more(imported, command):
    before, more = imported(*command)
    assert before > 100
    assert more == []


def test_other_commands_import_nothing(imported):
    assert imported("api-server")[0] == 2  # this module, and the version


def test_a_file_that_cannot_be_read_stops_no_scheduler(imported):
    imported.path.write_text("p: [")
    arguments = [sys.executable, "-c", "import sys; sys.argv = ['airflow', 'scheduler']; import audit_provider.preload"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "each task imports it" in done.stdout + done.stderr
