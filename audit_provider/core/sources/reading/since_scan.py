"""Reading a list that is newest first and has a lower bound of time only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.sources.reading.base import Backfill
from audit_provider.core.sources.reading.scan import scans

if TYPE_CHECKING:
    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader


@dataclass(frozen=True, slots=True)
class SinceScan:
    """Request everything since ``watermark - overlap`` and read it to its end.

    The watermark comes from the first page, which is the newest, and is kept after the last page. The last record read
    would move it backwards, and keeping it after the first page would lose the rest in a crash.

    :ivar overlap: How far before the watermark a scan begins.
    :ivar sweep_every: Time between searches for late events.
    :ivar sweep_reach: How far such a search reaches back; 0 for none.
    :ivar behind: If the request has an end, it is this long before now, for a vendor that refuses an end that its own
        clock has not reached.
    :ivar resumes: Whether a later run may use the cursor to finish a scan; otherwise the scan restarts.
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
