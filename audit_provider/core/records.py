"""From a vendor's records to events: paths, times and ids, without rewriting the vendor's bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import ProtocolError
from audit_provider.core.model import UTC, Event, Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_MS_FLOOR = 100_000_000_000  # an epoch larger than this (year 5138 in seconds) is in milliseconds
_US_FLOOR = 100_000_000_000_000
_DOT = re.compile(r"(?<!\\)\.")
_NO_OBJECT = str | int | float | bool | list[msgspec.Raw]


def keys_of(path: str) -> list[str]:
    """Return the keys of a dotted path; a dot of a key's own stands behind a backslash, as in ``error.\\.tag``."""
    return [key.replace("\\.", ".") for key in _DOT.split(path)] if path else []


def value_at(record: Any, path: str) -> Any:
    """Return what stands at a dotted ``path``, or None where anything on the way is absent.

    A number is a place in a list, as in ``errors.0.code``.
    """
    for key in keys_of(path):
        if isinstance(record, dict):
            record = record.get(key)
        elif isinstance(record, list) and key.isdecimal() and int(key) < len(record):
            record = record[int(key)]
        else:
            return None
    return record


def text_at(record: Mapping[str, Any], path: str) -> str:
    """Return what stands at a dotted ``path`` as text; "" where it is absent, null or not a scalar."""
    return text_of_scalar(value_at(record, path)) if path else ""


