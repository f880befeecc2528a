"""What means "later": by the class of a status, and by a service's own words."""

from __future__ import annotations

import pytest

from audit_provider.core.wire.answer import Answer
from audit_provider.core.wire.later import LATER, fault_said, is_slow_down, limit_said, means_later


def test_every_5xx_but_two_means_later():
    assert [status for status in range(500, 600) if not means_later(status)] == [501, 505]
    assert [status for status in range(100, 500) if means_later(status)] == [408, 425, 429]
    assert {status for status in range(1000) if means_later(status)} == LATER


@pytest.mark.parametrize(
    ("status", "headers", "slow"),
    [
        (403, {"Retry-After": "7"}, True),
        (403, {"x-ms-retry-after-ms": "7"}, True),
        (403, {"RateLimit": '"default";r=0;t=4'}, True),
        (403, {"X-Ratelimit-Auth-Token-Remaining": "0"}, True),
        (403, {"X-RateLimit-Remaining": "1"}, False),
        (403, {}, False),
        (400, {"Retry-After": "7"}, True),
        (400, {"X-RateLimit-Remaining": "0"}, False),
        (413, {"Retry-After": "7"}, False),
        (401, {"Retry-After": "7"}, False),
    ],
)
def test_a_4xx_that_names_a_wait_is_a_429(status, headers, slow):
    assert is_slow_down(Answer(status, headers, b"", "GET /x")) is slow


@pytest.mark.parametrize(
    "text",
    [
        "You have exceeded a secondary rate limit. Please wait.",
        "REQUEST_LIMIT_EXCEEDED",
        "TotalRequests Limit exceeded.",
        "rateLimitExceeded",
        "rate_limited",
        "RATE_LIMIT",
        "too_many_requests",
        "ThrottlingException",
        "RESOURCE_EXHAUSTED",
        "API calls quota exceeded! maximum admitted 100 per Minute.",
    ],
)
def test_usual_words_for_a_limit_are_known(text):
    assert limit_said(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You may not view rate limits.",
        "page size exceeds the request limit of 100",
        "invalid value for rate_limit_policy",
        "admin rights needed",
    ],
)
def test_other_words_are_no_limit(text):
    assert not limit_said(text)


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("internal_error", True),
        ("InternalServerError", True),
        ("service_unavailable", True),
        ("temporarily_unavailable", True),
        ("UNAVAILABLE", True),
        ("request_timeout", True),
        ("DEADLINE_EXCEEDED", True),
        ("fatal_error", True),
        ("try_again_later", True),
        ("invalid_auth", False),
        ("feature_unavailable_in_plan", False),
        ("timeout_setting_invalid", False),
        ("", False),
    ],
)
def test_usual_codes_of_faults_that_pass_are_known(code, passes):
    assert fault_said(code) is passes
