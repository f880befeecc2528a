"""Reading a list without a time filter: from its newest event back to known events."""

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
class HeadScan:
    """Read from the newest event until a whole page is older than ``watermark - overlap``, or the list ends.

    It never stops at the first known event, because late rows may be after known ones. The watermark is kept after the
    last page, never before. An interrupted scan continues from its place, and one more scan then begins at the newest
    event.

    :ivar overlap: How far before the watermark a scan continues.
    :ivar sweep_every: Time between searches for late events.
    :ivar sweep_reach: How far such a search reaches back; 0 for none.
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
        yield from scans(self, reader, state, by_time=False, resumes=True)
