"""The speed page quotes one run: it keeps the bounds of the code."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as bench
from benchmarks.page import BOUND as PAGE_BOUND
from benchmarks.page import PageTimes

KEPT = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
BOUNDS = {
    **bench.BOUNDS,
    **{f"memory_{name}": bench.MEMORY_BOUND for name in bench.WHOLE if name != "hive"},
    **{f"parse_{pipelines}": bound for pipelines, bound in bench.PARSE_BOUNDS.items()},
    "concurrency": bench.GAIN_BOUND,
}


@pytest.mark.parametrize("name", KEPT["rows"])
def test_the_kept_run_kept_the_bounds_of_today(name):
    found = KEPT["rows"][name]
    bound = PAGE_BOUND if name.startswith("page_") else BOUNDS.get(name)
    row = bench.Row(name, name, found["value"], bound, least=name == "concurrency")
    assert row.holds, f"broken: {row}"


def test_the_kept_run_is_a_whole_one():
    assert (KEPT["rounds"], KEPT["events"]) == (bench.ROUNDS, bench.EVENTS)
    assert KEPT["rows"].keys() >= BOUNDS.keys()


@pytest.mark.parametrize("slow", ["usual", "first_cpu", "worst_cpu"])
def test_each_time_of_the_page_that_the_bound_covers_is_held_against_it(slow):
    times = dict.fromkeys(("first", "first_cpu", "usual", "worst", "worst_cpu", "collection", "kilobytes"), 1.0)
    measured = PageTimes("/x", **{**times, slow: PAGE_BOUND + 1})
    assert measured.held == PAGE_BOUND + 1
    assert not measured.holds
