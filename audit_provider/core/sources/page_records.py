"""Decode a page, strictly or else tolerantly, and find its records and the values beside them.

**The tolerant reader** is for pages that the strict decoder refuses because of some record. It finds where each record
begins and ends, keeps valid JSON byte for byte, repairs what is invalid in a detail (see
:mod:`~audit_provider.core.text.loose_json`), and sets aside what cannot be read. The JSON around the records must be
understood completely, because it contains the link to the next page: otherwise nothing of the page is used.

**Repeated pages.** If nothing else marks the end of a list, the vendor may serve its last page again: that is detected.

**Records that hold several events.** Some vendors write the effects of one action as a list inside one record. A
destination searches and counts by action, so each element becomes a record of its own, with everything around the list.
The bytes of the element and of what is around the list stay as the vendor wrote them. A record with a single element is
not changed.
"""

from __future__ import annotations

import codecs
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, ProtocolError
from audit_provider.core.model import Event
from audit_provider.core.records.content import Content
from audit_provider.core.records.fields import (
    Extractor,
    all_paths_of,
    first_getter_of,
    getter_of,
    keys_of,
    paths_of,
    ways_of,
)
from audit_provider.core.sources.elements import Elements
from audit_provider.core.sources.shown import is_header
from audit_provider.core.text.loose_json import CLOSE, KEY, OPEN, BrokenError, key_from, rewritten, tokens

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_provider.core.model import Fields, Unreadable
    from audit_provider.core.records.events import RecordReader
    from audit_provider.core.sources.spec import SourceSpec
    from audit_provider.core.wire.answer import Answer

_PROOF_BYTES = 64 * 1024


class PageDecoder:
    """Decodes the pages of one source.

    :param fields: of the records on a page. :param reader: notes what was wrong around the records.
    :param listed: notes what was wrong in the records; it is another reader if a page lists files.
    """

    def __init__(self, spec: SourceSpec, fields: Fields, reader: RecordReader, listed: RecordReader) -> None:
        self._reader = reader
        self._listed = listed
        self._tolerant = PatientReader(spec.records_at, fields)
        errors = spec.errors
        judged = (errors.message_at, errors.code_at, errors.ok_at, errors.partial_at)
        led_by = [path for path in spec.paging.paths if not is_header(path)]
        columns = spec.columns.at if spec.columns else ""
        paths = dict.fromkeys(filter(None, (*led_by, *judged, columns)), Any)
        if spec.records_at:
            kind = dict[str, msgspec.Raw] if spec.records_by_key else list[msgspec.Raw]
            extractor = Extractor({**dict.fromkeys(paths_of(spec.records_at), kind), **paths})
            self._decode, self._records = extractor.decode, first_getter_of(spec.records_at)
        else:
            extractor = Extractor(paths)
            self._decode, self._records = msgspec.json.Decoder(list[msgspec.Raw]).decode, list
        # An answer that is the list itself has nothing beside its records.
        getter = getter_of if spec.records_at else lambda _: lambda _: msgspec.UNSET
        self._getters = {path: getter(path) for path in ("", *paths)}
        self._obstacles = {path: extractor.obstacle(path) for path in (*paths_of(spec.records_at), *led_by)}

    def records(self, found: Any) -> Any:
        """Return the records of a decoded page: a list, or a mapping to them; UNSET if there are none."""
        return self._records(found)

    def value(self, found: Any, path: str) -> Any:
        """Return the value at one of the paths that the source's paging, errors or columns name."""
        return self._getters[path](found)

    def decoded(self, answer: Answer) -> tuple[Any, int]:
        """Return the decoded page, read tolerantly if it is not strict JSON, and the number of unreadable records.

        :raises ValidationError: it is JSON, but not a page. :raises ProtocolError: it cannot be read.
        """
        body = answer.body
        if _is_utf8(body):
            try:
                return self._decode(body), 0
            except msgspec.ValidationError:
                raise
            except UNREADABLE:
                pass
        try:
            page = self._tolerant.read(body)
            found = self._decode(page.body)
        except msgspec.ValidationError:
            raise
        except (BrokenError, *UNREADABLE) as error:
            raise ProtocolError(_not_readable(answer, error)) from None
        self._reader.note_around(page.around)
        self._listed.note_repaired(page.repaired)
        self._listed.unreadable += page.unreadable
        return found, len(page.unreadable)

    def value_unhidden(self, answer: Answer, found: Any, path: str) -> Any:
        """Return the value at ``path``, which leads to the next page; UNSET if there is none.

        :raises ProtocolError: something above it is neither an object nor empty.
        """
        value = self._getters[path](found)
        if value is msgspec.UNSET:
            self.refuse_obstacle(answer, found, path)
        return value

    def refuse_obstacle(self, answer: Answer, found: Any, path: str) -> None:
        """Refuse an answer in which ``path`` is not absent but hidden by another value.

        :raises ProtocolError: something above it is neither an object nor empty.
        """
        if hidden := self._obstacles[path](found):
            raise ProtocolError(
                f"{answer.where} has something other than an object at {hidden!r}, so {path!r} cannot be read: correct "
                "the source's paths."
            )


