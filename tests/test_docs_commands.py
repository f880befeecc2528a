"""Every command of the documentation is run as it stands there, or stands in a short list with the reason why not."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airflow.models.connection import Connection

from audit_provider.core.sources import REGISTRY
from audit_provider.get_provider_info import get_provider_info
from tests.documentation import PAGES, ROOT, blocks, commands, name_of
from tests.preloaded import preloaded

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1200)]

FUZZ = "AUDIT_FUZZ_EXAMPLES=2000 .venv/bin/python -m pytest tests/fuzz --timeout 3600"
NOT_RUN = {
    "pip install --constraint constraints.txt .": "installs where Airflow runs; the built wheel is installed elsewhere",
    ".venv/bin/pre-commit install": "writes into the checkout's git folder; its hooks are checked in test_docs_project",
    ".venv/bin/python -m pytest tests/core -x": "is a part of the suite that is running",
    FUZZ: "runs for an hour; the suite of tests/fuzz does not",
    "python -m tests.chaos --scenario kills --seed 7": "takes minutes; tests/chaos runs shorter ones",
    "python -m tests.chaos --long --scenario kills": "takes minutes; tests/chaos runs shorter ones",
    "python -m tests.chaos --watch": "takes minutes; tests/chaos runs shorter ones",
    "python -m benchmarks.finding --segments 100000 --events 100": "makes ten million events, for minutes",
    "python -m benchmarks.quiet --looks": "measures for minutes, with an Airflow of its own",
    "python -m benchmarks.page": "measures for minutes",
    "python -m benchmarks.tasks": "measures for minutes, with an Airflow of its own",
    "python -m benchmarks.quiet": "measures for a quarter of an hour, with three Airflows",
    "python -m tests.matrix --whole": "runs the whole suite many times",
    "python -m tests.matrix 3.12/3.1": "runs the suite in an environment of its own",
    "python -m tests.core.monitoring.backtest 5": "takes minutes; tests/core/monitoring/test_backtest.py is shorter",
    "audit-logs try acme --connection acme_default --since 1h": "asks a vendor; test_trial.py runs it",
    "pip uninstall --yes airflow-provider-audit-logs": "would remove the package that is tested here",
    "git pull": "needs a remote repository",
    "grep AIRFLOW_ADMIN_PASSWORD .env": "shows what make env has written; tests/compose looks at that",
}
"""Commands that cannot be run here, and why. ``make`` is only asked what it would do."""

PROGRAMS_NOT_RUN = {"docker": "there is no container engine; tests/compose starts what each service starts"}
"""Programs that cannot be run here, and why."""

SERVERS = {"python -m audit_provider.sandbox --contracts tests/fixtures --sources github,okta": "okta "}
"""Commands that run until they are stopped, and what they print when they are up."""

EXAMPLES = {"3f9c1a20b7de": "gap", "9f0c4b5e-7d52": "event", "<DAGs folder>": "dags"}
"""What is made up on a page, and the real thing that stands for it."""

OWN_HOME = {"docs/quick_start.md"}
"""Pages that begin with no Airflow at all. Each of their commands imports it; those of others are forks."""

PROGRAMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
"""The package's own programs, and what each of them calls."""

PIPELINES = """
pylon:
  source: pylon
  destinations:
    s3: {{type: s3, bucket: audit-logs, prefix: pylon}}
    splunk: {{type: splunk_hec, index: audit}}
    datadog: {{type: datadog, service: pylon}}
slack:
  source: slack
  destinations:
    archive: {{type: s3, bucket: audit-logs, prefix: slack}}
    search: {{type: elasticsearch, template: install}}
okta:
  source: okta
  start: {start}
  destinations:
    archive: {{type: s3, bucket: audit-logs, prefix: okta}}
"""
SIEM = {"name": "Main", "provider_type": "splunk", "endpoint_url": "https://splunk.example.com:8088", "api_key": "k"}
ALL = [command for page in PAGES for command in commands(page)]
OTHERWISE = ("make ", "export AIRFLOW_CONN_", *(f"{program} " for program in PROGRAMS_NOT_RUN))
RUN = [each for each in ALL if each.text not in NOT_RUN | SERVERS and not each.text.startswith(OTHERWISE)]
SHOWN = {each.text for each in ALL if each.fenced}


def is_mention(command):
    """Whether a command in the text only names one that is shown in full elsewhere, or is of that command's kind."""
    return not command.fenced and any(shown != command.text and shown.startswith(command.text) for shown in SHOWN)


