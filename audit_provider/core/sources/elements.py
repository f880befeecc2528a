"""Find where each element of a list begins and ends, even after a broken one, with a limit on the work."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

from audit_provider.core.model import Unreadable
from audit_provider.core.text.loose_json import (
    KEY,
    SPACE,
    BrokenError,
    Token,
    is_strict,
    key_from,
    past_space,
    rewritten,
    tokens,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_LEVELS = 500
"""Most nesting levels of a record that is kept unchanged: readers of the spool must be able to descend as far."""

_TOKEN_COST, _BYTE_COST = 16, 4
"""Cost of each token and of each byte that the search for the next record looks at. The budget of a page is
``_FREE_COST``, plus ``_BYTE_COST`` for each of its bytes, so the time stays linear in its size, whatever is sent.
"""

_FREE_COST = 16_000_000
_MOST_QUICK_FAILURES = 1000
"""Most failures on one page of the decoder that is tried first: each failure costs a count of lines from the start."""

_decode = json.JSONDecoder().raw_decode


class SearchEndedError(Exception):
    """The search for the next record has taken too long."""


class Scan:
    """Finds where values end.

    :param around: number of objects around the list of records.
    """

    def __init__(self, body: bytes, around: int) -> None:
        self._body = body
        self._around = around
        self._budget = _FREE_COST + _BYTE_COST * len(body)
        self._quick_failures = 0
        # In Latin-1 each letter is one byte, so an index means the same in the text and in the body.
        self._text = body.decode("latin-1")

    def ends(self, place: int) -> bool:
        """Whether the list ends here, followed only by the rest of the objects around it."""
        body = self._body
        if body[place : place + 1] != b"]":
            return False
        end = place + 1
        if self._around:
            try:
                end = max(token[2] for token in self._searched(end, self._around))
            except BrokenError:
                return False
        return past_space(body, end) == len(body)

    def value(self, start: int, keys: set[str] | None, *, is_search: bool = False) -> tuple[int, int]:
        """Return the end of a value, and a bound of its nesting levels. :param keys: receives an object's keys."""
        if self._quick_failures < _MOST_QUICK_FAILURES:
            try:
                found, end = _decode(self._text, start)
            except (ValueError, RecursionError):
                self._quick_failures += 1
            else:
                if is_search:
                    self.spend(end - start)
                if keys is not None and isinstance(found, dict):
                    keys.update(key.encode("latin-1", "replace").decode(errors="replace") for key in found)
                levels = self._body.count(b"[", start, end) + self._body.count(b"{", start, end)
                if levels <= MOST_LEVELS:
                    return end, levels
        levels = 0
        for kind, begin, end, depth in self._searched(start) if is_search else tokens(self._body, start):
            levels = max(levels, depth)
            if keys is not None and kind == KEY and depth == 1:
                keys.add(key_from(self._body[begin:end]))
        return end, levels

    def _searched(self, place: int, open_objects: int = 0) -> Iterator[Token]:
        """Yield tokens until the budget is spent."""
        try:
            for token in tokens(self._body, place, open_objects):
                self.spend(_TOKEN_COST + _BYTE_COST * (token[2] - place))
                place = token[2]
                yield token
        except BrokenError as error:
            self.spend(_BYTE_COST * (error.place - place))
            raise

    def spend(self, cost: int) -> None:
        self._budget -= cost
        if self._budget < 0:
            raise SearchEndedError


