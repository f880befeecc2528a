"""Snowflake and Databricks: results that take their time, in parts, by columns; parts that are missing; killed runs."""

from __future__ import annotations

import json
from datetime import timedelta

import jwt
import pytest

from audit_provider.core.errors import AuditError, CredentialError, ProtocolError, UnavailableError
from audit_provider.core.model import Window
from audit_provider.core.records.fields import FieldReader
from audit_provider.sandbox.server import Reply
from audit_provider.sandbox.sql_statements import DatabricksService, SnowflakeService, Table
from audit_provider.testing.signing_keys import private_key
from tests.core.destinations.stand_ins import Crash
from tests.core.sources.vendors.vendor_desk import NOW, VendorDesk

LOGINS = ("EVENT_ID", "EVENT_TIMESTAMP", "EVENT_TYPE", "USER_NAME", "CLIENT_IP", "IS_SUCCESS", "ERROR_CODE")
QUERIES = ("QUERY_ID", "QUERY_TYPE", "USER_NAME", "EXECUTION_STATUS", "START_TIME", "END_TIME")
GRANTS = ("CREATED_ON", "DELETED_ON", "ROLE", "GRANTED_TO", "GRANTEE_NAME", "GRANTED_BY")
AUDIT = ("event_time", "event_id", "action_name", "service_name", "source_ip_address", "user_email")


def snowflake_tables():
    return {
        "LOGIN_HISTORY": Table(LOGINS, ("EVENT_TIMESTAMP",)),
        "QUERY_HISTORY": Table(QUERIES, ("START_TIME", "END_TIME")),
        "GRANTS_TO_USERS": Table(GRANTS, ("CREATED_ON", "DELETED_ON")),
    }


class Snowflake(VendorDesk):
    def __init__(self, service, monkeypatch, source="snowflake_logins", password="pat-1"):
        connection = {"login": "AUDIT", "password": password, "extra": {"account": "MYORG-ACME"}}
        super().__init__(source, service, connection, monkeypatch, {"warehouse": "AUDIT_WH"})

    def add(self, ago, **more):
        rows = self.service.tables["LOGIN_HISTORY"].rows
        row = {
            "EVENT_ID": str(10_000 + len(rows)),
            "EVENT_TIMESTAMP": NOW - ago + timedelta(microseconds=123456),
            "EVENT_TYPE": "LOGIN",
            "USER_NAME": "ZOE",
            "CLIENT_IP": "203.0.113.9",
            "IS_SUCCESS": "YES",
            **more,
        }
        rows.append(row)


class Databricks(VendorDesk):
    def __init__(self, service, monkeypatch):
        super().__init__("databricks", service, {"password": "pat-1"}, monkeypatch, {"warehouse": "wh1"})

    def add(self, ago, **more):
        rows = self.service.tables["system.access.audit"].rows
        row = {"event_id": str(10_000 + len(rows)), "event_time": NOW - ago, "action_name": "login", **more}
        rows.append({"service_name": "accounts", "source_ip_address": None, "user_email": "zoe@example.com", **row})


def served(desk, key):
    (rows,) = [table.rows for table in desk.service.tables.values() if table.rows]
    return sorted(str(row[key]) for row in rows)


@pytest.fixture
def snowflake(monkeypatch):
    with SnowflakeService("pat-1", snowflake_tables()) as service:
        yield Snowflake(service, monkeypatch)


@pytest.fixture
def databricks(monkeypatch):
    with DatabricksService("pat-1", {"system.access.audit": Table(AUDIT, ("event_time",))}) as service:
        yield Databricks(service, monkeypatch)


@pytest.fixture(params=["snowflake", "databricks"])
def desk(request):
    made = request.getfixturevalue(request.param)
    made.key = {"snowflake": "EVENT_ID", "databricks": "event_id"}[request.param]
    return made


def test_rows_of_all_parts_are_read_once_and_polled_for(desk):
    for hour in range(35):
        desk.add(timedelta(minutes=40 * hour + 1))
    assert desk.run().complete
    assert desk.ids() == served(desk, desk.key)
    assert desk.slept[:2] == [1.0, 2.0], "the result was not ready twice"
    desk.now += timedelta(hours=1)
    desk.add(-timedelta(minutes=30))
    desk.run()
    assert desk.ids() == served(desk, desk.key)
    assert desk.service.refused == []
    assert desk.position.counts.same_id == 0


def test_an_empty_result_is_read_as_nothing_and_a_window_is_closed(desk):
    assert desk.run().complete
    assert desk.ids() == []
    assert desk.gaps == []


