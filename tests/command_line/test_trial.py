"""``audit-logs try``, over a connection to stand-ins: what is reported, what is not, and that nothing is written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from audit_provider.__main__ import main
from audit_provider.core.sources import REGISTRY
from audit_provider.sandbox.microsoft365 import Microsoft365Service
from audit_provider.sandbox.server import Reply
from audit_provider.testing.contract import read_contract
from audit_provider.testing.contract_service import ContractService
from audit_provider.testing.signing_keys import private_key
from tests.core.sources.scripted import Scripted
from tests.core.sources.vendors.falcon import Falcon

FIXTURES = Path(__file__).parents[1] / "fixtures"


def now():
    return datetime.now(timezone.utc)


@pytest.fixture
def connect(monkeypatch):
    def connect(url, **fields):
        extra = {"trust_env": False, **fields.pop("extra", {})}
        value = {"conn_type": "audit_logs", "host": url, "password": "s3cret-token", "extra": extra, **fields}
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(value))

    return connect


def try_(capsys, source, *arguments):
    code = main(["try", source, "--connection", "c", *arguments])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def served(name, ago_minutes, **options):
    service = ContractService(read_contract(FIXTURES / name), **options)
    service.add([now() - timedelta(minutes=each) for each in ago_minutes])
    return service


def test_a_source_that_is_as_described_is_reported_without_its_events(connect, capsys):
    with served("okta", range(45, 5, -1)) as service:
        connect(service.url, password=service.contract.connection["password"])
        code, said = try_(capsys, "okta", "--since", "1h")
    assert code == 0, said
    assert "Okta System Log (okta), tried at " in said
    assert "events: 40; order: oldest first; ids: 40 different, 0 repeated" in said
    assert "9999-99-99T99:99:99.999Z (with a zone); the newest event is 36" in said
    assert "the description says 50 in 60 s" in said
    assert "This is as the source is described." in said
    for row in service.rows:
        assert row.record["uuid"] not in said
        assert row.record["actor"]["alternateId"] not in said
    assert service.contract.connection["password"] not in said


def item(name, ago=timedelta(minutes=5), **more):
    return {"id": name, "date_create": int((now() - ago).timestamp()), "action": "user_login", **more}


def slack(*entries, headers=(), **around):
    content = {"entries": entries, "response_metadata": {"next_cursor": ""}, **around}
    return Reply(200, json.dumps(content).encode(), dict(headers))


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (slack(item("a"), item("a", actor=1)), "1 ids have records with different contents"),
        (slack(item("a", action="strange_thing")), "1 actions have no meaning or category: strange_thing."),
        (slack(item("a"), item("b", timedelta(days=3))), "1 of 2 events happened before the time that was asked for"),
        (slack(item("a", timedelta(hours=-6))), "1 events lie in the future"),
        (slack({"date_create": 1}, item("b")), "some records have nothing at 'id' (fields.id)"),
        (Reply(200, b'{"ok": true}'), "reading failed"),
        (Reply(403, b'{"ok": false, "error": "missing_scope"}'), "reading failed"),
    ],
)
def test_what_differs_is_said_in_a_sentence(connect, capsys, page, said):
    with Scripted(page) as service:
        connect(service.url)
        code, printed = try_(capsys, "slack")
    assert code == 1
    assert said in printed
    assert "s3cret-token" not in printed


def test_an_order_that_the_strategy_cannot_read_is_named(connect, capsys):
    name = next(name for name, spec in REGISTRY.items() if type(spec.reading).__name__ == "HeadScan")
    with served(name, range(5, 45)) as service:
        service.contract = replace(service.contract, order="oldest")
        connect(service.url, **service.contract.connection)
        settings = [word for each in service.contract.settings.items() for word in ("--setting", "=".join(each))]
        code, printed = try_(capsys, name, *settings)
    assert code == 1
    assert "the order is: oldest first" in printed


def test_headers_about_the_budget_are_shown_and_others_are_not(connect, capsys):
    headers = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "49", "X-Secret": "canary"}
    with Scripted(slack(item("a"), headers=headers)) as service:
        connect(service.url)
        code, printed = try_(capsys, "slack")
    assert code == 0, printed
    assert "X-RateLimit-Limit: 50, X-RateLimit-Remaining: 49" in printed
    assert "canary" not in printed


def test_what_stands_in_place_of_a_time_is_not_quoted(connect, capsys):
    entries = [{"id": name, "date_create": "Jane 30 Doe", "action": "user_login"} for name in "ab"]
    with Scripted(slack(*entries)) as service:
        connect(service.url)
        _, printed = try_(capsys, "slack")
    assert "2 records had no readable time and got" in printed
    assert "times: a text" in printed
    assert "Jane" not in printed


def test_feeds_are_read_a_little(connect, capsys):
    with Falcon() as falcon:
        falcon.ends = True
        for minutes in range(9, 4, -1):
            falcon.add(now() - timedelta(minutes=minutes))
        connect(falcon.url, login="id", password="secret-1")
        code, printed = try_(capsys, "crowdstrike_falcon")
    assert code == 0, printed
    assert "events: 5; order: oldest first; ids: 5 different, 0 repeated" in printed
    assert "read to the end of the list" in printed
    assert "zoë" not in printed


def test_nothing_in_the_time_that_was_asked_for_is_said(connect, capsys):
    with Scripted(slack()) as service:
        connect(service.url)
        code, printed = try_(capsys, "slack", "--since", "5m")
    assert code == 0
    assert "nothing happened in this time: try a longer one" in printed


def test_reading_stops_after_some_pages(connect, capsys):
    with served("okta", range(45, 5, -1)) as service:
        connect(service.url, password=service.contract.connection["password"])
        _, printed = try_(capsys, "okta", "--pages", "1")
    assert "1 page, records on each: 40 to 40; not read to the end of the list" in printed


def test_each_log_is_reported_and_one_that_fails_does_not_hide_the_others(connect, capsys):
    with served("google_workspace", range(5, 15)) as service:
        key = json.loads(service.contract.connection["password"])
        assert key["private_key"] == private_key("RS256")
        connect(service.url, **service.contract.connection, extra={"token_url": f"{service.url}/token"})
        code, printed = try_(capsys, "google_workspace", "--setting", "applications=login,admin")
    assert code == 1
    assert "login: events: 10; order: newest first; ids: 10 different" in printed
    assert "admin: reading failed" in printed
    assert "BEGIN" not in printed


def test_a_trial_of_microsoft_365_starts_no_subscription(connect, capsys):
    with Microsoft365Service() as service:
        service.started.append("Audit.Exchange")
        moment = now() - timedelta(minutes=20)
        service.add("Audit.Exchange", moment, [service.event(moment - timedelta(minutes=1)) for _ in range(3)])
        extra = {"tenant": service.tenant, "token_url": f"{service.url}{service.token_path}"}
        connect(service.url, login=service.client_id, password=service.client_secret, extra=extra)
        _, printed = try_(capsys, "microsoft365", "--setting", "content_types=Audit.Exchange,Audit.General")
    assert service.started == ["Audit.Exchange"]
    assert "Audit.Exchange: events: 3" in printed
    assert "9999-99-99T99:99:99 (without a zone, taken for UTC)" in printed
    assert "Audit.General: reading failed" in printed
    assert "not sent: POST /api/v1.0/" in printed


def test_a_source_of_ordered_files_is_tested_and_none_is_ordered(connect, capsys):
    with Scripted({"id": "org_1", "name": "Acme"}) as service:
        connect(service.url, extra={"organization": "org_1"})
        code, printed = try_(capsys, "workos_export")
    assert code == 0, printed
    assert "none is ordered for a trial" in printed
    assert {request.method for request in service.requests} == {"GET"}


def test_a_pipeline_of_the_file_is_tried_with_its_own_settings(connect, capsys, tmp_path):
    file = tmp_path / "pipelines.yaml"
    file.write_text(
        "mine:\n  conn_id: c\n  source: {like: slack, name: mine}\n"
        "  destinations: {s3: {type: s3, bucket: b, prefix: p}}\n"
    )
    with Scripted(slack(item("a"))) as service:
        connect(service.url)
        code = main(["try", "mine", "--pipelines", str(file)])
    assert code == 0
    assert "(mine)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["try", "okat"], "did you mean 'okta'"),
        (["try", "okta", "--since", "1 hour"], "as in 90m"),
        (["try", "okta", "--since", "999999d"], "at most 3650d"),
        (["try", "okta", "--pages", "0"], "--pages must be at least 1"),
        (["try", "okta", "--setting", "x"], "name=value"),
    ],
)
def test_a_mistake_in_the_arguments_is_explained(arguments, said, capsys, tmp_path):
    file = tmp_path / "pipelines.yaml"
    file.write_text("{}")
    assert main([*arguments, "--pipelines", str(file)]) == 1
    assert said in capsys.readouterr().err
