"""What the error codes of S3 and its kin mean, by class."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from botocore.exceptions import ClientError

from audit_provider.core.wire.aws import aws_error_of

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


def error(code, status=400, message="", **headers):
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
        },
        "PutObject",
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("SlowDown", 503),
        ("ServiceUnavailable", 503),
        ("InternalError", 500),
        ("RequestTimeout", 400),
        ("Throttling", 400),
        ("KMS.ThrottlingException", 400),
        ("RequestLimitExceeded", 400),
        ("TooManyRequests", 429),
        ("TemporaryRedirect", 307),
        ("ConditionalRequestConflict", 409),
        ("AnythingNew", 522),
    ],
)
def test_a_passing_error_is_one(code, status):
    found = aws_error_of(error(code, status))
    assert (found.is_passing, found.is_clock, found.is_session) == (True, False, False)


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("NoSuchBucket", 404), ("NotImplemented", 501), ("InvalidRequest", 400)]
)
def test_a_lasting_error_is_none(code, status):
    found = aws_error_of(error(code, status))
    assert (found.is_passing, found.is_clock, found.is_session) == (False, False, False)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", ""),
        ("RequestExpired", ""),
        ("InvalidSignatureException", "Signature expired: 20260301T000000Z is now earlier than 20260301T001500Z"),
        ("SignatureDoesNotMatch", "Signature not yet current: 20260301T000000Z is still later than 20260228T230000Z"),
    ],
)
def test_a_wrong_clock_passes_with_the_next_signature(code, message):
    found = aws_error_of(error(code, 403, message))
    assert (found.is_clock, found.is_passing) == (True, True)


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"])
def test_a_session_that_has_ended_does_not_pass(code):
    found = aws_error_of(error(code))
    assert (found.is_session, found.is_passing) == (True, False)


@pytest.mark.parametrize(("off", "is_clock"), [(16, True), (-16, True), (14, False), (None, False)])
def test_a_wrong_clock_is_found_where_the_answer_to_a_head_has_no_code(off, is_clock):
    told = {} if off is None else {"date": format_datetime(NOW + timedelta(minutes=off), usegmt=True)}
    assert aws_error_of(error("403", 403, **told), NOW).is_clock is is_clock
    assert not aws_error_of(error("404", 404, **told), NOW).is_clock
    assert not aws_error_of(error("AccessDenied", 403, **told), NOW).is_clock
