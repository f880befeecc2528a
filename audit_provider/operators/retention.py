"""Retention: old segments are removed once no destination waits for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.destinations.packing import SEGMENTS_IN_A_LOT
from audit_provider.core.model import utc_now
from audit_provider.core.open_stream import open_stream
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.open_stream import OpenStream
    from audit_provider.core.spool import Store
    from audit_provider.operators.report import ReportAuditLogsOperator


def retain(operator: ReportAuditLogsOperator, store: Store, name: StreamName) -> None:
    """Remove what every destination has of a stream and nobody will ask for; with the live stream, of all others too.

    No run of its own looks again at the window of a past backfill.

    :raises AuditError: the spool or a Variable cannot be read or written.
    """
    now = utc_now()
    for each in [name] if name.window else StreamName.all_in(store, operator.pipeline):
        opened = open_stream(operator.ledger, store, each)
        if opened is None or not opened.head.number:
            continue
        removed = opened.stream.prune(
            finished=_finished(opened, operator.destinations),
            written_before=now - timedelta(days=operator.retention_days),
            now=now,
            # Segments that share files go together, so that a replay of what is left makes the same files.
            together=SEGMENTS_IN_A_LOT if each.is_backfill else 1,
        )
        if removed:
            operator.log.info(
                "Removed %d segments of %s older than %d days.", removed, each.folder, operator.retention_days
            )


def _finished(opened: OpenStream, destinations: Sequence[str]) -> int:
    """Return the number of the last segment that no destination waits for, 0 for none."""
    # The head stays, so that the chain always has an end to hold on to.
    finished = [opened.head.number - 1]
    for destination in destinations:
        # As it is kept: a destination whose offset is of another chain has yet to begin, and holds every segment back.
        kept = opened.kept_offset(destination)
        # Only the destinations that were chosen have an offset in a window; elsewhere one without is yet to begin.
        if kept or not opened.name.is_backfill:
            offset = opened.of_chain(kept)
            finished.append(offset.segment - 1 if offset else 0)
    return min(finished) if len(finished) > 1 else 0
