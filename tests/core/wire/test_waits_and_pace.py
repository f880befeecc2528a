"""Waiting as the service asks, and staying within its budget."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from audit_provider.core.wire.rate_limit import Pacer, RateLimit
from audit_provider.core.wire.waits import LONGEST_WAIT, Waits, duration_from, remaining_requests, wait_asked, waits_in

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


EPOCH = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30, 30", 30),
        ("30,120", 120),
        ("7 , 3,", 7),
        ("30s", 30),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("6m0s", 360),
        ("1h2m3.5s", 3600),
        ("2 minutes", 120),
        ("PT1M30S", 90),
        ('"42"', 42),
        ("42;w=60", 42),
        ("2026-03-01 10:00:42 UTC", 42),
        ("2026-03-01T10:00:42,500Z", 42.5),
        ("2026-03-01T11:00:42+01:00", 42),
        ("Sunday, 01-Mar-26 10:00:42 GMT", 42),
        ("Sun Mar  1 10:00:42 2026", 42),
        ("Sun, 01 Mar 2026 10:00:12 GMT, Sun, 01 Mar 2026 10:00:42 GMT", 42),
        (f"{EPOCH + 42}000000", 42),
        (f"{EPOCH + 42}000000000", 42),
    ],
)
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset", "X-Acme-Rate-Limit-Login-Reset"])
def test_a_wait_has_many_forms_under_every_name(header, text, seconds):
    assert waits_in({header: text}, NOW) == Waits(seconds)


@pytest.mark.parametrize(
    ("header", "text", "seconds"),
    [
        ("Retry-After-Ms", "1500", 1.5),
        ("x-ms-retry-after-ms", "1500", 1.5),
        ("X-RateLimit-Reset-Ms", "1500", 1.5),
        ("X-RateLimit-Reset-Ms", f"{EPOCH + 42}000", 42),
        ("X-RateLimit-Reset-After", "1.25", 1.25),
        ("X-Ratelimit-Auth-Token-Reset", str(EPOCH + 42), 42),
        ("X-RateLimit-Requests-Reset", f"{EPOCH + 42}000", 42),
        ("x-ratelimit-reset-requests", "1s", 1),
        ("X_Rate_Limit_Reset", "42", 42),
        ("RateLimit", '"default";r=0;t=42', 42),
        ("ratelimit", "default;r=0;t=42", 42),
        ("RateLimit", '"hour";r=900;t=3000, "minute";r=0;t=12', 12),
        ("RateLimit", '"minute";r=0;t=12, "day";r=0;t=300', 300),
        ("RateLimit", "limit=100, remaining=0, reset=42", 42),
        ("RateLimit", '"burst";r=3;t=9', 9),
    ],
)
def test_a_wait_is_found_under_the_vendors_own_names(header, text, seconds):
    assert waits_in({header: text}, NOW) == Waits(seconds)


@pytest.mark.parametrize(
    ("headers", "unread", "seconds"),
    [
        ({"Retry-After": "soon"}, ("Retry-After",), None),
        ({"Retry-After": "-5"}, ("Retry-After",), None),
        ({"Retry-After": "30, soon"}, ("Retry-After",), 30),
        ({"X-RateLimit-Reset": "1_000"}, ("X-RateLimit-Reset",), None),
        ({"X-RateLimit-Reset": "n/a"}, ("X-RateLimit-Reset",), None),
        ({"RateLimit": "r=0 t=42"}, ("RateLimit",), None),
        ({"RateLimit": "\u0664"}, ("RateLimit",), None),
        ({"Retry-After": ""}, (), None),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "40"}, (), 40),
        ({"Retry-After": "soon", "Retry-After-Ms": "1500"}, (), 1.5),
        ({"RateLimit-Policy": '"default";q=100;w=60', "RateLimit-Limit": "100, 100;w=60"}, (), None),
    ],
)
def test_a_wait_that_is_not_understood_is_named(headers, unread, seconds):
    found = waits_in(headers, NOW)
    assert (found.unread, found.seconds) == (unread, seconds)


@pytest.mark.parametrize(
    ("headers", "left", "seconds"),
    [
        (
            {
                "X-RateLimit-Reset": "9",
                "X-RateLimit-Remaining": "80",
                "X-RateLimit-Login-Reset": "50",
                "X-RateLimit-Login-Remaining": "0",
            },
            0,
            50,
        ),
        ({"x-ratelimit-reset-a": "1s", "x-ratelimit-remaining-a": "1", "x-ratelimit-reset-b": "20s"}, 1, 20),
        ({"X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "40"}, 4, 40),
        ({"X-RateLimit-Remaining-Minute": "0"}, 0, 60),
        ({"X-Acme-RateLimit-Daily-Remaining": "0"}, 0, LONGEST_WAIT),
        ({"X-RateLimit-Remaining": "0", "X-Acme-Rate-Limit-Reset": "7"}, 0, 7),
        ({"X-RateLimit-Remaining": "0, 0"}, 0, None),
        ({"X-RateLimit-Remaining": "5, 0"}, 0, None),
        ({"RateLimit": '"a";r=7;t=3, "b";r=2;t=8'}, 2, 3),
        ({"X-Sentry-Rate-Limit-ConcurrentRemaining": "0"}, None, None),
        ({"X-RateLimit-Remaining": "many"}, None, None),
    ],
)
def test_of_several_limits_the_one_that_is_used_up_says_how_long(headers, left, seconds):
    assert remaining_requests(headers) == left
    assert waits_in(headers, NOW).seconds == seconds


@pytest.mark.parametrize("text", ["", "soon", "5", "5 apples", "m5", "P", "1m30", "-5s"])
def test_what_is_no_duration_is_none(text):
    assert duration_from(text) is None


def test_the_end_of_the_budgets_period_may_be_left_out():
    headers = CaseInsensitiveDict({"X-RateLimit-Reset": "40", "Retry-After": "3"})
    assert wait_asked(headers, NOW, resets=False) == 3
    del headers["Retry-After"]
    assert wait_asked(headers, NOW, resets=False) is None
    assert wait_asked(headers, NOW) == 40


@given(st.text())
def test_no_header_breaks_the_reading(text):
    seconds = wait_asked({"Retry-After": text, "X-RateLimit-Reset": text, "RateLimit": text}, NOW)
    assert seconds is not None or not text.strip() or waits_in({"Retry-After": text}, NOW).unread
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


@pytest.mark.parametrize("reset", ["soon", "17, soon"])
def test_an_end_of_the_period_that_is_not_understood_is_a_whole_period(reset):
    clock = Clock()
    process = pacer(clock, RateLimit(10, 60))
    process.wait()
    process.observe({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    process.wait()
    assert (clock.now - NOW).total_seconds() >= 60


def test_the_structured_header_paces_before_the_429():
    clock = Clock()
    process = pacer(clock, RateLimit(10, 60))
    process.wait()
    process.observe({"RateLimit": '"default";r=0;t=17'})
    process.wait()
    assert (clock.now - NOW).total_seconds() == 17
