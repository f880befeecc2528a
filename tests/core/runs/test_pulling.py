"""How the runs that read a source ended, as their record says it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_provider.core.errors import ConfigurationError, FencedError, UnavailableError, WaitError
from audit_provider.core.ledger.health import MOST_OUTAGES, SourceHealth, standing
from audit_provider.core.ledger.records import MemoryLedger, source_record
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.model import Outage, utc_now
from audit_provider.core.runs.pulling import source_failures_kept

KEY = "audit_logs.p.source"
BEGAN = utc_now()


class Lines:
    """A log that keeps its warnings."""

    def __init__(self):
        self.warnings = []

    def warning(self, message, *arguments):
        self.warnings.append(message % arguments)


def run(ledger, run_id, error=None, *, minutes=0, log=None):
    """Let one try of a run end, well or with an error."""
    at = BEGAN + timedelta(minutes=minutes)

    def work():
        with source_failures_kept(ledger, "p", run_id=run_id, now=lambda: at, log=log or Lines()):
            if error:
                raise error

    if error:
        with pytest.raises(type(error)):
            work()
    else:
        work()
    return source_record(ledger, "p").load()


def test_the_tries_of_one_run_are_one_failure_and_the_first_says_since_when():
    ledger = MemoryLedger()
    down = UnavailableError("Pylon does not answer.")
    assert run(ledger, "r1", down).failures_in_a_row == 1
    assert run(ledger, "r1", down, minutes=1).failures_in_a_row == 1
    kept = run(ledger, "r2", ConfigurationError("no such host"), minutes=9)
    assert kept == SourceHealth(
        failures_in_a_row=2,
        failing_since=BEGAN,
        failed_at=BEGAN + timedelta(minutes=9),
        failed_run="r2",
        last_error="no such host",
    )


def test_a_run_that_ends_well_ends_the_failures_and_the_next_ones_write_nothing():
    ledger = MemoryLedger()
    run(ledger, "r1", UnavailableError("it is\n  down"))
    run(ledger, "r2", UnavailableError("it is\n  down"), minutes=4)
    ended = run(ledger, "r3", minutes=5)
    outage = Outage(BEGAN, BEGAN + timedelta(minutes=5), 2, "it is down")
    assert ended == SourceHealth(outages=(outage,))
    ledger.write = None  # a write would fail
    assert run(ledger, "r4", minutes=9) == ended


def test_the_last_outages_are_remembered_while_the_next_one_lasts():
    ledger = MemoryLedger()
    for number in range(MOST_OUTAGES + 2):
        run(ledger, "down", UnavailableError("down"), minutes=2 * number)
        kept = run(ledger, "up", minutes=2 * number + 1)
    begun = [(each.began - BEGAN) // timedelta(minutes=2) for each in kept.outages]
    assert begun == list(range(2, MOST_OUTAGES + 2)), "the oldest are dropped"
    assert run(ledger, "r", UnavailableError("down"), minutes=99).outages == kept.outages


def test_what_an_earlier_version_has_left_is_read_and_an_outage_without_a_beginning_is_none():
    ledger = MemoryLedger({KEY: '{"failures_in_a_row": 3, "last_error": "down", "version": 1}'})
    assert run(ledger, "r") == SourceHealth()


@pytest.mark.parametrize("error", [WaitError("later", until=BEGAN), FencedError("another run has written")])
def test_a_wait_is_neither_a_failure_nor_an_end_and_so_is_a_run_that_comes_late(error):
    ledger = MemoryLedger()
    assert run(ledger, "r1", error) is None
    run(ledger, "r2", UnavailableError("down"))
    assert run(ledger, "r3", error).failures_in_a_row == 1


def test_an_unexpected_error_is_recorded_by_its_type_alone():
    kept = run(MemoryLedger(), "r", ValueError("token=canary"))
    assert kept.last_error == "The pull task ended with an unexpected ValueError: see its log."


@pytest.mark.parametrize("error", [None, UnavailableError("down")])
def test_a_record_that_cannot_be_written_decides_no_run(error):
    class Broken(MemoryLedger):
        def write(self, key, text, description=""):
            raise UnavailableError("the database is down")

    log = Lines()
    run(Broken(), "r", error, log=log)
    assert log.warnings == ["How this run ended is not recorded for the page: the database is down"]


def test_a_long_error_is_cut():
    assert len(run(MemoryLedger(), "r", UnavailableError("x" * 9000)).last_error) == 500


def test_the_key_is_one_of_the_grammar():
    assert str(RecordKey("source", StreamName("p"))) == KEY
    assert RecordKey.parsed(KEY) == RecordKey("source", StreamName("p"))


def test_failures_end_where_the_source_was_read_to_its_end_later():
    minute = timedelta(minutes=1)
    failed = SourceHealth(2, BEGAN - 9 * minute, BEGAN, "r", "down")
    outage = Outage(BEGAN - 9 * minute, BEGAN, 2, "down", at_least=True)
    assert standing(failed, BEGAN + minute) == SourceHealth(outages=(outage,)), "nobody knows when it ended exactly"
    assert standing(failed, BEGAN - minute) == standing(failed, BEGAN) == standing(failed, None) == failed
    assert standing(SourceHealth(), BEGAN) == SourceHealth()
