"""A run that finds nothing new starts nothing behind the pull, if the records prove that there is nothing to do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, DownstreamTasksSkipped

from audit_provider.core.errors import UnavailableError
from audit_provider.core.ledger.health import SOURCE_HEALTH, SourceHealth, standing
from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.ledger.records import OFFSETS
from audit_provider.core.monitoring.summary import SUMMARIES
from audit_provider.core.runs.quiet import REPORT_EVERY, Followers
from audit_provider.core.spool import LocalStore
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.operators import AuditLogsToSplunkHecOperator, PullAuditLogsOperator, ReportAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.state import Variables
from tests.operators.conftest import context, set_clock

SETTLE = timedelta(minutes=30)
SHIPS = {"splunk": "ship_splunk", "second": "ship_second"}
FOLLOWERS = Followers(ships=SHIPS, report="report", settle=SETTLE)
ALL = {*SHIPS.values(), "report"}
CURSOR, SUMMARY = "audit_logs.p.cursor", "audit_logs.p.summary"


def offset_key(name):
    return f"audit_logs.p.to.{name}"


class Pipeline:
    """One pipeline with two destinations, whose tasks run one by one."""

    def __init__(self, world, monkeypatch):
        self.monkeypatch = monkeypatch
        self.world = world
        self.spool = f"file://{world.spool}"
        self.pushed = {}

    def pull(self, followers=FOLLOWERS, *, run_type="scheduled", try_number=1, **params):
        """Return the tasks that the pull lets the scheduler skip."""
        operator = PullAuditLogsOperator(
            task_id="pull",
            pipeline="p",
            source="pylon",
            spool=self.spool,
            start=(self.world.now - timedelta(days=61)).isoformat(),
            rate_limit={"requests": 10_000, "per": 1},
            followers=followers,
        )
        given = context(dag_run=SimpleNamespace(run_id="r", run_type=run_type), params=params)
        given["ti"].xcom_push = lambda key, value: self.pushed.update({key: value})
        given["ti"].try_number = try_number
        self.pushed.clear()
        self.operator = operator
        try:
            self.result = operator.execute(given)
        except DownstreamTasksSkipped as skipped:
            return set(skipped.tasks)
        return set()

    def ship(self, **arguments):
        for name in SHIPS:
            AuditLogsToSplunkHecOperator(
                task_id=SHIPS[name], pipeline="p", destination=name, spool=self.spool, index="audit", **arguments
            ).execute(context())

    def report(self, states=None, **arguments):
        ReportAuditLogsOperator(
            task_id="report",
            pipeline="p",
            destinations=list(SHIPS),
            source="pylon",
            monitoring={"settle": SETTLE.total_seconds(), **arguments},
            spool=self.spool,
        ).execute(context(states))

    def happen(self, count):
        now = self.world.now
        set_clock(self.monkeypatch, now + timedelta(seconds=1))
        self.world.pylon.add(generate(count, now - timedelta(minutes=2), now - timedelta(minutes=1), seed=count))

    def date_report(self):
        """Let the last report be of the moment at which the clock stands."""
        self.change(SUMMARY, SUMMARIES, made_at=self.world.now, lag=None)

    def change(self, key, codec, **changes):
        value = codec.unpack(self.world.variables.get(key), key)
        self.world.variables.set(key, codec.pack(replace(value, **changes)))


@pytest.fixture
def new(world, monkeypatch):
    """A pipeline that has never run. The clock of its pull stands still."""
    set_clock(monkeypatch, world.now)
    return Pipeline(world, monkeypatch)


@pytest.fixture
def pipeline(new):
    """A pipeline whose tasks have each run once."""
    new.pull(run_type="manual")
    new.ship()
    new.report()
    new.date_report()
    return new


def test_a_run_that_finds_nothing_starts_nothing_behind_the_pull(pipeline):
    assert pipeline.pull() == ALL
    assert pipeline.pushed["return_value"]["spooled"] == 0, "Airflow itself keeps no result then"
    assert pipeline.operator.asset not in pipeline.operator.outlets
    assert pipeline.pull() == ALL


def test_such_a_run_counts_for_the_page_as_a_read_of_the_source(pipeline, monkeypatch):
    set_clock(monkeypatch, pipeline.world.now + timedelta(seconds=1))
    before = POSITIONS.unpack(pipeline.world.variables.get(CURSOR), CURSOR).last_complete
    pipeline.pull()
    assert POSITIONS.unpack(pipeline.world.variables.get(CURSOR), CURSOR).last_complete > before


def test_nothing_is_skipped_before_each_task_has_run_once(new):
    assert new.pull() == set()
    assert new.pull() == set(), "the destinations have yet to begin"


def test_nothing_is_skipped_where_events_are_new(pipeline):
    pipeline.happen(3)
    assert pipeline.pull() == set()
    assert pipeline.result["spooled"] == 3
    assert pipeline.pull() == set(), "they are pending"
    pipeline.ship()
    assert pipeline.pull() == set(), "no report has said so yet"
    pipeline.report()
    pipeline.date_report()
    assert pipeline.pull() == ALL


def test_a_person_who_starts_a_run_starts_every_task(pipeline):
    assert pipeline.pull(run_type="manual") == set()
    assert pipeline.pull(run_type="asset_triggered") == ALL
    assert pipeline.pull(None) == set(), "a pull in a DAG of one's own"


OTHERS = {"ship_second"}


def _text(text):
    return lambda pipeline, key: pipeline.world.variables.set(key, text)


def _newer(pipeline, key):
    pipeline.world.variables.set(key, json.dumps({**json.loads(pipeline.world.variables.get(key)), "version": 99}))


def _changed(**changes):
    return lambda pipeline, key: pipeline.change(key, OFFSETS, **changes)


@pytest.mark.parametrize(
    "harm",
    [
        lambda pipeline, key: pipeline.world.variables.delete(key),
        _text("{"),
        _text("[]"),
        _newer,
        _changed(failures_in_a_row=1, last_error="down"),
        _changed(untold=1),
        _changed(chain="20200101T000000Z-0000"),
        _changed(passed="0" * 64),
        _changed(passed=""),
        _changed(segment=1, index=0, passed=""),
        _changed(started_at=1),
    ],
    ids=["gone", "broken", "other", "newer", "failed", "untold", "chain", "digest", "early", "behind", "account"],
)
def test_a_destination_is_served_unless_its_record_proves_that_it_has_everything(pipeline, harm):
    harm(pipeline, offset_key("splunk"))
    assert pipeline.pull() == OTHERS, "the report then says how it went"


def test_what_cannot_be_read_is_not_nothing(pipeline, monkeypatch):
    read = Variables.read

    def refuse(self, key):
        if key == offset_key("splunk"):
            raise UnavailableError("Airflow does not say.")
        return read(self, key)

    monkeypatch.setattr(Variables, "read", refuse)
    assert pipeline.pull() == OTHERS


def test_a_redrive_that_is_asked_for_is_made(pipeline):
    assert pipeline.pull(redrive=["splunk"]) == OTHERS


def test_a_destination_that_is_not_enabled_is_not_started(pipeline):
    pipeline.world.variables.delete(offset_key("splunk"))
    assert pipeline.pull(replace(FOLLOWERS, off=["splunk"])) == ALL
    pipeline.happen(1)
    assert pipeline.pull(replace(FOLLOWERS, off=["splunk"])) == {"ship_splunk"}


def test_a_chain_that_begins_anew_is_shipped(pipeline):
    pipeline.world.variables.delete(CURSOR)
    assert pipeline.pull() == set()


def test_findings_that_wait_are_shipped(pipeline):
    with_findings = replace(FOLLOWERS, findings=True)
    assert pipeline.pull(with_findings) == ALL, "there are none yet"
    pipeline.world.variables.set(
        "audit_logs.p.findings.cursor", pipeline.world.variables.get(CURSOR).replace('"chain":"', '"chain":"1')
    )
    assert pipeline.pull(with_findings) == set()
    assert pipeline.pull() == ALL
    pipeline.world.variables.set("audit_logs.p.findings.cursor", "{")
    assert pipeline.pull(with_findings) == set()


def _summary(**changes):
    return lambda pipeline: pipeline.change(SUMMARY, SUMMARIES, **changes)


def _an_hour_settled(pipeline):
    hour = (pipeline.world.now - SETTLE).replace(minute=0, second=0, microsecond=0)
    pipeline.change(SUMMARY, SUMMARIES, made_at=hour + SETTLE - timedelta(seconds=1))


@pytest.mark.parametrize(
    "make",
    [
        lambda pipeline: pipeline.change(SUMMARY, SUMMARIES, made_at=pipeline.world.now - REPORT_EVERY),
        lambda pipeline: pipeline.change(SUMMARY, SUMMARIES, made_at=pipeline.world.now + timedelta(minutes=5)),
        _an_hour_settled,
        _summary(again=True),
        _summary(lag=7200.0),
        lambda pipeline: pipeline.world.variables.delete(SUMMARY),
        lambda pipeline: pipeline.world.variables.set(SUMMARY, "{"),
        lambda pipeline: pipeline.change(CURSOR, POSITIONS, complete=False),
    ],
    ids=["old", "future", "hour", "failed", "lag", "gone", "broken", "incomplete"],
)
def test_everything_runs_where_a_report_is_due(pipeline, make):
    """The ship tasks too: so a change of their configuration is evidence within an hour."""
    make(pipeline)
    assert pipeline.pull() == set()


def test_the_report_is_made_after_a_try_that_may_have_left_something(pipeline):
    assert pipeline.pull(try_number=2) == set()


def test_without_monitoring_every_run_reports(pipeline):
    assert pipeline.pull(replace(FOLLOWERS, report="")) == set(SHIPS.values())


def test_a_report_that_failed_is_made_again_until_it_succeeds(pipeline):
    with pytest.raises(Exception, match="did not succeed"):
        pipeline.report({"ship_splunk": "failed"})
    assert json.loads(pipeline.world.variables.get(SUMMARY))["again"]
    pipeline.date_report()
    assert pipeline.pull() == set()
    pipeline.report()
    pipeline.date_report()
    assert pipeline.pull() == ALL


class Killed(BaseException):
    """What ends a process."""


def test_a_report_that_was_killed_before_it_judged_is_made_again(pipeline, monkeypatch):
    pipeline.happen(3)
    pipeline.pull()
    pipeline.ship()
    with monkeypatch.context() as killing:
        killing.setattr(ReportAuditLogsOperator, "_monitor", lambda *given: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            pipeline.report()
    pipeline.date_report()
    assert pipeline.pull() == set()


def test_a_report_that_airflow_fails_after_it_judged_is_made_again(pipeline):
    failing = context()

    def refuse(**asked):
        raise RuntimeError("the API server does not answer")

    failing["ti"].get_task_states = refuse
    operator = ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=list(SHIPS), source="pylon", monitoring={}, spool=pipeline.spool
    )
    with pytest.raises(RuntimeError):
        operator.execute(failing)
    pipeline.date_report()
    assert pipeline.pull() == set()


@pytest.mark.parametrize("run_type", ["manual", "asset_materialization", "operator_triggered", "backfill"])
def test_a_run_that_somebody_asked_for_skips_nothing(pipeline, run_type):
    assert pipeline.pull(run_type=run_type) == set()


def test_a_report_whose_notifier_fails_is_made_again(pipeline):
    notify = [{"notifier": "no.such.Notifier", "severity": "info"}]
    pipeline.happen(1)
    pipeline.pull()
    pipeline.ship()
    with pytest.raises(Exception, match="cannot be imported"):
        pipeline.report(notify=notify)
    pipeline.date_report()
    assert pipeline.pull() == set()


def test_such_a_run_asks_the_spool_and_airflow_as_often_whatever_the_past_holds(pipeline, monkeypatch):
    asked = []

    def noted(owner, name):
        own = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, **named: (asked.append(name), own(*given, **named))[1])

    for name in ("get", "put", "keys", "folders"):
        noted(LocalStore, name)
    noted(Variables, "read")
    noted(Variables, "write")
    missing = []
    read = Variables.read

    def found(self, key):
        text = read(self, key)
        missing.extend([key] if text is None else [])
        return text

    monkeypatch.setattr(Variables, "read", found)
    clock = pipeline.world.now

    def quiet_run():
        nonlocal clock
        clock += timedelta(seconds=1)
        set_clock(monkeypatch, clock)
        asked.clear()
        missing.clear()
        assert pipeline.pull() == ALL
        return sorted(asked)

    quiet_run()
    few = quiet_run()
    assert missing == [], "to prove that there is none costs two more calls"
    for days in range(1, 9):
        end = pipeline.world.now - timedelta(days=days)
        window = {"start": (end - timedelta(days=1)).isoformat(), "end": end.isoformat()}
        pipeline.world.pull(window=window)
    assert quiet_run() == few
    assert sum(each in ("get", "put", "keys", "folders") for each in few) <= 4
    # The position, its copy, the position again, the budget, each destination, the report.
    assert few.count("read") <= 5 + len(SHIPS)
    assert few.count("write") == 1


def put_back(pipeline):
    """Let three events be committed, and then the position of before be written by a task that was frozen.

    Returns the ids of all events.
    """
    before = pipeline.world.variables.get(CURSOR)
    pipeline.happen(3)
    assert pipeline.pull() == set()
    pipeline.world.variables.set(CURSOR, before)
    return pipeline.world.pylon.ids()


def test_a_position_that_was_written_late_hides_no_segment_from_a_quiet_run(pipeline):
    ids = put_back(pipeline)
    pipeline.world.pylon.drop_before(pipeline.world.now + timedelta(hours=1))
    set_clock(pipeline.monkeypatch, pipeline.world.now + timedelta(seconds=2))
    assert pipeline.pull() == set(), "three events are pending"
    assert pipeline.result["spooled"] == 0
    pipeline.ship()
    assert sorted(pipeline.world.splunk.ids()) == sorted(ids * len(SHIPS))


def test_one_that_was_written_late_is_read_on_from_its_copy(pipeline):
    put_back(pipeline)
    pipeline.happen(2)
    set_clock(pipeline.monkeypatch, pipeline.world.now + timedelta(seconds=2))
    pipeline.pull()
    assert pipeline.result["spooled"] == 2, "the three are known, for the copy leads to their segment"
    pipeline.ship()
    assert sorted(pipeline.world.splunk.ids()) == sorted(pipeline.world.pylon.ids() * len(SHIPS))


def meanwhile(pipeline, happens):
    """Let the next pull find, when it sends its first request, that something has happened since it began."""
    pages, left = AuditLogsHook.pages, [happens]

    def once(self, *given, **named):
        if left:
            left.pop()()
        return pages(self, *given, **named)

    set_clock(pipeline.monkeypatch, pipeline.world.now + timedelta(seconds=1))
    pipeline.monkeypatch.setattr(AuditLogsHook, "pages", once)


def test_a_position_that_is_deleted_while_a_quiet_run_reads_stays_deleted(pipeline):
    meanwhile(pipeline, lambda: pipeline.world.variables.delete(CURSOR))
    with pytest.raises(AirflowFailException, match="was changed by another run"):
        pipeline.pull()
    assert pipeline.world.variables.get(CURSOR) is None


def test_a_run_that_another_one_overtakes_says_so_and_reads_nothing_on(pipeline):
    def another():
        pipeline.happen(3)
        assert pipeline.world.pull()["spooled"] == 3

    meanwhile(pipeline, another)
    with pytest.raises(AirflowFailException, match="let only one run of this DAG be active"):
        pipeline.pull()
    assert pipeline.world.pull()["spooled"] == 0


def test_an_outage_that_ended_quietly_does_not_go_on_where_a_run_fails_before_it_reads_its_position(pipeline):
    key, began = "audit_logs.p.source", pipeline.world.now
    failed = SourceHealth(2, began, began, "r0", "down")
    pipeline.world.variables.set(key, SOURCE_HEALTH.pack(failed))
    set_clock(pipeline.monkeypatch, began + timedelta(days=1))
    assert pipeline.pull() is not None
    assert pipeline.world.variables.get(key) == SOURCE_HEALTH.pack(failed), "that run has not written it"
    later = began + timedelta(days=4)
    set_clock(pipeline.monkeypatch, later)
    pipeline.spool = "nope://x"
    with pytest.raises(AirflowFailException):
        pipeline.pull()
    health = SOURCE_HEALTH.unpack(pipeline.world.variables.get(key), key)
    assert (health.failures_in_a_row, health.failing_since) == (1, later)
    assert [each.began for each in health.outages] == [began]
    pipeline.world.variables.set(CURSOR, "{")
    with pytest.raises(AirflowFailException):
        pipeline.pull()
    assert SOURCE_HEALTH.unpack(pipeline.world.variables.get(key), key).failing_since == later


def test_a_quiet_run_ends_the_failures_of_the_source_without_reading_their_record(pipeline):
    key = "audit_logs.p.source"
    failed = SourceHealth(2, pipeline.world.now, pipeline.world.now, "r0", "down")
    kept = SOURCE_HEALTH.pack(failed)
    pipeline.world.variables.set(key, kept)
    set_clock(pipeline.monkeypatch, pipeline.world.now + timedelta(seconds=5))
    assert pipeline.pull() == ALL
    assert pipeline.world.variables.get(key) == kept
    position = POSITIONS.unpack(pipeline.world.variables.get(CURSOR), CURSOR)
    ended = standing(failed, position.last_complete)
    assert replace(ended, outages=()) == SourceHealth()
    assert [(each.failures, each.at_least) for each in ended.outages] == [(2, True)]
    pipeline.world.connect("PYLON_DEFAULT", password="wrong")
    set_clock(pipeline.monkeypatch, pipeline.world.now + timedelta(seconds=9))
    with pytest.raises(AirflowFailException):
        pipeline.pull()
    again = SOURCE_HEALTH.unpack(pipeline.world.variables.get(key), key)
    assert (again.failures_in_a_row, again.outages) == (1, ended.outages)