SCRIPTS = {
    page: [each for each in RUN if each.page == page and not is_mention(each)]
    for page in PAGES
    if any(each.page == page and not is_mention(each) for each in RUN)
}


class Workplace:
    """A folder like a checkout, an Airflow with three pipelines in it, and the sandbox that they lead to."""

    def __init__(self, folder, sandbox):
        self.folder = folder
        self.home = folder / "airflow"
        self.made_up = {"dags": str(self.home / "dags")}
        start = datetime.now(timezone.utc) - timedelta(days=400)
        (folder / "pipelines.yaml").write_text(PIPELINES.format(start=start.date()))
        (folder / "siem.json").write_text(json.dumps(SIEM))
        for name in ("dags", "docs", "tests", "constraints.txt"):
            (folder / name).symlink_to(ROOT / name)
        self._install(folder / "bin")
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        self.environment = kept | {
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "HOME": str(folder),
            "NO_PROXY": "127.0.0.1,localhost",
            "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            **connections(sandbox),
        }

    def _install(self, folder):
        """Put the package's own programs where pip puts them, for this checkout; tests/packaging installs the wheel."""
        folder.mkdir()
        for name, entry in PROGRAMS.items():
            module, _, function = entry.partition(":")
            lines = [f"#!{sys.executable}", f"import sys\nfrom {module} import {function}", f"sys.exit({function}())"]
            (folder / name).write_text("\n".join(lines) + "\n")
            (folder / name).chmod(0o755)

    def at_home(self):
        """Return the environment in which an Airflow is there already."""
        return self.environment | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(self.folder / "pipelines.yaml"),
        }

    def preloaded(self):
        """Let commands be forks of one process, that has imported Airflow, within the block."""
        return preloaded(self.folder / "bin", PROGRAMS | {"airflow": "airflow.__main__:main"}, self.at_home())

    def run(self, script, environment):
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=1000
        )
        assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout


def connections(sandbox):
    """Return the connections of the workplace as variables."""
    s3 = sandbox["s3"]
    found = {
        "pylon_default": ("audit_logs", sandbox["pylon"], {"extra": {"source": "pylon"}}),
        "splunk_hec_default": ("splunk_hec", sandbox["splunk"], {}),
        "datadog_logs_default": ("datadog_logs", sandbox["datadog"], {}),
        "aws_default": (
            "aws",
            {"token": s3["secret_key"]},
            {"login": s3["access_key"], "extra": {"endpoint_url": s3["url"], "region_name": "us-east-1"}},
        ),
    }
    for name in ("slack", "okta"):
        extra = {"source": name, **sandbox[name]["settings"]}
        found[f"{name}_default"] = ("audit_logs", sandbox[name], {"extra": extra})
    for name in ("elasticsearch_logs_default", "search_reader"):
        search = sandbox["opensearch"]
        found[name] = ("elasticsearch_logs", search, {"login": search["login"], "extra": {"auth": "basic"}})
    return {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(
            {"conn_type": kind, "host": service.get("url"), "password": service["token"], **more}
        )
        for name, (kind, service, more) in found.items()
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """The stand-ins, in a process of their own; returns how to reach them."""
    described = tmp_path_factory.mktemp("sandbox") / "sandbox.json"
    command = [sys.executable, "-m", "audit_provider.sandbox", "--describe", str(described), "--unlimited"]
    command += ["--events", "300", "--days", "3", "--source-events", "40", "--source-days", "1"]
    command += ["--contracts", str(ROOT / "tests/fixtures"), "--sources", "slack,okta"]
    with serving(command, "okta "):
        while not described.exists():  # it is written right behind the line, at once and whole
            time.sleep(0.1)
        yield json.loads(described.read_text())


class serving:  # noqa: N801 - reads as a statement
    """A command that serves, from the line that says so to the end of the block."""

    def __init__(self, command, ready, **options):
        self._command, self._ready, self._options = command, ready, options

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **self._options
        )
        said = []
        for line in self._process.stdout:
            said.append(line)
            if line.startswith(self._ready):
                # Somebody has to read what it says, or it waits for that.
                threading.Thread(target=self._process.stdout.read, daemon=True).start()
                return self
        pytest.fail(f"{self._command} ended: {''.join(said)}")

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        # A signal may come before the server has said what to do with it.
        assert self._process.wait(60) in (0, -signal.SIGINT)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, sandbox):
    """A workplace in which each pipeline has run once."""
    made = Workplace(tmp_path_factory.mktemp("prepared"), sandbox)
    script = ["set -e", "airflow db migrate"]
    script += [f"airflow dags test audit_incremental_{name}" for name in ("pylon", "slack", "okta")]
    with made.preloaded():
        made.run("\n".join([*script, "airflow dags reserialize"]), made.at_home())
        listed = made.run("audit-logs gaps 2>/dev/null", made.at_home())
    shutil.copytree(made.home / "audit_spool", made.folder / "copy")
    made.made_up["gap"] = listed.split()[0]
    made.made_up["event"] = an_id(made.folder / "copy/slack/live")
    return made


