"""Detects that the last page of a list was served again, if nothing else marks its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit_provider.core.content import Content
from audit_provider.core.errors import ProtocolError

if TYPE_CHECKING:
    import msgspec


class RepeatMeter:
    """Counts how many pages in a row are the page before them again, by what their records say.

    :param content: reads that: the same record may be written in two ways.
    :ivar named: every record of the page that was counted last has an id of its own; to be set by whoever reads them.
    """

    def __init__(self, content: Content | None = None) -> None:
        self.named = True
        self._content = content or Content()
        self._asked = -1
        self._last: Sequence[msgspec.Raw] = ()
        self._repeats = 0

    def count(self, asked: int, records: Sequence[msgspec.Raw], where: str) -> int:
        """Take in the next page; return how many in a row, this one counted, are the page before them again.

        :param asked: number of the page, or of the records before it. :param where: the request, for messages.
        :raises ProtocolError: records without an id were taken for a repeated page, and the list goes on behind it.
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