def text_of_scalar(value: Any) -> str:
    """Return a JSON scalar as text; "" for null, true, false, and what is no scalar."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def is_absent(value: Any) -> bool:
    """Whether a field says nothing: it is not there, or null, false or an empty text."""
    return value is msgspec.UNSET or value is None or value is False or value == ""


def time_from(value: Any) -> datetime | None:
    """Return an aware UTC time from a date-time text or an epoch in s, ms or µs; None where it is neither.

    A text without an offset is taken for UTC, as audit APIs mean it. A time that is outside the years 1 to 9999 in UTC
    cannot be told, so it is None as well.
    """
    if isinstance(value, str):
        try:
            moment: datetime = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            try:
                value = float(value)
            except ValueError:
                return None
        else:
            try:
                return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            except OverflowError:
                return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    size = abs(value)
    try:
        seconds = value / 1_000_000 if size >= _US_FLOOR else value / 1000 if size >= _MS_FLOOR else value
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


class Extractor:
    """Decodes of a JSON object only what stands at some dotted paths; the rest is skipped unparsed.

    :param paths: path to type; "" paths are left out.
    :ivar decode: bytes to a value that only :meth:`getter` understands.
    """

    def __init__(self, paths: Mapping[str, Any]) -> None:
        shape = _shape({tuple(keys_of(path)): kind for path, kind in paths.items() if path})
        self.decode = msgspec.json.Decoder(shape).decode

    def getter(self, path: str) -> Callable[[Any], Any]:
        """Return a function from a decoded value to what stands at ``path``, ``UNSET`` where that is absent."""
        names = [_attribute(key) for key in keys_of(path)]
        if len(names) == 1:
            # Every object that the shape decodes to has it, present or not.
            return attrgetter(*names)

        def get(found: Any) -> Any:
            for name in names:
                found = getattr(found, name, msgspec.UNSET)
            return found if names else msgspec.UNSET

        return get

    def obstacle(self, path: str) -> Callable[[Any], str]:
        """Return a function from a decoded value to what hides ``path``: the path of something above it that is neither
        an object nor empty; "" where there is none, so that what is absent is truly absent.
        """
        keys = keys_of(path)
        names = [_attribute(key) for key in keys]

        def get(found: Any) -> str:
            for depth, name in enumerate(names[:-1], 1):
                found = getattr(found, name, msgspec.UNSET)
                if is_absent(found):
                    return ""
                if not isinstance(found, msgspec.Struct):
                    return ".".join(keys[:depth])
            return ""

        return get


_ABSENT = msgspec.UNSET


class FieldReader:
    """Reads from raw records what their source's :class:`Fields` point at.

    :param names: which of the fields, such as ``("action", "ip")``.
    """

    def __init__(self, fields: Fields, names: Iterable[str]) -> None:
        paths = {name: tuple(filter(None, map(str.strip, getattr(fields, name).split("|")))) for name in names}
        extractor = Extractor({path: Any for each in paths.values() for path in each})
        self._paths = paths
        self._decode = extractor.decode
        self._getters = [(name, tuple(map(extractor.getter, each))) for name, each in paths.items() if each]

    def read(self, raw: msgspec.Raw) -> dict[str, str]:
        """Return what is there, as text, by name; of a record that can only be read in part, as much as can be."""
        try:
            record = self._decode(raw)
        except (ValueError, RecursionError):
            return self._read_strange(bytes(raw))
        found = {}
        for name, getters in self._getters:
            for get in getters:
                value = get(record)
                # Nearly all are texts or absent, and these lines run for every event.
                text = value if type(value) is str else "" if value is _ABSENT else _text_of_field(name, value)
                if text:
                    found[name] = text
                    break
        return found

    def _read_strange(self, raw: bytes) -> dict[str, str]:
        """Read what the strict decoder refuses: half a surrogate pair, a number beyond every range, broken UTF-8."""
        try:
            record = json.loads(raw.decode(errors="replace"))
        except (ValueError, RecursionError):
            return {}
        found = {}
        for name, paths in self._paths.items():
            if text := next(filter(None, (_text_of_field(name, value_at(record, path)) for path in paths)), ""):
                found[name] = text.encode(errors="replace").decode()
        return found


def _text_of_field(name: str, value: Any) -> str:
    if isinstance(value, bool) and name == "outcome":
        return "true" if value else "false"
    return text_of_scalar(value)


def _shape(paths: Mapping[tuple[str, ...], Any]) -> Any:
    inner: dict[str, dict[tuple[str, ...], Any]] = {}
    leaves: dict[str, Any] = {}
    for (key, *rest), kind in paths.items():
        if rest:
            inner.setdefault(key, {})[tuple(rest)] = kind
        else:
            leaves[key] = kind
    # Something else may stand where an object is expected: then what was looked for in it is simply absent.
    nested = {key: _shape(rest) | _NO_OBJECT for key, rest in inner.items()}
    kinds = {**leaves, **nested}
    fields = [(_attribute(key), kind | None | msgspec.UnsetType, msgspec.UNSET) for key, kind in kinds.items()]
    return msgspec.defstruct(
        "Found", fields, rename={_attribute(key): key for key in kinds}, gc=False, omit_defaults=True
    )


def _attribute(key: str) -> str:
    return "at_" + "".join(letter if letter.isascii() and letter.isalnum() else f"_{ord(letter)}_" for letter in key)


class RecordReader:
    """Turns one page's records into events.

    What stands in a list and is no JSON object, such as null, is kept too, for it may stand for an event that the
    vendor could not write: as ``{"record": null}``, since an event is an object wherever it is shipped. It is named by
    its content and carries the time of the record before it, so that the order of the page stays what it is.

    :ivar undated: records without a readable time met so far; they carry their time of receipt.
    :ivar odd: what was no JSON object so far.
    :ivar last_id: the vendor's own id of the last record of the page read last; "" where none of its records has one.
    :ivar longest_lag: the largest delay met between happening and being recorded.
    """

    def __init__(self, fields: Fields) -> None:
        extractor = Extractor(dict.fromkeys((fields.id, fields.time, fields.recorded), Any))
        self._decode = extractor.decode
        self._id, self._time, self._recorded = map(extractor.getter, (fields.id, fields.time, fields.recorded))
        self.undated = 0
        self.odd = 0
        self.last_id = ""
        self.longest_lag = timedelta(0)

    def events(
        self, records: Iterable[msgspec.Raw], received: datetime, where: str, *, same: Counter[str] | None = None
    ) -> tuple[list[Event], list[datetime]]:
        """Return the page's events in the page's order, and when each was recorded (or else happened).

        :param same: how often each record without an id was met, to tell equal ones apart; by default within the page.
        :raises ProtocolError: a record cannot be read.
        """
        events: list[Event] = []
        times: list[datetime] = []
        nameless: list[int] = []
        odd: list[int] = []
        self.last_id = ""
        for record in records:
            raw = bytes(record)
            if raw[:1] != b"{":
                odd.append(len(events))
                raw = b'{"record":' + raw + b"}"
            try:
                found = self._decode(raw)
                if b"\n" in raw:
                    raw = msgspec.json.format(raw, indent=-1)
            except (ValueError, RecursionError) as error:
                raise ProtocolError(f"{where} answered with a record that cannot be read ({error}).") from None
            name, time, recorded = self._id(found), time_from(self._time(found)), time_from(self._recorded(found))
            if time is None:
                time = recorded
            elif recorded is not None and recorded - time > self.longest_lag:
                self.longest_lag = recorded - time
            if time is None:
                self.undated += not (odd and odd[-1] == len(events))
                time = received
            if not isinstance(name, (str, int)) or name == "":
                nameless.append(len(events))
                name = ""
            else:
                self.last_id = str(name)
            times.append(recorded or time)
            events.append(Event(str(name), time, msgspec.Raw(raw)))
        if odd:
            self.odd += len(odd)
            _date_by_neighbour(events, times, odd)
        if nameless:
            _name_by_content(events, nameless, Counter() if same is None else same)
        return events, times


def _date_by_neighbour(events: list[Event], times: list[datetime], odd: Sequence[int]) -> None:
    """Give what has no time of its own that of the record before it, or else of the first one that has any."""
    others = set(range(len(events))).difference(odd)
    if not others:
        return
    first = min(others)
    for place in odd:
        near = first if place < first else place - 1
        events[place] = Event(events[place].id, events[near].time, events[place].raw)
        times[place] = times[near]


def _name_by_content(events: list[Event], nameless: Sequence[int], seen: Counter[str]) -> None:
    """Give a digest of the record as id; equal records are told apart by a count."""
    for place in nameless:
        event = events[place]
        try:
            canonical = msgspec.json.encode(msgspec.json.decode(event.raw), order="sorted")
        except (ValueError, RecursionError):
            # A number beyond every range, half a surrogate pair, too deep: then its bytes as they came.
            canonical = bytes(event.raw)
        digest = hashlib.sha256(canonical).hexdigest()[:32]
        seen[digest] += 1
        name = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        events[place] = Event(name, event.time, event.raw)
