"""What a shipment has done for one stream."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from audit_provider.core.model import ShipCounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.accounting import Account
    from audit_provider.core.ledger import Record
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.position import Position
    from audit_provider.core.spool import Manifest, Stream
    from audit_provider.core.stream_name import StreamName


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

    def read(self, stream: Stream, manifests: Iterable[Manifest]) -> Iterator[tuple[int, Sequence[Event]]]:
        """Yield ``(number, events)`` of some segments, and note when the events happened."""
        for manifest in manifests:
            self.earliest = min(self.earliest or manifest.first_time, manifest.first_time)
            self.latest = max(self.latest or manifest.last_time, manifest.last_time)
            yield manifest.number, stream.events(manifest)

    def take_untold(self) -> int:
        """Return how many events were set aside that no task has ended failed for, and note that this one does.

        They may be of a part of this try that ended in a wait, or of a try that failed for another reason.
        """
        if self.record is None or self.offset is None or not self.offset.untold:
            return 0
        self.record.commit(replace(self.offset, untold=0))
        return self.offset.untold
