"""``python -m audit_provider``, as it is called."""

from __future__ import annotations

import json
import subprocess

import pytest

from audit_provider.__main__ import main

CONFIG = {
    "name": "Main SIEM",
    "provider_type": "splunk",
    "endpoint_url": "https://splunk.example.com:8088",
    "api_key": "canary-key",
    "batch_size": 100,
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "siem.json"
    path.write_text(json.dumps(CONFIG))
    return path


def test_a_siem_configuration_is_converted(config, capsys):
    assert main(["convert-siem-config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "main_siem:\n  type: splunk_hec\n  batch_events: 100\n  conn_id: main_siem_default" in shown
    assert "AIRFLOW_CONN_MAIN_SIEM_DEFAULT=" in shown
    assert "canary-key" not in shown
    assert main(["convert-siem-config", str(config), "--secrets"]) == 0
    assert "canary-key" in capsys.readouterr().out


def test_a_url_that_is_itself_a_credential_is_not_shown(config, capsys):
    url = "https://collectors.sumologic.com/receiver/v1/http/canary-code"
    config.write_text(json.dumps({"name": "Sumo", "provider_type": "custom", "endpoint_url": url}))
    assert main(["convert-siem-config", str(config)]) == 0
    assert "canary-code" not in capsys.readouterr().out
    assert main(["convert-siem-config", str(config), "--secrets"]) == 0
    assert url in capsys.readouterr().out


def test_the_list_of_a_products_own_api_is_converted(config, capsys):
    answer = {key: value for key, value in CONFIG.items() if key != "api_key"} | {"id": "1", "failure_count": 0}
    config.write_text(json.dumps({"siem_configs": [answer, answer | {"name": "Other"}], "total": 2}))
    assert main(["convert-siem-config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "main_siem:\n  type: splunk_hec" in shown
    assert "\nother:\n  type: splunk_hec" in shown
    assert "# other: the product's API does not show the credential" in shown
    assert shown.count('"password": "<api_key>"') == 2


@pytest.mark.parametrize("secret", ["it's", "a'$(touch harm)'b", '"`touch harm`\\'])
def test_the_line_of_a_connection_may_be_pasted_whatever_the_secret_holds(config, capsys, tmp_path, secret):
    config.write_text(json.dumps(CONFIG | {"provider_type": "custom", "api_key": secret}))
    assert main(["convert-siem-config", str(config), "--secrets"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    script = f'{line}\nprintf %s "$AIRFLOW_CONN_MAIN_SIEM_DEFAULT"'
    said = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["password"] == secret
    assert not (tmp_path / "harm").exists()


def test_a_mistake_is_one_sentence_and_ends_with_one(config, capsys):
    config.write_text("{")
    assert main(["convert-siem-config", str(config)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "cannot be read as JSON" in shown.err


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("p: {source: pylon, destinations: {a: {type: s3, bucket: b}}}", 0, "p: Pylon audit logs to a\n1 pipeline\n"),
        ("{}", 0, "0 pipelines\n"),
        ("p: {source: pylon}\nq: {source: pylon, destinations: {a: {type: s4}}}", 1, "p.destinations: "),
        ("p: {source: pylon}\nq: {source: pylon, destinations: {a: {type: s4}}}", 1, "q.destinations.a.type: "),
        ("p: [", 1, "line 1"),
        ("", 1, "contains no pipeline"),
    ],
)
def test_a_pipelines_file_is_checked(tmp_path, capsys, text, code, said):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    assert main(["check", "--pipelines", str(path)]) == code
    shown = capsys.readouterr()
    assert said in (shown.err if code else shown.out)


PYLON = {"conn_type": "audit_logs", "password": "token"}
CHECKED = """
p:
  source: pylon
  conn_id: my_pylon
  destinations:
    a: {type: s3, bucket: b}
    hec: {type: splunk_hec, conn_id: my_hec}
    files: {type: sftp, conn_id: my_server, folder: /in}
"""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"my_pylon": None, "my_pylom": PYLON}, "p.conn_id: there is no connection 'my_pylon': create one of type"),
        ({"my_pylon": None, "my_pylom": PYLON}, "in Airflow. Did you mean 'my_pylom'?"),
        (
            {"my_pylon": {"conn_type": "http"}},
            "p.conn_id: the connection 'my_pylon' is of type 'http', not 'audit_logs'",
        ),
        ({"my_pylon": {"conn_type": "audit_logs"}}, "p.conn_id: the connection 'my_pylon' has no password"),
        (
            {"aws_default": {"conn_type": "http"}},
            "p.destinations.a.conn_id: the connection 'aws_default' is of type 'http'",
        ),
        (
            {"my_hec": {"conn_type": "splunk_hec", "host": "h"}},
            "p.destinations.hec.conn_id: the connection 'my_hec' has no",
        ),
        ({"my_server": {"conn_type": "http"}}, "p.destinations.files.conn_id: the connection 'my_server' is of type"),
    ],
)
def test_the_connections_are_checked_where_that_is_asked_for(tmp_path, capsys, monkeypatch, changes, said):
    connections = {
        "my_pylon": PYLON,
        "aws_default": {"conn_type": "aws"},
        "my_hec": {"conn_type": "splunk_hec", "host": "https://splunk.example.com:8088", "password": "token"},
        "my_server": {"conn_type": "sftp", "host": "files.example.com"},
    }
    for conn_id, entry in (connections | changes).items():
        if entry is not None:
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(entry))
    path = tmp_path / "p.yaml"
    path.write_text(CHECKED)
    assert main(["check", "--pipelines", str(path)]) == 0
    capsys.readouterr()
    assert main(["check", "--connections", "--pipelines", str(path)]) == (1 if said else 0)
    shown = capsys.readouterr()
    assert said in shown.err if said else shown.out.startswith("p: Pylon audit logs to a, hec, files")


def test_every_connection_is_tested_where_that_is_asked_for(world, tmp_path, capsys, monkeypatch):
    path = tmp_path / "p.yaml"
    path.write_text("p:\n  source: pylon\n  destinations:\n    hec: {type: splunk_hec, index: audit}\n")
    assert main(["check", "--reach", "--pipelines", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "p: " in shown
    assert "p.destinations.hec: Splunk HEC accepts the token." in shown
    entry = {"conn_type": "splunk_hec", "host": world.splunk.url, "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_SPLUNK_HEC_DEFAULT", json.dumps(entry))
    assert main(["check", "--reach", "--pipelines", str(path)]) == 1
    shown = capsys.readouterr()
    assert "p: " in shown.out
    assert "p.destinations.hec: POST" in shown.err
    assert "1 of 2 connections" in shown.err
    assert world.splunk.ids() == []


def test_destinations_are_listed(world, tmp_path, capsys, monkeypatch):
    world.pull()
    pipelines = tmp_path / "p.yaml"
    pipelines.write_text("p:\n  source: pylon\n  destinations:\n    hec: {type: splunk_hec, index: audit}\n")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", "/nowhere.yaml")
    assert main(["destinations", "--pipelines", str(pipelines)]) == 0
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["p", "hec", "splunk_hec", "yes", "never", "0", "700", "0", world.splunk.url]
    assert main(["test-event", "p", "hec", "--pipelines", str(pipelines)]) == 0
    assert "hec accepted the test event" in capsys.readouterr().out
    assert len(world.splunk.ids()) == 1
    assert main(["test-event", "q", "hec", "--pipelines", str(pipelines)]) == 1
    assert "there is no pipeline 'q'" in capsys.readouterr().err


def test_open_gaps_are_listed(world, tmp_path, capsys, monkeypatch):
    world.pull()
    pipelines = tmp_path / "p.yaml"
    pipelines.write_text("p:\n  source: pylon\n  destinations:\n    hec: {type: splunk_hec, index: audit}\n")
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", f"file://{world.spool}")
    assert main(["gaps", "--pipelines", str(pipelines)]) == 0
    assert capsys.readouterr().out.endswith("0 open gaps\n")
    live = json.loads(world.variables.get("audit_logs.p.cursor"))
    gap = {"wanted": "2026-01-01T00:00:00Z", "possible": "2026-01-02T00:00:00Z", "reason": "left", "kind": "cursor"}
    world.variables.set("audit_logs.p.cursor", json.dumps(live | {"gaps": [gap]}))
    assert main(["gaps", "--pipelines", str(pipelines)]) == 0
    shown = capsys.readouterr().out
    assert "cursor in p/live, 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z: left" in shown
    assert "1 open gap\n" in shown
    name = shown.split()[0]
    assert main(["gaps", "--pipelines", str(pipelines), "--acknowledge", name]) == 1
    assert "say who does it with --by NAME" in capsys.readouterr().err
    ann = ["--by", "ann", "--note", "known"]
    assert main(["gaps", "--pipelines", str(pipelines), "--acknowledge", name, "no-such", *ann]) == 1
    assert "there is no gap 'no-such'" in capsys.readouterr().err
    assert main(["gaps", "--pipelines", str(pipelines), "--acknowledge", name, name, *ann]) == 0
    said = capsys.readouterr().out
    assert f"{name} of p is acknowledged by ann\n" in said
    assert said.endswith("0 open gaps\n")
    assert main(["gaps", "--pipelines", str(pipelines), "--acknowledge", name, "--by", "ann"]) == 0
    assert capsys.readouterr().out.endswith("0 open gaps\n"), "once more changes nothing"
