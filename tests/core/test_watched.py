"""Which sources can be watched, what of the budget looks have, and the sweep."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.model import utc_now
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.source_reading import Pacers
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.watched import (
    LEAST_REQUESTS,
    LOOK_EVERY,
    budget_beside_looks,
    budget_of_looks,
    refuse_unwatchable,
    sweep_of,
    time_between_looks,
)
from audit_provider.core.wire.rate_limit import Pacer, RateLimit

LIMITS = st.builds(RateLimit, st.integers(LEAST_REQUESTS, 100_000), st.floats(0.5, 86_400))


@given(LIMITS)
def test_looks_and_tasks_together_keep_to_the_budget(limit):
    looks, tasks = budget_of_looks(limit), budget_beside_looks(limit)
    assert looks.requests >= 1
    assert tasks.requests >= 2
    # As many as can lie in one period of the whole, for a pacer keeps a little beyond the period that it is given.
    most = looks.requests * math.ceil(limit.per / (looks.per + 0.1)) if looks.per < limit.per else looks.requests
    assert most + tasks.requests <= limit.requests


@given(LIMITS, st.lists(st.floats(0, 200), max_size=60))
def test_no_period_has_more_looks_than_their_part(limit, pauses):
    now = [utc_now()]

    def sleep(seconds):
        now[0] += timedelta(seconds=seconds)

    pacer, sent = Pacer(budget_of_looks(limit), sleep=sleep, now=lambda: now[0]), []
    for pause in pauses:
        sleep(pause)
        pacer.wait()
        sent.append(now[0])
    part = limit.requests - budget_beside_looks(limit).requests
    for first in sent:
        assert sum(first <= each < first + timedelta(seconds=limit.per) for each in sent) <= part


def test_the_tasks_of_a_watched_pipeline_are_paced_to_the_rest():
    spec = replace(REGISTRY["pylon"], rate_limit=RateLimit(60, 60))

    def sent_at_once(*, watched):
        slept = []
        now = utc_now()

        def sleep(seconds):
            slept.append(seconds)
            raise TimeoutError

        pacer = Pacers(MemoryLedger(), "p", "polling", {}, share=0.5, watched=watched, sleep=sleep, now=lambda: now).of(
            spec
        )
        count = 0
        while not slept:
            with suppress(TimeoutError):
                pacer.wait()
                count += 1
        return count

    assert sent_at_once(watched=False) == 60
    assert sent_at_once(watched=True) == 60 - budget_of_looks(spec.rate_limit).requests


@pytest.mark.parametrize(
    ("limit", "seconds"), [((10_000, 1), 5), ((60, 60), 5), ((10, 60), 30), ((100, 3600), 144), ((3, 60), 60)]
)
def test_looks_come_every_few_seconds_or_as_the_budget_allows(limit, seconds):
    spec = replace(REGISTRY["pylon"], rate_limit=RateLimit(*limit))
    assert time_between_looks(spec) == timedelta(seconds=seconds) >= LOOK_EVERY


def _is_costly(spec):
    return spec.export is not None or spec.polling is not None


@pytest.mark.parametrize("name", [name for name, spec in REGISTRY.items() if _is_costly(spec)])
def test_a_source_is_refused_of_which_a_look_would_fetch_files_or_run_a_query(name):
    with pytest.raises(ConfigurationError, match=r"^p\.watch: .* remove 'watch', the pipeline runs by its schedule$"):
        refuse_unwatchable(REGISTRY[name], "p.watch")


@pytest.mark.parametrize("name", [name for name, spec in REGISTRY.items() if not _is_costly(spec)])
def test_every_other_source_can_be_watched_if_its_budget_has_room(name):
    limit, spec = RateLimit(60), REGISTRY[name]
    recovery = replace(spec.recovery, rate_limit=limit) if spec.recovery else None
    refuse_unwatchable(replace(spec, rate_limit=limit, recovery=recovery), "p.watch")


DESTINATIONS = {"splunk": {"type": "splunk_hec"}}


def pipeline(**entry):
    return pipeline_from("p", {"source": "pylon", "destinations": DESTINATIONS, **entry})


def test_a_watched_pipeline_runs_hourly_at_a_minute_of_its_own():
    assert pipeline(watch=True).schedule == sweep_of("p")
    assert pipeline().schedule == "*/5 * * * *"
    assert len({sweep_of(f"p{number}") for number in range(500)}) > 40


@pytest.mark.parametrize("schedule", ["@hourly", "*/5 * * * *", "0,50 * * * *", "7 * * * *"])
def test_a_sweep_of_ones_own_may_be_more_frequent(schedule):
    assert pipeline(watch=True, schedule=schedule).schedule == schedule


@pytest.mark.parametrize("schedule", [None, "@daily", "0 */2 * * *", "0 8-18 * * *", "* * * * 1-5", "0 * 1 * *"])
def test_a_sweep_that_is_less_than_hourly_is_refused(schedule):
    with pytest.raises(ConfigurationError, match=r"p\.schedule: a watched pipeline needs a run at least every hour"):
        pipeline(watch=True, schedule=schedule)


def test_a_budget_without_room_is_refused():
    with pytest.raises(ConfigurationError, match=r"p\.watch: the budget of Pylon.* 2 requests in 60 s, has no room"):
        pipeline(watch=True, rate_limit={"requests": 2, "per": 60})
