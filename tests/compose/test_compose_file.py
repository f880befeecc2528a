"""docker-compose.yaml is held to the Compose Specification, and to what is promised of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from jsonschema import Draft202012Validator

from audit_provider.core.pipeline import read_pipelines
from tests.compose.compose_file import FILE, ROOT, MissingVariableError, raw, resolved, services, variables_of
from tests.compose.conftest import make_env

ALL = "sandbox,splunk,opensearch"
AIRFLOW = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")
SECRET = re.compile(r"_(PASSWORD|KEY|SECRET|TOKEN)$")


@pytest.fixture(scope="module")
def schema():
    """The schema of the specification, of https://github.com/compose-spec/compose-spec, Apache License 2.0."""
    # check-jsonschema ships it, and follows the specification.
    file = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    return Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture
def everything(variables):
    return variables | {"COMPOSE_PROFILES": ALL}


def test_the_file_is_what_the_specification_asks_for(schema, everything):
    assert not [f"{'.'.join(map(str, each.path))}: {each.message}" for each in schema.iter_errors(raw())]
    assert not [f"{'.'.join(map(str, each.path))}: {each.message}" for each in schema.iter_errors(resolved(everything))]


@pytest.mark.parametrize(
    "wrong", [{"servces": {}}, {"services": {"a": {"image": "b", "restart": 3}}}, {"services": {"a": {"comand": []}}}]
)
def test_the_schema_finds_what_is_wrong(schema, wrong):
    assert list(schema.iter_errors(wrong))


def test_profiles_choose_what_is_started(variables):
    plain = {"postgres", "redis", "minio", *AIRFLOW}
    assert set(services(variables | {"COMPOSE_PROFILES": ""})) == plain
    assert set(services(variables)) == plain | {"sandbox"}
    assert set(services(variables | {"COMPOSE_PROFILES": ALL})) == plain | {"sandbox", "splunk", "opensearch"}


def test_every_variable_without_a_default_is_demanded(variables):
    demanded = set(re.findall(r"\$\{(\w+):\?", FILE.read_text(encoding="utf-8")))
    assert demanded == {name for name in variables if SECRET.search(name)}
    for name in demanded:
        with pytest.raises(MissingVariableError, match=f'{name} is missing a value: run "make env" first'):
            resolved({key: value for key, value in variables.items() if key != name})
    assert not re.findall(r"\$\{\w+\}", FILE.read_text(encoding="utf-8")), "these would be empty without a word"


def test_no_secret_is_in_the_file(everything):
    """Whatever is named like a secret comes out of .env."""
    for name, each in raw()["services"].items():
        for key, text in each.get("environment", {}).items():
            if SECRET.search(key):
                assert text.startswith("${"), f"{name}: {key}"


