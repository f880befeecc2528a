"""The second, tolerant reader of a page, for pages that the strict decoder refuses because of some record.

It finds where each record begins and ends, keeps valid JSON byte for byte, repairs what is invalid in a detail (see
:mod:`~audit_provider.core.loose_json`), and sets aside what cannot be read. The JSON around the records must be
    understood completely, because it contains the link to the next page: otherwise nothing of the page is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.fields import all_paths_of, keys_of, paths_of, ways_of
from audit_provider.core.loose_json import CLOSE, KEY, OPEN, key_from, rewritten, tokens
from audit_provider.core.sources.elements import Elements

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_provider.core.model import Fields, Unreadable


@dataclass(frozen=True, slots=True)
class PatientPage:
    """A page as it can be decoded.

    :ivar body: JSON, without what is unreadable. :ivar repaired: for each record that was rewritten, why.
    :ivar around: what was not JSON about the rest, in words.
    """

    body: bytes
    repaired: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    around: tuple[str, ...] = ()


class PatientReader:
    """Reads pages of one source that a strict decoder refuses.

    :param records_at: dotted path of the records; "" where the page is the list itself.
    :param fields: of its records. Behind what is broken, the next record is known by its id and time.
    """

    def __init__(self, records_at: str, fields: Fields) -> None:
        self._ways = tuple(way for path in paths_of(records_at) or ("",) for way in ways_of(tuple(keys_of(path))))
        named = (all_paths_of(fields.id), all_paths_of(fields.time))
        self._needed = [
            frozenset(way[0] for path in paths for way in ways_of(tuple(keys_of(path)))) for paths in named if paths
        ]

    def read(self, body: bytes) -> PatientPage:
        """Return a page as it can be decoded.

        :raises BrokenError: what stands around the records cannot be read, or nobody can say where they end.
        """
        found = _list_in(body, self._ways)
        if found is None:
            page = rewritten(body)
            return PatientPage(page.text, around=page.why)
        begin, levels = found
        elements = Elements(body, begin, levels, self._needed)
        text, end = elements.read()
        # What is around the list is rewritten in two parts, each made whole for it.
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
    """Return where the list at one of some ways begins, behind its bracket, and how many objects are around it."""
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
