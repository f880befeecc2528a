"""What a server does when it starts, so that the page's first request takes no longer than the others."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event

from tests.plugin.conftest import keep_pipeline


@pytest.fixture
def fetched(monkeypatch):
    """Return the statements that have fetched values of Variables, by readers that have read nothing yet."""
    from airflow import settings

    from audit_provider.plugin import routes

    monkeypatch.setattr(routes, "records_reader", type(routes.records_reader)())
    monkeypatch.setattr(routes, "progress_reader", type(routes.progress_reader)())
    monkeypatch.setattr(routes, "judged", type(routes.judged)())
    found = []

    def note(connection, cursor, statement, *rest):
        if "variable.val, variable.is_encrypted" in statement:
            found.append(statement)

    event.listen(settings.engine, "before_cursor_execute", note)
    yield found
    event.remove(settings.engine, "before_cursor_execute", note)


def test_the_first_request_finds_the_records_read(world, fetched):
    from airflow.utils.session import create_session

    from audit_provider.plugin.app import warm

    keep_pipeline(world)
    with create_session() as session:
        warm(session)
    assert len(fetched) == 1
    answer = world.get("admin", "/api/overview").json()
    assert [each["name"] for each in answer["pipelines"]] == ["p"]
    assert len(fetched) == 1


def test_the_first_request_reads_them_where_nothing_was_prepared(world, fetched):
    keep_pipeline(world)
    assert world.get("admin", "/api/overview").json()["pipelines"]
    assert len(fetched) == 1


def test_a_user_who_may_read_less_is_shown_no_more_after_that(world, fetched):
    from airflow.utils.session import create_session

    from audit_provider.plugin.app import warm

    keep_pipeline(world)
    answers = [world.get("viewer", "/api/overview")]
    with create_session() as session:
        warm(session)
    answers.append(world.get("viewer", "/api/overview"))
    assert [each.status_code for each in answers] == [answers[0].status_code] * 2
    assert answers[0].json().get("pipelines") == answers[1].json().get("pipelines")


def test_the_server_prepares_it_beside_its_start(world, fetched):
    from starlette.testclient import TestClient

    from audit_provider.plugin.app import app

    keep_pipeline(world)
    with TestClient(app):
        for thread in threading.enumerate():
            if thread.name == "audit-logs-page":
                thread.join(60)
    assert len(fetched) == 1


def test_a_file_that_cannot_be_read_stops_no_server(world, monkeypatch):
    from starlette.testclient import TestClient

    from audit_provider.plugin import routes
    from audit_provider.plugin.app import app

    def fail():
        raise RuntimeError("broken")

    monkeypatch.setattr(routes.reader, "read", fail)
    with TestClient(app) as client:
        assert client.get("/static/nothing").status_code in (401, 403, 404)