def test_all_of_airflow_has_the_same_settings(everything):
    found = services(everything)
    first = found["api-server"].environment
    own = {"AIRFLOW_ADMIN_PASSWORD"}
    for name in AIRFLOW:
        environment = {key: text for key, text in found[name].environment.items() if key not in own}
        assert environment == first, name
    assert first["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api-server:8080/execution/"
    assert own & set(found["init"].environment) == own


def test_services_are_watched_restarted_and_bounded():
    for name, each in raw()["services"].items():
        if name == "init":
            assert each["restart"] == "no"
        else:
            assert each["restart"] == "unless-stopped", name
            assert each["healthcheck"]["test"], name
            assert "memory" in each["deploy"]["resources"]["reservations"], name
        assert {"cpus", "memory"} <= set(each["deploy"]["resources"]["limits"]), name
        assert re.search(r":[\w.-]*\d", each["image"]) or each["image"].startswith("${AUDIT_IMAGE"), name


def test_ports_are_open_to_this_machine_alone(everything):
    published = [port for each in resolved(everything)["services"].values() for port in each.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_worker_can_be_there_several_times():
    worker = raw()["services"]["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_connections_and_pipelines_of_the_sandbox_fit(everything):
    found = services(everything)
    environment = found["worker"].environment
    assert environment["AIRFLOW__AUDIT_LOGS__PIPELINES_FILE"] == "/opt/airflow/sandbox/pipelines.yaml"
    pipelines = read_pipelines((ROOT / "deploy/sandbox/pipelines.yaml").read_text(encoding="utf-8"))
    assert not pipelines.mistakes
    conn_ids = {each.conn_id for each in pipelines.pipelines.values()}
    conn_ids |= {to.conn_id for each in pipelines.pipelines.values() for to in each.destinations.values()}
    for conn_id in conn_ids:
        connection = json.loads(environment[f"AIRFLOW_CONN_{conn_id.upper()}"])
        assert connection["password"], conn_id
        address = re.match(r"https?://([\w-]+):(\d+)", connection.get("host") or connection["extra"]["endpoint_url"])
        assert int(address[2]) in found[address[1]].expose, conn_id


def test_without_the_sandbox_its_connections_are_not_there(tmp_path):
    path = tmp_path / ".env"
    make_env(path)
    environment = services(variables_of(path))["worker"].environment
    assert not [name for name in environment if "SANDBOX" in name or "REAL" in name]
    assert environment["AIRFLOW__AUDIT_LOGS__PIPELINES_FILE"] == "/opt/airflow/dags/audit_pipelines.yaml"


def test_env_is_for_its_owner_and_differs_each_time(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    said = make_env(first) + make_env(second)
    one, other = variables_of(first), variables_of(second)
    secrets = {name for name in one if SECRET.search(name)}
    assert first.stat().st_mode & 0o777 == 0o600
    assert not [name for name in secrets if one[name] == other[name]]
    assert not [name for name in secrets if one[name] in said]
    assert min(len(one[name]) for name in secrets) >= 32
    Fernet(one["AIRFLOW_FERNET_KEY"])


def test_env_keeps_what_it_has_and_adds_what_is_missing(tmp_path):
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD=mine\nAIRFLOW_PORT=9000")
    make_env(path, "sandbox")
    once = path.read_text()
    make_env(path, "sandbox")
    assert path.read_text() == once
    assert variables_of(path)["POSTGRES_PASSWORD"] == "mine"
    assert variables_of(path)["AIRFLOW_PORT"] == "9000"
    assert "change it there" in make_env(path, "splunk", ends=1)


def test_the_sandbox_can_be_added_later(tmp_path):
    path, whole = tmp_path / ".env", tmp_path / "whole"
    make_env(path)
    password = variables_of(path)["POSTGRES_PASSWORD"]
    make_env(path, "sandbox")
    make_env(whole, "sandbox")
    later, at_once = services(variables_of(path)), services(variables_of(whole))
    assert later.keys() == at_once.keys()
    assert later["worker"].environment.keys() == at_once["worker"].environment.keys()
    assert variables_of(path)["POSTGRES_PASSWORD"] == password


def test_profiles_that_were_changed_in_the_file_get_what_they_need(tmp_path):
    path = tmp_path / ".env"
    make_env(path, "splunk")
    path.write_text(path.read_text().replace("COMPOSE_PROFILES=splunk", "COMPOSE_PROFILES=splunk,sandbox"))
    make_env(path)
    assert variables_of(path)["AUDIT_CONNECTIONS"] == "./deploy/sandbox/connections.env"


def test_git_leaves_secrets_out():
    done = subprocess.run(["git", "check-ignore", ".env", "connections.env"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 128:
        pytest.skip("not a git checkout")
    assert done.stdout.split() == [".env", "connections.env"]


def test_the_image_is_built_of_what_is_there():
    """Each file that is copied exists and reaches the builder; nothing else does."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for name in line.split()}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


@pytest.mark.timeout(900)
def test_the_image_installs_by_the_constraints(tmp_path):
    """What the Dockerfile installs, from no more than it copies, into an environment of its own; and it starts."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    extras = re.search(r"^ARG EXTRAS=(.*)$", text, re.MULTILINE)[1]
    source = tmp_path / "src"
    for line in re.findall(r"^COPY (.*) /src/\S*$", text, re.MULTILINE):
        for name in line.split():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", str(ROOT / name), str(source / name)], check=True)
    wanted = re.search(r"^RUN pip install (.*)$", text, re.MULTILINE)[1].replace("${EXTRAS}", extras)
    arguments = [word.strip('"').replace("/src", str(source)) for word in wanted.split() if word != "--no-cache-dir"]
    python = tmp_path / "image/bin/python"
    program = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip("there is no uv")
    uv = [program]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "image")], check=True)
    install = [*uv, "pip", "install", "--quiet", "--system-certs", "--python", str(python), *arguments]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    environment = {"AIRFLOW_HOME": str(tmp_path / "home"), "PATH": f"{python.parent}:/usr/bin:/bin"}
    (further,) = re.findall(r"^RUN (cp .*)$", text, re.MULTILINE)
    copying = further.replace("/src", str(source))
    done = subprocess.run(["bash", "-c", copying], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listing = [*uv, "pip", "list", "--format", "json", "--python", str(python)]
    pins = json.loads(subprocess.run(listing, capture_output=True, text=True, check=True).stdout)
    known = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    own = "airflow-provider-audit-logs"
    for each in pins:
        assert each["name"] == own or f"\n{each['name']}=={each['version']}" in f"\n{known}", each
    modules = ["audit_provider.operators", "audit_provider.sandbox", "asyncpg", "psycopg2", "pyarrow", "paramiko"]
    modules += ["airflow.providers.celery.executors.celery_executor", "azure.identity"]
    modules += ["airflow.providers.fab.auth_manager.fab_auth_manager"]
    command = [str(python), "-c", f"import {', '.join(modules)}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