def test_a_row_becomes_an_object_with_the_names_of_its_columns(snowflake):
    snowflake.add(timedelta(minutes=5), USER_NAME='zoë "z"\\', CLIENT_IP=None)
    snowflake.run()
    (event,) = snowflake.events()
    assert event.time == NOW - timedelta(minutes=5) + timedelta(microseconds=123456)
    record = json.loads(bytes(event.raw))
    assert tuple(record) == LOGINS
    assert (record["USER_NAME"], record["CLIENT_IP"], record["EVENT_ID"]) == ('zoë "z"\\', None, "10000")
    found = FieldReader(snowflake.spec.fields, ("action", "actor_email", "outcome")).read(event.raw)
    assert found == {"action": "LOGIN", "actor_email": 'zoë "z"\\', "outcome": "YES"}


def test_a_row_that_appears_hours_late_is_read(desk):
    desk.run()
    for _ in range(3):
        desk.now += timedelta(hours=1)
        desk.run()
    desk.add(-timedelta(minutes=10))  # of three hours ago
    desk.now += timedelta(minutes=5)
    for _ in range(13):
        desk.run()
        desk.now += timedelta(hours=1)
    assert desk.ids() == served(desk, desk.key)


@pytest.mark.parametrize("commits", range(5))
def test_a_run_that_is_killed_between_parts_begins_the_window_again(desk, commits):
    for hour in range(35):
        desk.add(timedelta(minutes=40 * hour + 1))
    with pytest.raises(Crash):
        desk.run(commits=commits)
    desk.run()
    assert desk.ids() == served(desk, desk.key)


def test_a_result_that_is_forgotten_between_runs_is_made_again(snowflake):
    for hour in range(35):
        snowflake.add(timedelta(minutes=40 * hour + 1))
    with pytest.raises(Crash):
        snowflake.run(commits=1)
    snowflake.service.forget()
    snowflake.run()
    assert snowflake.ids() == served(snowflake, "EVENT_ID")


def test_a_statement_that_is_not_ready_in_time_fails_and_moves_nothing(desk):
    desk.add(timedelta(hours=1))
    desk.service.looks = 1000
    with pytest.raises(UnavailableError, match="no result"):
        desk.run()
    desk.service.looks = 0
    desk.run()
    assert desk.ids() == served(desk, desk.key)


@pytest.mark.parametrize("lost", ["rows", "part"])
def test_a_part_that_lacks_rows_is_an_error_and_not_the_end(snowflake, lost):
    for hour in range(35):
        snowflake.add(timedelta(minutes=40 * hour + 1))
    whole = snowflake.service._result

    def result(name, part):
        reply = whole(name, part)
        content = json.loads(reply.body)
        if part == 2:
            content["data"] = content["data"][:-1] if lost == "rows" else []
        return Reply.json(reply.status, content)

    snowflake.service._result = result
    with pytest.raises(ProtocolError, match="fewer than" if lost == "rows" else "no rows"):
        snowflake.run()
    snowflake.service._result = whole
    snowflake.run()
    assert snowflake.ids() == served(snowflake, "EVENT_ID")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["resultSetMetaData"].pop("numRows"), "does not say at 'resultSetMetaData.numRows'"),
        (lambda content: content["resultSetMetaData"].pop("partitionInfo"), "partitionInfo"),
        (lambda content: content["resultSetMetaData"].pop("rowType"), "no list of columns"),
        (lambda content: content["resultSetMetaData"]["rowType"].pop(), "no list of 6 values"),
        (lambda content: content["resultSetMetaData"]["rowType"][0].update(name="USER_NAME"), "different names"),
        (lambda content: content.pop("data"), "without 'data'"),
        (lambda content: content["data"].__setitem__(0, {"a": 1}), "no list of 7 values"),
    ],
)
def test_a_result_that_does_not_prove_itself_is_refused(snowflake, change, said):
    snowflake.add(timedelta(hours=1))
    whole = snowflake.service._result

    def result(name, part):
        reply = whole(name, part)
        if reply.status != 200:
            return reply
        content = json.loads(reply.body)
        change(content)
        return Reply.json(200, content)

    snowflake.service._result = result
    with pytest.raises(ProtocolError, match=said):
        snowflake.run()
    assert snowflake.ids() == []


def test_a_statement_that_failed_says_why(databricks):
    failed = {"statement_id": "x", "status": {"state": "FAILED", "error": {"message": "TABLE_OR_VIEW_NOT_FOUND"}}}
    databricks.service._result = lambda name: Reply.json(200, failed)
    with pytest.raises(AuditError, match="TABLE_OR_VIEW_NOT_FOUND"):
        databricks.run()


def test_a_window_with_more_rows_than_one_statement_gives_is_halved(databricks):
    for number in range(12_000):
        databricks.add(timedelta(seconds=6 * number + 1))
    databricks.service._part_size = 2000
    databricks.run()
    assert databricks.ids() == served(databricks, "event_id")
    assert databricks.gaps == []


