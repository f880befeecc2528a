"""Turns a vendor's records into events, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, sub
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.model import UTC, Event, Fields, Unreadable
from audit_provider.core.records.content import Content, digest_of
from audit_provider.core.records.fields import (
    ABSENT,
    Extractor,
    getter_of,
    joined,
    joined_getter_of,
    keys_of,
    parts_of,
    paths_of,
    shape_of,
    value_at,
)
from audit_provider.core.records.times import ZERO_TIME, is_too_fine
from audit_provider.core.records.times import time_from as time_from
from audit_provider.core.text.loose_json import BrokenError, rewritten, value_of

if TYPE_CHECKING:
    from collections.abc import Callable

_NO_DELAY = timedelta(0)
_SAMPLES = 8
_zone_of = attrgetter("tzinfo")


class PlainPageDecoder:
    """Reads a regular page in a third of the time, by decoding all records at once.

    :param names: paths of the id, :param times: of the time, :param recorded: of the time of recording, each in order
        of preference. Only the first of each is used here.
    """

    def __init__(self, names: Sequence[str], times: Sequence[str], recorded: Sequence[str]) -> None:
        self._decode: Callable[[bytes], list[Any]] | None = None
        moment = datetime | int | float
        first = [each[0] if each else "" for each in (recorded, times, names)]
        # An id of several values is joined record by record, so such pages are read by RecordReader.
        is_joined = any(len(parts_of(path)) > 1 for path in first)
        if names and times and len(set(first)) == 3 and not is_joined:
            self._decode = _decoder_of(dict(zip(first, (moment, moment, str | int), strict=True)))
            self._decode_as_written = _decoder_of(dict(zip(first, (Any, Any, str | int), strict=True)))
            self._recorded, self._time, self._id = map(getter_of, first)
        self._has_other_recorded = len(recorded) > 1

    def read(self, records: Sequence[msgspec.Raw]) -> tuple[list[Event], list[datetime], timedelta] | None:
        """Return events, times and the largest delay; None if a record has no id or time, or is not an object."""
        if self._decode is None:
            return None
        joined = b",".join(records)
        # A decoder rounds times finer than a microsecond. A vendor that writes one such time writes all of them so.
        is_fine = any(map(is_too_fine, records[:: len(records) // _SAMPLES + 1]))
        decode = self._decode_as_written if is_fine else self._decode
        try:
            found = decode(b"[%b]" % joined)
        except UNREADABLE:
            return None
        if len(found) != len(records):
            return None
        if b"\n" not in joined and (even := self._even(records, found)):
            return even
        events: list[Event] = []
        times: list[datetime] = []
        longest = _NO_DELAY
        for record, each in zip(records, found, strict=True):
            name, time, recorded = self._id(each), self._time(each), self._recorded(each)
            if type(time) is not datetime or time.tzinfo is not UTC:
                time = time_from(_written(time))
            if recorded is None:
                recorded = ABSENT
            if recorded is not ABSENT and (type(recorded) is not datetime or recorded.tzinfo is not UTC):
                recorded = time_from(_written(recorded))
            if time is None or time == ZERO_TIME or name is ABSENT or not name:
                return None
            if recorded is None or recorded == ZERO_TIME or (recorded is ABSENT and self._has_other_recorded):
                return None
            if recorded is ABSENT:
                recorded = time
            elif recorded - time > longest:
                longest = recorded - time
            raw = bytes(record)
            if b"\n" in raw:
                raw = msgspec.json.format(raw, indent=-1)
            times.append(recorded)
            events.append(Event(name if type(name) is str else str(name), time, msgspec.Raw(raw)))
        return events, times, longest

    def _even(
        self, records: Sequence[msgspec.Raw], found: Sequence[Any]
    ) -> tuple[list[Event], list[datetime], timedelta] | None:
        """Return the same as :meth:`read`, if all records write id and times in the same way; None if they do not."""
        names, times, recorded = (list(map(get, found)) for get in (self._id, self._time, self._recorded))
        if set(map(type, names)) != {str} or not all(names) or not _are_utc(times) or ZERO_TIME in times:
            return None
        events = list(map(Event, names, times, records))
        if set(map(type, recorded)) == {msgspec.UnsetType} and not self._has_other_recorded:
            return events, times, _NO_DELAY
        if not _are_utc(recorded) or ZERO_TIME in recorded:
            return None
        return events, recorded, max(max(map(sub, recorded, times)), _NO_DELAY)


def _decoder_of(kinds: dict[str, Any]) -> Callable[[bytes], list[Any]]:
    shape = {tuple(keys_of(path)): kind for path, kind in kinds.items() if path}
    return msgspec.json.Decoder(list[shape_of(shape)]).decode  # type: ignore[misc]


def _are_utc(moments: Sequence[Any]) -> bool:
    return set(map(type, moments)) == {datetime} and list(map(_zone_of, moments)).count(UTC) == len(moments)


def _written(moment: Any) -> Any:
    """Return a decoded time as text; any other value unchanged."""
    return moment.isoformat() if isinstance(moment, datetime) else moment


class RecordReader:
    """Turns one page's records into events.

    An item that is not a JSON object, such as null, is kept too, because it may represent an event that the vendor
    could not write. It is kept as ``{"record": null}``, because an event must be an object. Its id is a digest of its
    content, and its time is that of the record before it, so that the order of the page does not change.

    A record that the strict decoder refuses is read by a tolerant one, repaired if necessary, and set aside if it
    cannot be read.

    :ivar fields: As given.
    :ivar log: Name of the log that is read, if the source has several; equal records without an id in two of them are
        two events.
    :ivar nameless: Number of records without an id so far.
    :ivar undated: Number of records without a readable time so far; they have their time of receipt. The zero time of
        programs, 0001-01-01T00:00:00Z, does not count as a time.
    :ivar first_undated: What the first of them had in place of a time.
    :ivar odd: Number of items that were not JSON objects so far.
    :ivar repaired: Number of records that were not valid JSON so far, and were repaired.
    :ivar first_repaired: Why the first one was.
    :ivar pages_repaired: Number of pages on which the JSON around the records was not valid.
    :ivar first_around: What was wrong on the first of them.
    :ivar unreadable: Records that were set aside since the last call of :meth:`take_unreadable`.
    :ivar last_id: The vendor's own id of the last record of the last page; "" if none of its records has one.
    :ivar longest_lag: The largest delay so far between an event and its record.
    """

    def __init__(self, fields: Fields, volatile: Sequence[str] = ()) -> None:
        self.fields = fields
        self.log = ""
        self._content = Content(volatile)
        paths = [paths_of(each) for each in (fields.id, fields.time, fields.recorded)]
        extractor = Extractor({part: Any for each in paths for path in each for part in parts_of(path)})
        self._decode = extractor.decode
        self._strict = _Getters(*(tuple(map(joined_getter_of, each)) for each in paths))
        self._patient = _Getters(
            *(tuple(joined([_in_mapping(part) for part in parts_of(path)]) for path in each) for each in paths)
        )
        self._page = PlainPageDecoder(*paths)
        self.repaired = 0
        self.first_repaired = ""
        self.pages_repaired = 0
        self.first_around = ""
        self.unreadable: list[Unreadable] = []
        self.nameless = 0
        self.undated = 0
        self.first_undated = ""
        self.odd = 0
        self.last_id = ""
        self.longest_lag = timedelta(0)

    def events(
        self, records: Iterable[msgspec.Raw], received: datetime, where: str, *, same: Counter[str] | None = None
    ) -> tuple[list[Event], list[datetime]]:
        """Return the page's events in the page's order, and when each was recorded (or else happened).

        :param same: how often each record without an id was read, to distinguish equal ones; by default, only the
            records of this page are counted.
        :param where: the request, for messages.
        """
        events: list[Event] = []
        times: list[datetime] = []
        nameless: list[int] = []
        odd: list[int] = []
        self.last_id = ""
        records = list(records)
        plain = self._page.read(records)
        if plain is not None:
            events, times, longest = plain
            self.last_id = events[-1].id if events else ""
            self.longest_lag = max(self.longest_lag, longest)
            return events, times
        for record in records:
            raw = bytes(record)
            if raw[:1] != b"{":
                odd.append(len(events))
                raw = b'{"record":' + raw + b"}"
            get = self._strict
            try:
                found = self._decode(raw)
            except UNREADABLE:
                patiently = self._patiently(raw, bytes(record))
                if patiently is None:
                    if odd and odd[-1] == len(events):
                        odd.pop()
                    continue
                found, raw, get = patiently
            if b"\n" in raw:
                raw = msgspec.json.format(raw, indent=-1)
            name, time, recorded = get.name(found), get.time(found), get.recorded(found)
            if time is None:
                time = recorded
            elif recorded is not None and recorded - time > self.longest_lag:
                self.longest_lag = recorded - time
            if time is None:
                if not (odd and odd[-1] == len(events)):
                    self.first_undated = self.first_undated or get.shown_time(found)
                    self.undated += 1
                time = received
            if name:
                self.last_id = name
            else:
                nameless.append(len(events))
            times.append(recorded or time)
            events.append(Event(name, time, msgspec.Raw(raw)))
        if odd:
            self.odd += len(odd)
            _date_by_neighbour(events, times, odd)
        if nameless:
            self.nameless += len(nameless)
            self._name_by_content(events, nameless, Counter() if same is None else same)
        return events, times

    def note_repaired(self, whys: Sequence[str]) -> None:
        """Count repaired records.

        :param whys: the reason for each of them.
        """
        self.repaired += len(whys)
        if whys and not self.first_repaired:
            self.first_repaired = whys[0]

    def note_around(self, whys: Sequence[str]) -> None:
        """Count a page on which the JSON around the records was not valid.

        :param whys: what was wrong; empty if nothing was.
        """
        if whys:
            self.pages_repaired += 1
            self.first_around = self.first_around or ", ".join(whys)

    def take_unreadable(self) -> list[Unreadable]:
        """Return the records that were set aside since the last call."""
        taken, self.unreadable = self.unreadable, []
        return taken

    def oddities(self, *, quotes: bool = True) -> list[str]:
        """Return lines for the log about irregular records, one sentence each.

        :param quotes: whether a line may quote the value that a record has in place of a time.
        """
        lines = []
        if self.undated:
            first = f" (the first had {self.first_undated})" if quotes else ""
            lines.append(
                f"{self.undated} records had no readable time{first} and got the time of receipt: if they have a time, "
                "correct 'fields.time' of the source."
            )
        if self.odd:
            lines.append(f'{self.odd} records were not JSON objects; they are kept as {{"record": …}}.')
        if self.repaired:
            lines.append(
                f"{self.repaired} records were not valid JSON and were repaired (the first: {self.first_repaired}); "
                "the other records are kept byte for byte."
            )
        if self.pages_repaired:
            lines.append(
                f"on {self.pages_repaired} pages, the JSON around the records was not valid (the first: "
                f"{self.first_around}) and was repaired to find the next page."
            )
        return lines

    def _name_by_content(self, events: list[Event], nameless: Sequence[int], seen: Counter[str]) -> None:
        """Set a digest of the record as the id of each event without one; a count distinguishes equal records."""
        for place in nameless:
            event = events[place]
            canonical = self._content.canonical(event.raw)
            digest = digest_of(b"%b\n%b" % (canonical, self.log.encode()) if self.log else canonical)
            seen[digest] += 1
            name = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
            events[place] = Event(name, event.time, event.raw)

    def _patiently(self, raw: bytes, record: bytes) -> tuple[Any, bytes, _Getters] | None:
        """Read what the strict decoder refuses; set it aside and return None if it cannot be read.

        :param raw: the record as an object.
        :param record: the record as it came.
        """
        try:
            # A number too large for Python is valid JSON all the same, so the record is kept unchanged.
            found = value_of(raw)
            msgspec.json.decode(raw, type=msgspec.Raw)
            return found, raw, self._patient
        except UNREADABLE:
            pass
        try:
            anew = rewritten(raw)
            found = value_of(anew.text)
        except (BrokenError, *UNREADABLE) as error:
            self.unreadable.append(Unreadable(record, str(error)))
            return None
        self.note_repaired([", ".join(anew.why)])
        return found, anew.text, self._patient


class _Getters:
    """Finds the id and the times of a decoded record, each at the first of its paths that has a value."""

    def __init__(
        self,
        names: Sequence[Callable[[Any], Any]],
        times: Sequence[Callable[[Any], Any]],
        recorded: Sequence[Callable[[Any], Any]],
    ) -> None:
        self._names = names
        self._times = times
        self._recorded = recorded

    def name(self, found: Any) -> str:
        for get in self._names:
            value = get(found)
            if isinstance(value, (str, int)) and value != "":
                return str(value)
        return ""

    def time(self, found: Any) -> datetime | None:
        return _first_time(self._times, found)

    def recorded(self, found: Any) -> datetime | None:
        return _first_time(self._recorded, found)

    def shown_time(self, found: Any) -> str:
        return _shown(self._times[0](found) if self._times else ABSENT)


def _first_time(getters: Sequence[Callable[[Any], Any]], found: Any) -> datetime | None:
    for get in getters:
        moment = time_from(get(found))
        if moment is not None and moment != ZERO_TIME:
            return moment
    return None


def _in_mapping(path: str) -> Callable[[Any], Any]:
    def get(found: Any) -> Any:
        value = value_at(found, path)
        return ABSENT if value is None else value

    return get


def _shown(value: Any) -> str:
    return "nothing" if value is ABSENT else repr(value)[:40]


def _date_by_neighbour(events: list[Event], times: list[datetime], odd: Sequence[int]) -> None:
    """Set the time of records without one: that of the record before it, or else of the first record with a time."""
    others = set(range(len(events))).difference(odd)
    if not others:
        return
    first = min(others)
    for place in odd:
        near = first if place < first else place - 1
        events[place] = Event(events[place].id, events[near].time, events[place].raw)
        times[place] = times[near]
