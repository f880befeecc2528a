"""What is pending of one stream is shipped: from the stored offset on, with each step of it recorded and told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from audit_provider.core.accounting import Account, account, beginning, letters_of
from audit_provider.core.destinations.ship import ship
from audit_provider.core.errors import AuditError, WaitError
from audit_provider.core.ledger import Record, offset_record, position_record
from audit_provider.core.model import Offset, ShipCounts, utc_now
from audit_provider.core.passage import Passage, is_at_end
from audit_provider.core.progress import ShipProgress
from audit_provider.core.stream_name import StreamName
from audit_provider.operators import metrics
from audit_provider.operators.waiting import has_taken, outlasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.destinations.base import DeadLetter
    from audit_provider.core.model import Event
    from audit_provider.core.position import Position
    from audit_provider.core.spool import Head, Store, Stream
    from audit_provider.operators.ship import ShipAuditLogsOperator


@dataclass(slots=True)
class Shipped:
    """What a run has done for one stream so far; it is kept while the run goes on, so that it is known if that fails.

    :ivar position: of the stream, None where nothing was read into it.
    :ivar counts: of this run. :ivar pending: events that the destination has not got; None where nobody knows yet.
    :ivar record: of the offset. :ivar offset: where it ended; None while it goes on.
    :ivar account: None until the stream's shipping has ended well.
    :ivar earliest: time of the first, and :ivar latest: of the last event in the segments that were read.
    """

    name: StreamName
    position: Position | None = None
    counts: ShipCounts = field(default_factory=ShipCounts)
    pending: int | None = None
    record: Record[Offset] | None = None
    offset: Offset | None = None
    account: Account | None = None
    earliest: datetime | None = None
    latest: datetime | None = None

    def read(self, stream: Stream, head: Head, first: int) -> Iterator[tuple[int, Sequence[Event]]]:
        """Yield ``(number, events)`` of the segments from ``first`` on, and note when the events happened."""
        for manifest in stream.manifests(head, first):
            self.earliest = min(self.earliest or manifest.first_time, manifest.first_time)
            self.latest = max(self.latest or manifest.last_time, manifest.last_time)
            yield manifest.number, stream.events(manifest)


def ship_stream(operator: ShipAuditLogsOperator, store: Store, shipped: Shipped, delivery: Delivery) -> None:
    """Ship one stream, and note in ``shipped`` what was done.

    :raises AuditError: it cannot go on. What was done before is recorded.
    """
    position = shipped.position = position_record(operator.ledger, shipped.name).load()
    record = shipped.record = offset_record(operator.ledger, shipped.name, operator.destination)
    before = record.load()
    if position is None:
        operator.log.info("Nothing has been read into %s yet.", shipped.name.folder)
        return
    stream = shipped.name.stream(store, position)
    if before and before.chain != position.chain:
        operator.log.warning("%s was begun anew, so %s begins anew as well.", shipped.name.folder, operator.destination)
        before = None
    offset = before or beginning(stream, position)
    if not is_at_end(offset, position.head):
        with operator.log_group(f"Shipping {shipped.name.folder} to {operator.destination}"):
            offset = _ship_pending(operator, stream, position, shipped, offset, record, delivery, is_new=before is None)
    elif offset.failures_in_a_row or before is None:
        offset = replace(offset, failures_in_a_row=0, last_error="")
        record.commit(offset)
    shipped.offset = offset
    shipped.account = account(stream, operator.destination, position, offset)
    shipped.pending = shipped.account.pending


def joins_segments(name: StreamName, position: Position) -> bool:
    """Whether files of a stream go over the ends of its segments: those of a window that is read whole, alone."""
    return name.is_backfill and position.complete


def take_untold(shipped: Shipped) -> int:
    """Return how many events were set aside that no task has told of, and note that this one does.

    They may be of a part of this try that ended in a wait, or of a try that failed for another reason.
    """
    if shipped.record is None or shipped.offset is None or not shipped.offset.untold:
        return 0
    shipped.record.commit(replace(shipped.offset, untold=0))
    return shipped.offset.untold


def tell_metrics(shipped: Shipped, destination: str) -> None:
    """Send the figures of a run: what was delivered of any stream, what is pending of the live one."""
    if shipped.position is None:
        return
    tags = {"pipeline": shipped.name.pipeline, "destination": destination, "source": shipped.position.source}
    metrics.count("delivered", shipped.counts.delivered, tags)
    if shipped.name.window:
        return
    if shipped.pending is not None:
        metrics.gauge("pending", shipped.pending, tags)
    if shipped.account:
        metrics.gauge("dead_letters", shipped.account.dead_letters, tags)


def _ship_pending(
    operator: ShipAuditLogsOperator,
    stream: Stream,
    position: Position,
    shipped: Shipped,
    offset: Offset,
    record: Record[Offset],
    delivery: Delivery,
    *,
    is_new: bool,
) -> Offset:
    offset_before = reached = offset
    operator.taken(offset.last_success)
    kept = letters_of(stream, operator.destination, offset)

    def commit(offset: Offset) -> None:
        nonlocal reached
        untold = offset_before.untold + (offset.counts - offset_before.counts).set_aside
        marked = replace(passage.mark(offset), untold=untold)
        record.commit(marked)
        reached = marked
        operator.taken(marked.last_success)
        shipped.counts = marked.counts - offset_before.counts
        shipped.pending = total - shipped.counts.finished
        progress.reached(shipped.counts.finished, utc_now())

    def set_aside(letters: Sequence[DeadLetter]) -> None:
        kept.keep(letters, utc_now())
        operator.log.error("%d events set aside, the first: %s", len(letters), letters[0].reason)

    try:
        passage = Passage(stream, position.head, offset, tell=operator.log.warning)
        reached = passage.offset
        shipped.pending = total = position.pending(reached)
        progress = ShipProgress(operator.log.info, begun=utc_now(), total=total)
        destination, terms = operator.connect_stream(delivery, position)
        if destination.limits.whole_segments and reached.joins_segments is None:
            # What an earlier version has begun goes on as it was.
            reached = replace(reached, joins_segments=is_new and joins_segments(shipped.name, position))
            commit(reached)
        ship(
            destination,
            shipped.read(stream, position.head, reached.segment),
            reached,
            commit=commit,
            set_aside=set_aside,
            terms=terms,
        )
        return reached
    except AuditError as error:
        failure = outlasting(operator, error)
        if isinstance(failure, WaitError):
            raise
        if failure is not error and has_taken(operator):
            operator.log.info("%s That is longer than this run may last.", error)
            return reached
        # The tries of one run are one failure.
        same = bool(offset.failures_in_a_row and operator.run_id) and offset.failed_run == operator.run_id
        failed = replace(reached, failures_in_a_row=offset.failures_in_a_row + (not same), failed_run=operator.run_id)
        record.commit(replace(failed, last_error=str(failure)[:500]))
        if failure is not error:
            raise failure from None
        raise
