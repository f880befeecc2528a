"""Retention: old segments are removed once no destination waits for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.destinations.packing import SEGMENTS_IN_A_LOT
from audit_provider.core.model import back_by, utc_now
from audit_provider.core.retention import needed_since
from audit_provider.state import OffsetVariable, PositionVariable, StreamName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.position import Position
    from audit_provider.core.spool import Store
    from audit_provider.operators.report import ReportAuditLogsOperator


def retain(operator: ReportAuditLogsOperator, store: Store, name: StreamName) -> None:
    """Remove what every destination has of a stream and nobody will ask for; with the live stream, of all others too.

    No run of its own looks again at the window of a past backfill. Of what the next read of the live stream looks
    back to, the ids stay, also where the source could not be read for longer than ``retention_days``.

    :raises AuditError: the spool or a Variable cannot be read or written.
    """
    now = utc_now()
    live = PositionVariable(StreamName(operator.pipeline)).load()
    needed = needed_since(live) if live else None
    for each in [name] if name.window else StreamName.all_in(store, operator.pipeline):
        position = PositionVariable(each).load()
        if position is None or not position.head.number:
            continue
        removed = each.stream(store, position).prune(
            finished=_finished(each, position, operator.destinations),
            written_before=back_by(now, timedelta(days=operator.retention_days)),
            now=now,
            # Segments that share files go together, so that a replay of what is left makes the same files.
            together=SEGMENTS_IN_A_LOT if each.is_backfill else 1,
            needed=needed,
        )
        if removed:
            operator.log.info(
                "Removed %d segments of %s older than %d days.", removed, each.folder, operator.retention_days
            )


def _finished(name: StreamName, position: Position, destinations: Sequence[str]) -> int:
    """Return the number of the last segment that no destination waits for, 0 for none."""
    # The head stays, so that the chain always has an end to hold on to.
    finished = [position.head.number - 1]
    for destination in destinations:
        offset = OffsetVariable(name, destination).load()
        # Only the destinations that were chosen have an offset in a window; elsewhere one without is yet to begin.
        if offset or not name.is_backfill:
            finished.append(offset.segment - 1 if offset and offset.chain == position.chain else 0)
    return min(finished) if len(finished) > 1 else 0
