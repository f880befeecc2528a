"""How a service writes: times, records and answers, in all forms that a reader may meet."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from random import Random
from typing import Any

from audit_provider.core.model import UTC

TIMES = {
    "rfc3339": lambda t: f"{t:%Y-%m-%dT%H:%M:%SZ}",
    "offset": lambda t: f"{t.astimezone(timezone(timedelta(hours=2))):%Y-%m-%dT%H:%M:%S}+02:00",
    "short offset": lambda t: f"{t.astimezone(timezone(timedelta(hours=-5))):%Y-%m-%dT%H:%M:%S}-0500",
    "no zone": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}",
    "milliseconds": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.000Z",
    "microseconds": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.000000Z",
    "nanoseconds": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.000000000Z",
    "comma": lambda t: f"{t:%Y-%m-%dT%H:%M:%S},000Z",
    "space": lambda t: f"{t:%Y-%m-%d %H:%M:%S}Z",
    "UTC": lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC",
    "small letters": lambda t: f"{t:%Y-%m-%dt%H:%M:%S}z",
    "epoch": lambda t: int(t.timestamp()),
    "epoch text": lambda t: str(int(t.timestamp())),
    "epoch with a fraction": lambda t: t.timestamp(),
    "epoch_ms": lambda t: int(t.timestamp()) * 1000,
    "epoch_us": lambda t: int(t.timestamp()) * 1_000_000,
    "epoch_ns": lambda t: int(t.timestamp()) * 1_000_000_000,
    "14 digits": lambda t: f"{t:%Y%m%d%H%M%S}",
    "14 digits and more": lambda t: f"{t:%Y%m%d%H%M%S}.000",
    "basic": lambda t: f"{t:%Y%m%dT%H%M%SZ}",
    "RFC 2822": lambda t: format_datetime(t, usegmt=True),
}
"""Forms of a record's time."""

NO_TIMES = {"null": None, "words": "yesterday", "nothing": ""}
"""What stands there where there is no time."""

ODD = {
    "NaN": b"NaN",
    "-Infinity": b"-Infinity",
    "raw tab": b'"a\tb"',
    "raw newline": b'"a\nb"',
    "bad escape": b'"it\\\'s \\x41"',
    "leading zero": b"007",
    "levels": b"[" * 200 + b"]" * 200,
    "deep": b"[" * 5000 + b"]" * 5000,
    "bad UTF-8": b'"\xff\xfe"',
    "half a pair": b'"\\ud83d"',
    "long number": b"9" * 5000,
}
"""Values that a record may hold, as they stand in the answer."""


class Writer:
    """Writes JSON in the way of one vendor.

    :param random: decides what is free.
    """

    def __init__(self, vendor: Any, random: Random) -> None:
        self._vendor = vendor
        self._random = random

    def json(self, value: Any) -> bytes:
        """Return ``value``; bytes in it stand as they are."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, dict):
            items = list(value.items())
            if self._vendor.keys != "as is":
                self._random.shuffle(items)
            inner = b",".join(
                self._gap() + self._text(key) + self._gap() + b":" + self._gap() + self.json(each)
                for key, each in items
            )
            return b"{" + inner + self._gap() + b"}"
        if isinstance(value, list):
            return b"[" + b",".join(self._gap() + self.json(each) for each in value) + self._gap() + b"]"
        return self._text(value) if isinstance(value, str) else json.dumps(value).encode()

    def _gap(self) -> bytes:
        match self._vendor.space:
            case "spaces":
                return b" " * self._random.randrange(3)
            case "lines":
                return b"\r\n" * self._random.randrange(2) + b"\t" * self._random.randrange(2)
        return b""

    def _text(self, text: str) -> bytes:
        match self._vendor.escapes:
            case "all":
                return b'"' + b"".join(b"\\u%04x" % ord(each) for each in text) + b'"'
            case "slashes":
                return json.dumps(text).replace("/", "\\/").encode()
            case "none":
                return json.dumps(text, ensure_ascii=False).encode()
        return json.dumps(text).encode()


def time_of(moment: datetime, form: str) -> Any:
    """Return a time in one of the forms."""
    if form in NO_TIMES:
        return NO_TIMES[form]
    return TIMES[form](moment)


BOUNDS = {
    "rfc3339_ms": "%Y-%m-%dT%H:%M:%S.%fZ",
    "rfc3339_no_zone": "%Y-%m-%dT%H:%M:%S",
    "datetime": "%Y-%m-%d %H:%M:%S",
}
"""How bounds in requests are written, where not as plain RFC 3339."""


def moment_from(text: str, form: str) -> datetime:
    """Return a bound of a request, as the source was told to write it.

    :raises ValueError: it is written otherwise.
    """
    match form:
        case "epoch":
            return datetime.fromtimestamp(int(text), UTC)
        case "epoch_ms":
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        case "date":
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        case "rfc3339_hour":
            # Such a service rounds to the nearest hour.
            return (moment_from(text, "rfc3339") + timedelta(minutes=30)).replace(minute=0, second=0)
    pattern = BOUNDS.get(form, "%Y-%m-%dT%H:%M:%SZ")
    return datetime.strptime(text, pattern).replace(tzinfo=UTC)


def put(content: dict[str, Any], path: str, value: Any) -> None:
    """Set what stands at a dotted path, making objects on the way; a dot of a key's own stands behind a backslash."""
    *keys, last = [each.replace("\0", ".") for each in path.replace("\\.", "\0").split(".")]
    for key in keys:
        content = content.setdefault(key, {})
    content[last] = value
