"""Records that hold several events: each event becomes a record of its own, with everything around it.

Some vendors write what one action caused as a list inside one record. A destination searches and counts by action, so
each element has to be an event. The bytes of the element and of what is around the list stay as the vendor wrote them;
a record with a single element is not touched.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.fields import Extractor, getter_of, keys_of, ways_of
from audit_provider.core.loose_json import CLOSE, KEY, OPEN, BrokenError, key_from, tokens
from audit_provider.core.model import Event


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

        The first event of a record keeps the record's id; the others have their number behind it, as in ``id/2``. A
        record without such a list, or that cannot be read in full, stays as it is. So does one without an id: equal
        ones are distinguished by counting, which counts records.

        :param nameless: digests that stand for the ids of records without one.
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
