"""Logs that come in files, over real HTTP: jobs, links that end, foreign hosts, files issued twice."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from audit_provider.core.errors import AuditError, UnavailableError, WaitError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Window
from audit_provider.core.pull import pull
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.times import time_from
from audit_provider.core.sources import REGISTRY, Reader
from audit_provider.core.sources.file_rows import _events, _rows
from audit_provider.core.spool import Stream
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.sandbox.exports import EventLogFileService, FileHost, LogFile, WorkosExportService
from tests.core.simulation import MemoryStore

NOW = datetime.now(timezone.utc).replace(microsecond=0)


class Desk:
    """A source of files, and a connection to its stand-in."""

    def __init__(self, name, monkeypatch, **connection):
        self.spec = REGISTRY[name]
        self.position = Position(source=name)
        self.stream = Stream(MemoryStore(), "p/live")
        self.gaps, self.told, self.slept = [], [], []
        self.now = NOW
        self.commits = 0
        self.sleep = self.slept.append
        self.monkeypatch = monkeypatch
        self.connect(**connection)

    def connect(self, **connection):
        self.monkeypatch.setenv("AIRFLOW_CONN_DESK", json.dumps({"conn_type": "audit_logs", **connection}))

    def hook(self):
        return AuditLogsHook("desk", source=self.spec)

    def pull(self, within=None, crash_at=None, deadline=None):
        def keep(position):
            self.commits += 1
            if self.commits == crash_at:
                raise KeyboardInterrupt
            self.position = position

        reader = Reader(
            pages=self.hook().pages(sleep=lambda seconds: self.sleep(seconds), now=lambda: self.now),
            recovery=None,
            start=within.start if within else NOW - timedelta(days=20),
            until=within.end if within else None,
            now=lambda: self.now,
            report=self.gaps.append,
            tell=self.told.append,
        )
        return pull(
            self.spec.reading,
            reader,
            self.stream,
            self.position,
            commit=keep,
            within=within,
            deadline=deadline,
            segment_bytes=2000,
        )

    def rows(self):
        return [json.loads(bytes(e.raw)) for _, events in self.stream.read(self.position.head, 1) for e in events]


def workos_row(number, moment):
    return {
        "id": f"audit_log_event_{number}",
        "action": "user.signed_in",
        "occurred_at": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:23] + "Z",
        "actor_id": "user_1",
        "actor_name": 'Zoë "Z", Ødegård',
        "context_location": "203.0.113.7",
        "metadata": '{"note": "one\nline more"}',
    }


@pytest.fixture
def workos(monkeypatch):
    with FileHost() as files, WorkosExportService("sk_1", "org_1", files) as service:
        connection = {"host": service.url, "password": "sk_1", "extra": {"organization": "org_1"}}
        desk = Desk("workos_export", monkeypatch, **connection)
        desk.service, desk.files = service, files
        service.rows = [workos_row(n, NOW - timedelta(hours=n)) for n in range(1, 400)]
        yield desk


def ids(rows):
    return sorted(row["id"] for row in rows)


def test_an_export_is_ordered_awaited_and_read(workos):
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)
    assert {row["actor_name"] for row in workos.rows()} == {'Zoë "Z", Ødegård'}
    assert workos.service.refused == []
    assert workos.slept, "jobs that were not ready were looked at again"
    assert len(workos.service.jobs) == 3, "20 days in spans of 7"
    workos.now += timedelta(minutes=5)
    workos.pull()
    assert len(workos.service.jobs) == 3, "no job for so short a time"
    workos.now += timedelta(minutes=30)
    workos.service.rows.append(workos_row(0, NOW))
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)


def test_the_token_never_goes_to_the_files_host(workos):
    workos.pull()
    assert len(workos.files.seen) == 3
    assert workos.files.credentials_seen == 0


@pytest.mark.parametrize("crash_at", [1, 2, 3, 4])
def test_a_crash_costs_no_row_and_repeats_none(workos, crash_at):
    with pytest.raises(KeyboardInterrupt):
        workos.pull(crash_at=crash_at)
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)
    assert len(workos.service.jobs) <= 4, "one export at most is ordered again: that of which no row was spooled"


def test_a_job_that_takes_long_is_found_again_by_the_next_run(workos):
    def refuse(seconds):
        if seconds > 10:
            raise WaitError("later", until=NOW)

    workos.sleep, workos.service.looks = refuse, 6
    with pytest.raises(WaitError):
        workos.pull()
    (job,) = workos.service.jobs
    workos.sleep = lambda _: None
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)
    assert len(workos.service.jobs) == 3, "the first job was used"
    assert workos.service.jobs[job]["state"] == "ready"


def test_a_job_that_an_earlier_version_ordered_is_used(workos):
    def refuse(_):
        raise WaitError("later", until=NOW)

    workos.sleep = refuse
    with pytest.raises(WaitError):
        workos.pull()
    kept = {"open": {key: workos.position.reading["open"][key] for key in ("start", "end", "job")}, "done": None}
    workos.position = replace(workos.position, reading={**workos.position.reading, **kept})
    workos.sleep = workos.slept.append
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)
    assert len(workos.service.jobs) == 3


def test_a_job_that_is_never_ready_holds_no_run_beyond_its_time_and_is_given_up(workos):
    def sleep(seconds):
        workos.now += timedelta(seconds=seconds)

    workos.sleep, workos.service.looks = sleep, 10_000
    for _ in range(10):
        begun = workos.now
        workos.pull(deadline=begun + timedelta(minutes=30))
        assert workos.now - begun < timedelta(minutes=36)
    assert len(workos.service.jobs) == 1
    with pytest.raises(UnavailableError, match="has not completed the export audit_log_export_0001 within 6:00:00"):
        workos.pull(deadline=workos.now + timedelta(minutes=60))
    workos.service.looks = 2
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)


def test_a_job_that_fails_is_ordered_once_more(workos):
    create = workos.service._create

    def failing(asked):
        reply = create(asked)
        next(reversed(workos.service.jobs.values()))["state"] = "error" if len(workos.service.jobs) == 1 else "pending"
        return reply

    workos.service._create = failing
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)
    assert any("'error'" in line for line in workos.told)


def test_a_link_that_has_ended_fails_the_run_and_the_next_gets_another(workos):
    workos.service.link_life = timedelta(0)
    with pytest.raises(UnavailableError, match="answered 403 instead of the file"):
        workos.pull()
    workos.service.link_life = timedelta(minutes=10)
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)


def test_a_file_cut_off_is_not_taken_for_a_whole_one(workos):
    workos.files.faults.add("cut", path="/exports", count=1)
    workos.pull()
    assert ids(workos.rows()) == ids(workos.service.rows)


def test_a_backfill_reads_its_span_and_a_start_too_far_back_is_a_gap(workos):
    window = Window(NOW - timedelta(days=200), NOW - timedelta(days=10))
    workos.pull(within=window)
    wanted = [row for row in workos.service.rows if time_from(row["occurred_at"]) < window.end]
    assert ids(workos.rows()) == ids(wanted)
    (gap,) = workos.gaps
    assert gap.wanted == window.start
    assert workos.service.refused == []


def test_a_job_that_came_to_nothing_and_out_of_reach_is_ordered_for_what_is_left(workos):
    def refuse(_):
        raise WaitError("later", until=NOW)

    workos.now = NOW + timedelta(days=60)
    workos.sleep, workos.service.looks = refuse, 9
    with pytest.raises(WaitError):
        workos.pull()
    assert workos.gaps == []
    (job,) = workos.service.jobs.values()
    job["state"] = "error"
    workos.sleep, workos.service.looks = lambda _: None, 2
    workos.now = NOW + timedelta(days=80)
    workos.pull()
    (gap,) = workos.position.gaps
    assert gap.wanted == NOW - timedelta(days=20)
    assert gap.possible > NOW - timedelta(days=11)
    assert set(ids(workos.rows())) >= {
        row["id"] for row in workos.service.rows if time_from(row["occurred_at"]) > gap.possible
    }


def test_the_test_button_of_exports(workos):
    assert workos.hook().test_connection() == (
        True,
        "WorkOS audit logs (export) accepts the token (Sandbox Inc., org_1).",
    )
    workos.connect(host=workos.service.url, password="wrong", extra={"organization": "org_1"})
    works, said = workos.hook().test_connection()
    assert not works
    assert "may export audit logs" in said
    workos.connect(host=workos.service.url, password="sk_1")
    works, said = workos.hook().test_connection()
    assert not works
    assert "needs the setting 'organization'" in said


def login(number, moment):
    return {
        "EVENT_TYPE": "Login",
        "TIMESTAMP": "20260301100000.000",
        "REQUEST_ID": "same-for-many",
        "USER_ID_DERIVED": "005",
        "CLIENT_IP": "203.0.113.9",
        "URI": "/x",
        "N": str(number),
        "TIMESTAMP_DERIVED": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }


@pytest.fixture
def salesforce(monkeypatch):
    with EventLogFileService("key", "secret") as service:
        desk = Desk("salesforce_event_log_files", monkeypatch, host=service.url, login="key", password="secret")
        desk.service = service
        for hour in range(1, 8):
            created = NOW - timedelta(hours=hour)
            rows = [login(hour * 1000 + n, created - timedelta(minutes=30)) for n in range(5)]
            service.files.append(LogFile(f"0AT{hour:03}", "Login", created, [*rows, rows[0]]))
        yield desk


def canonical(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_log_files_are_listed_and_read_and_equal_rows_are_not_merged(salesforce):
    salesforce.pull()
    assert canonical(salesforce.rows()) == canonical(row for file in salesforce.service.files for row in file.rows)
    assert salesforce.service.refused == []
    assert salesforce.service.tokens == 1, "one token serves all requests"


def test_two_columns_of_one_name_keep_both_cells():
    fields = REGISTRY["salesforce_event_log_files"].fields
    text = f"A,A,,{fields.time}\n1,2,3,2026-03-01T10:00:00Z\n"
    (events,) = _events(_rows(io.StringIO(text), "here"), RecordReader(fields), NOW, "here")
    row = {"A": "1", "column_2": "2", "column_3": "3", fields.time: "2026-03-01T10:00:00Z"}
    assert [json.loads(bytes(each.raw)) for each in events] == [row]


def test_a_file_issued_again_adds_only_its_new_rows(salesforce):
    salesforce.pull()
    before = len(salesforce.rows())
    first = salesforce.service.files[-1]
    late = login(99, first.created - timedelta(minutes=20))
    salesforce.service.files.append(LogFile("0AT900", "Login", NOW + timedelta(minutes=2), [*first.rows, late]))
    salesforce.now += timedelta(hours=1)
    salesforce.pull()
    assert len(salesforce.rows()) == before + 1
    said = f"{len(first.rows)} rows of the file 0AT900 are equal to rows read before"
    assert [each for each in salesforce.told if said in each]
    downloads = len(salesforce.service.downloads)
    salesforce.now += timedelta(minutes=30)
    salesforce.pull()
    assert len(salesforce.service.downloads) == downloads, "files that are done are not fetched again"


def test_equal_rows_without_an_id_in_two_files_are_told_though_other_rows_have_one(salesforce):
    salesforce.spec = replace(salesforce.spec, fields=replace(salesforce.spec.fields, id="LOGIN_KEY"))
    created = NOW - timedelta(minutes=30)
    nameless = {**login(98, created - timedelta(minutes=20)), "LOGIN_KEY": ""}
    named = {**login(99, created - timedelta(minutes=20)), "LOGIN_KEY": "k"}
    salesforce.service.files[:] = [LogFile(f"0AT90{each}", "Login", created, [nameless, named]) for each in "01"]
    salesforce.pull()
    assert canonical(salesforce.rows()) == canonical([nameless, named])
    assert any("1 rows of the file 0AT901 are equal to rows read before" in each for each in salesforce.told)


def test_a_backfill_of_files_looks_past_its_end_for_files_made_later(salesforce):
    window = Window(NOW - timedelta(hours=6), NOW - timedelta(hours=4))
    salesforce.pull(within=window)
    times = [row["TIMESTAMP_DERIVED"] for row in salesforce.rows()]
    assert times
    wanted = [
        row for file in salesforce.service.files for row in file.rows if time_from(row["TIMESTAMP_DERIVED"]) in window
    ]
    assert canonical(salesforce.rows()) == canonical(wanted)


def test_an_ended_session_is_renewed_and_a_wrong_secret_is_named(salesforce):
    salesforce.pull()
    hook = salesforce.hook()
    pages = hook.pages(now=lambda: NOW)
    window = Window(NOW - timedelta(days=1), NOW)
    pages.fetch(window, "")
    salesforce.service.tokens += 1  # somebody logged in elsewhere, and ended ours
    pages.fetch(window, "")
    salesforce.connect(host=salesforce.service.url, login="key", password="wrong")
    works, said = salesforce.hook().test_connection()
    assert not works
    assert "invalid_client: invalid client credentials" in said


def test_a_user_who_may_not_see_files_is_told_what_is_missing(salesforce):
    body = json.dumps([{"message": "sObject type 'EventLogFile' is not supported.", "errorCode": "INVALID_TYPE"}])
    salesforce.service.faults.add("status", path="/services/data", status=400, body=body)
    with pytest.raises(AuditError, match="'View Event Log Files'"):
        salesforce.pull()


@pytest.mark.parametrize("ahead", [timedelta(days=3), timedelta(days=365)], ids=["days", "a year"])
@pytest.mark.parametrize("cut_off", [False, True], ids=["read", "ordered only"])
def test_a_clock_that_was_ahead_once_stops_no_reading(workos, ahead, cut_off):
    workos.pull()
    right = workos.now
    workos.now = right + ahead
    if cut_off:
        workos.service.link_life = timedelta(0)
        with pytest.raises(UnavailableError):
            workos.pull()
        workos.service.link_life = timedelta(minutes=10)
    else:
        workos.pull()
        assert workos.position.lag(right + timedelta(hours=2)) is None, "a mark in the future says nothing"
    workos.service.rows += [workos_row(2000 + n, right + timedelta(hours=n)) for n in range(1, 24)]
    workos.now = right + timedelta(days=1)
    workos.pull()
    assert set(ids(workos.rows())) == set(ids(workos.service.rows))
    assert workos.position.lag(workos.now) == 0
    assert any("clock was ahead" in line for line in workos.told)