@pytest.mark.parametrize("limit", ["refused", "truncated"])
def test_a_result_of_more_bytes_than_an_answer_holds_is_read_in_parts(databricks, limit):
    """25 MiB of an inline result; here a number of rows stands for the bytes."""
    for number in range(300):
        databricks.add(timedelta(minutes=4 * number + 1))
    said = "Inline byte limit exceeded. Statements executed with disposition=INLINE can have at most 26214400 bytes."
    whole = databricks.service._result

    def result(name):
        job = databricks.service._jobs[name]
        if len(job.rows) > 40 and limit == "refused":
            return Reply.json(200, {"statement_id": name, "status": {"state": "FAILED", "error": {"message": said}}})
        job.limited |= len(job.rows) > 40
        del job.rows[40:]
        return whole(name)

    databricks.service._result = result
    assert databricks.run().complete
    assert databricks.ids() == served(databricks, "event_id")
    assert databricks.gaps == []


def test_a_role_that_is_taken_away_is_an_event_of_its_own(monkeypatch):
    with SnowflakeService("pat-1", snowflake_tables()) as service:
        desk = Snowflake(service, monkeypatch, "snowflake_grants")
        rows = service.tables["GRANTS_TO_USERS"].rows
        row = {"CREATED_ON": NOW - timedelta(hours=5), "ROLE": "ACCOUNTADMIN", "GRANTEE_NAME": "ZOE"}
        rows.append(row)
        desk.run()
        desk.now += timedelta(hours=2)
        rows[0] = {**row, "DELETED_ON": NOW + timedelta(hours=1)}
        desk.run()
        desk.now += timedelta(hours=2)
        desk.run()
    assert [event.time for event in desk.events()] == [NOW - timedelta(hours=5), NOW + timedelta(hours=1)]


def test_a_query_that_runs_for_two_days_is_read_when_it_has_ended(monkeypatch):
    """https://docs.snowflake.com/en/sql-reference/parameters#statement-timeout-in-seconds : two days by default"""
    with SnowflakeService("pat-1", snowflake_tables()) as service:
        desk = Snowflake(service, monkeypatch, "snowflake_queries")
        rows = service.tables["QUERY_HISTORY"].rows

        def ended(number, ran):
            row = {"QUERY_ID": f"q{number}", "QUERY_TYPE": "UNLOAD", "USER_NAME": "ZOE", "EXECUTION_STATUS": "SUCCESS"}
            end = desk.now - timedelta(minutes=40)
            rows.append({**row, "START_TIME": end - ran, "END_TIME": end})

        for number, hours in enumerate((0, 1, 47, 0.5, 160, 2)):
            desk.now += timedelta(hours=13)
            ended(number, timedelta(hours=hours))
            desk.run(start=NOW - timedelta(days=1))
    assert desk.ids() == [f"q{number}" for number in range(6)]


def test_a_window_of_the_past_is_read(desk):
    for hour in range(40):
        desk.add(timedelta(hours=hour))
    desk.run(within=Window(NOW - timedelta(hours=30), NOW - timedelta(hours=10)))
    assert len(desk.events()) == 20


def test_a_key_pair_signs_the_token_of_snowflake(monkeypatch):
    with SnowflakeService("", snowflake_tables()) as service:
        service._is_allowed = lambda request: sent.append(request.headers["Authorization"].split()[1]) or True
        sent = []
        desk = Snowflake(service, monkeypatch, password=private_key("RS256"))
        desk.run()
    found = jwt.decode(sent[0], options={"verify_signature": False})
    account, user, fingerprint = found["iss"].split(".")
    assert (account, user, found["sub"]) == ("MYORG-ACME", "AUDIT", "MYORG-ACME.AUDIT")
    assert fingerprint.startswith("SHA256:")
    assert len(set(sent)) == 1


def test_a_wrong_credential_says_what_is_needed(snowflake, databricks, monkeypatch):
    for desk in (snowflake, databricks):
        desk.service.token = "another"
    for make, service in ((Snowflake, snowflake.service), (Databricks, databricks.service)):
        with pytest.raises(CredentialError, match="warehouse"):
            make(service, monkeypatch).run()


@pytest.mark.parametrize("reply", [Reply(204, b""), Reply(200, b""), Reply(200, b"null"), Reply.json(200, {})])
def test_an_answer_that_does_not_say_how_many_rows_there_are_is_no_empty_result(desk, reply):
    desk.add(timedelta(hours=1))
    whole, desk.service._result = desk.service._result, lambda *_: reply
    with pytest.raises(ProtocolError):
        desk.run()
    assert not desk.position.complete
    desk.service._result = whole
    desk.run()
    assert desk.ids() == served(desk, desk.key)


def test_a_part_that_comes_twice_is_not_taken_for_the_next_one(snowflake):
    for hour in range(35):
        snowflake.add(timedelta(minutes=40 * hour + 1))
    whole = snowflake.service._result
    snowflake.service._result = lambda name, part: whole(name, 1 if part == 2 else part)
    with pytest.raises(ProtocolError, match="rows of the part before"):
        snowflake.run()
    snowflake.service._result = whole
    snowflake.run()
    assert snowflake.ids() == served(snowflake, "EVENT_ID")
