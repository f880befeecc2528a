"""Reading a list that is newest first and has a lower bound of time only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.sources.reading.base import Backfill
from audit_provider.core.sources.reading.scan import scans

if TYPE_CHECKING:
    from audit_provider.core.sources.reading.base import Reader, Steps


@dataclass(frozen=True, slots=True)
class SinceScan:
    """Ask for everything since ``watermark - overlap`` and read it to its end.

    The watermark is fixed by the first page, which is the newest, and kept after the last: the last record read would
    move it backwards, and the first one kept at once would lose the rest with a crash.

    :ivar overlap: how far below the watermark a scan begins.
    :ivar sweep_every: time between looks for late events. :ivar sweep_reach: how far back; 0 for none.
    :ivar behind: where the request has an end, it lies so long before now, for a vendor that refuses one its own clock
        has not reached.
    :ivar resumes: a cursor may be used by a later run, to finish a scan; otherwise the scan begins again.
    """

    overlap: timedelta = timedelta(minutes=5)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)
    resumes: bool = True
    behind: timedelta = timedelta(0)

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "scan"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        yield from scans(self, reader, state, by_time=True, resumes=self.resumes)
