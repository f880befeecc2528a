"""Faults planted in the product: some history finds each, so a fault of its kind would be found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from audit_provider.core.errors import AuditError
from audit_provider.core.runs import retention
from audit_provider.core.runs.attempt import Keeper
from audit_provider.core.spool import KnownEvents, Stream
from audit_provider.core.streams import offset_in_chain
from tests.fuzz.histories import kept
from tests.fuzz.histories.test_histories import Histories
from tests.fuzz.histories.world import World


def retention_that_waits_for_nobody(patch):
    """It removes what a destination has not got."""
    patch.setattr(retention, "_finished", lambda opened, destinations: opened.head.number - 1)


def retention_that_trusts_numbers(patch):
    """It takes a segment for shipped by its number, although a late run has replaced the one that was."""
    patch.setattr(retention, "holds_passed", lambda stream, head, offset: True)


def offset_that_trusts_its_number(patch):
    """It stays where it is although a late run has replaced the segments that it counts."""
    patch.setattr(offset_in_chain, "_moved_back", lambda stream, walk, head, offset: replace(offset, passed=""))


def letters_that_are_not_kept(patch):
    """What a destination refuses is counted and dropped."""
    patch.setattr(Keeper, "set_aside", lambda self, refused: None)


def nothing_is_known(patch):
    """What is met again is spooled again."""
    patch.setattr(KnownEvents, "admit", lambda self, events: list(events))


def segment_that_is_passed_over(patch):
    """Each eighth segment is not read."""
    whole = Stream.events
    patch.setattr(Stream, "events", lambda self, one: [] if one.number % 8 == 0 else whole(self, one))


@pytest.mark.parametrize(
    "fault",
    [
        retention_that_waits_for_nobody,
        letters_that_are_not_kept,
        nothing_is_known,
        segment_that_is_passed_over,
    ],
    ids=lambda each: each.__name__,
)
def test_a_planted_fault_is_found(fault, monkeypatch):
    fault(monkeypatch)
    tried = settings(
        settings.get_profile("fuzz"),
        derandomize=True,
        max_examples=300,
        stateful_step_count=20,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises((AssertionError, AuditError)):
        run_state_machine_as_test(Histories, settings=tried)


@pytest.mark.parametrize(
    ("fault", "history"),
    [
        (offset_that_trusts_its_number, kept.late_run),
        (retention_that_trusts_numbers, kept.late_run_and_days_without_shipping),
    ],
    ids=lambda each: each.__name__,
)
def test_a_planted_fault_is_found_by_a_history_that_is_kept(fault, history, monkeypatch, tmp_path):
    fault(monkeypatch)
    found = World(tmp_path)
    history(found)
    with pytest.raises(AssertionError):
        found.check_settled(found.settle())