_MOST_INDENT = 200
_BETWEEN = re.compile(rb"[ \t\n\r\f\v,]*")
_CANDIDATE = re.compile(rb"[{\]]")
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\[\s\S][^"\\]*){0,500}"|[\[\]{}]')
_MOST_COMPARED = 50
"""Number of whole elements whose keys are compared, to recognise the next record by the keys they share."""

_BORDER = re.compile(rb",[ \t\n\r]*(?=\{)")


class Elements:
    """The elements of the list of records, one after the other.

    :param begin: index after the list's opening bracket. :param levels: number of objects around the list.
    :param needed: groups of keys; a record has at least one key of each group.
    :ivar between: what was wrong between the elements, in words.
    """

    def __init__(self, body: bytes, begin: int, levels: int, needed: Collection[frozenset[str]]) -> None:
        self._body = body
        self._begin = begin
        self._needed = list(needed)
        self._scan = Scan(body, levels)
        self._no_records = self._joined = begin
        self._common: set[str] | None = None
        self._compared = 0
        self._parts: list[bytes] = []
        self._run: tuple[int, int] | None = None
        self._before_last: tuple[int, int, tuple[int, int] | None, int] | None = None
        try:
            body.decode()
            self._is_utf8 = True
        except UnicodeDecodeError:
            self._is_utf8 = False
        self.repaired: list[str] = []
        self.unreadable: list[Unreadable] = []
        self.between: dict[str, None] = {}

    def read(self) -> tuple[bytes, int]:
        """Return the elements as JSON, and where their list ends.

        :raises BrokenError: the end of the list cannot be found.
        """
        start = self._begin
        try:
            while True:
                start = self._past(start)
                if self._scan.ends(start):
                    break
                try:
                    start = self._element(start)
                except BrokenError:
                    if self._before_last is None:
                        raise
                    start = self._without_last(*self._before_last)
        except SearchEndedError:
            raise BrokenError(start) from None
        self._flush()
        return b",".join(self._parts), start

    def _element(self, start: int) -> int:
        """Keep the element that begins here, or set it aside; return where the next element may begin."""
        body, known = self._body, set[str]()
        is_compared = self._compared < _MOST_COMPARED
        try:
            end, levels = self._scan.value(start, known if is_compared else None)
        except BrokenError as error:
            place = self._resumed(start)
            self._set_aside(start, place, error.place - start)
            return place
        following = past_space(body, end)
        if body[following : following + 1] in (b",", b"{") or self._scan.ends(following):
            self._keep(start, end, levels)
            # If the source names neither id nor time, a record is recognised by the keys of the first one.
            self._needed = self._needed or [frozenset((key,)) for key in known]
            if is_compared and known:
                self._common = known if self._common is None else self._common & known
                self._compared += 1
            return following
        try:
            place = self._resumed(end)
        except BrokenError:
            # The element is not closed where it should be, so it includes the elements after it.
            place = self._resumed(start)
            self._set_aside(start, place, place - start)
            return place
        if body[end:place].strip(SPACE + b",]}"):
            self._set_aside(start, place, following - start)
        else:
            self._keep(start, end, levels)
            self.between["a bracket too many"] = None
        return place

    def _without_last(self, start: int, parts: int, run: tuple[int, int] | None, repaired: int) -> int:
        """Set aside the last element that was kept: nothing after it can be read, so it includes other elements."""
        place = self._resumed(start)
        del self._parts[parts:], self.repaired[repaired:]
        self._run, self._before_last = run, None
        self._set_aside(start, place, place - start)
        return place

    def _past(self, place: int) -> int:
        """Return where the next element begins, or where the list ends."""
        end = self._past_commas(place)
        is_joined = place == self._joined or self._body[end : end + 1] == b"]"
        if self._body.count(b",", place, end) != (0 if is_joined else 1):
            self.between["a comma too many or too few"] = None
        return end

    def _past_commas(self, place: int) -> int:
        found = _BETWEEN.match(self._body, place)
        return found.end() if found else place

    def _keep(self, start: int, end: int, levels: int) -> None:
        body = self._body
        self._before_last = start, len(self._parts), self._run, len(self.repaired)
        if levels <= MOST_LEVELS and is_strict(memoryview(body)[start:end], is_utf8=self._is_utf8):
            if self._run and body[self._run[1] : start].strip(SPACE) == b",":
                self._run = self._run[0], end
            else:
                self._flush()
                self._run = start, end
            return
        self._flush()
        record = rewritten(body[start:end])
        self._parts.append(record.text)
        self.repaired.append(", ".join(record.why))

    def _flush(self) -> None:
        """Append the elements that are kept unchanged, in one piece."""
        if self._run:
            self._parts.append(self._body[slice(*self._run)])
            self._run = None

    def _set_aside(self, start: int, end: int, place: int) -> None:
        content = self._body[start:end].strip(SPACE + b",")
        begin = 0
        for each in self._borders(content):
            self.unreadable.append(Unreadable(content[begin:each].strip(SPACE + b","), "no JSON"))
            begin = each
        reason = "no JSON" if begin else f"not JSON from its byte {place:,}"
        self.unreadable.append(Unreadable(content[begin:], reason))

    def _borders(self, content: bytes) -> Iterator[int]:
        """Yield each index in unreadable content at which one record visibly ends and another begins."""
        if not self._needed:
            return
        places = [found.end() for found in _BORDER.finditer(content)]
        met: set[int] = set()
        before = self._named(content[: places[0]]) if places else met
        for border, end in itertools.pairwise([*places, len(content)]):
            met |= before
            before = self._named(content[border:end])
            if len(met) == len(before) == len(self._needed):
                yield border
                met = set()

    def _named(self, part: bytes) -> set[int]:
        """Return the numbers of the groups of which a part of the text names a key."""
        return {
            number
            for number, keys in enumerate(self._needed)
            if any(b'"%b"' % key.encode(errors="replace") in part for key in keys)
        }

    def _resumed(self, start: int) -> int:
        """Return where the list continues after a broken element: at a whole record, or at the end of the list.

        :raises BrokenError: neither is found, for example because the answer was cut off.
        """
        opened, reached = bytearray(), start
        for found in _CANDIDATE.finditer(self._body, start + 1):
            place = found.start()
            reached = self._open(opened, reached, place)
            in_list = reached == place and opened[-1:] == b"["
            if self._scan.ends(place) or (found[0] == b"{" and self._is_record(place, in_list=in_list)):
                self._joined = place
                return place
        raise BrokenError(start)

    def _open(self, opened: bytearray, begin: int, end: int) -> int:
        """Update ``opened`` to the brackets that are open at ``end``, and return ``end``."""
        for found in _BRACKETS.finditer(self._body, begin, end):
            mark = found[0]
            if mark in (b"[", b"{"):
                opened += mark
            elif mark in (b"]", b"}") and opened:
                opened.pop()
        self._scan.spend(end - begin)
        return end

    def _is_record(self, start: int, *, in_list: bool) -> bool:
        """Whether a record begins here, and not an object inside one.

        A record has a key of each needed group, and the elements after it can be read up to the end of the list or to
        the next broken one.

        :param in_list: a list of the broken record seems open here, so all keys that the other records share are
            required.
        """
        body, place, is_first = self._body, start, True
        above = body[max(start - _MOST_INDENT, 0) : start].rstrip(SPACE)
        if start < self._no_records or not self._needed or above[-1:] not in (b",", b"}"):
            return False
        own, common = set[str](), self._common
        while True:
            keys: set[str] = set()
            try:
                end, _ = self._scan.value(place, keys, is_search=True)
            except BrokenError:
                return not is_first and (not in_list or own >= (common or own))
            if is_first:
                if any(keys.isdisjoint(each) for each in self._needed):
                    return False
                own = keys
            else:
                common = keys if common is None else common & keys
            is_first, end = False, past_space(body, end)
            if self._scan.ends(end) or self._scan.ends(self._past_commas(end)):
                return not in_list or own >= (common or own)
            place = self._past_commas(end)
            if body[end : end + 1] != b"," or body[place : place + 1] != b"{":
                # This is a list inside a broken record, so its other elements are no records either.
                self._no_records = end
                return False
