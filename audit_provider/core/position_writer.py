"""The position of a stream as the task keeps it that writes it: twice, so that a late write replaces no newer one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit_provider.core.ledger import Record, position_record
from audit_provider.core.position import Position
from audit_provider.core.state_version import Codec
from audit_provider.core.stream_name import RecordKey

if TYPE_CHECKING:
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.spool import Head
    from audit_provider.core.stream_name import StreamName

_COPIES: Codec[Position] = Codec(Position, "the copy of a position", "delete it", versioned=True)


class PositionWriter:
    """The position of a stream in two records, for the task that writes it.

    A commit of new segments writes the copy first, then the record that everybody reads. A write that comes late, from
    a task that was frozen just before it, replaces one of them by an older position: its ``sequence`` is lower than
    that of the other one, which counts. The late task finds the other record changed, and stops. A commit without new
    segments writes the record alone: if that comes late, no segment is replaced.
    """

    def __init__(self, ledger: Ledger, name: StreamName) -> None:
        self._record = position_record(ledger, name)
        key = RecordKey("position_copy", name)
        self._copy: Record[Position] = Record(ledger, key, _COPIES, f"Copy of {name.cursor_key}, written before it.")
        self._sequence = 0
        self._reached: tuple[str, Head] | None = None

    def load(self) -> Position | None:
        """Return the newest position, or None if there is none.

        :raises StopError: a record has other content, or is from a newer version of this package.
        :raises UnavailableError: it is not known.
        """
        kept, copy = self._record.load(), self._copy.load()
        # An earlier version counts no commits, and leaves the copy behind.
        if kept and copy and copy.chain == kept.chain and copy.sequence > kept.sequence > 0:
            kept = copy
        self._sequence = kept.sequence if kept else 0
        self._reached = (kept.chain, kept.head) if kept else None
        return kept

    def commit(self, position: Position) -> None:
        """Record a position.

        :raises FencedError: another run has recorded one since :meth:`load`.
        :raises UnavailableError: the ledger does not answer.
        """
        if self._sequence and self._reached == (position.chain, position.head):
            self._record.commit(replace(position, sequence=self._sequence))
            return
        position = replace(position, sequence=self._sequence + 1)
        # Or a run that was overtaken would leave a copy with a higher number than the record.
        self._record.refuse_changed()
        self._copy.commit(position)
        self._record.commit(position)
        self._copy.refuse_changed()
        self._sequence += 1
        self._reached = position.chain, position.head
