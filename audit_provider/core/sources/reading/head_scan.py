"""Reading a list that has no time filter: from its newest end down to what is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.sources.reading.base import Backfill, recently
from audit_provider.core.sources.reading.scan import ScanState, scan

if TYPE_CHECKING:
    from audit_provider.core.sources.reading.base import Reader, Steps


@dataclass(frozen=True, slots=True)
class HeadScan:
    """Read from the head until a whole page is older than ``watermark - overlap``, or the list ends.

    It never stops at the first known event, for late rows lie below known ones. The watermark is kept after the last
    page, never before. An interrupted scan goes on where it was, then one more begins at the head.

    :ivar overlap: how far below the watermark a scan goes on.
    :ivar sweep_every: time between looks for late events. :ivar sweep_reach: how far back; 0 for none.
    """

    overlap: timedelta = timedelta(minutes=15)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "scan"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        yield from scans(self, reader, msgspec.convert(state, ScanState), by_time=False, resumes=True)


def scans(reading: Any, reader: Reader, kept: ScanState, *, by_time: bool, resumes: bool) -> Steps:
    """Finish the scan that was left, then scan from the head.

    :param reading: says ``overlap``, ``sweep_every`` and ``sweep_reach``.
    """
    if kept.began is None:
        kept = replace(kept, began=reader.start, swept_at=reader.now())
    while True:
        left = kept.open if resumes else None
        if left:
            # Its floor stays, for the cursor belongs to a request with that bound.
            floor = left.floor
        else:
            sweeping = bool(reading.sweep_reach) and not recently(kept.swept_at, reader.now(), reading.sweep_every)
            floor = _floor(reading, reader, kept, sweeping=sweeping)
            if sweeping:
                kept = replace(kept, swept_at=reader.now())
        kept = yield from scan(reader, kept, floor, by_time=by_time, resumes=resumes, tolerance=reading.overlap)
        if not left:
            return


def _floor(reading: Any, reader: Reader, kept: ScanState, *, sweeping: bool) -> datetime:
    """Return the time down to which a new scan has to go."""
    began, now = kept.began or reader.start, reader.now()
    floor = began
    if kept.watermark and sweeping:
        back = max(reading.sweep_reach, reading.overlap)
        floor = max(min(kept.watermark, kept.swept_at or now, now) - back, began)
    elif kept.watermark:
        floor = max(min(kept.watermark, now) - reading.overlap, began)
    accounted = kept.read_up_to
    if kept.open:
        # A scan that was cut off: what lay below its floor was read, or reported as lost.
        floor, accounted = min(floor, kept.open.floor), max(kept.open.floor, accounted or kept.open.floor)
    return reader.reachable(floor, accounted)
