"""The demo's folder is its own, and nothing on this machine is asked for through a proxy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from audit_provider.core.errors import UnavailableError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import text_of, utc_now
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.pull import pull
from audit_provider.core.sources import Reader
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.sandbox.demo_pipelines import SOURCES, connections_of, pipelines_of
from audit_provider.sandbox.local_airflow import LocalAirflow
from audit_provider.sandbox.splunk_hec import SplunkHecService
from audit_provider.sandbox.switchboard import Switchboard

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"


def demo(folder, *what, **environment):
    """Do what ``make`` does; return how it ends, and what it says."""
    command = [sys.executable, "-m", "audit_provider.sandbox.demo", *what, "--folder", str(folder)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("what", ["run", "up"])
def test_a_demo_that_is_up_is_left_alone(tmp_path, what):
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow/airflow.db").write_text("of the Airflow that is up")
    (tmp_path / "sandbox.log").touch()
    with Switchboard({}) as switchboard:
        (tmp_path / "sandbox.json").write_text(json.dumps({"switchboard": {"url": switchboard.url}}))
        status, said = demo(tmp_path, what)
    assert status == 1
    assert f"a sandbox is still up in {tmp_path}: end it" in said
    assert (tmp_path / "airflow/airflow.db").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    status, said = demo(tmp_path, "run")
    assert status == 1
    assert "holds other things, which would be lost" in said
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("spelling", ["no_proxy", "NO_PROXY"])
def test_no_proxy_stands_between_the_demo_and_its_sandbox(tmp_path, spelling):
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY"), NOWHERE)
    with SplunkHecService("token") as splunk, Switchboard({"splunk": splunk}) as switchboard:
        (tmp_path / "sandbox.json").write_text(json.dumps({"switchboard": {"url": switchboard.url}}))
        status, said = demo(tmp_path, "stop", "splunk", **proxies, **{spelling: "example.com"})
        assert (status, splunk.is_up) == (0, False), said


def test_an_airflow_that_ends_at_once_says_so_and_was_told_of_no_proxy(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "example.com")
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nprint(os.environ['no_proxy'], os.environ['NO_PROXY'], flush=True)\nos._exit(3)\n"
    )
    airflow = LocalAirflow(tmp_path / "home", tmp_path, {"PYTHONPATH": str(tmp_path)})
    with pytest.raises(UnavailableError, match=r"^Airflow ended with status 3: see .*airflow\.log\.$"):
        airflow.start(print)
    assert (tmp_path / "home/airflow.log").read_text().split() == ["127.0.0.1,localhost"] * 2


def test_another_shell_reaches_the_airflow_by_the_file_that_is_written(tmp_path):
    odd = {"AIRFLOW_CONN_ODD": json.dumps({"password": 'it\'s $HOME `id` \\ "two"\nlines'}), "AIRFLOW__X__Y": ""}
    airflow = LocalAirflow(tmp_path / "home", tmp_path, odd)
    file = tmp_path / "env.sh"
    file.write_text("of an earlier run")
    airflow.write_environment(file)
    assert file.stat().st_mode & 0o777 == 0o600
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    shell = ["bash", "-c", f'source {file}; python -c "{program}"']
    seen = json.loads(subprocess.run(shell, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True).stdout)
    assert {key: seen[key] for key in odd} == odd
    assert seen["AIRFLOW_HOME"] == str(airflow.home)
    assert seen["AIRFLOW__CORE__DAGS_FOLDER"] == str(tmp_path)
    assert seen["PATH"] == f"{Path(sys.executable).parent}:/usr/bin:/bin"


def test_nothing_but_the_demo_keeps_anything_in_its_folder():
    """The demo refuses a folder with other things, so ``make run`` after ``make test`` would end at once."""
    root = Path(__file__).resolve().parents[2]
    named = [
        path
        for path in (root / "Makefile", *(root / "tests").rglob("*.py"), *(root / "benchmarks").rglob("*.py"))
        if path != Path(__file__) and re.search(r"[\"'/]\.run[\"'/]", path.read_text())
    ]
    assert named == []


def test_the_demo_reads_every_event_of_its_sources(tmp_path, monkeypatch):
    described = tmp_path / "sandbox.json"
    command = [sys.executable, "-m", "audit_provider.sandbox", "--describe", str(described), "--events", "20"]
    command += ["--contracts", str(ROOT / "tests/fixtures"), "--sources", ",".join(SOURCES[1:])]
    process = subprocess.Popen([*command, "--source-events", "120"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        while b"switchboard" not in process.stdout.readline():
            assert process.poll() is None, "the sandbox ended"
        while not described.exists():
            assert process.poll() is None, "the sandbox ended"
        sandbox = json.loads(described.read_text())
        for name, connection in connections_of(sandbox).items():
            monkeypatch.setenv(name, connection)
        file = read_pipelines(pipelines_of(sandbox, start=text_of(utc_now() - timedelta(days=30)), schedule=None))
        assert file.mistakes == ()
        for name in SOURCES[5:]:
            pipeline, url = file.pipelines[name], sandbox[name]["url"]
            found = []
            for _ in range(2):
                found.append(read_ids(pipeline))
                requests.post(f"{url}/_sandbox/events", json={"count": 9, "span_seconds": 2}, timeout=60)
            served = requests.get(f"{url}/_sandbox/state", timeout=60).json()
            assert served["refused"] == []
            assert len(found[0]) == 120
            assert len(found[1]) == 129
            assert set(found[1]) < set(served["ids"])
    finally:
        process.terminate()
        process.communicate(timeout=30)


def read_ids(pipeline):
    hook = AuditLogsHook(pipeline.conn_id, source=pipeline.spec, settings=pipeline.settings)
    gaps = []
    reader = Reader(hook.pages(), None, pipeline.start, None, utc_now, gaps.append, print)
    stream = Stream(LocalStore(Path(tempfile.mkdtemp())), "p/live")
    kept = [Position(pipeline.name)]
    pull(pipeline.spec.reading, reader, stream, kept[0], commit=kept.append)
    assert gaps == []
    return sorted(event.id for _, events in stream.read(kept[-1].head, 1) for event in events)
