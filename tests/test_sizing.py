"""The sizing page: its tables are those of the simulation, and the simulation behaves as queues do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.sizing import PAGE, Costs, Load, simulate, smallest, written


def test_the_tables_are_fresh():
    text = PAGE.read_text(encoding="utf-8")
    assert written(text) == text, "run python -m benchmarks.sizing"


def test_more_slots_never_make_it_slower_and_too_few_are_all_in_use():
    load = Load(100, 1e7)
    found = [simulate(load, slots, Costs(), hours=2) for slots in (2, 8, 32)]
    assert found[0].delay > found[1].delay >= found[2].delay
    assert found[0].used > 0.95 > found[2].used


def test_a_longer_schedule_needs_fewer_slots():
    load = Load(200, 1e7)
    assert smallest(replace(load, interval=30), Costs()).slots < smallest(load, Costs()).slots


def test_a_pipeline_at_its_vendors_limit_is_named():
    with pytest.raises(ValueError, match="vendor's limit"):
        smallest(Load(1, 2e8), Costs())


def test_the_oldest_events_of_a_run_have_waited_longest():
    found = simulate(Load(1, 1e5, interval=10), 4, Costs())
    assert 0.95 * 600 <= found.delay <= 600, "nineteen of twenty, not the mean of each run"


def test_a_slow_vendor_costs_its_wait():
    load = Load(1, 30 * 1000 * 288)  # thirty pages a run of five minutes
    delays = [simulate(load, 4, replace(Costs(), pages_a_minute=pages)).delay for pages in (60, 10)]
    assert delays[1] - delays[0] >= 60
