"""Events as a vendor may send them and a receiver may not like them: one set, shipped to every server."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

import msgspec

from audit_provider.core.model import UTC, Event, Fields, Origin

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = Origin("real", "slack", Fields("id", "date", action="action", actor_email="actor.user.email", ip="context.ip"))

_TEXTS = {
    "plain": "signed in",
    "empty text": "",
    "umlauts": "Grüße aus Köln",
    "beyond the BMP": "𝄞 👩‍👩‍👧 𠜎",
    "combining": "e\u0301\u0301\u0301 n\u0303",
    "right to left": "\u202eabc\u202c \u05e9\u05dc\u05d5\u05dd",
    "NUL": "before\x00after",
    "every control character": "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0)))),
    "line ends": "a\nb\r\nc\rd\u2028e\u2029f\x85g",
    "no characters": "\ufffe\uffff\ufdd0",
    "byte order mark": "\ufefftext",
    "like syslog": "<14>1 - - - - - - second message\n12 <14>1 - - -",
    "like CEF": "CEF:0|a|b|c|d|e|5|x=y \\= \\| ] \" ' [z",
    "like JSON": '{"create":{}}\n{"index":{"_id":"x"}}',
    "like a template": "${jndi} %s %msg% {{x}} $(date) `id`",
    "like SQL and HTML": "'; DROP TABLE x; -- <script>alert(1)</script>",
}
_VALUES = {
    "no value": None,
    "truth": True,
    "beyond a double's integers": 2**53 + 1,
    "beyond 64 bits": 2**64,
    "thirty digits": 10**30,
    "mixed list": [1, "a", None, {"b": [2.5, []]}, [[]]],
    "list of objects": [{"name": "a", "value": 1}, {"name": "b", "value": "2"}],
    "empty object": {},
    "reserved names": {"@timestamp": "x", "_id": "y", "_msg": "z", "_time": 0, "event": 1, "host": 2, "time": "t"},
    "dots in names": {"a.b": 1, "a": {"b": 2}, ".": 3, "a..b": 4},
    "strange names": {"": 1, " ": 2, "\x00": 3, "__proto__": {}, "é": 5, "$ref": "#", "x" * 300: 6},
}
_WRITTEN = {
    "beyond a double": "1e400",
    "too small for a double": "1e-400",
    "minus nought": "-0.0",
    "forty decimals": "0.1234567890123456789012345678901234567890",
    "half a pair": r'"\ud800 alone"',
    "keys that repeat": '{"k":1,"k":2}',
}
_TIMES = {
    "year 1": datetime(1, 1, 1, tzinfo=UTC),
    "year 1965": datetime(1965, 5, 5, 5, 5, 5, 5, tzinfo=UTC),
    "epoch": datetime(1970, 1, 1, tzinfo=UTC),
    "leap day": datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    "an hour ahead": NOW + timedelta(hours=1),
    "year 2300": datetime(2300, 1, 1, tzinfo=UTC),
    "year 9999": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
}
_IDS = {
    "long id": "i" * 600,
    "id with spaces": "a b\tc",
    "id with a line end": "a\nb",
    "id with signs": "a|b=c]d\"e\\f/g?h#i%20,j'k",
    "id beyond ASCII": "ключ-鍵-🔑",
}
_SIZES = {
    "8 kB": 7_000,
    "about rsyslog's limit": 7_700,
    "64 kB": 65_536,
    "200 kB": 200_001,
    "256 kB": 262_145,
    "900 kB": 900_000,
}
_DEPTHS = (20, 60, 400, 900)


def adverse_events() -> list[Event]:
    """Return the set, in the order in which it is shipped: good and bad ones take turns, so that batches hold both."""
    events = [_event(name, detail=value) for name, value in {**_TEXTS, **_VALUES}.items()]
    events += [_written(name, f'"detail":{text}') for name, text in _WRITTEN.items()]
    events += [_event(name, time=time) for name, time in _TIMES.items()]
    events += [_event(name) for name in _IDS.values()]
    events += [_event(name, pad="x" * size) for name, size in _SIZES.items()]
    events += [_written(f"{depth} deep", f'"detail":{"[" * depth}{"]" * depth}') for depth in _DEPTHS]
    events += [_written(f"objects {depth} deep", f'"detail":{_nested(depth)}') for depth in _DEPTHS]
    events.append(_event("3,000 names", detail={f"name{number}": number for number in range(3000)}))
    events.append(_event("text where others have an object", context="text"))
    events.append(_event("object where others have a text", action={"name": "x"}))
    events.append(Event("nothing at all", NOW, msgspec.Raw(b"{}")))
    events.append(_event("one id", detail=1))
    again = _event("one id", detail=2)  # as the spool names what comes under a known id with another content
    events.append(Event(f"one id-{hashlib.sha256(again.raw).hexdigest()[:32]}", NOW, again.raw))
    middle = len(events) // 2
    return [each for pair in zip(events[:middle], events[middle:], strict=False) for each in pair] + events[
        2 * middle :
    ]


def good_events(count: int) -> list[Event]:
    """Return events that no receiver minds."""
    return [_event(f"good {number}", detail=number) for number in range(count)]


def sized_events(*sizes: int) -> list[Event]:
    """Return events whose records have as many bytes more than that of size 0 has."""
    return [_event(f"size {size:07}", pad="x" * size) for size in sizes]


def timed_events(count: int, time: datetime) -> list[Event]:
    """Return events that all happened at one time."""
    return [_event(f"at {time.year}, {number}", time=time) for number in range(count)]


def deep_event(depth: int) -> Event:
    """Return an event that is nested so deep."""
    return _written(f"{depth} deep alone", f'"detail":{_nested(depth)}')


def _event(name: str, *, time: datetime = NOW, **record: object) -> Event:
    known = {
        "id": name,
        "date": time.timestamp() if time.year > 1 else 0,
        "action": "user_login",
        "actor": {"user": {"email": "a@example.com"}},
        "context": {"ip": "192.0.2.1"},
    }
    return Event(name, time, msgspec.Raw(json.dumps({**known, **record}, ensure_ascii=False).encode()))


def _written(name: str, member: str) -> Event:
    text = json.dumps({"id": name, "action": "user_login"})
    return Event(name, NOW, msgspec.Raw(f"{text[:-1]},{member}}}".encode()))


def _nested(depth: int) -> str:
    return '{"k":' * depth + "1" + "}" * depth