def an_id(folder):
    """Return the id of an event of a pipeline."""
    segment = min(folder.rglob("*.ndjson.gz"))
    return json.loads(gzip.decompress(segment.read_bytes()).partition(b"\n")[0])["id"]


@pytest.fixture
def workplace(tmp_path, sandbox, prepared):
    """A workplace of one's own."""
    made = Workplace(tmp_path, sandbox)
    for name in ("airflow", "copy"):
        shutil.copytree(prepared.folder / name, made.folder / name)
    made.made_up |= {key: prepared.made_up[key] for key in ("gap", "event")}
    return made


@pytest.mark.parametrize("page", SCRIPTS, ids=name_of)
def test_the_commands_of_a_page_work_as_they_stand_there(page, workplace):
    environment, programs = workplace.at_home(), contextlib.nullcontext
    if name_of(page) in OWN_HOME:
        environment = workplace.environment
        shutil.rmtree(workplace.home)
    elif sum(each.text.startswith(("airflow ", "audit-logs ")) for each in SCRIPTS[page]) > 2:
        programs = workplace.preloaded
    script = ["set -euo pipefail"]
    for command in SCRIPTS[page]:
        text = command.text
        for example, real in EXAMPLES.items():
            text = text.replace(example, workplace.made_up[real])
        script += [f"echo; echo {shlex.quote(f'== {command}: {text}')}", text]
    with programs():
        said = workplace.run("\n".join(script), environment)
    assert said.count("\n== ") == len(SCRIPTS[page])


@pytest.mark.parametrize("text", SERVERS)
def test_a_command_that_serves_comes_up(text, workplace):
    environment = workplace.environment
    arguments = [shutil.which(shlex.split(text)[0], path=environment["PATH"]), *shlex.split(text)[1:]]
    with serving(arguments, SERVERS[text], cwd=workplace.folder, env=environment):
        pass


@pytest.mark.parametrize("text", sorted({each.text for each in ALL if each.text.startswith("make ")}))
def test_make_knows_what_it_is_asked_for(text):
    done = subprocess.run([*text.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "block", [each for each in blocks("bash") if "AIRFLOW_CONN_" in each.text], ids=lambda each: str(each)
)
def test_connections_shown_are_what_airflow_and_the_provider_understand(block):
    known = {each["connection-type"] for each in get_provider_info()["connection-types"]} | {"aws", "sftp", "ssh"}
    names = re.findall(r"^export (AIRFLOW_CONN_\w+)=", block.text, re.MULTILINE)
    script = f"set -eua\n{block.text}\nfor each in {' '.join(names)}; do printf '%s\\n' \"${{!each}}\"; done"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    values = done.stdout.splitlines()
    assert names
    assert len(values) == len(names)
    for name, value in zip(names, values, strict=True):
        connection = Connection.from_json(value, conn_id=name.removeprefix("AIRFLOW_CONN_").lower())
        assert connection.conn_type in known
        if connection.conn_type == "audit_logs":
            assert connection.extra_dejson["source"] in REGISTRY


@pytest.mark.parametrize("block", blocks("bash"), ids=lambda each: str(each))
def test_blocks_are_of_bash(block):
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_listed_is_shown_and_what_is_not_run_has_a_reason():
    shown = {each.text for each in ALL}
    assert set(NOT_RUN) | set(SERVERS) <= shown, "a command of the lists is on no page any more"
    assert set(PROGRAMS_NOT_RUN) <= {text.split()[0] for text in shown}
    assert all(any(example in text for text in shown) for example in EXAMPLES)


def test_every_scenario_that_is_named_exists():
    from tests.chaos.scenarios import SCENARIOS

    named = {name for each in ALL for name in re.findall(r"--scenario (\w+)", each.text)}
    assert named
    assert named <= set(SCENARIOS)
