"""The scenario of ``make run``, smaller: a real Airflow over the sandbox, and every event accounted for."""

from __future__ import annotations

import gzip
import json

import pytest

from audit_provider.sandbox.demo import Demo, run


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_every_event_is_accounted_for_on_a_real_airflow(tmp_path, capsys):
    demo = Demo(tmp_path / "run", events=1200, days=200, live_days=20, added=40)
    assert run(demo), capsys.readouterr().out
    said = capsys.readouterr().out
    assert "\nEvery event is accounted for: 3,280 from 7 sources." in said
    assert "it refused 0 requests for their rate" in said
    secrets = (tmp_path / "run/sandbox.json").read_text()
    _no_secret_is_left_behind(tmp_path / "run/airflow", secrets)


def _no_secret_is_left_behind(home, described):
    """No token of the sandbox stands in any log, database or spool file of that Airflow."""
    tokens = [each["token"].encode() for each in json.loads(described).values() if "token" in each]
    for path in home.rglob("*"):
        if path.is_file() and path.name != "airflow.cfg":
            content = path.read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)
            assert not any(token in content for token in tokens), path