def _not_readable(answer: Answer, error: Exception) -> str:
    if answer.is_web_page or answer.body.lstrip()[:1] not in (b"{", b"["):
        return answer.not_json()
    return (
        f"{answer.where} answered {answer.status} with {len(answer.body):,} bytes that begin like JSON but are not "
        f"valid to their end ({error}), so the records or the next page cannot be read: the next try requests the "
        "page again."
    )


def _is_utf8(body: bytes) -> bool:
    proof, view = codecs.getincrementaldecoder("utf-8")(), memoryview(body)
    try:
        # In parts that fit a processor's cache, because the text itself is not needed.
        for begin in range(0, len(body), _PROOF_BYTES):
            proof.decode(view[begin : begin + _PROOF_BYTES])
        proof.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


class RepeatMeter:
    """Counts how many pages in a row repeat the page before, by the content of their records.

    :param content: compares records, because the same record may be written in two ways.
    :ivar named: every record of the page that was counted last has an id of its own; set by the reader of the page.
    """

    def __init__(self, content: Content | None = None) -> None:
        self.named = True
        self._content = content or Content()
        self._asked = -1
        self._last: Sequence[msgspec.Raw] = ()
        self._repeats = 0

    def count(self, asked: int, records: Sequence[msgspec.Raw], where: str) -> int:
        """Count the next page; return how many pages in a row, including this one, repeat the page before.

        :param asked: number of the page, or of the records before it. :param where: the request, for messages.
        :raises ProtocolError: records without an id were taken for a repeated page, and the list continues after it.
        """
        if asked <= self._asked:
            self._repeats = 0  # another list
        elif records and self._is_last(records):
            self._repeats += 1
        elif records and self._repeats and not self.named:
            raise ProtocolError(
                f"{where} continues after a page that repeated the one before, so a repeated page is not the end of "
                "this list, and records without an id cannot be told apart: unset paging.ends_when_same."
            )
        else:
            self._repeats = 0
        self._asked, self._last = asked, tuple(records)
        return self._repeats

    def _is_last(self, records: Sequence[msgspec.Raw]) -> bool:
        pairs = zip(records, self._last, strict=False)
        return len(records) == len(self._last) and all(self._content.is_same(*pair) for pair in pairs)


