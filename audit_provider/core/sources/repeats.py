"""Telling that the last page of a list has come again, where nothing else tells its end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit_provider.core.errors import ProtocolError

if TYPE_CHECKING:
    import msgspec


class RepeatMeter:
    """Counts how many pages in a row are the page before them again, by the bytes of their records.

    :ivar named: every record of the page that was counted last has an id of its own; to be set by whoever reads them.
    """

    def __init__(self) -> None:
        self.named = True
        self._asked = -1
        self._digest = b""
        self._repeats = 0

    def count(self, asked: int, records: Sequence[msgspec.Raw], where: str) -> int:
        """Take in the next page; return how many in a row, this one counted, are the page before them again.

        :param asked: number of the page, or of the records before it. :param where: the request, for messages.
        :raises ProtocolError: records without an id were taken for a repeated page, and the list goes on behind it.
        """
        digest = hashlib.sha256(b"%d," % len(records) + b",".join(records)).digest() if records else b""
        if asked <= self._asked:
            self._repeats = 0  # another list
        elif records and digest == self._digest:
            self._repeats += 1
        elif records and self._repeats and not self.named:
            raise ProtocolError(
                f"{where} goes on behind a page that was the one before it again, so the list does not end so, and "
                f"records without an id cannot be told apart: unset paging.ends_when_same."
            )
        else:
            self._repeats = 0
        self._asked, self._digest = asked, digest
        return self._repeats
