"""Streams whose last checkpoint the witness has not signed: a report sends it again, once an hour.

A stream that grows needs none of this, for its next checkpoint covers the last one. A backfill window grows no more. A
mark for each such stream lies in the spool, since tasks cannot list the ledger's records::

    <pipeline>/tree/unwitnessed/<stream>

A mark that is lost costs a cosignature and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import UTC
from audit_provider.core.stream_name import StreamName
from audit_provider.core.transparency.tree import TREE

if TYPE_CHECKING:
    from audit_provider.core.spool import Store

_NEVER = datetime.max.replace(tzinfo=UTC)
"""As of a clock that was ahead, so that it is due."""


@dataclass(frozen=True, slots=True)
class Unwitnessed:
    """The marks of one pipeline."""

    store: Store
    pipeline: str
    now: Callable[[], datetime]

    def mark(self, name: StreamName) -> None:
        """Note that the witness did not sign the last checkpoint of a stream now."""
        self.store.put(self._key(name), msgspec.json.encode(self.now()))

    def unmark(self, name: StreamName) -> None:
        """Note that it has."""
        self.store.delete(self._key(name))

    def due(self, every: timedelta) -> list[StreamName]:
        """Return the streams that are marked and that the witness was not asked about for a while.

        :raises UnavailableError: the spool cannot be read.
        """
        found: list[StreamName] = []
        for below in self.store.names(self._folder):
            name = StreamName.of_folder(self.pipeline, below)
            if name is not None and not timedelta(0) <= self.now() - self._asked_at(name) < every:
                found.append(name)
        return found

    def _asked_at(self, name: StreamName) -> datetime:
        try:
            asked = msgspec.json.decode(self.store.get(self._key(name)), type=datetime)
        except (SpoolDamagedError, *UNREADABLE):
            return _NEVER
        return asked if asked.tzinfo else _NEVER

    def _key(self, name: StreamName) -> str:
        return f"{self._folder}{name.folder.partition('/')[2]}"

    @property
    def _folder(self) -> str:
        return f"{self.pipeline}/{TREE}/unwitnessed/"
