"""When a source is looked at, and when a run is started: turn by turn, by a clock that is set."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_provider.core.errors import CredentialError, UnavailableError, WaitError
from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.runs.turns import START_AGAIN, Turns
from audit_provider.core.sources.watched import HAND_OVER_EVERY, LookRecord
from tests.core.runs.conftest import NOW, Lines

EVERY = timedelta(seconds=5)


class CountingLedger(MemoryLedger):
    """:ivar written: how often."""

    written = 0
    down = False

    def write(self, key, text, description=""):
        if self.down:
            raise UnavailableError("Airflow is down")
        self.written += 1
        super().write(key, text, description)


class Watching:
    """What watches a pipeline. :ivar sees: of the next looks. :ivar run: how far the run is that was started."""

    def __init__(self):
        self.now = NOW
        self.ledger = CountingLedger()
        self.sees, self.run, self.waiting = [], "none", []
        self.looks = self.opened = self.asked_behind = 0
        self.log = Lines()
        self.turns = self.restarted()

    def restarted(self):
        return Turns(
            opened=self.open,
            behind=self.behind,
            record=LookRecord(self.ledger, "p"),
            every=EVERY,
            now=lambda: self.now,
            log=self.log,
        )

    def open(self):
        self.opened += 1
        return self

    def behind(self):
        self.asked_behind += 1
        return self.waiting

    def look(self):
        self.looks += 1
        seen = self.sees.pop(0) if self.sees else frozenset()
        if isinstance(seen, Exception):
            raise seen
        return frozenset(seen)

    def forget(self):
        """As a lookout does."""

    def run_since(self, moment):
        return self.run

    def turn(self):
        """Take a turn, and let its pause pass."""
        turn = self.turns.take()
        self.now += turn.pause
        return turn

    def pass_by(self, span):
        """Return what was started while a time passes."""
        until, started = self.now + span, []
        while self.now < until:
            if why := self.turn().start:
                started.append(why)
        return started

    @property
    def kept(self):
        return LookRecord(self.ledger, "p").load()


@pytest.fixture
def watching():
    return Watching()


def test_nothing_new_starts_nothing(watching):
    assert watching.pass_by(timedelta(minutes=30)) == []
    assert watching.looks == 360


def test_what_is_found_starts_a_run_at_once(watching):
    watching.sees = [set(), {"e1", "e2"}]
    assert [watching.turn().start for _ in range(2)] == ["", "2 new"]


def test_while_a_run_is_on_its_way_nothing_is_looked_at(watching):
    watching.sees = [{"e1"}]
    watching.turn()
    assert watching.pass_by(timedelta(minutes=2)) == []
    watching.run = "reading"
    assert watching.pass_by(timedelta(minutes=60)) == []
    assert watching.looks == 1
    watching.run = "done"
    assert watching.pass_by(timedelta(minutes=2)) == []
    assert watching.looks > 10


def test_a_clock_that_is_set_back_stops_no_look(watching):
    watching.sees = [{"e1"}]
    watching.turn()
    watching.now -= timedelta(hours=6)
    watching.waiting = ["splunk"]
    assert watching.pass_by(timedelta(minutes=10)) != [], "who waits is asked for as before"
    assert watching.looks > 60
    assert watching.opened == 2, "and the connection is opened again"


def test_a_run_that_never_begins_is_started_again(watching):
    watching.sees = [{"e1"}]
    watching.turn()
    started = watching.pass_by(timedelta(hours=1))
    assert set(started) == {"no run has read the source yet"}
    assert 9 <= len(started) <= 12


def test_what_a_run_does_not_take_for_new_starts_no_run_after_run(watching):
    watching.sees = [{"e1"}] * 1000
    assert watching.turn().start
    watching.run = "done"
    assert len(watching.pass_by(timedelta(hours=1))) <= timedelta(hours=1) // START_AGAIN


def test_something_else_that_is_new_starts_a_run_at_once(watching):
    watching.sees = [{"e1"}, {"e1", "e2"}]
    watching.turn()
    watching.run = "done"
    assert watching.turn().start == "2 new"


def test_a_failure_starts_one_run_and_so_does_its_end(watching):
    watching.sees = [CredentialError("no")] * 20
    assert watching.turn().start == "a look failed"
    assert watching.pass_by(timedelta(hours=1)) == []
    assert watching.looks < 20
    watching.sees = []
    assert watching.pass_by(timedelta(minutes=10)) == ["the source can be read again"]


def test_after_a_failure_the_connection_is_opened_again(watching):
    watching.sees = [set(), UnavailableError("down"), set()]
    for _ in range(3):
        watching.turn()
    assert watching.opened == 2


def test_a_connection_is_opened_again_after_an_hour(watching):
    watching.pass_by(timedelta(hours=3))
    assert watching.opened == 3


def test_an_error_that_nobody_expected_is_a_failure_and_shows_only_its_kind(watching):
    watching.sees = [ValueError("token=canary")]
    assert watching.turn().start == "a look failed"
    watching.turn()
    assert "canary" not in f"{watching.log}{watching.ledger.texts}"


def test_a_wait_is_no_failure_and_is_kept_to(watching):
    watching.sees = [WaitError("wait", until=NOW + timedelta(minutes=9))]
    assert watching.turn().start == ""
    assert watching.now == NOW + timedelta(minutes=9)
    assert watching.turn().start == ""
    assert watching.looks == 2


def test_a_destination_that_waits_gets_a_run_every_few_minutes(watching):
    watching.waiting = ["splunk"]
    started = watching.pass_by(timedelta(hours=1))
    assert set(started) == {"something waits for splunk"}
    assert 10 <= len(started) <= 12
    assert watching.asked_behind == len(started)


def test_the_record_is_written_before_the_first_look_and_then_rarely(watching):
    watching.turns.take()
    assert watching.ledger.written == 1
    watching.pass_by(timedelta(hours=1))
    assert watching.ledger.written <= timedelta(hours=1) / HAND_OVER_EVERY + 2
    assert watching.now - watching.kept.looked_at <= HAND_OVER_EVERY + 2 * EVERY


def test_the_record_says_at_once_that_looks_fail_and_that_they_go_well_again(watching):
    watching.sees = [set(), UnavailableError("down"), UnavailableError("down")]
    watching.turn()
    failed_at = watching.now
    watching.turn()
    watching.turn()
    assert (watching.kept.failing_since, watching.kept.last_error) == (failed_at, "down")
    watching.turn()
    watching.turn()
    assert (watching.kept.failing_since, watching.kept.last_error) == (None, "")


def test_nothing_is_looked_at_that_a_process_after_this_one_would_not_know_of(watching):
    watching.ledger.down = True
    assert watching.turn().start == "a look failed"
    assert watching.looks == 0
