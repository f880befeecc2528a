"""The forms that start a backfill and a replay: what they offer, and what they refuse."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from starlette.testclient import TestClient

from audit_provider.core.pipeline import pipeline_from
from audit_provider.dags import build_backfill
from tests.airflow_names import ParamValidationError, sync_dags

TWO = {"s3": {"type": "s3", "bucket": "b"}, "splunk": {"type": "splunk_hec"}}


def form(source="pylon", **entry):
    return build_backfill(pipeline_from("p", {"source": source, "destinations": TWO, **entry})).params


@pytest.mark.parametrize("chosen", [["s3", "splnk"], [], "s3", None])
def test_destinations_are_chosen_from_those_of_the_pipeline_and_at_least_one(chosen):
    params = form()
    with pytest.raises(ParamValidationError):
        params["destinations"] = chosen
    params["destinations"] = ["splunk"]


def test_moments_are_picked_and_the_end_may_stay_open():
    params = form()
    with pytest.raises(ParamValidationError):
        params["start"] = None
    for key in ("start", "end"):
        params[key] = "2026-01-01T10:00:00+01:00"
        with pytest.raises(ParamValidationError):
            params[key] = "yesterday"
    params["end"] = None


@pytest.mark.parametrize(("source", "days"), [("pylon", 365), ("github", 179), ("okta", 89), ("hcp_terraform", 13)])
def test_it_begins_as_far_back_as_the_vendor_lets_anyone_read(source, days):
    settings = {"settings": {"organization": "acme"}} if source == "github" else {}
    start = datetime.fromisoformat(form(source, **settings)["start"].replace("Z", "+00:00"))
    assert timedelta(days=days) <= datetime.now(timezone.utc) - start < timedelta(days=days + 1)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """Airflow's API server, and the token of an administrator, with one backfill DAG in its database."""
    home = tmp_path_factory.mktemp("form")
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"admin": "secret"}))
    settings = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the tests that is long enough for its algorithm " * 2,
        "AIRFLOW__CORE__DAGS_FOLDER": str(home),
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }
    (home / "form.py").write_text(
        "# a DAG of airflow\n"
        "from audit_provider.core.pipeline import pipeline_from\n"
        "from audit_provider.dags import build_backfill, build_replay\n"
        f"pipeline = pipeline_from('form', {{'source': 'pylon', 'destinations': {TWO!r}}})\n"
        "backfill, replay = build_backfill(pipeline), build_replay(pipeline)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        from airflow.api_fastapi.app import create_app, purge_cached_app

        sync_dags(home)
        purge_cached_app()
        client = TestClient(create_app(apps="core"), base_url="http://testserver")
        token = client.post("/auth/token", json={"username": "admin", "password": "secret"}).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
        purge_cached_app()


@pytest.mark.airflow
def test_the_rest_api_shows_pickers_and_a_multi_select_with_help_for_each(api):
    found = api.get("/api/v2/dags/audit_backfill_form/details").json()["params"]
    assert list(found) == ["start", "end", "window_days", "destinations"]
    assert [found[key]["schema"]["format"] for key in ("start", "end")] == ["date-time", "date-time"]
    chosen = found["destinations"]["schema"]
    assert (chosen["type"], chosen["items"]["enum"], chosen["examples"]) == (
        "array",
        ["s3", "splunk"],
        ["s3", "splunk"],
    )
    assert found["destinations"]["value"] == ["s3", "splunk"]
    assert (found["window_days"]["value"], found["end"]["value"]) == (180, None)
    found |= api.get("/api/v2/dags/audit_replay_form/details").json()["params"]
    assert not found["destinations"]["value"], "nobody sends events twice by mistake"
    for key, each in found.items():
        assert each["schema"]["title"], key
        assert len(each["description"] or each["schema"]["description"]) > 20, key


@pytest.mark.airflow
@pytest.mark.parametrize("conf", [{"destinations": []}, {"destinations": ["nope"]}, {"window_days": 999}])
def test_the_rest_api_refuses_a_form_that_is_wrong(api, conf):
    api.patch("/api/v2/dags/audit_backfill_form", json={"is_paused": True})
    answer = api.post("/api/v2/dags/audit_backfill_form/dagRuns", json={"logical_date": None, "conf": conf})
    assert answer.status_code == 400, answer.text
    assert next(iter(conf)) in answer.text
