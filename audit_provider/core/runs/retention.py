"""Retention: remove old segments once no destination waits for them and the next read does not need them.

The next read recognises a repeated event by the kept one, however old that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.records import position_record, removal_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import back_by
from audit_provider.core.shipping.packing import SEGMENTS_IN_A_LOT
from audit_provider.core.spool.stream import CLOCK_SKEW, OLDEST, Removal
from audit_provider.core.streams.offset_in_chain import holds_passed
from audit_provider.core.streams.open_stream import open_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger, Record
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Store
    from audit_provider.core.streams.open_stream import OpenStream

_UNKNOWN_REACH = timedelta(days=8)
"""Longer than any built-in source looks back; for positions of a version that did not record this."""

_MARKS = frozenset({"window_end", "watermark", "start", "floor"})
"""Keys of a strategy's state that hold the times from which it continues, also those of open windows."""


def needed_since(position: Position) -> datetime | None:
    """Return the time since which segments must be kept, so that the next read recognises repeated events.

    While a source cannot be read, this time stays the same, whatever the clock says.

    :param position: Position of the stream that is read.
    :return: None if nothing was read.
    """
    if position.updated_at is None:
        return None
    keys = _MARKS if position.complete else _MARKS | {"swept_at"}
    marks = [position.updated_at, *_marks_in(position.reading, keys)]
    if position.watermark:
        marks.append(position.watermark)
    reach = timedelta(seconds=position.looks_back) if position.looks_back else _UNKNOWN_REACH
    return back_by(min(marks), reach + CLOCK_SKEW)


def _marks_in(state: Mapping[str, Any], keys: frozenset[str]) -> Iterator[datetime]:
    for key, value in state.items():
        if isinstance(value, Mapping):
            yield from _marks_in(value, keys)
        elif key in keys and isinstance(value, str):
            yield msgspec.convert(value, datetime, strict=False)


def retain(
    ledger: Ledger,
    store: Store,
    name: StreamName,
    destinations: Sequence[str],
    *,
    retention_days: int,
    now: datetime,
    log: Log,
) -> None:
    """Remove old segments of a stream that every destination has received; for the live stream, of all streams.

    Past backfill windows have no run of their own, so the report of the live stream removes their segments too.
    Segments that the next read of the live stream looks back to stay, even if the source could not be read for longer
    than ``retention_days``.

    :param destinations: names of those that are served.
    :param retention_days: the least number of days to keep segments.
    :param now: aware UTC.
    :raises StopError: segments are missing from the spool that retention has not removed.
    :raises AuditError: the spool or a record cannot be read or written.
    """
    live = position_record(ledger, StreamName(name.pipeline)).load()
    needed = needed_since(live) if live else None
    for each in StreamName.all_in(store, name.pipeline) if name.is_live else [name]:
        opened = open_stream(ledger, store, each)
        # Evidence is small, and is needed long after the events that it describes were removed.
        if opened is None or not opened.head.number or each.is_evidence:
            continue
        if opened.head.number < opened.stream.oldest():
            log.warning("%s", opened.lost_head())
            continue
        record = removal_record(ledger, each)
        kept = record.load()
        if kept and kept.chain == opened.chain and (oldest := opened.stream.oldest()) > kept.oldest:
            raise StopError(
                f"the spool says that {each.folder} begins with segment {oldest}, but retention has removed only those "
                f"before {kept.oldest}: somebody has removed segments or changed {OLDEST}; restore the spool's folder, "
                f"or delete {record.where} to go on with what is there."
            )

        def mark(
            number: int, record: Record[Removal] = record, kept: Removal | None = kept, chain: str = opened.chain
        ) -> None:
            if kept != (removal := Removal(chain, number)):
                record.commit(removal)

        removed = opened.stream.prune(
            finished=_finished(opened, destinations),
            written_before=back_by(now, timedelta(days=retention_days)),
            now=now,
            # Segments whose events share files are removed together, so that a replay of the rest makes the same files.
            together=SEGMENTS_IN_A_LOT if each.is_backfill else 1,
            needed=needed,
            mark=mark,
        )
        if removed:
            log.info("Removed %d segments of %s older than %d days.", removed, each.folder, retention_days)


def _finished(opened: OpenStream, destinations: Sequence[str]) -> int:
    """Return the number of the last segment for which no destination waits, 0 for none."""
    # The head is always kept, because the next segment refers to it.
    finished = [opened.head.number - 1]
    stream = opened.stream
    for destination in destinations:
        # The offset as kept, of any chain: one of another chain means that the destination has not begun with this
        # chain, so every segment must stay.
        kept = opened.kept_offset(destination)
        # In a window, only the chosen destinations have an offset. In other streams, a destination without one has not
        # begun.
        if kept or not opened.name.is_backfill:
            offset = opened.of_chain(kept)
            # If a late run has replaced segments that the offset counts, the new ones have yet to be shipped.
            counts = offset is not None and holds_passed(stream, opened.head, offset)
            finished.append(offset.segment - 1 if offset and counts else 0)
    return min(finished) if len(finished) > 1 else 0
