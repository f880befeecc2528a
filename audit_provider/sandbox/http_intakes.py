"""Read the bodies that HTTP receivers get, as strictly as the receivers do: one function for each kind."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit_provider.core.destinations.http_presets import PRESETS
from audit_provider.core.destinations.http_shapes import Frame, Sender
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import UTC, Fields, Origin

Entry = tuple[str, Any]
"""The event id that came with a stored item, and the item."""

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LINE_BYTES = 256 * 1024


class RefusedBodyError(Exception):
    """The body, or a part of it, is refused. :ivar stored: entries that are stored nevertheless."""

    def __init__(self, status: int, text: str, stored: list[Entry] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.stored = stored or []


@dataclass(frozen=True, slots=True)
class Intake:
    """One kind of receiver.

    :ivar types: content types that it reads. :ivar read: returns the entries to store, given body, time and wrapper.
    """

    types: tuple[str, ...]
    read: Callable[[bytes, datetime, str], list[Entry]]
    accepted: int = 200
    reply: Any = None


def _array(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    return _entries(_list(_json(body)))


def _wrapped(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    content = _json(body)
    if not isinstance(content, dict) or set(content) != {wrapper}:
        raise RefusedBodyError(400, f"an object with the key {wrapper} alone is expected")
    return _entries(_list(content[wrapper]))


def _lines(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    return _entries([_json(line) for line in body.split(b"\n") if line])


def _single(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    return _entries([_json(body)])


def _logscale(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    found = [_json(line) for line in body.split(b"\n") if line]
    for each in found:
        if not isinstance(each, dict) or "event" not in each or not isinstance(each.get("time"), (int, float)):
            raise RefusedBodyError(400, "an event has no 'event' or no 'time' in seconds")
        if each["time"] > 100_000_000_000:
            raise RefusedBodyError(400, "'time' is not in seconds")
    return [(str(each["fields"]["event_id"]), each) for each in found]


def _new_relic(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    """Read logs, and silently drop those older than 48 hours."""
    kept = []
    for log in _list(_json(body)):
        if not isinstance(log, dict) or not isinstance(log.get("timestamp"), int) or "message" not in log:
            raise RefusedBodyError(400, "a log needs 'timestamp' in milliseconds and 'message'")
        if datetime.fromtimestamp(log["timestamp"] / 1000, UTC) >= now - timedelta(hours=48):
            kept.append((str(log["attributes"]["event_id"]), log))
    return kept


def _loki(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    """Keep the valid entries of a request, and refuse the request with 400 if others are not valid."""
    content = _json(body)
    kept: list[Entry] = []
    wrong = ""
    for stream in _list(content.get("streams") if isinstance(content, dict) else None):
        labels = stream.get("stream")
        if not isinstance(labels, dict) or not 1 <= len(labels) <= 15:
            raise RefusedBodyError(400, "a stream needs 1 to 15 labels")
        if not all(_LABEL.fullmatch(name) and isinstance(value, str) for name, value in labels.items()):
            raise RefusedBodyError(400, "a label is malformed")
        for value in stream["values"]:
            fault = _loki_fault(value, now)
            wrong = wrong or fault
            if not fault:
                kept.append((value[2]["event_id"], (tuple(sorted(labels.items())), value[0], value[1])))
    if wrong:
        raise RefusedBodyError(400, wrong, kept)
    return kept


def _loki_fault(value: Any, now: datetime) -> str:
    if not isinstance(value, list) or len(value) not in (2, 3) or not all(isinstance(v, str) for v in value[:2]):
        raise RefusedBodyError(400, "an entry is a list of two texts, and perhaps metadata")
    if len(value) == 3 and not all(isinstance(each, str) for each in value[2].values()):
        raise RefusedBodyError(400, "metadata must be texts")
    time = datetime.fromtimestamp(int(value[0]) / 1e9, UTC)
    if time < now - timedelta(days=7):
        return "entry has timestamp too old"
    if time > now + timedelta(minutes=10):
        return "entry has timestamp too new"
    return "line too long" if len(value[1].encode()) > _LINE_BYTES else ""


def _otlp(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    content = _json(body)
    if not isinstance(content, dict):
        raise RefusedBodyError(400, "an object is expected")
    found = []
    for resource in content.get("resourceLogs", ()):
        for scope in resource["scopeLogs"]:
            for record in scope["logRecords"]:
                if not all(_is_fixed64(record.get(key, "0")) for key in ("timeUnixNano", "observedTimeUnixNano")):
                    raise RefusedBodyError(400, "a time must be an unsigned number of 64 bits, or its decimal text")
                values = {each["key"]: each["value"]["stringValue"] for each in record["attributes"]}
                found.append((values["event.id"], record))
    return found


def _google_secops(body: bytes, now: datetime, wrapper: str) -> list[Entry]:
    content = _json(body)
    if not isinstance(content, dict) or set(content) - {"parent"} != {"inlineSource"}:
        raise RefusedBodyError(400, "inlineSource is expected")
    try:
        found = [json.loads(base64.b64decode(log["data"], validate=True)) for log in content["inlineSource"]["logs"]]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise RefusedBodyError(400, "'data' is no base64") from None
    return _entries(found)


INTAKES: dict[str, Intake] = {
    "array": Intake(("application/json",), _array, 200, {}),
    "wrapped": Intake(("application/json",), _wrapped, 200, {}),
    "ndjson": Intake(("application/x-ndjson",), _lines, 200, {}),
    "single": Intake(("application/json",), _single, 200, {}),
    "sumo_logic": Intake(("text/plain", "application/x-ndjson", "application/json"), _lines),
    "new_relic": Intake(("application/json",), _new_relic, 202, {"requestId": "r-1"}),
    "logscale": Intake(("application/json",), _logscale, 200, {"text": "Success", "code": 0}),
    "panther": Intake(("application/json", "application/x-ndjson"), _lines),
    "loki": Intake(("application/json",), _loki, 204),
    "otlp": Intake(("application/json",), _otlp, 200, {"partialSuccess": {}}),
    "google_secops": Intake(("application/json",), _google_secops, 200, {}),
}
"""Every shape, and every preset whose receiver reads more than a plain shape, by its name."""


def intake_of(kind: str) -> Intake:
    """Return how the bodies of a shape or of a preset are read.

    A preset that has no entry above is read by its shape: a JSON array, one object per line, or an array under a key.

    :raises ConfigurationError: there is no such preset, or its bodies have none of these shapes.
    """
    if kind in INTAKES:
        return INTAKES[kind]
    if kind not in PRESETS:
        raise ConfigurationError(f"there is neither a shape nor a preset {kind!r}.")
    preset = PRESETS[kind]
    frame = preset.frame(Sender(Origin("p", "s", Fields("id", "time")), dict.fromkeys(preset.needs, "x")))
    read = _reader_of(frame)
    if read is None:
        raise ConfigurationError(
            f"the bodies of the preset {kind!r} have no plain shape: write a function that reads them, and an entry "
            "for it in INTAKES, in audit_provider/sandbox/http_intakes.py."
        )
    return Intake((preset.content_type.partition(";")[0],), read, min(preset.accepted), {})


def _reader_of(frame: Frame) -> Callable[[bytes, datetime, str], list[Entry]] | None:
    """Return the function that reads the bodies of a frame; None if it has no plain shape."""
    if frame.separator == b"\n" and not frame.before:
        return _lines
    if (frame.before, frame.separator, frame.after) == (b"[", b",", b"]"):
        return _array
    around = re.fullmatch(rb'\{"([^"]+)":\[', frame.before)
    if around and (frame.separator, frame.after) == (b",", b"]}"):
        key = around[1].decode()
        return lambda body, now, wrapper: _wrapped(body, now, key)
    return None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise RefusedBodyError(400, "the body is not JSON as expected") from None


def _list(content: Any) -> list[Any]:
    if not isinstance(content, list) or not content:
        raise RefusedBodyError(400, "a list with something in it is expected")
    return content


def _entries(found: list[Any]) -> list[Entry]:
    if not all(isinstance(each, dict) for each in found):
        raise RefusedBodyError(400, "every event must be an object")
    return [(str(each.get("id", each.get("event_id", ""))), each) for each in found]


def _is_fixed64(value: Any) -> bool:
    digits = str(value) if isinstance(value, (int, str)) else ""
    return digits.isdecimal() and int(digits) < 2**64
