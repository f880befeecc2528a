"""What AWS services and those with S3's API answer and expect: error codes by class, and the checksum of a PUT.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from audit_provider.core.wire.later import means_later
from audit_provider.core.wire.redacting import MASK
from audit_provider.core.wire.waits import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLOCK_WORDS = (
    "the clock of this machine is wrong by more than 15 minutes, or the upload took longer than that: set the clock "
    "(NTP), or check why the network is slow"
)
"""What to do if a request is refused because of its time."""

SESSION_WORDS = "the session of the aws connection has expired: put a new session token into it, or use a role"
"""What to do if the temporary credential is refused because it has expired."""

_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_CLOCK_SAID = re.compile(r"signature (?:expired|not yet current)", re.IGNORECASE)
_SESSION = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_PASSING = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "OperationAborted",
        "PriorRequestNotComplete",
        "TemporaryRedirect",
        "XAmzContentSHA256Mismatch",
    }
)
_PASSING_SAID = re.compile(
    r"throttl|slow_?down|too_?many_?requests|limit_?exceeded|time_?out|internal_?(?:error|failure)|unavailable|busy",
    re.IGNORECASE,
)
"""Parts of codes, as services add new ones: ``ThrottlingException``, ``SlowDownRead``, ``RequestLimitExceeded``."""

_SECRET = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
"""The form of a secret key or a session token, which a service may quote."""

_WORDS_SHOWN = 200
_CLOCK_TRIES = 3
_MOST_OFF = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AwsError:
    """An error that the service answered with.

    :ivar status: HTTP status; 0 if it is not known.
    :ivar is_clock: The request's time was refused.
    :ivar is_session: A temporary credential has expired.
    :ivar is_passing: The same request may succeed later.
    :ivar code: The service's code, else the status; for a web page, it says so.
    :ivar message: The service's own sentence, cut off; "" if there is none.
    :ivar is_foreign: The answer has no error document of the service, so for a request with a body it comes from a
        proxy or load balancer in between. An answer to a HEAD never has one.
    """

    code: str
    status: int
    is_clock: bool
    is_session: bool
    is_passing: bool
    message: str = ""
    is_foreign: bool = False

    @property
    def said(self) -> str:
        """Code and message."""
        return f"{self.code}: {self.message}" if self.message and not self.is_foreign else self.code or str(self.status)


def aws_error_of(error: Any, now: datetime | None = None) -> AwsError:
    """Return what is known of a botocore ``ClientError``.

    :param now: aware UTC; used to detect a wrong clock if the answer has no code, like an answer to a HEAD.
    """
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    is_clock = code in _CLOCK or bool(_CLOCK_SAID.search(str(details.get("Message", ""))))
    if status == 403 and code.isdigit() and now is not None:
        is_clock = is_clock or _is_off(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}), now)
    is_passing = code in _PASSING or bool(_PASSING_SAID.search(code)) or means_later(status) or status == 409
    message = _SECRET.sub(MASK, " ".join(str(details.get("Message", "")).split()))[:_WORDS_SHOWN]
    is_foreign = bool(status) and code in ("", str(status))
    if is_foreign and is_web_page(error.response):  # botocore calls a 200 whose body is not XML a 500
        code = f"{code or status}, with a web page"
    return AwsError(code, status, is_clock, code in _SESSION, is_clock or is_passing, message, is_foreign)


def is_web_page(answer: Mapping[str, Any]) -> bool:
    """Whether a successful answer, as boto3 returns it, is a login page or another page in the place of S3's answer.

    A stored object may be such a page too; it has an ``ETag``.
    """
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    is_page = str(headers.get("content-type", "")).lower().startswith("text/html")
    return is_page and "etag" not in headers and headers.get("content-length") != "0"


def _is_off(headers: Mapping[str, str], now: datetime) -> bool:
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError):
        return False
    return theirs.tzinfo is not None and abs(theirs - now) > _MOST_OFF


def in_time(call: Callable[[], Any], sleep: Callable[[float], None]) -> Any:
    """Return the result of ``call``, which is repeated if its time is refused, because each call signs anew.

    :param sleep: called with seconds.
    :raises ClientError: the service refuses it for another reason, or because of its time at every try.
    """
    from botocore.exceptions import ClientError

    for failures in range(1, _CLOCK_TRIES + 1):
        try:
            return call()
        except ClientError as error:
            if failures == _CLOCK_TRIES or not aws_error_of(error).is_clock:
                raise
            sleep(backoff(failures))
    raise AssertionError


def checksum_of(body: bytes) -> dict[str, str]:
    """Return the arguments of boto3's ``put_object`` that give the checksum of ``body``."""
    crc = zlib.crc32(body).to_bytes(4, "big")
    return {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": base64.b64encode(crc).decode()}