class Exploder:
    """Separates the events of one source's records.

    :param path: dotted path of the list in a record.
    """

    def __init__(self, path: str) -> None:
        self._ways = ways_of(tuple(keys_of(path)))
        self._decode = Extractor({path: list[msgspec.Raw]}).decode
        self._list = getter_of(path)

    def separate(
        self, events: Sequence[Event], recorded: Sequence[datetime], nameless: Container[str] = ()
    ) -> tuple[list[Event], list[datetime]]:
        """Return the events of a page, each by itself, and when each was recorded.

        The first event of a record keeps the record's id; the others have their number after it, as in ``id/2``. A
        record without such a list, or one that cannot be read in full, is not changed. Nor is a record without an id:
        equal ones are distinguished by counting them, and what is counted is records.

        :param nameless: digests that are used as ids of records without one.
        """
        found: list[Event] = []
        times: list[datetime] = []
        for event, moment in zip(events, recorded, strict=True):
            parts = [event] if event.id.partition("-")[0] in nameless else self._parts(event)
            found += parts
            times += [moment] * len(parts)
        return found, times

    def _parts(self, event: Event) -> list[Event]:
        raw = bytes(event.raw)
        try:
            elements = self._list(self._decode(raw))
            if not isinstance(elements, list) or len(elements) < 2:
                return [event]
            begin, end = self._place(raw)
        except (BrokenError, *UNREADABLE):
            return [event]
        return [
            Event(
                event.id if number == 1 else f"{event.id}/{number}",
                event.time,
                msgspec.Raw(raw[:begin] + bytes(element) + raw[end:]),
            )
            for number, element in enumerate(elements, 1)
        ]

    def _place(self, raw: bytes) -> tuple[int, int]:
        """Return where the list's elements begin and end.

        :raises BrokenError: the list is not found.
        """
        names: list[str | None] = []
        objects: list[bool] = []
        key, begin, inside = "", 0, 0
        for kind, start, end, depth in tokens(raw, 0):
            if begin:
                if kind == CLOSE and depth == inside:
                    return begin, start
            elif kind == KEY:
                key = key_from(raw[start:end])
            elif kind == OPEN:
                names.append(key if objects and objects[-1] else None)
                is_object = raw[start : start + 1] == b"{"
                if not is_object and tuple(names[1:]) in self._ways:
                    begin, inside = end, depth - 1
                objects.append(is_object)
            elif kind == CLOSE:
                names.pop()
                objects.pop()
        raise BrokenError(len(raw))


@dataclass(frozen=True, slots=True)
class PatientPage:
    """A page as it can be decoded.

    :ivar body: JSON, without what is unreadable. :ivar repaired: for each record that was rewritten, why.
    :ivar around: what was not JSON around the records, in words.
    """

    body: bytes
    repaired: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    around: tuple[str, ...] = ()


class PatientReader:
    """Reads pages of one source that a strict decoder refuses.

    :param records_at: dotted path of the records; "" if the page is the list itself.
    :param fields: of its records. After a broken record, the next one is recognised by its id and time.
    """

    def __init__(self, records_at: str, fields: Fields) -> None:
        self._ways = tuple(way for path in paths_of(records_at) or ("",) for way in ways_of(tuple(keys_of(path))))
        named = (all_paths_of(fields.id), all_paths_of(fields.time))
        self._needed = [
            frozenset(way[0] for path in paths for way in ways_of(tuple(keys_of(path)))) for paths in named if paths
        ]

    def read(self, body: bytes) -> PatientPage:
        """Return a page as it can be decoded.

        :raises BrokenError: the JSON around the records cannot be read, or the end of the records cannot be found.
        """
        found = _list_in(body, self._ways)
        if found is None:
            page = rewritten(body)
            return PatientPage(page.text, around=page.why)
        begin, levels = found
        elements = Elements(body, begin, levels, self._needed)
        text, end = elements.read()
        # The JSON before the list and after it is rewritten in two parts, each completed to a whole document.
        before = rewritten(body[:begin] + b"]" + b"}" * levels)
        opening = b'{"":' * levels + b"["
        after = rewritten(opening + body[end:])
        return PatientPage(
            b"".join((before.text[: -1 - levels], text, after.text[len(opening) :])),
            tuple(elements.repaired),
            tuple(elements.unreadable),
            (*before.why, *after.why, *elements.between),
        )


def _list_in(body: bytes, ways: Collection[tuple[str, ...]]) -> tuple[int, int] | None:
    """Return the index after the bracket of the list at one of ``ways``, and the number of objects around it."""
    names: list[str | None] = []
    objects: list[bool] = []
    key = ""
    for kind, start, end, depth in tokens(body, 0):
        if kind == KEY:
            key = key_from(body[start:end])
        elif kind == OPEN:
            names.append(key if objects and objects[-1] else None)
            is_object = body[start : start + 1] == b"{"
            if not is_object and tuple(names[1:]) in ways:
                return end, depth - 1
            objects.append(is_object)
        elif kind == CLOSE:
            names.pop()
            objects.pop()
    return None
