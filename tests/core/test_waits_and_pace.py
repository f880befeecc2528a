"""Waiting as the service asks, and staying within its budget."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from audit_provider.core.rate_limit import Pacer, RateLimit
from audit_provider.core.waits import LONGEST_WAIT, remaining_requests, wait_asked

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"X-Retry-After": "12", "Retry-After": "99"}, 12),
        ({"Retry-After": "Sun, 01 Mar 2026 10:00:30 GMT"}, 30),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 45)}, 45),
        ({"X-Rate-Limit-Reset": str(int(NOW.timestamp() * 1000) + 45_000)}, 45),
        ({"X-RateLimit-Reset": "2026-03-01T10:01:00Z"}, 60),
        ({"X-RateLimit-Reset": "0.25"}, 0.25),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "999999"}, LONGEST_WAIT),
        ({"Retry-After": "Sun, 01 Mar 2026 09:00:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_every_form_of_wait_is_read(headers, seconds):
    assert wait_asked(CaseInsensitiveDict(headers), NOW) == seconds


def test_the_end_of_the_budgets_period_may_be_left_out():
    headers = CaseInsensitiveDict({"X-RateLimit-Reset": "40", "Retry-After": "3"})
    assert wait_asked(headers, NOW, resets=False) == 3
    del headers["Retry-After"]
    assert wait_asked(headers, NOW, resets=False) is None
    assert wait_asked(headers, NOW) == 40


@given(st.text())
def test_no_header_breaks_the_reading(text):
    seconds = wait_asked({"Retry-After": text, "X-RateLimit-Reset": text}, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT
    assert remaining_requests({"X-Rate-Limit-Remaining": text}) is None or text.strip()[:1].isdigit()


class Clock:
    def __init__(self):
        self.now = NOW

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)


def pacer(clock, limit, history=()):
    return Pacer(limit, history=history, sleep=clock.sleep, now=lambda: clock.now)


@given(st.integers(1, 12), st.lists(st.floats(0, 30), max_size=60))
def test_no_period_ever_holds_more_than_the_budget_across_processes(budget, pauses):
    clock, sent, history = Clock(), [], ()
    for number, pause in enumerate(pauses):
        if number % 7 == 0:
            process = pacer(clock, RateLimit(budget, 60), history)
        clock.sleep(pause)
        process.wait()
        sent.append(clock.now)
        history = process.history
    for at in sent:
        assert sum(at - timedelta(seconds=60) < other <= at for other in sent) <= budget


def test_a_budget_not_used_up_costs_no_wait():
    clock = Clock()
    process = pacer(clock, RateLimit(10, 60))
    for _ in range(10):
        process.wait()
    assert clock.now == NOW
    process.wait()
    assert 60 <= (clock.now - NOW).total_seconds() < 61


def test_a_service_that_says_none_is_left_is_believed():
    clock = Clock()
    process = pacer(clock, RateLimit(10, 60))
    process.wait()
    process.observe({"X-Rate-Limit-Remaining": "0"})
    process.wait()
    assert clock.now >= NOW + timedelta(seconds=60)


def test_requests_stamped_by_a_wrong_clock_do_not_block():
    clock = Clock()
    process = pacer(clock, RateLimit(1, 60), history=[NOW + timedelta(days=1)])
    process.wait()
    assert clock.now == NOW


def test_a_share_leaves_at_least_one_request():
    assert RateLimit(10).share(0.8) == RateLimit(8)
    assert RateLimit(10).share(0.01) == RateLimit(1)


def test_what_the_service_says_is_left_is_waited_for_as_long_as_it_says():
    clock = Clock()
    hourly = pacer(clock, RateLimit(1750, 3600))
    hourly.wait()
    reset = str(int(NOW.timestamp()) + 17)
    hourly.observe(CaseInsensitiveDict({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}))
    hourly.wait()
    assert (clock.now - NOW).total_seconds() == 17
    hourly.observe(CaseInsensitiveDict({"X-RateLimit-Remaining": "0"}))
    hourly.wait()
    assert (clock.now - NOW).total_seconds() > 3500, "without a word of its end, a whole period"
